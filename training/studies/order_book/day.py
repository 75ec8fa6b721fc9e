"""Whole days of a background market, and what one order does to it: what facts are taken of.

Version history: v1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ....envs.order_book.background.exchange import note_trade
from ....envs.order_book.background.market import HOUR, SECOND, BackgroundMarket
from ....envs.order_book.background.simulation import Markets
from ....envs.order_book.layout import (
    BEST,
    BUY,
    CANCEL_RESTING,
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


@dataclass(frozen=True)
class Day:
    """One copy from 09:35 to the close.

    Attributes:
        mid: of every second, cents, ``(T,)``; the last there was where a side is empty.
        volume: shares traded so far at every second, ``(T,)``.
        times: of trades, seconds, ``(n,)``; executions of one moment are one trade.
        signs: 1 where the taker buys, else −1, ``(n,)``.
    """

    mid: Floats
    volume: Floats
    times: Floats
    signs: Floats


def days(preset: str, seeds: int) -> list[Day]:
    """A day of every seed 0, …, seeds − 1."""
    market = BackgroundMarket.preset(preset)
    markets = Markets.opened(market, np.arange(seeds), events=ROOM_FOR_EVENTS)
    markets.advance(market.open_ns + WARM_UP * SECOND)
    markets.clear_events()
    seconds = (market.close_ns - market.open_ns) // SECOND - WARM_UP
    mid, volume = np.full((2, seeds, seconds), market.mean_price)
    executed: list[list[NDArray[np.int64]]] = [[] for _ in range(seeds)]
    for second in range(seconds):
        markets.advance(market.open_ns + (WARM_UP + second) * SECOND)
        mid[:, second] = mids(markets, mid[:, max(0, second - 1)])
        volume[:, second] = markets.memory[:, TRADED : TRADED + 2].sum(axis=1)
        if second % EMPTIED == EMPTIED - 1 or second == seconds - 1:
            for copy, kept in enumerate(executed):
                events = markets.events(copy)
                kept.append(events[events[:, KIND] == EXECUTED][:, [TIME, OF_SIDE]])
            markets.clear_events()
    found = []
    for copy, kept in enumerate(executed):
        rows = np.concatenate(kept)
        times, first = np.unique(rows[:, 0], return_index=True)
        signs = np.where(rows[first, 1] == SELL, 1.0, -1.0)
        found.append(Day(mid[copy], volume[copy], times / 1e9, signs))
    return found


def mids(markets: Markets, last: Floats) -> Floats:
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
