"""Objectives of market design against their definitions; planted references."""

from __future__ import annotations

import numpy as np
import pytest

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.registry import make
from pacesetter.leaders.game import StackelbergGame
from pacesetter.leaders.objectives import distances
from pacesetter.leaders.objectives.calibration import Calibration, StylisedFacts
from pacesetter.leaders.objectives.distances import DISTANCES, SortedSample
from pacesetter.leaders.objectives.limited import Limited
from pacesetter.leaders.objectives.references import CsvFile, Moments, Planted

MARKET = make("execution", decisions=6, parent_size=30)
FACTS = ("volume", "book_volume", "cost_bp")


def value(objective, steps=6, **path):
    return objective.measure(MARKET, steps).value({k: np.asarray(v) for k, v in path.items()})


def test_facts_are_calibrations_in_units_of_their_references():
    reference = Planted({"noise_multiplier": 2.0}, number=300)
    generator = np.random.default_rng(0)
    path = {name: generator.normal(2000.0, 900.0, (4, 6)) for name in FACTS[:2]}
    found = value(StylisedFacts(reference, FACTS[:2]), **path)
    single = [
        value(Calibration(reference, name), **path) / reference.sample(MARKET, name).std()
        for name in FACTS[:2]
    ]
    np.testing.assert_allclose(found, np.mean(single, axis=0))


def test_the_planted_facts_are_their_own_best_match():
    """The energy distance is unbiased: zero in the mean where θ is the planted one."""
    space = MARKET.characteristics
    objective = StylisedFacts(Planted({"noise_multiplier": 3.0}, number=6000, seed=1), ("volume",))
    rewards = {}
    for multiplier in (1.0, 3.0):
        theta = space.validate({"noise_multiplier": multiplier})[0]
        sample = MARKET.planted_sample(theta, 6 * 500, 70_000, "volume")
        path = sample.reshape(6, 500).T  # steps of an episode side by side
        rewards[multiplier] = value(objective, volume=path)
    error = rewards[3.0].std() / np.sqrt(500)
    assert abs(rewards[3.0].mean()) < 5 * error
    assert rewards[1.0].mean() < -0.2


def test_a_file_has_a_column_for_every_fact(tmp_path):
    path = tmp_path / "facts.csv"
    path.write_text("volume,book_volume\n1,10\n2,30\n3,50\n")
    reference = CsvFile(str(path))
    assert reference.sample(MARKET, "book_volume").tolist() == [10.0, 30.0, 50.0]
    with pytest.raises(PacesetterError, match=r"unknown column .*'spread'"):
        StylisedFacts(reference, ("volume", "spread")).measure(MARKET, 6)
    both = StylisedFacts(reference, ("volume", "book_volume"))
    samples = both.samples(MARKET)
    assert {name: sample.tolist() for name, sample in samples.items()} == {
        "volume": [1.0, 2.0, 3.0],
        "book_volume": [10.0, 30.0, 50.0],
    }
    with pytest.raises(PacesetterError, match=r"one column 'volume' cannot .* leave out 'column'"):
        StylisedFacts(CsvFile(str(path), "volume"), both.quantities).measure(MARKET, 6)


@pytest.mark.parametrize("objective", [Calibration, lambda r, q: StylisedFacts(r, (q,))])
def test_agents_are_draws_from_one_distribution(objective, tmp_path):
    """A quantity with a number per agent: all of them count, in the market's own rollout, too."""
    market = make("cobweb", periods=4)
    path = tmp_path / "forecasts.csv"
    path.write_text("forecast\n2.5\n5\n7.5\n")
    chosen = objective(CsvFile(str(path)), "forecast")
    forecasts = np.random.default_rng(0).uniform(0.0, 10.0, (3, 4, 6))  # (B, K, N)
    measure = chosen.measure(market, 4)
    found = measure.value({"forecast": forecasts})
    assert found.shape == (3,)
    np.testing.assert_array_equal(found, measure.value({"forecast": forecasts.reshape(3, 24)}))
    first_alone = forecasts.copy()
    first_alone[:, :, 1:] = 10.0
    assert (measure.value({"forecast": first_alone}) != found).all()

    game = StackelbergGame(market, chosen)
    game.reset(0, 3)
    steps = [game.step({"producer": np.full((3, 6), 10)}) for _ in range(4)]
    assert np.isfinite(steps[-1].leader_reward).all() and (steps[-1].leader_reward < 0).all()


@pytest.mark.parametrize("distance", ["energy", "kernel", "quantile", "absolute_error"])
def test_many_agents_need_no_more_memory_at_once(distance, monkeypatch):
    """Copies are compared in parts where all pairs of all draws would not fit."""
    drawn = np.random.default_rng(0).normal(size=(5, 40))
    measure = DISTANCES[distance](SortedSample(np.random.default_rng(1).normal(size=50)))
    whole = measure(drawn)
    monkeypatch.setattr(distances, "MOST_PAIRS", 40 * 40)
    np.testing.assert_array_equal(measure(drawn), whole)


def test_limits():
    objective = Limited("log_return_bp", "cost_bp", -1, "deviation", at_most=1.0, price=5.0)
    returns = [[1.0, -1.0], [2.0, 2.0], [0.0, 4.0]]
    # Two executors; the mean of their sums is 0.5, 1 and 3.
    costs = [[[0.0, 0.5], [0.5, 0.0]], [[1.0, 1.0], [0.0, 0.0]], [[2.0, 0.0], [1.0, 3.0]]]
    found = value(objective, 2, log_return_bp=returns, cost_bp=costs)
    np.testing.assert_allclose(found, [-1.0, 0.0, -2.0 - 5.0 * 2.0])
    floor = Limited("cost_bp", "maker_profit", -1, at_least=10.0, price=2.0)
    found = value(floor, 2, cost_bp=costs, maker_profit=[[6.0, 5.0], [10.0, 0.0], [4.0, 3.0]])
    np.testing.assert_allclose(found, [-0.5, -1.0, -3.0 - 2.0 * 3.0])


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (Limited("log_return_bp", "cost_bp"), "'cost_bp' has no limit.*at_least.*at_most"),
        (Limited("log_return_bp", "costs", at_most=1.0), "did you mean 'cost_bp'"),
        (Limited("volatility", "cost_bp", at_most=1.0), "unknown path quantity"),
        (Limited("price", "cost_bp", at_least=2.0, at_most=1.0), "must not exceed"),
        (Limited("price", "cost_bp", statistic="deviation", at_most=1.0), "at least 2"),
        (StylisedFacts(Planted(), ("volumes",)), "did you mean 'volume'"),
        (StylisedFacts(Moments(1.0, 1.0), FACTS), "moments of one quantity.*of 3"),
        (StylisedFacts(Planted(number=60), ("unfilled",)), "'unfilled' is constant"),
    ],
)
def test_refuses_what_cannot_be_measured(objective, message):
    steps = 1 if getattr(objective, "statistic", "") == "deviation" else 6
    with pytest.raises(PacesetterError, match=message):
        objective.measure(MARKET, steps)


def test_the_cobweb_plants_prices_alone():
    with pytest.raises(PacesetterError, match=r"planted path quantity.*Known: price"):
        Calibration(Planted(), "forecast").measure(make("cobweb"), 50)
