"""Markets whose background is a world agent: advanced order by order, many at once.

A copy is a row, as of `background.simulation.Markets`: book and world are in `memory`, a few
numbers in `reals`, and nothing is kept anywhere else. Whoever trades in a background market trades
in a world in the same way.

Version history: v1.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...core.errors import PacesetterError
from ..background import layout as background
from ..background.simulation import levels_of
from ..layout import CLOCK, EXTRA, RESTING, ROOM, with_room
from ..threads import over_rows
from . import layout as at
from .acting import LIMITED, LOG_IS_FULL, NEEDS_ORDERS, advance_world, allow, reseed_rows
from .agent import WorldAgent
from .alphabet import LETTERS
from .features import COUNT

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]
Singles = NDArray[np.float32]

GUARD = 40.0  # times the recorded rate of orders, per call
LEAST_ALLOWANCE = 100  # orders of a call, so that a short one may hold a burst
MOST_RESTING = 1 << 17  # orders of a copy
COUNTS = {
    "orders": at.ORDERS_SO_FAR,
    "refused": background.REFUSED,
    "missed": at.MISSED,
    "guarded": at.GUARDED,
}
"""What is counted since a world began, and where."""


@dataclass(frozen=True)
class WorldLog:
    """Actions of one call, in the order of their copies.

    Attributes:
        features: what the agent saw, ``(n, 62)``.
        actions: event, depth, size and time, ``(n, 4)``.
        copy: ``(n,)``.
        number: of the action since its world began, ``(n,)``.
        log_propensity: log-probability of the action when it was drawn, ``(n,)``.
    """

    features: Singles
    actions: Integers
    copy: Integers
    number: Integers
    log_propensity: Reals

    def __len__(self) -> int:
        return len(self.copy)


@dataclass
class WorldMarkets:
    """B markets with a world agent each, of the same weights.

    Attributes:
        agent: whose weights.
        memory: books and worlds, ``(B, L)``; replaced by a larger one when books grow.
        reals: ``(B, R)``; see `layout`.
        stopped: whether the last call ended before the action it was told to, ``(B,)``.
    """

    agent: WorldAgent
    memory: Integers
    reals: Reals
    stopped: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        """Nothing was stopped so far."""
        self.stopped = np.zeros(len(self.memory), dtype=np.bool_)

    def advance(
        self,
        until_ns: ArrayLike,
        limit: ArrayLike | None = None,
        share: float = 0.0,
        threads: int = 1,
    ) -> WorldLog:
        """Let the worlds run until a time, ns since midnight, one for all or ``(B,)``.

        A call may hold at most `GUARD` times the recorded rate of orders; then the agent sleeps to
        its end, which is counted as ``guarded``.

        Args:
            until_ns: a time in the past changes nothing.
            limit: stop before that action of this call, counted from 0, one for all or ``(B,)``.
            share: of the actions that is logged, drawn apart from what the agent does.
            threads: cores to use; the result does not depend on it.

        Raises:
            PacesetterError: a book holds more orders than a world could mean.
        """
        copies = len(self.memory)
        until = np.broadcast_to(np.asarray(until_ns, dtype=np.int64), (copies,)).copy()
        limits = np.full(copies, -1, dtype=np.int64)
        if limit is not None:
            limits[:] = limit
        allow(self.memory, until, GUARD * self.agent.rate / 1e9, LEAST_ALLOWANCE)
        log = _Log(copies, self._expected(until, share))
        outcome = np.full(copies, NEEDS_ORDERS, dtype=np.int64)
        while True:
            arrays = (self.memory, self.reals, self.agent.weights, until, limits, share, outcome)
            over_rows(partial(advance_world, *arrays, *log.arrays), copies, threads)
            if (outcome == LOG_IS_FULL).any():
                log.grow()
            elif (outcome == NEEDS_ORDERS).any():
                self._grow()
            else:
                break
        self.stopped = outcome == LIMITED
        return log.rows()

    def _expected(self, until: Integers, share: float) -> int:
        """Logged actions of a copy for which room is made at first."""
        longest = max(int((until - self.memory[:, CLOCK]).max()), 0)
        return int(2 * share * self.agent.rate * longest / 1e9) + 16 if share > 0 else 1

    def _grow(self) -> None:
        room = int(self.memory[0, ROOM])
        if 2 * room > MOST_RESTING:
            copy = int(self.memory[:, RESTING].argmax())
            raise PacesetterError(
                f"the book of copy {copy} is full: {int(self.memory[copy, RESTING])} orders rest "
                f"in it, more than a world may hold ({room}). Its agent posts far more than it "
                "takes or cancels: lower the learning rate, mask bins that the recording never "
                "shows, or advance to an earlier time."
            )
        self.memory = with_room(self.memory, 2 * room)

    @property
    def taken(self) -> Integers:
        """Actions of every copy in the last call, ``(B,)``."""
        return self._counter(at.TAKEN)

    @property
    def counts(self) -> dict[str, Integers]:
        """Orders since the worlds began; orders that the book refused; cancels of an empty side;
        calls in which the guard put the agent to sleep: ``(B,)`` each.
        """
        return {name: self._counter(place) for name, place in COUNTS.items()}

    def _counter(self, place: int) -> Integers:
        rows = np.arange(len(self.memory))
        counted: Integers = self.memory[rows, self.memory[:, EXTRA] + place]
        return counted

    def take(self, rows: Any) -> Self:
        """The given copies alone, or several times each: branches that go on on their own."""
        return replace(self, memory=self.memory[rows].copy(), reals=self.reals[rows].copy())

    def copy(self) -> Self:
        """Independent markets that go on in the same way."""
        return self.take(slice(None))

    def reseeded(self, seeds: ArrayLike) -> Self:
        """Independent markets that go on from the same state with other random numbers.

        Args:
            seeds: of the copies, ``(B,)``, not negative.

        Raises:
            PacesetterError: another number of seeds, or a negative one.
        """
        copied = self.copy()
        reseed_rows(copied.memory, checked_seeds(seeds, len(self.memory)))
        return copied

    def with_agent(self, agent: WorldAgent) -> Self:
        """The same markets with another agent from now on; the arrays are shared."""
        return replace(self, agent=agent)

    def levels(self, count: int) -> Integers:
        """The best `count` levels, ``(B, 4, count)``; see `background.simulation.Markets`."""
        return levels_of(self.memory, count)


class _Log:
    """Room for the logged actions of B copies, of which each has its own part."""

    def __init__(self, copies: int, room: int) -> None:
        self.arrays = (
            np.empty((copies, room, COUNT), dtype=np.float32),
            np.empty((copies, room, LETTERS), dtype=np.int64),
            np.empty((copies, room), dtype=np.int64),
            np.empty((copies, room)),
            np.zeros(copies, dtype=np.int64),
        )

    def grow(self) -> None:
        """Twice the room."""
        *old, logged = self.arrays
        twice = [np.concatenate([array, np.empty_like(array)], axis=1) for array in old]
        self.arrays = (*twice, logged)  # type: ignore[assignment]

    def rows(self) -> WorldLog:
        """What was logged."""
        features, actions, numbers, propensities, logged = self.arrays
        filled = np.arange(numbers.shape[1]) < logged[:, None]
        copy = np.repeat(np.arange(len(logged)), logged)
        return WorldLog(
            features[filled], actions[filled], copy, numbers[filled], propensities[filled]
        )


def checked_seeds(seeds: ArrayLike, copies: int) -> Integers:
    """Seeds of so many copies, ``(B,)``.

    Raises:
        PacesetterError: another number of them, or a negative one.
    """
    chosen = np.asarray(seeds, dtype=np.int64).ravel()
    if chosen.shape != (copies,) or (chosen < 0).any():
        raise PacesetterError(
            f"seeds must be {copies} non-negative integers, one per copy, got {chosen.tolist()}."
        )
    return chosen
