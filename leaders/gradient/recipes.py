"""Options of a leader that infers θ, and how it fits what it infers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Gt, Le
from numpy.typing import NDArray

from ...envs.core.characteristics import Characteristics
from ...envs.core.errors import PacesetterError, unknown
from ..leader import How, Interval, Slope

Floats = NDArray[np.float64]
BOUNDS_IN_DEVIATIONS = 4.0
"""Where nothing else is said, bounds are so many prior deviations from the middle."""

BASE_WEIGHT = 1000.0

Family = Literal["flow", "normal"]
Estimator = Literal["pathwise", "score"]
Baseline = float | Literal["others"]


@dataclass(frozen=True)
class NormalPrior:
    """A normal prior with independent entries.

    Attributes:
        mean, deviation: name -> value; an entry left out has the middle of its bounds, and an
            eighth of their distance, for its own.
    """

    mean: dict[str, float] = field(default_factory=dict)
    deviation: dict[str, float] = field(default_factory=dict)

    def on(self, characteristics: Characteristics) -> tuple[Floats, Floats]:
        """Mean and deviation, ``(d,)`` each; deviation 0 where bounds coincide.

        Raises:
            PacesetterError: an unknown name, or a deviation that is not positive.
        """
        low, high = characteristics.low, characteristics.high
        mean, deviation = (low + high) / 2.0, (high - low) / (2.0 * BOUNDS_IN_DEVIATIONS)
        for what, given, array in (
            ("mean", self.mean, mean),
            ("deviation", self.deviation, deviation),
        ):
            for name, value in given.items():
                if name not in characteristics.names:
                    raise unknown(
                        f"leader.prior.{what}: characteristic", name, characteristics.names
                    )
                if what == "deviation" and not value > 0.0:
                    raise PacesetterError(
                        f"leader.prior.deviation: {name} must be > 0, got {value:g}."
                    )
                array[characteristics.names.index(name)] = value
        return mean, np.where(high > low, deviation, 0.0)


def log_density_of_prior(theta: Floats, mean: Floats, deviation: Floats) -> Floats:
    """Log density of a normal prior at θ, ``(n, d)`` to ``(n,)``, of what is not fixed."""
    free = deviation > 0.0
    points = (theta - mean)[:, free] / deviation[free]
    constant = np.log(deviation[free]).sum() + free.sum() / 2 * np.log(2 * np.pi)
    return -0.5 * (points**2).sum(axis=1) - constant


@dataclass(frozen=True)
class Recipe:
    """How q is fitted, in full.

    Attributes:
        masks: what the couplings of a flow hold; see `flows`.
        kl_draws: of the KL divergence, R, in pairs u, −u if `antithetic`.
        learning_rate: the largest, after `warm_up` iterations.
        cosine: it then falls to zero over the run, along a cosine.
        averaged_share: last share of the run whose weights are averaged; 0: the last ones.
        keep_best: the weights of the iteration with the least loss are the answer.
        weight_decay, scale_memory: of AdamW; the latter is its β₂. The few weights of a normal
            family see gradients that shrink a thousandfold with its width, which 0.999 would
            remember for longer than the run.
        gradient_clip: largest norm of a gradient.
        baseline: b of the score estimator, a number or ``others``: the mean loss of the other
            draws.
    """

    masks: Literal["balanced", "halves"]
    kl_draws: int
    antithetic: bool
    learning_rate: float
    warm_up: int
    cosine: bool
    averaged_share: float
    keep_best: bool
    weight_decay: float
    scale_memory: float
    gradient_clip: float
    baseline: Baseline


DEFAULT = Recipe(
    masks="balanced",
    kl_draws=256,
    antithetic=True,
    learning_rate=1e-2,
    warm_up=20,
    cosine=True,
    averaged_share=0.2,
    keep_best=False,
    weight_decay=0.0,
    scale_memory=0.999,
    gradient_clip=1.0,
    baseline="others",
)
PAPER = Recipe(
    masks="halves",
    kl_draws=10_000,
    antithetic=False,
    learning_rate=1e-3,
    warm_up=0,
    cosine=False,
    averaged_share=0.0,
    keep_best=True,
    weight_decay=1e-2,
    scale_memory=0.999,
    gradient_clip=1.0,
    baseline=1.0,
)
"""Of Dyer et al. (ICAIF 2023)."""
RATES: dict[tuple[Family, Estimator], float] = {
    ("flow", "pathwise"): 1e-2,
    ("flow", "score"): 3e-3,
    ("normal", "pathwise"): 1e-1,
    ("normal", "score"): 5e-2,
}
"""Learning rates of the default recipe."""


@dataclass(frozen=True)
class VariationalOptions:
    """What a user may say of an inference.

    An iteration of the training loop is one epoch. Draws outside the market's bounds are measured
    at the nearest point within them; the distribution itself has no bounds. Draws whose loss is no
    number are left out, and counted.

    Attributes:
        w: weight of the loss against the prior; ``calibrated``: chosen, among
            1000 · {1/8, …, 8}, so that intervals of 80 % cover as many of θ drawn from the prior;
            it is looked for from 1000 on, at the cost of some forty fits or more.
        family: ``flow``, or ``normal`` with a full covariance and a closed KL divergence.
        estimator: of the gradient by q's parameters: ``pathwise`` takes the derivative of the loss
            by θ, ``score`` the loss alone.
        draws: θ that are measured in an iteration, J.
        recipe: ``default`` or ``paper``: what the options take that are left out.
        learning_rate, warm_up, kl_draws, gradient_clip, baseline: see `Recipe`.
        prior: normal; by default its deviation is an eighth of the distance of the bounds.
        how, slope: of the derivative by θ; see `training.derivatives`.
        width: of a difference, as a share of the range.
        calibrate_posterior: θ drawn from the prior that the posterior's width is held to in every
            evaluation, each at the cost of a run; 0: none.
        amortised_simulations: of an amortised posterior that every evaluation shows beside this
            one, 10,000 for instance; None: there is none. See `amortised`.
        interval, update_every: ``episode`` and 1 alone.
    """

    w: Annotated[float, Gt(0)] | Literal["calibrated"] = 1000.0
    family: Family = "flow"
    estimator: Estimator = "pathwise"
    draws: Annotated[int, Ge(2)] = 10
    recipe: Literal["default", "paper"] = "default"
    learning_rate: Annotated[float, Gt(0)] | None = None
    warm_up: Annotated[int, Ge(0)] | None = None
    kl_draws: Annotated[int, Ge(2)] | None = None
    gradient_clip: Annotated[float, Gt(0)] | None = None
    baseline: float | Literal["others"] | None = None
    prior: NormalPrior = field(default_factory=NormalPrior)
    how: How = "auto"
    slope: Slope = "auto"
    width: Annotated[float, Gt(0), Le(0.5)] = 0.02
    calibrate_posterior: Annotated[int, Ge(0)] = 0
    amortised_simulations: Annotated[int, Ge(500)] | None = None
    interval: Interval = "episode"
    update_every: Annotated[int, Ge(1)] = 1

    def steps(self, family: Family) -> Recipe:
        """The recipe of a family with what the options say otherwise."""
        recipe = PAPER if self.recipe == "paper" else DEFAULT
        if self.recipe == "default":
            recipe = replace(
                recipe,
                learning_rate=RATES[family, self.estimator],
                scale_memory=0.95 if family == "normal" else recipe.scale_memory,
            )
        own = {
            "learning_rate": self.learning_rate,
            "warm_up": self.warm_up,
            "kl_draws": self.kl_draws,
            "gradient_clip": self.gradient_clip,
            "baseline": self.baseline,
        }
        return replace(recipe, **{k: v for k, v in own.items() if v is not None})  # type: ignore[arg-type]
