"""The env runner of the array path: B copies of a game, one network forward per group and step.

RLlib builds it through ``env_runners(env_runner_cls=GameRunner)``, in the main process or as remote
actors. It draws experience for every module, keeps the leader's open intervals across calls, and
carries all of its state (markets, random generators, open intervals) for an exact resume.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import ray
import torch
from numpy.typing import NDArray
from ray.rllib.core import COMPONENT_RL_MODULE
from ray.rllib.env import INPUT_ENV_SINGLE_SPACES, INPUT_ENV_SPACES
from ray.rllib.env.env_runner import EnvRunner
from ray.rllib.utils.checkpoints import Checkpointable
from ray.rllib.utils.metrics import (
    NUM_AGENT_STEPS_SAMPLED,
    NUM_AGENT_STEPS_SAMPLED_LIFETIME,
    NUM_ENV_STEPS_SAMPLED,
    NUM_ENV_STEPS_SAMPLED_LIFETIME,
    NUM_MODULE_STEPS_SAMPLED,
    NUM_MODULE_STEPS_SAMPLED_LIFETIME,
    SAMPLE_TIMER,
    WEIGHTS_SEQ_NO,
)

from ...envs.core.market import LEADER
from ...leaders.game import GameStep, StackelbergGame
from ...leaders.policy.ppo import PPOLeader
from ..backend import SampleAccount, SampleReport
from ..experiments.experiment import Experiment
from ..policies.specification import module_spaces
from .recording import FollowerRecorder, LeaderRecorder
from .rollout import ArrayRollout

SEEDS_PER_EXPERIMENT, SEEDS_PER_RUNNER = 1_000_000, 10_000


class GameRunner(EnvRunner, Checkpointable):
    """Steps a `StackelbergGame` as arrays; see the module's docstring.

    ``config.env_config["experiment"]`` holds the `Experiment`.

    Attributes:
        lost: why episodes of a checkpoint had to begin anew; empty if none had.
    """

    def __init__(self, *, config: Any, **kwargs: Any):
        super().__init__(config=config, **kwargs)
        self.experiment: Experiment = self.config.env_config["experiment"]
        torch.set_num_threads(self.experiment.training.torch_threads)
        self._weights_seq_no = 0
        self.lost = ""
        self.module: Any = None
        self.game: StackelbergGame | None = None
        samples_here = (self.worker_index or 0) > 0 or self.config.num_env_runners == 0
        if samples_here:
            self.make_env()
        self.make_module()

    # What RLlib asks of a runner ----------------------------------------------------------------

    def make_env(self) -> None:
        """Build the game and the generators, all seeded from the experiment and the runner."""
        experiment, settings = self.experiment, self.experiment.training
        seed = experiment.seed * SEEDS_PER_EXPERIMENT
        seed += (self.worker_index or 0) * SEEDS_PER_RUNNER
        self.game = experiment.game()
        self.game.reset(seed, settings.copies)
        self._generator = torch.Generator().manual_seed(seed)
        self._prior_generator = np.random.default_rng([seed, 1])
        self.game.led = np.zeros(settings.copies, dtype=bool)
        self._assigned = np.zeros((settings.copies, len(experiment.market.characteristics)))
        self._leader: LeaderRecorder | None = None
        if isinstance(experiment.leader, PPOLeader):
            self._leader = LeaderRecorder(
                experiment.market.characteristics,
                settings.copies,
                experiment.market.leader_observation_space.shape[0],
                self.game.interval_steps == experiment.market.steps_per_episode,
            )
        self._samples_in_phase = 0
        self._interval_theta = np.zeros_like(self._assigned)
        self._report: SampleReport | None = None

    def make_module(self) -> None:
        """Build the actors alone: values are the learner's business."""
        spec = self.config.get_multi_rl_module_spec(spaces=self.get_spaces(), inference_only=True)
        # RLlib passes the flag on to default specs alone; ours would come with idle critics.
        spec.inference_only = True
        for one in spec.rl_module_specs.values():
            one.inference_only = True
        self.module = spec.build()
        self.module.foreach_module(lambda name, module: module.eval())

    def get_spaces(self) -> dict[str, Any]:
        """Spaces of all modules, and of the game as a whole."""
        spaces = module_spaces(self.experiment)
        observation = gym.spaces.Dict({name: pair[0] for name, pair in spaces.items()})
        action = gym.spaces.Dict({name: pair[1] for name, pair in spaces.items()})
        whole = (observation, action)
        return {INPUT_ENV_SPACES: whole, INPUT_ENV_SINGLE_SPACES: whole, **spaces}

    def assert_healthy(self) -> None:
        """RLlib's liveness probe."""
        assert self.module is not None

    def stop(self) -> None:
        """Nothing to close."""

    def get_metrics(self) -> Any:
        """Counters that RLlib's training step reads."""
        return self.metrics.reduce()

    # What the trainer asks of it ----------------------------------------------------------------

    def lead(self, copies: int) -> None:
        """Hand so many copies to the leader; the rest stays on θ drawn from the prior."""
        assert self.game is not None
        led = np.arange(self.game.copies) < copies
        if not np.array_equal(led, self.game.led):
            self.game.led = led
            self._samples_in_phase = 0
            if self._leader is not None:
                self._leader.drop_open()

    def assign(self, theta: NDArray[np.float64]) -> None:
        """Set the θ that a search leader's copies take at their next turn, ``(led copies, d)``."""
        assert self.game is not None
        self._assigned[self.game.led] = theta

    def take_report(self) -> SampleReport | None:
        """What happened in the last sample."""
        return self._report

    # Sampling -----------------------------------------------------------------------------------

    @torch.inference_mode()
    def sample(self, **kwargs: Any) -> list[ArrayRollout]:
        """T steps of every copy as one `ArrayRollout`."""
        assert self.game is not None
        with self.metrics.log_time(SAMPLE_TIMER):
            rollout = self._sample(self.game)
        self._count(rollout)
        return [rollout]

    def _sample(self, game: StackelbergGame) -> ArrayRollout:
        steps, copies = self.experiment.training.rollout_steps, game.copies
        recorders = {
            group.name: FollowerRecorder(group, steps, copies, self.experiment.followers)
            for group in game.market.groups
        }
        terminated, ended = np.zeros((2, steps, copies), dtype=bool)
        boot: dict[str, list[Any]] = {name: [] for name in recorders}
        account = SampleAccount()
        for time in range(steps):
            self._set_theta(game)
            actions = self._act(game, recorders, time)
            step = game.step(actions)
            for name, recorder in recorders.items():
                recorder.reward(time, step.rewards[name])
            terminated[time], ended[time] = step.terminated, step.terminated | step.truncated
            self._close_intervals(game, step, account)
            account.add(step)
            look_up = ~step.terminated if time == steps - 1 else step.truncated
            if look_up.any():
                final, which = game.market.observe(game.market_state), np.flatnonzero(look_up)
                for name, items in boot.items():
                    items.append((time, which, final[name][which]))
            if ended[time].any():
                game.restart(ended[time])
        modules = {
            name: recorder.rollout(terminated, ended, boot[name])
            for name, recorder in recorders.items()
        }
        self._report = account.report(modules, game.led)
        self._add_leader(modules, game)
        agent_steps = sum(r.rewards.size for r in modules.values())
        return ArrayRollout(modules, steps * copies, agent_steps)

    def _set_theta(self, game: StackelbergGame) -> None:
        """At the start of an interval: the leader's θ where it leads, a random one elsewhere."""
        turn = game.leader_turn()
        if not turn.any():
            return
        theta = self._assigned
        if self._leader is not None and (led := turn & game.led).any():
            observation = game.market.leader_observe(game.market_state)
            theta = self._leader.act(self.module[LEADER], observation, led, self._generator)
        if not game.led.all():
            drawn = game.market.characteristics.draw(self._prior_generator, game.copies)
            theta = np.where(game.led[:, None], theta, drawn)
        game.set_theta(theta, turn)
        self._interval_theta = np.where(turn[:, None], theta, self._interval_theta)

    def _act(
        self, game: StackelbergGame, recorders: dict[str, FollowerRecorder], time: int
    ) -> dict[str, Any]:
        observations = game.market.observe(game.market_state)
        prices: dict[str, Any] = {}
        if any(recorder.pays_information for recorder in recorders.values()):
            prices = game.market.information_costs(game.market_state)
        return {
            name: recorder.act(
                time, self.module[name], observations[name], prices.get(name), self._generator
            )
            for name, recorder in recorders.items()
        }

    def _close_intervals(
        self, game: StackelbergGame, step: GameStep, account: SampleAccount
    ) -> None:
        if not step.interval_ended.any():
            return
        account.close(step, game.led, self._interval_theta)
        if self._leader is not None:
            self._leader.close(step, game.market.leader_observe(game.market_state))

    def _add_leader(self, modules: dict[str, Any], game: StackelbergGame) -> None:
        """Hand the leader its experience at every `update_every`-th sample."""
        leader = self.experiment.leader
        if self._leader is None or not isinstance(leader, PPOLeader) or not game.led.any():
            return
        self._samples_in_phase += 1
        if self._samples_in_phase % leader.update_every == 0:
            rollout = self._leader.rollout(leader.kl_coefficient > 0)
            if rollout is not None:
                modules[LEADER] = rollout

    def _count(self, rollout: ArrayRollout) -> None:
        """The counters that RLlib's training step waits for and schedules by."""
        log = self.metrics.log_value
        log(NUM_ENV_STEPS_SAMPLED, rollout.env_steps(), reduce="sum")
        log(
            NUM_ENV_STEPS_SAMPLED_LIFETIME,
            rollout.env_steps(),
            reduce="lifetime_sum",
            with_throughput=True,
        )
        for name, part in rollout.modules.items():
            for key in (NUM_MODULE_STEPS_SAMPLED, NUM_AGENT_STEPS_SAMPLED):
                log((key, name), part.rewards.size, reduce="sum")
            for key in (NUM_MODULE_STEPS_SAMPLED_LIFETIME, NUM_AGENT_STEPS_SAMPLED_LIFETIME):
                log((key, name), part.rewards.size, reduce="lifetime_sum")
        log(WEIGHTS_SEQ_NO, self._weights_seq_no, window=1)
        self.num_env_steps_sampled_lifetime += rollout.env_steps()

    # State --------------------------------------------------------------------------------------

    def get_state(
        self, components: Any = None, *, not_components: Any = None, **kwargs: Any
    ) -> dict[str, Any]:
        """Weights, markets, generators and open intervals."""
        state: dict[str, Any] = {
            NUM_ENV_STEPS_SAMPLED_LIFETIME: self.num_env_steps_sampled_lifetime
        }
        if self._check_component(COMPONENT_RL_MODULE, components, not_components):
            state[COMPONENT_RL_MODULE] = self.module.get_state(
                components=self._get_subcomponents(COMPONENT_RL_MODULE, components),
                not_components=self._get_subcomponents(COMPONENT_RL_MODULE, not_components),
                **kwargs,
            )
            state[WEIGHTS_SEQ_NO] = self._weights_seq_no
        if self.game is not None:
            state["game"] = {
                "game": self.game.state(),
                "generator": self._generator.get_state().numpy(),
                "prior_generator": self._prior_generator.bit_generator.state,
                "assigned": self._assigned.copy(),
                "interval_theta": self._interval_theta,
                "samples_in_phase": self._samples_in_phase,
                "leader": None if self._leader is None else self._leader.state(),
            }
        return state

    def set_state(self, state: dict[str, Any]) -> None:
        """Take over what is in `state`; RLlib also sends parts of it after every update."""
        if COMPONENT_RL_MODULE in state:
            number = state.get(WEIGHTS_SEQ_NO, 0)
            if number == 0 or self._weights_seq_no < number:
                weights = state[COMPONENT_RL_MODULE]
                if isinstance(weights, ray.ObjectRef):
                    weights = ray.get(weights)
                self.module.set_state(weights)
            if number > 0:
                self._weights_seq_no = number
        if NUM_ENV_STEPS_SAMPLED_LIFETIME in state:
            self.num_env_steps_sampled_lifetime = state[NUM_ENV_STEPS_SAMPLED_LIFETIME]
        if "game" in state and self.game is not None:
            self._restore_game(state["game"])

    def _restore_game(self, state: dict[str, Any]) -> None:
        assert self.game is not None
        self.game.restore(state["game"])
        self._generator.set_state(torch.from_numpy(state["generator"].copy()))
        self._prior_generator.bit_generator.state = state["prior_generator"]
        self._assigned, self._interval_theta = state["assigned"].copy(), state["interval_theta"]
        self._samples_in_phase = state["samples_in_phase"]
        if self._leader is not None:
            self._leader.restore(state["leader"])
        self._restart_lost(self.game)

    def _restart_lost(self, game: StackelbergGame) -> None:
        """Begin new episodes where the checkpoint could not hold the one under way."""
        reasons = game.market.lost_episodes(game.market_state)
        lost = np.array([reason != "" for reason in reasons])
        if lost.any():
            self.lost = max(reasons)
            game.restart(lost)
            if self._leader is not None:
                self._leader.drop_open(lost)

    def get_ctor_args_and_kwargs(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """How RLlib builds a runner from a checkpoint."""
        return (), {"config": self.config}

    def get_checkpointable_components(self) -> list[tuple[str, Any]]:
        """The modules have a state of their own."""
        return [(COMPONENT_RL_MODULE, self.module)]
