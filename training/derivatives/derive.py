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

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...leaders.leader import Measured, Question, Slope
from ..experiments.experiment import Experiment
from ..policies.policies import Policies
from .choose import Chosen, choose
from .followers import Choices, Followers
from .implicit import with_implicit_slope
from .playing import Act, Episode, play_episode
from .values import values_alone

Floats = NDArray[np.float64]
CHOICES: dict[str, Choices] = {"score": "score", "ordered": "ordered"}


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
    if not question.gradients:
        return values_alone(experiment, policies, question, seed)
    chosen = choose(experiment, question)
    number, copies = len(question.theta), question.copies
    theta = np.repeat(np.asarray(question.theta, dtype=np.float64), copies, axis=0)
    asked = _Asked(experiment, policies, chosen.slope, seed)
    width = question.width
    if chosen.how == "differences":
        values, gradients = _differences(asked, theta, width)
    elif chosen.how == "forward":
        values, gradients = _forward(asked, theta)
    else:
        fast = _through_paths(experiment, theta, seed) if chosen.how == "pathwise" else None
        values, gradients = fast or _reverse(asked, theta, CHOICES.get(chosen.how, "drawn"))
    judged = judged_errors = None
    # The implicit slope is not the policies' own, which differences would hold it to.
    if question.judge and chosen.how != "differences" and chosen.slope == "network":
        judged, judged_errors = _summary(_differences(asked, theta, width)[1], number)
    mean, errors = _summary(gradients, number)
    return Measured(
        theta=np.asarray(question.theta, dtype=np.float64),
        values=values.reshape(number, copies).mean(axis=1),
        gradients=mean,
        gradient_errors=errors,
        judged=judged,
        judged_errors=judged_errors,
        note=_said(chosen),
    )


class _Asked:
    """What all estimators play."""

    def __init__(self, experiment: Experiment, policies: Policies, slope: Slope, seed: int):
        self.experiment, self.policies = experiment, policies
        self.slope, self.seed = slope, seed

    def play(self, theta: Any, choices: Choices = "drawn") -> tuple[Episode, Followers]:
        """One episode per row of θ, with the slope of answers, and who followed in it."""
        followers = Followers(self.experiment, self.policies, self.seed, choices)
        return play_episode(self.experiment, theta, self.seed, self._act(followers)), followers

    def values(self, theta: Floats) -> Floats:
        """Of the objective, one per row of θ, with followers as they are."""
        followers = Followers(self.experiment, self.policies, self.seed, "drawn")
        played = play_episode(self.experiment, theta, self.seed, followers.act)
        return np.asarray(played.values)

    def _act(self, followers: Followers) -> Act:
        market = self.experiment.market

        def held(state: Any) -> dict[str, Any]:
            with torch.no_grad():
                return followers.act(state)

        if self.slope == "none":
            return held
        if self.slope == "implicit":
            return lambda state: with_implicit_slope(market, state, held(state))
        return followers.act


def _reverse(asked: _Asked, theta: Floats, choices: Choices) -> tuple[Floats, Floats]:
    leaf = torch.from_numpy(theta).requires_grad_()
    episode, followers = asked.play(leaf, choices)
    values = episode.values
    target = values
    if choices == "score":
        likelihood = followers.log_likelihood
        others = (values.sum() - values) / max(1, len(values) - 1)  # a baseline without itself
        target = values + (values - others).detach() * likelihood
    if not target.requires_grad:  # θ is hidden from everybody
        return values.numpy(), np.zeros_like(theta)
    (gradient,) = torch.autograd.grad(target.sum(), leaf)
    return values.detach().numpy(), gradient.numpy()


def _through_paths(
    experiment: Experiment, theta: Floats, seed: int
) -> tuple[Floats, Floats] | None:
    """The objective's own gradient by the path, pulled back by the market where it has a fast way.

    None where it has none, or the objective reads what a fast path does not hold.
    """
    market, steps = experiment.market, experiment.interval_steps
    if steps != market.steps_per_episode or (paths := market.paths(theta, seed)) is None:
        return None
    leaves = {
        name: torch.from_numpy(path).requires_grad_() for name, path in paths.quantities.items()
    }
    try:
        values = experiment.bound_objective.measure(market, steps).value(leaves)
    except KeyError:
        return None
    by_path = torch.autograd.grad(values.sum(), list(leaves.values()), allow_unused=True)
    found = {n: g.numpy() for n, g in zip(leaves, by_path, strict=True) if g is not None}
    return values.detach().numpy(), paths.pull_back(found)


def _forward(asked: _Asked, theta: Floats) -> tuple[Floats, Floats]:
    forward_mode = torch.autograd.forward_ad
    primal = torch.from_numpy(theta)
    columns, values = [], None
    for entry in range(theta.shape[1]):
        direction = torch.zeros_like(primal)
        direction[:, entry] = 1.0
        with forward_mode.dual_level(), torch.no_grad():
            episode, _ = asked.play(forward_mode.make_dual(primal, direction))
            values, tangent = forward_mode.unpack_dual(episode.values)
            columns.append(torch.zeros_like(values) if tangent is None else tangent)
    assert values is not None
    return values.numpy(), torch.stack(columns, dim=1).numpy()


@torch.no_grad()
def _differences(asked: _Asked, theta: Floats, width: float) -> tuple[Floats, Floats]:
    """One central difference per characteristic, one-sided at a bound."""
    space = asked.experiment.market.characteristics
    columns = []
    for entry in range(theta.shape[1]):
        step = np.zeros(theta.shape[1])
        step[entry] = width * (space.high[entry] - space.low[entry])
        up, down = (np.clip(theta + s, space.low, space.high) for s in (step, -step))
        apart = (up - down)[:, entry]
        rise = asked.values(up) - asked.values(down)
        columns.append(rise / np.where(apart > 0, apart, 1.0))
    return asked.values(theta), np.stack(columns, axis=1)


def _summary(gradients: Floats, number: int) -> tuple[Floats, Floats]:
    """Mean over the copies of each θ and its standard error, ``(n, d)`` each."""
    by_theta = gradients.reshape(number, -1, gradients.shape[1])
    copies = by_theta.shape[1]
    spread = by_theta.std(axis=1, ddof=1) if copies > 1 else np.zeros_like(by_theta[:, 0])
    return by_theta.mean(axis=1), spread / np.sqrt(copies)


def _said(chosen: Chosen) -> str:
    return f"derivatives: {chosen.how}, slope of the answers: {chosen.slope} ({chosen.why})"
