"""Makers and investors against exact answers: quotes, timing, mixed offsets, shares, trades."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.core.state import changed
from pacesetter.envs.dealers import investing, quoting, shares
from pacesetter.envs.dealers.competition import Mixture
from pacesetter.envs.dealers.trading import dealt
from pacesetter.envs.registry import make

ONE_MAKER = [  # n, γ, half-spread, ask and bid at q = 2, slope, sd of q, reward per step
    (2, 0.01, 0.7110, 0.5356, 0.8857, -0.0877, 1.960, 0.0901),
    (2, 0.05, 0.7832, 0.3308, 1.2236, -0.2264, 1.232, 0.0807),
    (2, 0.2, 0.9359, 0.0, 1.9744, -0.4990, 0.844, 0.0637),
    (5, 0.01, 0.6970, 0.5788, 0.8150, -0.0591, 2.396, 0.2327),
    (5, 0.05, 0.7429, 0.4564, 1.0261, -0.1434, 1.557, 0.2170),
    (5, 0.2, 0.8370, 0.2404, 1.4116, -0.3007, 1.100, 0.1880),
    (10, 0.01, 0.6891, 0.6031, 0.7749, -0.0430, 2.820, 0.4726),
    (10, 0.05, 0.7220, 0.5215, 0.9214, -0.1003, 1.877, 0.4497),
    (10, 0.2, 0.7896, 0.3858, 1.1854, -0.2030, 1.358, 0.4058),
]


@pytest.mark.parametrize("row", ONE_MAKER, ids=str)
def test_quotes_of_one_maker(row):
    """Computed independently by policy iteration with offsets optimised to 1e-6."""
    number, risk, half, ask, bid, slope, deviation, reward = row
    quotes = quoting.quotes_of(number, risk)
    found = quoting.worth(quotes, number, risk)
    assert found.half_spread == pytest.approx(half, abs=1e-4)
    # Offsets end at 2.2 here and elsewhere there, which shows where they come near it.
    assert quotes[quoting.MOST_INVENTORY + 2] == pytest.approx(
        (ask, bid), abs=6e-3 if ask == 0 else 1e-4
    )
    assert found.slope == pytest.approx(slope, abs=2e-4)
    assert found.deviation == pytest.approx(deviation, abs=1e-3)
    assert found.reward == pytest.approx(reward, abs=6e-5)


def test_a_maker_indifferent_to_inventory_asks_what_a_monopolist_does():
    for number in (2, 5, 10):
        quotes = quoting.quotes_of(number, 0.0)
        np.testing.assert_allclose(quotes[30:71], 1.0 / 1.5, atol=1e-6)
        assert quoting.worth(quotes, number, 0.0).reward == pytest.approx(
            0.04905 * number, rel=1e-3
        )


def test_what_skew_is_worth():
    """Per step of 100 from q = 0: the best, and the best quotes that inventory does not move."""
    for number, risk, best, flat in ((5, 0.01, 0.2346, 0.2230), (5, 0.2, 0.1899, 0.0369)):
        exact = quoting.worth(quoting.quotes_of(number, risk), number, risk)
        assert exact.episode == pytest.approx(best, abs=6e-5)
        assert quoting.best_flat(number, risk) == pytest.approx(flat, abs=6e-5)


def test_continuous_time_and_the_limits_of_small_steps():
    assert quoting.continuous(5, 0.05) == pytest.approx((0.7453, -0.1567), abs=1e-4)
    assert quoting.closed_form(5, 0.05) == pytest.approx((0.7419, -0.1505), abs=1e-4)
    patient = quoting.quotes_of(5, 0.05, 1.0 - 1e-7)
    found = quoting.worth(patient, 5, 0.05)
    assert (found.slope, found.half_spread) == pytest.approx((-0.1522, 0.7479), abs=2e-4)


def test_the_market_pays_a_maker_what_is_computed():
    """One maker by rule, 10 takers of whom it reaches 5: reward, inventory and units dealt."""
    market = make("dealers", makers_are="computed", connectivity=0.5, inventory_pnl="expected")
    quotes, number, risk = market.quotes([0.05])
    exact = quoting.worth(quotes, number, risk)
    state = market.reset(10, 3000, [0.05])
    profits, inventories = [], []
    for _ in range(market.periods):
        step = market.step(state, {})
        state = step.state
        profits.append(step.quantities["profit"])
        inventories.append(step.quantities["inventory"])
    q = np.array(inventories)
    reward = np.array(profits) - 0.5 * risk * 0.25 * q**2
    by_copy = reward.mean(axis=(0, 2))
    error = by_copy.std() / np.sqrt(len(by_copy))
    assert by_copy.mean() == pytest.approx(exact.episode, abs=4 * error) and error < 0.001
    assert q[50:].std() == pytest.approx(exact.deviation, rel=0.02)


def test_the_table_of_quotes_follows_risk_aversion():
    """Between its rows, interpolated over the root, a quote errs by less than 1e-3."""
    market = make("dealers", makers_are="computed", connectivity=0.5)
    for risk in (0.003, 0.017, 0.11):
        state = market.reset(0, 1, [risk])
        state = changed(state, maker_inventory=np.array([[1.0]]))
        step = market.step(state, {})
        ask, bid = quoting.quotes_of(5, risk)[quoting.MOST_INVENTORY + 1]
        half, skew = step.quantities["half_spread"][0, 0], step.quantities["skew"][0, 0]
        assert (half + skew, half - skew) == pytest.approx((ask, bid), abs=1e-3)


@pytest.mark.parametrize(
    ("weight", "spread", "per_taker"),
    [(0, 0.6667, 0.0736), (10, 0.561, 0.0863), (100, 0.407, 0.111)],
)
def test_a_target_share_costs_spread(weight, spread, per_taker):
    found = shares.best(5, 0.12, weight)
    assert found.per_taker == pytest.approx(per_taker, abs=1e-3)
    assert found.half_spread == pytest.approx(spread, abs=0.01)


@pytest.mark.parametrize(
    ("makers", "connectivity", "mean", "lowest"),
    [
        (2, 0.25, 0.3832, 0.2799), (2, 0.5, 0.2638, 0.1546), (2, 0.75, 0.1542, 0.0679),
        (3, 0.25, 0.2994, 0.1810), (3, 0.5, 0.1730, 0.0679), (3, 0.75, 0.0793, 0.0157),
        (5, 0.25, 0.2088, 0.0886), (5, 0.5, 0.0957, 0.0157),
    ],
)  # fmt: skip
def test_mixed_offsets_of_makers_who_compete(makers, connectivity, mean, lowest):
    game = Mixture(makers, connectivity)
    assert (game.mean, game.lowest) == pytest.approx((mean, lowest), abs=1e-4)
    # Whatever is offered in the range earns as much.
    shares_below = (np.arange(20_000) + 0.5) / 20_000
    tried = np.linspace(game.lowest, 1.0 / 1.5, 4001)
    sample = np.interp(shares_below, 1.0 - game.above(tried), tried)
    earned = game.earned(tried[40:-40:100], sample)
    np.testing.assert_allclose(earned, game.profit, rtol=2e-3)


@pytest.mark.parametrize("makers", [2, 3])
@pytest.mark.parametrize("connectivity", [0.25, 0.5, 0.75])
def test_normal_offsets_undercut_each_other(makers, connectivity):
    """Why learned offsets end too tight: at the equilibrium's mean, narrow ones gain by less."""
    game = Mixture(makers, connectivity)
    normal = np.random.default_rng(10).standard_normal(200_000)
    offsets = game.mean + 0.25 * (game.mean - game.lowest) * normal
    earned = game.earned(offsets, offsets)
    # The gradient of the mean's earnings and of its deviation's: tighter, and narrower.
    assert np.cov(earned, normal)[0, 1] < 0.0
    assert np.cov(earned, normal**2)[0, 1] < 0.0


