"""What holds for every play: symmetries, bounds, and independence of the batch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pacesetter.envs.cobweb.laws import SUPPLY_SLOPES
from pacesetter.envs.core.random_streams import STEP, RandomStream, Shock, ShockLayout
from pacesetter.envs.registry import make

SEEDS = st.integers(0, 2**40)
FEW = settings(max_examples=25, deadline=None)


@FEW
@given(seed=SEEDS, order=st.permutations(range(6)), treatment=st.sampled_from(list(SUPPLY_SLOPES)))
def test_cobweb_producers_are_exchangeable(seed, order, treatment):
    market = make("cobweb", treatment=treatment, parameterisation="individual")
    generator = np.random.default_rng(seed)
    theta, order = generator.random(6), np.array(order)
    state, other = market.reset(seed, 2, theta), market.reset(seed, 2, theta[order])
    for _ in range(3):
        chosen = generator.integers(0, 101, (2, 6))
        step = market.step(state, {"producer": chosen})
        permuted = market.step(other, {"producer": chosen[:, order]})
        state, other = step.state, permuted.state
        rewards = step.rewards["producer"][:, order]
        np.testing.assert_allclose(permuted.rewards["producer"], rewards, atol=1e-12)
        seen = market.observe(state)["producer"][:, order]
        np.testing.assert_allclose(market.observe(other)["producer"], seen, atol=1e-6)


@FEW
@given(seed=SEEDS, followers=st.integers(1, 6), data=st.data())
def test_duopoly_followers_are_exchangeable(seed, followers, data):
    market = make("duopoly", followers=followers)
    order = np.array(data.draw(st.permutations(range(followers))))
    quantities = 12 * np.random.default_rng(seed).random((3, followers, 1))
    state = market.reset(seed, 3)
    step = market.step(state, {"follower": quantities})
    permuted = market.step(state, {"follower": quantities[:, order]})
    rewards = step.rewards["follower"][:, order]
    np.testing.assert_allclose(permuted.rewards["follower"], rewards, atol=1e-12)


@FEW
@given(
    seed=SEEDS,
    households=st.integers(2, 60),
    xi=st.floats(0, 0.95),
    variance=st.floats(0.01, 4),
)
def test_the_labour_tax_only_redistributes(seed, households, xi, variance):
    market = make("labour_tax", households=households, productivity_variance=variance)
    hours = 0.01 + 1.99 * np.random.default_rng(seed).random((3, households, 1))
    step = market.step(market.reset(seed, 3, [xi]), {"household": hours})
    income, consumption = step.quantities["income"], step.quantities["consumption"]
    total = income.sum(axis=1)
    np.testing.assert_allclose(consumption.sum(axis=1), total, rtol=1e-10)
    assert (np.abs(step.quantities["tax_revenue"]) <= 1e-10 * total).all()
    # The tax keeps the order of incomes and never widens their spread.
    order = np.argsort(income, axis=1)
    kept = np.take_along_axis(consumption, order, axis=1)
    assert (np.diff(kept) >= -1e-12 * kept[:, 1:]).all()
    spread = np.log(income).std(axis=1)
    np.testing.assert_allclose(np.log(consumption).std(axis=1), (1 - xi) * spread, atol=1e-9)


@FEW
@given(seed=SEEDS, xi=st.floats(0, 0.95), order=st.permutations(range(7)))
def test_labour_tax_households_are_exchangeable(seed, xi, order):
    market, order = make("labour_tax", households=7), np.array(order)
    hours = 0.01 + 1.99 * np.random.default_rng(seed).random((2, 7, 1))
    state = market.reset(seed, 2, [xi])
    other = replace(state, productivity_scores=state.productivity_scores[:, order])
    rewards = market.step(state, {"household": hours}).rewards["household"]
    permuted = market.step(other, {"household": hours[:, order]}).rewards["household"]
    np.testing.assert_allclose(permuted, rewards[:, order], atol=1e-12)


@FEW
@given(seed=SEEDS, data=st.data(), traders=st.integers(2, 30))
def test_entering_traders_are_exchangeable_and_a_tax_takes_but_gives_nobody(seed, data, traders):
    capacity = data.draw(st.integers(0, traders))
    market = make("market_entry", traders=traders, capacity=capacity)
    order = np.array(data.draw(st.permutations(range(traders))))
    generator = np.random.default_rng(seed)
    taxed, untaxed = market.reset(0, 2, [0.1]), market.reset(0, 2, [0.0])
    other = taxed
    for _ in range(4):
        entered = generator.integers(0, 2, (2, traders))
        step, free = (market.step(state, {"trader": entered}) for state in (taxed, untaxed))
        permuted = market.step(other, {"trader": entered[:, order]})
        taxed, untaxed, other = step.state, free.state, permuted.state
        rewards, before_tax = step.rewards["trader"], free.rewards["trader"]
        np.testing.assert_allclose(permuted.rewards["trader"], rewards[:, order], atol=1e-12)
        seen = market.observe(taxed)["trader"][:, order]
        np.testing.assert_array_equal(market.observe(other)["trader"], seen)
        assert (rewards <= before_tax).all()
        assert (before_tax - rewards <= 0.1 * np.abs(before_tax) + 1e-12).all()
        paid = (before_tax - rewards).mean(axis=1) * market.reward_unit
        np.testing.assert_allclose(step.quantities["tax_paid"], paid, atol=1e-12)


@FEW
@given(seed=SEEDS, treatment=st.sampled_from(list(SUPPLY_SLOPES)))
def test_cobweb_prices_are_bounded_without_noise(seed, treatment):
    """Supply lies between 0 and 2 per producer: prices between (a − 12) / b and a / b."""
    market = make("cobweb", treatment=treatment)
    chosen = np.random.default_rng(seed).integers(0, 101, (50, 6))
    state = market.reset(0, 50)
    step = market.transition(state, {"producer": chosen}, {"demand": np.zeros(50)})
    assert (step.quantities["price"] >= (13.8 - 12) / 1.5).all()
    assert (step.quantities["price"] <= 13.8 / 1.5).all()
    rewards = step.rewards["producer"]
    assert ((rewards >= 0) & (rewards <= 1)).all()


@FEW
@given(seed=SEEDS, mean=st.floats(0, 1), deviation=st.floats(0, 0.5))
def test_cobweb_costs_increase_with_their_quantile(seed, mean, deviation):
    market = make("cobweb")
    state = market.reset(seed % 2**32, 4, [mean, deviation])
    costs = market.information_costs(state)["producer"]
    assert (costs >= 0).all()
    order = np.argsort(state.cost_quantiles, axis=1)
    assert (np.diff(np.take_along_axis(costs, order, axis=1)) >= 0).all()


@FEW
@given(seed=SEEDS, copies=st.integers(1, 9), data=st.data())
def test_a_row_of_a_batch_is_a_single_market(seed, copies, data):
    market = make("cobweb", periods=5)
    row = data.draw(st.integers(0, copies - 1))
    generator = np.random.default_rng(seed)
    batch, single = market.reset(seed, copies), market.reset(seed + row, 1)
    for _ in range(12):
        chosen = generator.integers(0, 101, (copies, 6))
        step = market.step(batch, {"producer": chosen})
        alone = market.step(single, {"producer": chosen[row : row + 1]})
        np.testing.assert_allclose(
            alone.rewards["producer"][0], step.rewards["producer"][row], rtol=1e-12
        )
        ended = step.truncated | (generator.random(copies) < 0.2)
        batch = market.restart(step.state, ended)
        single = market.restart(alone.state, ended[row : row + 1])
        np.testing.assert_array_equal(
            market.observe(single)["producer"][0], market.observe(batch)["producer"][row]
        )


@FEW
@given(seed=SEEDS, rows=st.lists(st.integers(0, 4), min_size=1, max_size=5, unique=True))
def test_take_and_put_round_trip(seed, rows):
    market = make("cobweb")
    state, other = market.reset(seed, 5), market.reset(seed + 100, 5)
    rows = np.array(rows)
    mixed = other.put(rows, state.take(rows))
    rest = np.setdiff1d(np.arange(5), rows)
    seen, mine, theirs = (market.observe(s)["producer"] for s in (mixed, state, other))
    np.testing.assert_array_equal(seen[rows], mine[rows])
    np.testing.assert_array_equal(seen[rest], theirs[rest])
    chosen = {"producer": np.random.default_rng(seed).integers(0, 101, (5, 6))}
    step, expected = market.step(mixed, chosen), market.step(state, chosen)
    np.testing.assert_array_equal(
        step.quantities["price"][rows], expected.quantities["price"][rows]
    )


@FEW
@given(seed=SEEDS, position=st.integers(0, 200))
def test_a_stream_depends_on_its_seed_alone(seed, position):
    layout = ShockLayout({"a": Shock("uniform", (2,)), "b": Shock("normal"), "c": Shock("normal")})
    seeds = np.array([seed, seed + 1], dtype=np.uint64)
    both, one = RandomStream.start(seeds, STEP, layout), RandomStream.start(seeds[1:], STEP, layout)
    for _ in range(position):
        _, both = both.draw(layout)
        _, one = one.draw(layout)
    draws, _ = both.draw(layout)
    alone, _ = one.draw(layout)
    assert draws["a"].shape == (2, 2)
    for name in layout.slices:
        np.testing.assert_array_equal(draws[name][1:], alone[name])
    assert draws["b"][0] != draws["c"][0] != draws["b"][1]


@FEW
@given(
    seed=SEEDS,
    takers=st.integers(1, 200),
    narrow=st.floats(0, 10),
    wider=st.floats(0, 10),
    weight=st.floats(0, 1),
)
def test_a_wider_spread_loses_takers_one_by_one(seed, takers, narrow, wider, weight):
    """Under the same shocks every taker who still trades traded before, and rewards add up."""
    market = make("market_maker", takers=takers, initial_price="stationary")
    narrow, wider = min(narrow, wider), max(narrow, wider)
    state = market.reset(seed, 4, [weight])
    tight, wide = (
        market.step(state, {"market_maker": np.full((4, 1, 1), h)}) for h in (narrow, wider)
    )
    for name in ("bought", "sold"):
        assert (wide.quantities[name] <= tight.quantities[name]).all()
        assert (wide.quantities[name] >= 0).all()
    share = tight.quantities["market_share"]
    assert (share <= 1).all()
    np.testing.assert_allclose(
        share * takers, tight.quantities["bought"] + tight.quantities["sold"], atol=1e-9
    )
    np.testing.assert_allclose(
        tight.rewards["market_maker"][:, 0],
        weight * tight.quantities["profit"] + (1 - weight) * share,
        atol=1e-12,
    )
    np.testing.assert_array_equal(tight.state.price, wide.state.price)  # it moves no price


@FEW
@given(seed=SEEDS, order=st.permutations(range(9)), half_spread=st.floats(0, 10))
def test_market_maker_takers_are_exchangeable(seed, order, half_spread):
    market = make("market_maker", takers=9)
    state, generator = market.reset(seed, 3), np.random.default_rng(seed)
    shocks = {"takers": generator.random((3, 9)), "price": generator.normal(size=3)}
    actions = {"market_maker": np.full((3, 1, 1), half_spread)}
    rewards = market.transition(state, actions, shocks).rewards["market_maker"]
    permuted = shocks | {"takers": shocks["takers"][:, np.array(order)]}
    again = market.transition(state, actions, permuted).rewards["market_maker"]
    np.testing.assert_array_equal(again, rewards)
