"""Distances between feedbacks of two markets: MMD², energy distance, earth mover's distance.

The first two are U-statistics over rollouts: with K(f, f′) the mean of a kernel over pairs of what
two rollouts showed,

    d = Σ_{i≠j} K(x_i, x_j) / n(n − 1) + Σ_{i≠j} K(y_i, y_j) / m(m − 1) − 2 Σ K(x_i, y_j) / nm,

k = exp(−d² / 2σ²) for MMD² (Gretton et al. 2012; Wei et al. 2023 misprint the sign) and −|x − y|
for the energy distance (Székely and Rizzo 2013; theirs is a square, its sign turned). Both are
unbiased, so that they can be below zero. σ is the median distance within the *real* sample: the
pooled median would move with the world.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

from ...envs.core.errors import PacesetterError
from .feedback import Feedback

Floats = NDArray[np.float64]
Name = Literal["mmd", "energy", "earth_mover"]
Kernel = Callable[[Floats, Floats], Floats]
"""From numbers of one shape to a number each."""
MOST_VALUES = 2000  # that the median distance is taken of


def width_of(real: Feedback) -> float:
    """σ: median distance of two values of different real rollouts; the mean where that is zero.

    Raises:
        PacesetterError: all values are equal.
    """
    distances = _distances(real)
    if not distances.size or not distances.any():
        raise PacesetterError(
            "a feedback is constant in the real sample, so that no distance has a scale: choose "
            "another feedback, more rollouts or larger orders of the experimental agent."
        )
    return float(np.median(distances) or distances.mean())


def mostly_constant(real: Feedback) -> bool:
    """Whether most values are equal, so that the median distance is zero and the mean stands in."""
    return not np.median(_distances(real)) > 0


def _distances(real: Feedback) -> Floats:
    """Of values of different rollouts, of the first `MOST_VALUES`."""
    rows = np.repeat(np.arange(len(real)), real.values.shape[1])
    used = np.flatnonzero(real.weights.ravel() > 0)[:MOST_VALUES]
    flat, rows = real.values.ravel()[used], rows[used]
    first, second = np.triu_indices(len(flat), 1)
    found: Floats = np.abs(flat[first] - flat[second])[rows[first] != rows[second]]
    return found


def gaussian(width: float) -> Kernel:
    """k = exp(−d² / 2σ²)."""

    def kernel(x: Floats, y: Floats) -> Floats:
        found = np.asarray(x - y)
        found *= found
        np.negative(found, out=found)
        found /= 2.0 * width**2
        return np.exp(found, out=found)

    return kernel


def absolute(x: Floats, y: Floats) -> Floats:
    """k = −|d|, of the energy distance."""
    found = np.asarray(x - y)  # of many million pairs, so that all is done in place
    np.abs(found, out=found)
    return np.negative(found, out=found)


def squashed(width: float) -> Kernel:
    """k = −|asinh(x/σ) − asinh(y/σ)|: it still pulls when one is many times wider than the other.

    It is a kernel of negative type for every one-to-one map, and asinh is one.
    """
    return lambda x, y: absolute(np.arcsinh(x / width), np.arcsinh(y / width))


def gram(one: Feedback, other: Feedback, kernel: Kernel) -> Floats:
    """K of all rollouts of two samples, ``(n, m)``."""
    values = kernel(one.values[:, None, :, None], other.values[None, :, None, :])
    return np.einsum("ijab,ia,jb->ij", values, one.weights, other.weights, optimize=True)


@dataclass(frozen=True)
class Grams:
    """K within and between two samples, from which distances of any parts of them are read.

    Attributes:
        within, between, beyond: of the first sample ``(n, n)``, both ``(n, m)``, the second.
    """

    within: Floats
    between: Floats
    beyond: Floats

    @classmethod
    def of(cls, one: Feedback, other: Feedback, kernel: Kernel) -> Grams:
        """All of them."""
        return cls(gram(one, one, kernel), gram(one, other, kernel), gram(other, other, kernel))

    def distance(self, rows: NDArray | None = None, columns: NDArray | None = None) -> float:
        """The U-statistic of the given rollouts of both, all of them if None."""
        first = np.arange(len(self.within)) if rows is None else rows
        second = np.arange(len(self.beyond)) if columns is None else columns
        return (
            apart(self.within[np.ix_(first, first)])
            + apart(self.beyond[np.ix_(second, second)])
            - 2.0 * float(self.between[np.ix_(first, second)].mean())
        )


def apart(matrix: Floats) -> float:
    """Mean off the diagonal: of K within one sample, that of two different rollouts."""
    number = len(matrix)
    if number < 2:
        raise PacesetterError("a distance needs two rollouts or more of each market.")
    return float((matrix.sum() - np.trace(matrix)) / (number * (number - 1)))


def distance(world: Feedback, real: Feedback, name: Name = "mmd", width: float = 0.0) -> float:
    """The distance of two feedbacks.

    Args:
        world, real: the samples.
        name: which distance; ``earth_mover`` compares one number per rollout.
        width: σ of MMD²; 0: `width_of` the real sample.
    """
    if name == "earth_mover":
        return float(wasserstein_distance(world.numbers, real.numbers))
    kernel = absolute if name == "energy" else gaussian(width or width_of(real))
    return Grams.of(world, real, kernel).distance()


@dataclass(frozen=True)
class Bands:
    """Distances of samples of N rollouts: mean and middle 90 % over draws.

    Attributes:
        numbers: N, ``(k,)``.
        same, different: of two parts of the real sample, of a world and a real part; mean, low and
            high, ``(k, 3)`` each.
    """

    numbers: NDArray[np.int64]
    same: Floats
    different: Floats

    @property
    def first_apart(self) -> float:
        """The first N from which on the bands are disjoint; infinite if they never are."""
        apart = self.different[:, 1] > self.same[:, 2]
        since = np.flatnonzero(~apart)
        first = 0 if not since.size else since[-1] + 1
        return float(self.numbers[first]) if first < len(self.numbers) else float("inf")


def bands(
    world: Feedback,
    real: Feedback,
    numbers: tuple[int, ...],
    name: Name = "mmd",
    draws: int = 50,
    against: int = 0,
    seed: int = 0,
) -> tuple[Bands, Floats, Floats]:
    """Distances over draws of N rollouts, without putting back, for every N.

    Args:
        world, real: samples of 200 rollouts or so.
        numbers: N.
        name: of the distance.
        draws: per N.
        against: real rollouts that N are compared with; 0: N as well.
        seed: of the draws.

    Returns:
        the bands, and all draws of same and different, ``(k, draws)``.
    """
    generator = np.random.default_rng(seed)
    width = width_of(real)
    kernel = absolute if name == "energy" else gaussian(width)
    if name != "earth_mover":
        different, same = Grams.of(world, real, kernel), Grams.of(real, real, kernel)
    found = np.zeros((2, len(numbers), draws))
    for place, number in enumerate(numbers):
        other = against or number
        for draw in range(draws):
            drawn = generator.permutation(len(real))
            rows = generator.permutation(len(world))[:number]
            first, second = drawn[:number], drawn[number : number + other]
            if name == "earth_mover":
                found[0, place, draw] = wasserstein_distance(
                    real.numbers[first], real.numbers[second]
                )
                found[1, place, draw] = wasserstein_distance(
                    world.numbers[rows], real.numbers[second]
                )
            else:
                found[0, place, draw] = same.distance(first, second)
                found[1, place, draw] = different.distance(rows, second)
    summary = [
        np.column_stack([part.mean(axis=1), *np.quantile(part, (0.05, 0.95), axis=1)])
        for part in found
    ]
    return Bands(np.array(numbers), *summary), found[0], found[1]


def area_under_curve(same: Floats, different: Floats) -> float:
    """Chance that a distance of different markets is above one of the same; a half: no telling."""
    above = np.sign(different[:, None] - same[None, :])
    return float((1.0 + above.mean()) / 2.0)
