"""RLlib's stock route: its own runners, connectors and learner over the PettingZoo view of a game.

It is slow, and takes every option of RLlib. Where it differs from the array route:

* Copies are stepped one by one, and so is every agent of a copy.
* The leader's turn is a step of its own and counts as one where a policy leader takes it.
* RLlib trains all modules with one discount, one λ of GAE, one number of epochs and one minibatch
  size, those of the followers here, and goes on until the *largest* batch has had its epochs: a
  policy leader's small batch is repeated as often as that takes. Give such a leader a low learning
  rate, or rather use the array route. Only where groups of followers differ in epochs or minibatch
  does every module go through its own batch (`OwnEpochsLearner`).
* Information costs have a price per sample, which a stock loss cannot say.
* The state of the markets is not part of a checkpoint: a resumed run begins new episodes.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.algorithms.ppo.torch.ppo_torch_learner import PPOTorchLearner
from ray.rllib.core.learner.training_data import TrainingData
from ray.rllib.env.multi_agent_env_runner import MultiAgentEnvRunner
from ray.rllib.env.wrappers.pettingzoo_env import ParallelPettingZooEnv
from ray.rllib.policy.sample_batch import MultiAgentBatch
from ray.rllib.utils.minibatch_utils import MiniBatchCyclicIterator

from ...envs.core.characteristics import Characteristics
from ...envs.core.errors import UnusableRewardError
from ...leaders.parallel import parallel_game
from ..backend import SampleReport
from ..experiments.experiment import Experiment
from ..policies.specification import LEADER
from ..ppo.seeds import SEEDS_PER_EXPERIMENT, SEEDS_PER_RUNNER
from .config import common_config, module_options
from .remote.runners import TellsErrors

Dictionary = dict[str, Any]


def stock_config(experiment: Experiment) -> PPOConfig:
    """PPO over `TurnGame` with everything else RLlib's own; networks as on the array route."""
    training = experiment.training
    of_groups = [module_options(experiment)[group.name] for group in experiment.market.groups]
    options, shared = of_groups[0], ("gamma", "lambda_", "num_epochs", "minibatch_size")
    alike = all(one[name] == options[name] for one in of_groups for name in shared[2:])
    learner = {} if alike else {"learner_class": OwnEpochsLearner}
    return (
        common_config(experiment)
        .environment(
            TurnGame, env_config={"experiment": experiment.bound()}, disable_env_checking=True
        )
        .env_runners(
            env_runner_cls=StockRunner,
            num_env_runners=training.env_runners,
            num_envs_per_env_runner=training.copies,
            rollout_fragment_length=training.rollout_steps,
            create_env_on_local_worker=False,
        )
        .learners(num_learners=training.learners, **learner)
        .training(**{name: options[name] for name in shared})
    )


