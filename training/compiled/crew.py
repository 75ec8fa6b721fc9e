"""Threads that share the blocks of a minibatch, and step back where they are of no help.

Which thread goes through a block does not change the result. A thread that another program keeps
off its core may hold a block for longer than the whole minibatch takes alone, so the crew measures
itself: every so often it works alone, and it goes on in the way that was faster.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache

import numpy as np
from numpy.typing import NDArray

PROBE_EVERY = 64  # pieces of work between looks at the other way of working
PROBES = 4
MEMORY = 0.8  # weight of earlier measurements


class Crew:
    """The calling thread and helpers.

    Args:
        threads: all together; the helpers of all crews of that size are the same.

    Attributes:
        threads: of the last piece of work.
    """

    def __init__(self, threads: int):
        self._largest = threads
        self._seconds = {1: np.inf, threads: np.inf}
        self._done = 0
        self.threads = threads

    def run(self, work: Callable[[NDArray[np.int64], int], None], amount: int) -> None:
        """Let everybody take numbers from one counter until none is left.

        Args:
            work: of the counter and the number of the thread; a compiled loop without the
                interpreter's lock, which returns when the counter has no number for it.
            amount: rows of the work, by which times are compared.
        """
        counter = np.zeros(1, dtype=np.int64)
        self.threads = self._chosen()
        begun = time.perf_counter()
        helpers = [
            _pool(self._largest).submit(work, counter, number) for number in range(1, self.threads)
        ]
        work(counter, 0)
        for helper in helpers:
            _wait(helper)
        self._measure((time.perf_counter() - begun) / amount)

    def _chosen(self) -> int:
        """How many take part: mostly what has been faster, now and then the other."""
        faster = min(self._seconds, key=lambda threads: self._seconds[threads])
        slower = 1 if faster != 1 else self._largest
        return slower if self._done % PROBE_EVERY < PROBES else faster

    def _measure(self, seconds: float) -> None:
        before = self._seconds[self.threads]
        fresh = not np.isfinite(before)
        self._seconds[self.threads] = (
            seconds if fresh else MEMORY * before + (1.0 - MEMORY) * seconds
        )
        self._done += 1


def _wait(helper: Future[None]) -> None:
    """Until it is done; one that has not begun need not begin any more."""
    if not helper.cancel():
        helper.result()


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="pacesetter-learner")
