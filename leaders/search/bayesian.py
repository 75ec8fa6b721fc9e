"""A leader that searches θ by Bayesian optimisation of noisy, one-episode objectives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from ...envs.core.characteristics import Characteristics
from ...envs.core.errors import unknown
from ..leader import SearchLeader
from .feasible import FeasibleSet, LinearConstraint
from .measurements import Observations
from .options import (
    SearchSettings,
    checked_measurements,
    checked_number,
    load_generator,
    save_generator,
)

Acquisition = Literal[
    "expected_improvement", "upper_confidence_bound", "probability_of_improvement"
]
EXPLORATION = {
    "expected_improvement": 0.01,
    "upper_confidence_bound": 2.0,
    "probability_of_improvement": 0.1,
}


@dataclass(frozen=True)
class BayesianLeader(SearchSettings):
    """A leader that models the objective as a Gaussian process and proposes where it promises most.

    Attributes:
        acquisition: what a proposal is chosen by.
        exploration: for ``upper_confidence_bound`` the number of posterior standard deviations
            added to the mean; for the others the improvement aimed at, in standard deviations of
            what θ explains of the objective. None: 2, and 0.01 (expected improvement) or 0.1.
        initial_points: proposals spread evenly over the feasible set before the model is used.
        most_points: rows of measurements kept; beyond, the closest ones are averaged.
        modelled: ``values`` of the objective as they are; or ``log_shortfall``, the logarithm of
            how far they are below the best, for objectives that run over orders of magnitude.
        constraints: linear constraints on θ, all of which hold in every proposal.
        feasible: ``"package.module:function"`` with a further rule: called with θ ``(n, d)``,
            returns ``(n,)`` booleans; empty: none.
    """

    name: ClassVar[str] = "bayesian"
    acquisition: Acquisition = "expected_improvement"
    exploration: Annotated[float, Ge(0)] | None = None
    initial_points: Annotated[int, Ge(1)] = 16
    most_points: Annotated[int, Ge(2)] = 512
    modelled: Literal["values", "log_shortfall"] = "values"
    constraints: tuple[LinearConstraint, ...] = ()
    feasible: str = ""

    def search(self, characteristics: Characteristics, seed: int) -> BayesianSearch:
        """The search leader; PacesetterError if the constraints leave no room."""
        return BayesianSearch(characteristics, self, seed)


class BayesianSearch(SearchLeader):
    """Proposes batches from a Gaussian process; its answer maximises the posterior mean.

    The same θ may be measured any number of times: `learn` averages repetitions, and the model
    knows that the mean of many is less noisy than one.
    """

    def __init__(self, characteristics: Characteristics, settings: BayesianLeader, seed: int):
        if settings.acquisition not in EXPLORATION:
            raise unknown(
                "acquisition of leader 'bayesian'", settings.acquisition, list(EXPLORATION)
            )
        self._characteristics = characteristics
        self._settings = settings
        self._seed = seed
        self._feasible = FeasibleSet(characteristics, settings.constraints, settings.feasible, seed)
        self._observations = Observations.none(self._feasible.size)
        self._generator = np.random.default_rng(seed)
        self._initial = self._initial_points()
        self._proposed = 0
        self._fitted: tuple[Observations, Any] | None = None

    def propose(self, number: int) -> NDArray[np.float64]:
        """A batch of distinct θ, ``(number, d)``: initial points first, then from the model.

        Without any measurement yet, what exceeds the initial points is drawn at random.
        """
        number = checked_number(number)
        initial = self._initial[self._proposed :][:number]
        self._proposed += number
        rest = number - len(initial)
        if rest and len(self._observations):
            chosen = self._choose(rest, initial)
        else:
            chosen = self._feasible.draw(self._generator, rest) if rest else initial[:0]
        return self._feasible.theta(np.concatenate([initial, chosen]))

    def learn(self, theta: NDArray, values: NDArray) -> None:
        """Take note of the objective, ``(n,)``, measured at θ, ``(n, d)``. Larger is better.

        θ need not have been proposed here, nor keep the constraints.
        """
        theta, values = checked_measurements(self._characteristics, theta, values)
        self._observations = self._observations.add(
            self._feasible.unit(theta), values, self._settings.most_points
        )

    def best(self) -> NDArray[np.float64]:
        """The feasible θ with the highest posterior mean, ``(d,)``.

        Before any measurement: the market default if feasible, else the first initial point. Asking
        changes nothing: the next proposals are the same.
        """
        if not len(self._observations):
            default = self._feasible.unit(self._characteristics.default[None])
            inside = bool(self._feasible.contains(default)[0])
            return self._feasible.theta(default if inside else self._initial[:1])[0]
        from .proposals import highest_mean

        generator = np.random.default_rng([self._seed, len(self._observations)])
        return self._feasible.theta(highest_mean(self._model(), self._feasible, generator)[None])[0]

    def state(self) -> dict[str, Any]:
        """Averaged measurements, the number of proposals and the generator."""
        return {
            "observations": self._observations.state(),
            "proposed": self._proposed,
            "generator": save_generator(self._generator),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned, under the same options and seed."""
        self._observations = Observations.restore(state["observations"], self._feasible.size)
        self._proposed = int(state["proposed"])
        self._generator = load_generator(state["generator"])

    def _choose(self, number: int, pending: NDArray[np.float64]) -> NDArray[np.float64]:
        """Proposals from the model, ``(number, f)``."""
        from .proposals import Batch, acquisition_function  # imports bayes_opt, which is slow

        name, exploration = self._settings.acquisition, self._settings.exploration
        acquisition = acquisition_function(
            name, EXPLORATION[name] if exploration is None else exploration
        )
        batch = Batch(self._model(), acquisition, self._feasible, self._generator, pending, number)
        return np.stack([batch.next() for _ in range(number)])

    def _model(self) -> Any:
        """The posterior given all measurements, fitted once per set of them."""
        if self._fitted is None or self._fitted[0] is not self._observations:
            from .surrogate import Surrogate

            seen = self._observations
            as_asked = seen if self._settings.modelled == "values" else seen.log_shortfalls()
            self._fitted = (seen, Surrogate(as_asked))
        return self._fitted[1]

    def _initial_points(self) -> NDArray[np.float64]:
        """Scrambled Sobol points in the feasible set, ``(initial_points, f)``, fixed by the seed.

        A Sobol sequence covers the set more evenly than random draws. Where constraints leave too
        little of the box for it, random draws make up the number.
        """
        from scipy.stats import qmc  # a slow import

        number, generator = self._settings.initial_points, np.random.default_rng([self._seed, 1])
        sequence = qmc.Sobol(self._feasible.size, seed=generator)
        points = sequence.random_base2(int(np.ceil(np.log2(number))) + 4)
        points = points[self._feasible.contains(points)][:number]
        return np.concatenate([points, self._feasible.draw(generator, number - len(points))])
