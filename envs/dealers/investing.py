"""When one investor alone should trade: dynamic programming over time, totals and the price.

A unit bought at t is worth ``−x (1 − ρ^{T−t}) − h`` at the end of the day, in expectation, and one
sold the same with the other sign of x. With weight w on that, and 1 − w on how near the day's
totals come to their targets, which telescopes to ``40 − (final miss)``, nothing but t, buys, sells
and x counts. For w = 1 that is a threshold, and its value closed.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from .price import DEVIATION, INNOVATION, PERSISTENCE

Floats = NDArray[np.float64]
COST = 0.25  # h, of a trade with the exchange, price units
BUYS, SELLS = 30, 10  # of a day
TARGETS = BUYS + SELLS
POINTS, WIDEST = 121, 4.5  # of the grid of x, in units of its standard deviation


@dataclass(frozen=True)
class Invested:
    """Expectations over a day of the best policy.

    Attributes:
        value: what is maximised.
        profit: P&L, price units.
        buys, sells: units.
        exact: chance to end with the target totals.
    """

    value: float
    profit: float
    buys: float
    sells: float
    exact: float


def grid() -> tuple[Floats, Floats]:
    """Values of x, ``(X,)``, and chances of the next by the present one, ``(X, X)``."""
    x = np.linspace(-WIDEST, WIDEST, POINTS) * DEVIATION
    edges = 0.5 * (x[1:] + x[:-1])
    below = norm.cdf((edges[None] - PERSISTENCE * x[:, None]) / INNOVATION)
    sides = np.zeros((POINTS, 1)), np.ones((POINTS, 1))
    return x, np.diff(np.hstack([sides[0], below, sides[1]]), axis=1)


@lru_cache(maxsize=16)
def best(weight: float, risk: float = 0.0, periods: int = 100, cost: float = COST) -> Invested:
    """The best policy under a weight w of P&L, and what it comes to.

    Args:
        weight: w; a very small one breaks the ties of 0 by P&L.
        risk: γ_I, of inventory held over a step.
        periods: T.
        cost: h.
    """
    x, chances = grid()
    counts = np.arange(periods + 1)
    miss = np.abs(counts - BUYS)[:, None] + np.abs(counts - SELLS)[None, :]
    hit = (miss == 0).astype(float)
    flat = np.ones(POINTS)
    zero = np.zeros((periods + 1, periods + 1, POINTS))
    ends = (1.0 - weight) * (TARGETS - miss), 0.0 * hit, hit * 0.0, hit * 0.0, hit
    ahead = np.stack([end[..., None] * flat + zero for end in ends])
    ahead[2] += counts[:, None, None]
    ahead[3] += counts[None, :, None]
    for t in range(periods - 1, -1, -1):
        gain = -x * (1.0 - PERSISTENCE ** (periods - t))
        lead = ahead[:, : t + 2, : t + 2].reshape(-1, POINTS) @ chances.T
        lead = lead.reshape(len(ends), t + 2, t + 2, POINTS)
        held = counts[: t + 2, None] - counts[None, : t + 2]
        lead[0] -= weight * 0.5 * risk * INNOVATION**2 * (held**2)[..., None]
        choices = (lead[:, :-1, :-1], lead[:, 1:, :-1], lead[:, :-1, 1:])
        profits = (0.0 * gain, gain - cost, -gain - cost)
        values = np.stack([c[0] + weight * p for c, p in zip(choices, profits, strict=True)])
        chosen = values.argmax(axis=0)
        ahead = np.empty((len(ends), *chosen.shape))
        ahead[0] = values.max(axis=0)
        for k in range(1, len(ends)):
            options = [c[k] + (p if k == 1 else 0.0) for c, p in zip(choices, profits, strict=True)]
            ahead[k] = np.choose(chosen, options)
    edges = np.append(-np.inf, np.append(0.5 * (x[1:] + x[:-1]), np.inf))
    start = np.diff(norm.cdf(edges / DEVIATION))
    found = {f.name: float(ahead[k, 0, 0] @ start) for k, f in enumerate(fields(Invested))}
    return Invested(**found)


def for_profit(periods: int = 100, cost: float = COST) -> tuple[float, float]:
    """P&L and trades a side where nothing but P&L counts (w = 1, γ_I = 0), in closed form.

    Buy iff ``−x (1 − ρ^{T−t}) > h`` and sell iff that of x is, x being normal at every time.
    """
    left = periods - np.arange(periods)
    scale = DEVIATION * (1.0 - PERSISTENCE**left)
    d = cost / scale
    gain = 2.0 * (scale * norm.pdf(d) - cost * norm.sf(d))
    return float(gain.sum()), float(norm.sf(d).sum())
