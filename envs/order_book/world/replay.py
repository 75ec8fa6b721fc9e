"""Recorded orders played again: what a world agent would have seen, and what was done.

Version history: v1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...core.errors import PacesetterError
from ...core.kernels.compiled import kernel
from ..layout import (
    BAD_SIZE,
    CANCEL_RESTING,
    CLOCK,
    EXTRA,
    NONE,
    REDUCED,
    RESTING,
    ROOM,
    empty_books,
    with_room,
)
from ..matching import limit_order, reduce_order
from . import layout as at
from .acting import reseed_rows
from .agent import WorldAgent
from .alphabet import CANCEL, DEPTHS, LETTERS, depth_bin, size_bin, time_bin
from .features import COUNT, TEN, begin_world, keep_states, note_order, read_features
from .recording import OrderStream
from .simulation import WorldMarkets, checked_seeds

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]
Singles = NDArray[np.float32]
FIRST_ROOM = 1024  # orders
FINISHED, NEEDS_ORDERS, CONTRADICTED = -1, -2, -3


@dataclass(frozen=True, eq=False)
class Replayed:
    """A recording played again.

    Attributes:
        features: what an agent would have seen before every order, ``(n, 62)``.
        actions: event, depth, size and time of the orders, ``(n, 4)``.
        copy, time: of the orders, ``(n,)``.
        outside: orders that the alphabet has no bins for, which are left out.
        untold: changes of the book that the recording shows no order for.
        rate: orders per second and copy.
        memory, reals: books with their history at the end, as of `WorldMarkets`.
        remarks: what is missing or inconsistent in the recording, with its first line.
    """

    features: Singles
    actions: Integers
    copy: Integers
    time: Integers
    outside: int
    untold: int
    rate: float
    memory: Integers
    reals: Reals
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.copy)

    def worlds(
        self, agent: WorldAgent, seeds: ArrayLike, rows: ArrayLike | None = None
    ) -> WorldMarkets:
        """Worlds that go on from the end of the recording.

        Args:
            agent: who acts from now on.
            seeds: of the worlds, ``(B,)``, not negative.
            rows: the copy that each begins from; by default every copy once.
        """
        begun = np.arange(len(self.memory)) if rows is None else np.asarray(rows, dtype=np.int64)
        memory = self.memory[begun]
        reseed_rows(memory, checked_seeds(seeds, len(memory)))
        places = np.arange(len(memory))
        memory[places, memory[:, EXTRA] + at.NEXT_TIME] = memory[:, CLOCK]
        return WorldMarkets(agent, memory, self.reals[begun])


def replay_orders(stream: OrderStream, first_stranger: int = 0, strangers: int = 0) -> Replayed:
    """Play recorded orders again.

    The last order of a copy has no time to the next, and is no action.

    Args:
        stream: recorded orders.
        first_stranger: owner's number of the first stranger who may trade in the books later.
        strangers: how many there are; accounts are kept of them.

    Raises:
        PacesetterError: an order that the book contradicts.
    """
    extra = at.WORLD_ENTRIES
    owners = first_stranger + strangers
    memory = empty_books(stream.copies, stream.window, FIRST_ROOM, owners=owners, extra=extra)
    reals = np.zeros((stream.copies, at.WORLD_REALS))
    memory[:, CLOCK] = stream.begin_ns
    for row, real in zip(memory, reals, strict=True):
        begin_world(row, real, stream.mid, first_stranger)
    count = len(stream)
    table = np.stack(
        [
            *(stream.copy, stream.time, stream.event, stream.price),
            *(stream.size, stream.traded, stream.order),
        ],
        axis=1,
    )
    features, actions = np.empty((count, COUNT), dtype=np.float32), np.empty((count, LETTERS), int)
    numbers = np.full(int(stream.order.max(initial=-1)) + 1, NONE, dtype=np.int64)
    place, why = 0, NEEDS_ORDERS
    while True:
        place, why = _play(memory, reals, table, place, numbers, features, actions)
        if why != NEEDS_ORDERS:
            break
        memory = with_room(memory, 2 * int(memory[0, ROOM]))
    if why == CONTRADICTED:
        raise PacesetterError(
            f"{stream.source}: order {place} (copy {stream.copy[place]}, "
            f"{stream.time[place] / 1e9:.9f} s) contradicts the book: it cannot have traded or "
            "rested like that. A recording must begin with an empty book and miss nothing."
        )
    _finish(memory, reals, stream.until_ns)
    inside = (actions >= 0).all(axis=1)
    unfinished = np.append(stream.copy[1:] != stream.copy[:-1], True)[:count]
    kept = inside & ~unfinished
    return Replayed(
        features[kept],
        actions[kept],
        stream.copy[kept],
        stream.time[kept],
        int((~inside & ~unfinished).sum()),
        0,
        stream.rate,
        memory,
        reals,
    )


@kernel
def _play(
    memory: Integers,
    reals: Reals,
    table: Integers,
    start: int,
    numbers: Integers,
    features: Singles,
    actions: Integers,
) -> tuple[int, int]:
    """Play orders from a place on; where it stopped, and why."""
    prices, sizes = np.zeros((2, TEN), dtype=np.int64), np.zeros((2, TEN), dtype=np.int64)
    for i in range(start, table.shape[0]):
        copy, time, event = table[i, 0], table[i, 1], table[i, 2]
        price, size, traded, order = table[i, 3], table[i, 4], table[i, 5], table[i, 6]
        book = memory[copy]
        if book[ROOM] == book[RESTING]:
            return i, NEEDS_ORDERS
        book[CLOCK] = time
        keep_states(book, reals[copy], prices, sizes, time)
        read_features(book, reals[copy], prices, sizes, features[i], at.LAGS)
        here = book[EXTRA]
        followed = i + 1 < table.shape[0] and table[i + 1, 0] == copy
        wait = time_bin(float(table[i + 1, 1] - time) if followed else 0.0)
        depth = depth_bin(event, price, book[here + at.BID], book[here + at.ASK])
        actions[i, 0], actions[i, 1], actions[i, 2], actions[i, 3] = (
            event,
            depth,
            size_bin(size),
            wait,
        )
        if event // 2 == CANCEL:
            if reduce_order(book, numbers[order], size, REDUCED) != 0:
                return i, CONTRADICTED
        else:
            reason, number, filled, _ = limit_order(
                book, event % 2, price, size, NONE, CANCEL_RESTING, False
            )
            if reason >= BAD_SIZE or filled != traded or (filled < size) != (order != NONE):
                return i, CONTRADICTED
            if order != NONE:
                numbers[order] = number
        note_order(book, event, depth if depth >= 0 else DEPTHS - 1, wait)
    return table.shape[0], FINISHED


@kernel
def _finish(memory: Integers, reals: Reals, until: int) -> None:
    """Bring all books to the end of the recording."""
    prices, sizes = np.zeros((2, TEN), dtype=np.int64), np.zeros((2, TEN), dtype=np.int64)
    for row in range(memory.shape[0]):
        keep_states(memory[row], reals[row], prices, sizes, until)
        memory[row, CLOCK] = max(memory[row, CLOCK], until)
