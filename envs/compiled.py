"""How loops are compiled: one decorator, and one line on the terminal when it takes a while.

Compiled code is kept on disk, so that compilation happens once per installation and not once per
run. Kernels release the interpreter's lock: several threads may step different books.
"""

from __future__ import annotations

import sys
from typing import Any

from numba import njit
from numba.core import event

COMPILING = "compiling loops (once per installation)…"
_PACKAGE = __name__.rpartition(".")[0]


def kernel(function: Any) -> Any:
    """Compile a function of arrays and numbers when it is first called."""
    return njit(cache=True, nogil=True, error_model="numpy")(function)


class _Announcer(event.Listener):
    """Says once per process that a kernel of this package is not on disk yet."""

    def __init__(self) -> None:
        self.said = False

    def on_start(self, event: Any) -> None:
        """A kernel begins to be compiled."""
        compiled = event.data["dispatcher"].py_func.__module__
        if not self.said and compiled.startswith(_PACKAGE):
            self.said = True
            print(COMPILING, file=sys.stderr, flush=True)

    def on_end(self, event: Any) -> None:
        """It is compiled."""


event.register("numba:compile", _Announcer())
