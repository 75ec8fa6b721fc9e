"""The stock market against exact anchors, a plain loop over traders, and derivatives."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.registry import make
from pacesetter.envs.stock_market import shocks as shocks_of

TRUTH = np.array([1.0, 1.0, 0.5])
EVERY_KIND = [
    {},
    {"averages": "literal", "price_impact": 0.02},
    {"tied": False, "noise_traders": 3, "technical_traders": 2},
    {"warm_up": 12, "horizon": 9, "variance_cut": "variance"},
    {"rules": "indicator"},
    {"rules": "straight_through", "windows": ((1, 3), (2, 12)), "technical_traders": 2},
]
RELAXED = {"rules": "straight_through", "relaxed": True, "tied": False, "noise_traders": 2}


def played(market, theta, copies=6, seed=3):
    """Prices ``(B, T + 1)``, quantities by step, and the shocks of the fast simulation."""
    state = market.reset(seed, copies, theta)
    shocks = [market.opening_shocks(state.opening, period) for period in range(market.warm_up)]
    quantities = []
    for _ in range(market.horizon):
        draws, _ = state.step_stream.draw(market._step_layout)
        shocks.append({name: draw.copy() for name, draw in draws.items()})
        step = market.step(state, {})
        state = step.state
        quantities.append(step.quantities)
    return (
        np.stack([q["price"] for q in quantities], axis=1),
        quantities,
        market.simulation.gathered(shocks),
        shocks,
    )


def some_theta(market, copies):
    generator = np.random.default_rng(1)
    space = market.characteristics
    return space.from_unit(0.4 + 0.3 * generator.random((copies, len(space))))


# Anchors ------------------------------------------------------------------------------------------


def test_without_impact_the_price_is_constant():
    market = make("stock_market", price_impact=1e-12)
    prices, _, _, _ = played(market, TRUTH)
    np.testing.assert_allclose(prices, 100.0, atol=1e-8)


def test_noise_traders_who_hear_nothing_leave_the_price_alone():
    market = make("stock_market", technical_traders=0, fundamental_traders=0)
    prices, _, shocks, _ = played(market, [0.0, 0.0, 0.5])
    np.testing.assert_array_equal(prices, 100.0)
    fast = market.simulation.paths(np.array([0.0, 0.0, 0.5]), shocks).prices
    np.testing.assert_array_equal(fast, 100.0)


@pytest.mark.parametrize("weight", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("variance", [1.0, 4.0])
def test_public_noise_alone_by_quadrature(weight, variance):
    """E y² = N₁² E tanh²(b S / 2), S ~ N(0, σ_P²)."""
    market = make(
        "stock_market", technical_traders=0, fundamental_traders=0, public_variance=variance
    )
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    exact = np.tanh(weight * math.sqrt(variance) * nodes / 2) ** 2 @ weights / weights.sum()
    paths = market.planted_paths([weight, 0.0, 0.5], 20_000, 0)
    squares = market.path_statistics.demand(paths) ** 2
    found, error = squares.mean(), squares.std() / math.sqrt(squares.size)
    assert found == pytest.approx(7**2 * exact, abs=4.5 * error)
    assert error < 0.01 * found


def test_without_sensitivity_windows_do_not_matter():
    one, other = (
        make("stock_market", windows=((short, long),) * 5) for short, long in ((2, 3), (4, 10))
    )
    deaf = [1.0, 1.0, 0.0]
    np.testing.assert_array_equal(played(one, deaf)[0], played(other, deaf)[0])
    assert np.abs(played(one, TRUTH)[0] - played(other, TRUTH)[0]).max() > 0.1


@pytest.mark.parametrize("options", EVERY_KIND)
def test_prices_show_the_demand(options):
    market = make("stock_market", **options)
    prices, quantities, shocks, _ = played(market, some_theta(market, 6))
    demand = np.stack([q["demand"] for q in quantities], axis=1)
    paths = market.simulation.paths(some_theta(market, 6), shocks).prices
    np.testing.assert_allclose(market.path_statistics.demand(paths), demand, atol=1e-5)
    np.testing.assert_allclose(market.quantities_of(paths)["demand"], demand, atol=1e-5)
    parts = sum(
        np.stack([q[f"demand_{kind}"] for q in quantities], axis=1)
        for kind in ("noise", "technical", "fundamental")
    )
    np.testing.assert_allclose(parts, demand, atol=1e-12)
    returns = np.stack([q["log_return"] for q in quantities], axis=1)
    np.testing.assert_allclose(np.diff(np.log(prices), axis=1), returns[:, 1:], atol=1e-13)
    single = market.path_shocks(500, 0)
    moves = market.path_statistics.demand(
        market.simulation.paths(TRUTH[:1].repeat(len(market.characteristics)), single).prices
    )
    assert np.abs(moves).max() <= market.traders + 1e-4


def test_literal_averages_drift_as_published():
    """The printed sums lift the price to a mean of about 134.7 after 50 periods."""
    literal = make("stock_market", averages="literal").planted_paths(TRUTH, 4000, 0)
    plain = make("stock_market").planted_paths(TRUTH, 4000, 0)
    assert literal[:, -1].mean() == pytest.approx(134.7, abs=0.3)
    assert plain[:, -1].mean() == pytest.approx(100.0, abs=0.2)


def test_signs_of_the_noise_weights_change_nothing_but_the_sign_of_signals():
    market = make("stock_market")
    shocks = market.simulation.draw(200, 0, np.float64)
    mirrored = replace(shocks, public=-shocks.public, private=-shocks.private)
    one = market.simulation.paths(TRUTH, shocks).prices
    other = market.simulation.paths(np.array([-1.0, -1.0, 0.5]), mirrored).prices
    np.testing.assert_allclose(one, other, rtol=1e-14)
    aligned = market.parameters.aligned([-1.1, 0.9, 0.4], TRUTH)
    np.testing.assert_array_equal(aligned, [1.1, 0.9, 0.4])


def test_indicators_see_the_ratio_of_the_weights_alone():
    """Scaling both noise weights changes no order; only c is a characteristic, and b is one."""
    market = make("stock_market", rules="indicator")
    assert market.characteristics.names == ("noise_private", "technical_threshold")
    louder = make("stock_market", rules="indicator", public_variance=4.0, private_variance=36.0)
    theta = [0.8, 0.3]
    np.testing.assert_array_equal(played(market, theta)[0], played(louder, theta)[0])


# A plain loop -------------------------------------------------------------------------------------


def by_hand(market, theta, shocks, copy):
    """Prices of one copy, trader by trader, from the equations."""
    columns = market.parameters.split(theta[copy : copy + 1])
    b, c, d = (column[0] for column in columns)
    price, value, variance, prices = 100.0, 100.0, 0.01, [100.0]
    smooth, extra = market.rules == "smoothed", int(market.averages == "literal")

    def order(x):
        return 2 / (1 + math.exp(-x)) - 1 if smooth else (1.0 if x >= 0 else -1.0)

    def of(values, trader):
        return float(values[min(trader, len(values) - 1)])

    for time, shock in enumerate(shocks, start=1):
        root = math.sqrt(max(variance, 1e-8))
        variance += 0.1 * (0.01 - variance) + root * shock["value_variance"][copy]
        if market.variance_cut == "variance":
            variance = max(variance, 1e-8)
        value += 0.1 * (100.0 - value) + math.sqrt(max(variance, 1e-8)) * shock["value"][copy]
        demand = 0.0
        for trader in range(market.noise_traders):
            private = 3.0 * shock["private_signals"][copy, trader]
            demand += order(of(b, trader) * shock["public_signal"][copy] + of(c, trader) * private)
        for trader, (short, long) in enumerate(market.windows_in_force):
            if time < long:
                continue
            padded = [100.0] * 20 + prices
            trend = sum(padded[-short - extra :]) / short - sum(padded[-long - extra :]) / long
            if smooth:
                demand += order(of(d, trader) * trend)
            else:
                demand += float(trend >= of(d, trader)) - float(trend <= -of(d, trader))
        for trader in range(market.fundamental_traders):
            demand += order(value + shock["valuations"][copy, trader] - price)
        price *= 1 + market.price_impact * demand / market.traders
        prices.append(price)
    return prices[market.warm_up + 1 :]


@pytest.mark.parametrize("options", EVERY_KIND)
def test_transition_and_fast_simulation_are_the_equations(options):
    market = make("stock_market", **options)
    theta = some_theta(market, 6)
    prices, _, shocks, steps = played(market, theta)
    fast = market.simulation.paths(theta, shocks).prices
    np.testing.assert_allclose(fast[:, 1:], prices, rtol=1e-12)
    for copy in range(6):
        np.testing.assert_allclose(prices[copy], by_hand(market, theta, steps, copy), rtol=1e-12)


def test_single_precision_is_enough():
    market = make("stock_market")
    shocks = market.simulation.draw(300, 0, np.float64)
    single = market.simulation.draw(300, 0)
    exact = market.simulation.paths(TRUTH, shocks).prices
    np.testing.assert_allclose(market.simulation.paths(TRUTH, single).prices, exact, rtol=2e-6)


def test_paths_are_alike_whatever_the_batch():
    market = make("stock_market")
    shocks = market.simulation.draw(50, 0, np.float64)
    some = np.array([4, 40])
    whole = market.simulation.paths(TRUTH, shocks).prices[some]
    part = market.simulation.paths(TRUTH, shocks.take(some)).prices
    np.testing.assert_allclose(part, whole, rtol=1e-13)


# Derivatives --------------------------------------------------------------------------------------


def autograd(market, theta, steps, opening, gradient):
    """The derivative of gradient · prices by θ, through torch's own pass over `transition`."""
    leaf = torch.tensor(theta, requires_grad=True)
    state = market.reset(0, len(theta), theta, like=torch.zeros(1, dtype=torch.float64))
    state = replace(state, theta=leaf, opening=torch.as_tensor(opening))
    total = 0.0
    for period, shock in enumerate(steps):
        shocks = {name: torch.as_tensor(value) for name, value in shock.items()}
        step = market.transition(state, {}, shocks)
        total = total + (torch.as_tensor(gradient[:, period + 1]) * step.quantities["price"]).sum()
        state = step.state
    return torch.autograd.grad(total, leaf)[0].numpy()