def test_offsets_in_the_mixed_equilibrium_earn_alike_in_the_market():
    """Two makers, each reached with chance ½: one offers what it likes, the other mixes."""
    game = Mixture(2, 0.5)
    market = make(
        "dealers", makers=2, network="per_step", risk_aversion=0.0, inventory_pnl="expected"
    )
    generator = np.random.default_rng(10)
    tried = np.linspace(1e-3, 1.0 / 1.5, 2001)
    state, earned = market.reset(10, 3000, [0.5]), {0.2: [], 0.4: [], 0.66: []}
    for _ in range(60):
        for offset, rewards in earned.items():
            other = np.interp(generator.random(3000), 1.0 - game.above(tried), tried)
            offsets = np.stack([np.full(3000, offset), other], axis=1)
            step = market.step(state, {"maker": np.repeat(offsets[:, :, None], 2, axis=2)})
            rewards.append(step.rewards["maker"][:, 0].mean())
        state = step.state
    for rewards in earned.values():  # 10 takers, wanting with chance .2, reached with chance ½
        assert np.mean(rewards) == pytest.approx(game.profit * 10 * 0.2 * 0.5, rel=0.03)


def test_profit_alone_is_a_threshold():
    assert investing.for_profit() == pytest.approx((50.6535, 38.1692), abs=1e-3)
    profit, trades = investing.for_profit(periods=25)
    found = investing.best(1.0, periods=25)
    assert found.profit == pytest.approx(profit, rel=0.01)
    assert (found.buys, found.sells) == pytest.approx((trades, trades), rel=0.02)


