"""What a rollout says of the market that answered: feedbacks, and estimators of an effect.

A feedback is a law of what is seen after a step in which the experimental agent acted (Wei et al.
2023, INTAGS, section 4.3). Whether it acted may depend on the state before, which also moves what
is seen; with the propensity e(s), the chance that it acts, outcomes are weighted as if it did not:

    naive     Σ A y / Σ A
    literal   Σ (A y / e) / Σ A           as printed (appendix B.1): tends to E[y] / P(A)
    horvitz_thompson   Σ (A y / e) / T
    hajek     Σ (A y / e) / Σ (A / e)
    contrast  hajek(A) − hajek(1 − A)

One number per rollout, of which the mean over few steps has a small bias (Hájek); or the *bag* of
all treated outcomes of a rollout, which is compared by the mean kernel over pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ...envs.core.errors import PacesetterError, unknown
from ...envs.core.rollouts import Rollouts

Floats = NDArray[np.float64]
Estimator = Literal["naive", "literal", "horvitz_thompson", "hajek", "contrast", "bag"]
EPISODE_REWARD = "episode_reward"
LEAST_PROPENSITY = 0.05
RIDGE = 1e-3  # of the logistic fit, on standardised entries
NEWTON_STEPS = 50


@dataclass(frozen=True)
class Feedback:
    """One feedback of R rollouts.

    Attributes:
        values: ``(R, m)``: m = 1 of an estimate, T of a bag.
        weights: of the values within a rollout, ``(R, m)``; rows sum to one.
    """

    values: Floats
    weights: Floats

    @classmethod
    def of_numbers(cls, values: Floats) -> Feedback:
        """One number per rollout, ``(R,)``."""
        return cls(values[:, None], np.ones((len(values), 1)))

    def __len__(self) -> int:
        return len(self.values)

    @property
    def numbers(self) -> Floats:
        """The mean of every rollout, ``(R,)``."""
        return (self.values * self.weights).sum(axis=1)


@dataclass(frozen=True)
class Propensity:
    """The chance of acting in a state, by a logistic fit.

    Attributes:
        centre, scale: of the entries of a context, ``(C,)``.
        coefficients: of the standardised entries, after a constant, ``(1 + C,)``; None: it always
            acts.
    """

    centre: Floats
    scale: Floats
    coefficients: Floats | None

    @classmethod
    def fitted(cls, context: Floats, treated: NDArray[np.bool_]) -> Propensity:
        """Maximum likelihood with a small ridge, over all steps of all rollouts.

        Args:
            context: ``(…, C)``, before the decisions.
            treated: ``(…,)``.

        Raises:
            PacesetterError: it never acts, or a context is no number.
        """
        rows, acted = context.reshape(-1, context.shape[-1]), treated.ravel().astype(np.float64)
        if not acted.any():
            raise PacesetterError(
                f"the experimental agent acts in none of {len(acted)} steps, so that there is "
                "nothing to learn from its effect; raise its share of steps."
            )
        centre, scale = rows.mean(axis=0), rows.std(axis=0)
        scale = np.where(scale > 0, scale, 1.0)
        if acted.all():
            return cls(centre, scale, None)
        if not np.isfinite(rows).all():
            raise PacesetterError("a context before a decision is no number; no propensity fits.")
        design = np.column_stack([np.ones(len(rows)), (rows - centre) / scale])
        coefficients = np.zeros(design.shape[1])
        for _ in range(NEWTON_STEPS):
            chance = 1.0 / (1.0 + np.exp(-np.clip(design @ coefficients, -30.0, 30.0)))
            slope = design.T @ (acted - chance) - RIDGE * coefficients
            bend = (design * (chance * (1.0 - chance))[:, None]).T @ design
            step = np.linalg.solve(bend + RIDGE * np.eye(len(bend)), slope)
            coefficients += np.clip(step, -5.0, 5.0)
            if np.abs(step).max() < 1e-10:
                break
        return cls(centre, scale, coefficients)

    def __call__(self, context: Floats) -> Floats:
        """e(s), ``(…, C)`` to ``(…,)``, not below `LEAST_PROPENSITY`, nor so near to one."""
        if self.coefficients is None:
            return np.ones(context.shape[:-1])
        linear = self.coefficients[0] + (context - self.centre) / self.scale @ self.coefficients[1:]
        chance = 1.0 / (1.0 + np.exp(-np.clip(linear, -30.0, 30.0)))
        return np.clip(chance, LEAST_PROPENSITY, 1.0 - LEAST_PROPENSITY)


def estimate(
    outcome: Floats, treated: NDArray[np.bool_], chance: Floats, estimator: Estimator
) -> Floats:
    """The effect seen in every rollout, ``(R, T)`` to ``(R,)``; NaN where it never acted.

    Args:
        outcome: after each step.
        treated: whether the agent acted.
        chance: propensities e(s).
        estimator: any but ``bag``.

    Raises:
        PacesetterError: ``contrast`` of an agent that acts in every step.
    """
    acted = treated.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        if estimator == "naive":
            return (acted * outcome).sum(axis=1) / acted.sum(axis=1)
        weighed = acted / chance
        if estimator == "literal":
            return (weighed * outcome).sum(axis=1) / acted.sum(axis=1)
        if estimator == "horvitz_thompson":
            return (weighed * outcome).sum(axis=1) / outcome.shape[1]
        treated_mean = (weighed * outcome).sum(axis=1) / weighed.sum(axis=1)
        if estimator == "hajek":
            return treated_mean
        if estimator != "contrast":
            raise unknown("estimator", estimator, get_args(Estimator))
        if treated.all():
            raise PacesetterError(
                "estimator 'contrast' compares steps with an order to steps without, and the "
                "experimental agent sends one in every step; give it a share of steps below 1, or "
                "use estimator: hajek."
            )
        waited = (1.0 - acted) / (1.0 - chance)
        return treated_mean - (waited * outcome).sum(axis=1) / waited.sum(axis=1)


def pooled(
    outcome: Floats, treated: NDArray[np.bool_], chance: Floats, estimator: Estimator
) -> float:
    """The same over all steps of all rollouts as if they were one: without the bias of few."""
    one = (outcome.reshape(1, -1), treated.reshape(1, -1), chance.reshape(1, -1))
    return float(estimate(*one, estimator)[0])


def feedback(
    rollouts: Rollouts,
    name: str,
    estimator: Estimator = "hajek",
    propensity: Propensity | None = None,
) -> Feedback:
    """A feedback of rollouts by name.

    Args:
        rollouts: R of them.
        name: an outcome, or ``episode_reward``, the mean of all rewards.
        estimator: how steps become a number, or ``bag``.
        propensity: fitted on these rollouts if None.

    Raises:
        PacesetterError: an unknown outcome, or an agent that never acts.
    """
    if name == EPISODE_REWARD:
        return Feedback.of_numbers(rollouts.outcomes["reward"].mean(axis=1))
    if name not in rollouts.outcomes:
        raise unknown("feedback", name, [EPISODE_REWARD, *rollouts.outcomes])
    outcome, treated = rollouts.outcomes[name], rollouts.treated
    if estimator == "bag":
        acted = treated.sum(axis=1, keepdims=True)
        kept = acted[:, 0] > 0
        if not kept.any():
            raise PacesetterError("the experimental agent never acts; there is no bag of outcomes.")
        return Feedback(outcome[kept], (treated / np.maximum(acted, 1))[kept])
    found = propensity or Propensity.fitted(rollouts.context, treated)
    numbers = estimate(outcome, treated, found(rollouts.context), estimator)
    return Feedback.of_numbers(numbers[np.isfinite(numbers)])