class TurnGame(ParallelPettingZooEnv):
    """One copy of a game in which RLlib asks only those agents for an action whose turn it is.

    Where no policy leads (before the leader learns, in the copies kept on random θ, and under a
    search leader) the game makes the leader's move itself and RLlib never sees the leader.

    Args:
        context: RLlib's `EnvContext`, with the `Experiment` under ``experiment``.
    """

    def __init__(self, context: Any):
        experiment: Experiment = context["experiment"]
        self._view = parallel_game(
            experiment.market, experiment.bound_objective, experiment.leader.interval
        )
        super().__init__(self._view)
        self._characteristics = experiment.market.characteristics
        self._first_seed = experiment.seed + context.worker_index
        self._seeds = experiment.seed * SEEDS_PER_EXPERIMENT
        self._seeds += context.worker_index * SEEDS_PER_RUNNER
        self._prior_generator = np.random.default_rng([self._seeds, 1])
        self._learns = experiment.leader.policy is not None
        self.led = False
        self._assigned: NDArray[np.float64] | None = None
        self._policy_moved = False  # in the interval under way
        self._theta, self._theta_is_led = experiment.market.characteristics.default, False
        self.account = CopyAccount(experiment)

    def lead(self, led: bool, theta: NDArray[np.float64] | None) -> None:
        """Hand the copy to the leader, or take it away; `theta` is a search leader's candidate."""
        self.led, self._assigned = led, theta

    def reset(
        self, *, seed: int | None = None, options: Dictionary | None = None
    ) -> tuple[Dictionary, Dictionary]:
        """Begin an episode; the first observations are of those who move first."""
        if seed is not None:
            # RLlib gives copy i of runner w the seed s + w + i, so that runners would share most
            # of their random streams.
            copy = seed - self._first_seed
            seed = self._seeds + copy
            self._prior_generator = np.random.default_rng([seed, 1])
        observations, infos = super().reset(seed=seed, options=options)
        self._policy_moved = False
        return self._of_next(observations, leader_next=infos[LEADER]["turn"]), {}

    def step(self, actions: Dictionary) -> tuple[Dictionary, ...]:
        """One move of those whose turn it is.

        Raises:
            UnusableRewardError: rewards are not one finite number per agent.
        """
        if LEADER in actions:
            observations, *_ = super().step(actions)
            self._policy_moved = self._theta_is_led = True
            self._theta = np.array(self._view.game.market_state.theta[0])
            return self._of_next(observations, leader_next=False), {}, *_nobody_ends(), {}
        observations, rewards, terminated, truncated, infos = super().step(actions)
        for agent, reward in rewards.items():
            if not math.isfinite(reward):  # RLlib would learn from it, and say nothing
                raise UnusableRewardError(
                    f"the reward of {agent!r} is {reward}, which is not a finite number; check the "
                    "market with 'pacesetter check'."
                )
        ended = terminated["__all__"] or truncated["__all__"]
        leader_next = infos[LEADER]["turn"]
        self.account.add(rewards, infos)
        if leader_next or ended:
            self.account.close(rewards[LEADER], self._theta, self._theta_is_led)
        if not self._policy_moved:
            for part in (rewards, terminated, truncated):
                del part[LEADER]
        if ended:
            if not self._policy_moved:
                del observations[LEADER]
            return observations, rewards, terminated, truncated, {}
        return self._of_next(observations, leader_next), rewards, *_nobody_ends(), {}

    def _of_next(self, observations: Dictionary, leader_next: bool) -> Dictionary:
        """The observations of those who move next; a leader without a policy moves at once."""
        if leader_next and self.led and self._learns:
            return {LEADER: observations[LEADER]}
        if leader_next:
            observations = self._move_leader()
        observations.pop(LEADER, None)
        return observations

    def _move_leader(self) -> Dictionary:
        """Set a search leader's θ, or one drawn from the prior, and return what is seen then."""
        self._policy_moved = False
        if self.led and self._assigned is not None:
            self._theta, self._theta_is_led = self._assigned, True
        else:
            drawn = self._characteristics.draw(self._prior_generator, 1)
            self._theta, self._theta_is_led = drawn[0], False
        observations, *_ = super().step({LEADER: leader_action(self._characteristics, self._theta)})
        return observations


class CopyAccount:
    """Running sums of one copy, for the report to the trainer.

    Args:
        experiment: whose market gives the groups and the path quantities.
    """

    def __init__(self, experiment: Experiment):
        market = experiment.market
        self._agents = {g.name: [f"{g.name}_{i}" for i in range(g.size)] for g in market.groups}
        self._some_agent = next(iter(self._agents.values()))[0]
        self.entries = len(market.characteristics)
        self._names = list(market.quantities)
        self.clear()

    def clear(self) -> None:
        """Begin a new sample."""
        self.steps = 0
        self.rewards = dict.fromkeys(self._agents, 0.0)
        self.quantities = dict.fromkeys(self._names, 0.0)
        self.closed: list[tuple[float, NDArray[np.float64], bool]] = []

    def add(self, rewards: Dictionary, infos: Dictionary) -> None:
        """A step of the market."""
        self.steps += 1
        for group, agents in self._agents.items():
            self.rewards[group] += sum(rewards[agent] for agent in agents) / len(agents)
        told = infos[self._some_agent]
        for name in self._names:
            value = told[name]
            self.quantities[name] += value if isinstance(value, float) else float(value.mean())

    def close(self, value: float, theta: NDArray[np.float64], led: bool) -> None:
        """An interval ended: the objective, its θ, and whether it was the leader's."""
        self.closed.append((value, theta, led))


