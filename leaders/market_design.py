"""Objectives of whoever designs a market: match several facts at once, or one within a limit.

| objective | what it maximises |
|---|---|
| `stylised_facts` | likeness of several path quantities to a reference |
| `limited` | one path quantity, as long as another one keeps a limit |
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from annotated_types import Gt, MinLen
from numpy.typing import NDArray

from ..envs.errors import PacesetterError
from ..envs.market import Market, Step
from .distances import DISTANCES, SortedSample
from .objective import (
    Measure,
    Objective,
    Path,
    by_agent,
    check_interval,
    pooled,
    read_samples,
    recorder,
)
from .references import CsvFile, Held, Moments, Reference, Samples, UnfitReferenceError


@dataclass(frozen=True)
class StylisedFacts(Objective):
    """Match the distributions of several path quantities to a reference, each in its own unit.

    The reward is minus the mean over quantities of the distance between the interval's sample and
    the reference's, divided by the standard deviation of the latter.

    Attributes:
        reference: where the samples come from; a CSV file has one column per quantity.
        quantities: names of path quantities. Where one has a number per agent, those of all agents
            count as draws from one distribution.
        distance: ``energy`` or ``quantile``, which are in units of the quantity; see `distances`.
    """

    reference: Reference
    quantities: Annotated[tuple[str, ...], MinLen(1)]
    distance: Literal["energy", "quantile"] = "energy"

    name: ClassVar[str] = "stylised_facts"

    def samples(self, market: Market) -> Samples:
        """One sample per quantity."""
        several = len(self.quantities) > 1
        if several and isinstance(self.reference, Moments):
            raise UnfitReferenceError(
                "the moments of one quantity cannot be the reference of "
                f"{len(self.quantities)}; give a CSV file with one column per quantity, or plant θ."
            )
        if several and isinstance(self.reference, CsvFile) and self.reference.column:
            raise UnfitReferenceError(
                f"the one column {self.reference.column!r} cannot be the reference of "
                f"{len(self.quantities)} quantities; leave out 'column', so that each is read from "
                f"the column of its own name: {', '.join(self.quantities)}."
            )
        samples = read_samples(self.reference, market, self.quantities)
        for quantity, sample in samples.items():
            if float(sample.std()) == 0.0:
                raise UnfitReferenceError(
                    f"the reference of {quantity!r} is constant: it has no deviation to measure "
                    "distances in. Leave it out of objective.quantities."
                )
        return samples

    def holding(self, samples: Samples) -> Self:
        """With the samples in place of where they came from."""
        return replace(self, reference=Held(samples))

    def measure(self, market: Market, steps_per_interval: int) -> Measure:
        """Minus the mean distance, in deviations of the reference."""
        check_interval(self.name, steps_per_interval)
        recorders = [recorder(quantity, market) for quantity in self.quantities]
        distances = {}
        for quantity, sample in self.samples(market).items():
            deviation = float(sample.std())
            distances[quantity] = DISTANCES[self.distance](SortedSample(sample)), deviation

        def record(step: Step) -> dict[str, NDArray[np.float64]]:
            return {name: value for r in recorders for name, value in r(step).items()}

        def value(path: Path) -> NDArray[np.float64]:
            found = [
                distance(pooled(path[quantity])) / deviation
                for quantity, (distance, deviation) in distances.items()
            ]
            return -np.mean(found, axis=0)

        return Measure(record, value)


@dataclass(frozen=True)
class Limited(Objective):
    """One path quantity made large or small, at a price for what breaks the limit of another.

    Both are averaged over agents. The limit is held by every interval of every copy, not by their
    mean: where the limited quantity is noisy, the leader keeps some distance from the limit.

    Attributes:
        quantity: name of the path quantity that is sought.
        sign: 1 to make it large, −1 to make it small.
        statistic: of the steps of the interval: their ``sum`` or their standard ``deviation``.
        limited: name of the path quantity whose sum over the interval is limited.
        at_least, at_most: its limits; None: no limit on that side.
        price: of a unit beyond the limit, in units of the quantity sought.
    """

    quantity: str
    limited: str
    sign: Literal[1, -1] = 1
    statistic: Literal["sum", "deviation"] = "sum"
    at_least: float | None = None
    at_most: float | None = None
    price: Annotated[float, Gt(0)] = 10.0

    name: ClassVar[str] = "limited"

    def measure(self, market: Market, steps_per_interval: int) -> Measure:
        """Signed statistic of the one, less the price of what the other is beyond its limit."""
        if self.at_least is None and self.at_most is None:
            raise PacesetterError(
                f"{self.limited!r} has no limit: give objective.at_least, objective.at_most or "
                "both; without one, use the objective 'quantity' or 'volatility'."
            )
        low = -np.inf if self.at_least is None else self.at_least
        high = np.inf if self.at_most is None else self.at_most
        if not low <= high:
            raise PacesetterError(
                f"objective.at_least ({low:g}) must not exceed objective.at_most ({high:g})."
            )
        if self.statistic == "deviation":
            check_interval(f"{self.name} by deviation", steps_per_interval)
        sought, limited = recorder(self.quantity, market), recorder(self.limited, market)

        def value(path: Path) -> NDArray[np.float64]:
            series = by_agent(path[self.quantity])
            steps = series.sum(axis=1) if self.statistic == "sum" else series.std(axis=1)
            total = by_agent(path[self.limited]).mean(axis=2).sum(axis=1)
            beyond = np.maximum(total - high, 0.0) + np.maximum(low - total, 0.0)
            rewards: NDArray[np.float64] = self.sign * steps.mean(axis=1) - self.price * beyond
            return rewards

        return Measure(lambda step: {**sought(step), **limited(step)}, value)
