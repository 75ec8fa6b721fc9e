"""Pictures of an index beside the market."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from ...charts import EXACT_COLOUR, TRAINED_COLOUR, chart
from .facts import LABELS
from .records import BAND, SERIES, Judged
from .scan import SETTLED, START

Floats = NDArray[np.float64]
COLOURS = (TRAINED_COLOUR, EXACT_COLOUR)
COLUMNS = 4
SHADES = (-0.1, 0.3)  # autocorrelations between the ends of the scale of colours


def facts_figure(figures: Mapping[str, float], fits: Sequence[str]) -> Figure:
    """Every fact: the data's as a line, and what each posterior predicts of it.

    Args:
        figures: of the table, by name.
        fits: what the posteriors are called.
    """
    rows = -(-len(LABELS) // COLUMNS)
    figure, axes = chart(rows, COLUMNS, width=12.0, height=2.6 * rows + 0.4)
    short = [text.replace(" and ", "\nand ").replace(", ", ",\n") for text in fits]
    for axis, (name, label) in zip(np.ravel(axes), LABELS.items(), strict=False):
        for side, (colour, index) in enumerate(zip(COLOURS, SERIES, strict=True)):
            axis.axhline(figures[f"{index}/data/{name}"], color=colour, lw=1.0, linestyle="--")
            for place, fit in enumerate(fits):
                key, at = f"{index}/{fit}/{name}", place + 0.24 * (side - 0.5)
                ends = [figures[f"{key}/low"], figures[f"{key}/high"]]
                axis.plot([at, at], ends, color=colour, linewidth=2.0)
                axis.plot(at, figures[key], "o", color=colour, markersize=4)
        axis.set_title(label, fontsize=9)
        axis.set_xticks(range(len(fits)), short, fontsize=7)
        axis.set_xlim(-0.5, len(fits) - 0.5)
    drawn = [Line2D([], [], color=colour, marker="o") for colour in COLOURS]
    drawn.append(Line2D([], [], color="black", linestyle="--"))
    figure.legend(drawn, [*SERIES.values(), "data"], loc="outside upper center", ncols=3)
    return figure


def clustering_figure(judged: dict[str, Judged]) -> Figure:
    """Autocorrelation of |r| over lags, data and posteriors."""
    figure, axes = chart(1, len(judged), width=9.6, height=3.4)
    for axis, (index, one) in zip(axes, judged.items(), strict=True):
        lags = np.arange(1, len(one.clustering) + 1)
        for number, (label, fit) in enumerate(one.fits.items()):
            low, high = np.quantile(fit.clustering, BAND, axis=0)
            axis.fill_between(lags, low, high, color=f"C{number}", alpha=0.2, linewidth=0)
            axis.plot(lags, fit.clustering.mean(axis=0), color=f"C{number}", label=label)
        axis.plot(lags, one.clustering, color="black", linewidth=1.0, label="data")
        axis.axhline(0.0, color="0.4", linewidth=0.8)
        axis.set_title(SERIES[index], fontsize=9)
        axis.set_xlabel("lag, days")
    axes[0].set_ylabel("autocorrelation of |r|")
    axes[0].legend(fontsize=7)
    return figure


def scan_figure(judged: dict[str, Judged]) -> Figure:
    """Every θ of the scan: kurtosis against clusters, from the start and settled."""
    figure, axes = chart(1, 2, width=9.6, height=3.8)
    one = next(iter(judged.values()))
    for axis, view in zip(axes, (START, SETTLED), strict=True):
        facts = one.scanned[view]
        drawn = axis.scatter(
            facts["excess_kurtosis"],
            facts["clustering/20"],
            c=facts["clustering/100"],
            s=6,
            vmin=SHADES[0],
            vmax=SHADES[1],
            cmap="viridis",
            linewidths=0,
        )
        for marker, (index, other) in zip("*P", judged.items(), strict=True):
            _mark(axis, other, marker, SERIES[index])
        axis.set_xscale("symlog", linthresh=1.0)
        axis.set_title(view, fontsize=9)
        axis.set_xlabel("excess kurtosis")
    axes[0].set_ylabel("autocorrelation of |r|, lag 20")
    axes[0].legend(fontsize=7)
    figure.colorbar(drawn, ax=axes, label="autocorrelation of |r|, lag 100", extend="both")
    return figure


def _mark(axis: Any, one: Judged, marker: str, label: str) -> None:
    axis.scatter(
        one.data["excess_kurtosis"],
        one.data["clustering/20"],
        c=[one.data["clustering/100"]],
        s=140,
        marker=marker,
        vmin=SHADES[0],
        vmax=SHADES[1],
        cmap="viridis",
        edgecolors="black",
        label=label,
    )
