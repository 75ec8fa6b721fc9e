"""Statistics of paths and their derivatives by θ: every estimator says the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch
from small_markets import DESIGN, DEVIATION, LinearGaussian, RuleBased, TwoGroups

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.leaders.gradient.gradient import GradientLeader
from pacesetter.leaders.gradient.moments import MomentsLeader
from pacesetter.leaders.leader import Question
from pacesetter.leaders.objectives.general import Volatility
from pacesetter.leaders.objectives.references import CsvFile, Planted
from pacesetter.leaders.objectives.statistic import Statistic
from pacesetter.leaders.objectives.statistics import Statistics
from pacesetter.training.derivatives.derive import derive
from pacesetter.training.experiments.experiment import Experiment
from pacesetter.training.policies.policies import Policies

JACOBIAN = frozenset({"statistics", "jacobians"})
GRADIENT = frozenset({"statistics", "gradients"})
OF_PRICE = (
    Statistic("price", "square"),
    Statistic("price", "autocovariance", (1, 2)),
    Statistic("price", "cosine", (0.7,)),
    Statistic("price", "kurtosis"),
)
OF_LINES = tuple(Statistic(f"y{j}") for j in range(len(DESIGN)))
LINEAR = LinearGaussian(), LinearGaussian(whole_paths=True)


def asked(market, statistics, question, seed=5):
    objective = Statistics(Planted({}, 100), statistics)
    experiment = Experiment(name="a", market=market, objective=objective, leader=MomentsLeader())
    return derive(experiment, Policies.untrained(experiment), question, seed)


@pytest.mark.parametrize("market", LINEAR, ids=["steps", "paths"])
@pytest.mark.parametrize("how", ["differences", "pathwise", "forward", "auto"])
def test_the_jacobian_of_means_is_the_design(market, how):
    theta = np.array([[1.0, -2.0], [0.0, 5.0]])
    told = asked(market, OF_LINES, Question(theta, how, copies=10, wants=JACOBIAN))
    assert told.jacobians.shape == (2, 5, 2) and told.rows.shape == (2, 10, 5)
    np.testing.assert_allclose(told.jacobians, np.broadcast_to(DESIGN, (2, 5, 2)), atol=1e-10)
    np.testing.assert_allclose(told.statistics, told.rows.mean(axis=1))
    error = DEVIATION / np.sqrt(10 * market.periods)
    assert np.abs(told.statistics - theta @ DESIGN.T).max() < 5 * error
    np.testing.assert_allclose(told.values, -told.target.distance(told.statistics))


def test_estimators_agree_where_statistics_bend():
    theta = np.array([[0.6, 1.3], [0.2, 0.9]])
    found = {}
    for how in ("differences", "pathwise", "forward"):
        question = Question(theta, how, width=1e-5, copies=8, wants=JACOBIAN)
        found[how] = asked(RuleBased(), OF_PRICE, question)
    for how in ("pathwise", "forward"):
        np.testing.assert_allclose(
            found[how].jacobians, found["differences"].jacobians, rtol=1e-5, atol=1e-8
        )
        np.testing.assert_array_equal(found[how].statistics, found["differences"].statistics)


def score(rows):
    """Of a discriminator: the weights of its gradient depend on the statistics."""
    rows = torch.as_tensor(rows)
    weights = torch.linspace(-1.0, 1.0, rows.shape[1], dtype=torch.float64)
    return torch.nn.functional.logsigmoid(rows @ weights + 0.3)


@pytest.mark.parametrize(
    ("market", "statistics"),
    [(RuleBased(), OF_PRICE), (LINEAR[0], OF_LINES), (LINEAR[1], OF_LINES)],
    ids=["bent", "steps", "paths"],
)
def test_a_score_of_statistics_is_differentiated_in_one_go(market, statistics):
    theta = np.array([[0.6, 1.3], [0.3, 0.9]])
    found = {}
    # Where paths come in one go, they have other random numbers than steps have.
    others = ["pathwise"] if getattr(market, "whole_paths", False) else ["pathwise", "forward"]
    for how in ("differences", *others):
        question = Question(theta, how, width=1e-5, copies=8, wants=GRADIENT, score=score)
        found[how] = asked(market, statistics, question)
    differences = found["differences"]
    assert np.abs(differences.gradients).min() > 1e-4
    for how in others:
        told = found[how]
        np.testing.assert_allclose(told.gradients, differences.gradients, rtol=1e-4)
        np.testing.assert_allclose(told.gradient_errors, differences.gradient_errors, rtol=1e-4)
        np.testing.assert_allclose(told.rows, differences.rows, atol=1e-13)
        np.testing.assert_allclose(
            told.values, score(told.rows.reshape(16, -1)).reshape(2, 8).mean(1)
        )


def test_a_score_is_the_weighted_jacobian():
    """Where the weights are given: one pass backwards instead of one per statistic."""
    theta, weights = np.array([[0.6, 1.3]]), np.array([1.0, -2.0, 0.5, 3.0, 0.1])
    question = Question(theta, "pathwise", copies=8, wants=JACOBIAN)
    both = asked(RuleBased(), OF_PRICE, Question(theta, "pathwise", copies=4, wants=JACOBIAN))
    jacobians = asked(RuleBased(), OF_PRICE, question).jacobians[0]
    weighted = Question(
        theta,
        "pathwise",
        copies=4,
        wants=GRADIENT,
        score=lambda rows: torch.as_tensor(rows) @ torch.from_numpy(weights),
    )
    told = asked(RuleBased(), OF_PRICE, weighted)
    assert both.rows.shape[1] == told.rows.shape[1]
    # The Jacobian is over the first half of eight copies, which are the four of the other question.
    np.testing.assert_allclose(told.gradients[0], weights @ jacobians, rtol=1e-10)


def test_half_of_the_copies_give_the_jacobian():
    """So that the scatter of the others is independent of it."""
    theta = np.array([[0.6, 1.3]])
    few = asked(RuleBased(), OF_PRICE, Question(theta, copies=20, wants=JACOBIAN))
    more = asked(RuleBased(), OF_PRICE, Question(theta, copies=21, wants=JACOBIAN))
    np.testing.assert_array_equal(few.jacobians, more.jacobians)


def test_what_cannot_be_answered_is_refused():
    theta = np.array([[0.6, 1.3]])
    with pytest.raises(ValueError, match="without a score"):
        Question(theta, wants=GRADIENT)
    question = Question(theta, wants=JACOBIAN)
    experiment = Experiment(
        name="a", market=RuleBased(), objective=Volatility(), leader=GradientLeader()
    )
    with pytest.raises(PacesetterError, match="use the objective 'statistics'"):
        derive(experiment, Policies.untrained(experiment), question, 0)


@dataclass(frozen=True)
class Rigid(RuleBased):
    """A market that nobody can differentiate."""

    differentiable: ClassVar[bool] = False


def test_what_is_not_differentiable_has_differences():
    theta = np.array([[0.6, 1.3]])
    told = asked(Rigid(), OF_PRICE, Question(theta, copies=4, wants=JACOBIAN))
    assert "derivatives: differences" in told.note
    scored = asked(Rigid(), OF_PRICE, Question(theta, copies=4, wants=GRADIENT, score=score))
    assert "derivatives: differences" in scored.note and scored.gradients.all()
    for wants in ({"wants": JACOBIAN}, {"wants": GRADIENT, "score": score}):
        with pytest.raises(PacesetterError, match="not differentiable; use differences"):
            asked(Rigid(), OF_PRICE, Question(theta, "pathwise", copies=4, **wants))


def test_where_somebody_learns_differences_alone_give_jacobians(tmp_path):
    file = tmp_path / "data.csv"
    numbers = np.random.default_rng(0).normal(size=50)
    file.write_text("price\n" + "\n".join(map(str, numbers)))
    objective = Statistics(CsvFile(str(file)), (Statistic("price"),))
    experiment = Experiment(
        name="a", market=TwoGroups(), objective=objective, leader=GradientLeader()
    )
    policies = Policies.untrained(experiment)
    theta = np.array([[0.4]])
    told = derive(experiment, policies, Question(theta, copies=4, wants=JACOBIAN), 0)
    assert told.jacobians.shape == (1, 1, 1) and "derivatives: differences" in told.note
    with pytest.raises(PacesetterError, match=r"every statistic.*use differences"):
        derive(experiment, policies, Question(theta, "pathwise", wants=JACOBIAN), 0)