@pytest.mark.parametrize(
    "options", [RELAXED, *(o for o in EVERY_KIND if o.get("rules") != "indicator")]
)
def test_hand_written_derivative_is_that_of_torch(options):
    market = make("stock_market", **options)
    theta = some_theta(market, 6)
    _, _, shocks, steps = played(market, theta)
    gradient = np.random.default_rng(0).normal(size=(6, market.horizon + 1))
    gradient[:, 0] = 0.0  # no step of the market shows the price before it
    found = market.simulation.paths(theta, shocks).pull_back(gradient)
    opening = market.reset(3, 6, theta).opening
    exact = autograd(market, theta, steps[market.warm_up :], opening, gradient)
    np.testing.assert_allclose(found, exact, rtol=1e-5, atol=1e-5 * np.abs(exact).max())
    single = replace(shocks, **{n: getattr(shocks, n).astype(np.float32) for n in vars(shocks)})
    if market.rules == "smoothed":
        rough = market.simulation.paths(theta, single).pull_back(gradient)
        np.testing.assert_allclose(rough, exact, rtol=1e-4, atol=1e-5 * np.abs(exact).max())
    one = market.simulation.paths(theta[0], shocks)
    each = market.simulation.paths(np.repeat(theta[:1], 6, axis=0), shocks)
    np.testing.assert_allclose(
        one.pull_back(gradient), each.pull_back(gradient).sum(axis=0), rtol=1e-9
    )


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"averages": "literal", "price_impact": 0.01},
        {"rules": "straight_through", "relaxed": True},
    ],
)
def test_hand_written_derivative_is_that_of_differences(options):
    market = make("stock_market", **options)
    shocks = market.simulation.draw(500, 0, np.float64)
    gradient = np.random.default_rng(0).normal(size=(500, 51)) / 500
    theta = TRUTH if market.rules == "smoothed" else TRUTH[1:]
    found = market.simulation.paths(theta, shocks).pull_back(gradient)

    def loss(theta):
        return float((market.simulation.paths(theta, shocks, slopes=False).prices * gradient).sum())

    step = 1e-5
    for entry, unit in enumerate(np.eye(len(theta))):
        slope = (loss(theta + step * unit) - loss(theta - step * unit)) / (2 * step)
        assert found[entry] == pytest.approx(slope, rel=1e-3)