def test_a_quarter_of_profit_hits_the_totals_and_times_them():
    """T = 100, the day of the talk's second panel."""
    found = investing.best(0.25)
    assert found.value == pytest.approx(36.70, rel=0.01)
    assert (found.buys, found.sells) == pytest.approx((30.0, 10.0), abs=0.05)
    assert found.exact == pytest.approx(0.983, abs=0.005)
    assert found.profit == pytest.approx(26.8, abs=0.2)


def test_investors_are_paid_by_the_rule():
    market = make("dealers", scenario="investors", investors=3, profit_weight=None)
    state = market.reset(10, 1, [0.25])
    state = changed(state, deviation=np.array([1.0]), buys=np.array([[0.0, 30.0, 0.0]]))
    step = market.transition(state, {"investor": np.array([[0, 1, 2]])}, {"price": np.array([0.0])})
    # The price falls back from 1 to .9; one holds, one buys a 31st, one sells a first.
    gains = np.array([0.0, 31.0 * -0.1 - 0.25, -1.0 * -0.1 - 0.25])
    np.testing.assert_allclose(step.quantities["gain"], [gains])
    nearer = np.array([0.0, -1.0, 1.0])
    np.testing.assert_allclose(step.rewards["investor"], [(0.25 * gains + 0.75 * nearer) / 40])


def test_a_day_of_rewards_is_profit_and_the_final_miss():
    market = make("dealers", scenario="investors", investors=4, periods=60)
    state, generator = market.reset(10, 50, [0.4]), np.random.default_rng(0)
    rewards, gains = 0.0, 0.0
    for _ in range(60):
        step = market.step(state, {"investor": generator.integers(0, 3, (50, 4))})
        state = step.state
        rewards, gains = rewards + step.rewards["investor"], gains + step.quantities["gain"]
    assert step.terminated.all() and not step.truncated.any()
    value = 0.4 * gains + 0.6 * (40.0 - step.quantities["target_miss"])
    np.testing.assert_allclose(40.0 * rewards, value, atol=1e-9)


