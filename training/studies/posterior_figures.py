"""Pictures of posteriors, whatever their market: corner plot, losses, ranks and coverage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ...leaders.gradient.trust import BINS, rank_counts, ranks, uniform_band
from .charts import EXACT_COLOUR, TRAINED_COLOUR, chart

Floats = NDArray[np.float64]
PRIOR = "prior"
COLOURS = ("0.6", TRAINED_COLOUR, "#ff7f0e", "#2ca02c", "#9467bd")
MASS = (0.9, 0.5)  # within the contours
CELLS, CURVE_CELLS, SMOOTHING = 40, 60, 1.5
WINDOW = 10
WIDE = 30.0  # largest loss, in medians, beyond which the axis is logarithmic


def corner(
    draws: Mapping[str, Floats], names: Sequence[str], truth: Floats | None = None
) -> Figure:
    """Densities of every characteristic and of every pair, of several distributions.

    Args:
        draws: label -> ``(n, d)``; under `PRIOR` those of the prior, in grey.
        names: of the characteristics, d.
        truth: θ, ``(d,)``, where it is known.
    """
    number = len(names)
    figure, axes = chart(number, number, width=2.1 * number + 0.8, height=2.0 * number + 0.4)
    grid = np.atleast_2d(axes) if number > 1 else np.array([[axes[0]]])
    colours = dict(
        zip([PRIOR, *[label for label in draws if label != PRIOR]], _many(), strict=False)
    )
    spans = [_span([one[:, column] for one in draws.values()]) for column in range(number)]
    for row in range(number):
        for column in range(number):
            axis = grid[row, column]
            if column > row:
                axis.set_visible(False)
                continue
            for label, points in draws.items():
                if row == column:
                    _curve(axis, points[:, row], colours[label], label)
                else:
                    _contours(axis, points[:, [column, row]], colours[label])
            _decorate(axis, row, column, spans, truth)
            if row == number - 1:
                axis.set_xlabel(names[column])
            if column == 0:
                axis.set_ylabel(names[row] if row else "density")
    legend = {"loc": "upper right"} if number > 1 else {"loc": "outside upper center"}
    figure.legend(*grid[0, 0].get_legend_handles_labels(), **legend)
    return figure


def _many() -> list[str]:
    return [*COLOURS, *[f"C{n}" for n in range(20)]]


def _span(columns: list[Floats]) -> tuple[float, float]:
    """Where almost all draws are."""
    low = min(float(np.quantile(column, 0.002)) for column in columns)
    high = max(float(np.quantile(column, 0.998)) for column in columns)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _curve(axis: Any, values: Floats, colour: str, label: str) -> None:
    density, edges = np.histogram(values, CURVE_CELLS, _span([values]), density=True)
    middle = (edges[1:] + edges[:-1]) / 2.0
    axis.plot(middle, gaussian_filter(density, SMOOTHING), color=colour, label=label)
    axis.set_yticks([])


def _contours(axis: Any, pair: Floats, colour: str) -> None:
    """Lines around the densest half and nine tenths of the draws, on cells of their own."""
    spans = [_span([column]) for column in pair.T]
    mass, (across, up) = np.histogramdd(pair, bins=CELLS, range=spans)
    mass = gaussian_filter(mass, SMOOTHING)
    ordered = np.sort(mass.reshape(-1))[::-1]
    shares = np.cumsum(ordered) / ordered.sum()
    levels = np.unique([ordered[np.searchsorted(shares, share)] for share in MASS])
    middle = [(edges[1:] + edges[:-1]) / 2.0 for edges in (across, up)]
    axis.contour(*middle, mass.T, levels=levels, colors=colour, linewidths=1.1)


def _decorate(
    axis: Any, row: int, column: int, spans: list[tuple[float, float]], truth: Floats | None
) -> None:
    axis.set_xlim(*spans[column])
    if row != column:
        axis.set_ylim(*spans[row])
    if truth is not None:
        axis.axvline(truth[column], color=EXACT_COLOUR, linestyle="--", linewidth=1)
        if row != column:
            axis.axhline(truth[row], color=EXACT_COLOUR, linestyle="--", linewidth=1)


def losses(curves: Mapping[str, tuple[Floats, Floats]]) -> Figure:
    """Losses against simulations, each iteration pale and a running mean of ten in full.

    Args:
        curves: label -> simulations so far and loss, ``(n,)`` each.
    """
    figure, axes = chart(1, 1, width=5.0, height=3.2)
    for colour, (label, (simulations, loss)) in zip(_many()[1:], curves.items(), strict=False):
        window = min(WINDOW, len(loss))
        sums = np.cumsum(np.concatenate([[0.0], loss]))
        axes[0].plot(simulations, loss, color=colour, alpha=0.3, linewidth=0.8)
        smooth = (sums[window:] - sums[:-window]) / window
        axes[0].plot(simulations[window - 1 :], smooth, color=colour, label=label)
    every = np.concatenate([np.abs(loss) for _, loss in curves.values()])
    if every.max() > WIDE * np.median(every):
        axes[0].set_yscale("symlog", linthresh=float(np.median(every)))
    axes[0].set_xlabel("simulations")
    axes[0].set_ylabel("loss + KL / w")
    axes[0].legend()
    return figure


def rank_histograms(truths: Floats, draws: Floats, names: Sequence[str]) -> Figure:
    """Ranks of truths among their draws, with the band of nine cases of ten and a half.

    Args:
        truths: ``(n, d)``.
        draws: ``(n, S, d)``.
        names: of the characteristics, d.
    """
    counts = rank_counts(ranks(truths, draws), draws.shape[1])
    low, high = uniform_band(len(truths))
    figure, axes = chart(1, len(names), width=2.6 * len(names) + 0.6, height=2.6)
    for axis, name, row in zip(np.ravel(axes), names, counts, strict=True):
        axis.axhspan(low, high, color="0.85")
        axis.bar((np.arange(BINS) + 0.5) / BINS, row, width=0.9 / BINS, color=TRAINED_COLOUR)
        axis.set_title(name, fontsize=9)
        axis.set_xlabel("rank of the truth")
    np.ravel(axes)[0].set_ylabel("truths")
    return figure


def coverage_curve(credibility: Floats) -> Figure:
    """Expected coverage against credibility (TARP): the diagonal if posteriors are right.

    Args:
        credibility: of every trial, ``(n,)``, see `leaders.gradient.trust.tarp`.
    """
    figure, axes = chart(1, 1, width=3.4, height=3.2)
    levels = np.linspace(0.0, 1.0, 101)
    share = (credibility[:, None] <= levels).mean(axis=0)
    error = 1.96 * np.sqrt(levels * (1.0 - levels) / len(credibility))
    axes[0].fill_between(levels, levels - error, levels + error, color="0.85")
    axes[0].plot(levels, levels, color=EXACT_COLOUR, linewidth=1)
    axes[0].plot(levels, share, color=TRAINED_COLOUR)
    axes[0].set_xlabel("credibility")
    axes[0].set_ylabel("expected coverage")
    return figure
