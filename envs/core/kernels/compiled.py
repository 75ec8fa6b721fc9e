"""How loops are compiled: one decorator, and one line on the terminal when it takes a while.

Compiled code is kept on disk, so that compilation happens once per installation and not once per
run (see `kernels.cache`). Kernels release the interpreter's lock: several threads may step
different books. Nothing here touches the settings of numba or of the process, which may be a
user's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numba import njit
from numba.extending import is_jitted

from .cache import Kept, KernelCache

_KEPT = Kept(Path(__file__).parents[2])


def kernel(function: Any) -> Any:
    """Compile a function of arrays and numbers when it is first called."""
    compiled = njit(nogil=True, error_model="numpy")(function)
    if is_jitted(compiled):  # NUMBA_DISABLE_JIT gives back the function itself
        ours = Path(function.__code__.co_filename) in _KEPT.sources
        compiled._cache = KernelCache(function, _KEPT if ours else None)
    return compiled
