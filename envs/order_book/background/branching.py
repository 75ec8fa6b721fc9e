"""Branches of a background market: from a state on, with other random numbers, compiled.

Whatever is to happen next stands: who wakes when, orders on their way, the next shock. All that is
drawn from then on is from streams of the branch's own seed, which no market begins with.

Version history: v1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...core.errors import PacesetterError
from ...core.kernels.compiled import kernel
from ..layout import EXTRA
from . import layout as at
from .exchange import agent_of
from .opening import ARRIVALS, CHOICES, FLOWS, SOURCES, VALUES
from .random_numbers import start_stream

Integers = NDArray[np.int64]
BRANCHES = 1 << 62  # above every seed of a market


@kernel
def reseed_rows(memory: Integers, seeds: Integers) -> None:
    """Begin every stream of every copy anew, in place: memory ``(B, L)``, seeds ``(B,)``."""
    for row in range(memory.shape[0]):
        book, seed = memory[row], BRANCHES + seeds[row]
        here = book[EXTRA]
        start_stream(book, here + at.NOISE_STREAM, seed, ARRIVALS)
        start_stream(book, here + at.NOISE_CHOICES, seed, CHOICES)
        start_stream(book, here + at.FUNDAMENTAL_STREAM, seed, VALUES)
        agents = book[here + at.MAKERS] + book[here + at.VALUE_AGENTS]
        for number in range(agents + book[here + at.MOMENTUM_AGENTS]):
            start_stream(book, agent_of(book, number) + at.STREAM, seed, SOURCES + number)
        if book[here + at.QUEUE] > book[here + at.FLOW]:
            for source in range(at.FLOW_STREAMS):
                start_stream(book, here + book[here + at.FLOW] + source, seed, FLOWS + source)


def checked_seeds(seeds: ArrayLike, copies: int) -> Integers:
    """One seed for each branch, ``(copies,)``.

    Raises:
        PacesetterError: another number of them, or one that is no integer from 0 to 2⁶² − 1.
    """
    found = np.asarray(seeds)
    if found.shape != (copies,) or found.dtype.kind not in "iu":
        raise PacesetterError(
            f"branches need one integer seed each, ({copies},); got {found.dtype} of shape "
            f"{found.shape}."
        )
    if copies and (found.min() < 0 or found.max() >= BRANCHES):
        raise PacesetterError(
            f"seeds of branches are integers from 0 to 2^62 - 1, got {found.min()} to "
            f"{found.max()}."
        )
    return found.astype(np.int64)
