"""What callers hand over as numbers, of whatever type it is."""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np

BEYOND = 1 << 63  # the first number that the book's 64 bits do not hold


def whole(value: Any, bools: bool = False) -> int | None:
    """A whole number, Python's or another's (numpy's among them), as Python's own.

    Returns:
        None for anything else: floats even if whole, since 0.5 is one too, and truth values, which
        are taken for a slip, unless `bools` are asked for.
    """
    try:
        if isinstance(value, (bool, np.bool_)):
            return int(value) if bools else None
        return int(index(value))
    except Exception:  # of a stranger's __index__, which may raise what it likes
        return None
