"""Closed forms of the household economy, of its taxes and of measures of inequality."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import expon, lognorm, norm, pareto, uniform

from pacesetter.envs.household_economy.inequality import bottom_share, gini, lorenz_curve, top_share
from pacesetter.envs.household_economy.saving import saving_share
from pacesetter.envs.household_economy.taxai import END_REASONS, _end_reason
from pacesetter.envs.household_economy.taxes import (
    FEDERAL_RATES,
    FEDERAL_THRESHOLDS,
    bracket_tax,
    hsv_kept,
    kept_income,
    saez_rates,
)
from pacesetter.envs.household_economy.wealth import shipped_distribution
from pacesetter.envs.registry import make

QUANTILES = (np.arange(200_000) + 0.5) / 200_000


def decide(market, copies, p, h):
    return {"household": np.full((copies, market.households, 2), [p, h])}


# Production ---------------------------------------------------------------------------------------


def test_steady_state_of_the_firm():
    figures = make("household_economy").benchmark()
    assert figures["steady_capital_per_labour"] == pytest.approx(6.086, abs=5e-4)
    assert figures["steady_wage"] == pytest.approx(1.217, abs=5e-4)


def test_capital_earns_the_interest_rate_at_the_steady_state():
    market = make("household_economy", households=5)
    state = market.reset(0, 3)
    labour = 0.4 * state.productivity.sum(axis=1)
    capital = market.benchmark()["steady_capital_per_labour"] * labour
    state = replace(
        state, capital=capital, wealth=state.wealth * (capital / state.capital)[:, None]
    )
    step = market.step(state, decide(market, 3, 0.9, 0.4))
    np.testing.assert_allclose(step.quantities["wage"], 1.217, atol=5e-4)
    rent = step.quantities["gdp"] * 5 - step.quantities["wage"] * labour  # Euler's theorem
    np.testing.assert_allclose(rent / capital, 0.04 + 0.06, rtol=1e-12)


@pytest.mark.parametrize("households", [2, 9, 100])
@pytest.mark.parametrize("labour_income", [True, False])
def test_initial_mean_income_is_one(households, labour_income):
    market = make("household_economy", households=households, labour_income=labour_income)
    state = market.reset(7, 30)
    np.testing.assert_allclose(state.income.mean(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(state.capital, state.wealth.sum(axis=1), rtol=1e-12)


def test_initial_balance_sheet_of_the_full_economy():
    market = make("household_economy", accounting="taxai")
    state = market.reset(7, 20)
    wealth = state.wealth.sum(axis=1)
    np.testing.assert_allclose(state.capital, wealth / 2)
    np.testing.assert_allclose(state.debt, wealth / 2)
    np.testing.assert_allclose(state.income.sum(axis=1), wealth / 6.6, rtol=1e-12)
    # (2/3)(K/L)^(1/3) with K = a/2 and, for L, what labour earns in dollars.
    np.testing.assert_allclose(state.wage, (2 / 3) * (3.3 / 0.736) ** (1 / 3), rtol=1e-12)


def test_productivity_is_stationary():
    market = make("household_economy", households=20_000)
    state = market.reset(1, 1)
    for _ in range(10):
        variance = state.log_productivity.var()
        assert variance == pytest.approx(0.2**2 / (1 - 0.982**2), rel=0.05)  # 1.1212
        assert abs(state.log_productivity.mean()) < 0.05
        state = market.step(state, decide(market, 1, 0.9, 0.3)).state


def test_super_stars_come_and_go():
    market = make("household_economy", accounting="taxai", households=4)
    state = market.reset(1, 1)
    quiet, lucky = np.full((1, 4), 0.5), np.array([[1e-6, 0.5, 0.5, 0.5]])
    actions, normal = decide(market, 1, 0.95, 1 / 3), np.zeros((1, 4))

    def year(state, luck):
        shocks = {"productivity": normal, "super_star": luck}
        return market.transition(state, actions, shocks).state

    born = year(state, lucky)
    np.testing.assert_array_equal(born.super_star, [[True, False, False, False]])
    normal_e = np.exp(born.log_productivity)
    assert born.productivity[0, 0] == pytest.approx(504.3 * normal_e.mean())
    np.testing.assert_allclose(born.productivity[0, 1:], normal_e[0, 1:])
    assert year(born, quiet).super_star[0, 0]
    back = year(born, np.full((1, 4), 0.9901))
    assert not back.super_star.any()
    np.testing.assert_allclose(back.productivity, np.exp(back.log_productivity))


# Saving -------------------------------------------------------------------------------------------


def test_known_figures_of_the_saving_rule():
    assert saving_share(0.99) == 0.99
    assert saving_share(0.99, 99) == pytest.approx(0.9842, abs=5e-5)
    assert saving_share(0.99, 49) == pytest.approx(0.9747, abs=5e-5)
    assert saving_share(0.99, 0) == 0.0
    assert saving_share(0.9, 2000) == pytest.approx(saving_share(0.9))


@pytest.mark.parametrize("tax", [(0.0, 0.0), (0.3, 0.0), (0.4, 0.25)])
def test_the_saving_rule_is_optimal_in_the_economy(tax):
    """Gradients of the discounted utility of every household by its own path of saving vanish."""
    periods, discount = 6, 0.9
    market = make(
        "household_economy",
        households=3,
        periods=periods,
        horizon="end",
        labour_income=False,
        budget="discard",
    )
    shares = [saving_share(discount, periods - 1 - t, tax[1]) for t in range(periods)]
    path = torch.tensor(shares, dtype=torch.float64)[:, None, None].repeat(1, 1, 3)
    path.requires_grad_(True)
    state = market.reset(3, 1, [*tax, *tax], like=torch.zeros(1, dtype=torch.float64))
    total = torch.zeros(1, 3, dtype=torch.float64)
    for t in range(periods):
        action = torch.stack([path[t], torch.full_like(path[t], 0.3)], dim=-1)
        step = market.step(state, {"household": action})
        total = total + discount**t * step.rewards["household"]
        state = step.state
    assert bool(step.terminated)
    (slope,) = torch.autograd.grad(total.sum(), path)
    # Each household's own path alone matters to it, so the sum separates.
    np.testing.assert_allclose(slope[:-1], 0.0, atol=1e-10)
    assert (slope[-1] < 0).all()  # in the last year nothing is worth saving


# Taxes --------------------------------------------------------------------------------------------


def kept(amount, level, progressivity):
    amounts = np.atleast_2d(np.asarray(amount, dtype=float))
    return hsv_kept(np, amounts, np.array([level]), np.array([progressivity]))[0]


def test_facts_of_the_hsv_tax():
    amounts = np.array([0.01, 0.3, 1.0, 4.0, 100.0])
    np.testing.assert_allclose(kept(amounts, 0.3, 0.0), 0.7 * amounts)  # flat
    np.testing.assert_allclose(kept(amounts, 0.0, 0.0), amounts)  # none
    assert kept(1.0, 0.4, 0.4)[0] == pytest.approx(1.0)  # nothing at the unit
    assert kept(1.0, 0.4, 0.1)[0] == pytest.approx(0.6 / 0.9)
    # The elasticity of what is kept is 1 − ξ everywhere.
    slope = np.diff(np.log(kept(amounts, 0.3, 0.35))) / np.diff(np.log(amounts))
    np.testing.assert_allclose(slope, 0.65)
    # Marginal rates: 1 − (1 − τ) x^(−ξ).
    ends = kept([2.0 - 1e-6, 2.0 + 1e-6], 0.3, 0.35)
    assert (ends[1] - ends[0]) / 2e-6 == pytest.approx(0.7 * 2**-0.35, rel=1e-8)


def test_the_hsv_tax_is_defined_at_zero_and_below():
    assert kept(0.0, 0.1, 0.95)[0] == 0.0
    below, at, above = kept([1e-12 * (1 - 1e-9), 1e-12, 1e-12 * (1 + 1e-9)], 0.1, 0.95)
    assert below == pytest.approx(at, rel=1e-6) == above
    np.testing.assert_allclose(kept([-3e-13], 0.1, 0.95), -kept([3e-13], 0.1, 0.95))


def test_federal_brackets_give_the_amounts_of_the_revenue_procedure():
    ends = np.array([[10_275.0, 41_775.0, 89_075.0, 170_050.0, 215_950.0, 539_900.0, 100_000.0]])
    paid = bracket_tax(np, ends, np.array([FEDERAL_THRESHOLDS]), np.array([FEDERAL_RATES]))
    # IRS Rev. Proc. 2021-45, table 3: the sums at which each bracket begins.
    printed = [1_027.50, 4_807.50, 15_213.50, 34_647.50, 49_335.50, 162_718.0]
    np.testing.assert_allclose(paid[0], [*printed, 15_213.50 + 0.24 * 10_925])


def test_federal_brackets_are_indexed_to_mean_income():
    incomes = np.array([[0.2, 0.8, 5.0]])
    zero = np.zeros(1)
    small = kept_income(np, "us_federal", incomes, zero, zero, incomes, 0.25)
    large = kept_income(np, "us_federal", 1e5 * incomes, zero, zero, 1e5 * incomes, 0.25)
    np.testing.assert_allclose(large, 1e5 * small)
    mean = np.full((1, 3), 3.0)
    taxed = 1 - kept_income(np, "us_federal", mean, zero, zero, mean, 0.25) / mean
    paid = 15_213.50 + 0.24 * (141_431 - 89_075)
    np.testing.assert_allclose(taxed, paid / 141_431)


@pytest.mark.parametrize("elasticity", [0.25, 1.0])
def test_saez_rates_of_a_pareto_distribution(elasticity):
    """Above z: mean a z / (a − 1), so the tail is a; and E[1/x | x > z] ∝ 1/z, so g = x_m / z."""
    tail = 2.5
    incomes = pareto(tail).ppf(QUANTILES)[None]
    thresholds = np.array([[1.5, 3.0, 6.0]])
    g = 1.0 / thresholds
    expected = (1 - g) / (1 - g + tail * elasticity)
    np.testing.assert_allclose(saez_rates(np, incomes, thresholds, elasticity), expected, rtol=5e-3)


def test_saez_rates_are_zero_where_all_are_counted_and_defined_where_nobody_is():
    rates = saez_rates(np, np.array([[1.0, 2.0, 3.0]]), np.array([[0.0, 100.0]]), 0.25)
    assert rates[0, 0] == pytest.approx(0.0, abs=1e-12)
    assert rates[0, 1] == pytest.approx(1 / (1 + 1.5 * 0.25))  # 73 %, Diamond & Saez (2011)


# Inequality ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("law", "expected"),
    [
        (uniform(), 1 / 3),
        (uniform(2, 1), 1 / 15),
        (expon(), 1 / 2),
        (pareto(3.0), 1 / 5),
        (lognorm(0.8), 2 * norm.cdf(0.8 / np.sqrt(2)) - 1),
    ],
)
def test_gini_of_known_distributions(law, expected):
    assert gini(law.ppf(QUANTILES)[None])[0] == pytest.approx(expected, rel=2e-3)


def test_extremes_of_inequality():
    everything = np.zeros((1, 10))
    everything[0, 3] = 7.0
    assert gini(everything)[0] == pytest.approx(0.9)
    np.testing.assert_allclose(gini(np.full((2, 5), 3.0)), 0.0, atol=1e-15)
    assert gini(np.zeros((1, 4)))[0] == 0.0
    assert top_share(everything, 0.1)[0] == 1.0
    assert bottom_share(everything, 0.5)[0] == 0.0
    np.testing.assert_allclose(lorenz_curve(np.zeros((1, 4)))[0], [0, 0.25, 0.5, 0.75, 1])


def test_lorenz_curve_of_the_uniform_distribution_is_the_square():
    amounts = np.random.default_rng(0).permutation(QUANTILES)[None]
    curve = lorenz_curve(amounts)[0]
    np.testing.assert_allclose(curve, np.linspace(0, 1, len(curve)) ** 2, atol=1e-5)
    assert top_share(amounts, 0.1)[0] == pytest.approx(1 - 0.81, abs=1e-5)
    assert bottom_share(amounts, 0.5)[0] == pytest.approx(0.25, abs=1e-5)
    area = np.mean((curve[1:] + curve[:-1]) / 2)
    assert gini(amounts)[0] == pytest.approx(1 - 2 * area)


@pytest.mark.parametrize(
    ("weighted", "mean", "median", "coefficient"),
    [(True, 1_186_754, 331_600, 0.786), (False, 20_335_013, 541_400, None)],
)
def test_shipped_wealth_has_the_figures_of_the_survey(weighted, mean, median, coefficient):
    law = shipped_distribution(weighted)
    assert law.mean == pytest.approx(mean, rel=0.02)
    assert law.at(np, np.array([0.5]))[0] == pytest.approx(median, rel=1e-3)
    assert law.at(np, np.array([0.0]))[0] == 1.0
    if coefficient:
        assert gini(law.at(np, QUANTILES[None]))[0] == pytest.approx(coefficient, abs=0.003)


# Ends ---------------------------------------------------------------------------------------------


def test_the_first_reason_that_holds_ends_an_economy():
    rows = np.eye(5, dtype=bool)
    rows = np.concatenate([rows, [[False] * 5, [False, True, True, False, True]]])
    overspent, wealthy, rich, poor, broke = rows.T
    found = _end_reason(
        np,
        overspent,
        np.where(wealthy, 0.91, 0.5),
        np.where(rich, 0.91, 0.5),
        np.where(poor, -1.0, 1.0),
        np.where(broke, -1.0, 1.0),
    )
    np.testing.assert_array_equal(found, [1, 2, 3, 4, 5, 0, 2])
    assert len(END_REASONS) == 6


def full_economy(**changes):
    market = make("household_economy", accounting="taxai", households=40)
    state = market.reset(0, 1, [0.05, 0.02, 0.02, 0.01, 0.1])
    return market, replace(state, **{name: change(state) for name, change in changes.items()})


@pytest.mark.parametrize(
    ("p", "changes", "reason"),
    [
        (0.95, {}, 0),
        (0.5, {}, 1),
        (0.99, {"wealth": lambda s: 4.0 * s.wealth.sum() * np.eye(40)[:1]}, 2),
        (0.99, {"log_productivity": lambda s: 9.0 * np.eye(40)[:1]}, 3),
        (0.95, {"wealth": lambda s: np.where(np.arange(40) == 3, -1e9, s.wealth)}, 4),
    ],
)
def test_full_economies_end_for_a_reason(p, changes, reason):
    market, state = full_economy(**changes)
    shocks = {"productivity": np.zeros((1, 40)), "super_star": np.full((1, 40), 0.5)}
    actions = decide(market, 1, p, 1 / 3)
    if reason == 3:  # who earns nearly everything consumes half of it
        actions["household"][0, 0, 0] = 0.5
    step = market.transition(state, actions, shocks)
    assert END_REASONS[int(step.quantities["end_reason"][0])] == END_REASONS[reason]
    assert bool(step.terminated[0]) == (reason > 0)
    assert not step.truncated.any()
    for value in (*step.quantities.values(), *step.rewards.values()):
        assert np.isfinite(value).all()


def test_an_economy_that_has_eaten_all_goes_on_in_misery():
    market = make("household_economy", households=3)
    state = market.reset(0, 2)
    for _ in range(5):
        step = market.step(state, decide(market, 2, 0.0, 0.01))
        state = step.state
        assert np.isfinite(step.rewards["household"]).all()
        assert np.isfinite(market.observe(state)["household"]).all()
    assert (state.wealth == 0).all()
    assert not step.terminated.any()
    before = step.rewards["household"]
    state = market.step(state, decide(market, 2, 0.5, 0.5)).state
    later = market.step(state, decide(market, 2, 0.5, 0.5)).rewards["household"]
    assert (later > before).all()


def test_ruin_is_finite():
    market = make("household_economy", households=3, labour_income=False, tax_rule="none")
    state = market.step(market.reset(0, 2), decide(market, 2, 0.0, 0.5)).state  # everything eaten
    step = market.step(state, decide(market, 2, 0.5, 0.5))
    np.testing.assert_allclose(step.rewards["household"], np.log(1e-6) - 0.5**3 / 3)
    assert np.isfinite(market.observe(step.state)["household"]).all()
