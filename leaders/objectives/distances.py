"""Distances between a simulated and a reference sample of one number.

The reference is NumPy's; what is drawn may be of any namespace, in which the distance is returned,
with its gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...envs.core.arrays import Array, convert, interpolated, namespace, row_mean

Floats = NDArray[np.float64]
Distance = Callable[[Array], Array]
"""From K draws per row, ``(B, K)``, to ``(B,)``."""
KERNEL_WIDTH = 0.6  # standard deviations of the reference
MOST_PAIRS = 2**22  # differences held in memory at once


class SortedSample:
    """A reference sample φ, sorted once, that answers mean absolute distances by lookup.

    Args:
        values: ``(n,)``, n >= 2.
    """

    def __init__(self, values: Floats):
        self.values = np.sort(np.asarray(values, dtype=np.float64))

    @cached_property
    def _cumulative(self) -> Floats:
        return np.concatenate([[0.0], np.cumsum(self.values)])

    @cached_property
    def mean_difference(self) -> float:
        """E|φ − φ′| over distinct pairs."""
        return float(mean_difference(self.values[None])[0])

    def mean_distance(self, points: Array) -> Array:
        """E|φ − p| for every p, any shape."""
        below = namespace(points).searchsorted(convert(self.values, points), points)
        number, total = len(self.values), self._cumulative[-1]
        cumulative = convert(self._cumulative, points)[below]
        return (points * (2 * below - number) + total - 2 * cumulative) / number


def mean_difference(ordered: Array) -> Array:
    """E|p − p′| over distinct pairs of each ascending row, ``(B, K)`` to ``(B,)``; unbiased.

    A lone draw, as of an interval that its episode cut short, has no pairs: 0.
    """
    number = ordered.shape[1]
    if number == 1:
        return namespace(ordered).zeros_like(ordered[:, 0])
    weights = convert(2.0 * np.arange(number) - (number - 1), ordered)
    return 2.0 * (ordered @ weights) / (number * (number - 1))


def energy_distance(reference: SortedSample) -> Distance:
    """E|φ−p| − ½E|p−p′| − ½E|φ−φ′| (Székely & Rizzo 2013): zero exactly for equal distributions.

    The estimate from K draws per row, ``(B, K)`` to ``(B,)``, is unbiased and so can be negative.
    """

    def distance(drawn: Array) -> Array:
        xp = namespace(drawn)
        across = row_mean(xp, reference.mean_distance(drawn))
        within = mean_difference(xp.sort(drawn, axis=1))
        return across - 0.5 * within - 0.5 * reference.mean_difference

    return distance


def quantile_error(reference: SortedSample) -> Distance:
    """Mean absolute difference of equal quantiles, ``(B, K)`` to ``(B,)``.

    Positive for finite K even when the distributions agree, by the same amount for every θ only
    roughly: prefer the energy distance unless the tails matter to you.
    """

    def distance(drawn: Array) -> Array:
        xp = namespace(drawn)
        levels = (np.arange(drawn.shape[1]) + 0.5) / drawn.shape[1]
        quantiles = convert(np.quantile(reference.values, levels), drawn)
        return row_mean(xp, xp.abs(xp.sort(drawn, axis=1) - quantiles))

    return distance


def absolute_error(reference: SortedSample) -> Distance:
    """E|φ−p| with independent draws (ADAGE, eq. 11), ``(B, K)`` to ``(B,)``.

    *Not* a distance between distributions: its least value is reached by a point mass at the
    median of φ, so it always prefers less noise. Kept because the paper uses it.
    """
    return lambda drawn: row_mean(namespace(drawn), reference.mean_distance(drawn))


def kernel_discrepancy(reference: SortedSample) -> Distance:
    """Squared maximum mean discrepancy under a Gaussian kernel (Gretton et al. 2012, lemma 6).

    It compares densities smoothed over `KERNEL_WIDTH` deviations of the reference, so that, unlike
    the energy distance, a mean that the model cannot reach does not pull its spread along. Unbiased
    from K draws per row, ``(B, K)`` to ``(B,)``.
    """
    return _KernelDiscrepancy(reference)


class _KernelDiscrepancy:
    """See `kernel_discrepancy`; what depends on the reference alone is computed when first used."""

    def __init__(self, reference: SortedSample):
        self._reference = reference
        self._width = KERNEL_WIDTH * float(reference.values.std())

    def _kernel(self, difference: Array) -> Array:
        return namespace(difference).exp(-0.5 * (difference / self._width) ** 2)

    @cached_property
    def _known(self) -> tuple[Array, Array, float]:
        """E k(φ, p) on a grid, as it depends on p alone, and E k(φ, φ')."""
        values, margin = self._reference.values, 6.0 * self._width
        grid = np.linspace(values[0] - margin, values[-1] + margin, 2001)
        embedding = self._kernel(grid[:, None] - values[None, :]).mean(axis=1)
        number = len(values)
        within = self._kernel(values[:, None] - values[None, :])
        return grid, embedding, (within.sum() - number) / (number * (number - 1))

    def __call__(self, drawn: Array) -> Array:
        grid, embedding, constant = self._known
        xp, draws = namespace(drawn), drawn.shape[1]
        rows = max(1, MOST_PAIRS // draws**2)
        parts = [drawn[first : first + rows] for first in range(0, len(drawn), rows)]
        pairs = xp.concat(
            [
                xp.sum(self._kernel(part[:, :, None] - part[:, None, :]), axis=(1, 2))
                for part in parts
            ]
        )
        inside = (pairs - draws) / (draws * max(1, draws - 1))
        table = convert(grid, drawn), convert(embedding, drawn)
        across = row_mean(xp, interpolated(xp, drawn, *table))
        return inside - 2.0 * across + constant


DISTANCES: dict[str, Callable[[SortedSample], Distance]] = {
    "energy": energy_distance,
    "kernel": kernel_discrepancy,
    "quantile": quantile_error,
    "absolute_error": absolute_error,
}
