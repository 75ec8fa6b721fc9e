"""Shops against closed forms: equilibria in prices, counterfactuals, base stock, choices."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import lambertw

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.registry import make
from pacesetter.envs.shops.market import Shops
from pacesetter.envs.shops.pricing import Competition
from pacesetter.envs.shops.stock import base_stock, demand_law

NEAR, MIDDLE, FAR = (1.0, 0.9, 0.8), (0.0, 1.0, 2.0), (0.5, 1.5)


def alike(shops, **options):
    return Competition((1.0,) * shops, (0.0,) * shops, **options)


@pytest.mark.parametrize(
    ("shops", "price", "share", "joint", "joint_profit"),
    [
        (1, 1.8020, 0.6883, 1.8020, 0.5520),
        (2, 1.4729, 0.4714, 1.9250, 0.3375),
        (3, 1.3702, 0.3246, 2.0000, 0.2500),
        (5, 1.3115, 0.1975, 2.0972, 0.1694),
    ],
)
def test_equilibria_of_identical_shops(shops, price, share, joint, joint_profit):
    """With a − c = 1 and λ = ¼, the market of Calvano et al. (AER 2020)."""
    game = alike(shops)
    found, cartel = game.equilibrium(), game.joint()
    np.testing.assert_allclose(found.price, price, atol=6e-5)
    np.testing.assert_allclose(found.share, share, atol=6e-5)
    np.testing.assert_allclose(found.price - 1.0, 0.25 / (1.0 - found.share), atol=1e-6)
    assert cartel.price.mean() == pytest.approx(joint, abs=1e-3)
    assert cartel.profit.mean() == pytest.approx(joint_profit, abs=6e-5)


def test_one_shop_charges_what_lambert_says():
    closed = 1.0 + 0.25 * (1.0 + lambertw(np.exp(1.0 / 0.25 - 1.0)).real)
    assert alike(1).equilibrium().price[0] == pytest.approx(closed, abs=1e-7)


def test_prices_by_connectivity_and_by_kinds():
    for k, price in ((0.1, 1.6072), (0.5, 1.5145), (1.0, 1.3702)):
        assert alike(3, connectivity=k).equilibrium().price[0] == pytest.approx(price, abs=6e-5)
    prices = []
    for h in (0.0, 0.25, 1.0):
        game = Competition(NEAR, MIDDLE, kinds=((h, 0.5, 0.4), (1 - h, 1.5, 0.05)))
        prices.append(game.equilibrium().price)
    expected = [[1.2149, 1.1363, 1.0648], [1.8350, 1.2077, 1.1196], [2.1414, 1.6303, 1.3612]]
    np.testing.assert_allclose(prices, expected, atol=6e-4)


def test_the_naive_forecast_has_the_wrong_sign():
    """What follows a rise of one price by a tenth: nobody, customers and rivals adapting."""
    game = alike(3)
    base = game.equilibrium()
    after = game.counterfactual(2, 1.1 * base.price[2])
    gains = [outcome.profit[2] / base.profit[2] - 1.0 for outcome in after.values()]
    np.testing.assert_allclose(gains, [0.370, -0.082, -0.013], atol=1e-3)
    assert after["all"].price[0] == pytest.approx(1.3948, abs=6e-5)
    led = game.led_by(2)
    assert (led.price[2], led.price[0]) == pytest.approx((1.4244, 1.3801), abs=1e-3)
    assert led.profit[2] > base.profit[2]


def test_base_stock_of_a_supply_chain():
    law = demand_law(1.0, (0.2,) * 5, 5)
    assert law @ np.arange(len(law)) == pytest.approx(10.0)
    for storage_on, value in (("after_sales", 9.439136), ("after_restock", 8.45376)):
        levels = base_stock(law, 1.0, 0.1, 0.0, "lost", storage_on)
        assert levels.best == 14
        assert levels.value[14] == pytest.approx(value, abs=1e-6)


def test_a_newsvendor_stops_at_the_critical_fractile():
    for share, level in ((0.6883, 23), (0.4714, 17), (0.3246, 12)):
        law = demand_law(share, (0.0, 1.0), 30)
        assert base_stock(law, 0.0, 0.1, 0.5).best == level
        assert level == int(np.searchsorted(np.cumsum(law), 0.5 / 0.6))


@pytest.mark.parametrize(
    ("shops", "level", "stock_cost", "inside", "outside"),
    [
        (1, 23, 0.366, (1.796, 1.805), (1.785, 1.815)),
        (2, 17, 0.408, (1.455, 1.472), (1.44, 1.49)),
        (3, 12, 0.389, (1.382, 1.395), (1.37, 1.41)),
    ],
)
def test_newsvendors_who_price(shops, level, stock_cost, inside, outside):
    """Whole units leave a range of prices that nobody leaves for more than a ten-thousandth."""
    market = Shops(shops=shops, design="costs", stock_held=True)
    figures = market.benchmark()
    for shop in range(shops):
        assert figures[f"order_up_to_{shop}"] == level
        assert figures[f"stock_cost_{shop}"] == pytest.approx(stock_cost, abs=1e-3)
        assert inside[0] <= figures[f"price_{shop}"] <= inside[1]
    game = market.priced_stock()
    assert max(game.gain(np.full(shops, price)) for price in inside) <= 1.01e-4
    assert min(game.gain(np.full(shops, price)) for price in outside) > 4e-4


def test_a_newsvendor_whose_unmet_orders_are_lost():
    market = Shops(shops=1, design="costs", stock_held=True, shortfall="lost")
    figures = market.benchmark()
    assert figures["price_0"] == pytest.approx(1.8018, abs=5e-4)
    assert figures["order_up_to_0"] == 24
    assert figures["value_per_step_0"] == pytest.approx(16.099, abs=1e-3)
    levels = market.priced_stock().levels(0, np.array([1.8018]))
    assert levels.sales[24] / (30 * 0.6884751) == pytest.approx(0.9957, abs=2e-4)  # fill
    fractile = (0.8018 + 0.5) / (0.8018 + 0.5 + 0.1)
    law = demand_law(0.6884751, (0.0, 1.0), 30)
    assert int(np.searchsorted(np.cumsum(law), fractile)) == 24


@pytest.mark.parametrize(
    ("cost", "price"), [(0.05, 1.075), (0.1, 1.149995), (0.25, 1.370163), (0.5, 1.696468)]
)
def test_dearer_information_makes_dearer_shops(cost, price):
    market = Shops(design="reach", highest_price=2.6)
    found = market.competition({"connectivity": 1.0, "information_cost": cost}).equilibrium()
    np.testing.assert_allclose(found.price, price, atol=1e-5)


def test_at_the_highest_price_of_information_prices_are_2_3():
    market = Shops(design="reach")
    found = market.competition({"connectivity": 1.0, "information_cost": 1.0}).equilibrium()
    np.testing.assert_allclose(found.price, 2.298679, atol=1e-5)


def test_what_30000_choices_tell_of_a_composition():
    """Fisher information of four outcomes at the prices of the equilibrium, by differences."""
    market = Shops(
        design="mix", customer_kinds="mixed", wholesale_costs=(1.0, 0.9, 0.8),
        delivery_times=(0.0, 1.0, 2.0), fixed_prices=(1.956261, 1.295603, 1.152792),
    )  # fmt: skip
    theta, prices = np.array([0.5, 0.8]), np.array(market.fixed_prices)

    def chances(at):
        outcome = market.competition(at).outcome(prices)
        return np.append(outcome.nothing, outcome.share)

    np.testing.assert_allclose(chances(theta), [0.22065, 0.23474, 0.29275, 0.25186], atol=1e-5)
    ends = np.eye(2) * 1e-5
    slopes = np.array([(chances(theta + e) - chances(theta - e)) / 2e-5 for e in ends])
    covariance = np.linalg.inv((slopes / chances(theta)) @ slopes.T) / 30_000
    errors = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(errors, [0.0053, 0.0060], atol=1e-4)
    assert covariance[0, 1] / errors.prod() == pytest.approx(-0.61, abs=0.01)


def test_planted_observations_are_those_of_the_computed_equilibrium():
    market = Shops(
        design="mix", customer_kinds="mixed", wholesale_costs=(1.0, 0.9, 0.8),
        delivery_times=(0.0, 1.0, 2.0), customers=60,
    )  # fmt: skip
    theta = np.array([0.5, 0.8])
    exact = market.competition(theta).equilibrium()
    for shop in range(3):
        shares = market.planted_sample(theta, 2000, 0, f"share_{shop}")
        assert shares.shape == (2000,)
        error = np.sqrt(exact.share[shop] * (1.0 - exact.share[shop]) / 60 / 2000)
        assert abs(shares.mean() - exact.share[shop]) < 4.0 * error
    prices = market.planted_sample(theta, 10, 0, "price").reshape(10, 3)
    np.testing.assert_allclose(prices, np.tile(exact.price, (10, 1)))
    with pytest.raises(PacesetterError, match="share_0"):
        market.planted_sample(theta, 10, 0, "share_9")


def play(market, actions, steps, copies=200, theta=None, seed=10):
    """Means of path quantities under constant actions, name -> ``(n,)`` or number."""
    state = market.reset(seed, copies, theta)
    sums = defaultdict(float)
    for _ in range(steps):
        step = market.step(state, actions)
        state = step.state
        for name, value in step.quantities.items():
            sums[name] = sums[name] + value.mean(axis=0) / steps
    return sums


@pytest.mark.parametrize("theta", [[0.5, 1.0, 0.25], [0.25, 0.6, 0.5]])
def test_customers_by_rule_choose_by_the_entropic_law(theta):
    market = make(
        "shops", design="composition", customer_kinds="mixed",
        wholesale_costs=NEAR, delivery_times=MIDDLE,
    )  # fmt: skip
    prices = np.array([1.6, 1.3, 1.1])
    means = play(market, {"shop": np.tile(prices[:, None], (200, 1, 1))}, 20, theta=theta)
    expected = market.competition(theta).outcome(prices)
    # 120,000 choices; customers keep their kind, which makes 200 x 30 of those.
    np.testing.assert_allclose(means["sales"] / 30, expected.share, atol=0.01)
    np.testing.assert_allclose(means["profit"], expected.profit, atol=0.006)
    assert means["nothing_share"] == pytest.approx(expected.nothing, abs=0.01)


def test_a_base_stock_policy_earns_its_value():
    market = make(
        "shops", design="costs", shops=1, customers=5, customer_choice="captive", stock_held=True,
        fixed_prices=(1.0,), wholesale_costs=(0.0,), need=(0.2,) * 5, shortfall="lost",
    )  # fmt: skip
    theta = [[0.1, 0.0]]
    state = market.reset(10, 400, np.repeat(theta, 400, axis=0))
    rewards = []
    for _ in range(60):
        step = market.step(state, {"shop": (14.0 - state.stock)[:, :, None]})
        state = step.state
        rewards.append(step.rewards["shop"])
        assert (step.quantities["stock"] == 14.0).all()
    value = market.stocking(1.0, 1.0, theta[0]).value[14]
    assert 10.0 * np.mean(rewards) == pytest.approx(value, abs=0.03)


def test_rationing_serves_those_who_come_first():
    market = make(
        "shops", design="costs", shops=1, customers=4, customer_choice="captive", stock_held=True,
        fixed_prices=(1.0,), wholesale_costs=(0.0,), need=(0.0, 0.0, 1.0), shortfall="lost",
    )  # fmt: skip
    state = market.reset(0)
    shocks = {
        "need": np.zeros((1, 4)),
        "edges": np.zeros((1, 4, 1)),
        "queue": [[0.9, 0.1, 0.5, 0.2]],
    }
    shocks["queue"] = np.array(shocks["queue"])
    state = replace(state, stock=np.array([[5.0]]))
    step = market.transition(state, {"shop": np.zeros((1, 1, 1))}, shocks)
    assert step.quantities["sales"] == 5.0
    assert step.quantities["shortfall"] == 3.0
    # Two are served in full, one gets half of it, the last one nothing; u = 2 − 1 = 1.
    assert step.quantities["customer_surplus"] == pytest.approx((1 + 1 + 0.5 + 0) / 4)


def test_learning_customers_meet_the_price_of_the_step_before():
    market = make("shops", shops=2, customers=3, customer_choice="learning")
    state = market.reset(10, theta=[1.9])
    nothing = np.full((1, 3), 2)
    state = market.step(state, {"shop": np.full((1, 1, 1), 1.2), "customer": nothing}).state
    seen = market.observe(state)["customer"][0, 0]
    np.testing.assert_allclose(seen[2:4], [0.2, 0.9], atol=1e-6)
    step = market.step(state, {"shop": np.full((1, 1, 1), 2.5), "customer": np.array([[0, 1, 2]])})
    np.testing.assert_allclose(step.rewards["customer"], [[0.8, 0.1, 0.0]])
    np.testing.assert_allclose(step.rewards["shop"], [[0.2 / 3]])
    assert step.quantities["nothing_share"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"need": (0.5, 0.6)}, "sum to 1.1"),
        ({"shops": 1}, "needs two shops"),
        ({"wholesale_costs": (1.0, 0.9)}, "one for each"),
        ({"design": "costs"}, "stock_held: true"),
        ({"design": "composition"}, "customer_kinds: mixed"),
        ({"fixed_prices": (1.0,)}, "another design"),
        ({"connectivity": 1.2}, "connectivity"),
        ({"connectivity": 0.0}, "an empty market"),
        ({"hurried_share": 1.2}, "hurried_share"),
        ({"need": (1.0, 0.0)}, "nobody ever needs anything"),
        ({"highest_price": 0.9}, "earn anything"),
        ({"customer_choice": "captive", "shops": 3}, "have one shop"),
    ],
)
def test_contradictions_are_refused(options, message):
    with pytest.raises(PacesetterError, match=message):
        make("shops", **options)
