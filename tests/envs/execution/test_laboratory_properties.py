"""The laboratory of the execution market: same seeds, same rollouts, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.core.rollouts import Decisions
from pacesetter.envs.execution.experiment import OUTCOMES
from pacesetter.envs.execution.market import Execution
from pacesetter.envs.order_book.world import WorldAgent
from pacesetter.envs.order_book.world.network import log_probabilities
from pacesetter.envs.registry import make

ROLLOUTS = 6


@pytest.fixture(scope="module")
def laboratory():
    market = Execution(experimental=True, decisions=3, parent_size=30)
    found = market.laboratory({}, {"value_agents": 50, "maker_wake_ns": 30e9})
    return replace(found, recorded_ns=60_000_000_000, recordings=2)


@pytest.fixture(scope="module")
def weights(laboratory):
    return laboratory.initial("real", 0)


def same(one, other):
    return all(np.array_equal(one.outcomes[n], other.outcomes[n]) for n in OUTCOMES)


def test_real_rollouts_are_repeated_and_differ_between_seeds(laboratory):
    found = laboratory.real(ROLLOUTS, 0)
    assert same(found, laboratory.real(ROLLOUTS, 0))
    assert same(found.take(slice(2, 6)), laboratory.real(ROLLOUTS, 2).take(slice(0, 4)))
    assert not same(found, laboratory.begun(ROLLOUTS, 0))
    assert found.treated.all()
    assert found.steps == 3
    assert np.allclose(found.outcomes["return"].cumsum(axis=1), found.outcomes["impact"])
    for levels, place in ((5, 1), (10, 2)):
        shares = found.facts["volume"][:, :, :, place].sum(axis=2)
        assert np.allclose(np.expm1(found.outcomes[f"log_volume_{levels}"]), shares)


def test_worlds_are_repeated_and_their_decisions_do_not_change_them(laboratory, weights):
    found = laboratory.world(weights, ROLLOUTS, 3, share=1.0)
    assert same(found, laboratory.world(weights, ROLLOUTS, 3))
    assert not same(found, laboratory.world(weights, ROLLOUTS, 4))
    assert not same(found, laboratory.world(weights, ROLLOUTS, 3, purpose="evaluation"))
    decisions = found.decisions
    assert np.bincount(decisions.rollout).tolist() == found.orders.tolist()
    assert set(decisions.step) == {0, 1, 2}


def test_recordings_begin_with_the_first_decision_and_have_mirror_images(laboratory):
    decisions = laboratory.recording("real")
    assert len(decisions) == pytest.approx(laboratory.rate("real") * 120)
    twice = laboratory.mirrored(laboratory.mirrored(decisions))
    assert np.allclose(twice.features, decisions.features, atol=1e-6)
    assert np.array_equal(twice.actions, decisions.actions)
    agent = WorldAgent.of(laboratory.initial("real", 0))
    assert agent.rate == pytest.approx(laboratory.rate("real"))


def test_last_orders_are_drawn_from_one_state(laboratory, weights):
    found = laboratory.last_orders(weights, 2, steps=2, choices=4, continuations=3, seed=0)
    assert found.drawn.all()
    assert np.ptp(found.features, axis=2).max() == 0.0
    assert len(np.unique(found.actions[0, 0], axis=0)) > 1
    first, second = found.rollouts
    assert len(first) == len(second) == 2 * 4 * 3
    # Up to the step of the order, all continuations of a prefix are the same.
    past = second.outcomes["return"][:, 0].reshape(2, 12)
    assert np.ptp(past, axis=1).tolist() == [0.0, 0.0]
    assert (np.ptp(second.outcomes["return"][:, 1].reshape(2, 12), axis=1) > 0).all()


def test_a_share_of_decisions(laboratory):
    found = replace(laboratory, share=0.5).real(200, 0)
    assert 0.4 < found.treated.mean() < 0.6
    assert (found.outcomes["reward"][~found.treated] == 0).all()
    assert (found.outcomes["reward"][found.treated] != 0).any()


def test_a_planted_world_is_the_real_market(laboratory, weights, tmp_path):
    """Whoever trades with it, and what its agent decides, is known."""
    WorldAgent.of(weights).save(tmp_path / "agent.npz")
    market = Execution(
        background="world",
        world_weights=str(tmp_path / "agent.npz"),
        leader_sets=(),
        experimental=True,
        decisions=3,
        parent_size=30,
    )
    planted = replace(
        market.laboratory({}, {"value_agents": 50}), recorded_ns=60_000_000_000, recordings=2
    )
    real = planted.real(ROLLOUTS, 0)
    assert same(real, planted.real(ROLLOUTS, 0))
    assert not same(real, laboratory.real(ROLLOUTS, 0))
    assert not same(real, planted.world(weights, ROLLOUTS, 0))
    # All begin in the books that the market of rules has at the first decision.
    np.testing.assert_array_equal(real.context[:, 0], laboratory.real(ROLLOUTS, 0).context[:, 0])
    decisions = planted.recording("real")
    found = log_probabilities(WorldAgent.of(weights).weights, decisions.features, decisions.actions)
    assert np.isfinite(found).all()
    assert (found > -50).all()  # nothing that its masks forbid
    assert len(decisions) == pytest.approx(planted.rate("real") * 120)
    assert planted.remarks() == ()


def test_what_is_refused():
    market = Execution(experimental=True)
    with pytest.raises(PacesetterError, match="did you mean 'value_agents'"):
        market.laboratory({}, {"value_agent": 3})
    with pytest.raises(PacesetterError, match="is counted"):
        market.laboratory({}, {"value_agents": 3.5})
    with pytest.raises(PacesetterError, match="no traders that a world agent"):
        make("cobweb").laboratory({}, {})


def test_an_experimental_market_has_nobody_who_learns():
    market = Execution(experimental=True, decisions=5)
    state = market.reset(0, 2)
    assert market.groups == ()
    assert market.observe(state) == {}
    for _ in range(5):
        step = market.step(state, {})
        state = step.state
    assert (state.remaining == 0).all()
    assert len(Decisions(np.zeros((0, 62), np.float32), np.zeros((0, 4), np.int64))) == 0
