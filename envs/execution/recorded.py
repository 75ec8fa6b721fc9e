"""The laboratory of a real market that there are files of: nothing can be asked of it, but watched.

Nobody can send an order into the past, so that there is no experimental agent: rollouts are windows
of the day, read off its book every step, and worlds begin from books of the same windows. What is
compared is the market's own law, which is also what a small order leaves of an effect.

Version history: v1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..core.errors import PacesetterError
from ..core.rollouts import Decisions, Laboratory, Origin, Purpose, Rollouts
from ..order_book.background.market import SECOND
from ..order_book.background.simulation import levels_of
from ..order_book.lobster import Messages, read_messages, read_order_book
from ..order_book.world import Replayed, WorldAgent, WorldMarkets
from ..order_book.world.lobster import replay_messages
from .experiment import Played
from .laboratory import PURPOSES, ExecutionLaboratory

Weights = Mapping[str, NDArray[np.float32]]
BEFORE_NS = 60 * SECOND  # of the day, until a world's past states are filled
LEAST_WINDOWS = 20


@dataclass
class Snapshots:
    """Books that were read from a file, as markets are read."""

    memory: NDArray[np.int64]

    def levels(self, count: int) -> NDArray[np.int64]:
        """Price and size of bids, then of asks, ``(B, 4, count)``."""
        return levels_of(self.memory, count)


def recorded(like: ExecutionLaboratory, message_file: str, order_book_file: str) -> Laboratory:
    """The laboratory of files that is otherwise like another one; its agent sends no orders.

    Raises:
        PacesetterError: a file that cannot be read, or one that is too short.
    """
    same = {field.name: getattr(like, field.name) for field in fields(like)}
    same |= {"child": 0, "share": 1.0}
    return RecordedLaboratory(**same, message_file=message_file, order_book_file=order_book_file)


@dataclass(frozen=True, eq=False)
class RecordedLaboratory(ExecutionLaboratory):
    """Windows of a day.

    Attributes:
        message_file, order_book_file: of LOBSTER; the second one may be empty.
    """

    message_file: str = ""
    order_book_file: str = ""

    def __post_init__(self) -> None:
        """Read the files now, and not in the middle of a run."""
        _ = self._day

    @cached_property
    def _times(self) -> NDArray[np.int64]:
        """Ends of steps, ns since midnight, ``(G,)``."""
        times = self._messages.time
        grid = np.arange(int(times[0]) + BEFORE_NS, int(times[-1]), self.step_ns)
        if len(grid) - self.decisions < LEAST_WINDOWS:
            raise PacesetterError(
                f"{self.message_file}: {(times[-1] - times[0]) / 1e9:.0f} s hold "
                f"{max(0, len(grid) - self.decisions)} windows of {self.decisions} steps of "
                f"{self.step_ns / 1e9:g} s; {LEAST_WINDOWS} are needed. Give a longer file, or "
                "lower seconds_per_decision or decisions."
            )
        return grid

    @cached_property
    def _messages(self) -> Messages:
        return read_messages(self.message_file)

    @cached_property
    def _day(self) -> Replayed:
        book = read_order_book(self.order_book_file) if self.order_book_file else None
        return replay_messages(self._messages, book, at_ns=self._times, strangers=1)

    @property
    def _windows(self) -> int:
        return len(self._times) - self.decisions

    def remarks(self) -> tuple[str, ...]:
        """What is missing or inconsistent in the files, by line."""
        return self._day.remarks

    def _recording(self, origin: Origin) -> Replayed:
        return self._day if origin == "real" else super()._recording(origin)

    def recording(self, origin: Origin) -> Decisions:
        """All orders of the day, or those of the market to begin with."""
        if origin == "start":
            return super().recording(origin)
        return Decisions(self._day.features, self._day.actions)

    def rate(self, origin: Origin) -> float:
        """Orders per second."""
        return self._day.rate if origin == "real" else super().rate(origin)

    def real(self, rollouts: int, seed: int) -> Rollouts:
        """Windows of the day, each of them once; fewer where there are not so many."""
        drawn = np.random.default_rng((seed, self.number)).permutation(self._windows)[:rollouts]
        books, chosen = Snapshots(self._day.memory[drawn]), np.ones((len(drawn), self.decisions))
        played = Played(books, self.agent, chosen.astype(bool), self.markets["real"].mean_price)
        for step in range(self.decisions):
            played.act(step)
            books.memory = self._day.memory[drawn + step + 1]
            played.read()
        orders = self._day.rate * self.decisions * self.step_ns / 1e9
        return replace(played.rollouts(), orders=np.full(len(drawn), orders))

    def _worlds(self, weights: Weights, rollouts: int, seed: int, purpose: Purpose) -> WorldMarkets:
        """Every third book is for one purpose."""
        generator = np.random.default_rng((seed, self.number, PURPOSES.index(purpose)))
        own = np.arange(PURPOSES.index(purpose), self._windows, len(PURPOSES))
        drawn = generator.permutation(np.resize(own, rollouts))
        fresh = self._fresh(generator, rollouts)
        return self._day.worlds(WorldAgent.of(weights), fresh, drawn)
