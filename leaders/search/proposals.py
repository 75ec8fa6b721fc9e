"""Many proposals at once from one Gaussian process, within any feasible set.

The acquisition functions are those of the package bayesian-optimization. Its search for their
maximum is replaced, for these reasons.

* ``suggest`` measures improvement against the largest observation, which under noise is mostly luck
  and never comes down again. Here it is the largest posterior mean at a measured point.
* ``ConstantLiar`` refits everything for every proposal, which takes seconds each. Here scales are
  fitted once per batch, and believing in a proposal adds one row to a factor.
* Its constraints are learned from measurements. Those of a leader are known and hold exactly.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from bayes_opt.acquisition import (
    AcquisitionFunction,
    ExpectedImprovement,
    ProbabilityOfImprovement,
    UpperConfidenceBound,
)
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from .feasible import FeasibleSet
from .surrogate import Surrogate

APART = 1e-3  # proposals of a batch are at least this far apart in some coordinate
CANDIDATES = 1024  # drawn over the whole feasible set
NEARBY = 1024  # drawn around the best points so far
SEEDS = 16  # how many of them
BATCH_WIDTHS = (0.05, 0.01)  # steps of the polish of a proposal, in shares of the bounds
BEST_WIDTHS = (0.1, 0.05, 0.02, 0.01, 0.004, 0.001)  # and of the answer, which is found once
TRIES = 48

Score = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def acquisition_function(name: str, exploration: float) -> AcquisitionFunction:
    """The package's acquisition function of that name."""
    if name == "upper_confidence_bound":
        return UpperConfidenceBound(kappa=exploration)
    if name == "probability_of_improvement":
        return ProbabilityOfImprovement(xi=exploration)
    return ExpectedImprovement(xi=exploration)


