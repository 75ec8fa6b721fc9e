"""Facts of daily returns (Cont 2001): size, tails, days without trade, clusters, memory, leverage.

    tail        ξ = mean log(|r| / u) over the days whose |r| is above the quantile u (Hill 1975):
                a third for the cubic law, nothing for returns that all have the same size
    memory      d, where the spectrum of |r| rises like frequency^(−2d) towards 0: the local Whittle
                estimate (Robinson 1995) from the T^0.6 lowest frequencies, 0 for what forgets
    leverage    mean correlation of r_t with |r| of the ten days after it, below 0 where a fall
                makes the market restless

Sizes are |r|. Cont, "Empirical properties of asset returns", Quantitative Finance 1 (2001) 223,
https://doi.org/10.1080/713665670.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..facts import autocorrelation, facts

Floats = NDArray[np.float64]
LAGS = (1, 5, 20, 100)
TAIL_SHARE = 0.05
LEVERAGE_LAGS = 10
MEMORY_POWER = 0.6
LARGEST_MEMORY = 1.0
LABELS = {
    "deviation": "deviation",
    "excess_kurtosis": "excess kurtosis",
    "tail": "tail ξ",
    "largest": "largest size over the deviation",
    "still": "share of days without trade",
    "autocorrelation/1": "autocorrelation of returns, lag 1",
    **{f"clustering/{lag}": f"autocorrelation of sizes, lag {lag}" for lag in LAGS},
    "memory": "memory d of sizes",
    "leverage": "leverage",
}


def daily_facts(returns: Floats) -> dict[str, Floats]:
    """Of every series, ``(B, T)``: name of `LABELS` -> ``(B,)``."""
    size = np.abs(returns)
    clusters = autocorrelation(size, LAGS)
    usual = facts(returns)
    deviation = usual["deviation"]
    found = {
        **{name: usual[name] for name in ("deviation", "excess_kurtosis", "autocorrelation/1")},
        **{f"clustering/{lag}": clusters[:, place] for place, lag in enumerate(LAGS)},
        "tail": tail(size),
        "largest": size.max(axis=1) / np.where(deviation > 0.0, deviation, 1.0),
        "still": (returns == 0.0).mean(axis=1),
        "memory": memory(size),
        "leverage": leverage(returns),
    }
    return {name: found[name] for name in LABELS}


def tail(size: Floats) -> Floats:
    """Hill's ξ of the largest `TAIL_SHARE` of every row of |r|, ``(B, T)`` to ``(B,)``.

    Where not even so many days have a return, it is that of those which have one.
    """
    number = max(2, int(TAIL_SHARE * size.shape[1]))
    largest = np.sort(size, axis=1)[:, -number - 1 :]
    logs = np.log(np.where(largest > 0.0, largest, np.nan))
    everywhere = np.isnan(logs).all(axis=1)
    logs[everywhere] = 0.0
    return np.asarray(np.nanmean(logs, axis=1) - np.nanmin(logs, axis=1)) * (number + 1) / number


def memory(size: Floats) -> Floats:
    """d of every row of |r|, ``(B, T)`` to ``(B,)``, within 0 and `LARGEST_MEMORY`.

    With the periodogram I_j at the m lowest frequencies λ_j, d has the least
    log mean(λ_j^2d I_j) − 2d mean(log λ_j).
    """
    periods = size.shape[1]
    lowest = int(periods**MEMORY_POWER)
    logs = np.log(2.0 * np.pi * np.arange(1, lowest + 1) / periods)
    power = np.abs(np.fft.rfft(size - size.mean(axis=1, keepdims=True))[:, 1 : lowest + 1]) ** 2
    grid = np.linspace(0.0, LARGEST_MEMORY, 101)
    mean = np.maximum(power @ np.exp(2.0 * np.outer(logs, grid)) / lowest, 1e-300)
    d = grid[np.argmin(np.log(mean) - 2.0 * grid * logs.mean(), axis=1)]
    return np.where(power.sum(axis=1) > 0.0, d, 0.0)


def leverage(returns: Floats) -> Floats:
    """Mean correlation of r_t with |r| of the days after it, ``(B, T)`` to ``(B,)``."""
    size, periods = np.abs(returns), returns.shape[1]
    away, around = (x - x.mean(axis=1, keepdims=True) for x in (returns, size))
    scale = away.std(axis=1) * around.std(axis=1)
    lags = range(1, LEVERAGE_LAGS + 1)
    moved = [(away[:, : periods - k] * around[:, k:]).mean(axis=1) for k in lags]
    return np.asarray(np.mean(moved, axis=0) / np.where(scale > 0.0, scale, 1.0))
