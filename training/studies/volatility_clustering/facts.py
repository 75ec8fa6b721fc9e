"""Stylised facts of returns: their size, their tails, and whether large ones come together."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
LAGS = (1, 10, 50, 100)
FEWEST_PAIRS = 20  # behind an autocorrelation


def autocorrelation(series: Floats, lags: ArrayLike) -> Floats:
    """Correlations of every series, ``(B, T)``, with itself some periods before, ``(B, lags)``.

    Around the mean and over the variance of the whole series; 0 where it does not vary.
    """
    away = series - series.mean(axis=1, keepdims=True)
    variance = (away**2).mean(axis=1)
    periods = series.shape[1]
    found = [(away[:, lag:] * away[:, : periods - lag]).mean(axis=1) for lag in np.asarray(lags)]
    return np.stack(found, axis=1) / np.where(variance > 0.0, variance, 1.0)[:, None]


def facts(returns: Floats) -> dict[str, Floats]:
    """Of every series, ``(B, T)``: name -> ``(B,)``, without lags that they are too short for."""
    away = returns - returns.mean(axis=1, keepdims=True)
    variance = (away**2).mean(axis=1)
    lags = [lag for lag in LAGS if returns.shape[1] - lag >= FEWEST_PAIRS]
    sizes = autocorrelation(np.abs(returns), lags)
    fourth = (away**4).mean(axis=1) / np.where(variance > 0.0, variance, 1.0) ** 2
    return {
        "deviation": np.sqrt(variance),
        "excess_kurtosis": fourth - 3.0,
        **{f"clustering/{lag}": sizes[:, place] for place, lag in enumerate(lags)},
        "autocorrelation/1": autocorrelation(returns, [1])[:, 0],
    }
