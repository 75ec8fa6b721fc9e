"""The estimators of a derivative: reverse and forward mode, choices, differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...envs.core.arrays import detached
from ...envs.core.errors import PacesetterError
from ...envs.core.market import Paths
from ...leaders.leader import Question
from ...leaders.objectives.objective import Compared
from ..experiments.experiment import Experiment
from ..policies.policies import Policies
from .choose import Chosen
from .followers import Choices, Followers
from .implicit import with_implicit_slope
from .playing import Act, play_episode, play_path

Floats = NDArray[np.float64]
CHOICES: dict[str, Choices] = {"score": "score", "ordered": "ordered"}


class Asked:
    """What all estimators play.

    An *outcome* is the objective's value of every copy, ``(B,)``, or the statistics of its path,
    ``(B, m)``; a *score* turns it into the number that is differentiated.
    """

    def __init__(
        self,
        experiment: Experiment,
        policies: Policies,
        question: Question,
        chosen: Chosen,
        seed: int,
    ):
        self.experiment, self.policies, self.question = experiment, policies, question
        self.chosen, self.seed = chosen, seed
        self.of_path = not question.wants.isdisjoint({"statistics", "jacobians"})
        self.compared = compared(experiment, question) if self.of_path else None

    def derivative(self, theta: Floats) -> tuple[Floats, Floats]:
        """Outcomes, and the gradient of each copy's score by its own θ, ``(B, d)``."""
        how = self.chosen.how
        if how == "differences":
            return differences(self, theta)
        if how == "forward":
            return _forward(self, theta)
        fast = _through_paths(self, theta) if how == "pathwise" else None
        return fast or _reverse(self, theta, CHOICES.get(how, "drawn"))

    def jacobian(self, theta: Floats) -> Floats:
        """Of every copy's statistics by its own θ, ``(B, m, d)``.

        One tangent per characteristic: there are fewer of them than statistics.
        """
        if self.chosen.how == "differences":
            return differences(self, theta, identity=True)[1]
        fast = _rows_through_paths(self, theta) if self.chosen.how == "pathwise" else None
        if fast is not None:
            return fast
        return _forward(self, theta, CHOICES.get(self.chosen.how, "drawn"), identity=True)[1]

    def score(self, outcome: Any) -> Any:
        """The number that is differentiated, ``(B,)``."""
        if self.question.score is not None:
            return self.question.score(outcome)
        return outcome

    def worth(self, path: Any) -> Any:
        """The outcome of a whole path."""
        if not self.of_path:
            return self.experiment.measure.value(path)
        assert self.compared is not None
        return self.compared.of(path)

    def fast(self, theta: Floats) -> Paths | None:
        """Whole paths where the market has a fast way, and an interval is an episode."""
        market = self.experiment.market
        if self.experiment.interval_steps != market.steps_per_episode:
            return None
        return market.paths(theta, self.seed)

    def play(self, theta: Any, choices: Choices = "drawn") -> tuple[Any, Followers]:
        """Outcomes of one episode per row of θ, with the slope of answers, and who followed."""
        followers = Followers(self.experiment, self.policies, self.seed, choices)
        return self._play(theta, self._act(followers)), followers

    def outcome(self, theta: Floats) -> Floats:
        """One per row of θ, with followers as they are, without derivatives."""
        if self.of_path and (paths := self.fast(theta)) is not None:
            try:
                return np.asarray(self.worth(paths.quantities))
            except KeyError:  # it reads what a fast path does not hold
                pass
        followers = Followers(self.experiment, self.policies, self.seed, "drawn")
        return np.asarray(self._play(theta, followers.act))

    def _play(self, theta: Any, act: Act) -> Any:
        if self.of_path:
            return self.worth(play_path(self.experiment, theta, self.seed, act))
        return play_episode(self.experiment, theta, self.seed, act).values

    def _act(self, followers: Followers) -> Act:
        market = self.experiment.market

        def held(state: Any) -> dict[str, Any]:
            with torch.no_grad():
                return followers.act(state)

        if self.chosen.slope == "none":
            return held
        if self.chosen.slope == "implicit":
            return lambda state: with_implicit_slope(market, state, held(state))
        return followers.act


def compared(experiment: Experiment, question: Question) -> Compared:
    """The statistics that a question is about.

    Raises:
        PacesetterError: the objective declares none.
    """
    found = experiment.measure.statistics
    if found is None:
        raise PacesetterError(
            "the leader compares statistics of paths, and the objective declares none; use the "
            "objective 'statistics'."
        )
    if question.about is not None and found.about is not None:
        return found.about(question.about)
    return found


