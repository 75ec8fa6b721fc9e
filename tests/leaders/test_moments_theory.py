"""The moments leader against least squares, and what its standard errors are worth."""

from __future__ import annotations

import json

import numpy as np
import pytest
from small_markets import DESIGN, DEVIATION, LinearGaussian, RuleBased

from pacesetter.envs.registry import make
from pacesetter.leaders.gradient.moments import MomentsLeader
from pacesetter.leaders.objectives.path_reference import PlantedPaths
from pacesetter.leaders.objectives.references import Held, Planted
from pacesetter.leaders.objectives.statistic import Statistic
from pacesetter.leaders.objectives.statistics import Statistics
from pacesetter.leaders.objectives.target import root_of_inverse
from pacesetter.training.derivatives.derive import derive
from pacesetter.training.experiments.experiment import Experiment
from pacesetter.training.policies.policies import Policies

OF_LINES = tuple(Statistic(f"y{j}") for j in range(len(DESIGN)))
PATHS, PERIODS = 400, 4
TRUE = {"x0": 1.0, "x1": -2.0}


def calibrated(market, objective, leader, iterations=12, seed=0):
    """The guide after its iterations, and what it was told last."""
    experiment = Experiment(name="a", market=market, objective=objective, leader=leader).bound()
    guide = leader.guide(market.characteristics, seed, iterations)
    policies, told = Policies.untrained(experiment), None
    for iteration in range(iterations):
        question = guide.question()
        if question is None:
            break
        told = derive(experiment, policies, question, 500_000 + seed * 100_000)
        guide.learn(told, last=iteration == iterations - 1)
    return guide, told


def errors(guide):
    named = guide.figures()
    return np.array([named[f"theta_standard_error/{name}"] for name in TRUE])


