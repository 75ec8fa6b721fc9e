"""Grid search: every point of a regular grid, again and again."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from ...envs.core.characteristics import Characteristics
from ...envs.core.errors import PacesetterError
from ..leader import SearchLeader
from .options import SearchSettings, checked_measurements, checked_number

MOST_GRID_POINTS = 1_000_000  # two arrays of that length; nobody can measure that many anyway


@dataclass(frozen=True)
class GridLeader(SearchSettings):
    """A leader that tries every point of a regular grid again and again.

    Attributes:
        points_per_characteristic: values per characteristic, evenly spaced, both bounds included.
    """

    name: ClassVar[str] = "grid"
    points_per_characteristic: Annotated[int, Ge(2)] = 5

    def search(self, characteristics: Characteristics, seed: int) -> GridSearch:
        """The search leader; PacesetterError if the grid has too many points."""
        return GridSearch(characteristics, self.points_per_characteristic, seed)


class GridSearch(SearchLeader):
    """Cycles through the grid; the answer is the point with the highest mean measurement.

    Every cycle visits each point once, in an order shuffled once by the seed, so that a budget that
    ends within the first cycle has covered the whole box and not a corner of it.
    """

    def __init__(self, characteristics: Characteristics, points: int, seed: int):
        if characteristics.constraints:
            raise PacesetterError(
                "a grid cannot keep the constraints of this market "
                f"({'; '.join(map(str, characteristics.constraints))}). Choose leader 'random' or "
                "'bayesian'."
            )
        self._characteristics = characteristics
        fixed = characteristics.low == characteristics.high
        self._axes = [
            np.linspace(low, high, 1 if same else points)
            for low, high, same in zip(
                characteristics.low, characteristics.high, fixed, strict=True
            )
        ]
        self._shape = tuple(len(axis) for axis in self._axes)
        if (size := math.prod(self._shape)) > MOST_GRID_POINTS:
            raise PacesetterError(
                f"a grid of {points} points per characteristic has {size} points for "
                f"{', '.join(characteristics.names)}; at most {MOST_GRID_POINTS} are allowed. "
                "Lower points_per_characteristic, or choose leader 'random' or 'bayesian'."
            )
        self._order = np.random.default_rng(seed).permutation(size)
        self._position = 0
        self._measured: dict[int, tuple[int, float]] = {}  # point -> count and mean

    def propose(self, number: int) -> NDArray[np.float64]:
        """The next `number` grid points of the cycle, ``(number, d)``."""
        steps = self._position + np.arange(checked_number(number))
        self._position = int((steps[-1] + 1) % len(self._order))
        return self._theta(self._order[steps % len(self._order)])

    def learn(self, theta: NDArray, values: NDArray) -> None:
        """Average the values, ``(n,)``, per grid point, ``(n, d)``.

        Raises:
            PacesetterError: θ is no grid point, or `checked_measurements` refuses it.
        """
        theta, values = checked_measurements(self._characteristics, theta, values)
        for point, value in zip(self._points(theta).tolist(), values.tolist(), strict=True):
            count, mean = self._measured.get(point, (0, 0.0))
            self._measured[point] = (count + 1, mean + (value - mean) / (count + 1))

    def best(self) -> NDArray[np.float64]:
        """The grid point with the highest mean, ``(d,)``; the market default before any value.

        Of points with equal means, the one with the smallest first characteristic wins, then the
        smallest second, and so on.
        """
        if not self._measured:
            return self._characteristics.default.copy()
        point = min(self._measured, key=lambda point: (-self._measured[point][1], point))
        return self._theta(np.array([point]))[0]

    def state(self) -> dict[str, Any]:
        """Position in the cycle and ``[point, count, mean]`` of every measured point."""
        measured = [[point, count, mean] for point, (count, mean) in self._measured.items()]
        return {"position": self._position, "measured": measured}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        self._position = int(state["position"])
        self._measured = {
            int(point): (int(count), float(mean)) for point, count, mean in state["measured"]
        }

    def _theta(self, points: NDArray[np.int64]) -> NDArray[np.float64]:
        columns = np.unravel_index(points, self._shape)
        return np.stack(
            [axis[column] for axis, column in zip(self._axes, columns, strict=True)], axis=1
        )

    def _points(self, theta: NDArray[np.float64]) -> NDArray[np.int64]:
        nearest = tuple(
            np.abs(theta[:, column, None] - axis).argmin(axis=1)
            for column, axis in enumerate(self._axes)
        )
        points = np.ravel_multi_index(nearest, self._shape)
        span = self._characteristics.high - self._characteristics.low
        away = np.abs(self._theta(points) - theta) > 1e-5 * span
        if away.any():
            row = int(np.argwhere(away)[0, 0])
            raise PacesetterError(
                f"leader 'grid' was told of {self._characteristics.named(theta[row])} (row {row}), "
                f"which is no point of its grid of {'×'.join(map(str, self._shape))}. Pass only θ "
                "that it proposed."
            )
        return points
