"""A queue of events in an array: a binary heap, earliest first, first come first served at a tie.

| entry | what |
|---|---|
| 0 to 2 | number of events, room for events, events so far |
| from 3 on | the heap: time, rank, kind, agent and three numbers of each event |

Version history: v1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.kernels.compiled import kernel

Integers = NDArray[np.int64]
LENGTH, ROOM, RANK, FIRST = 0, 1, 2, 3
TIME, ORDERED, KIND, AGENT, A, B, C = range(7)
EVENT_SIZE = 7


def queue_size(room: int) -> int:
    """Entries of an array that holds so many events."""
    return FIRST + EVENT_SIZE * room


@kernel
def earlier(memory: Integers, first: int, second: int) -> bool:
    """Whether the event at one address comes before that at another."""
    if memory[first + TIME] != memory[second + TIME]:
        return memory[first + TIME] < memory[second + TIME]
    return memory[first + ORDERED] < memory[second + ORDERED]


@kernel
def exchange(memory: Integers, first: int, second: int) -> None:
    """Swap two events."""
    for entry in range(EVENT_SIZE):
        kept = memory[first + entry]
        memory[first + entry] = memory[second + entry]
        memory[second + entry] = kept


@kernel
def push(
    memory: Integers, queue: int, time: int, kind: int, agent: int, a: int, b: int, c: int
) -> None:
    """Add an event to the queue at the address `queue`; there must be room."""
    place = memory[queue + LENGTH]
    memory[queue + LENGTH] = place + 1
    memory[queue + RANK] += 1
    heap = queue + FIRST
    event = heap + EVENT_SIZE * place
    memory[event + TIME] = time
    memory[event + ORDERED] = memory[queue + RANK]
    memory[event + KIND] = kind
    memory[event + AGENT] = agent
    memory[event + A] = a
    memory[event + B] = b
    memory[event + C] = c
    while place > 0:
        above = (place - 1) >> 1
        if not earlier(memory, heap + EVENT_SIZE * place, heap + EVENT_SIZE * above):
            break
        exchange(memory, heap + EVENT_SIZE * place, heap + EVENT_SIZE * above)
        place = above


@kernel
def pop(memory: Integers, queue: int) -> None:
    """Remove the first event, which lies at ``queue + FIRST``."""
    last = memory[queue + LENGTH] - 1
    memory[queue + LENGTH] = last
    heap = queue + FIRST
    if last > 0:
        for entry in range(EVENT_SIZE):
            memory[heap + entry] = memory[heap + EVENT_SIZE * last + entry]
    place = 0
    while True:
        below = 2 * place + 1
        if below >= last:
            break
        if below + 1 < last and earlier(
            memory, heap + EVENT_SIZE * (below + 1), heap + EVENT_SIZE * below
        ):
            below += 1
        if not earlier(memory, heap + EVENT_SIZE * below, heap + EVENT_SIZE * place):
            break
        exchange(memory, heap + EVENT_SIZE * below, heap + EVENT_SIZE * place)
        place = below
