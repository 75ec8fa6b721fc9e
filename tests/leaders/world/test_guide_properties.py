"""Calibrations that are resumed, worlds that burst, and a planted agent that is found again."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.execution.market import Execution
from pacesetter.leaders.world.training import prefix_costs
from pacesetter.leaders.world.world import WorldLeader
from pacesetter.training.experiments.load import load_experiment

SMALL = {
    "rollouts": 8,
    "real_rollouts": 20,
    "choosing_rollouts": 16,
    "choose_every": 2,
    "warm_steps": 20,
    "warm_batch": 64,
    "gan_steps": 8,
    "guard": 1.0,
}
MARKET = Execution(experimental=True, decisions=2, parent_size=20, seconds_per_decision=20.0)


@pytest.fixture(scope="module")
def laboratory():
    found = MARKET.laboratory({}, {"value_agents": 50})
    return replace(found, recorded_ns=120_000_000_000, recordings=8)


def begun(laboratory, state=None, **options):
    guide = WorldLeader(**{**SMALL, **options}).guide(MARKET.characteristics, 3, 4)
    if state is not None:
        guide.restore(json.loads(json.dumps(state)))
    guide.enter(laboratory)
    return guide


@pytest.mark.parametrize(
    "options",
    [
        {"method": "witness"},
        {"method": "algorithm1"},
        {"method": "likelihood"},
        {"method": "gan"},
        {"method": "gan", "gan_critic": "lstm"},
        {"method": "gan", "gan_critic": "lstm", "gan_generator": "lstm"},
    ],
    ids=str,
)
def test_a_calibration_goes_on_as_it_would_have(laboratory, options):
    straight = begun(laboratory, **options)
    for _ in range(2):
        straight.iterate()
    resumed = begun(laboratory, straight.state(), **options)
    for _ in range(2):
        one, other = straight.iterate(), resumed.iterate()
        assert one.values.tolist() == other.values.tolist()
        assert straight.scalars().keys() == resumed.scalars().keys()
    for name, weights in straight.weights().items():
        assert np.array_equal(weights, resumed.weights()[name]), name
    assert straight.figures() == resumed.figures()
    assert straight.question() is None
    np.testing.assert_array_equal(straight.answer(None), MARKET.characteristics.default)


def test_a_world_that_bursts_is_stopped(laboratory):
    guide = begun(laboratory, guard=0.0)
    fast = guide._network.weights()
    fast["time_mask"][:, 2:] = -1e9  # orders less than a tenth of a millisecond apart
    guide._network.load(fast)
    with pytest.raises(PacesetterError, match=r"bursts: in iteration \d+ .* rate 0.002"):
        for _ in range(7):
            guide.iterate()


def test_the_cost_of_an_order_is_that_of_its_own_continuations(laboratory):
    weights = laboratory.initial("real", 0)
    varied = laboratory.last_orders(weights, 2, 2, choices=3, continuations=4, seed=0)
    costs = prefix_costs(varied, "return", lambda values: float(values.sum()))
    mean = varied.rollouts[1].outcomes["return"].mean(axis=1).reshape(2, 3, 4)
    np.testing.assert_allclose(costs[:, 1], mean.sum(axis=2))


class Odd:
    """A laboratory whose real market shows something else."""

    def __init__(self, laboratory, change):
        self.laboratory, self.change = laboratory, change

    def __getattr__(self, name):
        return getattr(self.laboratory, name)

    def real(self, rollouts, seed):
        found = self.laboratory.real(rollouts, seed)
        return replace(found, **self.change(found))


def test_a_real_market_that_shows_little(laboratory):
    """Constant feedbacks and agents that never act are refused; what is thin is said."""

    def spread_of(values):
        return lambda found: {"outcomes": {**found.outcomes, "spread": values(found)}}

    def constant(found):
        return np.ones(found.treated.shape)

    def nearly(found):
        return (np.arange(found.treated.size) == 3).reshape(found.treated.shape) * 1.0

    for change, message in (
        (spread_of(constant), "constant in the real sample"),
        (lambda found: {"treated": np.zeros_like(found.treated)}, "never acts"),
    ):
        with pytest.raises(PacesetterError, match=message):
            begun(Odd(laboratory, change), feedbacks=("spread",))
    guide = begun(Odd(laboratory, spread_of(nearly)), feedbacks=("spread",), method="warm_start")
    assert any("most values of feedback 'spread' are equal" in text for text in guide.warnings())
    few = Odd(laboratory, lambda found: vars(found.take(slice(0, 12))))
    guide = begun(few, method="warm_start")
    assert any("shows 12 rollouts where leader.real_rollouts asks" in t for t in guide.warnings())


def test_what_is_refused():
    with pytest.raises(PacesetterError, match="leave them out"):
        WorldLeader(interval=3).guide(MARKET.characteristics, 0, 1)
    with pytest.raises(PacesetterError, match="feedbacks is empty"):
        WorldLeader(feedbacks=()).guide(MARKET.characteristics, 0, 1)
    with pytest.raises(PacesetterError, match="followers that stay as they are"):
        load_experiment("world_rmsc04", ["market.experimental=false"])
    with pytest.raises(PacesetterError, match="no traders that a world agent"):
        load_experiment("cobweb_stable_bayesian", ["leader={name: world}"])
