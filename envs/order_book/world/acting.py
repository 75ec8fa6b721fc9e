"""What a world agent does, order by order, compiled.

It wakes when its last waiting time is over, sees the book, draws an order and the time to the next,
and acts. Nothing else happens in its market but what strangers do between two calls. An order that
the book cannot take is counted and does nothing.

Version history: v1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.kernels.compiled import kernel
from ..background import layout as background
from ..background.random_numbers import start_stream, uniform
from ..layout import (
    BAD_SIZE,
    BEST,
    CANCEL_RESTING,
    CLOCK,
    EXTRA,
    HEAD,
    NEXT,
    NO_ASK,
    NO_BID,
    NONE,
    NUMBER,
    OWNER,
    RESTING,
    ROOM,
    SIZE,
)
from ..levels import level_of, next_price
from ..matching import cancel_order, limit_order
from . import layout as at
from .alphabet import CANCEL, DEPTHS, LETTERS, depth_bin, price_in, size_in, wait_in
from .features import COUNT, TEN, keep_states, note_order, read_features
from .network import HIDDEN, LOGITS, WEIGHTS, draw_action, infer
from .recurrent import ROOM as ROOM_TO_REMEMBER
from .recurrent import draw_normals, infer_recurrent

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]
Singles = NDArray[np.float32]

DONE, NEEDS_ORDERS, LIMITED, LOG_IS_FULL = 0, 1, 2, 3
CANCEL_LEVELS, CANCEL_QUEUE = 24, 64  # levels and orders of one that a cancel looks at
CHOICES, LOGGING = 0, 1  # sources of randomness
WIDEST = max(DEPTHS, 16)


@kernel
def start_streams(memory: Integers, seed: int) -> None:
    """Begin the random streams of a world: what it does, and what of it is logged."""
    here = memory[EXTRA]
    start_stream(memory, here + at.STREAM, seed, CHOICES)
    start_stream(memory, here + at.LOG_STREAM, seed, LOGGING)


@kernel
def reseed_rows(memory: Integers, seeds: Integers) -> None:
    """Other random numbers from now on, in every copy; what is to happen next stands."""
    for row in range(memory.shape[0]):
        start_streams(memory[row], seeds[row])


@kernel
def allow(memory: Integers, until: Integers, per_ns: float, least: int) -> None:
    """Before a call: no orders so far, and at most so many per nanosecond of it."""
    for row in range(memory.shape[0]):
        here = memory[row, EXTRA]
        duration = max(until[row] - memory[row, CLOCK], 0)
        memory[row, here + at.TAKEN] = 0
        memory[row, here + at.ALLOWANCE] = max(least, int(per_ns * duration))


@kernel
def advance_world(
    memory: Integers,
    reals: Reals,
    weights: Singles,
    until: Integers,
    limit: Integers,
    share: float,
    outcome: Integers,
    log_features: Singles,
    log_actions: Integers,
    log_numbers: Integers,
    log_propensities: Reals,
    logged: Integers,
    first: int,
    last: int,
) -> None:
    """Let the worlds from row `first` to `last` run until the times ``(B,)``.

    Args:
        memory: ``(B, L)``, changed in place.
        reals: ``(B, R)``, changed in place.
        weights: of the agent, ``(WEIGHTS,)``; or more, of a recurrent one.
        until: ns since midnight, ``(B,)``.
        limit: stop before that action of the call, counted from 0; negative: never, ``(B,)``.
        share: of the actions, that is logged.
        outcome: of every row; those that are DONE or LIMITED are left alone, ``(B,)``.
        log_features, log_actions, log_numbers, log_propensities: what the agent saw, what it did,
            the number of the action since the world began, and its log-probability,
            ``(B, M, 62)``, ``(B, M, 4)``, ``(B, M)``, ``(B, M)``.
        logged: rows of the log that are filled, ``(B,)``.
        first, last: rows.
    """
    seen = np.empty(COUNT, dtype=np.float32)
    hidden, deeper = np.empty(HIDDEN, dtype=np.float32), np.empty(HIDDEN, dtype=np.float32)
    logits, chances = np.empty(LOGITS, dtype=np.float32), np.empty(WIDEST, dtype=np.float64)
    prices, sizes = np.zeros((2, TEN), dtype=np.int64), np.zeros((2, TEN), dtype=np.int64)
    action = np.empty(LETTERS, dtype=np.int64)
    recurrent, remembered = weights.shape[0] > WEIGHTS, np.empty(ROOM_TO_REMEMBER, dtype=np.float32)
    for row in range(first, last):
        if outcome[row] != NEEDS_ORDERS and outcome[row] != LOG_IS_FULL:
            continue
        book, real = memory[row], reals[row]
        here, lags = book[EXTRA], at.LAGS
        while True:
            outcome[row] = _why_stop(book, until[row], limit[row])
            if outcome[row] >= 0:
                break
            if share > 0.0 and logged[row] >= log_numbers.shape[1]:
                outcome[row] = LOG_IS_FULL
                break
            book[CLOCK] = max(book[CLOCK], book[here + at.NEXT_TIME])
            if keep_states(book, real, prices, sizes, book[CLOCK]):
                lags = at.LAGS
            read_features(book, real, prices, sizes, seen, lags)
            lags = 1
            if recurrent:
                draw_normals(book, here + at.STREAM, remembered)
                infer_recurrent(weights, seen, remembered, hidden, deeper, logits)
            else:
                infer(weights, seen, hidden, deeper, logits)
            propensity = draw_action(weights, logits, book, here + at.STREAM, chances, action)
            if share > 0.0 and uniform(book, here + at.LOG_STREAM) < share:
                place = logged[row]
                log_features[row, place] = seen
                log_actions[row, place] = action
                log_numbers[row, place] = book[here + at.ORDERS_SO_FAR]
                log_propensities[row, place] = propensity
                logged[row] = place + 1
            _act(book, action)
        if outcome[row] == DONE:
            keep_states(book, real, prices, sizes, until[row])
            book[CLOCK] = max(book[CLOCK], until[row])


@kernel
def _why_stop(book: Integers, until: int, limit: int) -> int:
    """Why the next order is not to come now, or −1; sets the guard off."""
    here = book[EXTRA]
    if book[here + at.NEXT_TIME] > until:
        return DONE
    if book[ROOM] == book[RESTING]:
        return NEEDS_ORDERS
    taken = book[here + at.TAKEN]
    if taken == limit:
        return LIMITED
    if taken >= book[here + at.ALLOWANCE]:
        book[here + at.GUARDED] += 1
        book[here + at.NEXT_TIME] = until + 1
        return DONE
    return -1


@kernel
def _act(book: Integers, action: Integers) -> None:
    """Carry out an action, remember it, and sleep."""
    here = book[EXTRA]
    stream = here + at.STREAM
    event, depth = action[0], action[1]
    bid, ask = book[here + at.BID], book[here + at.ASK]
    price = price_in(event, depth, uniform(book, stream), bid, ask)
    size = size_in(action[2], uniform(book, stream))
    wait = wait_in(action[3], uniform(book, stream))
    if event // 2 == CANCEL:
        number = nearest_order(book, event, depth, price, size, bid, ask)
        if number == NONE:
            book[here + at.MISSED] += 1
        else:
            cancel_order(book, number)
    else:
        result = limit_order(book, event % 2, price, size, NONE, CANCEL_RESTING, False)
        if result[0] >= BAD_SIZE:
            book[here + background.REFUSED] += 1
    note_order(book, event, depth, action[3])
    book[here + at.TAKEN] += 1
    book[here + at.NEXT_TIME] = book[CLOCK] + wait


@kernel
def nearest_order(
    book: Integers, event: int, depth: int, price: int, size: int, bid: int, ask: int
) -> int:
    """Number of the world's resting order that is nearest in depth, then in size; NONE if none.

    Depths are compared by their bins, prices only at a tie of sizes; strangers' orders are theirs.
    """
    here, side = book[EXTRA], event % 2
    strangers = book[here + at.FIRST_STRANGER]
    found, bins, shares, ticks = NONE, 1 << 30, 0, 0
    level_price = book[BEST + side]
    for _ in range(CANCEL_LEVELS):
        if level_price in (NO_BID, NO_ASK):
            break
        level_bin = depth_bin(event, level_price, bid, ask)
        apart = abs((level_bin if level_bin >= 0 else DEPTHS) - depth)
        if apart > bins:
            break
        away = abs(level_price - price)
        head = book[level_of(book, level_price) + HEAD]
        order = head
        for _ in range(CANCEL_QUEUE):
            if book[order + OWNER] < strangers:
                less = abs(book[order + SIZE] - size)
                if apart < bins or less < shares or (less == shares and away < ticks):
                    found, bins, shares, ticks = book[order + NUMBER], apart, less, away
            order = book[order + NEXT]
            if order == head:
                break
        level_price = next_price(book, side, level_price)
    return found
