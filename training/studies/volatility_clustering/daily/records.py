"""What is known of an index beside the market: its facts, the posteriors, and the scan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .scan import Facts, Found

Floats = NDArray[np.float64]
NAME = "volatility_clustering_daily"
SERIES = {"sp500": "S&P 500", "nasdaq": "NASDAQ"}
BAND = (0.05, 0.95)
"""What nine in ten paths lie within."""


@dataclass(frozen=True)
class Fit:
    """A posterior and what it predicts.

    Attributes:
        names: of the characteristics.
        theta: draws, ``(n, d)``.
        facts: of a path under each of some of them, name -> ``(paths,)``.
        clustering: autocorrelation of |r| of every path, ``(paths, lags)``.
    """

    names: tuple[str, ...]
    theta: Floats
    facts: Facts
    clustering: Floats


@dataclass(frozen=True)
class Judged:
    """All there is about one series.

    Attributes:
        observed: returns, ``(T,)``.
        data: its facts.
        clustering: autocorrelation of its |r|, ``(lags,)``.
        fits: by what is compared.
        scanned: facts of the scan by view, name -> ``(points,)``.
        found: what comes nearest, by what is sought and view.
    """

    observed: Floats
    data: dict[str, float]
    clustering: Floats
    fits: dict[str, Fit]
    scanned: dict[str, Facts]
    found: dict[tuple[str, str], Found]


def within(values: Floats, value: float) -> bool:
    """Whether a number lies where nine in ten of the values ``(n,)`` do."""
    low, high = np.quantile(values, BAND)
    return bool(low <= value <= high)
