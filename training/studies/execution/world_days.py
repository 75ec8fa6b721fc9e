"""Whole days of the real market and of worlds, and what is read of an hour of them.

A world goes on from 09:35 to the close from books of the real market, though it was calibrated on
five minutes. From 10:00 to 11:00 every event is kept and the book is read once a minute: what
INTAGS draws, and what LOB-Bench scores (Nagy et al. 2025).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ....envs.order_book.background.market import HOUR, SECOND, BackgroundMarket
from ....envs.order_book.background.simulation import Markets, levels_of
from ....envs.order_book.layout import (
    AT_PRICE,
    CANCELLED,
    KIND,
    OF_SIDE,
    ORDER,
    ROOM,
    SHARES,
    SUBMITTED,
    TIME,
    with_room,
)
from ....envs.order_book.stylised_facts import time_to_first_fill, trades, volume_per_minute
from ....envs.order_book.world import WorldAgent, record_orders, replay_orders
from ....envs.order_book.world.alphabet import FIRST_WAIT
from ..order_book.day import ROOM_FOR_EVENTS, WARM_UP, Day, lived

Floats = NDArray[np.float64]
COPIES = 12
"""Trials of a market, as in the paper's figures 6 to 9."""
DAY_SEED, APART = 7_000_000, 1_000
MINUTES, LEVELS = 60, 10
EVERY = 60  # seconds between two looks at the book


@dataclass
class Hour:
    """One copy from 10:00 to 11:00.

    Attributes:
        levels: the best ten at every minute, as of `Markets.levels`, ``(60, 4, 10)``.
        events: what happened to resting orders, ``(n, 8)``.
        begin_ns: of the hour.
    """

    levels: NDArray[np.int64]
    events: NDArray[np.int64]
    begin_ns: int


@dataclass
class _Watch:
    """Keeps the hour of every copy while days go on."""

    begin_ns: int
    levels: list[NDArray[np.int64]] = field(default_factory=list)
    events: list[list[NDArray[np.int64]]] = field(default_factory=list)

    def __call__(
        self, memory: NDArray[np.int64], time: int, events: list[NDArray[np.int64]]
    ) -> None:
        if self.begin_ns < time <= self.begin_ns + HOUR:
            self.levels.append(levels_of(memory, LEVELS))
            self.events.append(events)

    def hours(self) -> list[Hour]:
        """Of every copy."""
        levels = np.stack(self.levels, axis=1)
        return [
            Hour(one, np.concatenate(events), self.begin_ns)
            for one, events in zip(levels, zip(*self.events, strict=True), strict=True)
        ]


def lived_days(
    market: BackgroundMarket, number: int, weights: Mapping[str, NDArray[np.float32]] | None
) -> tuple[list[Day], list[Hour]]:
    """Days of the real market, or of a world that begins at 09:35 in its place.

    Args:
        market: the real one.
        number: whose seeds these days have; worlds of one number begin in the same books.
        weights: of the world agent; None: the real market.
    """
    seeds = DAY_SEED + APART * number + np.arange(COPIES)
    begin = market.open_ns + WARM_UP * SECOND
    if weights is None:
        markets = Markets.opened(market, seeds + (APART // 2), events=ROOM_FOR_EVENTS)
        markets.advance(begin)
        markets.clear_events()
    else:
        opened = replay_orders(record_orders(market, seeds, begin))
        markets = opened.worlds(WorldAgent.of(weights), seeds)  # type: ignore[assignment]
        room = int(markets.memory[0, ROOM])
        markets.memory = with_room(markets.memory, room, ROOM_FOR_EVENTS)
    watch = _Watch(market.open_ns + HOUR // 2)
    seconds = (market.close_ns - market.open_ns) // SECOND - WARM_UP
    found = lived(
        *(markets, begin, seconds, market.mean_price, EVERY),
        watch=lambda time, events: watch(markets.memory, time, events),
    )
    return found, watch.hours()


# What is read of an hour --------------------------------------------------------------------------


def samples(hours: list[Hour]) -> dict[str, Floats]:
    """Values of every statistic over all hours together, after LOB-Bench, ``(n,)`` each.

    What happens within `FIRST_WAIT` is one burst: a world draws its times within it anew.
    """
    parts = [_of_one(hour) for hour in hours]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _of_one(hour: Hour) -> dict[str, Floats]:
    bid, bids, ask, asks = np.moveaxis(hour.levels, 1, 0).astype(np.float64)
    there = (bids[:, 0] > 0) & (asks[:, 0] > 0)
    gaps = np.diff(np.unique(hour.events[:, TIME])).astype(np.float64)
    shares = bids.sum(axis=1) + asks.sum(axis=1)
    return {
        "spread": np.log((ask[:, 0] - bid[:, 0])[there]),
        "imbalance": bids.sum(axis=1)[shares > 0] / shares[shares > 0],
        "bid_volume": np.log1p(bids.sum(axis=1)),
        "ask_volume": np.log1p(asks.sum(axis=1)),
        "level_distance": np.log1p(
            np.concatenate([_distances(bid[:, :1] - bid, bids), _distances(ask - ask[:, :1], asks)])
        ),
        "inter_arrival": np.log10(gaps[gaps > FIRST_WAIT]),
        "time_to_cancel": np.log10(np.maximum(times_to_cancel(hour.events), 1e-9)),
        "first_fill": np.log10(np.maximum(time_to_first_fill(hour.events), 1e-9)),
        "order_size": np.log(_submitted(hour.events, SHARES)),
        "in_volume": np.log1p(volume_per_minute(hour.events, hour.begin_ns, MINUTES).ravel()),
    }


def _distances(away: Floats, sizes: Floats) -> Floats:
    """Of levels behind the best one, where there are such."""
    return away[:, 1:][sizes[:, 1:] > 0]


def _submitted(events: NDArray[np.int64], column: int) -> Floats:
    return events[events[:, KIND] == SUBMITTED][:, column].astype(np.float64)


def times_to_cancel(events: NDArray[np.int64]) -> Floats:
    """Seconds from an order's submission to its cancellation, where both are seen, ``(k,)``."""
    submitted = events[events[:, KIND] == SUBMITTED]
    cancelled = events[events[:, KIND] == CANCELLED]
    _, first, last = np.intersect1d(submitted[:, ORDER], cancelled[:, ORDER], return_indices=True)
    return np.asarray((cancelled[last, TIME] - submitted[first, TIME]) / 1e9)


def executed_profile(hour: Hour) -> Floats:
    """Shares bought and sold by takers so far at the end of every minute, ``(60, 2)``."""
    traded = trades(hour.events)
    minute = np.clip((traded["time_ns"] - hour.begin_ns) // (60 * SECOND), 0, MINUTES - 1)
    found = np.zeros((MINUTES, 2))
    np.add.at(found, (minute, traded["side"]), traded["shares"])
    return found.cumsum(axis=0)


def depths(hour: Hour) -> Floats:
    """Ticks from the best price of its own side at the last full minute, of orders that rest."""
    rows = hour.events[hour.events[:, KIND] == SUBMITTED]
    minute = np.clip((rows[:, TIME] - hour.begin_ns) // (60 * SECOND) - 1, 0, MINUTES - 1)
    best = hour.levels[minute][:, (0, 2), 0]
    side = rows[:, OF_SIDE]
    price = rows[:, AT_PRICE]
    return np.where(side == 0, best[:, 0] - price, price - best[:, 1]).astype(np.float64)
