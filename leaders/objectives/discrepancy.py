"""Maximum mean discrepancy of a simulated and an observed series (Gretton et al. 2012).

With the kernel k(x, y) = exp(−(x − y)² / m), m the median of the squared distances between the
observations, the unbiased estimate of the squared discrepancy of samples x and y is

    Σ_{i≠j} k(x_i, x_j) / K(K − 1) + Σ_{i≠j} k(y_i, y_j) / n(n − 1) − 2 Σ k(x_i, y_j) / K n

(Dyer et al., ICAIF 2023, eq. 21). It takes a series for a bag of numbers. *Lagged*, it compares
what stands together in time: x is then (r_t, mean |r| of the 5 before, mean |r| of the 20 before),
and (x − y)² / m a sum over the three, each with its own median.

Of more than `MOST` observations or draws, that many are compared, evenly spread over the series:
the estimate stays unbiased, and its time bounded.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import array_api_compat
import numpy as np
from numpy.typing import NDArray

from ...envs.core.arrays import Array, namespace
from ...envs.core.errors import PacesetterError
from ...envs.core.market import Market
from .objective import Measure, Objective, Path, check_interval, read_samples, recorder
from .references import Held, Moments, Reference, Samples, UnfitReferenceError

Floats = NDArray[np.float64]
MOST = 2000  # numbers of a series that are compared
MOST_PAIRS = 2**22  # differences held in memory at once
LEAST = 20  # observations
WINDOWS = (5, 20)  # periods before r_t whose mean |r| stands beside it


class Discrepancy:
    """The squared discrepancy of series from one that was observed.

    Attributes:
        compared: observations that it is estimated from, at most `MOST`.
        scales: m of every entry of x, ``(f,)``.

    Args:
        observed: ``(n,)``, as `check_series` lets through.
        lagged: compare what stands together in time.
    """

    def __init__(self, observed: Floats, lagged: bool = False):
        self._lagged = lagged
        points = points_of(np.asarray(observed, dtype=np.float64)[None], lagged)[0]
        self.compared = len(points)
        self.scales = scales_of(points)
        self._observed = points / np.sqrt(self.scales)
        within = kernel_sums(self._observed[None], None)[0] - self.compared
        self._within = float(within) / (self.compared * (self.compared - 1))

    def __call__(self, drawn: Array) -> Array:
        """Of every series, ``(B, K)`` to ``(B,)``, in its namespace and with its gradient."""
        points = points_of(drawn, self._lagged)
        draws = points.shape[1]
        points = points / _alike(np.sqrt(self.scales), points)
        inside = (kernel_sums(points, None) - draws) / (draws * max(1, draws - 1))
        across = kernel_sums(points, _alike(self._observed, points)) / (draws * self.compared)
        return inside - 2.0 * across + self._within

    def value_and_gradient(self, drawn: Floats) -> tuple[Floats, Floats]:
        """Of every series, ``(B, K)``: the discrepancy, ``(B,)``, and its derivatives, ``(B, K)``.

        In NumPy, for series that come with tangents of their own.
        """
        points = points_of(drawn, self._lagged) / np.sqrt(self.scales)
        values, slopes = np.zeros(len(drawn)), np.zeros_like(points)
        draws = points.shape[1]
        pairs, crossed = draws * max(1, draws - 1), draws * self.compared
        for row, series in enumerate(points):
            own = series[:, None] - series  # (n, n, f)
            other = series[:, None] - self._observed
            inside, across = (np.exp(-(d**2).sum(axis=2)) for d in (own, other))
            values[row] = (inside.sum() - draws) / pairs - 2.0 * across.sum() / crossed
            slopes[row] = 4.0 * np.einsum("ijf,ij->if", other, across) / crossed
            slopes[row] -= 4.0 * np.einsum("ijf,ij->if", own, inside) / pairs
        return values + self._within, self._of_series(drawn, slopes / np.sqrt(self.scales))

    def _of_series(self, drawn: Floats, slopes: Floats) -> Floats:
        """Derivatives by what was compared, ``(B, n, f)``, as those by the series, ``(B, K)``."""
        found = np.zeros(drawn.shape)
        if not self._lagged:
            found[:, spread(drawn.shape[1])] = slopes[:, :, 0]
            return found
        first = WINDOWS[-1]
        at = first + np.arange(drawn.shape[1] - first)[spread(drawn.shape[1] - first)]
        found[:, at] = slopes[:, :, 0]
        sizes = np.zeros(drawn.shape)
        for entry, window in enumerate(WINDOWS, start=1):
            for lag in range(1, window + 1):
                sizes[:, at - lag] += slopes[:, :, entry] / window
        return found + sizes * np.sign(drawn)


def points_of(series: Array, lagged: bool) -> Array:
    """What is compared of every series, ``(B, K)`` to ``(B, n, f)``."""
    xp = namespace(series)
    columns = [series]
    if lagged:
        size, first = xp.abs(series), WINDOWS[-1]
        number = series.shape[1] - first
        columns = [series[:, first:]]
        for window in WINDOWS:
            before = [size[:, first - lag : first - lag + number] for lag in range(1, window + 1)]
            columns.append(sum(before[1:], before[0]) / window)
    points = xp.stack(columns, axis=2)
    return points[:, spread(points.shape[1])]


def kernel_sums(points: Array, others: Array | None) -> Array:
    """Σ exp(−|x − y|²) over points ``(B, n, f)`` and others ``(m, f)``, to ``(B,)``.

    Without others, over all pairs of points of the same row.
    """
    xp = namespace(points)
    number = points.shape[1] if others is None else others.shape[0]
    rows = max(1, MOST_PAIRS // max(1, points.shape[1] * number))
    sums = []
    for first in range(0, points.shape[0], rows):
        part = points[first : first + rows]
        against = part if others is None else others[None]
        squares: Any = 0.0
        for entry in range(points.shape[2]):
            squares = squares + (part[:, :, None, entry] - against[:, None, :, entry]) ** 2
        sums.append(xp.sum(xp.exp(-squares), axis=(1, 2)))
    return xp.concat(sums)


def scales_of(points: Floats) -> Floats:
    """m of every entry, ``(n, f)`` to ``(f,)``: median squared distance of different points."""
    first, second = np.triu_indices(len(points), 1)
    return np.median((points[first] - points[second]) ** 2, axis=0)


def _alike(array: Floats, like: Array) -> Array:
    if isinstance(like, np.ndarray):
        return array
    xp = namespace(like)
    return xp.asarray(array, dtype=like.dtype, device=array_api_compat.device(like))


def spread(number: int) -> NDArray[np.int64] | slice:
    """At most `MOST` places of so many, evenly spread; a slice where it is all of them."""
    if number <= MOST:
        return slice(None)
    return np.linspace(0, number - 1, MOST).round().astype(np.int64)


def check_series(series: Floats, quantity: str, lagged: bool = False) -> None:
    """Refuse what no discrepancy can be taken from.

    Raises:
        UnfitReferenceError: a number is missing, there are too few or more than half are equal.
    """
    what, least = f"the reference of {quantity!r}", LEAST + WINDOWS[-1] * lagged
    missing = np.flatnonzero(~np.isfinite(series))
    if missing.size:
        row = int(missing[0])
        raise UnfitReferenceError(
            f"{what}: observation {row + 1} of {len(series)} is {series[row]:g} "
            f"({missing.size} are missing or infinite); remove it, or fill it in."
        )
    if len(series) < least:
        raise UnfitReferenceError(
            f"{what} has {len(series)} observation(s); a discrepancy needs at least {least}"
            f"{', of which the first 20 are past alone' if lagged else ''}. Give a longer series."
        )
    values, counts = np.unique(series, return_counts=True)
    if len(values) == 1:
        raise UnfitReferenceError(
            f"{what} is constant, {values[0]:g} from the first to the last of {len(series)} "
            "observations: a kernel has no scale. Give a series that moves."
        )
    if (scales_of(points_of(series[None], lagged)[0]) > 0.0).all():
        return
    common = values[counts.argmax()]
    row = int(np.flatnonzero(series == common)[0])
    raise UnfitReferenceError(
        f"{what}: {counts.max()} of {len(series)} observations are {common:g}, the first of them "
        f"observation {row + 1}, so that most distances{' of mean sizes' if lagged else ''} are 0 "
        "and a kernel has no scale. Leave periods without trade out, or take longer periods."
    )


@dataclass(frozen=True)
class MeanDiscrepancy(Objective):
    """Make a path quantity like an observed series, by the squared maximum mean discrepancy.

    Attributes:
        reference: the observed series, in the order of time.
        quantity: name of the path quantity, one number per period.
        lagged: compare what stands together in time, and not a bag of numbers: without, it is
            blind to clusters of volatility.
    """

    reference: Reference
    quantity: str = "return"
    lagged: bool = False

    name: ClassVar[str] = "mmd"

    def samples(self, market: Market) -> Samples:
        """The observed series, checked."""
        if self.lagged and isinstance(self.reference, Moments):
            raise UnfitReferenceError(
                "the moments of a distribution are no series: nothing comes before anything else "
                "in it. Give a file with one line per period, or leave objective.lagged out."
            )
        samples = read_samples(self.reference, market, (self.quantity,))
        check_series(np.asarray(samples[self.quantity]), self.quantity, self.lagged)
        return samples

    def holding(self, samples: Samples) -> Self:
        """With the series in place of where it came from."""
        return replace(self, reference=Held(samples))

    def discrepancy(self, market: Market) -> Discrepancy:
        """The distance that it is minus of."""
        return Discrepancy(self.samples(market)[self.quantity], self.lagged)

    def measure(self, market: Market, steps_per_interval: int) -> Measure:
        """Minus the squared discrepancy of the interval's series."""
        record = recorder(self.quantity, market)
        check_interval(f"objective {self.name!r}", steps_per_interval)
        least = WINDOWS[-1] + 2
        if self.lagged and steps_per_interval < least:
            raise PacesetterError(
                f"objective {self.name!r} with lagged needs intervals of at least {least} steps, "
                f"got {steps_per_interval}: lengthen leader.interval or the episode."
            )
        distance = self.discrepancy(market)

        def value(path: Path) -> Array:
            series = path[self.quantity]
            if series.ndim != 2:
                raise PacesetterError(
                    f"objective {self.name!r} compares one series per copy, but market "
                    f"{market.name!r} has {self.quantity!r} of every agent; choose another "
                    "objective.quantity, or the objective 'calibration', which pools agents."
                )
            short = series.shape[1] < (least if self.lagged else 2)
            # What an episode cut short has no pairs to compare.
            return series[:, 0] * 0.0 if short else -distance(series)

        return Measure(record, value)
