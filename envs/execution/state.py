"""What changes in the execution game: the background market, and the executors' affairs.

Version history: v1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..core.arrays import Array
from ..core.errors import PacesetterError
from ..core.state import State
from ..order_book.background.events import SPARE_ORDERS
from ..order_book.background.simulation import with_equal_room
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
        mine, theirs = _with_equal_room([self, other])
        both: Self = State.put(mine, rows, theirs)
        return both

    @classmethod
    def joined(cls, states: Sequence[Self]) -> Self:
        """The copies of several states of one market, in their order; books get equal room."""
        if not states:
            raise PacesetterError("there is no state to join; give one or more.")
        equal = _with_equal_room(states)
        first, last = equal[0], np.cumsum([len(state.clock) for state in equal])
        joined = first.take(np.zeros(last[-1], dtype=np.int64))
        for state, end in zip(equal, last.tolist(), strict=True):
            joined = State.put(joined, slice(end - len(state.clock), end), state)
        return joined


def _with_equal_room(states: Sequence[ExecutionState]) -> list[Any]:
    memories = with_equal_room([state.memory for state in states])
    return [replace(state, memory=memory) for state, memory in zip(states, memories, strict=True)]


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


def left_of(
    before: NDArray[np.int64], memory: NDArray[np.int64], state: Any, signs: Any, first_owner: int
) -> NDArray[np.int64]:
    """Shares that executors have still to trade when their orders arrive, ``(B, N)``.

    Args:
        before: their accounts at the decision, ``(B, N, 2)``.
        memory: the books now.
        state: at the decision.
        signs: 1 for buyers and -1 for sellers, ``(N,)``.
        first_owner: owner's number of the first executor.
    """
    traded = accounts_of(memory, first_owner, before.shape[1])[:, :, 0] - before[:, :, 0]
    left: NDArray[np.int64] = state.remaining - (signs * traded).astype(np.int64)
    return left
