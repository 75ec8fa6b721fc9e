"""Closed forms of the labour-tax game against optimisers, Monte Carlo and brute force."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.labour_tax import equilibrium as labour_tax_equilibrium
from pacesetter.envs.labour_tax.equilibrium import equilibrium_hours, mean_hours
from pacesetter.envs.labour_tax.market import HOUSEHOLD, LEAST_HOURS, MOST_HOURS
from pacesetter.envs.registry import make
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.policies.policies import Trained
from pacesetter.training.studies.labour_tax.study import LABOUR_TAX_STUDY

OPTIMA = [(0.2, 2, 0.2967), (0.5, 2, 0.4514), (1, 2, 0.5657), (1, 1, 0.5)]
PROGRESSIVITIES = (0.0, 0.3, 0.6, 0.9)


def build(variance=0.5, inverse_elasticity=2.0, households=100):
    return make(
        "labour_tax",
        households=households,
        productivity_variance=variance,
        inverse_frisch_elasticity=inverse_elasticity,
    )


def play(market, theta, hours, copies, seed=0):
    """One play of `copies` copies, hours ``()``, ``(N,)`` or ``(B, N)``."""
    state = market.reset(seed, copies, theta)
    chosen = np.broadcast_to(hours, (copies, market.households))
    return state, market.step(state, {HOUSEHOLD: chosen[:, :, None]})


@pytest.mark.parametrize(("variance", "inverse_elasticity", "known"), OPTIMA)
def test_the_optimum_is_that_of_a_numerical_optimiser(variance, inverse_elasticity, known):
    market = build(variance, inverse_elasticity)
    figures = market.benchmark()
    found = minimize_scalar(
        lambda xi: -float(market.welfare(xi)), bounds=(0, 0.95), options={"xatol": 1e-9}
    )
    assert figures["optimal_tax_progressivity"] == pytest.approx(known, abs=5e-5)
    assert found.x == pytest.approx(figures["optimal_tax_progressivity"], abs=1e-6)
    assert figures["optimal_welfare"] == pytest.approx(-found.fun, abs=1e-12)
    assert figures["optimal_hours"] == pytest.approx(market.hours(found.x), abs=1e-6)


def test_the_known_gain_over_no_tax():
    figures = build(0.5, 2.0).benchmark()
    assert figures["consumption_gain_percent"] == pytest.approx(13.3, abs=0.05)
    gain = np.exp(figures["optimal_welfare"] - figures["untaxed_welfare"]) - 1
    assert figures["consumption_gain_percent"] == pytest.approx(100 * gain)


@pytest.mark.parametrize("xi", PROGRESSIVITIES)
@pytest.mark.parametrize("inverse_elasticity", [0.5, 2.0])
def test_the_best_answer_among_many_does_not_depend_on_productivity(xi, inverse_elasticity):
    market = build(0.5, inverse_elasticity, households=5000)
    grid = np.linspace(0.8, 1.2, 81) * market.hours(xi)
    state, _ = play(market, [xi], market.hours(xi), 1, seed=3)
    scores = state.productivity_scores[0]
    for household in (scores.argmin(), np.abs(scores).argmin()):
        hours = np.full((len(grid), market.households), market.hours(xi))
        hours[:, household] = grid
        state = replace(
            market.reset(3, len(grid), [xi]), productivity_scores=np.tile(scores, (len(grid), 1))
        )
        rewards = market.step(state, {HOUSEHOLD: hours[:, :, None]}).rewards[HOUSEHOLD]
        best = grid[rewards[:, household].argmax()]
        assert best == pytest.approx(market.hours(xi), rel=0.006)


@pytest.mark.parametrize(("variance", "inverse_elasticity", "known"), OPTIMA)
def test_welfare_and_its_optimum_by_monte_carlo(variance, inverse_elasticity, known):
    market = build(variance, inverse_elasticity, households=2000)
    copies = 100
    for xi in PROGRESSIVITIES:
        _, step = play(market, [xi], market.hours(xi), copies)
        drawn = step.quantities["welfare"]
        error = drawn.std(ddof=1) / np.sqrt(copies)
        assert drawn.mean() == pytest.approx(float(market.welfare(xi)), abs=4 * error + 1e-3)
    grid = known + np.linspace(-0.1, 0.1, 9)
    gains = [
        play(market, [xi], market.hours(xi), copies)[1].quantities["welfare_gain"].mean()
        for xi in grid
    ]
    curve = np.polynomial.Polynomial.fit(grid, gains, 3)
    best = minimize_scalar(lambda xi: -curve(xi), bounds=(grid[0], grid[-1]))
    assert best.x == pytest.approx(known, abs=0.01)
    expected = float(market.welfare(known) - market.welfare(0.5))
    assert curve(known) == pytest.approx(expected, abs=0.005)


def test_the_gain_over_the_reference_tax_is_far_less_noisy_than_welfare():
    market = build(1.0, 2.0)
    for xi, share in ((0.0, 0.7), (0.3, 0.25), (0.5, 1e-9), (0.6, 0.1), (0.9, 0.5)):
        _, step = play(market, [xi], market.hours(xi), 500)
        welfare, gain = step.quantities["welfare"], step.quantities["welfare_gain"]
        assert gain.std() <= share * welfare.std()
    _, reference = play(market, [0.5], market.hours(0.5), 20)
    np.testing.assert_allclose(reference.quantities["welfare_gain"], 0.0, atol=1e-12)


@pytest.mark.parametrize("households", [2, 5])
@pytest.mark.parametrize("xi", [0.0, 0.4, 0.9])
def test_few_households_by_brute_force(households, xi):
    """Households answer one another on a fine grid until nobody moves."""
    market = build(1.0, 1.0, households)
    grid = np.linspace(LEAST_HOURS, MOST_HOURS, 3001)
    state, _ = play(market, [xi], 1.0, 1, seed=7)
    scores = np.tile(state.productivity_scores, (len(grid), 1))
    state = replace(market.reset(7, len(grid), [xi]), productivity_scores=scores)
    hours = np.full(households, 0.5)
    for _ in range(40):
        for household in range(households):
            tried = np.tile(hours, (len(grid), 1))
            tried[:, household] = grid
            rewards = market.step(state, {HOUSEHOLD: tried[:, :, None]}).rewards[HOUSEHOLD]
            hours[household] = grid[rewards[:, household].argmax()]
    productivity = np.exp(market.log_productivity(scores[0]))
    exact = equilibrium_hours(market, productivity, xi)
    np.testing.assert_allclose(hours, exact, atol=3 * grid[1] - 3 * grid[0])
    assert np.mean(exact**2) == pytest.approx(1 - xi + xi / households, abs=1e-10)


@pytest.mark.parametrize("households", [2, 10, 100])
def test_no_household_gains_by_moving_from_the_computed_equilibrium(households):
    market = build(0.5, 2.0, households)
    state = market.reset(1, 4, [0.7], like=torch.zeros(1, dtype=torch.float64))
    productivity = np.exp(market.log_productivity(state.productivity_scores.numpy()))
    hours = torch.tensor(equilibrium_hours(market, productivity, 0.7), requires_grad=True)
    utility = market.step(state, {HOUSEHOLD: hours[:, :, None]}).rewards[HOUSEHOLD]
    for household in range(households):
        (slope,) = torch.autograd.grad(utility[:, household].sum(), hours, retain_graph=True)
        np.testing.assert_allclose(slope[:, household], 0.0, atol=1e-9)


def test_the_correction_for_few_households_is_of_second_order():
    missed = []
    for households in (25, 100):
        market = build(0.5, 1.0, households)
        scores = market.reset(0, 400).productivity_scores
        productivity = np.exp(market.log_productivity(scores))
        exact = equilibrium_hours(market, productivity, 0.8).mean()
        missed.append(abs(exact - mean_hours(market, 0.8)))
        assert abs(exact - market.hours(0.8)) > 5 * missed[-1]
    assert missed[1] == pytest.approx(missed[0] / 16, rel=0.5)


def test_hours_that_do_not_settle_are_told(monkeypatch):
    monkeypatch.setattr(labour_tax_equilibrium, "MOST_ITERATIONS", 2)
    with pytest.raises(PacesetterError, match="did not settle within 2 iterations"):
        equilibrium_hours(build(), np.array([0.5, 2.0]), 0.5)


class ExactPolicies:
    """Every household works the hours of the closed form, times a factor."""

    def __init__(self, market, factor=1.0):
        self._market, self._factor = market, factor

    def act(self, state, generator, greedy):
        hours = self._factor * self._market.hours(state.theta)
        shape = state.productivity_scores.shape
        return {HOUSEHOLD: np.broadcast_to(hours, shape)[:, :, None]}


@pytest.mark.parametrize("factor", [1.0, 0.97])
def test_the_study_measures_what_is_off(factor):
    experiment = load_experiment("labour_tax_ppo", ["evaluation.copies=20"])
    market = experiment.market
    optimum = market.benchmark()["optimal_tax_progressivity"]
    trained = Trained(experiment, ExactPolicies(market, factor), np.array([optimum - 0.1]))
    findings = LABOUR_TAX_STUDY.measure(trained)
    results = findings.results
    assert results["tax_progressivity_error"] == pytest.approx(0.1)
    assert results["hours_error"] == pytest.approx(1 - factor, abs=1e-9)
    assert results["hours_spread"] == pytest.approx(0.0, abs=1e-9)
    # The burden of work goes with 1 − ξ: hours too short by one share relieve the untaxed most.
    x, power = 1 - (optimum - 0.1), 1 + market.inverse_frisch_elasticity
    relief = (1 - factor**power) / power
    gain = market.welfare(1 - x) - market.welfare(0.0) - relief * (1 - x)
    exact = 100 * np.expm1(gain)
    assert results["consumption_gain_percent"] == pytest.approx(exact, abs=0.4)
    assert findings.arrays["hours"] == pytest.approx(factor * market.hours(findings.arrays["grid"]))
    assert [row.ours in results for row in LABOUR_TAX_STUDY.rows(experiment)] == [True] * 5


@pytest.mark.parametrize("inverse_elasticity", [0.01, 1.0, 10.0])
def test_the_bounds_of_hours_bind_no_answer_and_utility_is_finite_there(inverse_elasticity):
    market = build(4.0, inverse_elasticity, households=2)
    xi = np.linspace(0.0, 0.95, 20)
    assert (market.hours(xi) > 4 * LEAST_HOURS).all() and (market.hours(xi) <= 1).all()
    space = market.groups[0].action_space
    productivity = np.exp(market.log_productivity(market.reset(0, 50).productivity_scores))
    hours = equilibrium_hours(market, productivity, 0.95)
    assert ((hours > space.low[0]) & (hours < space.high[0])).all()
    for bound in (space.low[0], space.high[0]):
        for theta in (0.0, 0.95):
            _, step = play(market, [theta], bound, 50)
            assert np.isfinite(step.rewards[HOUSEHOLD]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"households": 1}, "households must be >= 2, got 1: the tax returns"),
        ({"productivity_variance": 0.0}, "productivity_variance must be > 0, got 0"),
        ({"productivity_variance": float("nan")}, "must be a finite number > 0 and <= 4.*got nan"),
        ({"productivity_variance": 4.5}, "must be <= 4.0, got 4.5"),
        ({"inverse_frisch_elasticity": -1.0}, "inverse_frisch_elasticity must be > 0"),
        ({"frisch_elasticity": 1.0}, "did you mean 'inverse_frisch_elasticity'"),
    ],
)
def test_refuses_parameters_without_sense(options, message):
    with pytest.raises(PacesetterError, match=message):
        make("labour_tax", **options)


@pytest.mark.parametrize("xi", [-0.01, 0.96, 1.0])
def test_refuses_a_progressivity_out_of_bounds(xi):
    with pytest.raises(PacesetterError, match=r"'tax_progressivity' must lie in \[0, 0.95\]"):
        build().reset(0, 1, [xi])
