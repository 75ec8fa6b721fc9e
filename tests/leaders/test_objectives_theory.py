"""Objectives against closed forms and slow versions."""

from __future__ import annotations

import sys
import types
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtr

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.registry import make
from pacesetter.leaders.objectives.calibration import Calibration
from pacesetter.leaders.objectives.distances import DISTANCES, SortedSample
from pacesetter.leaders.objectives.entropy import Entropy
from pacesetter.leaders.objectives.general import (
    Adversarial,
    CallableObjective,
    QuantityObjective,
    Volatility,
    Welfare,
)
from pacesetter.leaders.objectives.references import CsvFile, Moments, Planted

MARKET = make("cobweb", periods=5)


def value(objective, steps=5, **path):
    return objective.measure(MARKET, steps).value({k: np.asarray(v) for k, v in path.items()})


def mean_absolute_normal(mean, deviation):
    """E|X| of X ~ N(mean, deviation²)."""
    ratio = mean / deviation
    density = np.exp(-0.5 * ratio**2) / np.sqrt(2 * np.pi)
    return 2 * deviation * density + mean * (2 * ndtr(ratio) - 1)


def test_energy_distance_is_unbiased_and_zero_for_equal_distributions():
    generator = np.random.default_rng(0)
    reference = SortedSample(generator.normal(size=200_000))
    found = DISTANCES["energy"](reference)(generator.normal(size=(20_000, 10)))
    standard_error = found.std() / np.sqrt(len(found))
    assert abs(found.mean()) < 4 * standard_error
    assert standard_error < 2e-3


@pytest.mark.parametrize("shift", [0.3, 1.0, 3.0])
def test_energy_distance_of_two_gaussians(shift):
    """E|X − Y| − ½E|X − X′| − ½E|Y − Y′| for N(0, 1) and N(shift, 1)."""
    generator = np.random.default_rng(1)
    reference = SortedSample(generator.normal(size=200_000))
    found = DISTANCES["energy"](reference)(shift + generator.normal(size=(4000, 50))).mean()
    exact = mean_absolute_normal(shift, np.sqrt(2)) - mean_absolute_normal(0.0, np.sqrt(2))
    assert found == pytest.approx(exact, abs=0.008)


def test_energy_distance_by_pairs():
    generator = np.random.default_rng(2)
    sample, drawn = generator.normal(size=30), generator.exponential(size=(3, 7))
    found = DISTANCES["energy"](SortedSample(sample))(drawn)

    def pairs(x):
        return np.mean([abs(a - b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j])

    for row, distance in zip(drawn, found, strict=True):
        across = np.mean([abs(a - b) for a in row for b in sample])
        assert distance == pytest.approx(across - pairs(row) / 2 - pairs(sample) / 2, abs=1e-12)


def test_energy_prefers_the_reference_and_absolute_error_the_median():
    generator = np.random.default_rng(3)
    sample = generator.exponential(size=100_000)
    same, point = generator.choice(sample, (200, 400)), np.full((1, 400), np.median(sample))
    reference = SortedSample(sample)
    assert DISTANCES["energy"](reference)(same).mean() < DISTANCES["energy"](reference)(point)[0]
    absolute = DISTANCES["absolute_error"](reference)
    assert absolute(point)[0] < absolute(same).mean()
    for other in (0.5, 1.0):
        assert absolute(point)[0] < absolute(np.full((1, 400), other))[0]


def test_quantile_error_of_a_shift_is_the_shift():
    sample = np.random.default_rng(4).normal(size=1000)
    levels = (np.arange(20) + 0.5) / 20
    drawn = np.quantile(sample, levels)[None] + 0.7
    assert DISTANCES["quantile"](SortedSample(sample))(drawn)[0] == pytest.approx(0.7)


def test_calibration_is_minus_the_distance():
    objective = Calibration(Moments(5.0, 1.0), distance="absolute_error")
    near, far = value(objective, price=[[5.0] * 5, [9.0] * 5])
    assert near == pytest.approx(-np.sqrt(2 / np.pi), abs=1e-3)
    assert far == pytest.approx(-4.0, abs=1e-3)


def test_welfare_adversarial_quantity_and_volatility():
    reward = np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 1.0]])
    assert value(Welfare(), reward=reward).tolist() == [6.0, 1.0]
    assert value(Adversarial(), reward=reward).tolist() == [-6.0, -1.0]
    forecast = np.arange(12.0).reshape(1, 2, 6)
    assert value(QuantityObjective("forecast", -1), forecast=forecast).tolist() == [-11.0]
    price = np.array([[1.0, 3.0], [2.0, 2.0]])
    assert value(Volatility(), price=price).tolist() == [-1.0, 0.0]
    assert value(Volatility(sign=1), price=price).tolist() == [1.0, 0.0]


