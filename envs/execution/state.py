"""What changes in the execution game: the background market, and the executors' affairs.

Version history: v1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..core.arrays import Array
from ..core.state import State
from ..order_book.background.events import SPARE_ORDERS
from ..order_book.layout import RESTING, ROOM, with_room
from .kernels import read_accounts


@dataclass(frozen=True)
class ExecutionState(State):
    """The background market with everything in it, and the executors' affairs.

    Attributes:
        memory: book, agents and queue of events, ``(B, L)``; see `background.layout`.
        reals: fundamental value and averages of the background, ``(B, R)``.
        arrival_mid: p₀, cents, ``(B,)``.
        mid: the last mid there was, cents, ``(B,)``.
        spread: the last spread there was, cents, ``(B,)``.
        traded: shares traded by all in the last step, ``(B,)``.
        remaining: shares of the parent orders not yet traded, ``(B, N)``.
        standing: numbers of the executors' last limit orders, −1 if none, ``(B, N)``.
    """

    memory: Array
    reals: Array
    arrival_mid: Array
    mid: Array
    spread: Array
    traded: Array
    remaining: Array
    standing: Array

    def put(self, rows: Any, other: Self) -> Self:
        """This state with the given copies replaced; all books get the room of the roomiest."""
        room = max(int(self.memory[0, ROOM]), int(other.memory[0, ROOM]))
        mine, theirs = (
            state
            if int(state.memory[0, ROOM]) == room
            else replace(state, memory=with_room(state.memory, room))
            for state in (self, other)
        )
        return super(ExecutionState, mine).put(rows, theirs)


def with_spare_orders(memory: NDArray[np.int64], executors: int) -> NDArray[np.int64]:
    """A copy of the books in which every executor finds a place for an order, ``(B, L)``."""
    room = int(memory[0, ROOM])
    if room - int(memory[:, RESTING].max()) < SPARE_ORDERS + executors:
        return with_room(memory, 2 * room + executors)
    return memory.copy()


def accounts_of(memory: NDArray[np.int64], first_owner: int, executors: int) -> NDArray[np.int64]:
    """Shares and money of the executors since the opening, ``(B, N, 2)``."""
    accounts = np.zeros((len(memory), executors, 2), dtype=np.int64)
    read_accounts(memory, first_owner, accounts)
    return accounts
