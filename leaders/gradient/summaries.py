"""Statistics of a series for who infers from them: scale, tails, memory, and how it begins."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LEVELS = (0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95)
LAGS = (1, 2, 5, 10)
QUARTERS, FIRST = 4, 5


def series_statistics(series: Floats) -> Floats:
    """23 statistics of every series r, ``(n, T)`` to ``(n, 23)``.

    Quantiles of |r|; autocorrelations of |r| and of r; means of |r| over quarters and over the
    first five; share of zeros; deviation of r; largest |r|.
    """
    size = np.abs(series)
    quarters = [part.mean(axis=1) for part in np.array_split(size, QUARTERS, axis=1)]
    return np.stack(
        [
            *np.quantile(size, LEVELS, axis=1),
            *[autocorrelation(size, lag) for lag in LAGS],
            *[autocorrelation(series, lag) for lag in LAGS],
            *quarters,
            size[:, :FIRST].mean(axis=1),
            (series == 0.0).mean(axis=1),
            series.std(axis=1),
            size.max(axis=1),
        ],
        axis=1,
    )


def autocorrelation(series: Floats, lag: int) -> Floats:
    """Of every series at a lag, ``(n, T)`` to ``(n,)``; 0 for one that is constant or too short."""
    apart = series - series.mean(axis=1, keepdims=True)
    variance = (apart**2).sum(axis=1)
    together = (apart[:, lag:] * apart[:, :-lag]).sum(axis=1)
    return together / np.where(variance > 0, variance, 1.0)
