"""Following a real book message by message, and row by row of what it showed; compiled.

Shares that no message was about belong to nobody, `UNTOLD`.

Version history: v1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.kernels.compiled import kernel
from ..layout import (
    ACCEPTED,
    ALLOW,
    AT_PRICE,
    BEST,
    BUY,
    CLOCK,
    EXECUTED,
    EXTRA,
    HEAD,
    KIND,
    LAST_PRICE,
    NEXT,
    NO_ASK,
    NO_BID,
    NONE,
    NUMBER,
    OF_SIDE,
    ORDER,
    OWNER,
    PREVIOUS,
    PRICE,
    REDUCED,
    RESTING,
    ROOM,
    SELL,
    SHARES,
    SIDE,
    SIZE,
    SUBMITTED,
    TIME,
    TRADED,
    VOLUME,
    Integers,
)
from ..levels import level_of, next_price
from ..matching import limit_order, reduce_order
from ..queues import find
from . import layout as at
from .alphabet import DEPTHS, depth_bin, size_bin, time_bin
from .features import TEN, keep_states, note_order, read_features

Reals = NDArray[np.float64]
Singles = NDArray[np.float32]
UNTOLD = -2  # their owner


@kernel
def follow(
    memory: Integers,
    reals: Reals,
    log: Integers,
    rows: Integers,
    numbers: Integers,
    begins: Integers,
    orders: Integers,
    features: Singles,
    actions: Integers,
    starts: Integers,
    untold: Integers,
) -> bool:
    """Follow all messages; whether the book was full. `untold` gets, of each, what nobody told."""
    prices, sizes = np.zeros((2, TEN), dtype=np.int64), np.zeros((2, TEN), dtype=np.int64)
    book, real = memory[len(starts)], reals[len(starts)]
    here, start = book[EXTRA], 0
    for i in range(log.shape[0]):
        if book[ROOM] - book[RESTING] <= 1 + rows.shape[1]:
            return True
        while start < len(starts) and starts[start] < log[i, TIME]:
            _keep(book, real, prices, sizes, starts[start], memory[start], reals[start])
            start += 1
        book[CLOCK] = log[i, TIME]
        order = begins[i]
        if order >= 0:
            keep_states(book, real, prices, sizes, log[i, TIME])
            read_features(book, real, prices, sizes, features[order], at.LAGS)
            event, price = orders[order, 1], orders[order, 2]
            after = min(order + 1, len(orders) - 1)
            wait = time_bin(float(orders[after, 0] - orders[order, 0]))
            depth = depth_bin(event, price, book[here + at.BID], book[here + at.ASK])
            actions[order, 0], actions[order, 1] = event, depth
            actions[order, 2], actions[order, 3] = size_bin(orders[order, 3]), wait
            note_order(book, event, depth if depth >= 0 else DEPTHS - 1, wait)
        changes = _apply(book, log[i], numbers)
        if rows.shape[0] > 0:
            changes = _show(book, rows[i])
        untold[i] = changes if i > 0 or rows.shape[0] == 0 else 0
    while start < len(starts):
        _keep(book, real, prices, sizes, starts[start], memory[start], reals[start])
        start += 1
    return False


@kernel
def _keep(
    book: Integers,
    real: Reals,
    prices: Integers,
    sizes: Integers,
    time: int,
    kept: Integers,
    kept_real: Reals,
) -> None:
    """Copy the market as it is at a time at which nothing happens."""
    keep_states(book, real, prices, sizes, time)
    book[CLOCK] = max(book[CLOCK], time)
    kept[:] = book
    kept_real[:] = real


@kernel
def _apply(book: Integers, message: Integers, numbers: Integers) -> int:
    """Carry out a message; 1 if it is about shares that the book does not know, otherwise 0."""
    order, size, price, side = message[ORDER], message[SHARES], message[AT_PRICE], message[OF_SIDE]
    if message[KIND] == SUBMITTED:
        reason, number, _, _ = limit_order(book, side, price, size, NONE, ALLOW, True)
        numbers[order] = number
        return 0 if reason == ACCEPTED else 1
    change = REDUCED
    if message[KIND] == EXECUTED:
        change = EXECUTED
        book[TRADED + 1 - side] += size
        book[LAST_PRICE] = price
    place = find(book, numbers[order])
    if place == NONE or book[place + PRICE] != price:
        place = _unknown_order(book, side, price, size)
    if place == NONE:
        return 1
    less = min(size, book[place + SIZE])
    reduce_order(book, book[place + NUMBER], less, change)
    return 0 if less == size else 1


@kernel
def _unknown_order(book: Integers, side: int, price: int, size: int) -> int:
    """Address of so many shares at a price that no message was about, or NONE."""
    if volume_at(book, side, price) == 0:
        return NONE
    head = book[level_of(book, price) + HEAD]
    order = head
    while book[order + OWNER] != UNTOLD or book[order + SIZE] < size:
        order = book[order + NEXT]
        if order == head:
            return NONE
    return order


@kernel
def volume_at(book: Integers, side: int, price: int) -> int:
    """Shares of a side at a price."""
    level = level_of(book, price)
    head = book[level + HEAD]
    # Prices that are a window apart have the same place.
    there = head != NONE and book[head + PRICE] == price and book[head + SIDE] == side
    return book[level + VOLUME] if there else 0


@kernel
def _show(book: Integers, row: Integers) -> int:
    """Make the levels of a book what a row of an order-book file says; how many had to change."""
    changes, levels = 0, row.shape[0] // 4
    # What is gone goes first, so that nothing that comes would cross it.
    for side, column in ((SELL, 0), (BUY, 2)):
        level, price = 0, book[BEST + side]
        while price != NO_BID and price != NO_ASK and level < levels:
            if row[4 * level + column + 1] == 0:
                ahead = 1
            else:
                shown = row[4 * level + column]
                ahead = shown - price if side == SELL else price - shown
            if ahead > 0:
                changes += _set_volume(book, side, price, 0)
            elif ahead < 0:
                level += 1
                continue
            price = next_price(book, side, price)
    for side, column in ((SELL, 0), (BUY, 2)):
        for level in range(levels):
            if row[4 * level + column + 1] > 0:
                size = row[4 * level + column + 1]
                changes += _set_volume(book, side, row[4 * level + column], size)
    return changes


@kernel
def _set_volume(book: Integers, side: int, price: int, size: int) -> int:
    """Give a level so many shares, by shares that no message was about; 1 if it had others."""
    volume = volume_at(book, side, price)
    if volume == size:
        return 0
    if volume < size:
        limit_order(book, side, price, size - volume, UNTOLD, ALLOW, True)
    while volume > size:
        # The youngest go first: executions will be about the oldest.
        order = book[book[level_of(book, price) + HEAD] + PREVIOUS]
        less = min(volume - size, book[order + SIZE])
        reduce_order(book, book[order + NUMBER], less, REDUCED)
        volume -= less
    return 1
