"""What every forecast is worth to one producer while all others forecast as they do.

With m the price that its forecast x and the others' make on average, it is paid on expectation

    E max(0, 1 − (m + ε − x)² / 5),    ε ~ N(0, 0.5²),

a function of m − x alone, which is integrated once and looked up.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .laws import NOISE_DEVIATION, Producing, reward_of_error

Floats = NDArray[np.float64]
NODES, WIDEST, POINTS = 401, 30.0, 6001
CHUNK = 32  # draws at once, which bounds the memory


def expected_rewards(market: Producing, chosen: NDArray[Any]) -> Floats:
    """Expected reward of every forecast of every producer, ``(B, N, points)``.

    Args:
        market: how forecasts make a price.
        chosen: independent draws of everybody's choice, ``(K, B, N)`` integers.
    """
    forecasts = market.forecasts
    supplies = market.supply(np, forecasts)  # (points,)
    of_all = supplies[chosen]
    others = of_all.sum(axis=-1, keepdims=True) - of_all  # (K, B, N)
    away, worth = _reward_by_error()
    a, b = market.demand_intercept, market.demand_slope
    total = np.zeros((*chosen.shape[1:], len(forecasts)))
    for start in range(0, len(chosen), CHUNK):
        price = (a - others[start : start + CHUNK, ..., None] - supplies) / b
        total += np.interp(price - forecasts, away, worth).sum(axis=0)
    return total / len(chosen)


def _reward_by_error() -> tuple[Floats, Floats]:
    """Errors of a mean price and what they are worth on expectation, ``(POINTS,)`` each."""
    away = np.linspace(-WIDEST, WIDEST, POINTS)
    noise = np.linspace(-6.0, 6.0, NODES)
    weights = np.exp(-0.5 * noise**2)
    rewards = reward_of_error(np, away[:, None] + NOISE_DEVIATION * noise)
    return away, rewards @ (weights / weights.sum())
