"""What goes from one time index to the next: sums taken in order, as single steps would."""

from __future__ import annotations

from ...envs.core.kernels.compiled import kernel


@kernel
def discounted_back(values, decay, result):
    """From the last index to the first: what is there, and what comes after it, decayed.

    Args:
        values, decay: ``(T, R)``.
        result: ``(T, R)``; written.
    """
    last = len(values) - 1
    for row in range(values.shape[1]):
        result[last, row] = values[last, row]
    for time in range(last - 1, -1, -1):
        for row in range(values.shape[1]):
            result[time, row] = values[time, row] + decay[time, row] * result[time + 1, row]


@kernel
def add_in_order(values, total):
    """Add rows ``(T, n)`` to a total ``(n,)``, one after the other."""
    for time in range(values.shape[0]):
        for column in range(values.shape[1]):
            total[column] += values[time, column]
