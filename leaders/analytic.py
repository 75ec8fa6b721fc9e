"""A leader with a known distribution of θ: nothing is learned, everything can be computed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ..envs.characteristics import Characteristics
from ..envs.errors import PacesetterError, unknown
from .leader import LeaderSettings, SearchLeader
from .records import (
    Interval,
    checked_measurements,
    checked_number,
    load_function,
    load_generator,
    save_generator,
)

MOST_SUPPORT_POINTS = 1_000_000
MEAN_DRAWS = 4096  # draws behind the mean of a user's sampler, whose formula is unknown
FIELDS_OF = {
    "maximum_entropy": ("grid",),
    "discrete": ("points", "probabilities"),
    "sampler": ("sampler",),
}


@dataclass(frozen=True)
class AnalyticLeader(LeaderSettings):
    """A leader whose θ follows a known distribution.

    Attributes:
        distribution: ``maximum_entropy`` knows the support alone and is therefore uniform on it;
            ``discrete`` takes `points` with `probabilities`; ``sampler`` calls a function.
        grid: for ``maximum_entropy``: name -> the values it may take, in the units of the
            characteristic; others are uniform between their bounds.
        points: for ``discrete``: one name -> value per point; entries that are left out take their
            market default.
        probabilities: for ``discrete``: probability of each point; they sum to one within 1e-9.
        sampler: for ``sampler``: ``"package.module:function"``, called as
            ``function(generator, number, names)``; returns θ, ``(number, d)``, within bounds.
        interval: the slow clock, ``"episode"`` or follower steps between two settings of θ.
    """

    name: ClassVar[str] = "analytic"
    distribution: Literal["maximum_entropy", "discrete", "sampler"] = "maximum_entropy"
    grid: dict[str, list[float]] = field(default_factory=dict)
    points: list[dict[str, float]] = field(default_factory=list)
    probabilities: list[float] = field(default_factory=list)
    sampler: str = ""
    interval: Interval = "episode"

    def search(self, characteristics: Characteristics, seed: int) -> AnalyticSearch:
        """The search leader; PacesetterError if the distribution is ill-defined."""
        return AnalyticSearch(characteristics, self._distribution(characteristics), seed)

    def _distribution(self, characteristics: Characteristics) -> Distribution:
        if self.distribution not in FIELDS_OF:
            raise unknown("distribution of leader 'analytic'", self.distribution, FIELDS_OF)
        for owner, names in FIELDS_OF.items():
            for name in names:
                if owner != self.distribution and getattr(self, name):
                    raise PacesetterError(
                        f"leader 'analytic' has {name!r}, which belongs to distribution {owner!r}, "
                        f"but its distribution is {self.distribution!r}. Set distribution: {owner} "
                        f"or remove {name!r}."
                    )
        if self.distribution == "discrete":
            return Discrete(characteristics, self.points, self.probabilities)
        if self.distribution == "sampler":
            return Sampled(characteristics, self.sampler)
        return MaximumEntropy(characteristics, self.grid)


class Distribution(ABC):
    """Interface of a known distribution of θ."""

    @abstractmethod
    def draw(self, generator: np.random.Generator, number: int) -> NDArray[np.float64]:
        """θ, ``(number, d)``; each row alone follows the distribution exactly."""

    @abstractmethod
    def mean(self) -> NDArray[np.float64]:
        """Mean of the distribution, ``(d,)``."""

    @abstractmethod
    def entropy(self) -> float | None:
        """Entropy in nats, None if it has no formula."""


class AnalyticSearch(SearchLeader):
    """Draws from the distribution; measurements change nothing."""

    def __init__(self, characteristics: Characteristics, distribution: Distribution, seed: int):
        self._characteristics = characteristics
        self._distribution = distribution
        self._generator = np.random.default_rng(seed)

    def propose(self, number: int) -> NDArray[np.float64]:
        """A stratified sample of the distribution, ``(number, d)``.

        Every row alone follows the distribution exactly; the rows of one call are dependent in a
        way that spreads them, so that one call represents the distribution as well as it can.
        """
        return self._distribution.draw(self._generator, checked_number(number))

    def learn(self, theta: NDArray, values: NDArray) -> None:
        """Check the measurements, ``(n, d)`` and ``(n,)``; nothing is learned from them."""
        checked_measurements(self._characteristics, theta, values)

    def best(self) -> NDArray[np.float64]:
        """The mean of the distribution, ``(d,)``; of a sampler, the mean of 4096 fixed draws."""
        return self._distribution.mean()

    def entropy(self) -> float | None:
        """Entropy of θ in nats: how much the leader leaves open.

        Shannon entropy of what is discrete plus differential entropy (in the units of θ) of what is
        continuous; a characteristic whose bounds coincide adds nothing. None for a sampler, whose
        density is unknown.
        """
        return self._distribution.entropy()

    def state(self) -> dict[str, Any]:
        """The generator; the rest follows from the options."""
        return {"generator": save_generator(self._generator)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        self._generator = load_generator(state["generator"])


def balanced_rows(
    generator: np.random.Generator, number: int, probabilities: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Rows of a table drawn with given probabilities and balanced counts, ``(number,)``.

    Systematic sampling: one uniform offset, then equal steps through the cumulative probabilities.
    Row i comes up ``floor`` or ``ceil`` of ``number * p_i`` times, and on average exactly that
    often. Steps through a shuffled table make the rounding of different rows fair; the shuffle
    of the result makes every position of the sample follow the probabilities.
    """
    order = generator.permutation(len(probabilities))
    cumulative = np.cumsum(probabilities[order])
    steps = (generator.random() + np.arange(number)) / number * cumulative[-1]
    rows = np.searchsorted(cumulative, steps, side="right")
    return generator.permutation(order[np.minimum(rows, len(order) - 1)])


