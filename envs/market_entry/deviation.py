"""What entering and staying out are worth to one trader while all others choose as they do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .laws import ENTRY_STRENGTH, OUTSIDE_UTILITY, Entering

Floats = NDArray[np.float64]


def entry_utilities(market: Entering, chances: Floats, positions: Floats, tax: Floats) -> Floats:
    """Expected utility after tax of staying out and of entering, ``(B, N, 2)``.

    Args:
        market: its capacity is used.
        chances: of entering, ``(B, N)``.
        positions: 1 for who is in, ``(B, N)``.
        tax: τ on a change of position in this step, ``(B, 1)``.
    """
    N = chances.shape[1]
    crowds = _crowds_without(chances)  # (B, N, N)
    entering = OUTSIDE_UTILITY + ENTRY_STRENGTH * (market.capacity - 1.0 - np.arange(N))
    paid = np.stack([tax * OUTSIDE_UTILITY + 0.0 * positions, tax * (crowds @ np.abs(entering))])
    moved = np.stack([positions, 1.0 - positions])  # by action: out, in
    gross = np.stack([np.full_like(positions, OUTSIDE_UTILITY), crowds @ entering])
    return np.moveaxis(gross - moved * paid, 0, -1)


def _crowds_without(chances: Floats) -> Floats:
    """Chances of 0 … N − 1 entrants among all but each trader, ``(B, N, N)``."""
    B, N = chances.shape
    crowd = np.zeros((B, N, N))
    crowd[..., 0] = 1.0
    itself = np.eye(N, dtype=bool)
    for other in range(N):  # one trader after the other enters, for all who watch at once
        p = np.where(itself[other], 0.0, chances[:, other : other + 1])[..., None]
        crowd[..., 1:] = (1.0 - p) * crowd[..., 1:] + p * crowd[..., :-1]
        crowd[..., 0] *= 1.0 - p[..., 0]
    return crowd
