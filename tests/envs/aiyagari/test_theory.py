"""The Aiyagari economy against its published equilibria, brute force and its own accounts."""

from __future__ import annotations

import numpy as np
import pytest

from pacesetter.envs.aiyagari.earnings import SCORES, STATES, Earnings
from pacesetter.envs.aiyagari.equilibrium import (
    WEALTH,
    best_saving,
    equilibrium,
    long_run,
    resources,
)
from pacesetter.envs.aiyagari.firms import DEPRECIATION, intensity, wage
from pacesetter.envs.aiyagari.market import HOUSEHOLD
from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.registry import make

PUBLISHED = [(1.0, 0.6, 4.0912, 0.01), (3.0, 0.6, 3.8767, 0.01), (1.0, 0.9, 3.9305, 0.025)]


@pytest.mark.parametrize(("risk_aversion", "persistence", "percent", "within"), PUBLISHED)
def test_published_interest_rates(risk_aversion, persistence, percent, within):
    """Aiyagari (1994), Table II, σ = 0.2; he interpolates on 25 points."""
    market = make("aiyagari", risk_aversion=risk_aversion, persistence=persistence)
    found = market.benchmark()
    assert found["interest_rate_percent"] == pytest.approx(percent, abs=within)
    assert found["capital"] == pytest.approx(intensity(found["interest_rate"]), rel=1e-3)


def test_firms_pay_what_labour_and_capital_are_worth():
    k = intensity(0.04)
    assert 0.36 * k**-0.64 == pytest.approx(0.04 + DEPRECIATION)
    assert k**0.36 == pytest.approx(wage(0.04) + (0.04 + DEPRECIATION) * k)


@pytest.mark.parametrize(("persistence", "wide"), [(0.0, 1.04), (0.6, 1.06), (0.9, 1.17)])
def test_the_chain_keeps_mean_spread_and_persistence(persistence, wide):
    chain = Earnings.of(persistence, 0.2)
    np.testing.assert_allclose(chain.chances.sum(axis=1), 1.0)
    np.testing.assert_allclose(chain.shares @ chain.chances, chain.shares, atol=1e-12)
    assert chain.shares @ chain.values == pytest.approx(1.0)
    spread = (chain.shares @ SCORES**2) ** 0.5
    assert spread == pytest.approx(wide, abs=0.01)  # Tauchen's own inaccuracy
    again = chain.shares @ (SCORES * (chain.chances @ SCORES)) / spread**2
    assert again == pytest.approx(persistence, abs=0.03)


def test_no_other_saving_is_worth_more():
    """The endogenous grid's rule against value iteration over every grid point."""
    market, rate = make("aiyagari"), 0.035
    saved, have = best_saving(market, rate), resources(market, rate)
    near = np.arange(0, 340, 2)  # wealth up to 63
    value = np.zeros((len(near), STATES))
    left = have[near][:, :, None] - WEALTH[near]  # (A, Z, A')
    utility = np.where(left > 0.0, np.log(np.maximum(left, 1e-12)), -np.inf)
    for _ in range(400):
        chosen = utility + market.discount_factor * (market.chain.chances @ value.T)[None]
        value = chosen.max(axis=2)
    best = WEALTH[near][chosen.argmax(axis=2)]
    inside = near < 240  # far from the end of that grid
    step = np.interp(saved[near], WEALTH[near], np.gradient(WEALTH[near]))  # where savings lie
    assert (np.abs(best - saved[near]) <= 1.5 * step + 1e-4)[inside].all()


def test_households_live_where_their_rule_takes_them():
    market = make("aiyagari", households=2000, periods=400)
    saved = best_saving(market, 0.035)
    exact = float((long_run(market, saved) * WEALTH[:, None]).sum())
    state, means = market.reset(0, 1, [0.035]), []
    for year in range(400):
        z = state.earnings.astype(int)
        rule = [np.interp(state.wealth, WEALTH, saved[:, k]) for k in range(STATES)]
        p = np.choose(z, rule) / market.resources(state)
        step = market.step(state, {HOUSEHOLD: p[:, :, None]})
        state = step.state
        if year >= 200:
            means.append(float(step.quantities["wealth"].mean()))
    assert np.mean(means) == pytest.approx(exact, rel=0.04)


def test_a_rule_under_which_the_rich_stay_rich_has_a_law_all_the_same():
    market = make("aiyagari")
    saved = best_saving(market, 0.04)
    rich = np.where(WEALTH[:, None] > 50.0, WEALTH[:, None], saved)  # nobody leaves, or comes there
    np.testing.assert_allclose(long_run(market, rich), long_run(market, saved), atol=1e-6)


def test_resources_are_eaten_or_saved():
    market = make("aiyagari", households=5)
    state = market.reset(3, 4, [0.04])
    have = market.resources(state)
    step = market.step(state, {HOUSEHOLD: np.full((4, 5, 1), 0.4)})
    np.testing.assert_allclose(step.state.wealth, 0.4 * have, rtol=1e-6)
    np.testing.assert_allclose(step.rewards[HOUSEHOLD], np.log(0.6 * have), rtol=1e-5)
    clearing = -(np.log((0.4 * have).mean(axis=1) / intensity(0.04)) ** 2)
    np.testing.assert_allclose(step.quantities["clearing"], clearing, rtol=1e-5)


def test_who_asks_for_less_than_nothing_saves_nothing():
    market = make("aiyagari", households=3)
    state = market.reset(1, 2, [0.04])
    asked = np.full((2, 3, 1), market.groups[0].action_space.low[0])
    step = market.step(state, {HOUSEHOLD: asked})
    assert (step.state.wealth == 0.0).all() and (step.quantities["saving_share"] == 0.0).all()
    np.testing.assert_allclose(step.rewards[HOUSEHOLD], np.log(market.resources(state)))


def test_initial_wealth_has_a_thick_tail_and_the_mean_that_firms_employ():
    market, shares = make("aiyagari", households=100_000), (np.arange(100_000) + 0.5) / 100_000
    theta = np.full((1, 1), 0.04)
    wealth = market.initial(theta, {"wealth": shares[None], "earnings": shares[None]})["wealth"]
    assert wealth.mean() == pytest.approx(intensity(0.04), rel=0.05)  # a tail converges slowly
    beyond = [(wealth > level).mean() for level in (50.0, 100.0)]
    assert np.log2(beyond[0] / beyond[1]) == pytest.approx(1.5, abs=0.1)


def test_an_economy_that_does_not_clear_is_one_message():
    market = make("aiyagari", risk_aversion=5.0, persistence=0.9, lowest_rate=0.04)
    with pytest.raises(PacesetterError, match="set lowest_rate lower"):
        equilibrium(market)


def test_bounds_that_leave_nothing_are_refused():
    with pytest.raises(PacesetterError, match="must be below 1 / discount_factor"):
        make("aiyagari", lowest_rate=0.05)