def test_welfare_records_the_mean_over_all_followers():
    step = MARKET.step(MARKET.reset(0, 3), {"producer": np.full((3, 6), 50)})
    recorded = Welfare().measure(MARKET, 5).record(step)["reward"]
    np.testing.assert_allclose(recorded, step.rewards["producer"].mean(axis=1))
    two = replace(step, rewards={"a": np.ones((3, 1)), "b": np.zeros((3, 3))})
    np.testing.assert_allclose(Welfare().measure(MARKET, 5).record(two)["reward"], 0.25)


def test_entropy_rewards_spread():
    def spread(points):
        theta = MARKET.characteristics.from_unit(np.array(points))
        return value(Entropy(), theta=theta[:, None])

    wide = spread([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    narrow = spread([[0.4, 0.4], [0.5, 0.5], [0.4, 0.5], [0.5, 0.4]])
    assert wide.mean() > narrow.mean()
    assert narrow == pytest.approx(2 * np.log(0.1))
    assert spread([[0.3, 0.3]]).tolist() == [0.0]


def test_entropy_of_a_grid_is_shannon_entropy():
    def entropy(points, bins):
        unit = np.stack([points, np.full(len(points), 0.5)], axis=1)
        theta = MARKET.characteristics.from_unit(unit)
        return value(Entropy(bins), theta=theta[:, None])

    grid = np.linspace(0, 1, 11)
    assert entropy(np.repeat(grid, 4), 11) == pytest.approx(np.log(11))
    skewed = entropy(np.repeat([0.0, 1.0], [1, 3]), 11)
    assert skewed == pytest.approx(-np.log([0.25, 0.75, 0.75, 0.75]))
    assert entropy(grid, 1) == pytest.approx(0.0)


@pytest.fixture
def user_module():
    module = types.ModuleType("user_objectives")
    module.total = lambda path: path["price"].sum(axis=1) + path["theta"][:, -1, 0]
    module.scalar = lambda path: 1.0
    module.infinite = lambda path: np.full(len(path["price"]), np.nan)
    sys.modules["user_objectives"] = module
    yield "user_objectives"
    del sys.modules["user_objectives"]


def test_a_callable_objective(user_module):
    objective = CallableObjective(f"{user_module}:total", reads=("price", "theta"))
    found = value(objective, price=np.ones((2, 5)), theta=np.full((2, 5, 2), 0.5))
    assert found.tolist() == [5.5, 5.5]


@pytest.mark.parametrize("function", ["scalar", "infinite"])
def test_a_callable_objective_must_return_one_finite_reward_per_copy(user_module, function):
    objective = CallableObjective(f"{user_module}:{function}", reads=("price",))
    with pytest.raises(PacesetterError, match="one finite reward per copy"):
        value(objective, price=np.ones((2, 5)))


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (CallableObjective("no_colon"), "not of the form"),
        (CallableObjective("no_such_module:f"), "cannot import 'no_such_module'"),
        (
            CallableObjective("numpy:cosinus"),
            "unknown attribute of module numpy 'cosinus'; did you mean",
        ),
        (CallableObjective("numpy:cos", reads=("prise",)), "'prise'; did you mean 'price'"),
        (QuantityObjective("welfare"), "unknown path quantity of market 'cobweb'"),
        (Calibration(CsvFile("missing.csv")), "cannot be read"),
        (Calibration(Planted({"nothing": 1.0})), "unknown characteristic 'nothing'"),
    ],
)
def test_refuses_what_cannot_be_measured(objective, message):
    with pytest.raises(PacesetterError, match=message):
        objective.measure(MARKET, 5)


@pytest.mark.parametrize("objective", [Volatility(), Calibration(Moments(6.0, 1.0))])
def test_refuses_an_interval_of_one_step(objective):
    with pytest.raises(PacesetterError, match="needs at least 2"):
        objective.measure(MARKET, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("cost\n1\n2\n", "unknown column .*'price'"),
        ("price\n1\n", "has 1 number"),
        ("price\n1\nmuch\n", ":3: column 'price' holds 'much'"),
        ("price\n1\ninf\n", ":3: column 'price' holds 'inf'"),
    ],
)
def test_refuses_unfit_csv_files(tmp_path, text, message):
    path = tmp_path / "reference.csv"
    path.write_text(text)
    with pytest.raises(PacesetterError, match=message):
        CsvFile(str(path)).sample(MARKET, "price")


def test_reads_csv_files(tmp_path):
    path = tmp_path / "reference.csv"
    path.write_text("\ufefftime, price\n1,2.5\n\n2, 3.5\n", encoding="utf-8")
    assert CsvFile(str(path)).sample(MARKET, "price").tolist() == [2.5, 3.5]


def test_moments_are_those_of_the_sample():
    sample = Moments(5.0, 2.0).sample(MARKET, "price")
    assert sample.mean() == pytest.approx(5.0)
    assert sample.var() == pytest.approx(2.0, rel=5e-3)


def test_a_lone_draw_of_a_cut_interval_has_a_finite_distance():
    assert np.isfinite(value(Calibration(Moments(6.0, 1.0)), price=[[5.0]])).all()
