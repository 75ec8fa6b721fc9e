"""A few array functions on hot paths, where NumPy's general ones cost several times the work.

Every function does the same in any Array-API namespace.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import ndtr

from .market import Array


def at_least(xp: Any, array: Array, bound: float) -> Array:
    """The larger of each entry and a number."""
    return np.maximum(array, bound) if xp is np else xp.clip(array, bound, None)


def row_sum(xp: Any, array: Array) -> Array:
    """Sum over the last axis."""
    return np.add.reduce(array, axis=-1) if xp is np else xp.sum(array, axis=-1)


def row_mean(xp: Any, array: Array) -> Array:
    """Mean over the last axis."""
    return row_sum(xp, array) / array.shape[-1]


def row_count(xp: Any, mask: Array) -> Array:
    """Number of True entries along the last axis, as float64."""
    if xp is np:
        return np.add.reduce(mask, axis=-1, dtype=np.int32).astype(np.float64)
    return xp.astype(xp.sum(mask, axis=-1), xp.float64)


def normal_cdf(xp: Any, array: Array) -> Array:
    """Φ, the standard normal distribution function."""
    if xp is np:
        return ndtr(array)
    import torch

    return torch.special.ndtr(array)
