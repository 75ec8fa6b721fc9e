"""Worlds: branches, limits and logs change nothing of what happens; bursts are stopped."""

from __future__ import annotations

import numpy as np
import pytest
from worlds import COPIES, SECOND, agent, begin, replayed, worlds

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.order_book.layout import BUY, CANCEL_RESTING, EXTRA, OWNER, RESTING
from pacesetter.envs.order_book.matching import cancel_order, limit_order
from pacesetter.envs.order_book.queues import find
from pacesetter.envs.order_book.world import WorldAgent, layout
from pacesetter.envs.order_book.world.acting import nearest_order
from pacesetter.envs.order_book.world.network import (
    MASKED,
    NORMALS,
    REMEMBERED,
    log_probabilities,
)
from pacesetter.envs.order_book.world.recurrent import recalled, seen_now

LEVELS = 20


def same(one, other):
    np.testing.assert_array_equal(one.levels(LEVELS), other.levels(LEVELS))
    np.testing.assert_array_equal(one.reals, other.reals)
    assert all((one.counts[name] == other.counts[name]).all() for name in one.counts)


def forced(**logits):
    """The agent whose biases are replaced: name of a head -> logits."""
    parts = {name: agent().part(name).copy() for name in ("heads_bias", "event_mask")}
    for name, (start, values) in logits.items():
        parts[name][start : start + len(values)] = values
    weights = agent().weights.copy()
    found = WorldAgent(weights)
    for name, values in parts.items():
        found.part(name)[:] = values
    return found


def test_the_kernel_draws_what_plain_numpy_says_it_draws():
    log = worlds().advance(begin() + 120 * SECOND, share=1.0)
    assert len(log) > 300
    wanted = log_probabilities(agent().weights, log.features, log.actions)
    np.testing.assert_allclose(log.log_propensity, wanted, atol=1e-5)
    frequency = np.bincount(log.actions[:, 0], minlength=6) / len(log)
    recorded = np.bincount(replayed().actions[:, 0], minlength=6) / len(replayed())
    np.testing.assert_allclose(frequency, recorded, atol=0.1)


def test_a_recurrent_agent_plays_what_plain_numpy_says_and_its_normals_move_it():
    found = replayed()
    still, moved = (
        WorldAgent.initial(0, found.actions, found.rate, recurrent=True) for _ in range(2)
    )
    still.part("first_memory")[REMEMBERED:] = 0.0  # the normals, which a log does not keep
    still.part("first_memory")[:REMEMBERED] *= 3.0
    log = found.worlds(still, np.arange(COPIES)).advance(begin() + 60 * SECOND, share=1.0)
    nothing = np.zeros((len(log), NORMALS))
    more = recalled(still.weights, log.features, nothing)
    now = seen_now(log.features)
    wanted = log_probabilities(still.weights, now, log.actions, more)
    np.testing.assert_allclose(log.log_propensity, wanted, atol=1e-5)
    forgetful = log_probabilities(still.weights, now, log.actions)
    assert np.abs(log.log_propensity - forgetful).max() > 1e-3
    other = found.worlds(moved, np.arange(COPIES)).advance(begin() + 60 * SECOND, share=1.0)
    without = recalled(moved.weights, other.features, np.zeros((len(other), NORMALS)))
    plain = log_probabilities(moved.weights, seen_now(other.features), other.actions, without)
    assert np.abs(other.log_propensity - plain).max() > 1e-3


def test_copies_and_threads_do_not_matter():
    alone, together, threaded = worlds().take([1]), worlds(), worlds()
    for markets, threads in ((alone, 1), (together, 1), (threaded, 2)):
        markets.advance(begin() + 60 * SECOND, threads=threads)
    same(together.take([1]), alone)
    same(together, threaded)


def test_a_call_may_be_cut_and_logged():
    whole, cut = worlds(), worlds()
    log = whole.advance(begin() + 60 * SECOND, share=1.0)
    before = cut.advance(begin() + 60 * SECOND, limit=5, share=1.0)
    assert cut.stopped.all()
    assert (cut.taken == 5).all()
    after = cut.advance(begin() + 60 * SECOND, share=1.0)
    assert not cut.stopped.any()
    same(whole, cut)
    for copy in range(COPIES):
        for name in ("features", "actions", "number", "log_propensity"):
            parts = [getattr(part, name)[part.copy == copy] for part in (before, after)]
            np.testing.assert_array_equal(
                np.concatenate(parts), getattr(log, name)[log.copy == copy]
            )
    some = worlds()
    few = some.advance(begin() + 60 * SECOND, share=0.3)
    same(whole, some)
    assert 0.2 < len(few) / len(log) < 0.4
    assert set(few.number[few.copy == 0]) <= set(log.number[log.copy == 0])