class MaximumEntropy(Distribution):
    """Uniform on listed values of some characteristics and on the box of the others."""

    def __init__(self, characteristics: Characteristics, grid: dict[str, list[float]]):
        self._characteristics = characteristics
        for name, values in grid.items():
            self._check(name, values)
        names = [name for name in characteristics.names if name in grid]
        self._listed = np.array([characteristics.names.index(name) for name in names], dtype=int)
        size = int(np.prod([float(len(grid[name])) for name in names]))
        if size > MOST_SUPPORT_POINTS:
            raise PacesetterError(
                f"the grid of leader 'analytic' has {size} points; at most {MOST_SUPPORT_POINTS} "
                "are allowed. List fewer values, or leave characteristics out of the grid: those "
                "are uniform between their bounds."
            )
        self._table = np.array(list(product(*(grid[name] for name in names))), dtype=float)
        self._weights = np.full(size, 1.0 / size)

    def _check(self, name: str, values: Sequence[float]) -> None:
        if name not in self._characteristics.names:
            raise unknown("characteristic", name, self._characteristics.names)
        if not values:
            raise PacesetterError(
                f"the grid of leader 'analytic' lists no values for {name!r}. List at least one, "
                "or leave the name out: it is then uniform between its bounds."
            )
        if len(set(values)) < len(values):
            raise PacesetterError(
                f"the grid of leader 'analytic' lists a value twice for {name!r}: {list(values)}. "
                "Uniform means once each; for unequal weights use distribution: discrete."
            )
        for value in values:
            self._characteristics.validate({name: value})

    def draw(self, generator: np.random.Generator, number: int) -> NDArray[np.float64]:
        """Latin hypercube for the box, balanced counts for the grid, paired at random.

        A Latin hypercube puts one draw in each of `number` equal slices of every characteristic, in
        random order: every row is exactly uniform, and means over a call vary less than those of
        independent draws.
        """
        size = len(self._characteristics)
        slices = np.stack([generator.permutation(number) for _ in range(size)], axis=1)
        unit = (slices + generator.random((number, size))) / number
        theta = np.minimum(self._characteristics.from_unit(unit), self._characteristics.high)
        if len(self._listed):
            theta[:, self._listed] = self._table[balanced_rows(generator, number, self._weights)]
        return theta

    def mean(self) -> NDArray[np.float64]:
        """Mean of the listed values, or the middle between the bounds, ``(d,)``."""
        mean = (self._characteristics.low + self._characteristics.high) / 2
        if len(self._listed):
            mean[self._listed] = self._table.mean(axis=0)
        return mean

    def entropy(self) -> float:
        """Log number of grid points plus log volume of the box of the others, in nats."""
        widths = np.delete(self._characteristics.high - self._characteristics.low, self._listed)
        return float(np.log(len(self._weights)) + np.log(widths[widths > 0]).sum())


