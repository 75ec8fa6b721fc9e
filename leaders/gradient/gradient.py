"""A leader that follows the total derivative of its objective, through its followers' answers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Le
from numpy.typing import NDArray

from ...envs.core.characteristics import Characteristics
from ...envs.core.errors import PacesetterError
from ..leader import How, Interval, LeaderSettings, Measured, Question, Slope

Floats = NDArray[np.float64]
MOMENTUM, SCALE_MEMORY = 0.8, 0.95
FARTHEST_AGREEMENT = 0.02  # of the range: answers of two starts that are the same optimum
ERRORS_APART, CHECKS, CHECKS_LOST = 3.0, 3, 2
MOST_AT_A_BOUND = 0.2
FLAT_UPDATES = 10
CURVATURE = 0.05  # of the steepest slope so far


@dataclass(frozen=True)
class GradientLeader(LeaderSettings):
    """A leader that climbs by derivatives, from several starts at once.

    It differentiates its objective by θ including what followers will do otherwise: without that
    term it plays Cournot where it should lead. Steps are at most `step` of the range of a
    characteristic and shrink tenfold over the run; the answer is the mean over the last of them.

    Attributes:
        starts: how many optima are climbed at once: from the market's default (or `initial_theta`)
            and from draws of the prior. The best one is the answer.
        initial_theta: name -> value of the first start; entries left out take the default.
        step: largest step of an update, as a share of the range.
        how: estimator of the derivative; ``auto`` takes the first that fits.
        slope: where the slope of the followers' answers comes from: ``implicit`` from first-order
            conditions of a one-shot game, ``network`` from the policies themselves, ``none`` leaves
            it out (an ablation); ``auto``: implicit where it can be had.
        copies_per_start: episodes that every derivative is averaged over.
        first_width, last_width: of differences, as shares of the range, at both ends of the run.
        judge_every: updates between two checks against central differences, which take the place of
            a derivative that fails twice in three; 0: none. An implicit slope is not that of the
            policies as they are, so that it is doubted in a warning and kept.
        averaged_share: share of the run, at its end, whose θ are averaged. Followers go on wavering
            about their best answer, and where many of them multiply that, a longer mean is nearer.
        nearby: where the leader's copies play, as a share of the range around its θ: followers must
            be good there. The other copies meet any θ.
        interval, update_every: the two clocks.
    """

    name: ClassVar[str] = "gradient"
    certified_around: ClassVar[float] = 0.1  # nothing else sees a wrong slope of the followers
    starts: Annotated[int, Ge(1), Le(64)] = 4
    initial_theta: dict[str, float] | None = None
    step: Annotated[float, Gt(0), Le(0.5)] = 0.025
    how: How = "auto"
    slope: Slope = "auto"
    copies_per_start: Annotated[int, Ge(1)] = 16
    first_width: Annotated[float, Gt(0), Le(0.5)] = 0.2
    last_width: Annotated[float, Gt(0), Le(0.5)] = 0.05
    judge_every: Annotated[int, Ge(0)] = 10
    averaged_share: Annotated[float, Gt(0), Le(1)] = 0.2
    nearby: Annotated[float, Ge(0), Le(1)] = 0.1
    interval: Interval = "episode"
    update_every: Annotated[int, Ge(1)] = 1

    def guide(self, characteristics: Characteristics, seed: int, iterations: int) -> GradientGuide:
        """The climb; PacesetterError if `initial_theta` or `interval` does not fit."""
        if self.interval != "episode":
            raise PacesetterError(
                "leader.interval: the gradient leader sets θ once per episode; leave it out."
            )
        first = characteristics.validate(self.initial_theta)[0]
        return GradientGuide(self, characteristics, first, seed, iterations)


class GradientGuide:
    """Climbs from all starts at once; see `GradientLeader`.

    Args:
        settings: the leader's options.
        characteristics: the θ space.
        first: the first start, ``(d,)``.
        seed: of the other starts and of where the copies play.
        iterations: length of the climb.
    """

    def __init__(
        self,
        settings: GradientLeader,
        characteristics: Characteristics,
        first: Floats,
        seed: int,
        iterations: int,
    ):
        self._settings, self._space = settings, characteristics
        self._iterations = max(1, iterations)
        self._generator = np.random.default_rng(seed)
        drawn = characteristics.draw(self._generator, settings.starts - 1)
        self._theta = np.concatenate([first[None], drawn])
        self._range = characteristics.high - characteristics.low
        shape = self._theta.shape
        self._slope, self._scale = np.zeros((2, *shape))
        self._sums, self._values = np.zeros(shape), np.zeros(len(self._theta))
        self._averaged = self._done = self._at_bound = self._flat = self._lost = 0
        self._checks: list[bool] = []
        self._contradicted, self._steepest = "", 0.0
        self._ratio = self._distance = math.nan
        self._how: How = settings.how

    def next_theta(self, slots: int) -> Floats:
        """θ around the present ones, so that followers are good where the leader is."""
        around = self._theta[np.arange(slots) % len(self._theta)]
        width = self._settings.nearby * self._range
        moved = around + width * self._generator.uniform(-1.0, 1.0, around.shape)
        return self._space.nearest_allowed(np.clip(moved, self._space.low, self._space.high))

    def question(self) -> Question | None:
        """The derivative at every start, in the iterations in which the leader moves."""
        settings = self._settings
        if (self._done + 1) % settings.update_every:
            return None
        share = self._done / self._iterations
        width = settings.first_width * (settings.last_width / settings.first_width) ** share
        judge = settings.judge_every > 0 and self._updates % settings.judge_every == 0
        return Question(
            self._theta, self._how, settings.slope, width, settings.copies_per_start, judge
        )

    @property
    def _updates(self) -> int:
        return self._done // self._settings.update_every

    def learn(self, measured: Measured, last: bool) -> None:
        """Take a step from every start."""
        self._done += 1
        self._ratio = self._distance = math.nan
        if measured.gradients is None:
            return
        slope = measured.gradients * self._range  # on the unit cube
        usable = np.isfinite(slope).all(axis=1) & np.isfinite(measured.values)
        self._lost += int((~usable).sum())
        if 2 * usable.sum() < len(usable):
            raise PacesetterError(
                f"the derivative is no number at {int((~usable).sum())} of {len(usable)} starts; "
                "the last checkpoint stands. Use leader.how: differences, or narrow θ."
            )
        self._judge(measured)
        self._flat = 0 if np.abs(slope[usable]).max(initial=0.0) > 0 else self._flat + 1
        self._move(np.where(usable[:, None], slope, 0.0), usable)
        if self._done > (1.0 - self._settings.averaged_share) * self._iterations:
            self._averaged += 1
            self._sums += self._theta
            self._values += np.where(usable, measured.values, 0.0)

    def _move(self, slope: Floats, usable: NDArray[np.bool_]) -> None:
        """A step along the smoothed slope, in its own scale, no longer than the trust region."""
        self._slope = MOMENTUM * self._slope + (1.0 - MOMENTUM) * slope
        self._scale = SCALE_MEMORY * self._scale + (1.0 - SCALE_MEMORY) * slope**2
        rate = self._slope / (1.0 - MOMENTUM**self._updates)
        scale = np.sqrt(self._scale / (1.0 - SCALE_MEMORY**self._updates))
        direction = rate / np.maximum(scale, 1e-300)
        length = np.abs(direction).max(axis=1, keepdims=True)
        radius = self._settings.step * 10.0 ** (-self._done / self._iterations)
        step = radius * direction / np.maximum(length, 1.0)
        moved = self._theta + np.where(usable[:, None], step, 0.0) * self._range
        inside = np.clip(moved, self._space.low, self._space.high)
        self._at_bound += int((inside != moved).any(axis=1).sum())
        self._theta = self._space.nearest_allowed(inside)

    def _judge(self, measured: Measured) -> None:
        """Hold the derivative to central differences; fall back on them where it fails twice."""
        used, judged = measured.gradients, measured.judged
        if judged is None or used is None:
            return
        assert measured.judged_errors is not None and measured.gradient_errors is not None
        error = np.hypot(measured.gradient_errors, measured.judged_errors)
        # Where nothing is random, curvature over the width of a difference is what is left.
        self._steepest = max(self._steepest, float(np.abs(judged).max(initial=0.0)))
        error = np.maximum(error, CURVATURE * self._steepest + 1e-12)
        self._distance = float((np.abs(used - judged) / error).max())
        length = float((judged**2).sum())
        self._ratio = float((used * judged).sum()) / length if length > 0 else math.nan
        self._checks = [*self._checks, self._distance > ERRORS_APART][-CHECKS:]
        said = (
            f"the derivative is {self._distance:.1f} standard errors from differences and "
            f"{self._ratio:.2g} times as long, in two checks of three"
        )
        if sum(self._checks) >= CHECKS_LOST:
            self._checks = []
            if measured.judge_rules:
                self._how = "differences"
            self._contradicted = said

    def answer(self, acting: Callable[[], Floats]) -> Floats:
        """The mean over the last updates, of the start that ended best."""
        return self._answers()[int(np.argmax(self._values))]

    def _answers(self) -> Floats:
        return self._sums / self._averaged if self._averaged else self._theta

    def warnings(self) -> list[str]:
        """Where the climb may not be believed."""
        found = []
        answers = self._answers() / np.where(self._range > 0, self._range, 1.0)
        best = answers[int(np.argmax(self._values))]
        if self._averaged and (np.abs(answers - best).max() > FARTHEST_AGREEMENT):
            text = "; ".join(str(self._space.named(theta)) for theta in self._answers())
            found.append(f"starts ended at different θ: {text}. The best is the answer.")
        steps = self._updates * len(self._theta)
        if self._at_bound > MOST_AT_A_BOUND * steps:
            found.append(f"θ was at a bound in {self._at_bound} of {steps} steps.")
        if self._flat >= FLAT_UPDATES:
            found.append(
                f"the derivative was zero in the last {self._flat} updates: followers may not see "
                "θ, or the objective is flat there."
            )
        if self._how != self._settings.how:
            found.append(f"{self._contradicted}: differences took its place.")
        elif self._contradicted:
            found.append(
                f"{self._contradicted}: it is not the slope of the policies as they are. "
                "'pacesetter certify' trains followers around the answer, and tells."
            )
        if self._lost:
            found.append(f"{self._lost} derivatives were no numbers and were left out.")
        return found

    def figures(self) -> dict[str, float]:
        """None."""
        return {}

    def scalars(self) -> dict[str, float]:
        """Of the last check: the derivative over differences, and how far apart they are.

        The first is the projection on the latter, the second in standard errors, the largest over
        starts and characteristics. NaN where there was no check.
        """
        if not self._settings.judge_every:
            return {}
        return {
            "leader/derivative_over_differences": self._ratio,
            "leader/derivative_errors_apart": self._distance,
        }

    def state(self) -> dict[str, Any]:
        """Everything that changes."""
        arrays = {name: getattr(self, name).tolist() for name in _ARRAYS}
        numbers = {name: getattr(self, name) for name in _NUMBERS}
        return arrays | numbers | {"generator": self._generator.bit_generator.state}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        for name in _ARRAYS:
            setattr(self, name, np.array(state[name], dtype=np.float64))
        for name in _NUMBERS:
            setattr(self, name, state.get(name, getattr(self, name)))
        self._generator.bit_generator.state = state["generator"]


_ARRAYS = ("_theta", "_slope", "_scale", "_sums", "_values")
_NUMBERS = (
    *("_averaged", "_done", "_at_bound", "_flat", "_lost"),
    *("_checks", "_contradicted", "_how", "_steepest"),
)