def test_straight_through_has_the_values_of_indicators():
    hard, through = (make("stock_market", rules=r) for r in ("indicator", "straight_through"))
    shocks = hard.path_shocks(100, 0)
    theta = np.array([0.8, 0.3])
    paths = through.simulation.paths(theta, shocks)
    np.testing.assert_array_equal(paths.prices, hard.simulation.paths(theta, shocks).prices)
    assert np.abs(paths.pull_back(np.ones_like(paths.prices))).min() > 0
    assert through.differentiable and not hard.differentiable
    assert (through.gradient, through.smooth().gradient) == ("straight-through", "exact")
    assert make("stock_market").differentiable


# Learning traders ---------------------------------------------------------------------------------


def test_a_learning_trader_moves_the_price_and_is_paid_for_what_it_held():
    market = make("stock_market", learning_traders=2, horizon=4)
    state = market.reset(0, 3)
    held, last = np.zeros((3, 2)), np.full(3, 100.0)
    for orders in ([1.0, -0.5], [0.25, 0.0], [-1.0, 1.0]):
        actions = {"trader": np.broadcast_to(np.array(orders)[:, None], (3, 2, 1))}
        step = market.step(state, actions)
        state, q = step.state, step.quantities
        rules = q["demand_noise"] + q["demand_technical"] + q["demand_fundamental"]
        np.testing.assert_allclose(q["demand"], rules + sum(orders), atol=1e-12)
        np.testing.assert_allclose(q["price"], last * (1 + 0.05 * q["demand"] / 17), rtol=1e-13)
        returns = (q["price"] / last - 1) / 0.05
        np.testing.assert_allclose(step.rewards["trader"], held * returns[:, None], atol=1e-12)
        held, last = held + orders, q["price"]
    seen = market.observe(state)["trader"]
    np.testing.assert_allclose(seen[:, 0, 3], held[:, 0] / 4, atol=1e-6)
    np.testing.assert_allclose(seen[:, 1, 0], np.log(last / 100) / 0.05, atol=1e-5)
    np.testing.assert_allclose(seen[:, 0, 4:], [[0.25, 0.25, -0.75]] * 3, atol=1e-6)
    assert make("stock_market").groups == ()


