"""Background markets under way: opened, advanced event by event, many at once.

A copy is a row of `Markets`: the book and everything else that is whole in `memory`, a few numbers
in `reals`, and the parameters it runs under. A copy depends on its own seed alone, whatever batch
it is in. Nothing is kept anywhere else: a copy of the arrays is a copy of the markets.

Version history: v1.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import background_agents as agents
from . import background_layout as at
from . import event_queue
from .background_exchange import agent_of, wait_for
from .background_fundamental import draw_shock
from .background_layout import NEVER
from .background_market import BackgroundMarket
from .compiled import kernel
from .errors import PacesetterError
from .order_book_layout import (
    BUY,
    CLOCK,
    EVENT_LOG,
    EVENT_ROOM,
    EVENT_SIZE,
    EVENTS,
    EXTRA,
    NONE,
    RESTING,
    ROOM,
    SELL,
    empty_books,
    with_room,
)
from .order_book_levels import depth
from .random_numbers import exponential, integer, start_stream, uniform

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]
FIRST_ROOM = 1024  # orders; doubled whenever they are nearly used up
SPARE_ORDERS = 64  # more than one event of any kind adds
SPARE_EVENTS = 128
DONE, NEEDS_ORDERS, QUEUE_IS_FULL = 0, 1, 2
# Sources of randomness; agent i has the stream SOURCES + i.
ARRIVALS, CHOICES, VALUES, PLACES, SOURCES = range(5)


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
            *(len(chosen), market.price_window, FIRST_ROOM, events),
            owners=market.agents + strangers,
            extra=sum(sizes.values()),
        )
        reals = np.zeros((len(chosen), at.SPREADS + market.market_makers))
        parameters = np.tile(market.parameters(), (len(chosen), 1))
        counts = [market.market_makers, market.value_agents, market.momentum_agents]
        places = np.cumsum([0, *sizes.values()])[1:-1]
        for row, seed in enumerate(chosen.tolist()):
            here = int(memory[row, EXTRA])
            memory[row, here + at.MAKERS : here + at.MOMENTUM_AGENTS + 1] = counts
            parts = (at.AGENTS, at.HELD_ORDERS, at.MIDS, at.TRADES, at.QUEUE)
            memory[row, [here + part for part in parts]] = places
            memory[row, here + places[-1] + event_queue.ROOM] = _queue_room(market)
            _open(memory[row], reals[row], parameters[row], seed)
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

    def levels(self, count: int) -> Integers:
        """The best `count` levels: price and size of bids, then of asks, ``(B, 4, count)``.

        Prices are 0 and sizes 0 beyond the last level.
        """
        found = np.zeros((len(self.memory), 4, count), dtype=np.int64)
        _read_levels(self.memory, found)
        return found

    def events(self, copy: int) -> Integers:
        """What happened to the orders of one copy since `clear_events`, ``(n, 8)``.

        Columns as in `order_book_layout`.

        Raises:
            PacesetterError: more happened than there was room for.
        """
        book = self.memory[copy]
        count, room = int(book[EVENTS]), int(book[EVENT_ROOM])
        if count > room:
            raise PacesetterError(
                f"{count} events happened, but there was room for {room}; open the markets with "
                "more, or read and clear them more often."
            )
        start = int(book[EVENT_LOG])
        return book[start : start + EVENT_SIZE * count].reshape(count, EVENT_SIZE).copy()

    def clear_events(self) -> None:
        """Forget all events so far."""
        self.memory[:, EVENTS] = 0

    def copy(self) -> Self:
        """Independent markets that go on in the same way."""
        return type(self)(
            self.market, self.memory.copy(), self.reals.copy(), self.parameters.copy()
        )


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
            return memory
        memory = with_room(memory, 2 * int(memory[0, ROOM]))


def _run(
    memory: Integers,
    reals: Reals,
    parameters: Reals,
    until: Integers,
    outcome: Integers,
    threads: int,
) -> None:
    arrays = (memory, reals, parameters, until, outcome)
    copies = len(memory)
    if threads == 1 or copies == 1:
        _advance_rows(*arrays, 0, copies)
        return
    # More parts than threads: copies differ in how much happens.
    edges = np.linspace(0, copies, min(4 * threads, copies) + 1).astype(int).tolist()
    list(_pool(threads).map(lambda part: _advance_rows(*arrays, *part), pairwise(edges)))


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="pacesetter-market")


def _queue_room(market: BackgroundMarket) -> int:
    return 4 * market.agents + 512


def _parts(market: BackgroundMarket) -> dict[str, int]:
    """Entries of every part of a market behind its book, in their order."""
    return {
        "counters": at.COUNTERS,
        "agents": at.AGENT_SIZE * market.agents,
        "held": at.MOST_HELD * market.market_makers,
        "mids": at.LONG * market.momentum_agents,
        "trades": at.TRADE_SIZE * at.MOST_TRADES,
        "queue": event_queue.queue_size(_queue_room(market)),
    }


@kernel
def _open(memory: Integers, reals: Reals, parameters: Reals, seed: int) -> None:
    """Everybody is placed on the line and sleeps; the first wakes are drawn."""
    here, opening = memory[EXTRA], int(parameters[at.OPEN])
    for source, counter in (
        (ARRIVALS, at.NOISE_STREAM),
        (CHOICES, at.NOISE_CHOICES),
        (VALUES, at.FUNDAMENTAL_STREAM),
    ):
        start_stream(memory, here + counter, seed, source)
    memory[CLOCK] = opening
    memory[here + at.IMBALANCED] = NONE
    memory[here + at.FUNDAMENTAL_TIME] = opening
    reals[at.FUNDAMENTAL] = parameters[at.MEAN_PRICE]
    draw_shock(memory, reals, parameters, opening)
    # The stream of places is used here alone; a counter that is set below holds it.
    places = here + at.NOISE_TIME
    start_stream(memory, places, seed, PLACES)
    reals[at.EXCHANGE_PLACE] = uniform(memory, places)
    makers, value_agents = memory[here + at.MAKERS], memory[here + at.VALUE_AGENTS]
    for number in range(makers + value_agents + memory[here + at.MOMENTUM_AGENTS]):
        distance = abs(uniform(memory, places) - reals[at.EXCHANGE_PLACE])
        latency = int(parameters[at.LINE_LENGTH] * distance)
        start_stream(memory, agent_of(memory, number) + at.STREAM, seed, SOURCES + number)
        _place_agent(memory, parameters, number, latency)
    for maker in range(makers):
        reals[at.SPREADS + maker] = parameters[at.MAKER_FIRST_SPREAD]
    reals[at.SURVIVING], reals[at.WOKEN] = 1.0, 0.0
    agents.next_noise_agent(memory, reals, parameters)
    while memory[here + at.NOISE_TIME] < opening:
        agents.next_noise_agent(memory, reals, parameters)


@kernel
def _place_agent(memory: Integers, parameters: Reals, number: int, latency: int) -> None:
    """An agent's lot and its first wake."""
    here, agent = memory[EXTRA], agent_of(memory, number)
    stream = agent + at.STREAM
    memory[agent + at.LATENCY] = latency
    memory[agent + at.ORDER_OF] = NONE
    memory[agent + at.MID] = NONE
    mixture = parameters[at.SIZE_MIXTURE] != 0.0
    if number < memory[here + at.MAKERS]:
        kind, mean = at.MAKER_CANCELS, parameters[at.MAKER_WAKE]
    elif number < memory[here + at.MAKERS] + memory[here + at.VALUE_AGENTS]:
        kind, mean = at.VALUE_READS, parameters[at.VALUE_WAKE]
        low, high = int(parameters[at.LOT_LOW]), int(parameters[at.LOT_HIGH])
        memory[agent + at.LOT] = 0 if mixture else integer(memory, stream, low, high + 1)
    else:
        kind, mean = at.MOMENTUM_READS, parameters[at.MOMENTUM_WAKE]
        low = int(parameters[at.MOMENTUM_LOT_LOW])
        high = int(parameters[at.MOMENTUM_LOT_HIGH])
        memory[agent + at.LOT] = 0 if mixture else integer(memory, stream, low, high + 1)
    wake = parameters[at.OPEN] + np.rint(exponential(memory, stream, mean))
    time = int(wake) + int(parameters[at.COMPUTATION_DELAY]) + latency
    wait_for(memory, time, kind, number, 0, 0, 0)


