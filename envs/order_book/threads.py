"""Kernels over rows of arrays, spread over cores."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise

import numpy as np


def over_rows(function: Callable[[int, int], None], rows: int, threads: int) -> None:
    """Call a compiled function for the rows from the first to the last given, in parts.

    Args:
        function: of the first row and the one after the last; releases the interpreter's lock.
        rows: how many there are.
        threads: cores to use.
    """
    if threads == 1 or rows == 1:
        function(0, rows)
        return
    # More parts than threads: copies differ in how much happens.
    edges = np.linspace(0, rows, min(4 * threads, rows) + 1).astype(int).tolist()
    list(_pool(threads).map(lambda part: function(*part), pairwise(edges)))


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="pacesetter-market")
