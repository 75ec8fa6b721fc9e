"""Pictures of the answer beside the reference, and of memory over periods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ..charts import EXACT_COLOUR, TRAINED_COLOUR, chart
from ..study import Arrays

BAND = (0.05, 0.95)
MIDDLE_HALF = (0.25, 0.75)


def price_figure(arrays: Arrays) -> Figure:
    """A fan of log prices under the answer, and the reference's."""
    figure, (axis,) = chart(1, 1, width=7.2, height=3.6)
    paths = arrays["answer/log_prices"]
    fan(axis, 1.0 + np.arange(paths.shape[1]), paths, "answer")
    if "reference/log_prices" in arrays:
        observed = arrays["reference/log_prices"][0]
        periods = 1.0 + np.arange(len(observed))
        axis.plot(periods, observed, color="black", linewidth=1.0, label="reference")
    axis.set_xlabel("period")
    axis.set_ylabel("log price")
    axis.legend(fontsize=8)
    return figure


def clustering_figure(arrays: Arrays) -> Figure:
    """Autocorrelation of |r| over lags."""
    figure, (axis,) = chart(1, 1, width=7.2, height=3.2)
    lags = arrays["lags"]
    fan(axis, lags, arrays["answer/clustering"], "answer")
    if "reference/clustering" in arrays:
        observed = arrays["reference/clustering"][0]
        axis.plot(lags, observed, color="black", linewidth=1.0, label="reference")
    axis.axhline(0.0, color="0.4", linewidth=0.8)
    axis.set_xlabel("lag, periods")
    axis.set_ylabel("autocorrelation of |r|")
    axis.legend(fontsize=8)
    return figure


def fan(axis: Any, x: Any, paths: Any, label: str) -> None:
    """The median with the middle half and nine in ten of the paths, ``(B, n)``."""
    for (low, high), shade in ((BAND, 0.15), (MIDDLE_HALF, 0.3)):
        edges = np.quantile(paths, (low, high), axis=0)
        axis.fill_between(x, *edges, color=TRAINED_COLOUR, alpha=shade, linewidth=0)
    axis.plot(x, np.median(paths, axis=0), color=TRAINED_COLOUR, label=label)


def memory_figure(measured: Mapping[str, Mapping[int, Sequence[tuple[int, float]]]]) -> Figure:
    """Megabytes over periods (Dyer et al. 2023, Fig. 5).

    Args:
        measured: mode -> number of traders -> pairs of periods and megabytes.
    """
    figure, (axis,) = chart(1, 1, width=7.2, height=3.6)
    colours = {"forward": TRAINED_COLOUR, "reverse": EXACT_COLOUR}
    for mode, by_traders in measured.items():
        for number, (traders, points) in enumerate(by_traders.items()):
            axis.plot(
                *np.array(points).T,
                marker="os"[number % 2],
                markersize=4,
                linestyle=("-", "--")[number % 2],
                color=colours[mode],
                label=f"{mode} mode, {traders:,} traders",
            )
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel("periods")
    axis.set_ylabel("MB")
    axis.legend(fontsize=8)
    return figure
