"""The stock market's study: path errors, aligned signs, and standard errors against exact ones."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacesetter.envs.registry import make
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.policies.policies import Policies, Trained
from pacesetter.training.studies.stock_market import information, likelihood
from pacesetter.training.studies.stock_market.study import STOCK_MARKET_STUDY

TRUTH = np.array([1.0, 1.0, 0.5])
FEW = ("training.copies=8", "evaluation.copies=4")


def trained(theta, *overrides):
    experiment = load_experiment("stock_market_random", [*FEW, *overrides])
    return Trained(experiment, Policies(experiment, {}), np.array(theta))


@pytest.mark.parametrize("signs", [(1, 1), (-1, 1), (-1, -1)])
def test_the_truth_has_no_error_whatever_its_signs(signs):
    case = trained([signs[0], signs[1], 0.5])
    found = STOCK_MARKET_STUDY.measure(case)
    assert found.results["noise_public"] == found.results["noise_private"] == 1.0
    assert found.results["path_error"] == 0.0
    assert found.results["path_error_uncalibrated"] > 0.01
    assert found.results["noise_private/error"] == found.results["technical_sensitivity/error"] == 0


def test_errors_are_those_of_prices_under_common_shocks():
    case = trained([1.1, -0.8, 0.6])
    found = STOCK_MARKET_STUDY.measure(case)
    assert found.results["noise_private/error"] == pytest.approx(-0.2)
    assert found.results["technical_sensitivity/error"] == pytest.approx(0.2)
    market, error = case.experiment.market, []
    for theta in (TRUTH, np.array([1.1, 0.8, 0.6])):
        state, prices = market.reset(case.experiment.evaluation.seed, 1000, theta), []
        for _ in range(50):
            step = market.step(state, {})
            state = step.state
            prices.append(step.quantities["price"])
        error.append(np.stack(prices))
    relative = np.abs(error[0] - error[1]) / error[0]
    assert found.results["path_error"] == pytest.approx(np.median(relative.max(axis=0)))
    assert found.results["path_error"] < found.results["path_error_uncalibrated"]
    figures = STOCK_MARKET_STUDY.figures(case.experiment, found.results, found.arrays)
    labels = figures["path"].axes[0].get_legend_handles_labels()[1]
    assert labels == ["true traders", "the answer's"]


@pytest.mark.parametrize(
    "overrides",
    [
        ("market.rules=indicator", "objective.reference.theta={noise_private: 1.0}"),
        ("market.tied=false", "objective.reference.theta={}"),
    ],
)
def test_other_parameters_are_tabulated_by_type(overrides):
    case = trained([], *overrides)
    market = case.experiment.market
    case = Trained(case.experiment, case.policies, market.characteristics.default)
    found = STOCK_MARKET_STUDY.measure(case)
    rows = STOCK_MARKET_STUDY.rows(case.experiment)
    assert {row.ours for row in rows} <= set(found.results)
    assert found.results["noise_private"] == 1.0
    assert found.results["path_error"] == 0.0


def test_without_a_known_truth_there_is_nothing_to_err_from(tmp_path):
    file = tmp_path / "paths.csv"
    np.savetxt(file, make("stock_market").planted_paths(TRUTH, 120, 0), delimiter=",")
    reference = f"objective.reference={{name: paths, path: {file}}}"
    case = trained([-0.5, 1.0, 0.2], reference)
    found = STOCK_MARKET_STUDY.measure(case)
    assert found.results == {
        "noise_public": 0.5,
        "noise_private": 1.0,
        "technical_sensitivity": 0.2,
    }
    assert all(not row.expected for row in STOCK_MARKET_STUDY.rows(case.experiment))
    assert STOCK_MARKET_STUDY.figures(case.experiment, found.results, found.arrays)["path"].axes


# What paths can tell ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def market():
    return make("stock_market")


def test_standard_errors_are_the_spread_of_estimates(market):
    """θ matched to 18 statistics of many references spreads as the standard errors say."""
    precision = information.of_statistics(market, "18", market.statistics, blocks=1)
    predicted = precision.errors * np.sqrt(information.REFERENCE / 2000)
    shocks = market.path_shocks(information.SIMULATED, 90)
    jacobian = information._differences(
        market, shocks, lambda paths: market.statistics(paths).mean(axis=0)
    )
    samples = market.statistics(market.simulation.paths(TRUTH, shocks).prices)
    deviation = samples.std(axis=0)
    values, vectors = np.linalg.eigh(np.corrcoef(samples.T))
    kept = values > information.LEAST_EIGENVALUE
    white = (vectors[:, kept] / np.sqrt(values[kept])).T / deviation
    matcher = np.linalg.pinv(white @ jacobian) @ white
    estimates = []
    for seed in range(60):
        paths = market.simulation.paths(TRUTH, market.path_shocks(2000, 500 + seed)).prices
        estimates.append(matcher @ (market.statistics(paths).mean(axis=0) - samples.mean(axis=0)))
    spread = np.std(estimates, axis=0, ddof=1)
    np.testing.assert_allclose(spread, predicted, rtol=0.35)


def test_more_is_known_the_more_is_looked_at(market):
    few = information.of_statistics(market, "18", market.statistics, blocks=1)
    predictor = market.path_statistics.predictor(market.planted_paths(TRUTH, 1000, 0), 0.5)
    many = information.of_statistics(
        market, "74", lambda paths: market.path_statistics.of_both(paths, predictor), blocks=1
    )
    blind = information.of_statistics(market, "", information.second_moments(market), blocks=1)
    assert (many.errors < few.errors).all()
    assert (few.errors[:2] < 0.2 * blind.errors[:2]).all()
    assert blind.correlation > 0.99  # second moments hardly tell b from c


def test_the_density_is_one_and_that_of_simulated_orders(market):
    table = likelihood.density(market, TRUTH)
    width = likelihood.DEMANDS[1] - likelihood.DEMANDS[0]
    np.testing.assert_allclose(table.value.sum(axis=0) * width, 1.0, atol=1e-4)
    generator = np.random.default_rng(0)
    number, gap = 200_000, 1.5
    signals = generator.standard_normal((number, 1)) + 3 * generator.standard_normal((number, 7))
    orders = np.tanh(signals / 2).sum(axis=1)
    orders += np.tanh((gap + generator.standard_normal((number, 3))) / 2).sum(axis=1)
    edges = np.linspace(-9, 9, 37)
    column = int(np.argmin(np.abs(likelihood.GAPS - gap)))
    found = np.histogram(orders, edges)[0] / number
    below = np.append(0.0, np.cumsum(table.value[:, column]) * width)
    between = np.append(likelihood.DEMANDS - width / 2, likelihood.DEMANDS[-1] + width / 2)
    exact = np.diff(np.interp(edges, between, below))
    np.testing.assert_allclose(found, exact, atol=0.004)


def test_scores_vanish_on_average_at_the_truth_and_point_back_to_it(market, monkeypatch):
    monkeypatch.setattr(likelihood, "PARTICLES", 100)
    paths = market.planted_paths(TRUTH, 400, 3)
    at_truth = likelihood.scores(market, TRUTH, paths, likelihood.density(market, TRUTH), 0)
    error = at_truth.std(axis=0) / np.sqrt(len(paths))
    assert (np.abs(at_truth.mean(axis=0)) < 4 * error).all()
    for entry, shift in enumerate((0.3, -0.5, 0.15)):
        theta = TRUTH + shift * np.eye(3)[entry]
        away = likelihood.scores(market, theta, paths, likelihood.density(market, theta), 0)
        assert np.sign(shift) * away.mean(axis=0)[entry] < -4 * error[entry]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 6), st.integers(2, 40), st.integers(0, 1000))
def test_resampling_keeps_every_particle_as_often_as_its_weight_says(rows, particles, seed):
    generator = np.random.default_rng(seed)
    weights = generator.random((rows, particles)) + 1e-6
    kept = likelihood._resampled(weights, generator)
    assert kept.shape == weights.shape and kept.min() >= 0 and kept.max() < particles
    counts = np.stack([np.bincount(row, minlength=particles) for row in kept])
    expected = particles * weights / weights.sum(axis=1, keepdims=True)
    assert (np.abs(counts - expected) <= 1 + 1e-9).all()


def test_the_table_is_written_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(information, "SIMULATED", 1000)
    monkeypatch.setattr(information, "LIKELIHOOD_PATHS", 100)
    figures = information.reproduced(tmp_path, tmp_path / "docs", jobs=1, seeds=1)
    assert len(figures) == 2 * 5 * 4
    kept = json.loads((tmp_path / "docs" / "stock_market_information.json").read_text())
    assert kept["figures"] == pytest.approx(figures)
    table = (tmp_path / "docs" / "stock_market_information.md").read_text()
    assert table.count("| likelihood |") == 2
    assert (tmp_path / "docs" / "stock_market_information.png").stat().st_size > 10_000
