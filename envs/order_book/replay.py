"""Replaying LOBSTER's messages: the matching engine follows a recorded book order by order.

Version history: v1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.compiled import kernel
from ..core.errors import PacesetterError
from . import layout, matching
from .book import DEFAULT_WINDOW
from .layout import BUY, CANCELLED, EXECUTED, NONE, REDUCED, SELL, SUBMITTED, EventKind
from .levels import depth
from .lobster import LAST_KIND_OF_THE_BOOK, NO_PRICE, PRICES_PER_CENT, Messages

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Replay:
    """A replayed file.

    Attributes:
        order_book: the book after every message, in the columns of an order-book file,
            ``(n, 4 levels)``.
        book: the book after the last one, laid out as in `layout`, in ticks.
    """

    order_book: Integers
    book: Integers


def replay(
    messages: Messages,
    levels: int = 10,
    start: Integers | None = None,
    tick: int = PRICES_PER_CENT,
    window: int = DEFAULT_WINDOW,
) -> Replay:
    """Follow the book through all messages.

    LOBSTER's files begin with a book that is not empty. Orders that were there before are known by
    level only: a message about an unknown order is about what `start` holds at its price.

    Args:
        messages: of a day or a part of it.
        levels: levels to report.
        start: the book before the first message, a row of an order-book file, ``(4 m,)``.
        tick: smallest step between prices, 10⁻⁴ dollars.
        window: ticks that the book may span.

    Raises:
        PacesetterError: a message that the book contradicts: a new order that crosses it, more
            shares than are there, an order that nobody submitted, a price off the tick.
    """
    off_tick = np.flatnonzero(
        (messages.price % tick != 0) & (messages.kind <= LAST_KIND_OF_THE_BOOK)
    )
    if off_tick.size:
        first = int(off_tick[0])
        raise _contradiction(
            messages, first, f"price {messages.price[first]} is no multiple of the tick {tick}"
        )
    known, dense = np.unique(messages.order, return_inverse=True)
    submitted = int((messages.kind == EventKind.SUBMITTED).sum())
    begun = np.zeros((0, 3), dtype=np.int64) if start is None else _levels_of(start, tick)
    book = layout.empty_books(1, window, submitted + len(begun) + 1)[0]
    numbers = np.full(len(known), NONE, dtype=np.int64)
    placeholders = np.full((len(begun), 3), NONE, dtype=np.int64)
    table = np.stack(
        [
            *(messages.time, messages.kind, dense.ravel(), messages.size),
            *(messages.price // tick, np.where(messages.direction == 1, BUY, SELL)),
        ],
        axis=1,
    )
    rows = np.empty((len(messages), 4 * levels), dtype=np.int64)
    failed, reason = _replay(book, table, numbers, begun, placeholders, rows, tick)
    if failed < 0 and reason:
        raise PacesetterError(f"start: {_WHY[reason]}. Give a row of an order-book file.")
    if reason:
        raise _contradiction(messages, failed, _WHY[reason])
    return Replay(rows, book)


_WHY = {
    layout.UNKNOWN: "it is about an order that is not in the book; give the book before the "
    "first message as start",
    layout.BAD_SIZE: "the order does not have that many shares",
    layout.CROSSES: "the new order crosses the book; executions come before what rests",
    layout.OUTSIDE: "the price is too far from the others; give a larger window",
    layout.BAD_PRICE: "the price is negative or too large",
}


def _contradiction(messages: Messages, place: int, why: str) -> PacesetterError:
    return PacesetterError(f"{messages.source}:{place + 1}: {why}.")


def _levels_of(row: Integers, tick: int) -> Integers:
    """Side, price in ticks and size of the levels that a row holds, ``(m, 3)``."""
    asks, bids = row.reshape(-1, 4)[:, :2], row.reshape(-1, 4)[:, 2:]
    found = [
        np.column_stack([np.full(int(real.sum()), side), levels[real, 0] // tick, levels[real, 1]])
        for side, levels in ((BUY, bids), (SELL, asks))
        for real in [levels[:, 1] > 0]
    ]
    return np.concatenate(found).astype(np.int64)


@kernel
def _replay(
    book: Integers,
    table: Integers,
    numbers: Integers,
    begun: Integers,
    placeholders: Integers,
    rows: Integers,
    tick: int,
) -> tuple[int, int]:
    """Apply all messages; the first that fails and the reason, or zeros."""
    for i in range(begun.shape[0]):
        side, price, size = begun[i, 0], begun[i, 1], begun[i, 2]
        reason, number, _, _ = matching.limit_order(book, side, price, size, NONE, 0, True)
        if reason != 0:
            return -1, reason
        placeholders[i, 0], placeholders[i, 1], placeholders[i, 2] = side, price, number
    prices = np.empty(rows.shape[1] // 4, dtype=np.int64)
    sizes = np.empty(rows.shape[1] // 4, dtype=np.int64)
    for i in range(table.shape[0]):
        book[layout.CLOCK] = table[i, 0]
        kind, order, size = table[i, 1], table[i, 2], table[i, 3]
        price, side = table[i, 4], table[i, 5]
        reason = 0
        if kind == SUBMITTED:
            reason, number, _, _ = matching.limit_order(book, side, price, size, NONE, 0, True)
            numbers[order] = number
        elif kind <= EXECUTED:
            number = numbers[order]
            if number == NONE:
                for j in range(placeholders.shape[0]):
                    if placeholders[j, 0] == side and placeholders[j, 1] == price:
                        number = placeholders[j, 2]
            elif kind == CANCELLED:
                place = matching.find(book, number)
                if place != NONE and size != book[place + layout.SIZE]:
                    reason = layout.BAD_SIZE
            if reason == 0:
                change = EXECUTED if kind == EXECUTED else REDUCED
                reason = matching.reduce_order(book, number, size, change)
        if reason != 0:
            return i, reason
        _write_levels(book, prices, sizes, rows[i], tick)
    return 0, 0


@kernel
def _write_levels(
    book: Integers, prices: Integers, sizes: Integers, row: Integers, tick: int
) -> None:
    for side, column, empty in ((SELL, 0, NO_PRICE), (BUY, 2, -NO_PRICE)):
        number = depth(book, side, prices, sizes)
        for level in range(prices.shape[0]):
            there = level < number
            row[4 * level + column] = prices[level] * tick if there else empty
            row[4 * level + column + 1] = sizes[level] if there else 0
