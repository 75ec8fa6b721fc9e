"""Statistics of price paths against loops, torch against NumPy, and derivatives."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.registry import make
from pacesetter.envs.stock_market import statistics
from pacesetter.leaders.objectives.path_reference import PlantedPaths
from pacesetter.leaders.objectives.statistic import Statistic
from pacesetter.leaders.objectives.statistics import Statistics

TRUTH = np.array([1.0, 1.0, 0.5])


@pytest.fixture(scope="module")
def market():
    return make("stock_market")


@pytest.fixture(scope="module")
def paths(market):
    shocks = market.simulation.draw(400, 5, np.float64)
    return market.simulation.paths(TRUTH, shocks).prices


def test_eighteen_statistics_one_by_one(market, paths):
    found = market.statistics(paths)
    assert found.shape == (400, 18) and len(market.path_statistics.names) == 18
    for row in (0, 7):
        p = paths[row]
        y = [(p[t] / p[t - 1] - 1) * 15 / 0.05 for t in range(1, 51)]
        q = [p[t - 1] - 100 for t in range(1, 51)]
        expected = [np.mean([math.cos(w * v) for v in y]) for w in (0.15, 0.3, 0.45, 0.6, 0.9, 1.2)]
        expected += [np.mean(np.multiply(y, q)), np.mean(np.square(q))]
        expected += [np.mean([y[t] * y[t - k] for t in range(k, 50)]) for k in range(1, 11)]
        np.testing.assert_allclose(found[row], expected, rtol=1e-9, atol=1e-12)


def test_what_technical_traders_do_not_explain_is_what_the_others_ordered(market):
    """e is D₁ + D₃ where d is right."""
    state, prices, rest = market.reset(0, 5, TRUTH), [np.full(5, 100.0)], []
    for _ in range(50):
        step = market.step(state, {})
        state = step.state
        prices.append(step.quantities["price"])
        rest.append(step.quantities["demand_noise"] + step.quantities["demand_fundamental"])
    prices = np.stack(prices, axis=1)
    found = market.path_statistics.unexplained(prices, np.array([0.5]))
    np.testing.assert_allclose(found, np.stack(rest, axis=1), atol=1e-9)
    wrong = market.path_statistics.unexplained(prices, np.array([0.2]))
    assert np.abs(wrong - found).max() > 0.1


def test_fifty_six_statistics_one_by_one(market, paths):
    of = market.path_statistics
    predictor = of.predictor(paths, 0.5)
    found = of.sharp(paths, predictor)
    assert found.shape == (400, 56) and len(of.sharp_names) == 56
    assert of.of_both(paths, predictor).shape == (400, 74)
    row = 3
    e, q = of.unexplained(paths, predictor.technical)[row], paths[row, :-1] - 100

    def prediction(t):  # periods count from one, entries from zero
        lagged = [e[t - 1 - lag] + 1.5 * q[t - 1 - lag] for lag in (1, 2, 3, 4, 5, 6, 8)]
        return np.dot([q[t - 1], math.tanh(q[t - 1] / 2), *lagged], predictor.coefficients)

    def bump(x):
        return math.exp(-0.5 * (x / 0.9) ** 2)

    waves = (0.25, 0.5, 0.8, 1.2, 1.6, 2.0, 2.5, math.pi)
    expected = []
    for sign, wave, centres in ((1, math.cos, (0, 1, 2, 3)), (-1, math.sin, (1, 2, 3))):
        for c in centres:
            for w in waves:
                terms = []
                for t in range(11, 51):
                    p = prediction(t)
                    terms.append((bump(p - c) + sign * bump(p + c)) * wave(w * e[t - 1]))
                expected.append(np.mean(terms))
    np.testing.assert_allclose(found[row], expected, rtol=1e-9, atol=1e-12)


def test_the_prediction_is_the_best_linear_one(market, paths):
    of = market.path_statistics
    predictor = of.predictor(paths, 0.5)
    e = of.unexplained(paths, predictor.technical)
    regressors = of._regressors(paths, e)
    error = e[:, statistics.PREDICTED_FROM :] - regressors @ predictor.coefficients
    products = np.einsum("nk,nkr->r", error, regressors)
    scale = np.sqrt((error**2).sum() * (regressors**2).sum(axis=(0, 1)))
    assert np.abs(products / scale).max() < 1e-10
    assert 1 - error.var() / e[:, statistics.PREDICTED_FROM :].var() > 0.05  # it foresees something


def test_torch_has_the_numbers_and_the_derivative(market, paths):
    of = market.path_statistics
    predictor = of.predictor(paths, 0.5)
    some = torch.tensor(paths[:3], requires_grad=True)
    found = of.of_both(some, predictor)
    np.testing.assert_allclose(found.detach().numpy(), of.of_both(paths[:3], predictor), rtol=1e-9)
    weights = np.random.default_rng(0).normal(size=74)
    total = (found @ torch.as_tensor(weights)).sum()
    slopes = torch.autograd.grad(total, some)[0].numpy()
    for row, place in ((0, 1), (1, 20), (2, 50)):
        ends = []
        for step in (1e-6, -1e-6):
            moved = paths[:3].copy()
            moved[row, place] += step
            ends.append((of.of_both(moved, predictor) @ weights).sum())
        slope = (ends[0] - ends[1]) / 2e-6
        assert slopes[row, place] == pytest.approx(slope, rel=1e-4, abs=1e-6)


def test_statistics_pull_back_to_theta(market):
    """Torch through the statistics and the hand-written pass through the market, together."""
    shocks = market.simulation.draw(200, 1, np.float64)
    simulated = market.simulation.paths(TRUTH, shocks)
    prices = torch.tensor(simulated.prices, requires_grad=True)
    weights = torch.as_tensor(np.random.default_rng(0).normal(size=18))
    (market.statistics(prices).mean(dim=0) @ weights).backward()
    found = simulated.pull_back(prices.grad.numpy())

    def loss(theta):
        prices = market.simulation.paths(theta, shocks, slopes=False).prices
        return float(market.statistics(prices).mean(axis=0) @ weights.numpy())

    for entry, unit in enumerate(1e-5 * np.eye(3)):
        slope = (loss(TRUTH + unit) - loss(TRUTH - unit)) / 2e-5
        assert found[entry] == pytest.approx(slope, rel=1e-3)


def test_refuses_what_has_no_such_statistics(market, paths):
    with pytest.raises(PacesetterError, match="at least 11, got 10"):
        market.statistics(paths[:, :11])
    assert np.isfinite(market.statistics(paths[:, :12])).all()
    with pytest.raises(PacesetterError, match="indicator rules have none"):
        make("stock_market", rules="indicator").path_statistics.predictor(paths, 0.5)


def test_the_56_are_further_statistics_of_an_objective():
    market = make("stock_market")
    paths = market.planted_paths({}, 300, 4)
    objective = Statistics(
        PlantedPaths({}, 300, 4),
        (Statistic("demand", "cosine", (0.3,)),),
        "pacesetter.envs.stock_market.statistics:sharp",
        ("price",),
        {"technical": 0.5},
    )
    compared = objective.measure(market, market.horizon).statistics
    of = market.path_statistics
    assert compared.target.names == ("cosine(demand, 0.3)", *of.sharp_names)
    expected = of.sharp(paths, of.predictor(paths, 0.5))
    np.testing.assert_allclose(compared.target.rows[:, 1:], expected, rtol=1e-9, atol=1e-12)
    with pytest.raises(PacesetterError, match=r"set market\.warm_up: 0"):
        objective.measure(make("stock_market", warm_up=5), market.horizon)
