"""Speed of the limit order book: the matching engine, and the background market with all agents.

Rates are per second of processor time, so that what else runs on the machine counts little; only
the speed-up by threads is measured on the clock.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....envs.order_book import layout, requests
from ....envs.order_book.background.market import HOUR, PRESETS, SECOND, BackgroundMarket
from ....envs.order_book.background.simulation import Markets
from ....envs.order_book.world import WorldAgent, record_orders, replay_orders
from ..speed import Figures, Measured, note

BOOKS = {"20_levels": (20, 20), "1000_levels": (1000, 1000), "static_1000_levels": (1000, 20)}
"""Name -> levels a side of the book, and levels a side that messages are spread over."""
MIDDLE = 100_000
MESSAGES = 2_000_000
CYCLE = 11
LAG = 60  # cycles that an order lives


def order_book(repeats: int, quick: bool = False) -> Figures:
    """Time of the background market, and operations per second on books of 20 and 1,000 levels.

    ``static_1000_levels`` is a deep book that the messages leave alone but for its best 20 levels.
    """
    figures: Figures = {}
    for _ in range(repeats):
        for preset in PRESETS:
            for name, value in background(preset, hours=0.25 if quick else 1.0).items():
                note(figures, f"{preset}/{name}", value)
        for name, value in world(minutes=2 if quick else 10).items():
            note(figures, f"world/{name}", value)
        for name, value in two_threads().items():
            note(figures, f"64_copies/{name}", value)
        for name, (levels, active) in BOOKS.items():
            rate = operations_per_second(levels, active, MESSAGES // (10 if quick else 1))
            note(figures, f"{name}/operations_per_processor_second", rate)
    return figures


def operations_per_second(levels: int, active: int, number: int) -> float:
    """Messages per second of processor time, on a book that was filled before."""
    books = layout.empty_books(1, window=8192, orders=2**14)
    _played(books, filling(levels))
    messages = mixed_messages(active, number)
    _played(books.copy(), messages[:, :CYCLE])
    began = time.process_time()
    results = _played(books, messages)
    elapsed = time.process_time() - began
    refused = results[0, :, 0] >= layout.BAD_SIZE
    assert (results[0, refused, 0] == layout.UNKNOWN).all()  # orders that were traded before
    return number / elapsed


def background(preset: str, hours: float) -> dict[str, float]:
    """Processor seconds per simulated hour, milliseconds to open a market, and its megabytes."""
    market = BackgroundMarket.preset(preset)
    Markets.opened(market, [0]).advance(market.open_ns + SECOND)
    copies = 16
    began = time.process_time()
    markets = Markets.opened(market, np.arange(copies))
    opened = time.process_time()
    markets.advance(market.open_ns + int(hours * HOUR))
    ran = time.process_time() - opened
    arrays = (markets.memory, markets.reals, markets.parameters)
    return {
        "processor_seconds_per_hour": ran / hours / copies,
        "reset_milliseconds": 1e3 * (opened - began) / copies,
        "megabytes": sum(array.nbytes for array in arrays) / copies / 1e6,
    }


def world(minutes: int) -> dict[str, float]:
    """Orders of a world agent per processor second, features, network and book included.

    Its weights are untrained: they cost what trained ones cost. Also microseconds of an order that
    is played again with its features, and megabytes of a copy.
    """
    market = BackgroundMarket.preset("rmsc04")
    begin, seeds = market.open_ns + 300 * SECOND, np.arange(64)
    recorded = record_orders(market, seeds, begin)
    played = replay_orders(recorded)
    began = time.process_time()
    replay_orders(recorded)
    replaying = time.process_time() - began
    agent = WorldAgent.initial(0, played.actions, played.rate)
    worlds = played.worlds(agent, seeds)
    worlds.advance(begin + SECOND)
    before = worlds.counts["orders"].sum()
    began = time.process_time()
    worlds.advance(begin + 60 * SECOND * minutes)
    elapsed = time.process_time() - began
    return {
        "orders_per_processor_second": float(worlds.counts["orders"].sum() - before) / elapsed,
        "replay_microseconds_per_order": 1e6 * replaying / len(recorded),
        "megabytes": (worlds.memory.nbytes + worlds.reals.nbytes) / len(seeds) / 1e6,
    }


def two_threads() -> dict[str, float]:
    """64 copies of rmsc03 on two threads over one: time on the clock, and processor time.

    On a busy machine the clock says little; processor time that stays the same says that threads do
    not wait for each other.
    """
    market = BackgroundMarket.preset("rmsc03")
    clock, processor = [], []
    for threads in (1, 2):
        markets = Markets.opened(market, np.arange(64))
        began, worked = time.perf_counter(), time.process_time()
        markets.advance(market.open_ns + HOUR // 4, threads=threads)
        clock.append(time.perf_counter() - began)
        processor.append(time.process_time() - worked)
    return {
        "speedup_by_two_threads": clock[0] / clock[1],
        "processor_time_by_two_threads": processor[1] / processor[0],
    }


def _played(books: Any, messages: NDArray[np.int64]) -> NDArray[np.int64]:
    results = np.zeros((*messages.shape[:2], layout.RESULT_COLUMNS), dtype=np.int64)
    requests.run(books, messages, results, int(layout.Prevention.CANCEL_RESTING))
    return results


def filling(levels: int) -> NDArray[np.int64]:
    """Three orders of 50 shares at each of so many prices a side, ``(1, n, 6)``."""
    distance = np.repeat(np.arange(1, levels + 1), 6)
    side = np.arange(len(distance)) % 2
    return _messages(layout.LIMIT, side, np.where(side == 0, -distance, distance), 50, -1)


def mixed_messages(levels: int, number: int) -> NDArray[np.int64]:
    """A stream under which the book stays as large as it is, ``(1, number, 6)``.

    Of eleven messages four are limit orders, four cancel such orders unless they were traded
    before, one replaces and one reduces one, and one is a market order. Prices are uniform over
    `levels` ticks from the middle.
    """
    generator = np.random.default_rng(0)
    place, cycle = np.arange(number) % CYCLE, np.arange(number) // CYCLE
    kind = np.array(layout.LIMIT).repeat(number)
    target = np.full(number, -1)
    fates = (
        *((layout.CANCEL, 1, 0, LAG), (layout.CANCEL, 4, 2, LAG)),
        *((layout.REPLACE, 5, 3, LAG // 2), (layout.CANCEL, 7, 5, LAG // 2)),
        *((layout.REDUCE, 6, 9, LAG // 3), (layout.CANCEL, 10, 9, LAG)),
    )
    for what, at, of, cycles in fates:
        chosen = (place == at) & (cycle >= cycles)
        kind[chosen] = what
        target[chosen] = -1 - ((cycle[chosen] - cycles) * CYCLE + of)
    kind[place == 8] = layout.MARKET
    side = generator.integers(0, 2, number)
    distance = generator.integers(1, levels + 1, number)
    size = np.where(kind == layout.REDUCE, 1, generator.integers(1, 20, number))
    owner = generator.integers(-1, 50, number)
    signed = np.where(side == layout.BUY, -distance, distance)
    messages = _messages(kind, side, signed, size, target)
    messages[0, :, 4] = owner
    return messages


def _messages(kind: Any, side: Any, distance: Any, size: Any, target: Any) -> NDArray[np.int64]:
    columns = np.broadcast_arrays(kind, side, MIDDLE + distance, size, -1, target)
    return np.stack(columns, axis=1)[None].astype(np.int64)


ALONE = Measured(
    "the matching engine and the background market, one core",
    order_book,
    goals={
        "20_levels/operations_per_processor_second": ("at least", 3e6),
        "1000_levels/operations_per_processor_second": ("at least", 2.5e6),
        "static_1000_levels/operations_per_processor_second": ("at least", 2.5e6),
        "rmsc04/processor_seconds_per_hour": ("at most", 0.1),
        "rmsc03/processor_seconds_per_hour": ("at most", 0.6),
        "rmsc04/reset_milliseconds": ("at most", 5.0),
        "rmsc03/reset_milliseconds": ("at most", 5.0),
        "rmsc03/megabytes": ("at most", 20.0),
        "64_copies/speedup_by_two_threads": ("at least", 1.5),
        "world/orders_per_processor_second": ("at least", 250_000),
        "world/replay_microseconds_per_order": ("at most", 2.0),
    },
)
