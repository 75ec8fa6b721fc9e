"""Figures of a training run, whatever its market: rewards of both layers, and the path of θ."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ..experiments.experiment import Experiment
from ..studies.charts import TRAINED_COLOUR, chart

SMOOTHING = 10


def training_figures(experiment: Experiment, history: list[dict[str, float]]) -> dict[str, Figure]:
    """Name -> figure; empty without a history."""
    if not history:
        return {}
    columns = {key: np.array([row.get(key, np.nan) for row in history]) for key in history[0]}
    return {"training": _training(experiment, columns), "theta": _theta(experiment, columns)}


def _training(experiment: Experiment, columns: dict[str, np.ndarray]) -> Figure:
    somebody_learns = bool(experiment.market.groups)
    figure, axes = chart(1, 1 + somebody_learns, width=4.5 * (1 + somebody_learns), height=3.2)
    left, right = axes[0], axes[-1]
    time = columns["iteration"]
    for name, values in columns.items():
        if name.startswith("followers/") and name.endswith("_net_reward"):
            group = name.removeprefix("followers/").removesuffix("_net_reward")
            left.plot(time, values, linewidth=1, label=group)
    left.set_ylabel("reward per step, net of costs")
    right.plot(
        time, columns["leader/objective_under_random_theta"], color="0.7", label="under random θ"
    )
    right.fill_between(
        time,
        columns["leader/objective_least"],
        columns["leader/objective_largest"],
        color=TRAINED_COLOUR,
        alpha=0.15,
        linewidth=0,
        label="least to largest of the copies",
    )
    right.plot(time, columns["leader/objective"], color=TRAINED_COLOUR, alpha=0.35)
    right.plot(
        time, smooth(columns["leader/objective"]), color=TRAINED_COLOUR, label="under the leader"
    )
    right.set_ylabel("leader's objective")
    for axis in (left, right):
        axis.axvline(experiment.training.pretrain_iterations, color="0.4", linestyle=":")
        axis.set_xlabel("iteration")
        axis.legend()
    return figure


def _theta(experiment: Experiment, columns: dict[str, np.ndarray]) -> Figure:
    entries = experiment.market.characteristics.entries
    width = min(4, len(entries))
    rows = -(-len(entries) // width)
    figure, axes = chart(rows, width, width=max(4.5, 3.2 * width), height=2.9 * rows)
    first, last = experiment.training.pretrain_iterations, columns["iteration"][-1] + 1
    first = first if first < last else 0  # where nobody leads, followers alone are shown
    for axis, entry in zip(np.ravel(axes), entries, strict=False):
        axis.plot(columns["iteration"], columns[f"theta/{entry.name}"], color=TRAINED_COLOUR)
        axis.set_xlim(first, last)
        if entry.high > entry.low:
            axis.set_ylim(entry.low, entry.high)
        axis.set_title(entry.name.replace("_", " "), fontsize=9)
        axis.set_xlabel("iteration")
        axis.set_ylabel(entry.unit or "θ")
    for axis in np.ravel(axes)[len(entries) :]:
        axis.set_visible(False)
    return figure


def smooth(values: np.ndarray) -> np.ndarray:
    """A running mean over the last `SMOOTHING` values, ignoring NaN."""
    finite = np.isfinite(values)
    sums = np.cumsum(np.where(finite, values, 0.0))
    counts = np.cumsum(finite)
    sums[SMOOTHING:] -= sums[:-SMOOTHING].copy()
    counts[SMOOTHING:] -= counts[:-SMOOTHING].copy()
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
