"""The matching engine follows recorded messages, and recorded levels where messages are silent.

Orders that no message told of are known by level only: each level keeps them as one order of the
owner UNTOLD. A level that leaves the view of a file of n levels may change unseen; its orders are
then owned by UNSEEN, and become untold when a later row or message shows that they did change.

Version history: v1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..core.kernels.compiled import kernel
from .layout import (
    BAD_SIZE,
    BEST,
    BUY,
    CANCELLED,
    CLOCK,
    EXECUTED,
    HEAD,
    NEXT,
    NO_ASK,
    NO_BID,
    NONE,
    NUMBER,
    OFFERED,
    OWNER,
    PRICE,
    REDUCED,
    SELL,
    SIDE,
    SIZE,
    SUBMITTED,
    UNKNOWN,
    VOLUME,
)
from .levels import depth, level_of, next_price
from .lobster import NO_PRICE
from .matching import cancel_order, limit_order, reduce_order
from .queues import find

Integers = NDArray[np.int64]

GONE = -2  # instead of an order's number: it came and went
UNTOLD, UNSEEN = -2, -3  # owners, see above
# Why a file cannot be followed, beside the reasons of `layout`.
MOVED, TWICE, ENDED, DIFFERS = 100, 101, 102, 103
# What is counted.
REVEALED_LEVELS, REVEALED_SHARES, VANISHED_SHARES, UNTOLD_MESSAGES, HIDDEN_MESSAGES = range(5)
COUNTS = 5


@kernel
def follow(
    book: Integers,
    messages: Integers,
    numbers: Integers,
    begun: Integers,
    shown: Integers,
    tick: int,
    strict: bool,
    rows: Integers,
    counts: Integers,
    contradicts: Integers,
) -> tuple[int, int]:
    """Apply all messages to an empty book.

    Args:
        book: changed in place.
        messages: time, kind, order from 0 on, size, price in ticks, side, ``(n, 6)``.
        numbers: of the orders in the book, NONE at first; changed in place.
        begun: side, price and size of the levels before the first message, ``(m, 3)``.
        shown: the order-book file, ``(n, 4 m)``; with no columns if there is none.
        tick: in the file's unit.
        strict: stop at the first contradiction; otherwise the file's levels are believed.
        rows: filled in with the book after every message, ``(n, 4 levels)``.
        counts: filled in, ``(COUNTS,)``.
        contradicts: filled in with the reason why a message or row contradicts the book, ``(n,)``.

    Returns:
        the message at which it stopped (−1 if at `begun`) and the reason; zeros if it did not.
    """
    for i in range(begun.shape[0]):
        reason = _reveal(book, begun[i, 0], begun[i, 1], begun[i, 2])
        if reason != 0:
            return -1, reason
    prices = np.empty(rows.shape[1] // 4, dtype=np.int64)
    sizes = np.empty(rows.shape[1] // 4, dtype=np.int64)
    seen = np.array([NO_ASK, NO_BID])  # the worst prices in view: nothing is
    for i in range(messages.shape[0]):
        book[CLOCK] = messages[i, 0]
        reason = 0
        if messages[i, 1] <= EXECUTED:
            reason = _apply(book, messages[i], numbers, seen, shown.shape[1] > 0, counts)
        if reason == 0 and shown.shape[1] > 0:
            reason = _compare(book, shown[i], tick, seen, counts, True)
        if reason != 0:
            contradicts[i] = reason
            if strict or shown.shape[1] == 0:
                return i, reason
            reason = _compare(book, shown[i], tick, seen, counts, False)
            if reason != 0:
                return i, reason
        if shown.shape[1] > 0:
            _look(book, shown[i], tick, seen, messages[i])
        write_levels(book, prices, sizes, rows[i], tick)
    return 0, 0


# Messages -----------------------------------------------------------------------------------------


@kernel
def _apply(
    book: Integers,
    message: Integers,
    numbers: Integers,
    seen: Integers,
    revealing: bool,
    counts: Integers,
) -> int:
    """One message about the visible book; returns the reason if the book contradicts it."""
    kind, order, size, price, side = message[1], message[2], message[3], message[4], message[5]
    number = numbers[order]
    place = find(book, number)
    if kind == SUBMITTED:
        if place != NONE:
            return TWICE
        reason, number, _, _ = limit_order(book, side, price, size, NONE, 0, True)
        if reason == 0:
            numbers[order] = number
        return reason
    if number == GONE:
        return ENDED
    if place != NONE and book[place + OWNER] != UNTOLD:
        if book[place + PRICE] != price or book[place + SIDE] != side:
            return MOVED
        rests = book[place + SIZE]
        if size == rests or (size < rests and kind != CANCELLED):
            if size == rests:
                numbers[order] = GONE
            return reduce_order(book, number, size, EXECUTED if kind == EXECUTED else REDUCED)
        if book[place + OWNER] != UNSEEN:
            return BAD_SIZE
    # Nothing is known of the order itself: it is a part of what its level holds.
    counts[UNTOLD_MESSAGES] += 1
    untold = _owned(book, side, price, UNTOLD)
    if untold == NONE or book[untold + SIZE] < size:
        _forget(book, side, price)
        untold = _owned(book, side, price, UNTOLD)
    if untold != NONE and book[untold + SIZE] >= size:
        change = EXECUTED if kind == EXECUTED else REDUCED
        return reduce_order(book, book[untold + NUMBER], size, change)
    if revealing and not _in_view(side, price, seen):
        counts[HIDDEN_MESSAGES] += 1
        return 0
    return UNKNOWN if untold == NONE else BAD_SIZE


# Levels -------------------------------------------------------------------------------------------


@kernel
def _in_view(side: int, price: int, seen: Integers) -> bool:
    """Whether a price is at least as good as the worst that the row before showed."""
    return price >= seen[BUY] if side == BUY else price <= seen[SELL]


@kernel
def _holds(book: Integers, side: int, price: int) -> bool:
    """Whether orders of a side rest at a price; places of the window are shared by other prices."""
    head = book[level_of(book, price) + HEAD]
    return head != NONE and book[head + PRICE] == price and book[head + SIDE] == side


@kernel
def _owned(book: Integers, side: int, price: int, owner: int) -> int:
    """The first order of an owner at a level; NONE if there is none."""
    if not _holds(book, side, price):
        return NONE
    head = order = book[level_of(book, price) + HEAD]
    while book[order + OWNER] != owner:
        order = book[order + NEXT]
        if order == head:
            return NONE
    return order


@kernel
def _reveal(book: Integers, side: int, price: int, size: int) -> int:
    """Add shares that no message told of to a level; returns the reason if that cannot be."""
    order = _owned(book, side, price, UNTOLD)
    if order == NONE:
        return limit_order(book, side, price, size, UNTOLD, 0, True)[0]
    book[order + SIZE] += size
    book[level_of(book, price) + VOLUME] += size
    book[OFFERED + side] += size
    return 0


@kernel
def _forget(book: Integers, side: int, price: int) -> None:
    """Of what was out of view, only the sum is known from now on."""
    shares = 0
    order = _owned(book, side, price, UNSEEN)
    while order != NONE:
        shares += book[order + SIZE]
        cancel_order(book, book[order + NUMBER])
        order = _owned(book, side, price, UNSEEN)
    if shares > 0:
        _reveal(book, side, price, shares)


@kernel
def _lose(book: Integers, side: int, price: int) -> int:
    """Take a whole level out; returns its shares."""
    level = level_of(book, price)
    shares = book[level + VOLUME]
    while _holds(book, side, price):
        cancel_order(book, book[book[level + HEAD] + NUMBER])
    return shares


# Rows of the order-book file ----------------------------------------------------------------------


@kernel
def _compare(
    book: Integers, row: Integers, tick: int, seen: Integers, counts: Integers, strict: bool
) -> int:
    """Make the book what the row shows; returns DIFFERS if it was to be so already.

    Only what the row before did not show may have changed without a message; if not `strict`,
    anything may have.
    """
    for side in (BUY, SELL):
        reason = _take_out(book, row, side, tick, seen, counts, strict)
        if reason != 0:
            return reason
    for side in (BUY, SELL):
        reason = _fill_in(book, row, side, tick, seen, counts, strict)
        if reason != 0:
            return reason
    return 0


@kernel
def _take_out(
    book: Integers,
    row: Integers,
    side: int,
    tick: int,
    seen: Integers,
    counts: Integers,
    strict: bool,
) -> int:
    """Take out the levels that a row does not show and the shares that it shows too few of."""
    column, levels = 2 * (1 - side), row.shape[0] // 4
    ours = book[BEST + side]
    for level in range(levels + 1):
        size = row[4 * level + column + 1] if level < levels else 0
        if size == 0 and level == levels:
            return 0  # the rest is out of view
        # Where a row ends early there is nothing more.
        nothing = NO_BID if side == BUY else NO_ASK
        price = row[4 * level + column] // tick if size > 0 else nothing
        while ours > price if side == BUY else ours < price:
            worse = next_price(book, side, ours)
            if strict and _in_view(side, ours, seen):
                return DIFFERS
            counts[VANISHED_SHARES] += _lose(book, side, ours)
            ours = worse
        if size == 0:
            return 0
        if ours != price:
            continue
        ours = next_price(book, side, price)
        excess = book[level_of(book, price) + VOLUME] - size
        if excess > 0:
            if strict and _in_view(side, price, seen):
                return DIFFERS
            if not _shrink(book, side, price, excess):
                if strict:
                    return DIFFERS
                _lose(book, side, price)
            counts[VANISHED_SHARES] += excess
    return 0


@kernel
def _shrink(book: Integers, side: int, price: int, shares: int) -> bool:
    """Take shares that went unseen off a level, if it holds as many whose fate is not known."""
    _forget(book, side, price)
    untold = _owned(book, side, price, UNTOLD)
    if untold == NONE or book[untold + SIZE] < shares:
        return False
    reduce_order(book, book[untold + NUMBER], shares, REDUCED)
    return True


@kernel
def _fill_in(
    book: Integers,
    row: Integers,
    side: int,
    tick: int,
    seen: Integers,
    counts: Integers,
    strict: bool,
) -> int:
    """Add the levels and shares that a row shows and the book lacks."""
    column = 2 * (1 - side)
    for level in range(row.shape[0] // 4):
        size = row[4 * level + column + 1]
        if size == 0:
            break
        price = row[4 * level + column] // tick
        there = _holds(book, side, price)
        lacks = size - (book[level_of(book, price) + VOLUME] if there else 0)
        if lacks > 0:
            if strict and _in_view(side, price, seen):
                return DIFFERS
            reason = _reveal(book, side, price, lacks)
            if reason != 0:
                return reason
            counts[REVEALED_SHARES] += lacks
            counts[REVEALED_LEVELS] += 0 if there else 1
    return 0


@kernel
def _look(book: Integers, row: Integers, tick: int, seen: Integers, message: Integers) -> None:
    """Remember how far the row shows; what is beyond may change unseen from now on."""
    last = row.shape[0] - 4
    for side in (BUY, SELL):
        column = last + 2 * (1 - side)
        if row[column + 1] > 0:
            worst = row[column] // tick
            price = next_price(book, side, worst)
            while price not in (NO_BID, NO_ASK) and _in_view(side, price, seen):
                _hide(book, side, price)
                price = next_price(book, side, price)
        else:
            worst = 0 if side == BUY else NO_ASK
        seen[side] = worst
    side, price = message[5], message[4]
    if message[1] == SUBMITTED and not _in_view(side, price, seen):
        _hide(book, side, price)


@kernel
def _hide(book: Integers, side: int, price: int) -> None:
    """Orders whose messages a file keeps have left its view."""
    order = _owned(book, side, price, NONE)
    while order != NONE:
        book[order + OWNER] = UNSEEN
        order = _owned(book, side, price, NONE)


@kernel
def write_levels(
    book: Integers, prices: Integers, sizes: Integers, row: Integers, tick: int
) -> None:
    """The best levels in the columns of an order-book file; `prices` and `sizes` are scratch."""
    for side, column, empty in ((SELL, 0, NO_PRICE), (BUY, 2, -NO_PRICE)):
        number = depth(book, side, prices, sizes)
        for level in range(prices.shape[0]):
            there = level < number
            row[4 * level + column] = prices[level] * tick if there else empty
            row[4 * level + column + 1] = sizes[level] if there else 0
