"""Pictures of calibrations: learning curves, a path under common shocks and its error, losses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ..charts import EXACT_COLOUR, TRAINED_COLOUR, chart, line
from .fits import Fit

NAMES = ("b", "c", "d")
LIKELIHOOD_ERRORS = (0.0139, 0.0612, 0.00671)
"""Standard errors of the likelihood for 1,000 paths; see `information`."""
CURVES, CHANCE = 3, 2.0 * np.log(2.0)
SHADES = (TRAINED_COLOUR, "#2ca02c", "#9467bd")


def pictures(recipe: Sequence[Fit], literal: Sequence[Fit]) -> dict[str, Figure]:
    """Name -> figure, of recipe R's fits and of those of the published one."""
    return {
        "curves": learning_curves(recipe),
        "path": path(recipe),
        "losses": losses(recipe, literal),
    }


def learning_curves(fits: Sequence[Fit]) -> Figure:
    """b, c and d over iterations from three starts, with the truth and what the data can tell."""
    figure, axes = chart(1, 3, width=11.0, height=3.3)
    for entry, (axis, name) in enumerate(zip(axes, NAMES, strict=True)):
        truth, error = fits[0].truth[entry], LIKELIHOOD_ERRORS[entry]
        axis.axhspan(truth - error, truth + error, color=EXACT_COLOUR, alpha=0.2, linewidth=0)
        axis.axhline(truth, color=EXACT_COLOUR, linewidth=1.2, label="truth ± s.e. of likelihood")
        for number, (fit, shade) in enumerate(zip(fits[:CURVES], SHADES, strict=False)):
            curve = np.array(fit.curve)[:, entry]
            axis.plot(curve, color=shade, linewidth=1.0, label=f"start {number + 1}")
        axis.set_ylabel(f"|{name}|" if name != "d" else name)
        axis.set_xlabel("iteration")
    axes[-1].legend(fontsize=7)
    return figure


def path(fits: Sequence[Fit]) -> Figure:
    """A path of truth and answer under common shocks; the error of all paths over time."""
    figure, axes = chart(1, 2, width=9.0, height=3.4)
    middle = sorted(fits, key=lambda fit: fit.path_error)[len(fits) // 2]
    time = np.arange(1, len(middle.example[0]) + 1)
    line(axes[0], time, middle.example[0], "true traders")
    axes[0].plot(time, middle.example[1], "--", color=TRAINED_COLOUR, label="the answer's")
    axes[0].set_ylabel("price, common shocks")
    for row, (style, label) in enumerate((("-", "median path"), (":", "95 % of all paths"))):
        errors = 100.0 * np.array([fit.error[row] for fit in fits])
        axes[1].plot(
            time, np.median(errors, axis=0), style, color=TRAINED_COLOUR, linewidth=1.4, label=label
        )
        axes[1].fill_between(
            time, errors.min(axis=0), errors.max(axis=0), color=TRAINED_COLOUR, alpha=0.12, lw=0
        )
    axes[1].set_ylabel("relative error, % (band: all seeds)")
    for axis in axes:
        axis.set_xlabel("period")
        axis.legend(fontsize=8)
    return figure


def losses(recipe: Sequence[Fit], literal: Sequence[Fit]) -> Figure:
    """Loss of a discriminator where it learns and on paths held out, over iterations."""
    figure, axes = chart(1, 2, width=9.0, height=3.3)
    for axis, fit, title in zip(
        axes, (recipe[0], literal[0]), ("recipe R", "as published"), strict=True
    ):
        curves = np.array(fit.loss_curve)
        for column, (style, label) in enumerate((("-", "learned from"), ("--", "held out"))):
            axis.plot(_smooth(curves[:, column]), style, color=TRAINED_COLOUR, lw=1.2, label=label)
        axis.axhline(CHANCE, color=EXACT_COLOUR, linewidth=1.0, label="chance")
        axis.set_title(title, fontsize=9)
        axis.set_xlabel("iteration")
        axis.set_ylabel("loss")
    axes[0].legend(fontsize=8)
    return figure


def _smooth(values: Any, width: int = 11) -> Any:
    """Moving median, so that the draws of single iterations do not hide the course."""
    padded = np.pad(values, width // 2, mode="edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1)
