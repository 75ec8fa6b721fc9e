"""Known distributions of θ: maximum entropy on a support, discrete, or a user's sampler."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ...envs.core.characteristics import Characteristics
from ...envs.core.dotted import import_dotted
from ...envs.core.errors import PacesetterError, unknown

MOST_SUPPORT_POINTS = 1_000_000
MEAN_DRAWS = 4096  # draws behind the mean of a user's sampler, whose formula is unknown


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
        if characteristics.constraints:
            raise PacesetterError(
                "a uniform distribution on a box cannot keep the constraints of this market "
                f"({'; '.join(map(str, characteristics.constraints))}). Choose leader 'random', or "
                "distribution 'discrete' or 'sampler' of leader 'analytic'."
            )
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
        if sorted(values) != list(values):
            raise PacesetterError(
                f"the grid of leader 'analytic' lists values of {name!r} out of order: "
                f"{list(values)}. Sort them, smallest first."
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
        # A point listed twice is one outcome: the entropy depends on it. One of probability 0 is
        # none: rounding must not bring it up.
        possible = weights > 0
        self._table, rows = np.unique(table[possible], axis=0, return_inverse=True)
        shares = np.bincount(rows.ravel(), weights[possible] / weights.sum())
        self._weights = shares.astype(np.float64)

    def draw(self, generator: np.random.Generator, number: int) -> NDArray[np.float64]:
        """Points with balanced counts, ``(number, d)``, see `balanced_rows`."""
        return self._table[balanced_rows(generator, number, self._weights)]

    def mean(self) -> NDArray[np.float64]:
        """Probability-weighted mean of the points, ``(d,)``; need not be one of them."""
        return self._weights @ self._table

    def entropy(self) -> float:
        """Shannon entropy in nats."""
        return float(-(self._weights * np.log(self._weights)).sum())


class Sampled(Distribution):
    """A user's function of (generator, number, names)."""

    def __init__(self, characteristics: Characteristics, path: str):
        self._characteristics = characteristics
        self._path = path
        self._function = import_dotted(path, "option 'sampler' of leader 'analytic'")
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