@kernel
def _read_levels(memory: Integers, found: Integers) -> None:
    for row in range(memory.shape[0]):
        depth(memory[row], BUY, found[row, 0], found[row, 1])
        depth(memory[row], SELL, found[row, 2], found[row, 3])


@kernel
def _advance_rows(
    memory: Integers,
    reals: Reals,
    parameters: Reals,
    until: Integers,
    outcome: Integers,
    first: int,
    last: int,
) -> None:
    for row in range(first, last):
        if outcome[row] == NEEDS_ORDERS:
            outcome[row] = advance(memory[row], reals[row], parameters[row], until[row])


@kernel
def advance(memory: Integers, reals: Reals, parameters: Reals, until: int) -> int:
    """Handle all events up to a time; returns why it stopped, to be called again after it."""
    here = memory[EXTRA]
    queue = here + memory[here + at.QUEUE]
    first = queue + event_queue.FIRST
    while True:
        if memory[ROOM] - memory[RESTING] < SPARE_ORDERS:
            return NEEDS_ORDERS
        length = memory[queue + event_queue.LENGTH]
        if memory[queue + event_queue.ROOM] - length < SPARE_EVENTS:
            return QUEUE_IS_FULL
        next_event = memory[first + event_queue.TIME] if length > 0 else NEVER
        noise = memory[here + at.NOISE_TIME]
        if min(noise, next_event) > until:
            break
        if noise <= next_event:
            agents.noise_wakes(memory, reals, parameters)
            continue
        memory[CLOCK] = next_event
        kind, agent = memory[first + event_queue.KIND], memory[first + event_queue.AGENT]
        a, b = memory[first + event_queue.A], memory[first + event_queue.B]
        c = memory[first + event_queue.C]
        event_queue.pop(memory, queue)
        _handle(memory, reals, parameters, kind, agent, a, b, c)
    memory[CLOCK] = max(memory[CLOCK], until)
    return DONE


@kernel
def _handle(
    memory: Integers,
    reals: Reals,
    parameters: Reals,
    kind: int,
    agent: int,
    a: int,
    b: int,
    c: int,
) -> None:
    if kind == at.ORDER_ARRIVES:
        agents.order_arrives(memory, parameters, agent, a, b, c)
    elif kind == at.VALUE_READS:
        agents.value_reads(memory, parameters, agent)
    elif kind == at.VALUE_DECIDES:
        agents.value_decides(memory, reals, parameters, agent)
    elif kind == at.NOISE_READS:
        agents.noise_reads(memory, parameters, a)
    elif kind == at.MOMENTUM_READS:
        agents.momentum_reads(memory, parameters, agent)
    elif kind == at.MAKER_CANCELS:
        agents.maker_cancels(memory, parameters, agent)
    elif kind == at.MAKER_READS:
        agents.maker_reads(memory, reals, parameters, agent)
    elif kind == at.MAKER_REPEATS:
        agents.maker_repeats(memory, reals, parameters, agent)
    else:
        agents.maker_quotes(memory, reals, parameters, agent)