class StockRunner(TellsErrors, MultiAgentEnvRunner):
    """RLlib's runner, with what the trainer asks of every runner beside sampling.

    Attributes:
        whole: whether games are between two samples; not so after a failure within one, after which
            RLlib's own runner would fail for want of what it was about to act on.
    """

    whole, _anew = True, False

    def sample(self, **options: Any) -> Any:
        """RLlib's own, which hides a market's error behind one without a word, and logs it."""
        self.whole = False
        if self._anew:
            options["force_reset"] = True
        hidden = None
        try:
            with _errors_are_told_once():
                sampled = super().sample(**options)
        except RuntimeError as error:
            hidden = error.__cause__
            if error.args or not isinstance(hidden, Exception):
                raise
        if hidden is not None:
            raise hidden
        self.whole, self._anew = True, False
        return sampled

    def go_back(self, state: Any) -> None:
        """Begin new episodes: games of the stock route have no state to go back to."""
        for game in self._games():
            game.account.clear()
        self.whole = self._anew = True

    def make_env(self) -> None:
        """RLlib's own; it registers its environment anew for every runner, and gymnasium warns."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*Overriding environment rllib-multi.*")
            super().make_env()

    def lead(self, copies: int) -> None:
        """Hand so many copies to the leader; the rest stays on θ drawn from the prior."""
        for number, game in enumerate(self._games()):
            game.lead(number < copies, None)

    def assign(self, theta: NDArray[np.float64]) -> None:
        """Set the θ that a search leader's copies take at their next turn, ``(led copies, d)``."""
        for game, one in zip(self._games(), theta, strict=False):
            game.lead(True, one)

    def take_report(self) -> SampleReport | None:
        """What happened since it was last asked; None if no step was sampled."""
        games = self._games()
        report = merged([game.account for game in games], [game.led for game in games])
        for game in games:
            game.account.clear()
        return report

    def _games(self) -> list[TurnGame]:
        return [env.unwrapped for env in self.env.envs]


@contextmanager
def _errors_are_told_once() -> Iterator[None]:
    """Keep off the log what RLlib says of a failed step, with its traceback: the run says it."""

    def other(record: logging.LogRecord) -> bool:
        return "Environment step failed" not in record.getMessage()

    logger = logging.getLogger("ray.rllib")
    logger.addFilter(other)
    try:
        yield
    finally:
        logger.removeFilter(other)


def merged(accounts: list[CopyAccount], led: list[bool]) -> SampleReport | None:
    """The report on all copies; path quantities are those of the leader's copies if there are any.

    Args:
        accounts: of every copy.
        led: whether the leader leads there.
    """
    steps = sum(account.steps for account in accounts)
    if not steps:
        return None
    returns = {
        name: sum(account.rewards[name] for account in accounts) / steps
        for name in accounts[0].rewards
    }
    shown = [a for a, leads in zip(accounts, led, strict=True) if leads and a.steps] or accounts
    shown_steps = sum(account.steps for account in shown)
    closed = [entry for account in accounts for entry in account.closed]
    led_theta = [theta for _, theta, leads in closed if leads]
    return SampleReport(
        returns=returns,
        net_returns=returns,
        led_values=np.array([value for value, _, leads in closed if leads]),
        led_theta=np.array(led_theta) if led_theta else np.zeros((0, accounts[0].entries)),
        random_values=np.array([value for value, _, leads in closed if not leads]),
        quantities={
            name: sum(account.quantities[name] for account in shown) / shown_steps
            for name in accounts[0].quantities
        },
    )


def leader_action(
    characteristics: Characteristics, theta: NDArray[np.float64]
) -> NDArray[np.float32]:
    """The leader's action in [−1, 1] that sets θ, ``(d,)``."""
    action = 2.0 * characteristics.to_unit(theta) - 1.0
    return np.clip(action, -1.0, 1.0).astype(np.float32)


def _nobody_ends() -> tuple[dict[str, bool], dict[str, bool]]:
    return {"__all__": False}, {"__all__": False}


class OwnEpochsLearner(PPOTorchLearner):
    """Goes through the batch of one module after the other, each as its own options say.

    RLlib's iterator goes through all batches together until the largest has had its epochs, in
    minibatches of one size.
    """

    def _create_iterator_if_necessary(
        self, *, training_data: TrainingData, shuffle_batch_per_epoch: bool = False, **kwargs: Any
    ) -> Iterator[MultiAgentBatch]:
        whole = self._make_batch_if_necessary(training_data=training_data)
        whole = self._set_slicing_by_batch_id(whole, value=True)
        parts = []
        for name, batch in whole.policy_batches.items():
            options = self.config.get_config_for_module(name)
            parts.append(
                MiniBatchCyclicIterator(
                    MultiAgentBatch({name: batch}, env_steps=whole.env_steps()),
                    num_epochs=options.num_epochs,
                    minibatch_size=options.minibatch_size,
                    shuffle_batch_per_epoch=shuffle_batch_per_epoch and options.num_epochs > 1,
                )
            )
        return chain.from_iterable(parts)
