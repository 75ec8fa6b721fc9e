"""Equilibria of the market-entry game against brute force over all profiles."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.special import expit

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.market_entry.equilibrium import (
    IN,
    OUT,
    sorted_equilibrium,
    symmetric_entry,
    utilities,
)
from pacesetter.envs.registry import make
from pacesetter.leaders.game import StackelbergGame
from pacesetter.leaders.objectives.general import QuantityObjective

# Deviation of attendance when 20 traders enter by chance, for capacities 2, 4, …, 18.
MIXED_DEVIATIONS = [0.999, 1.631, 1.969, 2.157, 2.233, 2.208, 2.079, 1.823, 1.372]


def profiles(traders):
    """All 2^N profiles, ``(2^N, N)``."""
    return np.array(list(itertools.product((OUT, IN), repeat=traders)))


def gains_of_moving(market, tax):
    """Reward of changing position alone less that of keeping it, from every profile, ``(2^N, N)``.

    Played out on the market: one period to take the positions, one to keep or to change them.
    """
    standing = profiles(market.traders)
    state = market.step(market.reset(0, len(standing), [tax]), {"trader": standing}).state
    kept = market.step(state, {"trader": standing}).rewards["trader"]
    gains = np.empty(standing.shape)
    for i in range(market.traders):
        moved = standing.copy()
        moved[:, i] = 1 - moved[:, i]
        gains[:, i] = market.step(state, {"trader": moved}).rewards["trader"][:, i] - kept[:, i]
    return standing.sum(axis=1), gains


@pytest.mark.parametrize(
    ("traders", "capacity"), [(n, c) for n in (2, 3, 5, 6) for c in range(n + 1)]
)
def test_pure_equilibria_are_those_at_capacity_or_one_below(traders, capacity):
    market = make("market_entry", traders=traders, capacity=capacity)
    attendance, gains = gains_of_moving(market, 0.0)
    stable = (gains <= 1e-12).all(axis=1)
    np.testing.assert_array_equal(stable, np.isin(attendance, (capacity - 1, capacity)))
    figures = market.benchmark()
    assert attendance[stable].min() == figures["lowest_equilibrium_attendance"]
    assert attendance[stable].max() == figures["highest_equilibrium_attendance"]
    # Somebody is indifferent wherever there is somebody to be so: an insider of a full market,
    # an outsider of one with one place left.
    tied = (np.abs(gains) < 1e-12).any(axis=1)
    inside, outside = attendance == capacity, (attendance == capacity - 1)
    np.testing.assert_array_equal(tied, (inside & (attendance > 0)) | outside)


@pytest.mark.parametrize("tax", [1e-3, 0.05, 0.1])
@pytest.mark.parametrize(("traders", "capacity"), [(n, c) for n in (2, 4, 6) for c in range(n + 1)])
def test_a_tax_keeps_every_profile_at_capacity_or_one_below_and_no_other(traders, capacity, tax):
    attendance, gains = gains_of_moving(
        make("market_entry", traders=traders, capacity=capacity), tax
    )
    at_rest = np.isin(attendance, (capacity - 1, capacity))
    assert (gains[at_rest] < 0).all()  # strictly: best responses stay where they are
    assert (gains[~at_rest] > 0).any(axis=1).all()


@pytest.mark.parametrize("tax", [0.0, 0.03, 0.1])
def test_thresholds_of_entering_and_leaving(tax):
    """Outsiders enter iff D < C − τ / (2 (1 − τ)), themselves counted; insiders stay iff
    D ≤ C + τ / 2."""
    table = utilities(make("market_entry", traders=6, capacity=3), tax)
    attendance = np.arange(6) + 1
    enters, stays = table[OUT, IN] > table[OUT, OUT], table[IN, IN] >= table[IN, OUT]
    np.testing.assert_array_equal(enters, attendance < 3 - tax / (2 * (1 - tax)))
    np.testing.assert_array_equal(stays, attendance <= 3 + tax / 2)


@pytest.mark.parametrize("tax", [0.0, 0.07])
def test_the_table_of_utilities_is_the_market(tax):
    market = make("market_entry", traders=5, capacity=2)
    table = utilities(market, tax)
    for before, after in itertools.product(profiles(5), profiles(5)):
        state = market.step(market.reset(0, 1, [tax]), {"trader": before[None]}).state
        rewards = market.step(state, {"trader": after[None]}).rewards["trader"][0]
        others = after.sum() - after
        np.testing.assert_allclose(
            rewards * market.reward_unit, table[before, after, others], atol=1e-12
        )


def test_mixed_equilibrium_of_twenty_traders():
    for capacity, expected in zip(range(2, 20, 2), MIXED_DEVIATIONS, strict=True):
        market = make("market_entry", capacity=capacity)
        figures = market.benchmark()
        assert figures["mixed_attendance_deviation"] == pytest.approx(expected, abs=5e-4)
        assert symmetric_entry(market, 0.0) == pytest.approx(figures["mixed_entry_probability"])


def chance(profile, entry):
    """Chance of a profile under independent chances of entering."""
    return math.prod(p if action else 1 - p for action, p in zip(profile, entry, strict=True))


def expected_gain(market, tax, before, entry, trader, first=False):
    """Expected utility of entering less that of staying out for one trader: all profiles of the
    others, played on the market from the positions `before`."""
    state = market.reset(0, 1, [tax])
    if not first:
        state = market.step(state, {"trader": np.array([before])}).state
    gain = 0.0
    for others in profiles(market.traders - 1):
        rest = [p for i, p in enumerate(entry) if i != trader]
        for action, sign in ((IN, 1), (OUT, -1)):
            profile = np.insert(others, trader, action)
            reward = market.step(state, {"trader": profile[None]}).rewards["trader"][0, trader]
            gain += sign * chance(others, rest) * float(reward) * market.reward_unit
    return gain


@pytest.mark.parametrize(
    ("cost", "tax"), [(0.3, 0.0), (0.3, 0.1), (3.0, 0.1), (0.02, 0.05), (0.0, 0.1)]
)
def test_the_symmetric_equilibrium_answers_itself(cost, tax):
    market = make("market_entry", traders=4, capacity=3, periods=10, information_cost=cost)
    p = symmetric_entry(market, tax)
    entry = [p] * 4
    first = expected_gain(market, tax, (), entry, 0, first=True)
    later = 0.0
    for before in profiles(4):
        later += chance(before, entry) * expected_gain(market, tax, before, entry, 0)
    gain = (first + 9 * later) / 10  # the one policy of ten periods, the first of them untaxed
    assert 0 < p < 1
    assert gain == pytest.approx(cost * math.log(p / (1 - p)), abs=1e-9)


def test_the_symmetric_equilibrium_goes_from_mixed_to_coin():
    assert symmetric_entry(make("market_entry", information_cost=1e-6), 0.0) == pytest.approx(
        11 / 19, abs=1e-6
    )
    assert symmetric_entry(make("market_entry", information_cost=1e5), 0.0) == pytest.approx(
        0.5, abs=1e-4
    )
    assert symmetric_entry(make("market_entry", capacity=0), 0.05) == 0.0
    assert symmetric_entry(make("market_entry", traders=3, capacity=3), 0.0) == 1.0


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize(("cost", "tax"), [(0.05, 0.0), (0.05, 0.1), (1.0, 0.1)])
def test_the_sorted_equilibrium_answers_itself(cost, tax, swap):
    market = make("market_entry", traders=5, capacity=3, information_cost=cost)
    found = sorted_equilibrium(market, tax, swap)
    np.testing.assert_allclose(found.chain.sum(axis=1), 1.0, atol=1e-12)
    for attendance in range(6):
        before = [IN] * attendance + [OUT] * (5 - attendance)
        entry = [found.entry[attendance, position] for position in before]
        for trader in (0, 4):
            gain = expected_gain(market, tax, before, entry, trader)
            assert entry[trader] == pytest.approx(expit(gain / cost), rel=1e-6, abs=1e-30)
        assert found.chain[attendance] @ np.arange(6) == pytest.approx(sum(entry))


def test_sorted_traders_calm_down_and_a_tax_calms_them_further():
    generator = np.random.default_rng(0)
    market = make("market_entry", information_cost=0.01)
    deviations = [
        sorted_equilibrium(market, tax).sample(generator, 400, 100).std(axis=1, ddof=1).mean()
        for tax in (0.0, 0.05, 0.1)
    ]
    assert deviations[0] < 0.6 * market.benchmark()["mixed_attendance_deviation"]
    assert deviations[2] < deviations[1] < deviations[0]
    assert deviations[2] < 0.6 * deviations[0]


def test_untaxed_traders_may_swap_positions_for_ever_and_a_tax_leaves_keeping_alone():
    market = make("market_entry", information_cost=0.3)
    keeping, swapping = (sorted_equilibrium(market, 0.0, swap) for swap in (False, True))
    assert keeping.entry[12, OUT] < 0.05 and keeping.entry[12, IN] > 0.9
    assert swapping.entry[12, OUT] > 0.9 and swapping.entry[12, IN] < 0.5
    taxed = [sorted_equilibrium(market, 0.1, swap).entry for swap in (False, True)]
    np.testing.assert_allclose(*taxed, atol=1e-9)


def test_the_sorted_equilibrium_needs_a_price():
    with pytest.raises(PacesetterError, match="information_cost > 0"):
        sorted_equilibrium(make("market_entry"), 0.1)


@pytest.mark.parametrize("interval", [1, 7, "episode"])
def test_the_objective_of_intervals_sums_to_the_deviation_of_the_episode(interval):
    market = make("market_entry", periods=30)
    objective = QuantityObjective("volatility_rise", -1)
    game = StackelbergGame(market, objective, interval)
    game.reset(0, 5)
    generator = np.random.default_rng(0)
    paid, attendance = np.zeros(5), []
    for _ in range(30):
        entered = generator.integers(0, 2, (5, 20))
        step = game.step({"trader": entered})
        paid += step.leader_reward
        attendance.append(entered.sum(axis=1))
    np.testing.assert_allclose(paid, -np.std(attendance, axis=0, ddof=1), atol=1e-12)


def test_a_constant_attendance_has_exactly_no_deviation():
    market = make("market_entry", traders=7, capacity=3)
    state = market.reset(0, 1)
    for _ in range(100):
        step = market.step(state, {"trader": np.array([[1, 1, 1, 0, 0, 0, 0]])})
        state = step.state
        assert step.quantities["volatility_rise"][0] == 0.0


def test_hidden_memory_shows_the_tax_alone():
    market = make("market_entry", memory=False)
    state = market.reset(0, 2, [0.1])
    before = market.observe(state)["trader"]
    state = market.step(state, {"trader": np.eye(20, dtype=int)[:2]}).state
    np.testing.assert_array_equal(market.observe(state)["trader"], before)
    np.testing.assert_array_equal(before[0, 0], [0.0, 0.0, 0.0, 1.0])


def test_a_hidden_tax_looks_like_none_but_is_paid():
    market, seeing = make("market_entry", tax_visible=False), make("market_entry")
    untaxed = seeing.observe(seeing.reset(0, 2, [0.0]))["trader"]
    entered = {"trader": np.ones((2, 20), dtype=int)}
    for tax in (0.0, 0.1):
        state = market.reset(0, 2, [tax])
        np.testing.assert_array_equal(market.observe(state)["trader"], untaxed)
        state = market.step(state, {"trader": 1 - entered["trader"]}).state
        paid = market.step(state, entered).quantities["tax_paid"]
        np.testing.assert_allclose(paid, tax * 15)  # |1 + 2 (12 − 20)|


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"capacity": 21}, "between 0 and the 20 traders, got 21; choose one of 0 to 20"),
        ({"capacity": -1}, "capacity must be >= 0, got -1"),
        ({"traders": 6}, "between 0 and the 6 traders, got 12"),
        ({"traders": 1, "capacity": 1}, "traders must be >= 2, got 1"),
        ({"periods": 1}, "periods must be >= 2, got 1: the deviation of a single attendance"),
        ({"information_cost": -0.1}, "information_cost must be >= 0, got -0.1"),
        ({"information_cost": math.nan}, "information_cost must be a finite number >= 0, got nan"),
    ],
)
def test_refuses_sizes_that_make_no_game(options, message):
    with pytest.raises(PacesetterError, match=message):
        make("market_entry", **options)


@pytest.mark.parametrize("tax", [-0.01, 0.11, math.nan])
def test_refuses_a_tax_out_of_bounds(tax):
    market = make("market_entry")
    with pytest.raises(PacesetterError, match="'tobin_tax'"):
        market.reset(0, 1, [tax])
    with pytest.raises(PacesetterError, match="'tobin_tax'"):
        market.set_characteristics(market.reset(0, 1), {"tobin_tax": tax})
