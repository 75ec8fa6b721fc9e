"""What holds for every background market: seeds, batches, branches, threads, growth."""

from __future__ import annotations

import heapq
import pickle
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.order_book.background import event_queue
from pacesetter.envs.order_book.background import layout as at
from pacesetter.envs.order_book.background import simulation as background_simulation
from pacesetter.envs.order_book.background.market import SECOND, BackgroundMarket
from pacesetter.envs.order_book.background.simulation import Markets
from pacesetter.envs.order_book.layout import (
    AT_PRICE,
    BUY,
    CANCELLED,
    EVENT_ROOM,
    EXECUTED,
    EXTRA,
    KIND,
    LAST_PRICE,
    LEDGER,
    NONE,
    OF_OWNER,
    OF_SIDE,
    OFFERED,
    RESTING,
    ROOM,
    SHARES,
    SUBMITTED,
    TAKER,
    TRADED,
)

PRESETS = ("rmsc04", "rmsc03", "realistic")
LATER = 240 * SECOND


def opened(name, seeds, **options):
    market = BackgroundMarket.preset(name)
    return Markets.opened(market, seeds, **options), market.open_ns


@pytest.mark.parametrize("name", PRESETS)
def test_a_copy_depends_on_its_seed_alone(name):
    batch, start = opened(name, [5, 6, 7])
    batch.advance(start + LATER)
    for row, seed in enumerate((5, 6, 7)):
        alone, _ = opened(name, [seed])
        alone.advance(start + LATER)
        np.testing.assert_array_equal(alone.memory[0], batch.memory[row])
        np.testing.assert_array_equal(alone.reals[0], batch.reals[row])
    assert not np.array_equal(batch.memory[0], batch.memory[1])


@pytest.mark.parametrize("name", PRESETS)
def test_many_short_steps_are_one_long_step(name):
    (long, start), (short, _) = opened(name, [1, 2]), opened(name, [1, 2])
    long.advance(start + LATER)
    for until in np.linspace(start, start + LATER, 97).astype(int):
        short.advance(until)
    np.testing.assert_array_equal(long.memory, short.memory)


def test_copies_may_be_at_different_times():
    (both, start), (first, _) = opened("rmsc04", [1, 2]), opened("rmsc04", [1])
    both.advance([start + LATER, start + 1])
    first.advance(start + LATER)
    np.testing.assert_array_equal(both.memory[0], first.memory[0])


def test_threads_do_not_change_the_result():
    (alone, start), (together, _) = opened("rmsc03", range(9)), opened("rmsc03", range(9))
    alone.advance(start + LATER)
    together.advance(start + LATER, threads=3)
    np.testing.assert_array_equal(alone.memory, together.memory)


