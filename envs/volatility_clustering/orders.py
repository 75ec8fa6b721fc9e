"""Orders of traders: of the indicator, of the logistic function, or of one with the other's slope.

    ρ = 1{ε > v} − 1{ε < −v},    ϱ = ς_k(ε − v) − ς_k(−ε − v),    ς_k(x) = 1 / (1 + exp(−k x))

The straight-through order ρ + ϱ − ϱ.detach() is ρ with the gradient of ϱ (gradient-assisted
calibration, Dyer et al. 2023, eq. 14–16).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit

from ..core.arrays import Array


def sigmoid(xp: Any, x: Array) -> Array:
    """1 / (1 + exp(−x))."""
    if xp is np:
        return expit(x)
    import torch

    return torch.sigmoid(x)


def orders(
    xp: Any, news: Array, thresholds: Array, steepness: float, relaxed: bool
) -> tuple[Array, Array]:
    """Orders of all traders, and how much each of them trades, both ``(B, N)``.

    Args:
        xp: array namespace.
        news: ε, ``(B, 1)`` or ``(B, N)``.
        thresholds: v, ``(B, N)``.
        steepness: k.
        relaxed: by the logistic function forward too.
    """
    if xp is np and not relaxed:
        buy, sell = news > thresholds, news < -thresholds
        return buy.astype(np.float64) - sell, (buy | sell).astype(np.float64)
    up = sigmoid(xp, steepness * (news - thresholds))
    down = sigmoid(xp, steepness * (-news - thresholds))
    soft, traded = up - down, up + down
    if relaxed:
        return soft, traded
    buy = xp.astype(news > thresholds, thresholds.dtype)
    sell = xp.astype(news < -thresholds, thresholds.dtype)
    return buy - sell + (soft - soft.detach()), buy + sell + (traded - traded.detach())