def test_however_inventory_is_paid_a_day_is_worth_the_same():
    """Means of P&L of the same trades agree; paid at the trade they scatter least."""
    means, scatter = [], []
    for paid in ("realised", "expected", "at_trade"):
        market = make("dealers", scenario="investors", investors=1, inventory_pnl=paid)
        state, gains = market.reset(10, 2000, [1.0]), 0.0
        for _ in range(100):
            x = state.deviation[:, None]
            order = np.where(x < -0.5, 1, np.where(x > 0.5, 2, 0))
            step = market.step(state, {"investor": order})
            state, gains = step.state, gains + step.quantities["gain"]
        means.append(gains.mean())
        scatter.append(gains.std() / np.sqrt(2000))
    assert abs(means[0] - means[2]) < 4 * np.hypot(scatter[0], scatter[2])
    assert abs(means[1] - means[2]) < 4 * np.hypot(scatter[1], scatter[2])
    assert scatter[2] < 0.6 * scatter[0] < scatter[1]


def test_the_lowest_offset_in_reach_deals():
    offsets = np.array([[[0.5, 0.4], [0.3, 0.6], [0.3, 0.4]]])
    edges = np.array([[[1, 0, 0], [1, 1, 0], [0, 1, 1], [1, 0, 1], [0, 0, 0]]], dtype=bool)
    wants = np.ones((1, 5), dtype=bool)
    buys = np.array([[True, True, True, False, True]])
    highest = np.array([[0.45, 9.0, 9.0, 9.0, 9.0]])
    sold, bought, paid = dealt(np, offsets, edges, wants, buys, highest)
    # Too dear; second maker; second and third share; first and third share; nobody in reach.
    np.testing.assert_allclose(sold, [[0.0, 1.5, 0.5]])
    np.testing.assert_allclose(bought, [[0.5, 0.0, 0.5]])
    np.testing.assert_allclose(paid, [[-1.0, 0.3, 0.3, 0.4, -1.0]])


def test_in_both_units_and_money_change_hands():
    """What investors buy and pay, makers sell and earn, where takers with rules are none."""
    market = make(
        "dealers", scenario="both", makers=2, investors=5, takers=0, connectivity=0.6,
        network="per_step",
    )  # fmt: skip
    state, generator = market.reset(10, 40), np.random.default_rng(0)
    for _ in range(10):
        offsets = generator.random((40, 2, 2))
        orders = generator.integers(0, 3, (40, 5))
        before = state
        step = market.step(state, {"maker": offsets, "investor": orders})
        state, found = step.state, step.quantities
        units = found["buy"].sum(axis=1) - found["sell"].sum(axis=1)
        held = state.maker_inventory.sum(axis=1) - before.maker_inventory.sum(axis=1)
        np.testing.assert_allclose(held, -units, atol=1e-12)
        move = (state.price - before.price)[:, None]
        paid = found["position"] * move - found["gain"]
        earned = found["profit"] - found["inventory"] * move
        np.testing.assert_allclose(paid.sum(axis=1), earned.sum(axis=1), atol=1e-12)
        assert ((found["buy"] + found["sell"] == 0) >= (orders == 0)).all()


@pytest.mark.parametrize(
    "options",
    [
        {"makers": 1, "risk_aversion": 0.1},
        {"makers": 3, "network": "per_step", "risk_aversion": 0.1},
        {"scenario": "both", "makers": 2, "investors": 3, "network": "per_step"},
    ],
    ids=["one", "competing", "both"],
)
def test_expected_units_pay_the_mean_of_realised_ones(options):
    """Same plays, same means; without investors a third of the scatter at most."""
    generator = np.random.default_rng(10)
    paid = {}
    for how in ("realised", "expected"):
        market = make("dealers", inventory_pnl="expected", request_pnl=how, **options)
        state = market.reset(10, 4000)
        offsets = np.tile([[0.5, 0.6], [0.6, 0.5], [0.5, 0.5]], (4000, 1, 1))[:, : market.makers]
        orders = generator.integers(0, 3, (4000, market.investors))
        step = market.step(state, {"maker": offsets, "investor": orders})
        generator = np.random.default_rng(10)
        paid[how] = step.rewards["maker"], step.quantities
    gap = paid["expected"][0] - paid["realised"][0]
    assert np.abs(gap.mean(axis=0)).max() < 4 * gap.std() / np.sqrt(4000)
    for name, values in paid["realised"][1].items():
        np.testing.assert_array_equal(paid["expected"][1][name], values)
    if "scenario" not in options:
        assert paid["expected"][0].std() < 0.34 * paid["realised"][0].std()


