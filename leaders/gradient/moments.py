"""A leader that matches statistics of paths, and knows how far it may be off.

The simulated method of moments: θ minimises ``gᵀWg`` with g the mean statistics of simulations less
those of the reference and W the inverse covariance of the latter (McFadden 1989; Pakes and Pollard
1989). With n paths of data and S simulated ones the covariance of the estimate is, at its least,
``(1/n + 1/S) (JᵀV⁻¹J)⁻¹``; what it loses by estimated weights and Jacobians is added.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Le
from numpy.typing import NDArray

from ...envs.core.characteristics import Characteristics
from ...envs.core.errors import PacesetterError
from ..leader import How, Interval, LeaderSettings, Measured, Question
from ..objectives.target import Target, constant, indistinct, precision, shrinkage

Floats = NDArray[np.float64]
DAMPING, LEAST_DAMPING, MOST_DAMPING = 1e-3, 1e-9, 1e9
SETTLED, SETTLED_AMONG_OTHERS = 1e-3, 1.0
"""Squared distance from the optimum, in standard errors of the estimate: alone, among starts."""
UNLIKELY = 0.001


@dataclass(frozen=True)
class MomentsLeader(LeaderSettings):
    """Matches the statistics of the objective to their reference, with standard errors.

    Gauss-Newton steps with damping (Levenberg-Marquardt), from several starts, always in the same
    simulated episodes; a step that does not come closer is taken back. After half of the iterations
    the best start goes on alone, in as many episodes as all of them had; after three quarters with
    weights from simulations, where these are asked for.

    Attributes:
        starts: where it begins: the market's default (or `initial_theta`), and draws of the prior.
        initial_theta: name -> value of the first start; entries left out take the default.
        copies_per_start: simulated episodes of every θ, of which half give the Jacobian and the
            other half the scatter.
        sharpen: once the best start goes on alone, match those statistics, too, that need an
            estimate of θ: an objective says which (`Statistics.estimates`).
        weights: inverse covariance of the statistics of the ``reference``, or of ``simulated``
            episodes at the estimate. The former's rows also make its mean, whose errors its weights
            then follow: estimates are drawn to where statistics scatter less.
        how: estimator of the Jacobian: ``differences`` under common noise (``auto``), or
            ``pathwise`` in differentiable markets.
        width: of a difference, as a share of the range of a characteristic.
        step: largest step, as a share of the range.
        interval: θ is set once per episode.
    """

    name: ClassVar[str] = "moments"
    wants_statistics: ClassVar[bool] = True
    followers_may_learn: ClassVar[bool] = False
    starts: Annotated[int, Ge(1), Le(64)] = 4
    initial_theta: dict[str, float] | None = None
    copies_per_start: Annotated[int, Ge(8)] = 1000
    sharpen: bool = False
    weights: Literal["reference", "simulated"] = "reference"
    how: How = "auto"
    width: Annotated[float, Gt(0), Le(0.5)] = 0.01
    step: Annotated[float, Gt(0), Le(1)] = 0.25
    interval: Interval = "episode"

    @property
    def sharpens(self) -> bool:
        """See `sharpen`."""
        return self.sharpen

    def guide(self, characteristics: Characteristics, seed: int, iterations: int) -> MomentsGuide:
        """The steps; PacesetterError if `initial_theta` or `interval` does not fit."""
        if self.interval != "episode":
            raise PacesetterError(
                "leader.interval: the moments leader sets θ once per episode; leave it out."
            )
        first = characteristics.validate(self.initial_theta)
        drawn = characteristics.draw(np.random.default_rng(seed), self.starts - 1)
        return MomentsGuide(self, characteristics, np.concatenate([first, drawn]), iterations)


class MomentsGuide:
    """Steps from all starts at once; see `MomentsLeader`.

    Args:
        settings: the leader's options.
        characteristics: the θ space.
        starts: ``(n, d)``.
        iterations: how often it will be told something.
    """

    def __init__(
        self,
        settings: MomentsLeader,
        characteristics: Characteristics,
        starts: Floats,
        iterations: int,
    ):
        self._settings, self._space = settings, characteristics
        self._range = characteristics.high - characteristics.low
        self._iterations = max(1, iterations)
        self._copies = settings.copies_per_start
        self._done = self._lost = 0
        self._figures: dict[str, float] = {}
        self._told: list[str] = []
        self._about: Floats | None = None
        self._scatter: Floats | None = None  # covariance of the statistics at the answer so far
        self._weights: Floats | None = None  # that of their weights, if it is not the reference's
        self._begin(starts)

    def _begin(self, theta: Floats) -> None:
        """Start from θ ``(n, d)``, of which nothing is known yet."""
        number, size = theta.shape
        self._next, self._theta = theta, theta
        self._cost = np.full(number, np.inf)
        self._damping = np.full(number, DAMPING)
        self._normal = np.zeros((number, size, size))  # JᵀWJ at `_theta`, on the unit cube
        self._slope = np.zeros((number, size))  # JᵀWg there
        self._settled = np.zeros(number, dtype=bool)

    def next_theta(self, slots: int) -> Floats:
        """The present θ of every start in turn."""
        return self._theta[np.arange(slots) % len(self._theta)]

    def question(self) -> Question | None:
        """Statistics and their Jacobian where it wants to step to; None: it has arrived."""
        if self._settled.all():
            return None
        settings = self._settings
        return Question(
            self._next,
            settings.how,
            width=settings.width,
            copies=self._copies,
            wants=frozenset({"statistics", "jacobians"}),
            fresh=False,
            about=self._about,
        )

    def learn(self, measured: Measured, last: bool) -> None:
        """Keep the steps that came closer, and say where to step next."""
        self._done += 1
        if measured.statistics is None:
            return
        assert measured.jacobians is not None and measured.target is not None
        target = measured.target
        if self._weights is not None:
            target = replace(target, covariance=self._weights)
        finite = np.isfinite(measured.statistics).all(axis=1)
        finite &= np.isfinite(measured.jacobians).all(axis=(1, 2))
        self._lost += int((~finite).sum())
        if not finite.any() and np.isinf(self._cost).all():
            raise PacesetterError(
                "the statistics are no numbers at any start; give leader.initial_theta, or narrow "
                "the range of θ."
            )
        # Inverses and distances of what is no number would spoil those of the others.
        statistics = np.where(finite[:, None], measured.statistics, target.mean)
        cost = np.where(finite, target.distance(statistics), np.inf)
        closer = cost < self._cost
        best = int(np.argmin(np.minimum(cost, self._cost)))
        self._theta = np.where(closer[:, None], self._next, self._theta)
        self._cost = np.where(closer, cost, self._cost)
        self._damping = np.clip(
            np.where(closer, self._damping / 10.0, np.maximum(self._damping, DAMPING) * 10.0),
            LEAST_DAMPING,
            MOST_DAMPING,
        )
        for row in np.flatnonzero(closer):
            jacobian = measured.jacobians[row] * self._range
            self._normal[row] = jacobian.T @ target.weight @ jacobian
            self._slope[row] = jacobian.T @ target.weight @ (statistics[row] - target.mean)
        if closer[best]:
            self._note(best, measured, target)
        self._propose(target.number)
        self._narrow()

    def _propose(self, number: int) -> None:
        """The next θ of every start; one that is close enough to its optimum has settled."""
        enough = SETTLED if len(self._theta) == 1 else SETTLED_AMONG_OTHERS
        unit = self._space.to_unit(self._theta)
        moved = unit.copy()
        for row in range(len(unit)):
            if np.isinf(self._cost[row]):  # no number yet: nothing says where to go
                self._settled[row] = True
                continue
            step = self._step(row, unit[row])
            gain = float(step @ self._normal[row] @ step)
            spent = self._damping[row] >= MOST_DAMPING
            self._settled[row] = gain * number < enough or spent
            moved[row] += step * min(1.0, self._settings.step / max(np.abs(step).max(), 1e-300))
        theta = self._space.from_unit(np.clip(moved, 0.0, 1.0))
        self._next = self._space.nearest_allowed(np.clip(theta, self._space.low, self._space.high))

    def _step(self, row: int, unit: Floats) -> Floats:
        """The damped step from a point of the unit cube, along bounds that it would break."""
        normal, slope = self._normal[row], self._slope[row]
        damped = normal + self._damping[row] * np.diag(np.diag(normal))
        free = self._range > 0
        step = np.zeros(len(unit))
        for _ in unit:
            inside = np.flatnonzero(free)
            part = damped[np.ix_(inside, inside)]
            step[:] = 0.0
            step[inside] = -np.linalg.lstsq(part, slope[inside], rcond=None)[0]
            out = ((unit <= 0.0) & (step < 0.0)) | ((unit >= 1.0) & (step > 0.0))
            if not out.any():
                break
            free &= ~out
        return np.where(free, step, 0.0)

    def _narrow(self) -> None:
        """Go on with the best start alone, and then with better weights, each in its time."""
        settings = self._settings
        arrived = bool(self._settled.all())
        best = self._theta[[int(np.argmin(self._cost))]]
        first = len(self._theta) > 1 or (settings.sharpen and self._about is None)
        if first and (arrived or 2 * self._done >= self._iterations):
            self._copies *= len(self._theta)
            self._about = best[0] if settings.sharpen else None
            self._begin(best)
            return
        given = first or settings.weights == "reference" or self._weights is not None
        late = arrived or 4 * self._done >= 3 * self._iterations
        if not given and late and self._scatter is not None:
            self._weights = self._scatter
            self._begin(best)

    def _note(self, row: int, measured: Measured, target: Target) -> None:
        """Standard errors and misfit at the best θ so far."""
        assert measured.rows is not None and measured.jacobian_rows is not None
        assert measured.statistics is not None
        rows = measured.rows[row]
        others = rows[len(rows) // 2 :]
        self._figures, self._told = {}, []
        if still := constant(others, target.names):
            self._told = [
                f"{', '.join(still)}: the same in all simulations at the answer, so that there are "
                "no standard errors. Leave it out."
            ]
            return
        self._scatter = np.atleast_2d(np.cov(others.T))
        free = self._range > 0
        names = [name for name, may in zip(self._space.names, free, strict=True) if may]
        jacobians = measured.jacobian_rows[row][:, :, free]
        covariance = precision(jacobians, others, target.ridge, target.root)
        simulated = 1.0 + target.number / len(rows)
        covariance = covariance * (simulated / target.number)
        for name, variance in zip(names, np.diag(covariance), strict=True):
            if np.isfinite(variance):
                self._figures[f"theta_standard_error/{name}"] = float(np.sqrt(variance))
        freedom = len(target.names) - int(np.isfinite(np.diag(covariance)).sum())
        chi_squared = float(target.distance(measured.statistics[[row]])[0])
        if self._weights is not None:
            chi_squared *= shrinkage(*others.shape)
        elif target.rows is not None:
            chi_squared *= shrinkage(*target.rows.shape)
        self._figures["misfit/chi_squared"] = chi_squared * target.number / simulated
        self._figures["misfit/degrees_of_freedom"] = freedom
        self._told = indistinct(covariance, names)

    def answer(self, acting: Callable[[], Floats]) -> Floats:
        """The θ that came closest."""
        answer: Floats = self._theta[int(np.argmin(self._cost))]
        return answer

    def figures(self) -> dict[str, float]:
        """Standard errors, and the misfit: a χ² of as many degrees of freedom, if θ is right."""
        from scipy.special import chdtrc  # a slow import

        found = dict(self._figures)
        if found.get("misfit/degrees_of_freedom", 0) > 0:
            degrees, misfit = found["misfit/degrees_of_freedom"], found["misfit/chi_squared"]
            found["misfit/p_value"] = float(chdtrc(degrees, misfit))
        return found

    def warnings(self) -> list[str]:
        """Where answer or errors may not be believed."""
        found = list(self._told)
        if not self._settled.all():
            found.append(
                f"{self._done} iterations were not enough to settle; raise training.iterations."
            )
        unit = self._space.to_unit(self.answer(lambda: self._theta[0]))
        for place in np.flatnonzero(((unit <= 0) | (unit >= 1)) & (self._range > 0)):
            found.append(
                f"{self._space.names[place]} is at a bound: its standard error means nothing."
            )
        p_value = self.figures().get("misfit/p_value", 1.0)
        if p_value < UNLIKELY:
            found.append(
                f"no θ matches the statistics: misfit χ² {self._figures['misfit/chi_squared']:.3g} "
                f"with {self._figures['misfit/degrees_of_freedom']} degrees of freedom. Standard "
                "errors take the model for true."
            )
        if self._lost:
            found.append(f"{self._lost} simulations gave no numbers and were left out.")
        return found

    def state(self) -> dict[str, Any]:
        """Everything that changes."""
        arrays = {name: getattr(self, name).tolist() for name in _ARRAYS}
        for name in _PERHAPS:
            value = getattr(self, name)
            arrays[name] = None if value is None else value.tolist()
        return arrays | {name: getattr(self, name) for name in _OTHERS}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        for name in _ARRAYS:
            kind = bool if name == "_settled" else np.float64
            setattr(self, name, np.array(state[name], dtype=kind))
        for name in _PERHAPS:
            value = state[name]
            setattr(self, name, None if value is None else np.array(value, dtype=np.float64))
        for name in _OTHERS:
            setattr(self, name, state[name])


_ARRAYS = ("_next", "_theta", "_cost", "_damping", "_normal", "_slope", "_settled")
_PERHAPS = ("_about", "_scatter", "_weights")
_OTHERS = ("_copies", "_done", "_lost", "_figures", "_told")
