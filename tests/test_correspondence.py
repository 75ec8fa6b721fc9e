"""Markets against slow loops over agents, written straight from the equations."""

from __future__ import annotations

import math

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
