"""Noisy measurements in bounded memory: repeated and neighbouring ones are averaged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

NEAREST = 0.1  # share of the measurements, the best, that a logarithm leaves in proportion
LEAST = 1e-100  # shortfalls below it are none: their squares leave the range of numbers
ROUNDING = 1e-12  # differences of values that are smaller, in proportion, are rounding
SAME = 6  # decimals of the unit cube at which two points are repetitions of each other


@dataclass(frozen=True)
class Observations:
    """Averaged measurements, never changed in place.

    Attributes:
        points: where, in coordinates from 0 to 1, ``(m, f)``.
        means: mean of the measurements there, ``(m,)``.
        counts: how many measurements, ``(m,)``.
        squares: sum of squared deviations from the mean there, ``(m,)``; it carries what
            repetitions say about the noise.
    """

    points: NDArray[np.float64]
    means: NDArray[np.float64]
    counts: NDArray[np.float64]
    squares: NDArray[np.float64]

    @classmethod
    def none(cls, size: int) -> Observations:
        """No measurements of `size` coordinates."""
        return cls(np.empty((0, size)), np.empty(0), np.empty(0), np.empty(0))

    def __len__(self) -> int:
        return len(self.means)

    def add(
        self, points: NDArray[np.float64], values: NDArray[np.float64], most: int
    ) -> Observations:
        """With the values ``(n,)`` at points ``(n, f)`` as well, in at most `most` rows.

        Repetitions of a point are always averaged. Beyond `most` rows, the pairs of neighbours that
        lose least by it are averaged too: those with the smallest ``a·b/(a+b)·distance²`` for
        counts a and b (Ward's criterion).
        """
        extended = Observations(
            np.concatenate([self.points, points]),
            np.concatenate([self.means, values]),
            np.concatenate([self.counts, np.ones(len(values))]),
            np.concatenate([self.squares, np.zeros(len(values))]),
        )
        if not len(extended):
            return self
        rounded = extended.points.round(SAME) + 0.0  # no -0
        labels = np.unique(rounded, axis=0, return_inverse=True)[1].ravel()
        pooled = extended._pool(labels)
        while len(pooled) > most:
            pooled = pooled._pool(pooled._neighbour_labels(len(pooled) - most))
        return pooled

    def part(self, most: int) -> Observations:
        """At most `most` rows, evenly spaced; rows are sorted, so they spread over the box."""
        if len(self) <= most:
            return self
        rows = np.linspace(0, len(self) - 1, most).round().astype(int)
        return Observations(
            self.points[rows], self.means[rows], self.counts[rows], self.squares[rows]
        )

    def log_shortfalls(self) -> Observations:
        """Less the logarithm of how far means are below the best, counted from the nearest tenth.

        The order stays. Where values run over orders of magnitude, those near the best are told
        apart again; deviations of repetitions are stretched as the values around them are.
        """
        below = self.means.max(initial=-np.inf) - self.means
        worst = float(below.max(initial=0.0))
        if worst < LEAST or not (unit := float(np.quantile(below, NEAREST))):
            return self
        unit = max(unit, ROUNDING * worst)
        stretched = 1.0 / (unit + below)
        means = -np.log1p(below / unit)
        return Observations(self.points, means, self.counts, self.squares * stretched**2)

    def standardised(self) -> Observations:
        """Shifted and scaled so that single measurements have mean 0 and standard deviation 1."""
        total = self.counts.sum()
        centred = self.means - self.counts @ self.means / total
        scale = np.sqrt((self.squares.sum() + self.counts @ centred**2) / total)
        # Equal values have no spread; the bound keeps rounding from being blown up to one.
        scale = scale if scale > ROUNDING * np.abs(self.means).max(initial=0.0) else 1.0
        return Observations(self.points, centred / scale, self.counts, self.squares / scale**2)

    def state(self) -> dict[str, Any]:
        """All numbers as lists."""
        return {name: column.tolist() for name, column in vars(self).items()}

    @classmethod
    def restore(cls, state: dict[str, Any], size: int) -> Observations:
        """What `state` wrote down."""
        columns = {name: np.array(column, dtype=float) for name, column in state.items()}
        return cls(**columns | {"points": columns["points"].reshape(-1, size)})

    def _pool(self, labels: NDArray[np.int64]) -> Observations:
        """Average the rows of equal label, weighted by their counts."""
        counts = np.bincount(labels, self.counts).astype(np.float64)
        means = np.bincount(labels, self.counts * self.means) / counts
        spread = self.counts * (self.means - means[labels]) ** 2
        squares = np.bincount(labels, self.squares + spread).astype(np.float64)
        columns = [np.bincount(labels, self.counts * column) / counts for column in self.points.T]
        return Observations(np.stack(columns, axis=1), means, counts, squares)

    def _neighbour_labels(self, most_pairs: int) -> NDArray[np.int64]:
        """Labels that join at most `most_pairs` disjoint pairs of nearest neighbours."""
        from scipy.spatial import cKDTree  # a slow import that few runs need

        distance, rows = cKDTree(self.points).query(self.points, k=2)
        own = np.arange(len(self))
        # A point at distance 0 may come first itself or second; take the one that is not itself.
        other = np.where(rows[:, 0] == own, rows[:, 1], rows[:, 0])
        a, b = self.counts, self.counts[other]
        cost = a * b / (a + b) * distance[:, 1] ** 2
        labels, free, pairs = own.copy(), np.ones(len(self), dtype=bool), 0
        for row in np.argsort(cost, kind="stable"):
            if pairs == most_pairs:
                break
            if free[row] and free[other[row]]:
                free[row] = free[other[row]] = False
                labels[other[row]] = labels[row]
                pairs += 1
        return np.unique(labels, return_inverse=True)[1]