@pytest.mark.parametrize("network", ["fixed", "per_step"])
def test_reach_is_exact_or_by_chance(network):
    market = make("dealers", makers=2, network=network, connectivity=0.35, takers=20)
    state = market.reset(10, 400)
    seen = []
    for _ in range(5):
        edges = market.terms.edges(state, market.terms.makers_of(state)["connectivity"])
        seen.append(edges)
        state = market.step(state, {"maker": np.ones((400, 2, 2))}).state
    number = np.array(seen).sum(axis=2)
    if network == "fixed":
        assert (number == 7).all() and (np.array(seen) == seen[0]).all()
    else:
        assert number.mean() == pytest.approx(7.0, abs=0.1) and number.std() > 1.5


def test_followers_see_their_own_type_and_nothing_else_of_theta():
    market = make("dealers", makers=2, types="individual")
    theta = {"risk_aversion_1": 0.02, "risk_aversion_2": 0.2, "connectivity_2": 0.9}
    seen = market.observe(market.reset(0, 1, theta))["maker"][0]
    np.testing.assert_allclose(seen[:, 3:5], [[0.5, 0.5], [0.2 / 0.22, 0.9]], atol=1e-6)
    theta["risk_aversion_2"] = 0.01
    again = market.observe(market.reset(0, 1, theta))["maker"][0]
    np.testing.assert_array_equal(seen[0], again[0])


def test_computed_figures():
    found = make("dealers", connectivity=0.5).benchmark()
    assert found["takers_reached"] == 5.0
    assert found["half_spread_at_0"] == pytest.approx(0.7429, abs=1e-4)
    rivals = make("dealers", makers=3, network="per_step", risk_aversion=0.0)
    assert rivals.benchmark()["mean_offset"] == pytest.approx(0.1730, abs=1e-4)
    investors = make("dealers", scenario="investors").benchmark()
    assert investors["profit_if_nothing_else_counts"] == pytest.approx(50.65, abs=0.01)
    assert make("dealers", scenario="both").benchmark() == {}
    assert make("dealers", scenario="both").answered() is None
    answered = make("dealers").answered()
    assert answered is not None and answered.groups == ()
    assert replace(answered, makers_are="learning") == make("dealers")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"share_targets": (0.1, 0.2)}, "share_targets has 2 entries for 1 maker"),
        ({"share_targets": (1.2,)}, "up to 1"),
        ({"connectivity": 1.2}, "connectivity"),
        ({"connectivity": 0.04}, "reaches nobody"),
        ({"takers": 0}, "nobody whom makers could deal with"),
        ({"risk_aversion": -0.1}, "risk_aversion"),
        ({"investor_risk": -1.0}, "investor_risk"),
        ({"profit_weight": 1.5, "scenario": "investors"}, "profit_weight"),
        ({"scenario": "investors", "types": "individual"}, "types: distribution"),
        ({"spreads": (0.1, 0.1, 0.1)}, "types: distribution"),
        ({"types": "distribution", "spreads": (0.1,)}, "one for each of risk_aversion"),
        ({"makers": 2, "makers_are": "computed"}, "one maker alone"),
        ({"risk_aversion": 0.1, "connectivity": 0.5}, "nothing is left for θ"),
    ],
)
def test_contradictions_are_refused(options, message):
    with pytest.raises(PacesetterError, match=message):
        make("dealers", **options)