def test_branches_are_independent():
    """The same continuation without other seeds; with them, each its own, and none of the first."""
    start = worlds()
    start.advance(begin() + 30 * SECOND)
    kept = start.copy()
    rows = np.repeat(0, 40)
    twins = start.take(rows)
    branches = start.take(rows).reseeded(np.arange(40))
    again = start.take(rows).reseeded(np.arange(40))
    for markets in (twins, branches, again):
        markets.advance(begin() + 90 * SECOND)
    same(start, kept)
    assert len(np.unique(twins.levels(LEVELS), axis=0)) == 1
    assert len(np.unique(branches.levels(LEVELS), axis=0)) == 40
    same(branches, again)
    mids = branches.reals[:, layout.MID] - start.reals[0, layout.MID]
    halves = np.corrcoef(mids[::2], mids[1::2])[0, 1]
    assert abs(halves) < 0.6  # 20 pairs: three standard errors
    with pytest.raises(PacesetterError, match="one per copy"):
        start.reseeded([1])


def test_a_burst_is_put_to_sleep_and_counted():
    """All waiting times below 100 ns: forty times the recorded rate, then silence."""
    burst = np.zeros(16)
    burst[0] = 1e3
    markets = worlds().with_agent(forced(heads_bias=(40, burst)))
    for minute in (1, 2):
        markets.advance(begin() + 60 * SECOND * minute)
        assert (markets.taken == int(40 * agent().rate * 60)).all()
        assert (markets.counts["guarded"] == minute).all()


def test_a_full_book_is_an_error_that_says_what_to_do():
    """An agent that posts and never takes or cancels, however short its sleep."""
    biases = np.zeros(16)
    biases[0] = 1e3
    posting = forced(heads_bias=(40, biases), event_mask=(2, [MASKED] * 4))
    posting.part("rate")[:] = 1e6
    markets = worlds().take([0]).with_agent(posting)
    with pytest.raises(
        PacesetterError, match=r"book of copy 0 is full: .* lower the learning rate"
    ):
        markets.advance(begin() + SECOND)


def test_cancels_leave_the_orders_of_strangers_alone():
    markets = worlds().take([0])
    book = markets.memory[0]
    book[book[EXTRA] + layout.FIRST_STRANGER] = 7
    bid = int(markets.levels(1)[0, 0, 0])
    limit_order(book, BUY, bid, 33, 7, CANCEL_RESTING, False)
    for _ in range(int(book[RESTING])):
        number = nearest_order(book, 4, 4, bid, 33, bid, bid + 1)
        if number < 0:
            break
        assert book[find(book, number) + OWNER] != 7
        cancel_order(book, number)
    assert markets.levels(2)[0, 1].tolist() == [33, 0]


def test_weights_are_kept_whole(tmp_path):
    for name in ("agent.safetensors", "agent.npz"):
        agent().save(tmp_path / name)
        np.testing.assert_array_equal(WorldAgent.load(tmp_path / name).weights, agent().weights)
    changed = agent().with_parameters(agent().parameters + 1)
    np.testing.assert_array_equal(changed.part("depth_mask"), agent().part("depth_mask"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["agent.npz", "agent.safetensors"]


def test_files_that_are_none(tmp_path):
    (tmp_path / "text.npz").write_text("nothing")
    np.savez(tmp_path / "other.npz", first=np.zeros(3))
    np.savez(tmp_path / "named.npz", frist=np.zeros(3))
    for name, message in (
        ("none.npz", "No such file"),
        ("none.safetensors", "no such file"),
        ("agent.pt", "are kept as .safetensors or .npz"),
        ("text.npz", "is no .npz file"),
        ("other.npz", r"'first' have shape \(3,\), not \(62, 64\)"),
        ("named.npz", "unknown weights 'frist'; did you mean 'first'"),
    ):
        with pytest.raises(PacesetterError, match=message):
            WorldAgent.load(tmp_path / name)
    weights = agent().weights.copy()
    weights[5] = np.nan
    with pytest.raises(PacesetterError, match=r"not finite in first; .* lower the learning rate"):
        WorldAgent(weights)