class Discrete(Distribution):
    """Given points with given probabilities."""

    def __init__(
        self,
        characteristics: Characteristics,
        points: Sequence[dict[str, float]],
        probabilities: Sequence[float],
    ):
        weights = np.array(probabilities, dtype=float)
        where = "distribution 'discrete' of leader 'analytic'"
        if not points or len(points) != len(weights):
            raise PacesetterError(
                f"{where} needs at least one point and one probability per point; got "
                f"{len(points)} point(s) and {len(weights)} probability(ies). List them in the "
                "same order."
            )
        if not (weights >= 0).all():  # also refuses what is not a number
            raise PacesetterError(
                f"{where} has probability {weights[~(weights >= 0)][0]}; probabilities are 0 or "
                "larger. Remove the point if it never comes up."
            )
        if not abs(weights.sum() - 1) <= 1e-9:
            raise PacesetterError(
                f"{where} has probabilities that sum to {weights.sum():.12g}; they must sum to 1 "
                "within 1e-9. Divide each by that sum."
            )
        table = np.concatenate([characteristics.validate(point) for point in points])
        # A point listed twice is one outcome: the entropy depends on it.
        self._table, rows = np.unique(table, axis=0, return_inverse=True)
        self._weights = np.bincount(rows.ravel(), weights / weights.sum())

    def draw(self, generator: np.random.Generator, number: int) -> NDArray[np.float64]:
        """Points with balanced counts, ``(number, d)``, see `balanced_rows`."""
        return self._table[balanced_rows(generator, number, self._weights)]

    def mean(self) -> NDArray[np.float64]:
        """Probability-weighted mean of the points, ``(d,)``; need not be one of them."""
        return self._weights @ self._table

    def entropy(self) -> float:
        """Shannon entropy in nats."""
        weights = self._weights[self._weights > 0]
        return float(-(weights * np.log(weights)).sum())


class Sampled(Distribution):
    """A user's function of (generator, number, names)."""

    def __init__(self, characteristics: Characteristics, path: str):
        self._characteristics = characteristics
        self._path = path
        self._function = load_function(path, "option 'sampler' of leader 'analytic'")
        # Drawn here so that a faulty sampler fails at the start of a run and not within it.
        self._mean = self.draw(np.random.default_rng(0), MEAN_DRAWS).mean(axis=0)

    def draw(self, generator: np.random.Generator, number: int) -> NDArray[np.float64]:
        """Draws of the function, ``(number, d)``, checked for shape and bounds."""
        theta = np.asarray(self._function(generator, number, self._characteristics.names))
        shape = (number, len(self._characteristics))
        if theta.shape != shape:
            raise PacesetterError(
                f"sampler {self._path!r} of leader 'analytic' returned shape {theta.shape}, "
                f"expected {shape}: one row per draw, columns "
                f"{', '.join(self._characteristics.names)}. Correct the function."
            )
        return self._characteristics.validate(theta, copies=number)

    def mean(self) -> NDArray[np.float64]:
        """Mean of fixed draws, ``(d,)``."""
        return self._mean.copy()

    def entropy(self) -> None:
        """None: the density is unknown."""
        return None
