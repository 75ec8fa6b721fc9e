"""The θ a leader may choose: the box, linear constraints and a user's own rule, sampled exactly."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ...envs.core.characteristics import Characteristics, LinearConstraint
from ...envs.core.dotted import import_dotted
from ...envs.core.errors import PacesetterError, unknown

ROUNDING = 2e-7  # float32 keeps 6e-8 of a number; constraints are tightened by a little more
THINNEST = 1e-5  # smallest radius of the feasible set, in shares of the bounds
LEAST_ACCEPTANCE = 0.02  # below, drawing from the box and rejecting is slower than walking
MOST_TRIALS = 65_536
POOL = 64


class FeasibleSet:
    """Box, linear constraints and a rule, in coordinates from 0 to 1 between the bounds.

    Characteristics whose bounds coincide are left out of the coordinates: ``f`` of ``d`` are free.
    Constraints are tightened by a share of 2e-7 of their terms, so that they hold whatever the
    order of summation and also after θ went through float32.

    Args:
        characteristics: names and bounds of θ.
        constraints: linear constraints, all of which must hold beside those of the market.
        rule: ``"package.module:function"``, called with θ ``(n, d)``, returns ``(n,)`` booleans;
            empty: none.
        seed: seed of the search for a first feasible point.

    Raises:
        PacesetterError: an unknown name, a number that is not finite, no free characteristic, a
            rule that cannot be called, or an empty or vanishingly thin set.
    """

    def __init__(
        self,
        characteristics: Characteristics,
        constraints: tuple[LinearConstraint, ...] = (),
        rule: str = "",
        seed: int = 0,
    ):
        self._characteristics = characteristics
        self._constraints = (*characteristics.constraints, *constraints)
        self._rule_path = rule
        self._rule: Callable | None = import_dotted(rule, "option 'feasible'") if rule else None
        self._free = characteristics.high > characteristics.low
        self.size = int(self._free.sum())
        if not self.size:
            raise PacesetterError(
                f"the bounds of every characteristic coincide ({', '.join(characteristics.names)}):"
                " there is nothing to search. Choose leader 'fixed'."
            )
        self._weights = np.zeros((len(self._constraints), len(characteristics)))
        for row, constraint in enumerate(self._constraints):
            self._weights[row] = self._row(constraint)
        largest = np.maximum(np.abs(characteristics.low), np.abs(characteristics.high))
        upper = np.array([constraint.upper for constraint in self._constraints], dtype=float)
        self._upper = upper - ROUNDING * (np.abs(self._weights) @ largest)
        span = (characteristics.high - characteristics.low)[self._free]
        self._slopes = self._weights[:, self._free] * span
        self._room = self._upper - self._weights @ characteristics.low
        self.centre, self.radius = self._inner_ball()
        self._find_pool(np.random.default_rng(seed))

    def theta(self, unit: NDArray[np.float64]) -> NDArray[np.float64]:
        """Coordinates ``(n, f)`` to θ ``(n, d)``."""
        complete = np.zeros((len(unit), len(self._characteristics)))
        complete[:, self._free] = unit
        theta = self._characteristics.from_unit(complete)
        return np.clip(theta, self._characteristics.low, self._characteristics.high)

    def unit(self, theta: NDArray[np.float64]) -> NDArray[np.float64]:
        """θ ``(n, d)`` to coordinates ``(n, f)``."""
        low, high = self._characteristics.low[self._free], self._characteristics.high[self._free]
        return np.clip((theta[:, self._free] - low) / (high - low), 0.0, 1.0)

    def contains(self, unit: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which coordinates, ``(n, f)``, keep every constraint, ``(n,)``."""
        theta = self.theta(unit)
        # Half of the tightening is left as room for rounding between coordinates and θ.
        slack = np.array([constraint.upper for constraint in self._constraints]) - self._upper
        inside = np.all(theta @ self._weights.T <= self._upper + slack / 2, axis=1)
        if self._rule is not None and inside.any():
            inside[inside] = self._obeys(theta[inside])
        return inside

    def draw(self, generator: np.random.Generator, number: int) -> NDArray[np.float64]:
        """Feasible coordinates, ``(number, f)``, uniform on the feasible set.

        Exact by rejection where the set fills at least 2 % of the box; otherwise by a random walk
        whose limit is uniform.
        """
        if self._acceptance < LEAST_ACCEPTANCE:
            return self._walk(generator, number)
        found = np.empty((0, self.size))
        while len(found) < number:
            trials = int(1.2 * (number - len(found)) / self._acceptance) + 8
            unit = generator.random((trials, self.size))
            found = np.concatenate([found, unit[self.contains(unit)]])
        return found[:number]

    def pull(
        self, origin: NDArray[np.float64], targets: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Move targets ``(n, f)`` into the set: onto the box, then back towards `origin` ``(f,)``.

        Optima often lie on a boundary, where nearly all steps from a point lead outside; pulled
        back they end on the boundary. Targets the rule forbids are left out: fewer rows return.
        """
        targets = np.clip(targets, 0.0, 1.0)
        steps = targets - origin
        climbs = steps @ self._slopes.T
        room = np.maximum(self._room - self._slopes @ origin, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(climbs > 0, room / climbs, 1.0).min(axis=1, initial=1.0)
        moved = np.clip(origin + share[:, None] * steps, 0.0, 1.0)
        return moved[self.contains(moved)]

    def _row(self, constraint: LinearConstraint) -> NDArray[np.float64]:
        names = self._characteristics.names
        row = np.zeros(len(names))
        for name, weight in constraint.coefficients.items():
            if name not in names:
                raise unknown(f"characteristic in the constraint '{constraint}':", name, names)
            row[names.index(name)] = weight
        if not row.any() or not np.isfinite([*row, constraint.upper]).all():
            raise PacesetterError(
                f"the constraint '{constraint}' needs a finite upper value and at least one finite "
                f"coefficient other than 0 for {', '.join(names)}. Complete or remove it."
            )
        return row

    def _inner_ball(self) -> tuple[NDArray[np.float64], float]:
        """Centre and radius of the largest ball inside; the centre is far from every boundary."""
        if not self._constraints:
            return np.full(self.size, 0.5), 0.5
        from scipy.optimize import linprog  # a slow import, and only constraints need it

        lengths = np.linalg.norm(self._slopes, axis=1, keepdims=True)
        eye, one = np.eye(self.size), np.ones((self.size, 1))
        answer = linprog(
            np.append(np.zeros(self.size), -1.0),
            np.block([[self._slopes, lengths], [eye, one], [-eye, one]]),
            np.concatenate([self._room, np.ones(self.size), np.zeros(self.size)]),
            bounds=[(0, 1)] * self.size + [(None, None)],
        )
        radius = float(answer.x[-1]) if answer.success else -np.inf
        if radius < THINNEST:
            raise PacesetterError(self._blame())
        return answer.x[:-1], radius

    def _blame(self) -> str:
        """The message for constraints that leave no room."""
        low, high = self._characteristics.low, self._characteristics.high
        for constraint, weights in zip(self._constraints, self._weights, strict=True):
            smallest = float(np.minimum(weights * low, weights * high).sum())
            if smallest >= constraint.upper:
                return (
                    f"the constraint '{constraint}' leaves no room: within the bounds of the "
                    f"market the sum is at least {smallest:g}. Raise upper above that."
                )
        listed = "; ".join(map(str, self._constraints))
        return (
            f"the constraints of the leader leave no room (or a set thinner than {THINNEST:g} of "
            f"the bounds): {listed}. Each can be met alone, but not all at once: relax one. Fix "
            "an equality by hand, by substituting it."
        )

    def _find_pool(self, generator: np.random.Generator) -> None:
        """Measure how much of the box is feasible and collect feasible points for `_walk`."""
        unit = generator.random((4096, self.size))
        inside = self.contains(unit)
        self._acceptance = float(inside.mean())
        self._pool = unit[inside][:POOL]
        trials = len(unit)
        while not len(self._pool) and trials < MOST_TRIALS:
            unit = self._linear_walk(generator, np.tile(self.centre, (4096, 1)), None)
            self._pool = unit[self.contains(unit)][:POOL]
            trials += len(unit)
        if not len(self._pool):
            raise PacesetterError(
                f"the rule {self._rule_path!r} (option 'feasible') allows none of {trials} θ drawn "
                "within the bounds and linear constraints. Check the rule, or relax it: a leader "
                "needs a set it can find."
            )

    def _walk(self, generator: np.random.Generator, number: int) -> NDArray[np.float64]:
        origins = self._pool[generator.integers(len(self._pool), size=number)]
        return self._linear_walk(generator, origins, self._rule)

    def _linear_walk(
        self,
        generator: np.random.Generator,
        origins: NDArray[np.float64],
        rule: Callable | None,
    ) -> NDArray[np.float64]:
        """Hit and run: independent walks from `origins`, each step uniform on a random chord.

        With a rule, steps onto forbidden points are not taken, which keeps the uniform limit.
        """
        position = origins.copy()
        for _ in range(20 + 10 * self.size):
            direction = generator.standard_normal(position.shape)
            rates = np.concatenate([direction @ self._slopes.T, direction, -direction], axis=1)
            room = np.concatenate(
                [self._room - position @ self._slopes.T, 1 - position, position], axis=1
            )
            with np.errstate(divide="ignore", invalid="ignore"):
                crossing = np.maximum(room, 0.0) / rates
            ahead = np.where(rates > 0, crossing, np.inf).min(axis=1)
            behind = np.where(rates < 0, crossing, -np.inf).max(axis=1)
            step = behind + (ahead - behind) * generator.random(len(position))
            moved = np.clip(position + step[:, None] * direction, 0.0, 1.0)
            allowed = self.contains(moved) if rule is not None else np.ones(len(moved), dtype=bool)
            position[allowed] = moved[allowed]
        return position

    def _obeys(self, theta: NDArray[np.float64]) -> NDArray[np.bool_]:
        assert self._rule is not None
        answer = np.asarray(self._rule(theta))
        if answer.shape != (len(theta),) or answer.dtype != bool:
            raise PacesetterError(
                f"the rule {self._rule_path!r} (option 'feasible') returned {answer.dtype} of "
                f"shape {answer.shape} for θ of shape {theta.shape}; it must return booleans "
                f"of shape ({len(theta)},), True where θ is allowed. Correct the function."
            )
        return answer
