"""LOBSTER files: written, read and replayed to the same book; bad rows are named."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.order_book.book import OrderBook, Side
from pacesetter.envs.order_book.lobster import (
    NO_PRICE,
    Messages,
    read_messages,
    read_order_book,
    write_messages,
    write_order_book,
)
from pacesetter.envs.order_book.parsing import parse
from pacesetter.envs.order_book.replay import replay

LEVELS = 4
ROWS = """\
34200.004241176,1,101,18,5853300,1
34200.004260640,1,102,18,5853400,1
34200.0044,1,103,10,5853500,-1
34200.004447484,2,102,8,5853400,1
34200.025551909,4,103,4,5853500,-1
34201,3,103,6,5853500,-1
34201.5,5,0,6,5853450,-1
"""


def row_of(book, levels=LEVELS):
    """The book in the columns of an order-book file, prices in 10⁻⁴ dollars."""
    found, snapshot = [], book.snapshot(levels)
    for level in range(levels):
        for prices, sizes, empty in (
            (snapshot.ask_prices, snapshot.ask_sizes, NO_PRICE),
            (snapshot.bid_prices, snapshot.bid_sizes, -NO_PRICE),
        ):
            there = level < len(prices)
            found += [int(prices[level]) * 100, int(sizes[level])] if there else [empty, 0]
    return found


def random_day(seed, requests=600):
    """A book under random requests: its events, the book after each request, and the book."""
    generator, book = np.random.default_rng(seed), OrderBook()
    events, rows, orders = [], [], []
    for step in range(requests):
        book.set_time(34_200 * 10**9 + 1_234_567 * step)
        side, price = Side(int(generator.integers(2))), int(9000 + generator.integers(-9, 10))
        size, what = int(generator.integers(1, 50)), generator.random()
        if what < 0.6 or not orders:
            outcome = book.submit_limit(side, price, size, owner=int(generator.integers(3)))
        elif what < 0.7:
            outcome = book.submit_market(side, size)
        elif what < 0.8:
            outcome = book.cancel(int(generator.choice(orders)))
        elif what < 0.9:
            outcome = book.reduce(int(generator.choice(orders)), size)
        else:
            outcome = book.replace(int(generator.choice(orders)), price, size)
        if outcome.order is not None:
            orders.append(outcome.order)
        if outcome.events:
            events += outcome.events
            rows.append((len(events) - 1, row_of(book)))
    return events, rows, book


@pytest.mark.parametrize("seed", [0, 1])
def test_a_written_day_replays_to_the_same_book(tmp_path, seed):
    events, rows, book = random_day(seed)
    write_messages(tmp_path / "messages.csv", Messages.of_events(events))
    messages = read_messages(tmp_path / "messages.csv")
    assert messages.time.tolist() == [event.time for event in events]
    played = replay(messages, LEVELS)
    for last_event, row in rows:
        assert played.order_book[last_event].tolist() == row
    write_order_book(tmp_path / "levels.csv", played.order_book)
    np.testing.assert_array_equal(read_order_book(tmp_path / "levels.csv"), played.order_book)
    assert played.order_book[-1].tolist() == row_of(book)


def test_a_file_that_begins_in_the_middle_of_a_day(tmp_path):
    """Given the book before it, the rest of a day replays to the same levels."""
    events, _, _ = random_day(2)
    whole = replay(Messages.of_events(events), levels=20)
    half = len(events) // 2
    # Time priority among the orders of the first half is not in the levels; their sizes are.
    rest = replay(Messages.of_events(events[half:]), 20, start=whole.order_book[half - 1])
    np.testing.assert_array_equal(rest.order_book, whole.order_book[half:])
    with pytest.raises(PacesetterError, match=r"messages:\d+: .*give the book before the first"):
        replay(Messages.of_events(events[half:]), 20)


@pytest.fixture(scope="module")
def recording():
    """A day with the book after every event, many levels deep."""
    events, _, _ = random_day(4, requests=1500)
    messages = Messages.of_events(events)
    return messages, replay(messages, levels=20).order_book


def in_view(recording, levels, begin=0):
    """What a file of so many levels holds: the messages that its rows show, and these rows."""
    messages, whole = recording
    rows = whole[:, : 4 * levels]
    changed = np.append(True, (rows[1:] != rows[:-1]).any(axis=1))
    changed[:begin] = False
    return messages[changed], np.ascontiguousarray(rows[changed])


@pytest.mark.parametrize("levels", [1, 2, 3, 5])
@pytest.mark.parametrize("begin", [0, 700])
def test_a_file_of_some_levels_replays_with_every_level_equal(tmp_path, recording, levels, begin):
    """Levels come into view that no message told of: orders were placed below the last level."""
    messages, rows = in_view(recording, levels, begin)
    assert len(messages) < len(recording[0]) - begin
    write_messages(tmp_path / "messages.csv", messages)
    write_order_book(tmp_path / "levels.csv", rows)
    read = read_messages(tmp_path / "messages.csv")
    played = replay(read, order_book=tmp_path / "levels.csv")
    np.testing.assert_array_equal(played.order_book, rows)
    unknown = played.unknown
    assert unknown.revealed_levels > 3 and unknown.revealed_shares > unknown.revealed_levels
    assert unknown.untold_messages > 0 and unknown.hidden_messages == 0
    assert not unknown.contradictions.size
    with pytest.raises(PacesetterError, match=r"messages.csv:\d+: "):
        replay(read, levels)  # as before: the messages alone do not say enough


def test_what_is_in_view_throughout_is_known_order_by_order(recording):
    """With all levels in the file nothing is revealed, and the last book is the same."""
    messages, rows = in_view(recording, 20)
    played, alone = replay(messages, order_book=rows), replay(messages, levels=20)
    np.testing.assert_array_equal(played.order_book, alone.order_book)
    assert played.unknown.revealed_shares == played.unknown.untold_messages == 0
    with_hidden = replay(recording[0], order_book=np.ascontiguousarray(recording[1][:, :8]))
    np.testing.assert_array_equal(with_hidden.order_book, recording[1][:, :8])


def test_files_that_contradict_each_other_are_told_by_line(tmp_path, recording):
    messages, rows = in_view(recording, 3)
    wrong = rows.copy()
    place = 300 + int((rows[300:-1, 1] > 0).argmax())  # an ask is there
    wrong[place, 1] += 7
    write_order_book(tmp_path / "levels.csv", wrong)
    says = rf"levels.csv:{place + 1}: level 1 to sell shows \d+ at \d+, but messages:\d+ leads to"
    with pytest.raises(PacesetterError, match=says):
        replay(messages, order_book=tmp_path / "levels.csv")
    believed = replay(messages, order_book=wrong, strict=False)
    np.testing.assert_array_equal(believed.order_book, wrong)
    assert believed.unknown.contradictions.tolist() == [place, place + 1]
    for change, says in (
        (lambda rows: rows[:-1], r"order_book has \d+ rows for \d+ messages"),
        (lambda rows: rows[:, :5], r"must have rows of ask price"),
        (lambda rows: rows - np.eye(*rows.shape, 1, dtype=int) * 99, r"order_book:3: a size is "),
        (lambda rows: rows + [50, 0] * 6, r"no multiple of the tick 100"),
        (lambda rows: rows[:, [2, 3, 0, 1, *range(4, 12)]], r"order_book:\d+: "),
        (lambda rows: rows * ([1, 0, 1, 1] * 3), r"order_book: no row holds an order to sell"),
    ):
        with pytest.raises(PacesetterError, match=says):
            replay(messages, order_book=change(rows))


def test_lines_are_those_of_the_file(tmp_path):
    """Blank lines count, in a file with another system's line ends and a mark at its beginning."""
    rows = ROWS.splitlines()
    path = tmp_path / "messages.csv"
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([rows[0], "", " ", *rows[1:]]).encode())
    messages = read_messages(path)
    assert messages.lines.tolist() == [1, 4, 5, 6, 7, 8, 9]
    assert messages[2:].where(0) == f"{path}:5" and len(messages[2:]) == 5
    later = [*rows[:4], "", "34201,4,103,11,5853500,-1"]
    path.write_text("\n".join(later))
    with pytest.raises(PacesetterError, match=r"messages.csv:6: the order does not have that many"):
        replay(read_messages(path))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.decimals(0, 10**9, places=9), *[st.integers(-(2**63) + 1, 2**63 - 1)] * 2),
        min_size=1,
        max_size=8,
    )
)
def test_numbers_are_read_exactly(rows):
    """As Python's own reader and its exact numbers say."""
    text = io.StringIO()
    csv.writer(text).writerows((f"{time:f}", *others) for time, *others in rows)
    table = parse(np.frombuffer(text.getvalue().encode(), dtype=np.uint8), 3, timed=True)
    wanted = [[int(Decimal(time) * 10**9), *others] for time, *others in rows]
    assert table.numbers.tolist() == wanted
    assert table.lines.tolist() == list(range(1, len(rows) + 1))


