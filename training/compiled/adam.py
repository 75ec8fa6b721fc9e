"""Adam (Kingma and Ba 2015, algorithm 1) on a flat vector, and the norm that is clipped."""

from __future__ import annotations

import numpy as np

from ...envs.core.kernels.compiled import kernel

f = np.float32


@kernel(fused=True)
def norm(gradient):
    """Euclidean."""
    total = f(0.0)
    for i in range(len(gradient)):
        total += gradient[i] * gradient[i]
    return np.sqrt(total)


@kernel(fused=True)
def scale(gradient, factor):
    """Multiply in place."""
    for i in range(len(gradient)):
        gradient[i] *= factor


@kernel(fused=True)
def step(values, gradient, first, second, count, rate, decays, small):
    """Follow the gradient; moments and values, ``(P,)`` each, change in place.

    Args:
        count: of this step, from 1.
        rate: of learning.
        decays: of the first and the second moment.
        small: beside the root of the second moment.
    """
    one, two = decays
    stride = f(rate / (1.0 - one**count))
    root = f(1.0 / np.sqrt(1.0 - two**count))
    keep, new = f(one), f(1.0 - one)
    keep_square, new_square, beside = f(two), f(1.0 - two), f(small)
    for i in range(len(values)):
        slope = gradient[i]
        m = keep * first[i] + new * slope
        v = keep_square * second[i] + new_square * slope * slope
        first[i], second[i] = m, v
        values[i] -= stride * m / (np.sqrt(v) * root + beside)
