"""The cobweb market against what is known about it, and its equilibrium against brute force."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import truncnorm

from pacesetter.envs.cobweb.equilibrium import LogitEquilibrium
from pacesetter.envs.cobweb.laws import SUPPLY_SLOPES, supply, truncated_normal
from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.registry import make
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.studies.cobweb.study import COBWEB_STUDY

FIXED_POINTS = {"stable": 5.5739, "unstable": 5.7323, "strongly_unstable": 5.9103}


def price_of(market, forecasts, noise):
    """Prices ``(B,)`` of forecasts ``(B, 6)``, as indices, through the market."""
    state = market.reset(0, len(forecasts))
    step = market.transition(state, {"producer": forecasts}, {"demand": noise})
    return step.quantities["price"]


@pytest.mark.parametrize("treatment", FIXED_POINTS)
def test_fixed_points(treatment):
    market = make("cobweb", treatment=treatment)
    assert market.equilibrium_price == pytest.approx(FIXED_POINTS[treatment], abs=5e-5)
    assert market.benchmark()["equilibrium_price_variance"] == 0.25


@pytest.mark.parametrize(
    ("treatment", "limits"),
    [
        ("stable", (5.5739, 5.5739)),
        ("unstable", (1.542, 9.108)),
        ("strongly_unstable", (1.200, 9.200)),
    ],
)
def test_naive_forecasters(treatment, limits):
    """All forecast the last price: p_t = (a − 6 S(p_{t−1})) / b, without noise."""
    market = make("cobweb", treatment=treatment, forecast_points=1001)
    price, path = 5.0, []
    for _ in range(400):
        index = np.full((1, 6), np.clip(round(price * 100), 0, 1000))
        price = float(price_of(market, index, np.zeros(1))[0])
        path.append(price)
    # Forecasts are rounded to 0.01, and near the stable fixed point the map keeps 0.87 of it.
    assert sorted(path[-2:]) == pytest.approx(limits, abs=0.05)


def test_naive_forecasts_without_rounding():
    for treatment, limits in (
        ("stable", (5.5739, 5.5739)),
        ("unstable", (1.542, 9.108)),
        ("strongly_unstable", (1.200, 9.200)),
    ):
        price, path = np.float64(5.0), []
        for _ in range(400):
            price = (13.8 - 6 * supply(np, price, SUPPLY_SLOPES[treatment])) / 1.5
            path.append(float(price))
        assert sorted(path[-2:]) == pytest.approx(limits, abs=6e-4)


@pytest.mark.parametrize(
    ("treatment", "mean", "variance"),
    [("stable", 5.835, 0.941), ("unstable", 5.990, 1.769), ("strongly_unstable", 6.001, 2.542)],
)
def test_uniform_forecasters(treatment, mean, variance):
    """The known values are for forecasts on all of [0, 10]; a coarse grid shifts them a little."""
    generator, copies, periods = np.random.default_rng(0), 4000, 50
    for points, rounding in ((1001, 0.0), (101, 0.011)):
        market = make("cobweb", treatment=treatment, forecast_points=points)
        state, prices = market.reset(0, copies), []
        for _ in range(periods):
            step = market.step(state, {"producer": generator.integers(0, points, (copies, 6))})
            state = step.state
            prices.append(step.quantities["price"])
        # 4 standard errors of 200,000 prices, and of the Monte Carlo behind the known values.
        assert np.mean(prices) == pytest.approx(mean, abs=0.014 + rounding)
        assert np.var(prices) == pytest.approx(variance, rel=0.015 + rounding)


@pytest.mark.parametrize(
    ("treatment", "cost", "mean", "variance"),
    [
        ("strongly_unstable", 0.1, 5.917, 0.808),
        ("strongly_unstable", 0.2, 5.877, 1.653),
        ("unstable", 0.2308, 5.738, 0.648),
    ],
)
def test_logit_equilibrium_against_known_values(treatment, cost, mean, variance):
    equilibrium = LogitEquilibrium(make("cobweb", treatment=treatment)).solve(cost)
    assert equilibrium.mean == pytest.approx(mean, rel=0.01)
    assert equilibrium.variance == pytest.approx(variance, rel=0.01)


def brute_force_answer(slope, policy, cost, others, noise):
    """The logit answer to five others who play `policy`, by drawing them: no convolution, no grid.

    Args:
        policy: forecast probabilities, ``(101,)``.
        others: uniforms, ``(draws, 5)``; noise: standard normals, ``(draws,)``.
    """
    forecasts = np.linspace(0, 10, 101)
    chosen = np.searchsorted(np.cumsum(policy), others).clip(0, 100)
    supplied = (np.tanh(slope * (forecasts[chosen] - 6)) + 1).sum(axis=1)
    utility = np.empty(101)
    for a, forecast in enumerate(forecasts):
        own = np.tanh(slope * (forecast - 6)) + 1
        error = (13.8 - supplied - own) / 1.5 + 0.5 * noise - forecast
        utility[a] = np.maximum(0, 1300 - 260 * error**2).mean() / 1300
    weight = np.exp((utility - utility.max()) / cost)
    return weight / weight.sum()


@pytest.mark.parametrize(("treatment", "cost"), [("unstable", 0.2308), ("strongly_unstable", 0.2)])
def test_logit_equilibrium_answers_itself(treatment, cost):
    market = make("cobweb", treatment=treatment)
    equilibrium = LogitEquilibrium(market).solve(cost)
    generator = np.random.default_rng(0)
    others, noise = generator.random((25_000, 5)), generator.normal(size=25_000)
    slope = SUPPLY_SLOPES[treatment]
    answer = brute_force_answer(slope, equilibrium.policy[0], cost, others, noise)
    np.testing.assert_allclose(answer, equilibrium.policy[0], atol=1e-3)
    # The same price moments when the market itself is played with that policy.
    cumulative = np.cumsum(equilibrium.policy[0])
    chosen = np.searchsorted(cumulative, generator.random((200_000, 6))).clip(0, 100)
    prices = price_of(market, chosen, generator.normal(size=200_000))
    assert prices.mean() == pytest.approx(equilibrium.mean, abs=0.01)
    assert prices.var() == pytest.approx(equilibrium.variance, rel=0.01)


def test_equilibrium_of_unequal_producers_answers_itself():
    market = make("cobweb")
    equilibrium = LogitEquilibrium(market).solve(np.array([0.15, 0.6]), tolerance=1e-6)
    generator = np.random.default_rng(1)
    others, noise = generator.random((25_000, 5)), generator.normal(size=25_000)
    mixture = equilibrium.policy.mean(axis=0)
    for cost, policy in zip(equilibrium.information_costs, equilibrium.policy, strict=True):
        answer = brute_force_answer(0.5, mixture, cost, others, noise)
        np.testing.assert_allclose(answer, policy, atol=1e-3)


def test_equilibrium_samples_have_its_moments():
    equilibrium = LogitEquilibrium(make("cobweb")).solve(0.25)
    sample = equilibrium.sample(np.random.default_rng(0), 200_000)
    assert sample.mean() == pytest.approx(equilibrium.mean, abs=0.01)
    assert sample.var() == pytest.approx(equilibrium.variance, rel=0.015)
    mass = equilibrium.price_density.sum() * (equilibrium.prices[1] - equilibrium.prices[0])
    assert mass == pytest.approx(1.0, abs=1e-6)


def test_planted_samples_exist_for_both_parameterisations():
    together = make("cobweb").planted_sample([0.25, 0.0], 4000, 0)
    each = make("cobweb", parameterisation="individual").planted_sample([0.25] * 6, 4000, 0)
    assert together.shape == each.shape == (4000,)
    assert together.mean() == pytest.approx(each.mean(), abs=0.06)


@pytest.mark.parametrize("mean", [0.0, 0.05, 0.3, 1.0])
@pytest.mark.parametrize("deviation", [0.01, 0.2, 0.5])
def test_truncated_normal_quantiles(mean, deviation):
    levels = np.array([0.0, 1e-6, 0.1, 0.5, 0.9, 0.999])
    expected = truncnorm.ppf(levels, -mean / deviation, np.inf, mean, deviation)
    found = truncated_normal(np, np.full(6, mean), np.full(6, deviation), levels)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    tensors = [torch.tensor(x) for x in (np.full(6, mean), np.full(6, deviation), levels)]
    in_torch = truncated_normal(torch, *tensors).numpy()
    np.testing.assert_allclose(in_torch, found, rtol=1e-10, atol=1e-14)


def test_truncated_normal_without_spread_is_its_mean():
    found = truncated_normal(np, np.array([0.0, 0.4]), np.zeros(2), np.array([0.1, 0.9]))
    np.testing.assert_array_equal(found, [0.0, 0.4])


# Other markets than the published one ------------------------------------------------------------


def exact_answer(market, policy, cost):
    """The logit answer and the price moments by summing over what every other producer may do."""
    forecasts = market.forecasts
    supplied = np.tanh(market.slope * (forecasts - market.inflection_price)) + 1
    # A fine even grid and the trapezoidal rule: nothing in common with the solver's quadrature.
    noise = np.linspace(-4.0, 4.0, 4001)
    density = np.exp(-2 * noise**2) / np.exp(-2 * noise**2).sum()
    totals, chances = np.zeros(1), np.ones(1)
    for _ in range(market.producers - 1):
        totals = (totals[:, None] + supplied).ravel()
        chances = (chances[:, None] * policy).ravel()
    utility = np.empty(len(forecasts))
    for a, forecast in enumerate(forecasts):
        price = (market.demand_intercept - totals - supplied[a]) / market.demand_slope
        error = price[:, None] + noise - forecast
        reward = np.maximum(0, 1300 - 260 * error**2) / 1300
        utility[a] = chances @ reward @ density
    weight = np.exp((utility - utility.max()) / cost)
    return weight / weight.sum()


@pytest.mark.parametrize(
    "options",
    [
        {"producers": 1},
        {"producers": 1, "supply_slope": 3.0, "demand_intercept": 9.0, "inflection_price": 5.0},
        {"producers": 2, "demand_intercept": 9.0, "supply_slope": 0.1},
        {"producers": 3, "demand_slope": 0.8, "demand_intercept": 8.0, "supply_slope": 1.0},
    ],
)
@pytest.mark.parametrize("cost", [0.05, 0.5])
def test_the_solver_answers_itself_in_other_markets(options, cost):
    market = make("cobweb", forecast_points=21, **options)
    equilibrium = LogitEquilibrium(market).solve(cost)
    answer = exact_answer(market, equilibrium.policy[0], cost)
    np.testing.assert_allclose(answer, equilibrium.policy[0], atol=5e-4)


@pytest.mark.parametrize(
    "options",
    [
        {"producers": 1},
        {"producers": 2, "demand_intercept": 9.0},
        {"producers": 12, "demand_intercept": 27.6, "demand_slope": 3.0},
        {"producers": 12, "demand_intercept": 27.6, "demand_slope": 3.0, "supply_slope": 2.0},
        {"producers": 40, "demand_intercept": 92.0, "demand_slope": 10.0, "supply_slope": 0.1},
    ],
)
def test_the_market_played_with_the_logit_policy_has_the_solvers_prices(options):
    market = make("cobweb", **options)
    equilibrium = LogitEquilibrium(market).solve(0.2)
    generator, copies, steps = np.random.default_rng(2), 4000, 10
    state, prices = market.reset(0, copies), []
    cumulative = np.cumsum(equilibrium.policy[0])
    for _ in range(steps):
        uniforms = generator.random((copies, market.producers))
        chosen = np.searchsorted(cumulative, uniforms).clip(0, 100)
        step = market.step(state, {"producer": chosen})
        state = step.state
        prices.append(step.quantities["price"])
    variance = equilibrium.variance
    # 5 standard errors of 40,000 independent prices; their kurtosis is at most that of a normal.
    assert np.mean(prices) == pytest.approx(equilibrium.mean, abs=5 * (variance / 40_000) ** 0.5)
    assert np.var(prices) == pytest.approx(variance, rel=5 * (2 / 40_000) ** 0.5)
    mass = equilibrium.price_density.sum() * (equilibrium.prices[1] - equilibrium.prices[0])
    assert mass == pytest.approx(1.0, abs=1e-8)


@pytest.mark.parametrize("producers", [1, 2, 12])
def test_dear_information_makes_forecasts_random(producers):
    market = make("cobweb", producers=producers, supply_slope=0.7)
    equilibrium = LogitEquilibrium(market).solve(1e6)
    np.testing.assert_allclose(equilibrium.policy, 1 / 101, rtol=1e-5)
    supplied = np.tanh(0.7 * (market.forecasts - 6)) + 1
    mean = (13.8 - producers * supplied.mean()) / 1.5
    assert equilibrium.mean == pytest.approx(mean, abs=1e-4)
    variance = producers * supplied.var() / 1.5**2 + 0.25
    assert equilibrium.variance == pytest.approx(variance, rel=1e-4)


@pytest.mark.parametrize("producers", [1, 2, 12])
@pytest.mark.parametrize("slope", [0.05, 0.2])
def test_nearly_free_information_gives_the_foreseen_price(producers, slope):
    """Where demand is steep enough for producers who answer each other to settle."""
    options = {"demand_intercept": 2.3 * producers, "demand_slope": 0.25 * producers}
    market = make("cobweb", producers=producers, supply_slope=slope, **options)
    equilibrium = LogitEquilibrium(market).solve(0.01, damping=0.02)
    expected = market.equilibrium_price
    excess = 2.3 - np.tanh(slope * (expected - 6)) - 1 - 0.25 * expected
    assert excess == pytest.approx(0.0, abs=1e-9)
    assert equilibrium.mean == pytest.approx(expected, abs=0.02)
    likely = market.forecasts[equilibrium.policy[0].argmax()]
    assert likely == pytest.approx(expected, abs=0.051)  # the next of the forecasts 0, 0.1, …


def test_an_explicit_slope_holds_over_the_treatments():
    assert make("cobweb", treatment="stable").slope == 0.22
    assert make("cobweb", treatment="stable", supply_slope=2.0).slope == 2.0
    a, b = (
        make("cobweb", treatment="stable", supply_slope=2.0),
        make("cobweb", treatment="strongly_unstable"),
    )
    assert a.benchmark() == b.benchmark()


@pytest.mark.parametrize("producers", [1, 2, 3, 12])
def test_individual_costs_have_an_entry_per_producer(producers):
    options = {"producers": producers, "parameterisation": "individual"}
    market = make("cobweb", demand_intercept=13 + producers, **options)
    names = tuple(f"information_cost_{i}" for i in range(producers))
    assert market.characteristics.names == names
    drawn = market.characteristics.draw(np.random.default_rng(0), 4000)
    assert drawn.shape == (4000, producers)
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    assert (drawn.std(axis=0) > 0.2).all()
    state = market.reset(0, 4000, drawn)
    np.testing.assert_array_equal(market.information_costs(state)["producer"], drawn)
    if producers > 1:
        ordered = np.sign(drawn[:, 1] - drawn[:, 0])
        for sign, least in ((0, 0.3), (1, 0.1), (-1, 0.1)):  # alike, and either of them dearer
            assert (ordered == sign).mean() > least


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"producers": 0}, "producers must be >= 1, got 0"),
        ({"producers": 1001}, "producers must be <= 1000, got 1001"),
        ({"producers": 6.0}, "producers must be a whole number"),
        ({"supply_slope": 0.0}, "supply_slope must be > 0, got 0.0"),
        ({"supply_slope": np.nan}, "supply_slope must be a finite number > 0, got nan"),
        ({"inflection_price": 10.5}, "inflection_price must be <= 10.0, got 10.5"),
        ({"demand_intercept": -1.0}, "demand_intercept must be > 0"),
        ({"demand_slope": np.inf}, "demand_slope must be a finite number > 0, got inf"),
        ({"producers": 100, "demand_intercept": 230.0}, "lies above all .*lower demand_intercept"),
        ({"producers": 1000, "supply_slope": 0.05}, "lies below all .*raise demand_intercept"),
    ],
)
def test_refuses_markets_without_a_foreseeable_price(options, message):
    with pytest.raises(PacesetterError, match=message):
        make("cobweb", **options)


def test_the_solver_says_what_it_cannot_do():
    solver = LogitEquilibrium(make("cobweb"))
    for cost in (0.0, -0.1, np.nan):
        with pytest.raises(PacesetterError, match="prices of information above 0"):
            solver.solve(cost)
    with pytest.raises(PacesetterError, match="did not settle within 3 iterations"):
        solver.solve(0.1, most_iterations=3)


@pytest.mark.parametrize(
    ("options", "published"),
    [
        (["market.treatment=strongly_unstable"], True),
        (["market.supply_slope=2.0"], True),
        (["market.treatment=strongly_unstable", "market.supply_slope=0.5"], False),
        (["market.treatment=strongly_unstable", "market.producers=5"], False),
        (["market.treatment=strongly_unstable", "market.demand_slope=1.6"], False),
        ([], False),
    ],
)
def test_published_figures_stand_beside_the_published_market_alone(options, published):
    rows = COBWEB_STUDY.rows(load_experiment("cobweb_unstable_ppo", options))
    assert any("paper" in (row.source or "") for row in rows) == published