def candidates(
    surrogate: Surrogate, feasible: FeasibleSet, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Feasible points to choose from, ``(m, f)``: everywhere, and more around the best so far."""
    everywhere = feasible.draw(generator, CANDIDATES)
    measured = surrogate.points[feasible.contains(surrogate.points)]
    if not len(measured):
        return everywhere
    best = measured[np.argsort(-surrogate.mean(measured), kind="stable")[:SEEDS]]
    nearby = []
    for origin in best:
        size = (NEARBY // len(best), feasible.size)
        widths = np.exp(generator.uniform(np.log(0.01), np.log(0.3), size=(size[0], 1)))
        nearby.append(feasible.pull(origin, origin + widths * generator.standard_normal(size)))
    return np.concatenate([everywhere, best, *nearby])


def polish(
    point: NDArray[np.float64],
    score: Score,
    feasible: FeasibleSet,
    generator: np.random.Generator,
    widths: tuple[float, ...],
) -> NDArray[np.float64]:
    """A point of higher score near `point`, ``(f,)``: random steps, from wide to narrow."""
    for width in widths:
        steps = width * generator.standard_normal((TRIES, len(point)))
        tried = np.concatenate([point[None], feasible.pull(point, point + steps)])
        point = tried[score(tried).argmax()]
    return point


def highest_mean(
    surrogate: Surrogate, feasible: FeasibleSet, generator: np.random.Generator
) -> NDArray[np.float64]:
    """The feasible point with the highest posterior mean, ``(f,)``."""
    points = candidates(surrogate, feasible, generator)
    point = points[surrogate.mean(points).argmax()]
    return polish(point, surrogate.mean, feasible, generator, BEST_WIDTHS)


class Batch:
    """Proposals chosen one after the other, each as if the earlier ones had been measured.

    Kriging believer: an earlier proposal counts as measured with its posterior mean as the value.
    That leaves the mean everywhere as it was and lowers the deviation around the proposal. It is
    believed without noise: with the noise of a real measurement the deviation would hardly fall,
    and a batch would crowd around one point, which the model may well have picked by mistake.

    Args:
        surrogate: posterior given the measurements.
        acquisition: what a proposal is chosen by.
        feasible: where proposals may lie.
        generator: random numbers for the search.
        pending: proposals made but not measured yet, ``(p, f)``.
        number: how many proposals will be asked for.
    """

    def __init__(
        self,
        surrogate: Surrogate,
        acquisition: AcquisitionFunction,
        feasible: FeasibleSet,
        generator: np.random.Generator,
        pending: NDArray[np.float64],
        number: int,
    ):
        self._surrogate, self._acquisition = surrogate, acquisition
        self._feasible, self._generator = feasible, generator
        self._apart = min(APART, feasible.radius / 100)
        self._candidates = candidates(surrogate, feasible, generator)
        self._known = len(surrogate.points)
        rows = self._known + len(pending) + number
        self._points = np.empty((rows, feasible.size))
        self._points[: self._known] = surrogate.points
        self._factor = np.zeros((rows, rows), order="F")
        self._factor[: self._known, : self._known] = surrogate.factor
        self._mean = surrogate.mean(self._candidates)
        self._half = np.empty((rows, len(self._candidates)))
        self._half[: self._known] = self._halve(self._candidates)
        self._variance = surrogate.signal - (self._half[: self._known] ** 2).sum(axis=0)
        # Improvement in units of what θ explains: with much noise, a share of the deviation of a
        # single measurement would be out of reach.
        self._unit = np.sqrt(surrogate.signal)
        acquisition.y_max = surrogate.mean(surrogate.points).max() / self._unit
        self._taken = pending
        for point in pending:
            self._believe(point)

    def next(self) -> NDArray[np.float64]:
        """The next proposal, ``(f,)``, different from all before."""
        values = self._value(self._candidates, self._mean, self._variance)
        start = self._candidates[values.argmax()]
        point = polish(start, self._score, self._feasible, self._generator, BATCH_WIDTHS)
        if not self._distinct(point[None])[0]:  # a crowded set: any other point will do
            drawn = self._feasible.draw(self._generator, CANDIDATES)
            gaps = np.abs(drawn[:, None] - self._taken).max(axis=2).min(axis=1)
            point = drawn[gaps.argmax()]
        self._taken = np.concatenate([self._taken, point[None]])
        self._believe(point)
        return point

    def _score(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        variance = self._surrogate.signal - (self._halve(points) ** 2).sum(axis=0)
        return self._value(points, self._surrogate.mean(points), variance)

    def _value(
        self, points: NDArray[np.float64], mean: NDArray[np.float64], variance: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Acquisition of points with given mean and variance; minus infinity if taken."""
        deviation = np.sqrt(np.maximum(variance, 1e-12))
        value = self._acquisition.base_acq(mean / self._unit, deviation / self._unit)
        return np.where(self._distinct(points), value, -np.inf)

    def _distinct(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        gaps = np.abs(points[:, None] - self._taken).max(axis=2)
        return gaps.min(axis=1, initial=np.inf) > self._apart

    def _halve(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Covariance with what is known times the inverse factor, ``(known, n)``."""
        known = slice(self._known)
        return solve_triangular(
            self._factor[known, known],
            self._surrogate.covariance(self._points[known], points),
            lower=True,
            check_finite=False,
        )

    def _believe(self, point: NDArray[np.float64]) -> None:
        """Add `point` to what is known: one row of the factor, nothing is solved again."""
        row = self._known
        half = self._halve(point[None])[:, 0]
        spread = self._surrogate.signal - half @ half
        pivot = np.sqrt(np.maximum(spread, 1e-8))  # regular even where nothing is left to learn
        added = self._surrogate.covariance(point[None], self._candidates)[0]
        added = (added - half @ self._half[:row]) / pivot
        self._half[row] = added
        self._variance = self._variance - added**2
        self._factor[row, :row], self._factor[row, row] = half, pivot
        self._points[row] = point
        self._known = row + 1
