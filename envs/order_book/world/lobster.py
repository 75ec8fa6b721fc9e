"""Orders of a real market: LOBSTER's messages as recordings that an agent is fitted to.

Executions of one direction at one time, and what of the order then rests, are one order, as in
`recording`; hidden orders, auctions and halts change nothing that is seen. The book follows the
messages order by order. Orders from before the first message, and those that were placed below the
last level of an order-book file, are known by level alone: given such a file, the book holds what
its rows say, and every change that no message tells is counted as `Replayed.untold`.

Version history: v1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...core.errors import PacesetterError
from ..background.market import SECOND
from ..layout import (
    AT_PRICE,
    BUY,
    CLOCK,
    NONE,
    ORDER,
    SELL,
    TIME,
    empty_books,
)
from ..lobster import LAST_KIND_OF_THE_BOOK, PRICES_PER_CENT, Messages
from . import layout as at
from .alphabet import LETTERS
from .features import COUNT, begin_world
from .following import follow
from .recording import check_orders, orders_of
from .replay import Replayed

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]
Singles = NDArray[np.float32]
WINDOW = 1 << 14  # ticks
FIRST_ROOM = 1024  # half the orders that there is room for at first
MOST_ROOM = 1 << 20
MOST_UNTOLD = 0.5  # of the messages, without an order-book file


def replay_messages(
    messages: Messages,
    order_book: Integers | None = None,
    tick: int = PRICES_PER_CENT,
    window: int = WINDOW,
    at_ns: ArrayLike | None = None,
    first_stranger: int = 0,
    strangers: int = 0,
) -> Replayed:
    """Follow a day of a real market.

    Args:
        messages: of a day or a part of it.
        order_book: rows of the order-book file, one per message, ``(n, 4 levels)``.
        tick: smallest step between prices, 10⁻⁴ dollars.
        window: ticks that the book may span; orders outside are left out.
        at_ns: times at which worlds may begin, ascending, ``(B,)``; by default the end.
        first_stranger, strangers: as of `replay_orders`.

    Raises:
        PacesetterError: files that do not belong together, prices off the tick, or too little in
            them for an agent to be fitted to.
    """
    log, rows = _log_of(messages, tick), _rows_of(messages, order_book, tick)
    shown = messages.kind <= LAST_KIND_OF_THE_BOOK
    log, rows = log[shown], rows[shown] if len(rows) else rows
    places = np.flatnonzero(shown)
    first, orders = orders_of(log)
    duration = int(log[-1, TIME] - log[0, TIME]) if len(log) else 0
    check_orders(orders[:, 1], orders[:, 2], duration, messages.source)
    known, log[:, ORDER] = np.unique(log[:, ORDER], return_inverse=True)
    begins = np.full(len(log), NONE)
    begins[first] = np.arange(len(first))
    starts = _starts(messages, log[:, TIME], at_ns)
    features = np.empty((len(first), COUNT), dtype=np.float32)
    actions = np.empty((len(first), LETTERS), dtype=np.int64)
    room, full, untold = FIRST_ROOM, True, np.zeros(len(log), dtype=np.int64)
    while full:
        room *= 2
        if room > MOST_ROOM:
            raise PacesetterError(
                f"{messages.source}: more than {MOST_ROOM} orders rest in the book; cut the file "
                "into parts."
            )
        memory = _empty(log, window, room, first_stranger, strangers, len(starts))
        reals = np.zeros((len(memory), at.WORLD_REALS))
        begin_world(memory[-1], reals[-1], float(log[0, AT_PRICE]), first_stranger)
        numbers = np.full(len(known), NONE)
        full = follow(
            memory, reals, log, rows, numbers, begins, orders, features, actions, starts, untold
        )
    if not len(rows) and untold.sum() > MOST_UNTOLD * len(log):
        raise PacesetterError(
            f"{messages.source}: {untold.sum()} of {len(log)} messages are about orders from "
            f"before the first one, {messages.where(places[untold.argmax()])} to begin with; give "
            "the order-book file too."
        )
    inside = (actions[:-1] >= 0).all(axis=1)
    kept = np.flatnonzero(inside)
    return Replayed(
        features=features[kept],
        actions=actions[kept],
        copy=np.zeros(len(kept), dtype=np.int64),
        time=orders[kept, 0],
        outside=int((~inside).sum()),
        untold=int(untold.sum()),
        rate=len(orders) * SECOND / duration,
        memory=memory[:-1],
        reals=reals[:-1],
        remarks=_remarks(messages, places, untold, first[:-1][~inside], len(rows) > 0),
    )


def _remarks(
    messages: Messages, places: Integers, untold: Integers, outside: Integers, has_rows: bool
) -> tuple[str, ...]:
    """What a user should know of the files, each with its number and its first line."""
    found = []
    if untold.any():
        what = "rows show" if has_rows else "messages are about"
        where = messages.where(int(places[(untold > 0).argmax()]))
        found.append(
            f"{where}: {what} shares that no message told of, here and in "
            f"{int((untold > 0).sum()) - 1} later lines; they are taken for orders from before "
            "the first message or from below the last level."
        )
    if len(outside):
        found.append(
            f"{messages.where(int(places[outside[0]]))}: an order of a size or at a price that a "
            f"world agent has no bin for, here and in {len(outside) - 1} later lines; these are "
            "not learned from."
        )
    return tuple(found)


def _starts(messages: Messages, times: Integers, at_ns: ArrayLike | None) -> Integers:
    """Times at which worlds begin, ``(B,)``."""
    starts = np.asarray(times[-1] if at_ns is None else at_ns, dtype=np.int64).ravel()
    if not starts.size or (np.diff(starts) < 0).any() or not times[0] < starts[0] <= starts[-1]:
        raise PacesetterError(
            f"{messages.source}: at_ns must be ascending times after the first message, "
            f"{times[0] / 1e9:g} s after midnight; got {(starts / 1e9).tolist()} s."
        )
    if starts[-1] > times[-1]:
        raise PacesetterError(
            f"{messages.source} ends at {times[-1] / 1e9:g} s; no book of it can begin a world at "
            f"{starts[-1] / 1e9:g} s."
        )
    return starts


def _empty(
    log: Integers, window: int, room: int, first_stranger: int, strangers: int, starts: int
) -> Integers:
    """Books for every start and, last, one to follow the messages with, ``(B + 1, L)``."""
    owners = first_stranger + strangers
    memory = empty_books(starts + 1, window, room, owners=owners, extra=at.WORLD_ENTRIES)
    memory[:, CLOCK] = log[0, TIME]
    return memory


def _log_of(messages: Messages, tick: int) -> Integers:
    """Messages in the columns of a book's log, prices in ticks, ``(n, 8)``."""
    _on_tick(messages, messages.price, messages.kind <= LAST_KIND_OF_THE_BOOK, tick)
    side = np.where(messages.direction == 1, BUY, SELL)
    nobody = np.full(len(messages), NONE)
    columns = (messages.time, messages.kind, messages.order, messages.size)
    return np.stack([*columns, messages.price // tick, side, nobody, nobody], axis=1)


def _rows_of(messages: Messages, order_book: Integers | None, tick: int) -> Integers:
    """Rows with prices in ticks, and 0 shares where there is no level, ``(n, 4 levels)``."""
    if order_book is None:
        return np.empty((0, 0), dtype=np.int64)
    if len(order_book) != len(messages):
        raise PacesetterError(
            f"{messages.source} has {len(messages)} messages, but the order-book file "
            f"{len(order_book)} rows; give the two files of one download."
        )
    rows = np.array(order_book, dtype=np.int64)
    for column in range(0, rows.shape[1], 2):
        _on_tick(messages, rows[:, column], rows[:, column + 1] > 0, tick)
        rows[:, column] //= tick
    return rows


def _on_tick(messages: Messages, prices: Integers, counted: Any, tick: int) -> None:
    off = np.flatnonzero((prices % tick != 0) & counted)
    if off.size:
        line = int(off[0])
        raise PacesetterError(
            f"{messages.source}:{line + 1}: price {prices[line]} is no multiple of the tick {tick} "
            f"(10⁻⁴ dollars); so are {off.size} in all. Give the tick of this market."
        )