def test_branches_and_restored_markets_go_on_as_the_original():
    markets, start = opened("rmsc03", [4])
    markets.advance(start + LATER // 2)
    branch, restored = markets.copy(), pickle.loads(pickle.dumps(markets))
    for one in (branch, markets, restored):
        one.advance(start + LATER)
    np.testing.assert_array_equal(markets.memory, branch.memory)
    np.testing.assert_array_equal(markets.memory, restored.memory)


def test_books_grow_without_a_trace(monkeypatch):
    """With hardly any room at first, everything comes to the same but for the places of orders."""
    roomy, start = opened("rmsc03", [3], events=20_000)
    roomy.advance(start + LATER)
    monkeypatch.setattr(background_simulation, "FIRST_ROOM", 70)
    tight, _ = opened("rmsc03", [3], events=20_000)
    tight.advance(start + LATER)
    assert 70 < tight.memory[0, ROOM] < roomy.memory[0, ROOM]
    np.testing.assert_array_equal(tight.levels(50), roomy.levels(50))
    assert tight.memory[0, EVENT_ROOM] == 20_000
    compared = [KIND, SHARES, OF_SIDE]
    np.testing.assert_array_equal(tight.events(0)[:, compared], roomy.events(0)[:, compared])


@pytest.mark.parametrize("name", PRESETS)
def test_shares_are_conserved_and_nothing_is_refused(name):
    markets, start = opened(name, [8], events=200_000)
    resting = [0, 0]
    for step in range(1, 9):
        markets.advance(start + step * LATER)
        for event in markets.events(0):
            sign = 1 if event[KIND] == SUBMITTED else -1
            resting[event[OF_SIDE]] += sign * int(event[SHARES])
        markets.clear_events()
        book = markets.memory[0]
        assert resting == book[OFFERED : OFFERED + 2].tolist()
        levels = markets.levels(int(book[RESTING]))[0]
        assert resting == [levels[1].sum(), levels[3].sum()]
        assert levels[2, 0] > levels[0, 0] > 0
        assert book[book[EXTRA] + at.REFUSED] == 0


def test_lost_events_are_said():
    markets, start = opened("rmsc03", [8], events=10)
    markets.advance(start + LATER)
    with pytest.raises(PacesetterError, match="there was room for 10"):
        markets.events(0)


def test_the_fundamental_value_does_not_depend_on_the_market():
    """Common random numbers: with other market makers, value agents see the same values."""
    plain, start = opened("rmsc03", [2])
    other, _ = opened("rmsc03", [2])
    other.parameters[:, at.MAKER_SHARE] = 0.1
    other.parameters[:, at.NOISE_MULTIPLIER] = 3.0
    for markets in (plain, other):
        markets.advance(start + LATER)
    assert plain.reals[0, at.FUNDAMENTAL] == other.reals[0, at.FUNDAMENTAL]
    assert not np.array_equal(plain.levels(5), other.levels(5))


@pytest.mark.parametrize(
    ("parameter", "value", "effect"),
    [
        (at.NOISE_MULTIPLIER, 8.0, "more"),
        (at.VALUE_WAKE, 20.0 * SECOND, "more"),
        (at.MAKER_WAKE, 5.0 * SECOND, "more"),
        (at.MOMENTUM_WAKE, 1.0 * SECOND, "more"),
        (at.MAKER_LEVELS, 2.0, "less"),
    ],
)
def test_parameters_changed_under_way_change_what_happens(parameter, value, effect):
    """From the moment of the change; until then everything is the same."""
    (plain, start), (changed, _) = (opened("rmsc04", range(4), events=60_000) for _ in range(2))
    for markets in (plain, changed):
        markets.advance(start + LATER)
    np.testing.assert_array_equal(plain.memory, changed.memory)
    changed.parameters[:, parameter] = value
    counts = []
    for markets in (plain, changed):
        markets.clear_events()
        markets.advance(start + 10 * LATER)
        counts.append(sum((markets.events(b)[:, KIND] != CANCELLED).sum() for b in range(4)))
    assert counts[1] > 1.1 * counts[0] if effect == "more" else counts[1] < 0.9 * counts[0]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(0, 20)), max_size=80))
def test_the_queue_is_a_queue(steps):
    """Against the standard library's heap; None takes the first event."""
    memory, heap = np.zeros(event_queue.queue_size(80), dtype=np.int64), []
    for rank, time in enumerate(steps):
        if time is not None:
            event_queue.push(memory, 0, time, rank, 0, 0, 0, 0)
            heapq.heappush(heap, (time, rank))
        elif heap:
            first = event_queue.FIRST
            found = memory[first + event_queue.TIME], memory[first + event_queue.KIND]
            assert found == heapq.heappop(heap)
            event_queue.pop(memory, 0)
        assert memory[event_queue.LENGTH] == len(heap)


def test_every_trade_is_on_the_tape_and_in_the_accounts():
    """What the accounts do not say of somebody, noise agents bought or sold: they have none."""
    markets, start = opened("rmsc03", [1], events=50_000)
    markets.advance(start + 4 * LATER)
    events, book = markets.events(0), markets.memory[0]
    executed = events[events[:, KIND] == EXECUTED]
    assert executed[:, SHARES].sum() == book[TRADED : TRADED + 2].sum()
    holdings = np.zeros((markets.market.agents, 2), dtype=np.int64)
    for event in executed:
        shares = event[SHARES] * (1 if event[OF_SIDE] == BUY else -1)
        for owner, sign in ((event[OF_OWNER], 1), (event[TAKER], -1)):
            if owner != NONE:
                holdings[owner] += sign * shares, sign * shares * event[AT_PRICE]
    accounts = book[book[LEDGER] : book[LEDGER] + 2 * markets.market.agents].reshape(-1, 2)
    np.testing.assert_array_equal(accounts, holdings)
    assert (accounts[:2, 0] != 0).all() and book[LAST_PRICE] == executed[-1, AT_PRICE]


