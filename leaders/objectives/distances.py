"""Distances between a simulated and a reference sample of one number."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
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

    def mean_distance(self, points: Floats) -> Floats:
        """E|φ − p| for every p, any shape."""
        below = np.searchsorted(self.values, points)
        number, total = len(self.values), self._cumulative[-1]
        return (points * (2 * below - number) + total - 2 * self._cumulative[below]) / number


def mean_difference(ordered: Floats) -> Floats:
    """E|p − p′| over distinct pairs of each ascending row, ``(B, K)`` to ``(B,)``; unbiased.

    A lone draw, as of an interval that its episode cut short, has no pairs: 0.
    """
    number = ordered.shape[1]
    if number == 1:
        return np.zeros(len(ordered))
    weights = 2.0 * np.arange(number) - (number - 1)
    return 2.0 * (ordered @ weights) / (number * (number - 1))


def energy_distance(reference: SortedSample) -> Callable[[Floats], Floats]:
    """E|φ−p| − ½E|p−p′| − ½E|φ−φ′| (Székely & Rizzo 2013): zero exactly for equal distributions.

    The estimate from K draws per row, ``(B, K)`` to ``(B,)``, is unbiased and so can be negative.
    """

    def distance(drawn: Floats) -> Floats:
        across = reference.mean_distance(drawn).mean(axis=1)
        return (
            across - 0.5 * mean_difference(np.sort(drawn, axis=1)) - 0.5 * reference.mean_difference
        )

    return distance


def quantile_error(reference: SortedSample) -> Callable[[Floats], Floats]:
    """Mean absolute difference of equal quantiles, ``(B, K)`` to ``(B,)``.

    Positive for finite K even when the distributions agree, by the same amount for every θ only
    roughly: prefer the energy distance unless the tails matter to you.
    """

    def distance(drawn: Floats) -> Floats:
        levels = (np.arange(drawn.shape[1]) + 0.5) / drawn.shape[1]
        return np.abs(np.sort(drawn, axis=1) - np.quantile(reference.values, levels)).mean(axis=1)

    return distance


def absolute_error(reference: SortedSample) -> Callable[[Floats], Floats]:
    """E|φ−p| with independent draws (ADAGE, eq. 11), ``(B, K)`` to ``(B,)``.

    *Not* a distance between distributions: its least value is reached by a point mass at the
    median of φ, so it always prefers less noise. Kept because the paper uses it.
    """
    return lambda drawn: reference.mean_distance(drawn).mean(axis=1)


def kernel_discrepancy(reference: SortedSample) -> Callable[[Floats], Floats]:
    """Squared maximum mean discrepancy under a Gaussian kernel (Gretton et al. 2012, lemma 6).

    It compares densities smoothed over `KERNEL_WIDTH` deviations of the reference, so that, unlike
    the energy distance, a mean that the model cannot reach does not pull its spread along. Unbiased
    from K draws per row, ``(B, K)`` to ``(B,)``.
    """
    width = KERNEL_WIDTH * float(reference.values.std())

    def kernel(difference: Floats) -> Floats:
        return np.exp(-0.5 * (difference / width) ** 2)

    # E k(φ, p) depends on p alone: tabulated once, looked up ever after.
    margin = 6.0 * width
    grid = np.linspace(reference.values[0] - margin, reference.values[-1] + margin, 2001)
    embedding = kernel(grid[:, None] - reference.values[None, :]).mean(axis=1)
    number = len(reference.values)
    within = kernel(reference.values[:, None] - reference.values[None, :])
    constant = (within.sum() - number) / (number * (number - 1))

    def distance(drawn: Floats) -> Floats:
        draws = drawn.shape[1]
        rows = max(1, MOST_PAIRS // draws**2)
        parts = [drawn[first : first + rows] for first in range(0, len(drawn), rows)]
        pairs = np.concatenate(
            [kernel(part[:, :, None] - part[:, None, :]).sum(axis=(1, 2)) for part in parts]
        )
        inside = (pairs - draws) / (draws * max(1, draws - 1))
        across = np.interp(drawn, grid, embedding, left=0.0, right=0.0).mean(axis=1)
        return inside - 2.0 * across + constant

    return distance


DISTANCES: dict[str, Callable[[SortedSample], Callable[[Floats], Floats]]] = {
    "energy": energy_distance,
    "kernel": kernel_discrepancy,
    "quantile": quantile_error,
    "absolute_error": absolute_error,
}