def test_rows_are_read_as_they_are_written(tmp_path):
    path = tmp_path / "messages.csv"
    path.write_text(ROWS)
    messages = read_messages(path)
    assert messages.time[0] == 34_200_004_241_176 and messages.time[2] == 34_200_004_400_000
    levels = replay(messages, levels=2).order_book
    none = [-NO_PRICE, 0]
    assert levels[1].tolist() == [NO_PRICE, 0, 5853400, 18, NO_PRICE, 0, 5853300, 18]
    assert levels[4].tolist() == [5853500, 6, 5853400, 10, NO_PRICE, 0, 5853300, 18]
    assert levels[5].tolist() == levels[6].tolist()  # a hidden execution changes nothing visible
    assert levels[0].tolist()[2:4] == [5853300, 18] and levels[0].tolist()[6:] == none


@pytest.mark.parametrize(
    ("line", "text", "message"),
    [
        (3, "34200.1,1,103,10,5853500", r"messages.csv:3: 5 columns; a message has 6"),
        (2, "34199.9,1,102,18,5853400,1", r"messages.csv:2: time goes back, from 34200.004241176"),
        (2, "34200.1,1,102,x,5853400,1", r"messages.csv:2: size must be a whole number, got 'x'"),
        (2, "34200.1,9,102,18,5853400,1", r"messages.csv:2: kind must be 1 to 7, got 9"),
        (2, "34200.1,1,102,0,5853400,1", r"messages.csv:2: size must be positive, got 0"),
        (2, "34200.1,1,102,18,5853400,0", r"messages.csv:2: direction must be 1"),
        (2, "nine,1,102,18,5853400,1", r"messages.csv:2: time must be seconds"),
        (2, "34200.1,1,102,18,5853401,1", r"messages.csv:2: price 5853401 is no multiple"),
        (4, "34200.01,2,102,80,5853400,1", r"messages.csv:4: the order does not have that many"),
        (6, "34201,3,103,7,5853500,-1", r"messages.csv:6: the order does not have that many"),
        (3, "34200.0044,1,103,10,5853400,-1", r"messages.csv:3: the new order crosses the book"),
        (2, "34200.1,1,102,18,-100,1", r"messages.csv:2: the price is negative"),
        (2, f"34200.1,1,{2**63},18,1,1", r"messages.csv:2: order 9223372036854775808 is beyond 64"),
        (2, f"{10**30},1,102,18,1,1", r"messages.csv:2: time 10+ is beyond 64 bits"),
        (2, "34200.1,1,102,1.5,5853400,1", r"messages.csv:2: size must be a whole .*, got '1.5'"),
        (2, "34200.1,1,,18,5853400,1", r"messages.csv:2: order must be a whole number, got ''"),
        (4, "34200.01,3,102,18,5853500,1", r"csv:4: order 102 to buy at 5853500, but it rests to "),
        (4, "34200.01,3,102,18,5853400,-1", r"csv:4: order 102 to sell .*, but it rests to buy at"),
        (4, "34200.01,1,102,18,5853400,1", r"messages.csv:4: an order of this number is in the"),
        (7, "34201,4,103,6,5853500,-1", r"messages.csv:7: the order was cancelled or executed in"),
        (2, "34200.1,1,102,18,5853425,1", r"prices of the file are multiples of 25"),
    ],
)
def test_malformed_rows_are_named(tmp_path, line, text, message):
    rows = ROWS.splitlines()
    rows[line - 1] = text
    path = tmp_path / "messages.csv"
    path.write_text("\n".join(rows[:line]) + "\n")
    with pytest.raises(PacesetterError, match=message):
        replay(read_messages(path))