def test_other_threads_run_while_markets_do():
    """The event loop lets go of the interpreter, or no second core could take a share of it."""
    markets, start = opened("rmsc03", range(32))
    markets.advance(start + SECOND)  # compiled, and its arrays at hand
    finished = threading.Event()

    def advance():
        markets.advance(start + 20 * 60 * SECOND)
        finished.set()

    worker, turns = threading.Thread(target=advance), 0
    worker.start()
    while not finished.is_set():
        turns += 1
    worker.join()
    assert turns > 10_000


# Branches with other random numbers ---------------------------------------------------------------


@pytest.mark.parametrize("name", PRESETS)
def test_branches_go_on_by_their_own_seeds(name):
    """Equal seeds go on alike, others differ; the state and what is pending are the same."""
    markets, start = opened(name, [4])
    markets.advance(start + LATER)
    branches = markets.take([0, 0, 0]).reseeded([7, 7, 8])
    np.testing.assert_array_equal(branches.levels(9), np.repeat(markets.levels(9), 3, axis=0))
    queue = int(markets.memory[0, EXTRA] + markets.memory[0, markets.memory[0, EXTRA] + at.QUEUE])
    np.testing.assert_array_equal(branches.memory[2, queue:], markets.memory[0, queue:])
    before = markets.memory.copy()
    branches.advance(start + 5 * LATER)
    np.testing.assert_array_equal(branches.memory[0], branches.memory[1])
    assert not np.array_equal(branches.levels(9)[0], branches.levels(9)[2])
    np.testing.assert_array_equal(markets.memory, before)
    markets.advance(start + 5 * LATER)
    assert not np.array_equal(branches.levels(9)[0], markets.levels(9)[0])


def test_a_branch_begins_every_stream_anew():
    """No stream of a branch is one of the market it came from, or of a market of the same seed."""
    markets, _ = opened("realistic", [4])
    book = markets.memory[0]
    changed = np.flatnonzero(markets.reseeded([4]).memory[0] != book)
    assert len(changed) == 3 + markets.market.agents + at.FLOW_STREAMS


def test_branches_are_independent():
    """The mid after a minute: its variance between branches is that between markets, unpaired."""
    markets, start = opened("rmsc03", [4])
    markets.advance(start + LATER)
    branches = markets.take(np.zeros(60, dtype=int)).reseeded(np.arange(60))
    branches.advance(start + LATER + 60 * SECOND)
    mids = branches.levels(1)[:, [0, 2], 0].mean(axis=1)
    assert len(np.unique(mids)) > 30
    assert abs(np.corrcoef(mids[1:], mids[:-1])[0, 1]) < 0.4


@pytest.mark.parametrize("seeds", [[1], [1, -1], [1, 1 << 62], [1.0, 2.0], [[1, 2]]])
def test_seeds_of_branches_are_checked(seeds):
    markets, _ = opened("rmsc04", [1, 2])
    with pytest.raises(PacesetterError, match="branches"):
        markets.reseeded(seeds)


def test_joined_markets_go_on_as_apart(monkeypatch):
    (one, start), (two, _) = opened("rmsc04", [1, 2]), opened("rmsc04", [3])
    two.memory = background_simulation.with_room(two.memory, 4096)
    joined = Markets.joined([one, two])
    for markets in (one, two, joined):
        markets.advance(start + LATER)
    apart = np.concatenate([one.levels(9), two.levels(9)])
    np.testing.assert_array_equal(joined.levels(9), apart)
    with pytest.raises(PacesetterError, match="one composition"):
        Markets.joined([one, opened("rmsc03", [1])[0]])


def test_orders_outside_of_the_window_are_told_and_counted():
    market = BackgroundMarket.preset("rmsc03", price_window=64)
    markets = Markets.opened(market, [10, 11])
    with pytest.warns(RuntimeWarning, match="price_window"):
        markets.advance(market.open_ns + 300 * SECOND)
    assert (markets.refused > 0).all()
