"""Every order of a background market, recovered from what happened to resting orders.

The book's log knows executions, cancellations and what came to rest. Executions of one taker at one
time on one side, and what of the order then rests, are one order; only the limit of an order that
was wholly executed is unknown, and its worst fill stands in. `replay` plays the orders again.

Version history: v1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...core.errors import PacesetterError
from ..background.market import SECOND, BackgroundMarket
from ..background.simulation import Markets
from ..layout import (
    AT_PRICE,
    BUY,
    EVENT_ROOM,
    EVENTS,
    EXECUTED,
    KIND,
    MASK,
    NONE,
    OF_OWNER,
    OF_SIDE,
    ORDER,
    ROOM,
    SELL,
    SHARES,
    SUBMITTED,
    TAKER,
    TIME,
    with_room,
)
from .alphabet import CANCEL, POST, TAKE

Integers = NDArray[np.int64]
PIECE_NS = 30 * SECOND  # of a recording, between two readings of the log
SHORTEST_NS = 60 * SECOND  # recording that an agent may be fitted to
FIRST_EVENTS = 2048  # of such a piece; doubled where they do not suffice


@dataclass(frozen=True, eq=False)
class OrderStream:
    """All orders of B books, copy by copy and in the order they came.

    Attributes:
        copies: B.
        copy: of every order, ascending, ``(n,)``.
        time: ns since midnight, ``(n,)``.
        event: a place in `alphabet.EVENTS`, ``(n,)``.
        price: in ticks: the limit, or where the cancelled order rested, ``(n,)``.
        size: shares: of the whole order, or those that a cancel takes out, ``(n,)``.
        traded: shares that were executed at once, ``(n,)``.
        order: of what then rests or is cancelled, a number from 0 on; −1 if nothing, ``(n,)``.
        begin_ns, until_ns: what is recorded: from the first to the second, without it.
        mid: price in ticks before the first quotes.
        window: ticks that the books may span.
        source: for messages.
    """

    copies: int
    copy: Integers
    time: Integers
    event: Integers
    price: Integers
    size: Integers
    traded: Integers
    order: Integers
    begin_ns: int
    until_ns: int
    mid: float
    window: int
    source: str

    def __len__(self) -> int:
        return len(self.time)

    @property
    def rate(self) -> float:
        """Orders per second and copy."""
        return len(self) * SECOND / (self.copies * max(self.until_ns - self.begin_ns, 1))

    def until(self, time_ns: int) -> Self:
        """The part up to a time, that of the time itself included."""
        kept = self.time <= time_ns
        columns = ("copy", "time", "event", "price", "size", "traded", "order")
        shorter = {name: getattr(self, name)[kept] for name in columns}
        return replace(self, **shorter, until_ns=min(self.until_ns, time_ns))


def record_orders(market: BackgroundMarket, seeds: ArrayLike, until_ns: int) -> OrderStream:
    """All orders of background markets from their opening on.

    Args:
        market: composition and parameters.
        seeds: of the copies, ``(B,)``, not negative.
        until_ns: end of the recording, ns since midnight.

    Raises:
        PacesetterError: a time before the opening or beyond the close.
    """
    if not market.open_ns < until_ns <= market.close_ns:
        raise PacesetterError(
            f"a recording ends after the opening, {market.open_ns / 1e9:g} s after midnight, and "
            f"until the close, {market.close_ns / 1e9:g} s, got {until_ns / 1e9:g} s."
        )
    markets = Markets.opened(market, seeds, events=FIRST_EVENTS)
    copies = len(markets.memory)
    found: list[list[Integers]] = [[] for _ in range(copies)]
    for end in (*range(market.open_ns + PIECE_NS, until_ns, PIECE_NS), until_ns):
        markets = _advanced(markets, end)
        for copy in range(copies):
            found[copy].append(markets.events(copy))
        markets.clear_events()
    logs = [np.concatenate(pieces) for pieces in found]
    window = int(markets.memory[0, MASK]) + 1
    return stream_of_events(logs, market.open_ns, until_ns, market.mean_price, window)


def _advanced(markets: Markets, end: int) -> Markets:
    """The markets at a time, with room for all that happened on the way."""
    while True:
        ahead = markets.copy()
        ahead.advance(end)
        room = int(ahead.memory[0, EVENT_ROOM])
        if int(ahead.memory[:, EVENTS].max()) <= room:
            return ahead
        markets.memory = with_room(markets.memory, int(markets.memory[0, ROOM]), 2 * room)


def stream_of_events(
    logs: list[Integers],
    begin_ns: int,
    until_ns: int,
    mid: float,
    window: int,
    source: str = "recording",
) -> OrderStream:
    """The orders behind the logs of books, one ``(n, 8)`` per copy, columns as in `layout`."""
    tables = [orders_of(log)[1] for log in logs]
    rows = np.concatenate(tables)
    copy = np.repeat(np.arange(len(logs)), [len(table) for table in tables])
    order, numbers = np.full(len(rows), NONE), 0
    for number in range(len(logs)):
        named = np.flatnonzero((copy == number) & (rows[:, 5] != NONE))
        known, order[named] = np.unique(rows[named, 5], return_inverse=True)
        order[named] += numbers
        numbers += len(known)
    columns = dict(zip(("time", "event", "price", "size", "traded"), rows.T[:5], strict=True))
    return OrderStream(
        copies=len(logs),
        copy=copy,
        order=order,
        begin_ns=begin_ns,
        until_ns=until_ns,
        mid=mid,
        window=window,
        source=source,
        **{name: np.ascontiguousarray(column) for name, column in columns.items()},
    )


def orders_of(log: Integers) -> tuple[Integers, Integers]:
    """The orders behind a log ``(n, 8)``: its rows that each begins with, and what they are.

    Returns:
        ``(m,)``, and time, event, price, size, shares traded at once and number, ``(m, 6)``.
    """
    if not len(log):
        return np.empty(0, dtype=np.int64), np.empty((0, 6), dtype=np.int64)
    kind, side = log[:, KIND], log[:, OF_SIDE]
    executed, rests = kind == EXECUTED, kind == SUBMITTED
    # An execution tells the side of the order that rested; its taker is on the other one.
    own = np.where(executed, 1 - side, side)
    owner = np.where(executed, log[:, TAKER], log[:, OF_OWNER])
    worse = np.where(own == BUY, 1, -1)[1:] * np.diff(log[:, AT_PRICE])
    begins = np.ones(len(log), dtype=np.bool_)
    begins[1:] = ~(
        executed[:-1]
        & (executed | rests)[1:]
        & (np.diff(log[:, TIME]) == 0)
        & (np.diff(own) == 0)
        & (np.diff(owner) == 0)
        & (worse >= 0)
    )
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(log)) - 1
    letter = np.where(executed[first], TAKE, np.where(rests[first], POST, CANCEL))
    traded = np.add.reduceat(np.where(executed, log[:, SHARES], 0), first)
    size = np.add.reduceat(log[:, SHARES], first)
    number = np.where(executed[last], NONE, log[last, ORDER])
    columns = (log[first, TIME], 2 * letter + own[first], log[last, AT_PRICE], size, traded, number)
    return first, np.stack(columns, axis=1)


def check_recording(stream: OrderStream) -> None:
    """Refuse a recording that says too little of its market for an agent to be fitted to it.

    Raises:
        PacesetterError: it is empty or shorter than a minute, lacks orders of one side, or has
            prices of another tick.
    """
    check_orders(stream.event, stream.price, stream.until_ns - stream.begin_ns, stream.source)


def check_orders(event: Integers, price: Integers, duration_ns: int, source: str) -> None:
    """See `check_recording`.

    Args:
        event, price: of all orders, ``(n,)``.
        duration_ns: of the recording.
        source: for messages.
    """
    wanted = {
        2 * letter + side: f"no order to {name} that would {what}; record both sides of the book"
        for side, name in ((BUY, "buy"), (SELL, "sell"))
        for letter, what in ((POST, "rest"), (TAKE, "trade at once"))
    }
    problem = next((text for code, text in wanted.items() if not (event == code).any()), "")
    if duration_ns < SHORTEST_NS:
        problem = f"only {duration_ns / 1e9:g} s; record a minute or more"
    if not len(event):
        problem = "no order"
    elif not problem:
        tick = int(np.gcd.reduce(price - price[0]))
        if tick > 1:
            problem = (
                f"prices that are all {tick} ticks apart, so that its tick is another; count "
                "prices in its own ticks"
            )
    if problem:
        raise PacesetterError(f"{source} holds {problem}.")
