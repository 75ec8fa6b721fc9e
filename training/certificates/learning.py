"""Followers who learn at one θ alone, in this process: afresh, or on from what they know."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.core.market import Market
from ...leaders.leader import Interval
from ...leaders.objectives.objective import Measure, Objective
from ...leaders.search.fixed import FixedLeader
from ..experiments.experiment import Experiment
from ..experiments.settings import FollowerSettings
from ..loop.averaging import WeightAverage
from ..loop.trainer import command
from ..policies.network import ActorCritic
from ..policies.policies import Policies
from ..ppo.backend import LocalBackend
from .market import Deviation

ROWS = 4096  # decisions of a lone deviator that an iteration learns from
CALM = 4  # times as many, of one who knows much already and looks for small improvements
MOST_DECISIONS = 100_000  # of everybody, in an iteration
GENTLE = 0.3  # share of the first learning rate at which followers who know much go on
SEEDS_APART = 1009


@dataclass(frozen=True)
class Nothing(Objective):
    """Of a game that no leader is paid for."""

    def measure(self, market: Market, steps_per_interval: int) -> Measure:
        """Zero, whatever happens."""
        return Measure(
            lambda step: {"theta": step.state.theta[:, 0]}, lambda path: 0.0 * path["theta"][:, 0]
        )


def at_theta(
    experiment: Experiment, theta: NDArray[np.float64], iterations: int, seed: int
) -> Experiment:
    """The experiment of followers who meet this θ alone, ``(d,)``, in one process.

    Args:
        experiment: the run's.
        theta: what stands.
        iterations: how long they learn.
        seed: which of several such experiments; 0, 1, ….
    """
    interval: Interval = experiment.leader.interval
    training = replace(
        experiment.training,
        route="local",
        env_runners=0,
        learners=0,
        device=None,  # those who deviate play in NumPy
        tf32=False,
        pretrain_iterations=0,
        iterations=iterations,
        random_theta_share=0.0,
    )
    named = experiment.market.characteristics.named(theta)
    return replace(
        experiment,
        seed=(experiment.seed + SEEDS_APART * (seed + 1)) % 2**32,
        leader=FixedLeader(interval=interval, theta=named),
        training=training,
    )


def deviating(experiment: Experiment, market: Deviation, rows: int = ROWS) -> Experiment:
    """The experiment of a deviator: copies for so many decisions a time, and no objective."""
    training = experiment.training
    everybody = sum(group.size for group in market.market.groups) * training.rollout_steps
    own = market.groups[0].size * training.rollout_steps
    copies = max(1, min(-(-rows // own), MOST_DECISIONS // everybody))
    settings = experiment.followers_of(market.group)
    minibatch = min(settings.minibatch_size, max(32, copies * own // 2))
    return replace(
        experiment,
        market=market,
        objective=Nothing(),
        samples={},
        followers=replace(settings, minibatch_size=minibatch),
        own_followers={},
        training=replace(training, copies=copies, twins=1),
    )


def gently(experiment: Experiment) -> Experiment:
    """Followers who know much already: slower, and no wilder than they were left."""

    def calm(settings: FollowerSettings) -> FollowerSettings:
        rate = max(GENTLE * settings.learning_rate, settings.final_learning_rate)
        last = settings.final_action_deviation
        deviation = settings.initial_action_deviation if last is None else last
        return replace(settings, learning_rate=rate, initial_action_deviation=deviation)

    own = {name: calm(settings) for name, settings in experiment.own_followers.items()}
    return replace(experiment, followers=calm(experiment.followers), own_followers=own)


def learned(experiment: Experiment, start: Mapping[str, ActorCritic] | None = None) -> Policies:
    """Train followers at the θ of a fixed leader, and average their last weights.

    Args:
        experiment: as `at_theta` returns it.
        start: networks to go on from; None: fresh ones.
    """
    backend = LocalBackend(experiment)
    if start is not None:
        backend.begin_at(start)
    average = WeightAverage(backend.modules)
    training, guide = experiment.training, experiment.guide()
    for iteration in range(1, training.iterations + 1):
        command(backend, experiment, guide, leading=True)
        backend.iterate()
        if iteration > training.iterations * (1.0 - training.averaged_share):
            average.add()
    return Policies(experiment, average.modules()).with_critics(experiment, backend.critics())


def seconds_of_an_iteration(experiment: Experiment) -> float:
    """What an iteration takes here: the second of two, which meets warm caches."""
    backend: Any = LocalBackend(experiment)
    guide, began = experiment.guide(), 0.0
    for _ in range(2):
        began = time.perf_counter()
        command(backend, experiment, guide, leading=True)
        backend.iterate()
    return time.perf_counter() - began
