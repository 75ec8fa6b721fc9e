"""Replaying LOBSTER's messages: the matching engine follows a recorded book order by order.

A message file of n levels tells what happened at the n best prices of either side only. As the
book moves, deeper levels come into view that no message told of; its order-book file shows them:

    replay(read_messages("…_message_10.csv"), order_book="…_orderbook_10.csv")

Version history: v1; v2 reveals levels from the order-book file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import gcd
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.errors import PacesetterError
from . import following, layout, queues
from .book import DEFAULT_WINDOW
from .layout import BUY, NONE, SELL, EventKind
from .lobster import (
    LAST_KIND_OF_THE_BOOK,
    NO_PRICE,
    PRICES_PER_CENT,
    Messages,
    read_levels,
)

Integers = NDArray[np.int64]
DEFAULT_LEVELS = 10


@dataclass(frozen=True)
class Unknown:
    """What the messages of a file do not say.

    Attributes:
        revealed_levels: levels that came into view without a message.
        revealed_shares: shares that came into view, on these and on levels known in part.
        vanished_shares: shares that had gone when their level came back into view.
        untold_messages: messages about orders that no message told of; they are known by level.
        hidden_messages: of these, those at prices out of view, which were left out.
        contradictions: places of the messages after which files and book did not agree, ``(m,)``;
            only where `strict` is off.
    """

    revealed_levels: int = 0
    revealed_shares: int = 0
    vanished_shares: int = 0
    untold_messages: int = 0
    hidden_messages: int = 0
    contradictions: Integers = field(default_factory=lambda: np.zeros(0, dtype=np.int64))


@dataclass(frozen=True)
class Replay:
    """A replayed file.

    Attributes:
        order_book: the book after every message, in the columns of an order-book file,
            ``(n, 4 levels)``.
        book: the book after the last one, laid out as in `layout`, in ticks. Orders that are known
            by level have negative owners, see `following`.
        unknown: what the messages did not say.
    """

    order_book: Integers
    book: Integers
    unknown: Unknown = field(default_factory=Unknown)


def replay(
    messages: Messages,
    levels: int | None = None,
    start: Integers | None = None,
    tick: int = PRICES_PER_CENT,
    window: int = DEFAULT_WINDOW,
    order_book: str | Path | Integers | None = None,
    strict: bool = True,
) -> Replay:
    """Follow the book through all messages.

    LOBSTER's files begin with a book that is not empty. Orders that were there before are known by
    level only: a message about an unknown order is about what its level holds.

    Args:
        messages: of a day or a part of it.
        levels: levels to report; by default those of `order_book`, or 10 without one.
        start: the book before the first message, a row of an order-book file, ``(4 m,)``; by
            default what the first row of `order_book` says, or an empty book.
        tick: smallest step between prices, 10⁻⁴ dollars.
        window: ticks that the book may span.
        order_book: the order-book file of the messages, or its rows ``(n, 4 m)``; it reveals levels
            as they come into view, and is compared with the book where it was in view before.
        strict: refuse a file whose messages and rows contradict each other; otherwise the rows are
            believed, and `Unknown.contradictions` says where.

    Raises:
        PacesetterError: a message that the book contradicts: a new order that crosses it, more
            shares than are there, an order that nobody submitted, another price or side than the
            order's, a price off the tick; a row that is no book, or none that the messages lead to;
            a file of one side. File and line are named.
    """
    _check_messages(messages, tick)
    rows = None if order_book is None else _rows_of(order_book, len(messages), tick)
    if rows is None:
        _check_sides(messages, start)
    first = start if start is not None or rows is None else _before(messages, rows.numbers[0])
    begun = np.zeros((0, 3), dtype=np.int64) if first is None else _levels_of(first, tick)
    shown = np.zeros((len(messages), 0), dtype=np.int64) if rows is None else rows.numbers
    number = levels if levels is not None else shown.shape[1] // 4 or DEFAULT_LEVELS
    known, dense = np.unique(messages.order, return_inverse=True)
    submitted = int((messages.kind == EventKind.SUBMITTED).sum())
    # At most one order a level stands for what no message told of.
    room = submitted + len(begun) + 1 + (0 if rows is None else min(window, shown.size))
    book = layout.empty_books(1, window, room)[0]
    numbers = np.full(len(known), NONE, dtype=np.int64)
    table = np.stack(
        [
            *(messages.time, messages.kind, dense.ravel(), messages.size),
            *(messages.price // tick, np.where(messages.direction == 1, BUY, SELL)),
        ],
        axis=1,
    )
    found = np.empty((len(messages), 4 * number), dtype=np.int64)
    counts = np.zeros(following.COUNTS, dtype=np.int64)
    contradicts = np.zeros(len(messages), dtype=np.int64)
    failed, reason = following.follow(
        *(book, table, numbers, begun, shown, tick, strict, found, counts, contradicts)
    )
    if failed < 0 and reason:
        raise PacesetterError(f"start: {_WHY[reason]}. Give a row of an order-book file.")
    if reason == following.DIFFERS and rows is not None:
        raise _difference(messages, failed, rows, book, tick)
    if reason == following.MOVED:
        where = _resting_at(book, int(numbers[table[failed, 2]]), tick)
        raise _contradiction(messages, failed, f"{_said(messages, failed)}, but it rests {where}")
    if reason:
        raise _contradiction(messages, failed, _WHY[reason])
    revealed, shares, vanished, untold, hidden = counts.tolist()
    contradictions = np.flatnonzero(contradicts)
    unknown = Unknown(revealed, shares, vanished, untold, hidden, contradictions)
    return Replay(found, book, unknown)


_WHY = {
    layout.UNKNOWN: "it is about an order that is not in the book at this price and side; give the "
    "book before the first message as start, or the order-book file as order_book",
    layout.BAD_SIZE: "the order does not have that many shares",
    layout.CROSSES: "the new order crosses the book; executions come before what rests",
    layout.OUTSIDE: "the price is too far from the others; give a larger window",
    layout.BAD_PRICE: "the price is negative or too large",
    layout.TOO_MUCH: "the shares of a side cannot be counted in 64 bits",
    layout.FULL: "there are more orders than the book has room for",
    following.TWICE: "an order of this number is in the book already",
    following.ENDED: "the order was cancelled or executed in full before",
}
_SIDES = {BUY: "to buy", SELL: "to sell"}


def _contradiction(messages: Messages, place: int, why: str) -> PacesetterError:
    return PacesetterError(f"{messages.where(place)}: {why}.")


def _said(messages: Messages, place: int) -> str:
    side = BUY if messages.direction[place] == 1 else SELL
    return f"order {messages.order[place]} {_SIDES[side]} at {messages.price[place]}"


def _resting_at(book: Integers, number: int, tick: int) -> str:
    order = queues.find(book, number)
    side = _SIDES[int(book[order + layout.SIDE])]
    return f"{side} at {int(book[order + layout.PRICE]) * tick}"


# What is checked before --------------------------------------------------------------------------


def _check_messages(messages: Messages, tick: int) -> None:
    """Refuse a price that no book has."""
    visible = messages.kind <= LAST_KIND_OF_THE_BOOK
    impossible = visible & ((messages.price < 0) | (messages.price // tick > layout.LARGEST))
    if impossible.any():
        raise _contradiction(messages, int(impossible.argmax()), _WHY[layout.BAD_PRICE])
    off_tick = np.flatnonzero((messages.price % tick != 0) & visible)
    if off_tick.size:
        first = int(off_tick[0])
        common = gcd(*np.unique(messages.price[visible]).tolist())
        raise _contradiction(
            messages,
            first,
            f"price {messages.price[first]} is no multiple of the tick {tick}; all prices of "
            f"the file are multiples of {common}",
        )


def _check_sides(messages: Messages, start: Integers | None) -> None:
    """Refuse messages of one side only, which are half a file."""
    visible = messages.kind <= LAST_KIND_OF_THE_BOOK
    sides = np.unique(messages.direction[visible])
    if start is None and len(sides) == 1:
        raise PacesetterError(
            f"{messages.source}: all {int(visible.sum())} messages are about orders "
            f"{_SIDES[BUY if sides[0] == 1 else SELL]}; a book has two sides."
        )


@dataclass(frozen=True)
class _Rows:
    """An order-book file."""

    numbers: Integers
    lines: Integers
    source: str

    def where(self, place: int) -> str:
        return f"{self.source}:{self.lines[place]}"


def _rows_of(order_book: str | Path | Integers, messages: int, tick: int) -> _Rows:
    """Rows that are books, one per message."""
    if isinstance(order_book, (str, Path)):
        table = read_levels(order_book)
        rows = _Rows(table.numbers, table.lines, str(order_book))
    else:
        numbers = np.ascontiguousarray(order_book, dtype=np.int64)
        rows = _Rows(numbers, np.arange(1, len(numbers) + 1), "order_book")
    numbers = rows.numbers
    if numbers.ndim != 2 or numbers.shape[1] % 4 or not numbers.size:
        raise PacesetterError(
            f"{rows.source} must have rows of ask price, ask size, bid price, bid size of level 1, "
            f"then of level 2, …; got the shape {numbers.shape}."
        )
    if len(numbers) != messages:
        raise PacesetterError(
            f"{rows.source} has {len(numbers)} rows for {messages} messages; row k is the book "
            "after message k, so give two files of one recording, and the same part of both."
        )
    _check_rows(rows, tick)
    return rows


def _check_rows(rows: _Rows, tick: int) -> None:
    """Refuse a row that is no book, and a file in which one side is empty throughout."""
    prices = {SELL: rows.numbers[:, 0::4], BUY: rows.numbers[:, 2::4]}
    sizes = {SELL: rows.numbers[:, 1::4], BUY: rows.numbers[:, 3::4]}
    for side in (BUY, SELL):
        there = sizes[side] > 0
        if not there[:, 0].any():
            raise PacesetterError(f"{rows.source}: no row holds an order {_SIDES[side]}.")
        better = 1 if side == BUY else -1
        steps = better * (prices[side][:, :-1] - prices[side][:, 1:])
        wrong = {
            "a size is negative": (sizes[side] < 0).any(axis=1),
            f"a price is no multiple of the tick {tick}": (there & (prices[side] % tick != 0)).any(
                axis=1
            ),
            "a level is empty and a worse one is not": (~there[:, :-1] & there[:, 1:]).any(axis=1),
            "prices are not from the best to the worst": (there[:, 1:] & (steps <= 0)).any(axis=1),
        }
        for why, bad in wrong.items():
            if bad.any():
                place = int(bad.argmax())
                raise PacesetterError(f"{rows.where(place)}: {why}, orders {_SIDES[side]}.")
    both = (sizes[BUY][:, 0] > 0) & (sizes[SELL][:, 0] > 0)
    crossed = both & (prices[BUY][:, 0] >= prices[SELL][:, 0])
    if crossed.any():
        raise PacesetterError(f"{rows.where(int(crossed.argmax()))}: the book is crossed.")


# The book before the first message, and differences -----------------------------------------------


def _before(messages: Messages, row: Integers) -> Integers:
    """The row before the first message: the first one with what this message did undone."""
    first = messages[:1]
    kind, price, size = int(first.kind[0]), int(first.price[0]), int(first.size[0])
    if kind > LAST_KIND_OF_THE_BOOK:
        return row
    column = 2 if messages.direction[0] == 1 else 0
    change = -size if kind == EventKind.SUBMITTED else size
    pairs = row.reshape(-1, 4)[:, column : column + 2]
    held = dict(pairs[pairs[:, 1] > 0].tolist())
    if price in held or change > 0:
        held[price] = held.get(price, 0) + change
    before = np.zeros((len(held) + len(row) // 4, 4), dtype=np.int64)
    before[: len(row) // 4] = row.reshape(-1, 4)
    before[:, column : column + 2] = 0
    if held:
        before[: len(held), column : column + 2] = list(held.items())
    return before.ravel()


def _levels_of(row: Integers, tick: int) -> Integers:
    """Side, price in ticks and size of the levels that a row holds, ``(m, 3)``."""
    asks, bids = row.reshape(-1, 4)[:, :2], row.reshape(-1, 4)[:, 2:]
    found = [
        np.column_stack([np.full(int(real.sum()), side), levels[real, 0] // tick, levels[real, 1]])
        for side, levels in ((BUY, bids), (SELL, asks))
        for real in [levels[:, 1] > 0]
    ]
    return np.concatenate(found).astype(np.int64)


def _difference(
    messages: Messages, place: int, rows: _Rows, book: Integers, tick: int
) -> PacesetterError:
    """Which level of a row is not what the messages lead to."""
    row = rows.numbers[place]
    ours, scratch = np.empty_like(row), np.empty((2, len(row) // 4), dtype=np.int64)
    following.write_levels(book, scratch[0], scratch[1], ours, tick)
    cell = int((row != ours).argmax())
    first = cell // 2 * 2
    side = SELL if first % 4 == 0 else BUY

    def said(levels: Integers) -> str:
        price, size = levels[first : first + 2].tolist()
        return "nothing" if abs(price) == NO_PRICE or size == 0 else f"{size} at {price}"

    return PacesetterError(
        f"{rows.where(place)}: level {first // 4 + 1} {_SIDES[side]} shows {said(row)}, but "
        f"{messages.where(place)} leads to {said(ours)}. Give two files of one recording, or "
        "strict=False to believe the rows."
    )
