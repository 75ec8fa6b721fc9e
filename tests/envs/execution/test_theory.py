"""The execution game's accounts, worked out by hand, and the schedules it is measured against."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.execution.baselines import RULES, URGENCY, AlmgrenChriss, share_left
from pacesetter.envs.execution.kernels import HOLD, LIMIT, MARKET
from pacesetter.envs.execution.market import FEE
from pacesetter.envs.execution.view import (
    ALL_IMBALANCE,
    IMPACT,
    LAST_TRADE,
    NEAR_IMBALANCE,
    SIDE_SEEN,
)
from pacesetter.envs.order_book.layout import PRICE, ROOM, with_room
from pacesetter.envs.order_book.queues import find
from pacesetter.envs.registry import make

COPIES = 4


def played(market, rule, seed=0, copies=COPIES, theta=None):
    """Costs, fills and the last state of one episode: ``(T, B, N)``, ``(T, B, N)``, state."""
    state, costs, fills = market.reset(seed, copies, theta), [], []
    for _ in range(market.decisions):
        step = market.step(state, {"executor": rule(market, market.observe(state)["executor"])})
        state = step.state
        costs.append(step.quantities["cost_bp"])
        fills.append(step.quantities["filled"])
        np.testing.assert_allclose(
            step.rewards["executor"], -step.quantities["cost_bp"] / market.reward_unit_bp
        )
    return np.array(costs), np.array(fills), state


def always(action):
    return lambda market, seen: np.full(seen.shape[:2], action)


@pytest.mark.parametrize("side", ["buyers", "sellers"])
@pytest.mark.parametrize("size", [10, 400])
def test_a_market_order_costs_what_the_book_says(side, size):
    """Walked level by level; small enough a step that nobody else has moved."""
    market = make(
        "execution",
        **({"buyers": 1, "sellers": 0} if side == "buyers" else {"buyers": 0, "sellers": 1}),
        parent_size=1000,
        child_size=size,
        decisions=100,
        seconds_per_decision=1e-9,
    )
    state = market.reset(3, COPIES)
    step = market.step(state, {"executor": np.full((COPIES, 1), MARKET)})
    levels = market.levels(state, 40)
    rows = levels[:, 2:] if side == "buyers" else levels[:, :2]
    for copy, (prices, sizes) in enumerate(rows):
        left, money = size, 0
        for price, offered in zip(prices.tolist(), sizes.tolist(), strict=True):
            traded = min(left, offered)
            left, money = left - traded, money + traded * price
        arrival = state.arrival_mid[copy]
        sign = 1 if side == "buyers" else -1
        cost = 1e4 * sign * (money - arrival * (size - left)) / (arrival * 1000)
        assert step.quantities["cost_bp"][copy, 0] == pytest.approx(cost, rel=1e-9)
        assert step.quantities["filled"][copy, 0] == pytest.approx((size - left) / 1000)
        assert step.quantities["cost_bp"][copy, 0] > 0  # crossing the spread is never free


@pytest.mark.parametrize("side", ["buyers", "sellers"])
def test_whoever_does_nothing_pays_the_penalty_alone(side):
    """On either side, and in the last step only."""
    market = make(
        "execution",
        **{"buyers": 0, "sellers": 0, side: 1},
        decisions=5,
        unfilled_penalty_bp=30.0,
    )
    costs, fills, _ = played(market, always(HOLD))
    assert (costs[:-1] == 0).all() and costs[-1] == pytest.approx(30.0)
    assert (fills == 0).all()


def test_the_fee_is_paid_on_what_takes_liquidity():
    market = make("execution", decisions=3, parent_size=30)
    space = market.characteristics
    dear = space.default.copy()
    dear[space.names.index(FEE)] = 2.0
    for action, taking in ((MARKET, True), (LIMIT, False)):
        free, fills, _ = played(market, always(action))
        charged, same, _ = played(market, always(action), theta=dear)
        np.testing.assert_array_equal(fills, same)
        extra = charged - free
        if taking:
            np.testing.assert_allclose(extra, 2.0 * fills, rtol=0.01)  # of prices near arrival
        else:
            assert np.abs(extra).max() < 1e-9


def test_a_seller_sees_the_mirror_image_of_what_a_buyer_sees():
    market = make("execution", sellers=1, view="all")
    state = market.reset(4, COPIES)
    for _ in range(3):
        state = market.step(state, {"executor": np.full((COPIES, 2), HOLD)}).state
    buyer, seller = np.moveaxis(market.observe(state)["executor"], 1, 0)
    turned = [ALL_IMBALANCE, NEAR_IMBALANCE, IMPACT, LAST_TRADE, SIDE_SEEN]
    np.testing.assert_array_equal(seller[:, turned], -buyer[:, turned])
    assert (np.abs(buyer[:, turned]) > 0).any(axis=0).all()
    same = np.setdiff1d(np.arange(buyer.shape[1]), turned)
    np.testing.assert_array_equal(seller[:, same], buyer[:, same])
    moved = 1e4 * np.log(state.mid / state.arrival_mid)
    np.testing.assert_allclose(np.sinh(buyer[:, IMPACT]), moved, rtol=1e-5)


def test_nobody_trades_more_than_the_parent():
    generator = np.random.default_rng(0)
    market = make("execution", buyers=2, sellers=2, parent_size=35, decisions=12)
    state = market.reset(1, COPIES)
    total = np.zeros((COPIES, 4))
    for _ in range(12):
        step = market.step(state, {"executor": generator.integers(0, 3, (COPIES, 4))})
        total += step.quantities["filled"]
        state = step.state
        assert (state.remaining >= 0).all() and (state.remaining <= 35).all()
        np.testing.assert_allclose(total + step.quantities["unfilled"], 1.0)
    assert (state.remaining == 0).any()


def test_limit_orders_are_filled_by_the_background():
    market = make("execution", parent_size=30, decisions=20, seconds_per_decision=30.0)
    costs, fills, _ = played(market, always(LIMIT), copies=8)
    assert fills.sum(axis=0).mean() > 0.9
    # At the near touch a buyer pays less than the mid of its moment, half a spread or more.
    early = costs[0][fills[0] > 0]
    assert early.size and np.median(early) < 0.1


def test_an_episode_remembers_nothing_of_the_last():
    """Entry price, counters and accounts begin anew; the first reward is of the new episode."""
    market = make("execution", decisions=2, parent_size=20)
    state = market.reset(5, COPIES)
    for _ in range(2):
        step = market.step(state, {"executor": np.full((COPIES, 1), MARKET)})
        state = step.state
    assert step.terminated.all() and not step.truncated.any()
    new = market.restart(state, step.terminated)
    assert (new.remaining == market.parent_size).all() and (new.clock == 0).all()
    assert (new.arrival_mid == new.mid).all()
    assert not np.array_equal(new.arrival_mid, state.arrival_mid)
    idle = market.step(new, {"executor": np.full((COPIES, 1), HOLD)})
    assert (idle.quantities["cost_bp"] == 0).all()


def test_makers_profit_and_executors_cost_are_two_sides_of_a_book():
    """Wide quotes earn market makers more and cost executors more."""
    market = make("execution", decisions=5, parent_size=400, child_size=80)
    space = market.characteristics
    wide = space.default.copy()
    wide[space.names.index("maker_least_spread")] = 20.0
    wide[space.names.index("maker_volume_share")] = 0.1
    spreads = []
    for theta in (None, wide):
        state, spread = market.reset(0, 16, theta), []
        for _ in range(5):
            step = market.step(state, {"executor": np.full((16, 1), HOLD)})
            state = step.state
            spread.append(step.quantities["spread"])
        spreads.append(np.mean(spread))
    assert spreads[1] > spreads[0] + 0.3


def test_executors_compete_in_turns_drawn_by_lot():
    """Two buyers want the same ten shares at the touch: either is first as often as the other."""
    market = make("execution", buyers=2, child_size=300, parent_size=300, seconds_per_decision=1e-9)
    state = market.reset(0, 64)
    step = market.step(state, {"executor": np.full((64, 2), MARKET)})
    first = step.quantities["cost_bp"][:, 0] - step.quantities["cost_bp"][:, 1]
    decided = first[first != 0]
    assert len(decided) > 40
    assert 0.25 < (decided < 0).mean() < 0.75


def test_threads_do_not_change_the_result():
    one = make("execution", background="rmsc03", decisions=2, parent_size=20)
    for alone, together in zip(
        played(one, always(LIMIT), copies=6)[:2],
        played(replace(one, threads=3), always(LIMIT), copies=6)[:2],
        strict=True,
    ):
        np.testing.assert_array_equal(alone, together)


def test_copies_whose_books_have_grown_meet_new_ones():
    market = make("execution", decisions=2, parent_size=20)
    state = market.reset(0, 3)
    grown = replace(state, memory=with_room(state.memory, 5000))
    mixed = state.put(np.array([1]), grown.take(np.array([1])))
    assert mixed.memory[0, ROOM] == 5000
    actions = {"executor": np.full((3, 1), LIMIT)}
    expected, found = market.step(state, actions), market.step(mixed, actions)
    for name, value in expected.quantities.items():
        np.testing.assert_array_equal(found.quantities[name], value)
    back = grown.put(np.array([0, 2]), state.take(np.array([0, 2])))
    again = market.step(back, actions)
    np.testing.assert_array_equal(again.quantities["price"], expected.quantities["price"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"buyers": 0}, "nobody would execute an order"),
        ({"background": "rmsc4"}, "did you mean 'rmsc04'"),
        ({"view": "everything"}, "unknown view"),
        ({"decisions": 600}, "would end 36300 s after the opening.*closes after 23400 s"),
        ({"start_seconds": float("inf")}, "start_seconds must be a finite number >= 0, got inf"),
        ({"parent_size": 0}, "parent_size must be >= 1, got 0"),
        ({"child_size": -10}, "child_size must be >= 1, got -10"),
        ({"decisions": 0}, "decisions must be >= 1, got 0"),
        (
            {"seconds_per_decision": float("nan")},
            "per_decision must be a finite number > 0, got nan",
        ),
        ({"unfilled_penalty_bp": -1.0}, "unfilled_penalty_bp must be >= 0"),
        ({"parent_size": 101}, "101 shares cannot be filled by 10 orders of 10.*raise decisions"),
        ({"leader_sets": ("taker_fee",)}, "did you mean 'taker_fee_bp'"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(PacesetterError, match=message):
        make("execution", **options)


@pytest.mark.parametrize("sides", [{"buyers": 2, "sellers": 0}, {"buyers": 1, "sellers": 1}])
def test_empty_books_are_answered_with_numbers(sides):
    """Executors who take everything there is, on one side or on both."""
    market = make(
        "execution",
        **sides,
        parent_size=10**6,
        child_size=10**6,
        decisions=3,
        seconds_per_decision=1e-9,
    )
    state = market.reset(0, COPIES)
    for action in (MARKET, LIMIT, MARKET):
        step = market.step(state, {"executor": np.full((COPIES, 2), action)})
        state = step.state
        seen = [*market.observe(state).values(), market.leader_observe(state)]
        for array in [*seen, *step.rewards.values(), *step.quantities.values()]:
            assert np.isfinite(array).all()
        if action == MARKET:
            assert (market.levels(state, 1)[:, 3] == 0).all()  # nobody sells any more


def test_what_the_leader_does_not_set_stands():
    market = make("execution", leader_sets=("taker_fee_bp",))
    everything = make("execution").characteristics
    assert market.characteristics.names == everything.names
    fixed = market.characteristics.low == market.characteristics.high
    assert fixed.tolist() == [True] * 4 + [False]
    np.testing.assert_array_equal(market.characteristics.default, everything.default)
    with pytest.raises(PacesetterError, match="'noise_multiplier' must lie in"):
        market.reset(0, 1, {"noise_multiplier": 2.0})


# Schedules ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RULES)
def test_rules_fill_the_parent(name):
    market = make("execution", sellers=1)
    _, fills, state = played(market, RULES[name], copies=8)
    assert (state.remaining == 0).all()
    if name == "twap":
        np.testing.assert_allclose(fills[::2], 0.2)
        np.testing.assert_allclose(fills[1::2], 0.0)
    if name == "almgren_chriss":
        left = 1.0 - fills.cumsum(axis=0)[:, 0, 0]
        horizon = np.arange(1, 11) / 10
        assert (left > share_left(horizon, URGENCY) - 0.2 - 1e-6).all()  # less than a child ahead
        np.testing.assert_allclose(left[:4], [0.8, 0.6, 0.4, 0.2])  # as fast as children allow
        assert left[4] == left[3]  # and then no longer behind


@pytest.mark.parametrize("background", ["rmsc04", "rmsc03"])
def test_a_thousand_shares_by_orders_of_ten(background):
    """The setting of abides-gym: ten minutes, a decision every second."""
    market = make(
        "execution",
        background=background,
        parent_size=1000,
        decisions=600,
        seconds_per_decision=1.0,
    )
    _, fills, state = played(market, RULES["twap"], copies=2)
    assert (state.remaining == 0).all() and (fills > 0).sum(axis=0).tolist() == [[100], [100]]


def test_a_large_order_at_once_costs_more_than_small_ones():
    """INTAGS: executing all at the first step impacts the market greatly."""
    market = make("execution", parent_size=2000, child_size=200)
    at_once = replace(market, child_size=2000)
    spread_out = played(market, RULES["twap"], copies=24)[0].sum(axis=0)
    costs = played(at_once, RULES["all_at_once"], copies=24)[0].sum(axis=0)
    assert (costs - spread_out).mean() > 0


@pytest.mark.parametrize(
    ("risk_aversion", "urgency", "holdings", "cost", "deviation"),
    [
        (1e-6, 0.6071, [1e6, 541_956, 289_854, 147_897, 62_142, 0], 911_227, 603_431),
        (0.0, 0.0, [1e6, 8e5, 6e5, 4e5, 2e5, 0], 662_500, 1_040_673),
    ],
)
def test_almgren_chriss(risk_aversion, urgency, holdings, cost, deviation):
    """The parameters of their section 4, on five intervals of a day."""
    solution = AlmgrenChriss(
        shares=1e6,
        horizon=5,
        intervals=5,
        volatility=0.95,
        half_spread=0.0625,
        temporary_impact=2.5e-6,
        permanent_impact=2.5e-7,
        risk_aversion=risk_aversion,
    )
    assert solution.urgency == pytest.approx(urgency, abs=1e-4)
    np.testing.assert_allclose(solution.holdings, holdings, atol=1)
    assert solution.expected_cost == pytest.approx(cost, abs=1)
    assert solution.cost_deviation == pytest.approx(deviation, abs=1)


def test_almgren_chriss_needs_intervals_short_enough():
    with pytest.raises(PacesetterError, match="Use more intervals"):
        AlmgrenChriss(1e6, 5, 1, 0.95, 0.0625, 2.5e-7, 2.5e-7)


# Branches and latency -----------------------------------------------------------------------------


@pytest.mark.parametrize("background", ["rmsc04", "realistic"])
def test_branches_of_a_state_go_on_by_their_own_seeds(background):
    market = make("execution", background=background)
    hold = {"executor": np.full((COPIES, 1), HOLD)}
    state = market.step(market.reset(1, COPIES), hold).state
    branches = market.branch(state, [2, 2, 2, 0], [5, 5, 6, 5])
    np.testing.assert_array_equal(
        market.observe(branches)["executor"], market.observe(state)["executor"][[2, 2, 2, 0]]
    )
    after = market.step(branches, hold).state
    np.testing.assert_array_equal(after.memory[0], after.memory[1])
    assert not np.array_equal(after.memory[0], after.memory[2])
    plain = market.step(state.take([2]), {"executor": np.full((1, 1), HOLD)}).state
    assert not np.array_equal(after.memory[0], plain.memory[0])
    with pytest.raises(PacesetterError, match="one integer seed each"):
        market.branch(state, [0, 1], [3])


def test_joined_states_go_on_as_apart():
    market = make("execution")
    one, two = market.reset(1, 2), market.reset(5, 3)
    two = replace(two, memory=with_room(two.memory, 4096))
    joined = type(one).joined([one, two])
    limit = {"executor": np.full((5, 1), LIMIT)}
    after = market.step(joined, limit).state
    alone = market.step(two, {"executor": limit["executor"][:3]}).state
    for name in ("mid", "remaining", "traded", "clock"):
        np.testing.assert_array_equal(getattr(after, name)[2:], getattr(alone, name))
    assert int(after.memory[0, ROOM]) == 4096
    with pytest.raises(PacesetterError, match="no state to join"):
        type(one).joined([])


def test_orders_arrive_late_and_at_the_price_that_was_seen():
    """The book at the arrival is that of a market without the order; the limit is the old touch."""
    options = {"parent_size": 1000, "child_size": 100, "seconds_per_decision": 60.0}
    fast = make("execution", **options)
    slow = make("execution", latency_seconds=30.0, **options)
    state = fast.reset(3, 40)
    market_orders = {"executor": np.full((40, 1), MARKET)}
    early, late = (one.step(state, market_orders).quantities for one in (fast, slow))
    np.testing.assert_allclose(early["filled"], 0.1)
    np.testing.assert_allclose(late["filled"], 0.1)
    spread_then = early["cost_bp"].std()
    assert late["cost_bp"].std() > 2 * spread_then  # the mid went on without the order
    after = slow.step(state, {"executor": np.full((40, 1), LIMIT)}).state
    touch = slow.levels(state, 1)[:, 0, 0]
    standing = after.standing[:, 0]
    for book, number, price in zip(after.memory, standing, touch, strict=True):
        order = find(book, number)
        assert order == -1 or book[order + PRICE] == price
    assert (standing >= 0).all()


def test_latency_is_below_the_time_between_decisions():
    with pytest.raises(PacesetterError, match=r"latency_seconds .60. must be below"):
        make("execution", latency_seconds=60.0)