def test_whole_paths_are_those_of_learning_traders_who_order_nothing():
    market = make("stock_market", learning_traders=3, horizon=15)
    state, shocks, prices = market.reset(0, 4, TRUTH), [], []
    for _ in range(15):
        draws, _ = state.step_stream.draw(market._step_layout)
        shocks.append({name: draw.copy() for name, draw in draws.items()})
        step = market.step(state, {"trader": np.zeros((4, 3, 1))})
        state = step.state
        prices.append(step.quantities["price"])
    fast = market.simulation.paths(TRUTH, market.simulation.gathered(shocks)).prices
    np.testing.assert_allclose(fast[:, 1:], np.stack(prices, axis=1), rtol=1e-13)


# Planted paths and bad input ----------------------------------------------------------------------


def test_planted_samples_are_pooled_planted_paths():
    market = make("stock_market")
    paths = market.planted_paths({}, 4, 7)
    np.testing.assert_array_equal(market.planted_sample(TRUTH, 200, 7), paths[:, 1:].ravel())
    returns = market.planted_sample(TRUTH, 170, 7, "log_return")
    np.testing.assert_array_equal(returns, np.diff(np.log(paths), axis=1).ravel()[:170])
    with pytest.raises(PacesetterError, match="planted sample 'demand_noise'"):
        market.planted_sample(TRUTH, 10, 0, "demand_noise")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"windows": ((2, 3),)}, "1 pairs for technical_traders = 5"),
        ({"windows": ((3, 3),) * 5}, r"windows\[0\] must be a short window"),
        ({"price_impact": 1.0}, "price_impact must be"),
        (
            {"noise_traders": 0, "technical_traders": 0, "fundamental_traders": 0},
            "there is nobody to trade",
        ),
        ({"noise_traders": 0, "technical_traders": 0}, "none of either"),
        ({"rules": "sharp"}, "rules"),
    ],
)
def test_refuses_markets_that_are_none(options, message):
    with pytest.raises(PacesetterError, match=message):
        make("stock_market", **options)


def test_refuses_what_whole_paths_cannot_do():
    market = make("stock_market", rules="indicator")
    paths = market.simulation.paths(np.array([1.0, 0.5]), market.path_shocks(3, 0))
    with pytest.raises(PacesetterError, match="kept no slopes"):
        paths.pull_back(np.ones((3, 51)))
    market = make("stock_market")
    with pytest.raises(PacesetterError, match=r"shape \(3, 51\), got \(3, 50\)"):
        market.simulation.paths(TRUTH, market.path_shocks(3, 0)).pull_back(np.ones((3, 50)))
    with pytest.raises(PacesetterError, match="has 50 periods"):
        market.simulation.gathered([])


def test_shocks_stay_at_hand_up_to_a_size_and_are_not_sent_along(monkeypatch):
    market = make("stock_market", horizon=5)
    one = market.simulation.kept(4, 1)
    np.testing.assert_array_equal(one.private, market.path_shocks(4, 1).private.astype(float))
    assert market.simulation.kept(4, 1) is one
    sent = pickle.loads(pickle.dumps(market.simulation))
    assert sent.kept(4, 1) is not one
    np.testing.assert_array_equal(sent.kept(4, 1).valuations, one.valuations)
    monkeypatch.setattr(shocks_of, "MOST_KEPT", 2 * one.nbytes)
    market.simulation.kept(4, 2)
    assert market.simulation.kept(4, 1) is one  # the latest used stays
    other = market.simulation.kept(4, 2)
    market.simulation.kept(4, 3)
    assert market.simulation.kept(4, 2) is other
    assert market.simulation.kept(4, 1) is not one


def test_paths_of_indicator_rules_are_fast_and_have_no_derivative():
    market = make("stock_market", rules="indicator", horizon=6)
    paths = market.paths(np.full((3, 2), 0.5), 0)
    assert paths.quantities["demand"].shape == (3, 6)
    np.testing.assert_allclose(paths.quantities["demand"], paths.quantities["demand"].round(), 1e-9)
    with pytest.raises(PacesetterError, match="rules are indicators"):
        paths.pull_back({"price": np.ones((3, 6))})
