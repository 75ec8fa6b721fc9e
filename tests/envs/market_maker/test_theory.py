"""The market maker's best quotes, its prices and its takers against formulas and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import chisquare, multinomial, norm

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.registry import make

PREFERENCES = np.array([0.0, 0.25, 0.5, 0.75, 1.0])


@pytest.fixture(scope="module")
def stationary():
    return make("market_maker", initial_price="stationary").best_quotes


def expected_reward(market, price, previous, half_spread, weight):
    """Expected reward of a step whose two prices are known, straight from the definitions."""
    buys = 0.5 * norm.sf(price + half_spread, 100, 5)
    sells = 0.5 * norm.cdf(price - half_spread, 100, 5)
    profit = buys * (price + half_spread - previous) + sells * (previous - price + half_spread)
    return weight * profit + (1 - weight) * (buys + sells)


def test_known_figures_at_the_reference_price(stationary):
    assert stationary.half_spread(0.0, 1.0) == pytest.approx(0.7518 * 5, abs=5e-4)
    share = 2 * stationary.prices.trading_shares(np, 0.0, 0.7518 * 5)[0]
    assert share == pytest.approx(0.2261, abs=5e-5)
    threshold = 0.7979 / (5 + 0.7979)
    assert stationary.widest_preference_without_spread == pytest.approx(threshold, abs=1e-4)
    exact = stationary.widest_preference_without_spread
    assert stationary.half_spread(0.0, exact - 1e-3) == 0.0
    assert stationary.half_spread(0.0, exact + 1e-3) > 0.01


def test_known_means_over_the_stationary_price():
    figures = make("market_maker", initial_price="stationary").benchmark()
    half_spreads = [figures[f"half_spread/{w:g}"] for w in PREFERENCES]
    fills = [figures[f"market_share/{w:g}"] for w in PREFERENCES]
    np.testing.assert_allclose(half_spreads, [0, 2.72, 3.93, 4.35, 4.57], atol=0.006)
    np.testing.assert_allclose(fills, [0.5, 0.342, 0.269, 0.245, 0.233], atol=6e-4)


@pytest.mark.parametrize("weight", [0.1, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("deviation", [-9.0, -2.5, 0.0, 4.0])
def test_the_best_half_spread_by_brute_force(stationary, deviation, weight):
    tried = np.linspace(0, 10, 100_001)
    values = expected_reward(None, 100 + deviation, 100 + 0.99 * deviation, tried, weight)
    best = stationary.half_spread(deviation, weight)
    assert best == pytest.approx(tried[values.argmax()], abs=1e-4)
    value = stationary.expected_reward(best, deviation, weight)
    assert value == pytest.approx(values.max(), abs=1e-9)


def test_spreads_widen_and_volume_falls_with_the_weight_of_profit(stationary):
    d = stationary.deviations
    answers = np.array([stationary.half_spread(d, weight) for weight in np.linspace(0, 1, 41)])
    assert (np.diff(answers, axis=0) >= -1e-6).all()
    means = [stationary.means(h, w) for h, w in zip(answers, np.linspace(0, 1, 41), strict=True)]
    assert (np.diff([m["market_share"] for m in means]) <= 1e-9).all()
    assert (np.diff([m["profit"] for m in means]) >= -1e-9).all()
    np.testing.assert_allclose(answers, answers[:, ::-1], atol=1e-6)  # the two sides are alike


def test_the_last_price_known_only_from_the_present_one():
    """E[p_{t−1} | p_t] over the steps of an episode that starts at p0, by integration."""
    market = make("market_maker", periods=3)
    optimum = market.best_quotes
    variances = [0.25, 0.25 * (1 + 0.99**2)]

    def moment(power, present, variance):
        def joint(last):
            density = norm.pdf(last, 0, np.sqrt(variance)) * norm.pdf(present, 0.99 * last, 0.5)
            return last**power * density

        return quad(joint, -8, 8)[0]

    for d in (0.3, 1.2, -2.0):
        # In the first step the last price is p0 itself.
        weight = norm.pdf(d, 0, 0.5) + sum(moment(0, d, v) for v in variances)
        total = sum(moment(1, d, v) for v in variances)
        assert optimum.expected_previous(d) == pytest.approx(total / weight, abs=1e-8)


@pytest.mark.parametrize("start", ["reference", "stationary"])
def test_simulated_prices_and_rewards_agree_with_the_solver(start):
    """Many episodes under the best quotes: mean reward, price variance and regression."""
    copies, periods, weight = 1500, 40, 0.6
    market = make("market_maker", initial_price=start, periods=periods)
    optimum = market.best_quotes
    answers = optimum.half_spread(optimum.deviations, weight)
    state, rewards, prices, before = market.reset(0, copies, [weight]), [], [], []
    for _ in range(periods):
        d = state.price - 100
        half_spread = np.interp(d, optimum.deviations, answers)
        before.append(state.previous_price - 100)
        step = market.step(state, {"market_maker": half_spread[:, None, None]})
        rewards.append(step.rewards["market_maker"][:, 0])
        prices.append(d)
        state = step.state
    episodes = np.mean(rewards, axis=0)
    error = episodes.std(ddof=1) / np.sqrt(copies)
    expected = optimum.means(answers, weight)["reward"]
    assert abs(episodes.mean() - expected) < 4 * error
    assert error < 0.01 * expected
    d, e = np.concatenate(prices), np.concatenate(before)
    variance = optimum.weights @ optimum.deviations**2
    assert d.var() == pytest.approx(variance, rel=0.06)
    residual = e - optimum.expected_previous(d)
    assert abs((residual * d).mean()) < 0.03 * variance  # uncorrelated with the price
    # No other answer that sees the price and ω does better.
    for shift in (-0.4, 0.4):
        worse = optimum.means(np.maximum(answers + shift, 0), weight)["reward"]
        assert worse < expected


def test_trades_follow_the_multinomial_distribution():
    """Counts of sellers and buyers among three takers, all ten outcomes, by a chi-square test."""
    copies, rounds = 500, 60
    market = make(
        "market_maker", takers=3, periods=rounds, mean_reversion=1.0, price_deviation=1e-9
    )
    quote = np.full((copies, 1, 1), 1.7)
    state, pairs = market.reset(3, copies), []
    for _ in range(rounds):
        step = market.step(state, {"market_maker": quote})
        pairs.append(np.stack([step.quantities["bought"], step.quantities["sold"]], axis=1))
        state = step.state
    pairs = np.concatenate(pairs)
    share = 0.5 * norm.sf(1.7 / 5)
    outcomes = [(b, a) for b in range(4) for a in range(4 - b)]
    observed = [(pairs == outcome).all(axis=1).sum() for outcome in outcomes]
    chances = [
        multinomial.pmf([b, a, 3 - b - a], 3, [share, share, 1 - 2 * share]) for b, a in outcomes
    ]
    assert sum(observed) == len(pairs)
    assert chisquare(observed, np.array(chances) * len(pairs)).pvalue > 0.01


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"valuation_deviation": 0.0}, "valuation_deviation must be > 0, got 0.0: .*try 5"),
        ({"price_deviation": -1.0}, "price_deviation must be > 0, got -1"),
        ({"reference_price": 0.0}, "reference_price must be > 0"),
        ({"mean_reversion": 0.0}, "mean_reversion must be > 0, got 0.0: at 0 the price"),
        ({"takers": 0}, "takers must be >= 1"),
        ({"initial_price": "stationery"}, "did you mean 'stationary'"),
    ],
)
def test_refuses_markets_without_sense(options, message):
    with pytest.raises(PacesetterError, match=message):
        make("market_maker", **options)


def test_the_solver_refuses_a_price_that_sticks_at_its_floor():
    with pytest.raises(PacesetterError, match="Raise reference_price"):
        make("market_maker", reference_price=10.0).benchmark()
