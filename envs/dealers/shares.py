"""One maker who is indifferent to inventory and aims at a share of the market.

With a squared penalty on the running share m̄ of takers dealt with, ``m̄' = .95 m̄ + .05 (S + D)/n``,
m̄ is all there is: value iteration on a grid of it, over half-spreads.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from .quoting import DISCOUNT
from .trading import CHANCE, DECAY

Floats = NDArray[np.float64]
MEMORY = 0.95  # of the running share
SHARES = np.linspace(0.0, 0.4, 201)
SPREADS = np.linspace(0.0, 2.0 / DECAY, 101)
SWEEPS = 60


@dataclass(frozen=True)
class Shared:
    """The best policy, in the long run.

    Attributes:
        half_spread: mean.
        per_taker: units dealt per taker and step.
        revenue: per step.
    """

    half_spread: float
    per_taker: float
    revenue: float


def _towards(takers: int) -> Floats:
    """Weights on the grid after each number of units dealt, ``(n + 1, m̄, m̄')``."""
    units = np.arange(takers + 1)
    after = MEMORY * SHARES[None, :] + (1.0 - MEMORY) * units[:, None] / takers
    width = SHARES[1] - SHARES[0]
    place = np.clip(after / width, 0, len(SHARES) - 1)
    low = np.minimum(place.astype(int), len(SHARES) - 2)
    part = place - low
    weights = np.zeros((takers + 1, len(SHARES), len(SHARES)))
    rows = np.arange(takers + 1)[:, None], np.arange(len(SHARES))[None, :]
    weights[(*rows, low)] = 1.0 - part
    weights[(*rows, low + 1)] += part
    return weights


@lru_cache(maxsize=8)
def best(takers: int, target: float, weight: float) -> Shared:
    """The best policy of a maker who reaches n takers.

    Args:
        takers: n.
        target: m*, units dealt per taker and step.
        weight: w_s.
    """
    units = np.arange(takers + 1)
    fill = CHANCE * np.exp(-DECAY * SPREADS)
    law = binom.pmf(units[None], takers, fill[:, None])  # (D, n + 1)
    towards = _towards(takers)
    after = MEMORY * SHARES[None, :] + (1.0 - MEMORY) * units[:, None] / takers
    penalty = weight * (after - target) ** 2  # (n + 1, m̄)
    reward = (takers * fill * SPREADS)[:, None] - law @ penalty  # (D, m̄)
    value, rows = np.zeros(len(SHARES)), np.arange(len(SHARES))
    for _ in range(SWEEPS):  # policy iteration
        chosen = (reward + DISCOUNT * law @ (towards @ value)).argmax(axis=0)
        move = np.einsum("mk,kmj->mj", law[chosen], towards)
        gain = reward[chosen, rows]
        newer = np.linalg.solve(np.eye(len(SHARES)) - DISCOUNT * move, gain)
        if np.abs(newer - value).max() < 1e-10:
            break
        value = newer
    system = np.vstack([move.T - np.eye(len(move)), np.ones(len(move))])
    long_run = np.linalg.lstsq(system, np.append(np.zeros(len(move)), 1.0), rcond=None)[0]
    return Shared(
        half_spread=float(long_run @ SPREADS[chosen]),
        per_taker=float(long_run @ fill[chosen]),
        revenue=float(long_run @ (takers * fill * SPREADS)[chosen]),
    )
