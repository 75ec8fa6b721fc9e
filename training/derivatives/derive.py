"""Values and derivatives of an objective with respect to θ, by several estimators.

| how | what | where |
|---|---|---|
| ``pathwise`` | reverse mode through market, followers, objective | `differentiable`, Box actions |
| ``forward`` | one tangent per characteristic; flat memory over steps | likewise |
| ``ordered`` | pathwise, choices as points of a line | choices taken as reals, in torch |
| ``score`` | pathwise, and the likelihood ratio of choices | Discrete actions, in torch |
| ``differences`` | central differences under common random numbers | everywhere |

Every estimator gives the *total* derivative: θ moves the market, what followers see, and so what
they do. Copies do not touch each other, so that the gradient by each copy's own θ is one draw, and
their spread over copies the standard error.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...envs.core.arrays import detached
from ...leaders.leader import Measured, Question
from ..experiments.experiment import Experiment
from ..policies.policies import Policies
from .choose import Chosen, choose
from .estimators import Asked, differences
from .values import Outcomes

Floats = NDArray[np.float64]
JUDGING_WIDTH = 0.1  # of a difference that another estimator is held to, as a share of the range


def derive(experiment: Experiment, policies: Policies, question: Question, seed: int) -> Measured:
    """Answer a leader's question.

    Args:
        experiment: its market, objective and interval.
        policies: live networks of the followers.
        question: where, and by what.
        seed: of the episodes; two calls with one seed meet the same shocks.

    Raises:
        PacesetterError: the estimator cannot work here; the message names one that can.
    """
    if not question.wants:
        return _values(Outcomes(experiment, policies, question, seed))
    chosen = choose(experiment, question)
    asked = Asked(experiment, policies, question, chosen, seed)
    if "statistics" in question.wants or "jacobians" in question.wants:
        return _statistics(asked)
    theta = _repeated(question.theta, question.copies)
    values, gradients = asked.derivative(theta)
    judged = judged_errors = None
    number = len(question.theta)
    if question.judge and chosen.how != "differences":
        asked.question = replace(question, width=JUDGING_WIDTH)
        judged, judged_errors = _summary(differences(asked, theta), number)
    mean, errors = _summary(gradients, number)
    return Measured(
        theta=np.asarray(question.theta, dtype=np.float64),
        values=_mean(values, number),
        gradients=mean,
        gradient_errors=errors,
        judged=judged,
        judged_errors=judged_errors,
        # Of another slope than the policies' own these are no judge: where policies are a little
        # wrong, first-order conditions are nearer to what better ones would do.
        judge_rules=chosen.slope == "network",
        episodes=asked.episodes,
        note=_said(chosen),
    )


def _values(outcomes: Outcomes) -> Measured:
    """For who learns from values alone."""
    question = outcomes.question
    values = outcomes.outcome(_repeated(question.theta, question.copies))
    return Measured(question.theta, _mean(values, len(question.theta)), episodes=outcomes.episodes)


def _statistics(asked: Asked) -> Measured:
    """Statistics of paths, with the gradient of a score of theirs or with their Jacobian."""
    question, compared = asked.question, asked.compared
    assert compared is not None
    number, copies = len(question.theta), question.copies
    theta = _repeated(question.theta, copies)
    gradients = errors = jacobians = jacobian_rows = None
    if "gradients" in question.wants:
        rows, slopes = asked.derivative(theta)
        gradients, errors = _summary(slopes, number)
    else:
        rows = asked.outcome(theta)
    if "jacobians" in question.wants:
        half = _repeated(question.theta, max(1, copies // 2))
        slopes = asked.jacobian(half)
        jacobian_rows = slopes.reshape(number, -1, *slopes.shape[1:])
        jacobians = jacobian_rows.mean(axis=1)
    mean = rows.reshape(number, copies, -1).mean(axis=1)
    scores = None if question.score is None else np.asarray(detached(question.score(rows)))
    values = -compared.target.distance(mean) if scores is None else _mean(scores, number)
    return Measured(
        theta=np.asarray(question.theta, dtype=np.float64),
        values=values,
        gradients=gradients,
        gradient_errors=errors,
        statistics=mean,
        rows=rows.reshape(number, copies, -1),
        jacobians=jacobians,
        jacobian_rows=jacobian_rows,
        target=compared.target,
        episodes=asked.episodes,
        note=_said(asked.chosen),
    )


def _repeated(theta: Floats, copies: int) -> Floats:
    return np.repeat(np.asarray(theta, dtype=np.float64), copies, axis=0)


def _mean(values: Floats, number: int) -> Floats:
    """Over the copies of each θ, ``(n,)``."""
    mean: Floats = values.reshape(number, -1).mean(axis=1)
    return mean


def _summary(gradients: Floats, number: int) -> tuple[Floats, Floats]:
    """Mean over the copies of each θ and its standard error, ``(n, d)`` each."""
    by_theta = gradients.reshape(number, -1, gradients.shape[1])
    copies = by_theta.shape[1]
    spread = by_theta.std(axis=1, ddof=1) if copies > 1 else np.zeros_like(by_theta[:, 0])
    return by_theta.mean(axis=1), spread / np.sqrt(copies)


def _said(chosen: Chosen) -> str:
    return f"derivatives: {chosen.how}, slope of the answers: {chosen.slope} ({chosen.why})"
