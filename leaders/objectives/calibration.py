"""Likeness to a reference: of one path quantity, or of several at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal, Self

from annotated_types import MinLen

from ...envs.core.arrays import Array, namespace
from ...envs.core.market import Market
from ...envs.core.step import Step
from .distances import DISTANCES, SortedSample
from .objective import Measure, Objective, Path, check_interval, pooled, read_samples, recorder
from .references import CsvFile, Held, Moments, Reference, Samples, UnfitReferenceError


@dataclass(frozen=True)
class Calibration(Objective):
    """Match the distribution of a path quantity to a reference sample.

    Attributes:
        reference: where the sample φ comes from.
        quantity: name of the path quantity. Where it has a number per agent, those of all agents
            count as draws from one distribution.
        distance: see `distances`: ``energy``, ``kernel``, ``quantile`` or ``absolute_error``.
    """

    reference: Reference
    quantity: str = "price"
    distance: Literal["energy", "kernel", "quantile", "absolute_error"] = "energy"

    name: ClassVar[str] = "calibration"

    def samples(self, market: Market) -> Samples:
        """The sample of its quantity."""
        return read_samples(self.reference, market, (self.quantity,))

    def holding(self, samples: Samples) -> Self:
        """With the sample in place of where it came from."""
        return replace(self, reference=Held(samples))

    def measure(self, market: Market, steps_per_interval: int) -> Measure:
        """Minus the distance between the interval's sample and the reference."""
        record = recorder(self.quantity, market)
        if self.distance != "absolute_error":
            check_interval(f"calibration by {self.distance}", steps_per_interval)
        sample = self.samples(market)[self.quantity]
        if self.distance == "kernel" and float(sample.std()) == 0.0:
            raise UnfitReferenceError(
                f"the reference of {self.quantity!r} is constant, and the width of the kernel is "
                "measured in its deviations; use objective.distance: energy, or a reference that "
                "varies."
            )
        distance = DISTANCES[self.distance](SortedSample(sample))
        return Measure(record, lambda path: -distance(pooled(path[self.quantity])))


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

        def record(step: Step) -> dict[str, Array]:
            return {name: value for r in recorders for name, value in r(step).items()}

        def value(path: Path) -> Array:
            found = [
                distance(pooled(path[quantity])) / deviation
                for quantity, (distance, deviation) in distances.items()
            ]
            xp = namespace(found[0])
            return -xp.mean(xp.stack(found), axis=0)

        return Measure(record, value)