def test_files_that_are_none(tmp_path):
    with pytest.raises(PacesetterError, match="No such file"):
        read_messages(tmp_path / "nothing.csv")
    empty = tmp_path / "empty.csv"
    empty.write_text("")
    with pytest.raises(PacesetterError, match="holds no messages"):
        read_messages(empty)
    half = tmp_path / "half.csv"
    half.write_text("\n".join(ROWS.splitlines()[:2]))
    with pytest.raises(PacesetterError, match=r"half.csv: all 2 messages are about orders to buy"):
        replay(read_messages(half))
    half.write_text("1,2,3,4,5\n")
    with pytest.raises(PacesetterError, match=r"half.csv:1: 5 columns; .* a multiple of four"):
        read_order_book(half)
    half.write_text(f"1,2,3,{10**20}\n")
    with pytest.raises(PacesetterError, match=r"half.csv:1: column 4 10+ is beyond 64 bits"):
        read_order_book(half)
    with pytest.raises(PacesetterError, match="holds no rows"):
        read_order_book(empty)
    ragged = tmp_path / "ragged.csv"
    ragged.write_text("1,2,3,4\n1,2,3\n")
    with pytest.raises(PacesetterError, match=r"ragged.csv:2: 3 columns; there must be 4"):
        read_order_book(ragged)
    with pytest.raises(PacesetterError, match="cannot write"):
        write_order_book(tmp_path / "no" / "where.csv", np.zeros((1, 4), dtype=np.int64))
    with pytest.raises(PacesetterError, match="start: the new order crosses"):
        replay(
            Messages.of_events(random_day(3, 20)[0]),
            start=np.array([900000, 5, 900100, 5], dtype=np.int64),
        )
