"""Whole days of a background market, and what one order does to it: what facts are taken of.

Version history: v1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ....envs.order_book.background.exchange import note_trade
from ....envs.order_book.background.market import HOUR, SECOND, BackgroundMarket
from ....envs.order_book.background.simulation import Markets, events_of
from ....envs.order_book.layout import (
    BEST,
    BUY,
    CANCEL_RESTING,
    EVENTS,
    EXECUTED,
    KIND,
    NO_ASK,
    NO_BID,
    NONE,
    OF_SIDE,
    SELL,
    TIME,
    TRADED,
)
from ....envs.order_book.matching import market_order

WARM_UP = 300  # seconds
ROOM_FOR_EVENTS = 100_000
EMPTIED = 60  # seconds after which events are read
CHILDREN, CHILD_SIZE, SECONDS_BETWEEN = (5, 20, 80), 100, 10
AFTERWARDS = 1800  # seconds that an order's impact is followed for
Floats = NDArray[np.float64]


class Living(Protocol):
    """Markets or worlds, a row of memory each, whose books keep their events."""

    memory: NDArray[np.int64]

    def advance(self, until_ns: int) -> Any:
        """Let them run until a time, ns since midnight."""


@dataclass(frozen=True)
class Day:
    """One copy from 09:35 to the close.

    Attributes:
        mid: of every sample, cents, ``(T,)``; the last there was where a side is empty.
        volume: shares traded so far at every sample, ``(T,)``.
        times: of trades, seconds, ``(n,)``; executions of one moment are one trade.
        signs: 1 where the taker buys, else −1, ``(n,)``.
        every: seconds between two samples, a divisor of 60.
    """

    mid: Floats
    volume: Floats
    times: Floats
    signs: Floats
    every: int = 1

    def by(self, seconds: int) -> tuple[Floats, Floats]:
        """Mid and volume so far, once in so many seconds, a multiple of 60."""
        step = seconds // self.every
        return self.mid[::step], self.volume[::step]


def days(preset: str, seeds: int) -> list[Day]:
    """A day of every seed 0, …, seeds − 1."""
    market = BackgroundMarket.preset(preset)
    markets = Markets.opened(market, np.arange(seeds), events=ROOM_FOR_EVENTS)
    markets.advance(market.open_ns + WARM_UP * SECOND)
    markets.clear_events()
    seconds = (market.close_ns - market.open_ns) // SECOND - WARM_UP
    return lived(markets, market.open_ns + WARM_UP * SECOND, seconds, market.mean_price)


def lived(
    markets: Living,
    begin_ns: int,
    seconds: int,
    first_price: float,
    every: int = 1,
    watch: Callable[[int, list[NDArray[np.int64]]], None] = lambda time, events: None,
) -> list[Day]:
    """Days of markets that stand at their beginning, with no events so far.

    Args:
        markets: which go on.
        begin_ns: of the first sample, ns since midnight.
        seconds: until the end.
        first_price: the mid of a book that has never had two sides.
        every: seconds between two samples, a divisor of 60.
        watch: shown the time and all events of each copy, ``(n, 8)``, whenever these are read.
    """
    samples, copies = seconds // every, len(markets.memory)
    mid, volume = np.full((2, copies, samples), first_price)
    executed: list[list[NDArray[np.int64]]] = [[] for _ in range(copies)]
    for place in range(samples):
        now = begin_ns + place * every * SECOND
        markets.advance(now)
        mid[:, place] = mids(markets, mid[:, max(0, place - 1)])
        volume[:, place] = markets.memory[:, TRADED : TRADED + 2].sum(axis=1)
        if (place + 1) * every % EMPTIED == 0 or place == samples - 1:
            events = [events_of(book) for book in markets.memory]
            for kept, one in zip(executed, events, strict=True):
                kept.append(one[one[:, KIND] == EXECUTED][:, [TIME, OF_SIDE]])
            markets.memory[:, EVENTS] = 0
            watch(now, events)
    found = []
    for copy, kept in enumerate(executed):
        rows = np.concatenate(kept)
        times, first = np.unique(rows[:, 0], return_index=True)
        signs = np.where(rows[first, 1] == SELL, 1.0, -1.0)
        found.append(Day(mid[copy], volume[copy], times / 1e9, signs, every))
    return found


def mids(markets: Living, last: Floats) -> Floats:
    """The mid of every copy, or the last where a side is empty, ``(B,)``."""
    bid, ask = markets.memory[:, BEST + BUY], markets.memory[:, BEST + SELL]
    there = (bid != NO_BID) & (ask != NO_ASK)
    return np.where(there, (np.where(there, bid, 0) + np.where(there, ask, 0)) / 2, last)


def impacts(preset: str, seeds: int) -> dict[int, Floats]:
    """What a large order changes: the mid with it less that without, under the same randomness.

    From 10:00 on an order of so many children buys `CHILD_SIZE` shares every ten seconds.

    Returns:
        number of children -> bp of the mid at every minute from the first child on, and in the
        last column at the end of the order, ``(seeds, minutes + 1)``.
    """
    market = BackgroundMarket.preset(preset)
    start = market.open_ns + HOUR // 2
    without = Markets.opened(market, np.arange(seeds))
    without.advance(start)
    found = {}
    for children in CHILDREN:
        plain, bought = without.copy(), without.copy()
        end = children * SECONDS_BETWEEN
        path = np.zeros((seeds, (end + AFTERWARDS) // 60 + 2))
        middle = np.full(seeds, market.mean_price)
        for step in range((end + AFTERWARDS) // SECONDS_BETWEEN + 1):
            seconds = step * SECONDS_BETWEEN
            for markets in (plain, bought):
                markets.advance(start + seconds * SECOND)
            change = 1e4 * (mids(bought, middle) - mids(plain, middle)) / market.mean_price
            if seconds % 60 == 0:
                path[:, seconds // 60] = change
            if seconds == end:
                path[:, -1] = change
            if step < children:
                for book in bought.memory:
                    market_order(book, BUY, CHILD_SIZE, NONE, CANCEL_RESTING)
                    note_trade(book)
        found[children] = path
    return found