def _reverse(asked: Asked, theta: Floats, choices: Choices) -> tuple[Floats, Floats]:
    leaf = torch.from_numpy(theta).requires_grad_()
    outcome, followers = asked.play(leaf, choices)
    values = asked.score(outcome)
    target = values
    if choices == "score":
        likelihood = followers.log_likelihood
        others = (values.sum() - values) / max(1, len(values) - 1)  # a baseline without itself
        target = values + (values - others).detach() * likelihood
    if not target.requires_grad:  # θ is hidden from everybody
        return outcome.detach().numpy(), np.zeros_like(theta)
    (gradient,) = torch.autograd.grad(target.sum(), leaf)
    return outcome.detach().numpy(), gradient.numpy()


def _through_paths(asked: Asked, theta: Floats) -> tuple[Floats, Floats] | None:
    """The gradient by the path, pulled back by the market where it has a fast way.

    None where it has none, or the objective reads what a fast path does not hold.
    """
    if (paths := asked.fast(theta)) is None:
        return None
    leaves = _leaves(paths)
    try:
        outcome = asked.worth(leaves)
    except KeyError:
        return None
    return outcome.detach().numpy(), _pulled(asked.score(outcome), leaves, paths)


def _rows_through_paths(asked: Asked, theta: Floats) -> Floats | None:
    """One pull per statistic, ``(B, m, d)``; otherwise as `_through_paths`."""
    if (paths := asked.fast(theta)) is None:
        return None
    leaves = _leaves(paths)
    try:
        statistics = asked.worth(leaves)
    except KeyError:
        return None
    rows = [_pulled(column, leaves, paths) for column in statistics.unbind(dim=1)]
    return np.stack(rows, axis=1)


def _leaves(paths: Paths) -> dict[str, torch.Tensor]:
    """Path quantities that gradients are taken by."""
    return {
        name: torch.from_numpy(path).requires_grad_() for name, path in paths.quantities.items()
    }


def _pulled(values: torch.Tensor, leaves: dict[str, torch.Tensor], paths: Paths) -> Floats:
    """Gradient of each copy's value by its θ, ``(B, d)``; the graph is kept."""
    by_path = torch.autograd.grad(
        values.sum(), list(leaves.values()), allow_unused=True, retain_graph=True
    )
    found = {n: g.numpy() for n, g in zip(leaves, by_path, strict=True) if g is not None}
    pulled: Floats = paths.pull_back(found)
    return pulled


def _forward(
    asked: Asked, theta: Floats, choices: Choices = "drawn", identity: bool = False
) -> tuple[Floats, Floats]:
    """One tangent per characteristic: of the score ``(B, d)``, or of the outcome itself."""
    forward_mode = torch.autograd.forward_ad
    primal = torch.from_numpy(theta)
    columns, found = [], None
    for entry in range(theta.shape[1]):
        direction = torch.zeros_like(primal)
        direction[:, entry] = 1.0
        with forward_mode.dual_level(), torch.no_grad():
            outcome, _ = asked.play(forward_mode.make_dual(primal, direction), choices)
            scored = outcome if identity else asked.score(outcome)
            found = forward_mode.unpack_dual(outcome).primal
            values, tangent = forward_mode.unpack_dual(scored)
            columns.append(torch.zeros_like(values) if tangent is None else tangent)
    assert found is not None
    return found.numpy(), torch.stack(columns, dim=-1).numpy()


@torch.no_grad()
def differences(asked: Asked, theta: Floats, identity: bool = False) -> tuple[Floats, Floats]:
    """One central difference per characteristic, one-sided at a bound; see `_forward`."""
    space, width = asked.experiment.market.characteristics, asked.question.width

    def values(moved: Floats) -> Floats:
        outcome = asked.outcome(moved)
        return outcome if identity else np.asarray(detached(asked.score(outcome)))

    columns = []
    for entry in range(theta.shape[1]):
        step = np.zeros(theta.shape[1])
        step[entry] = width * (space.high[entry] - space.low[entry])
        up, down = (np.clip(theta + s, space.low, space.high) for s in (step, -step))
        apart = (up - down)[:, entry]
        rise = values(up) - values(down)
        apart = np.where(apart > 0, apart, 1.0).reshape(-1, *[1] * (rise.ndim - 1))
        columns.append(rise / apart)
    found = np.empty(0) if identity else asked.outcome(theta)
    return found, np.stack(columns, axis=-1)
