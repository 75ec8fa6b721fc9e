"""Background markets under way: opened, advanced event by event, many at once.

A copy is a row of `Markets`: the book and everything else that is whole in `memory`, a few numbers
in `reals`, and the parameters it runs under. A copy depends on its own seed alone, whatever batch
it is in. Nothing is kept anywhere else: a copy of the arrays is a copy of the markets.

Version history: v1.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...core.errors import PacesetterError
from ...core.kernels.compiled import kernel
from ..layout import (
    BUY,
    EVENT_LOG,
    EVENT_ROOM,
    EVENT_SIZE,
    EVENTS,
    EXTRA,
    ROOM,
    SELL,
    empty_books,
    with_room,
)
from ..levels import depth
from ..threads import over_rows
from . import event_queue, flow
from . import layout as at
from .branching import checked_seeds, reseed_rows
from .events import NEEDS_ORDERS, QUEUE_IS_FULL, advance_rows
from .market import BackgroundMarket
from .opening import open_market

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]
FIRST_ROOM = 1024  # orders; doubled whenever they are nearly used up


@dataclass
class Markets:
    """B background markets.

    Attributes:
        market: composition and parameters.
        memory: books, agents and queues, ``(B, L)``; replaced by a larger one when books grow.
        reals: fundamental values and averages, ``(B, R)``.
        parameters: in the order of `background_layout.PARAMETERS`, ``(B, P)``; may be changed at
            any time.
    """

    market: BackgroundMarket
    memory: Integers
    reals: Reals
    parameters: Reals

    @classmethod
    def opened(
        cls, market: BackgroundMarket, seeds: ArrayLike, events: int = 0, strangers: int = 0
    ) -> Self:
        """Markets at their opening, with an empty book.

        Args:
            market: composition and parameters.
            seeds: of the copies, ``(B,)``, not negative.
            events: events of the book to keep between two calls of `clear_events`.
            strangers: owners of orders beside the background agents; their numbers follow theirs.
        """
        chosen = np.asarray(seeds, dtype=np.int64).ravel()
        if not chosen.size or (chosen < 0).any():
            raise PacesetterError(
                f"seeds must be one or more non-negative integers, got {chosen.tolist()}."
            )
        sizes = _parts(market)
        memory = empty_books(
            *(len(chosen), market.window, FIRST_ROOM, events),
            owners=market.agents + strangers,
            extra=sum(sizes.values()),
        )
        reals = np.zeros((len(chosen), at.SPREADS + market.market_makers + flow.reals_of(market)))
        parameters = np.tile(market.parameters(), (len(chosen), 1))
        counts = [market.market_makers, market.value_agents, market.momentum_agents]
        places = np.cumsum([0, *sizes.values()])[1:-1]
        for row, seed in enumerate(chosen.tolist()):
            here = int(memory[row, EXTRA])
            memory[row, here + at.MAKERS : here + at.MOMENTUM_AGENTS + 1] = counts
            parts = (at.AGENTS, at.HELD_ORDERS, at.MIDS, at.TRADES, at.FLOW, at.QUEUE)
            memory[row, [here + part for part in parts]] = places
            memory[row, here + places[-1] + event_queue.ROOM] = _queue_room(market)
            open_market(memory[row], reals[row], parameters[row], seed)
        return cls(market, memory, reals, parameters)

    def advance(self, until_ns: ArrayLike, threads: int = 1) -> None:
        """Let the markets run until a time, ns since midnight, one for all or ``(B,)``.

        Args:
            until_ns: not beyond the close; a time in the past changes nothing.
            threads: cores to use; the result does not depend on it.

        Raises:
            PacesetterError: a time beyond the close.
        """
        copies = len(self.memory)
        until = np.broadcast_to(np.asarray(until_ns, dtype=np.int64), (copies,)).copy()
        if (until > self.market.close_ns).any():
            raise PacesetterError(
                f"the market closes at {self.market.close_ns / 1e9:g} s after midnight; "
                f"it cannot run until {until.max() / 1e9:g} s."
            )
        self.memory = advance_all(self.memory, self.reals, self.parameters, until, threads)

    @property
    def refused(self) -> Integers:
        """Orders of background agents that the exchange refused so far, ``(B,)``."""
        return refused_orders(self.memory)

    def levels(self, count: int) -> Integers:
        """The best `count` levels: price and size of bids, then of asks, ``(B, 4, count)``.

        Prices are 0 and sizes 0 beyond the last level.
        """
        return levels_of(self.memory, count)

    def events(self, copy: int) -> Integers:
        """What happened to the orders of one copy since `clear_events`, ``(n, 8)``.

        Columns as in `layout`.

        Raises:
            PacesetterError: more happened than there was room for.
        """
        return events_of(self.memory[copy])

    def clear_events(self) -> None:
        """Forget all events so far."""
        self.memory[:, EVENTS] = 0

    def copy(self) -> Self:
        """Independent markets that go on in the same way."""
        return self.take(slice(None))

    def take(self, rows: Any) -> Self:
        """Independent markets that go on as the given copies do: index array, mask or slice."""
        arrays = (self.memory, self.reals, self.parameters)
        return type(self)(self.market, *(np.array(array[rows]) for array in arrays))

    def reseeded(self, seeds: ArrayLike) -> Self:
        """Independent markets that go on from the same state with other random numbers, ``(B,)``.

        Whatever is to happen next stands; see `branching`.

        Raises:
            PacesetterError: another number of seeds, or one that cannot be one.
        """
        branches = self.copy()
        reseed_rows(branches.memory, checked_seeds(seeds, len(self.memory)))
        return branches

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """The copies of several markets of one composition, in their order; all get equal room.

        Raises:
            PacesetterError: nothing to join, or another composition.
        """
        if not parts or any(part.market != parts[0].market for part in parts):
            raise PacesetterError(
                f"markets are joined that have one composition; got "
                f"{len(set(part.market for part in parts))} compositions."
            )
        memory = np.concatenate(with_equal_room([part.memory for part in parts]))
        reals, parameters = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("reals", "parameters")
        )
        return cls(parts[0].market, memory, reals, parameters)


def with_equal_room(memories: Sequence[Integers]) -> list[Integers]:
    """The same books, each ``(B, L)``, with the room for orders of the roomiest."""
    room = max(int(memory[0, ROOM]) for memory in memories)
    return [
        memory if int(memory[0, ROOM]) == room else with_room(memory, room) for memory in memories
    ]


def advance_all(
    memory: Integers, reals: Reals, parameters: Reals, until_ns: Integers, threads: int = 1
) -> Integers:
    """Let B markets run until the times ``(B,)``; changes `memory` and `reals` in place.

    Returns:
        the memory, a larger one if books had to grow.
    """
    outcome = np.full(len(memory), NEEDS_ORDERS, dtype=np.int64)
    while True:
        _run(memory, reals, parameters, until_ns, outcome, threads)
        if (outcome == QUEUE_IS_FULL).any():
            raise PacesetterError("the market's queue of events is full; use fewer agents.")
        if not (outcome == NEEDS_ORDERS).any():
            _tell_refused(memory)
            return memory
        memory = with_room(memory, 2 * int(memory[0, ROOM]))


def refused_orders(memory: Integers) -> Integers:
    """Orders of background agents that the exchange refused, or did not rest, so far, ``(B,)``."""
    found: Integers = memory[np.arange(len(memory)), memory[:, EXTRA] + at.REFUSED]
    return found


def _tell_refused(memory: Integers) -> None:
    """Say once a process that orders of the background were refused; `Markets.refused` counts."""
    if refused_orders(memory).any():
        warnings.warn(
            "orders of background agents were refused by the exchange, or what was left of them: "
            "their prices lie outside of the book's window. A wider one is the background's option "
            "`price_window`.",
            RuntimeWarning,
            stacklevel=3,
        )


def _run(
    memory: Integers,
    reals: Reals,
    parameters: Reals,
    until: Integers,
    outcome: Integers,
    threads: int,
) -> None:
    arrays = (memory, reals, parameters, until, outcome)
    over_rows(partial(advance_rows, *arrays), len(memory), threads)


def _queue_room(market: BackgroundMarket) -> int:
    return 4 * market.agents + 512


def _parts(market: BackgroundMarket) -> dict[str, int]:
    """Entries of every part of a market behind its book, in their order."""
    return {
        "counters": at.COUNTERS,
        "agents": at.AGENT_SIZE * market.agents,
        "held": market.market_makers
        * (at.MOST_HELD_EXACT if market.abides_exact else at.MOST_HELD),
        "mids": at.LONG * market.momentum_agents,
        "trades": at.TRADE_SIZE * at.MOST_TRADES,
        "flow": flow.entries_of(market),
        "queue": event_queue.queue_size(_queue_room(market)),
    }


def events_of(book: Integers) -> Integers:
    """What happened to the orders of one book ``(L,)`` since its events were read, ``(n, 8)``.

    Raises:
        PacesetterError: more happened than there was room for.
    """
    count, room = int(book[EVENTS]), int(book[EVENT_ROOM])
    if count > room:
        raise PacesetterError(
            f"{count} events happened, but there was room for {room}; open the markets with "
            "more, or read and clear them more often."
        )
    start = int(book[EVENT_LOG])
    return book[start : start + EVENT_SIZE * count].reshape(count, EVENT_SIZE).copy()


def levels_of(memory: Integers, count: int) -> Integers:
    """The best levels of books ``(B, L)``; see `Markets.levels`."""
    found = np.zeros((len(memory), 4, count), dtype=np.int64)
    _read_levels(memory, found)
    return found


@kernel
def _read_levels(memory: Integers, found: Integers) -> None:
    for row in range(memory.shape[0]):
        depth(memory[row], BUY, found[row, 0], found[row, 1])
        depth(memory[row], SELL, found[row, 2], found[row, 3])
