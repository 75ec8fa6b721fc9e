"""What an objective is: a map from the path of an interval to one reward per copy.

An objective is a record of options. What it compares with is read once (`Objective.samples`) and
handed to it as arrays (`Objective.holding`); bound to a market (`Objective.measure`) it says what
to record of every step and what the recorded path of one interval is worth. Larger is better.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from ...envs.core.arrays import Array, namespace, row_mean, row_sum
from ...envs.core.errors import PacesetterError, unknown
from ...envs.core.market import Market
from ...envs.core.step import Step
from .references import Reference, Samples, UnfitReferenceError
from .target import Target

Path = Mapping[str, Array]
"""Recorded quantities of one interval of K steps, name -> ``(B, K, …)``, in θ's namespace."""


@dataclass(frozen=True)
class Compared:
    """The statistics of a path that an objective compares with a reference.

    Attributes:
        of: from the recorded path of one interval to its statistics, ``(B, m)``, in the path's
            namespace and with their gradient.
        target: their names, and what they are to come to.
        about: from an estimate of θ, ``(d,)``, to these and further statistics, which need one;
            None: there are no such.
    """

    of: Callable[[Path], Array]
    target: Target
    about: Callable[[NDArray[np.float64]], Compared] | None = None


@dataclass(frozen=True)
class Measure:
    """An objective bound to a market.

    Attributes:
        record: what to keep of one step: name -> ``(B, …)``.
        value: the leader's reward for the recorded path of one interval, ``(B,)``, in the path's
            namespace and with its gradient.
        statistics: what it compares with a reference, for leaders that are told of it; or None.
    """

    record: Callable[[Step], dict[str, Array]]
    value: Callable[[Path], Array]
    statistics: Compared | None = None


@dataclass(frozen=True)
class Objective(ABC):
    """Interface of every objective."""

    name: ClassVar[str]

    def samples(self, market: Market) -> Samples:
        """The reference samples that it compares with, path quantity -> ``(n,)``; often none.

        Whatever a file or a computation holds is read here and nowhere else.

        Raises:
            PacesetterError: a quantity the market does not have, or no sample of it.
        """
        return {}

    def holding(self, samples: Samples) -> Self:
        """This objective with samples that have been read already in place of its reference."""
        return self

    @abstractmethod
    def measure(self, market: Market, steps_per_interval: int) -> Measure:
        """Bind the objective to a market.

        Raises:
            PacesetterError: a quantity the market does not have, an interval too short, a
                reference that cannot be read.
        """


def record_reward(step: Step) -> dict[str, Array]:
    """Mean reward over all followers of all groups, ``(B,)``."""
    summed = sum(total(reward) for reward in step.rewards.values())
    return {"reward": summed / sum(reward.shape[1] for reward in step.rewards.values())}


def recorder(quantity: str, market: Market) -> Callable[[Step], dict[str, Array]]:
    """What records one quantity: a path quantity of the market, ``reward`` or ``theta``.

    Raises:
        PacesetterError: there is no such quantity, or nobody in the market earns a reward.
    """
    if quantity == "reward":
        if not market.groups:
            raise PacesetterError(
                f"nobody in market {market.name!r} earns a reward; choose an objective on one of "
                f"its path quantities: {', '.join(market.quantities)}."
            )
        return record_reward
    if quantity == "theta":
        return lambda step: {"theta": step.state.theta}
    if quantity not in market.quantities:
        raise unknown(f"path quantity of market {market.name!r}", quantity, market.quantities)
    return lambda step: {quantity: step.quantities[quantity]}


def read_samples(reference: Reference, market: Market, quantities: Iterable[str]) -> Samples:
    """The reference's sample of every quantity, checked.

    Raises:
        PacesetterError: the market has no such quantity.
        UnfitReferenceError: there is no sample of it, or it is one of prices and not of returns.
    """
    samples = {}
    for quantity in quantities:
        recorder(quantity, market)
        try:
            sample = reference.sample(market, quantity)
        except PacesetterError as error:
            raise UnfitReferenceError(str(error)) from error
        samples[quantity] = np.asarray(sample, dtype=np.float64)
        _refuse_prices(samples[quantity], quantity)
    return samples


def _refuse_prices(sample: NDArray[np.float64], quantity: str) -> None:
    """Whoever has prices may take them for returns; what never falls is none."""
    low, high = sample.min(initial=np.inf), sample.max(initial=-np.inf)
    if "return" in quantity and 0.0 < 0.05 * high < low < high:
        raise UnfitReferenceError(
            f"the reference of {quantity!r} is positive throughout, from {low:g} to {high:g}: "
            "these are prices. Returns are numpy.diff(numpy.log(prices)); or give the file as "
            "reference: {name: prices, path: …}, which converts them."
        )


def total(values: Array) -> Array:
    """Sum over the last axis."""
    return row_sum(namespace(values), values)


def mean(values: Array) -> Array:
    """Mean over the last axis."""
    return row_mean(namespace(values), values)


def over_steps(values: Array, statistic: Literal["sum", "std"]) -> Array:
    """Sum or standard deviation over the steps, ``(B, K, n)`` to ``(B, n)``."""
    return getattr(namespace(values), statistic)(values, axis=1)


def by_agent(values: Array) -> Array:
    """``(B, K)`` or ``(B, K, N, …)`` to ``(B, K, n)``."""
    return values.reshape(*values.shape[:2], -1)


def pooled(values: Array) -> Array:
    """What all agents did in all steps as one sample per copy, ``(B, K, …)`` to ``(B, K n)``."""
    return values.reshape(len(values), -1)


def check_interval(what: str, steps: int) -> None:
    """Refuse an interval of one step."""
    if steps < 2:
        raise PacesetterError(
            f"{what} compares the steps of one interval and needs at least 2, but here the leader "
            "sets θ every step; set leader.interval to 'episode' or to 2 or more."
        )
