"""Markets against slow loops over agents, written straight from the equations."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest

from pacesetter.envs.registry import make

SLOPES = {"stable": 0.22, "unstable": 0.5, "strongly_unstable": 2.0}


def slow_cobweb(slope, choices, noise):
    """One copy: forecasts (T, 6) and noise (T,) to prices, rewards and observations."""
    prices, rewards, seen = [], [], []
    past = [[] for _ in range(6)]
    for t in range(len(noise)):
        forecasts = [0.1 * int(choice) for choice in choices[t]]
        supplied = sum(math.tanh(slope * (x - 6)) + 1 for x in forecasts)
        price = (13.8 - supplied) / 1.5 + 0.5 * noise[t]
        prices.append(price)
        rewards.append([max(0, 1300 - 260 * (price - x) ** 2) / 1300 for x in forecasts])
        for i, x in enumerate(forecasts):
            past[i].append(x)
        seen.append(
            [
                [(np.mean(prices) - 5) / 5, (np.mean(past[i]) - 5) / 5, (price - 5) / 5]
                for i in range(6)
            ]
        )
    return np.array(prices), np.array(rewards), np.array(seen)


@pytest.mark.parametrize("treatment", SLOPES)
def test_cobweb(treatment):
    copies, periods = 4, 30
    market = make("cobweb", treatment=treatment, periods=periods, parameterisation="individual")
    generator = np.random.default_rng(1)
    choices = generator.integers(0, 101, (periods, copies, 6))
    noise = generator.normal(size=(periods, copies))
    theta = generator.random((copies, 6))
    state = market.reset(0, copies, theta)
    slow = [slow_cobweb(SLOPES[treatment], choices[:, b], noise[:, b]) for b in range(copies)]
    for t in range(periods):
        step = market.transition(state, {"producer": choices[t]}, {"demand": noise[t]})
        state = step.state
        seen = market.observe(state)["producer"]
        for b, (prices, rewards, observations) in enumerate(slow):
            assert step.quantities["price"][b] == pytest.approx(prices[t], abs=1e-12)
            np.testing.assert_allclose(step.rewards["producer"][b], rewards[t], atol=1e-12)
            np.testing.assert_allclose(seen[b, :, :3], observations[t], atol=1e-6)
            errors = [(prices[t] - 0.1 * c) ** 2 for c in choices[t, b]]
            assert step.quantities["squared_forecast_error"][b] == pytest.approx(np.mean(errors))
        np.testing.assert_allclose(seen[:, :, 3], theta / (theta + 0.2), atol=1e-7)
    assert step.truncated.all()


def test_cobweb_costs_follow_the_truncated_normal():
    from scipy.stats import truncnorm

    market = make("cobweb")
    state = market.reset(0, 5, [0.3, 0.2])
    costs = market.information_costs(state)["producer"]
    for quantile, cost in zip(state.cost_quantiles.flat, costs.flat, strict=True):
        exact = truncnorm.ppf(quantile, -0.3 / 0.2, np.inf, 0.3, 0.2)
        assert cost == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("followers", [1, 2, 5])
def test_duopoly(followers):
    a, b, c, copies = 9.0, 0.7, 1.5, 6
    market = make("duopoly", followers=followers, demand_intercept=a, demand_slope=b, unit_cost=c)
    largest = (a - c) / b
    generator = np.random.default_rng(2)
    theta = generator.random((copies, 1)) * largest
    quantities = generator.random((copies, followers, 1)) * largest
    step = market.step(market.reset(0, copies, theta), {"follower": quantities})
    unit = (a - c) ** 2 / (4 * b * (followers + 1) ** 2)  # profit at the Stackelberg point
    for copy in range(copies):
        total = theta[copy, 0]
        for i in range(followers):
            total += quantities[copy, i, 0]
        price = a - b * total
        assert step.quantities["price"][copy] == pytest.approx(price, abs=1e-12)
        profit = (price - c) * theta[copy, 0]
        assert step.quantities["leader_profit"][copy] == pytest.approx(profit, abs=1e-12)
        for i in range(followers):
            reward = (price - c) * quantities[copy, i, 0] / unit
            assert step.rewards["follower"][copy, i] == pytest.approx(reward, abs=1e-12)
    assert step.terminated.all() and not step.truncated.any()


def slow_labour_tax(xi, variance, inverse_elasticity, scores, hours):
    """One copy, household by household: incomes, level of the tax, consumption and utilities."""
    productivity = [math.exp(-variance / 2 + math.sqrt(variance) * z) for z in scores]
    incomes = [e * h for e, h in zip(productivity, hours, strict=True)]
    level = sum(incomes) / sum(y ** (1 - xi) for y in incomes)
    consumption = [level * y ** (1 - xi) for y in incomes]
    power = 1 + inverse_elasticity
    utility = [math.log(c) - h**power / power for c, h in zip(consumption, hours, strict=True)]
    return incomes, level, consumption, utility


@pytest.mark.parametrize(("variance", "inverse_elasticity"), [(0.5, 2.0), (1.0, 1.0), (0.1, 0.3)])
def test_labour_tax(variance, inverse_elasticity):
    copies, households = 5, 7
    market = make(
        "labour_tax",
        households=households,
        productivity_variance=variance,
        inverse_frisch_elasticity=inverse_elasticity,
    )
    generator = np.random.default_rng(3)
    theta = 0.95 * generator.random((copies, 1))
    hours = 0.01 + 1.99 * generator.random((copies, households, 1))
    state = market.reset(4, copies, theta)
    seen = market.observe(state)["household"]
    step = market.step(state, {"household": hours})
    for b in range(copies):
        xi, scores = theta[b, 0], state.productivity_scores[b]
        parameters = (variance, inverse_elasticity, scores)
        incomes, level, consumption, utility = slow_labour_tax(xi, *parameters, hours[b, :, 0])
        equal_hours = [0.5 ** (1 / (1 + inverse_elasticity))] * households
        gain = np.mean(utility) - np.mean(slow_labour_tax(0.5, *parameters, equal_hours)[3])
        np.testing.assert_allclose(step.quantities["income"][b], incomes, rtol=1e-12)
        np.testing.assert_allclose(step.quantities["consumption"][b], consumption, rtol=1e-12)
        np.testing.assert_allclose(step.rewards["household"][b], utility, atol=1e-12)
        assert step.quantities["tax_level"][b] == pytest.approx(level, rel=1e-12)
        assert step.quantities["welfare"][b] == pytest.approx(np.mean(utility), abs=1e-12)
        assert step.quantities["welfare_gain"][b] == pytest.approx(gain, abs=1e-12)
        np.testing.assert_allclose(seen[b, :, 0], scores, atol=1e-6)
        np.testing.assert_allclose(
            seen[b, :, 1], 2 * math.log(1 - xi) / math.log(0.05) - 1, atol=1e-6
        )
    assert step.terminated.all() and not step.truncated.any()


def slow_market_maker(weight, half_spreads, takers, noise, price, before):
    """One copy, taker by taker with its own valuation: prices, trades, profits and rewards."""
    normal, path = statistics.NormalDist(), []
    for t, half_spread in enumerate(half_spreads):
        bid, ask, bought, sold = price - half_spread, price + half_spread, 0, 0
        for w in takers[t]:
            buyer = w < 0.5
            quantile = 1 - 2 * w if buyer else 2 - 2 * w
            valuation = 100 + 5 * normal.inv_cdf(quantile)
            if buyer and valuation > ask:
                sold += 1
            if not buyer and valuation < bid:
                bought += 1
        profit = bought * (before - bid) + sold * (ask - before)
        number = len(takers[t])
        reward = weight * profit / number + (1 - weight) * (bought + sold) / number
        path.append((price, bought, sold, profit / number, reward))
        before, price = price, max(0, 0.01 * 100 + 0.99 * price + 0.5 * noise[t])
    return path


@pytest.mark.parametrize("start", ["reference", "stationary"])
def test_market_maker(start):
    copies, takers, periods = 4, 20, 30
    market = make("market_maker", takers=takers, periods=periods, initial_price=start)
    generator = np.random.default_rng(4)
    theta = generator.random((copies, 1))
    half_spreads = 10 * generator.random((periods, copies))
    uniforms = generator.uniform(1e-9, 1, (periods, copies, takers))
    noise = generator.normal(size=(periods, copies))
    state = market.reset(0, copies, theta)
    if start == "reference":
        np.testing.assert_array_equal(state.previous_price, 100.0)
    slow = [
        slow_market_maker(
            theta[b, 0],
            half_spreads[:, b],
            uniforms[:, b],
            noise[:, b],
            state.price[b],
            state.previous_price[b],
        )
        for b in range(copies)
    ]
    for t in range(periods):
        seen = market.observe(state)["market_maker"][:, 0]
        step = market.transition(
            state,
            {"market_maker": half_spreads[t][:, None, None]},
            {"takers": uniforms[t], "price": noise[t]},
        )
        state = step.state
        for b in range(copies):
            price, bought, sold, profit, reward = slow[b][t]
            scale = 0.5 / math.sqrt(1 - 0.99**2)
            view = 2.4 * theta[b, 0] / (theta[b, 0] + 0.2) - 1
            np.testing.assert_allclose(seen[b], [(price - 100) / scale, view], atol=1e-6)
            assert step.quantities["price"][b] == pytest.approx(price, abs=1e-10)
            assert (step.quantities["bought"][b], step.quantities["sold"][b]) == (bought, sold)
            assert step.quantities["profit"][b] == pytest.approx(profit, abs=1e-10)
            assert step.quantities["market_share"][b] == pytest.approx((bought + sold) / takers)
            assert step.rewards["market_maker"][b, 0] == pytest.approx(reward, abs=1e-10)


def slow_market_entry(capacity, tax, entered):
    """One copy: positions (T, N) to utilities after tax, deviations so far and observations."""
    utilities, deviations, seen, attendances = [], [], [], []
    for t, positions in enumerate(entered):
        attendance = sum(positions)
        attendances.append(attendance)
        row = []
        for i, is_in in enumerate(positions):
            utility = 1 + 2 * (capacity - attendance) if is_in else 1
            if t > 0 and entered[t - 1][i] != is_in:
                utility -= abs(tax[t] * utility)
            row.append(utility)
        utilities.append(row)
        deviations.append(float(np.std(attendances, ddof=1)) if t else 0.0)
        last, past = (
            2 * (value - capacity) / math.sqrt(len(positions))
            for value in (attendance, np.mean(attendances))
        )
        seen.append([[last, past, 1 if is_in else -1] for is_in in positions])
    return utilities, deviations, seen


@pytest.mark.parametrize(("traders", "capacity"), [(20, 12), (5, 0), (3, 3)])
def test_market_entry(traders, capacity):
    copies, periods = 4, 25
    market = make("market_entry", traders=traders, capacity=capacity, periods=periods)
    generator = np.random.default_rng(4)
    entered = generator.integers(0, 2, (periods, copies, traders))
    tax = 0.1 * generator.random((periods, copies, 1))
    state = market.reset(0, copies)
    slow = [slow_market_entry(capacity, tax[:, b, 0], entered[:, b]) for b in range(copies)]
    for t in range(periods):
        state = market.set_characteristics(state, tax[t])
        step = market.step(state, {"trader": entered[t]})
        state = step.state
        seen, led = market.observe(state)["trader"], market.leader_observe(state)
        for b, (utilities, deviations, observed) in enumerate(slow):
            found = step.rewards["trader"][b] * math.sqrt(traders)  # v √N / 2, with v = 2
            np.testing.assert_allclose(found, utilities[t], atol=1e-12)
            assert step.quantities["utility"][b] == pytest.approx(np.mean(utilities[t]), abs=1e-12)
            rise = deviations[t] - (deviations[t - 1] if t else 0.0)
            assert step.quantities["volatility_rise"][b] == pytest.approx(rise, abs=1e-12)
            np.testing.assert_allclose(seen[b, :, :3], observed[t], atol=1e-6)
            assert led[b, 0] == pytest.approx(2 * deviations[t] / math.sqrt(traders), abs=1e-6)
        view = np.repeat(20 * tax[t] - 1, traders, axis=1)
        np.testing.assert_allclose(seen[:, :, 3], view, atol=1e-6)
        moved = np.abs(entered[t] - entered[t - 1]).mean(axis=1) if t else np.zeros(copies)
        np.testing.assert_allclose(step.quantities["position_changes"], moved, atol=1e-12)
    assert step.truncated.all() and not step.terminated.any()
