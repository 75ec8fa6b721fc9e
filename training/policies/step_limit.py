"""A limit on how long one step may take, so that a market that hangs is told with its place.

The operating system's timer interrupts whatever Python waits for in the main thread, ``time.sleep``
and sockets too. Code that never comes back to Python cannot be interrupted.
"""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

AGAIN = 1.0  # seconds after which code that swallowed the error meets it once more
COMPILER = f"{os.sep}numba{os.sep}"  # which may take minutes, once per installation


class HangingStepError(RuntimeError):
    """One step of all copies took longer than it may."""


class StepLimit:
    """Raises `HangingStepError` inside a step that takes too long; call `begin` before each.

    Does nothing outside the main thread, which alone gets signals, or where the timer is in use.

    Args:
        seconds: that one step of all copies may take.
    """

    def __init__(self, seconds: float):
        self._seconds = seconds
        self._handler: Any = None
        self._on = False

    def __enter__(self) -> Self:
        main = threading.current_thread() is threading.main_thread()
        if main and hasattr(signal, "setitimer") and not signal.getitimer(signal.ITIMER_REAL)[0]:
            self._on = True
            self._handler = signal.signal(signal.SIGALRM, self._raise)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._on:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.signal(signal.SIGALRM, self._handler)
            self._on = False

    def begin(self) -> None:
        """The clock of the next step starts."""
        if self._on:
            signal.setitimer(signal.ITIMER_REAL, self._seconds, AGAIN)

    def _raise(self, number: int, frame: FrameType | None) -> None:
        inner = frame
        while frame is not None:
            if COMPILER in frame.f_code.co_filename:
                self.begin()
                return
            frame = frame.f_back
        place = f"{inner.f_code.co_filename}:{inner.f_lineno}" if inner is not None else "?"
        raise HangingStepError(
            f"a step has not ended after {self._seconds:g} s; it is at {place}. If the market is "
            "only slow, raise training.step_timeout_seconds or lower training.copies"
        )