@pytest.mark.parametrize("how", ["differences", "pathwise"])
@pytest.mark.parametrize("starts", [1, 4])
@pytest.mark.parametrize("whole_paths", [False, True])
def test_least_squares_estimate_and_standard_errors(how, starts, whole_paths):
    """Exactly those of the means of data less simulated noise, with the data's own weights."""
    market = LinearGaussian(whole_paths=whole_paths)
    objective = Statistics(Planted(TRUE, PATHS, seed=7), OF_LINES, ridge=0.0)
    leader = MomentsLeader(starts=starts, how=how, copies_per_start=4000 // starts)
    guide, told = calibrated(market, objective, leader)
    assert guide.question() is None and guide.warnings() == []
    weight, copies = told.target.weight, told.rows.shape[1]
    assert copies == 4000
    noise = told.statistics[0] - DESIGN @ told.theta[0]
    normal = DESIGN.T @ weight @ DESIGN
    exact = np.linalg.solve(normal, DESIGN.T @ weight @ (told.target.mean - noise))
    assert (np.abs(guide.answer(None) - exact) < 0.05 * errors(guide)).all()

    squares = np.linalg.inv(DESIGN.T @ DESIGN) * DEVIATION**2 / (PATHS * PERIODS)
    plain = np.linalg.lstsq(DESIGN, told.target.mean, rcond=None)[0]
    # Apart from least squares by the simulations' own noise, and by estimated weights.
    apart = np.abs(guide.answer(None) - plain)
    assert (apart < 4 * np.sqrt(np.diag(squares)) * np.sqrt(PATHS / copies + 4 / PATHS)).all()
    expected = np.sqrt(np.diag(squares) * (1 + PATHS / copies))
    np.testing.assert_allclose(errors(guide), expected, rtol=0.07)
    assert guide.figures()["misfit/degrees_of_freedom"] == 3
    assert 0.001 < guide.figures()["misfit/p_value"] <= 1.0


def test_standard_errors_are_the_scatter_over_seeds():
    """Where statistics bend, too; the misfit is a χ² of its degrees of freedom."""
    statistics = (
        Statistic("price", "square"),
        Statistic("price", "autocovariance", (1, 2), about=0.0),
        Statistic("price", "absolute"),
    )
    market, truth = RuleBased(periods=30), np.array([0.6, 1.3])
    leader = MomentsLeader(starts=2, copies_per_start=400, how="differences")
    scores, misfits = [], []
    for seed in range(16):
        planted = Planted({"speed": 0.6, "noise": 1.3}, 300, seed=1000 * (seed + 1))
        guide, _ = calibrated(market, Statistics(planted, statistics), leader, 16, seed)
        named = guide.figures()
        own = [named[f"theta_standard_error/{name}"] for name in ("speed", "noise")]
        scores.append((guide.answer(None) - truth) / own)
        misfits.append(named["misfit/chi_squared"])
    scores = np.array(scores)
    assert np.abs(scores).max() < 4.0
    assert 0.7 < scores.std() < 1.35  # 32 draws: 1 ± .13
    assert np.mean(misfits) == pytest.approx(2.0, abs=1.2)  # 16 draws: 2 ± .5


def test_a_wrong_model_is_told_by_its_misfit():
    rows = {f"y{j}": np.random.default_rng(j).normal(size=(200, 4)) + j for j in range(5)}
    guide, _ = calibrated(LinearGaussian(), Statistics(Held(rows), OF_LINES), MomentsLeader())
    assert any(text.startswith("no θ matches the statistics") for text in guide.warnings())


def test_an_answer_at_a_bound_is_told():
    rows = {f"y{j}": np.random.default_rng(j).normal(size=(200, 4)) for j in range(5)}
    for j, (of_first, _) in enumerate(DESIGN):
        rows[f"y{j}"] += 9.0 * of_first  # x0 = 9 where 5 is the most
    guide, _ = calibrated(LinearGaussian(), Statistics(Held(rows), OF_LINES), MomentsLeader(), 20)
    assert guide.answer(None)[0] == 5.0
    # With x0 at its bound the best x1 is that of least squares on what is left.
    left = np.array([rows[f"y{j}"].mean() for j in range(5)]) - 5.0 * DESIGN[:, 0]
    slope = DESIGN[:, 1] @ left / (DESIGN[:, 1] @ DESIGN[:, 1])
    assert guide.answer(None)[1] == pytest.approx(slope, abs=0.3)
    assert "x0 is at a bound: its standard error means nothing." in guide.warnings()


def test_too_few_iterations_are_told():
    guide, _ = calibrated(
        RuleBased(),
        Statistics(Planted({"speed": 1.2, "noise": 2.0}, 300), (Statistic("price", "square"),)),
        MomentsLeader(step=0.001),
        3,
    )
    assert any("3 iterations were not enough" in text for text in guide.warnings())


def test_characteristics_that_cannot_be_told_apart_are_told():
    alike = tuple((first, 0.5 * first + 0.01 * second) for first, second in DESIGN.tolist())
    market = LinearGaussian(design=alike)
    guide, _ = calibrated(market, Statistics(Planted({}, 300), OF_LINES), MomentsLeader())
    assert any("x0 and x1 can hardly be told apart" in text for text in guide.warnings())


def test_weights_of_simulations_are_those_of_their_scatter():
    market = LinearGaussian()
    objective = Statistics(Planted(TRUE, PATHS, seed=7), OF_LINES, ridge=0.0)
    leader = MomentsLeader(starts=2, copies_per_start=500, weights="simulated")
    guide, told = calibrated(market, objective, leader)
    assert guide.question() is None and guide.warnings() == []
    root = root_of_inverse(np.cov(told.rows[0][500:].T), 0.0)
    weight = root.T @ root
    noise = told.statistics[0] - DESIGN @ told.theta[0]
    normal = DESIGN.T @ weight @ DESIGN
    exact = np.linalg.solve(normal, DESIGN.T @ weight @ (told.target.mean - noise))
    assert (np.abs(guide.answer(None) - exact) < 0.05 * errors(guide)).all()
    other = np.linalg.solve(
        DESIGN.T @ told.target.weight @ DESIGN,
        DESIGN.T @ told.target.weight @ (told.target.mean - noise),
    )
    assert (np.abs(guide.answer(None) - other) > 0.05 * errors(guide)).any()


def test_sharp_statistics_join_in_once_there_is_an_estimate():
    """And a guide that is resumed in between asks what it would have asked."""
    few = Statistic("demand", "cosine", (0.3, 0.9)), Statistic("price", "square", about=100.0)
    objective = Statistics(
        PlantedPaths(number=200),
        (*few, Statistic("demand", "autocovariance", (1, 2, 3), about=0.0)),
        "pacesetter.envs.stock_market.statistics:sharp",
        reads=("price",),
        estimates={"technical": "technical_sensitivity"},
    )
    leader = MomentsLeader(starts=2, copies_per_start=150, sharpen=True, weights="simulated")
    market = make("stock_market")
    experiment = Experiment(name="a", market=market, objective=objective, leader=leader).bound()
    guide, policies = leader.guide(market.characteristics, 0, 12), Policies.untrained(experiment)
    asked = []
    for _ in range(12):
        if (question := guide.question()) is None:
            break
        guide.learn(derive(experiment, policies, question, 5), last=False)
        twin = leader.guide(market.characteristics, 0, 12)
        twin.restore(json.loads(json.dumps(guide.state())))
        one, other = guide.question(), twin.question()
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_array_equal(one.theta, other.theta)
            asked.append((len(one.theta), one.copies, one.about is not None))
            assert one.about is None or np.array_equal(one.about, other.about)
    assert set(asked) == {(2, 150, False), (1, 300, True)}
    assert guide.figures()["misfit/degrees_of_freedom"] > 50
