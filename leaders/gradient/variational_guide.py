"""How a variational leader is guided: draws of θ, what they are worth, and a step of the fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...envs.core.characteristics import Characteristics
from ...envs.core.errors import PacesetterError
from ..leader import KeptDistribution, Measured, Question
from .recipes import BASE_WEIGHT, Family, VariationalOptions

if TYPE_CHECKING:
    from .fitting import Fit
    from .posterior import Posterior

Floats = NDArray[np.float64]
FACTORS, TRIALS = (1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8), 32
NOMINAL, NEAR = 0.8, 0.035  # the latter is the error of a share of 32 times four
MOST_LOST, MOST_OUTSIDE = 0.5, 0.01
MOST_FALL = 0.5  # nats


class DivergedError(PacesetterError):
    """A fit whose draws have no finite loss any more."""


class VariationalGuide:
    """Fits a distribution over θ; see `VariationalLeader`.

    Args:
        settings: the leader's options.
        characteristics: the θ space.
        mean, deviation: of the prior, ``(d,)``.
        seed: of weights and draws.
        iterations: length of the fit.
    """

    def __init__(
        self,
        settings: VariationalOptions,
        characteristics: Characteristics,
        mean: Floats,
        deviation: Floats,
        seed: int,
        iterations: int,
    ):
        self._settings, self._space = settings, characteristics
        self._mean, self._deviation = mean, deviation
        self._free = deviation > 0.0
        self._seed, self._iterations = seed, iterations
        # Of one coordinate a coupling flow is a normal distribution, and slower.
        self._family: Family = settings.family if self._free.sum() > 1 else "normal"
        self._made: Fit | None = None
        self._generator = np.random.default_rng((seed, 2))
        self._answer = np.clip(mean, characteristics.low, characteristics.high)
        self._losses: list[tuple[float, float]] = []
        self._lost = self._outside = self._asked = 0
        self._rows = np.zeros(0, dtype=np.int64)
        self._inside = np.zeros((0, len(mean)), dtype=bool)
        self._weight = BASE_WEIGHT if settings.w == "calibrated" else float(settings.w)

    @property
    def _fit(self) -> Fit:
        if self._made is None:
            from .fitting import Fit  # torch takes a second to import

            settings = self._settings
            self._made = Fit(
                self._family,
                settings.estimator,
                settings.steps(self._family),
                settings.draws,
                int(self._free.sum()),
                self._seed,
                self._iterations,
            )
        return self._made

    def settle(self, covered: Callable[[float, int], float]) -> None:
        """Choose the weight, if the options say so: the one whose intervals cover as they say."""
        if self._settings.w != "calibrated":
            return
        found: dict[int, float] = {}
        place = min(range(len(FACTORS)), key=lambda n: abs(np.log(FACTORS[n])))
        # The more the loss weighs, the narrower are intervals: the search ends where it turns.
        while 0 <= place < len(FACTORS) and place not in found:
            weight = BASE_WEIGHT * FACTORS[place]
            found[place] = covered(weight, TRIALS)
            print(f"w = {weight:g}: intervals of 80 % cover {found[place]:.0%}", flush=True)
            if abs(found[place] - NOMINAL) <= NEAR:
                break
            place += 1 if found[place] > NOMINAL else -1
        best = min(found, key=lambda n: abs(found[n] - NOMINAL))
        self._weight = BASE_WEIGHT * FACTORS[best]
        print(f"w = {self._weight:g} is chosen, and not given.", flush=True)

    def begin_at(self, distribution: KeptDistribution) -> None:
        """Start from another fit of the same characteristics, and not from the prior."""
        self._fit.begin_at(distribution.tensors())

    def next_theta(self, slots: int) -> Floats:
        """Draws of the present distribution, so that followers are good where it is."""
        seed = int(self._generator.integers(2**32))
        return self._bounded(np.nan_to_num(self._posterior(final=False).sample(slots, seed)))

    def question(self) -> Question:
        """The loss of J draws, each of one episode, with its derivative if that is used."""
        points = self._fit.draw()
        theta = np.repeat(self._mean[None], len(points), axis=0)
        theta[:, self._free] += self._deviation[self._free] * points
        self._rows = np.flatnonzero(np.isfinite(theta).all(axis=1))
        self._asked += len(theta)
        self._count_lost(len(theta) - len(self._rows))
        theta = theta[self._rows]
        bounded = self._bounded(theta)
        self._inside = bounded == theta
        self._outside += int((~self._inside).any(axis=1).sum())
        settings = self._settings
        return Question(
            theta=bounded,
            how=settings.how,
            slope=settings.slope,
            width=settings.width,
            copies=1,
            wants=frozenset({"gradients"} if settings.estimator == "pathwise" else ()),
        )

    def learn(self, measured: Measured, last: bool) -> None:
        """Take a step; the last one makes the answer the mean of the distribution."""
        from .fitting import Told

        losses, slopes = -measured.values, None
        usable = np.isfinite(losses)
        if measured.gradients is not None:
            # Beyond its bounds the market does not change with θ any more.
            by_theta = np.where(self._inside, -measured.gradients, 0.0)
            slopes = (by_theta * self._deviation)[:, self._free]
            usable &= np.isfinite(slopes).all(axis=1)
        lost_before = self._settings.draws - len(self._rows)
        self._count_lost(int((~usable).sum()), lost_before)
        told = Told(self._rows[usable], losses[usable], None if slopes is None else slopes[usable])
        self._losses.append(self._fit.learn(told, self._weight))
        if last:
            self._answer = self._bounded(self.posterior().mean())
        else:
            self._answer = self._mean.copy()
            self._answer[self._free] += self._deviation[self._free] * self._fit.mean
            self._answer = self._bounded(self._answer)

    def _count_lost(self, number: int, before: int = 0) -> None:
        self._lost += number
        if number + before > MOST_LOST * self._settings.draws:
            raise DivergedError(
                f"{number + before} of the {self._settings.draws} draws of an iteration have no "
                "finite θ or loss: the fit diverges; the last checkpoint stands. Lower "
                "leader.learning_rate, or take leader.estimator: pathwise."
            )

    def _bounded(self, theta: Floats) -> Floats:
        return np.clip(theta, self._space.low, self._space.high)

    def _posterior(self, final: bool) -> Posterior:
        from .posterior import Posterior

        settings = self._settings
        network = self._fit.result() if final else self._fit.network
        description = {
            "family": self._family,
            "masks": settings.steps(self._family).masks,
            "estimator": settings.estimator,
            "w": self._weight,
            "w_chosen": settings.w == "calibrated",
            "losses": [loss for loss, _ in self._losses],
            "divergences": [divergence for _, divergence in self._losses],
            "draws": settings.draws,
        }
        return Posterior(self._space.names, self._mean, self._deviation, network, description)

    def posterior(self) -> Posterior:
        """The distribution that the recipe ends with, apart from the one in training."""
        return self._posterior(final=True)

    def answer(self, acting: Callable[[], Floats]) -> Floats:
        """The mean of the distribution, within the market's bounds."""
        return self._answer

    def _still_falling(self) -> float:
        """By how many nats w loss + KL fell between the last two fifths, if beyond noise."""
        total = np.array([self._weight * loss + kl for loss, kl in self._losses])
        fifth = len(total) // 5
        if fifth < 2:
            return 0.0
        before, after = total[-2 * fifth : -fifth], total[-fifth:]
        fall = float(before.mean() - after.mean())
        error = np.sqrt((before.var(ddof=1) + after.var(ddof=1)) / fifth)
        return fall if fall > max(MOST_FALL, 3.0 * error) else 0.0

    def figures(self) -> dict[str, float]:
        """None: those of a posterior are measured on the posterior that is kept."""
        return {}

    def warnings(self) -> list[str]:
        """Where the distribution may not be believed."""
        found = []
        if (fall := self._still_falling()) > 0.0:
            found.append(
                f"the fit is not at its end: w loss + KL fell by {fall:.2g} nats over the last two "
                "fifths. Raise training.iterations or leader.learning_rate."
            )
        if self._lost:
            found.append(f"{self._lost} of {self._asked} draws had no finite loss; left out.")
        if self._outside > MOST_OUTSIDE * self._asked:
            found.append(
                f"{self._outside} of {self._asked} draws lay outside the market's bounds and were "
                "measured at the nearest point within them; widen the bounds or narrow the prior."
            )
        return found

    def state(self) -> dict[str, Any]:
        """Everything that changes."""
        return {
            "fit": self._fit.state(),
            "generator": self._generator.bit_generator.state,
            "answer": self._answer.tolist(),
            "losses": self._losses,
            "counts": [self._lost, self._outside, self._asked],
            "weight": self._weight,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        self._fit.restore(state["fit"])
        self._generator.bit_generator.state = state["generator"]
        self._answer = np.array(state["answer"], dtype=np.float64)
        self._losses = [(loss, divergence) for loss, divergence in state["losses"]]
        self._lost, self._outside, self._asked = state["counts"]
        self._weight = state["weight"]
