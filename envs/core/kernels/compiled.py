"""How loops are compiled: one decorator, and one line on the terminal when it takes a while.

Compiled code is kept on disk, so that compilation happens once per installation and not once per
run (see `kernels.cache`). Kernels release the interpreter's lock: several threads may step
different books. Nothing here touches the settings of numba or of the process, which may be a
user's.
"""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path
from typing import Any

from numba import njit
from numba.extending import is_jitted

from .cache import Kept, KernelCache

_ENVS = Path(__file__).parents[2]


@cache
def _kept(folder: Path) -> Kept | None:
    """Where loops of the files in a folder are kept; None outside this package."""
    if folder.is_relative_to(_ENVS):
        return Kept(_ENVS)
    ours = any(folder.is_relative_to(_ENVS.parent / part) for part in ("leaders", "training"))
    return Kept(folder) if ours else None


def kernel(function: Any = None, *, fused: bool = False, over: tuple[Any, ...] = ()) -> Any:
    """Compile a function of arrays and numbers when it is first called.

    Args:
        function: what is compiled.
        fused: products and sums may be one instruction, and the terms of a sum be taken in another
            order: faster where rounding need not be the same on every machine.
        over: kernels of elsewhere that the function was made for, and that it calls.
    """
    if function is None:
        return partial(kernel, fused=fused, over=over)
    flags = {"contract", "reassoc"} if fused else False
    compiled = njit(nogil=True, error_model="numpy", fastmath=flags)(function)
    if is_jitted(compiled):  # NUMBA_DISABLE_JIT gives back the function itself
        file = Path(function.__code__.co_filename)
        kept = _kept(file.parent)
        parts = [_identity(part) for part in over]
        ours = kept is not None and file in kept.sources and None not in parts
        compiled._cache = KernelCache(function, kept if ours else None, tuple(parts))
    return compiled


def _identity(compiled: Any) -> str | None:
    """Name of a kernel, with the digest of what it was compiled from; None: that is not known."""
    function = compiled.py_func if is_jitted(compiled) else compiled
    file = Path(function.__code__.co_filename)
    kept = _kept(file.parent)
    if kept is None or file not in kept.sources:
        return None
    return f"{kept.name}:{function.__module__}.{function.__qualname__}"
