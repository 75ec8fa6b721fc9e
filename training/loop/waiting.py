"""A word while an iteration takes long: that it is still under way, and where in a user's code."""

from __future__ import annotations

import sys
import threading
import time
from types import FrameType

from ...envs.core.dotted import is_users

PATIENCE = 60.0  # seconds without a sign of life until the first word, and between words


class LongWait:
    """Speaks up in a thread of its own whenever nothing was done for a while.

    Args:
        what: is waited for, e.g. the name of the experiment.
        patience: seconds until the first word, and between words.
    """

    def __init__(self, what: str, patience: float = PATIENCE):
        self._what, self._patience = what, patience
        self._watched = threading.get_ident()
        self._since = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def begin(self) -> None:
        """From now on."""
        self._thread.start()

    def alive(self) -> None:
        """Something has been done."""
        self._since = time.monotonic()

    def end(self) -> None:
        """No more."""
        self._over.set()

    def _watch(self) -> None:
        told = self._since
        while not self._over.wait(self._patience / 10):
            now, told = time.monotonic(), max(told, self._since)
            if now - told >= self._patience:
                told = now
                place = users_place(sys._current_frames().get(self._watched))
                where = f", at {place}" if place else ""
                waited = f"{now - self._since:.0f} s"
                print(f"{self._what}: an iteration has taken {waited} so far{where}", flush=True)


def users_place(frame: FrameType | None) -> str:
    """The innermost file and line of a user's code on a stack; empty if there is none."""
    while frame is not None:
        if is_users(frame.f_code.co_filename):
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back
    return ""
