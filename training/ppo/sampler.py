"""Sampling: B copies of a game, one network forward per group and step.

A sampler draws experience for every module, keeps the leader's open intervals from one sample to
the next, and carries all of its state (markets, random generators, open intervals) for an exact
resume.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...envs.core.arrays import detached
from ...envs.core.group import LEADER
from ...leaders.game import GameStep, StackelbergGame
from ..backend import SampleAccount, SampleReport
from ..compiled.crew import Crew
from ..experiments.experiment import Experiment
from ..policies.network import ActorCritic
from ..policies.step_limit import StepLimit
from ..policies.turns import Turns
from .quiet import QuietLoop
from .recording import FollowerRecorder, LeaderRecorder
from .rollout import ArrayRollout
from .seeds import seed_of

Modules = Mapping[str, ActorCritic]


class Sampler:
    """Steps a `StackelbergGame` as arrays; see the module's docstring.

    Args:
        experiment: what is played.
        worker: number of the env runner, 0 in the main process; each has random numbers of its own.

    Attributes:
        lost: why episodes of a checkpoint had to begin anew; empty if none had.
    """

    def __init__(self, experiment: Experiment, worker: int = 0):
        self.experiment = experiment
        settings, market = experiment.training, experiment.market
        seed = seed_of(experiment, worker)
        self.lost = ""
        self.game = experiment.game()
        self.game.reset(seed, settings.copies)
        if (twins := settings.twins) > 1:  # all of them are as the first
            rows = np.arange(settings.copies) // twins * twins
            self.game.market_state = self.game.market_state.take(rows)
        self._generator = torch.Generator().manual_seed(seed)
        self._prior_generator = np.random.default_rng([seed, 1])
        self.game.led = np.zeros(settings.copies, dtype=bool)
        self._assigned = np.zeros((settings.copies, len(market.characteristics)))
        self._leader: LeaderRecorder | None = None
        if (policy := experiment.leader.policy) is not None:
            self._leader = LeaderRecorder(
                Turns(market, policy),
                len(market.characteristics),
                settings.copies,
                # A step of θ is gone on from in the next episode.
                self.game.interval_steps == market.steps_per_episode
                and policy.largest_step is None,
            )
        self._loop = QuietLoop.of(experiment)
        self._crew = Crew(settings.sampler_threads) if settings.sampler_threads > 1 else None
        self._samples_in_phase = 0
        self._interval_theta = np.zeros_like(self._assigned)
        self._report: SampleReport | None = None

    # What the trainer asks of it ----------------------------------------------------------------

    def lead(self, copies: int) -> None:
        """Hand so many copies to the leader; the rest stays on θ drawn from the prior."""
        led = np.arange(self.game.copies) < copies
        if not np.array_equal(led, self.game.led):
            self.game.led = led
            self._samples_in_phase = 0
            if self._leader is not None:
                self._leader.drop_open()

    def assign(self, theta: NDArray[np.float64]) -> None:
        """Set the θ that a search leader's copies take at their next turn, ``(led copies, d)``."""
        self._assigned[self.game.led] = theta

    def take_report(self) -> SampleReport | None:
        """What happened in the last sample."""
        return self._report

    # Sampling -----------------------------------------------------------------------------------

    @torch.inference_mode()
    def sample(self, modules: Modules) -> ArrayRollout:
        """T steps of every copy, with actions drawn from the modules."""
        game = self.game
        steps, copies = self.experiment.training.rollout_steps, game.copies
        recorders = {
            group.name: FollowerRecorder(
                group, steps, copies, self.experiment.followers_of(group.name), self._crew
            )
            for group in game.market.groups
        }
        terminated, ended = np.zeros((2, steps, copies), dtype=bool)
        boot: dict[str, list[Any]] = {name: [] for name in recorders}
        account = SampleAccount()
        with StepLimit(self.experiment.training.step_timeout_seconds) as limit:
            time = -1
            while (time := time + 1) < steps:
                limit.begin()
                self._set_theta(game, modules)
                if self._loop is not None:
                    most = min(steps - 1 - time, game.quiet_steps())
                    time += self._loop.play(
                        game, modules, recorders, time, most, self._generator, account
                    )
                actions = self._act(game, modules, recorders, time)
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
        rollouts = {
            name: recorder.rollout(terminated, ended, boot[name])
            for name, recorder in recorders.items()
        }
        for name, rollout in rollouts.items():
            rollout.agents = recorders[name].group.size
            rollout.twins = self.experiment.training.twins
        self._report = account.report(rollouts, game.led)
        self._add_leader(rollouts, game)
        agent_steps = sum(r.rewards.size for r in rollouts.values())
        return ArrayRollout(rollouts, steps * copies, agent_steps)

    def _set_theta(self, game: StackelbergGame, modules: Modules) -> None:
        """At the start of an interval: the leader's θ where it leads, a random one elsewhere."""
        turn = game.leader_turn()
        if not turn.any():
            return
        theta = self._assigned
        self._begin_elsewhere(game)
        if self._leader is not None and (led := turn & game.led).any():
            theta = self._leader.act(modules[LEADER], game.market_state, led, self._generator)
        if not game.led.all():
            drawn = game.market.characteristics.draw(self._prior_generator, game.copies)
            theta = np.where(game.led[:, None], theta, drawn)
        game.set_theta(theta, turn)
        self._interval_theta = np.where(turn[:, None], theta, self._interval_theta)

    def _begin_elsewhere(self, game: StackelbergGame) -> None:
        """Some copies of a leader that moves θ by steps begin their episode at another θ."""
        policy = self.experiment.leader.policy
        if policy is None or policy.largest_step is None:
            return
        drawn = self._prior_generator.random(game.copies) < policy.restart_share
        rows = game.led & (detached(game.market_state.clock) == 0) & drawn
        if rows.any():
            space = game.market.characteristics
            game.set_theta(space.draw(self._prior_generator, game.copies), rows)

    def _act(
        self,
        game: StackelbergGame,
        modules: Modules,
        recorders: dict[str, FollowerRecorder],
        time: int,
    ) -> dict[str, Any]:
        observations = game.market.observe(game.market_state)
        prices: dict[str, Any] = {}
        if any(recorder.pays_information for recorder in recorders.values()):
            prices = game.market.information_costs(game.market_state)
        for name, deciding in game.market.deciding(game.market_state).items():
            recorders[name].heed(time, deciding)
        return {
            name: recorder.act(
                time, modules[name], observations[name], prices.get(name), self._generator
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
            self._leader.close(step, game.market_state)

    def _add_leader(self, rollouts: dict[str, Any], game: StackelbergGame) -> None:
        """Hand the leader its experience at every `update_every`-th sample."""
        leader = self.experiment.leader
        if self._leader is None or leader.policy is None or not game.led.any():
            return
        self._samples_in_phase += 1
        if self._samples_in_phase % leader.update_every == 0:
            rollout = self._leader.rollout(leader.policy.kl_coefficient > 0)
            if rollout is not None:
                rollouts[LEADER] = rollout

    # State --------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Markets, generators and open intervals."""
        return {
            "game": self.game.state(),
            "generator": self._generator.get_state().numpy(),
            "prior_generator": self._prior_generator.bit_generator.state,
            "assigned": self._assigned.copy(),
            "interval_theta": self._interval_theta,
            "samples_in_phase": self._samples_in_phase,
            "leader": None if self._leader is None else self._leader.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned; episodes that it could not hold begin anew."""
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
