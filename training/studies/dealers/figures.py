"""Pictures of makers and investors: skew over inventory, trades over the price, mixed offsets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ....envs.dealers import quoting
from ....envs.dealers.competition import Mixture
from ..charts import EXACT_COLOUR, TRAINED_COLOUR, chart, line
from ..study import Arrays
from .learned import CONNECTED, REACHED, RISKS, SHOWN, WEIGHTS

COLOURS = ("#9ecae1", "#4292c6", "#084594")  # of few, some and many takers reached


def skew_figure(runs: Sequence[Arrays]) -> Figure:
    """Skew over inventory, one curve per connectivity; dots are learned, lines exact."""
    figure, axes = chart(1, len(RISKS), width=10.5, height=3.4)
    middle = quoting.MOST_INVENTORY
    shown = slice(middle - SHOWN, middle + SHOWN + 1)
    q = quoting.INVENTORIES[shown]
    for axis, risk in zip(axes, RISKS, strict=True):
        for number, colour in zip(REACHED, COLOURS, strict=True):
            name = f"{number}/{risk:g}"
            axis.plot(q, _skew(runs[0][f"{name}/computed"])[shown], color=colour, linewidth=1.4)
            for run in runs:
                label = f"{number} of 10 takers reached" if run is runs[0] else None
                axis.plot(
                    q, _skew(run[f"{name}/learned"])[shown], ".", color=colour, alpha=0.7,
                    label=label,
                )  # fmt: skip
        axis.set_title(f"risk aversion γ = {risk:g}", fontsize=10)
        axis.set_xlabel("inventory, units")
    axes[0].set_ylabel("skew, price units")
    axes[0].legend(fontsize=7, frameon=False)
    return figure


def _skew(quotes: Any) -> Any:
    return 0.5 * (quotes[:, 0] - quotes[:, 1])


def timing_figure(arrays: Arrays) -> Figure:
    """A day's trades over the price, one panel per weight of profit."""
    shown = [weight for weight in WEIGHTS if weight != 0.5]
    figure, panels = chart(2, 2, width=9, height=5)
    price = arrays["price"]
    for axis, weight in zip(panels.flat, shown, strict=True):
        axis.plot(price, color="0.6", linewidth=1.0)
        counts = []
        for what, mark, colour in (("buys", "^", TRAINED_COLOUR), ("sells", "v", EXACT_COLOUR)):
            times = np.flatnonzero(arrays[f"{weight:g}/{what[:-1]}"] > 0)
            label = what if axis is panels.flat[0] else None
            axis.plot(times, price[times], mark, color=colour, markersize=4.5, label=label)
            counts.append(f"{len(times)} {what}")
        axis.set_title(f"weight of profit w = {weight:g}: {', '.join(counts)}", fontsize=10)
    figure.legend(loc="outside upper right", ncols=2, fontsize=8, frameon=False)
    for axis in panels[-1]:
        axis.set_xlabel("step")
    for axis in panels[:, 0]:
        axis.set_ylabel("price")
    return figure


def offsets_figure(runs: Sequence[Arrays], makers: int) -> Figure:
    """Distribution functions of offsets, learned and computed, one panel per connectivity."""
    figure, axes = chart(1, len(CONNECTED), width=10.5, height=3.2)
    for axis, connectivity in zip(axes, CONNECTED, strict=True):
        for run in runs:
            offsets = np.sort(run[f"{connectivity:g}/offsets"])
            share = (np.arange(len(offsets)) + 0.5) / len(offsets)
            label = "learned" if run is runs[0] else None
            axis.plot(offsets, share, color=TRAINED_COLOUR, alpha=0.7, label=label)
        game = Mixture(makers, connectivity)
        tried = np.linspace(1e-3, 0.8, 300)
        line(axis, tried, 1.0 - game.above(tried), "mixed equilibrium")
        axis.set_title(f"{makers} makers, connectivity {connectivity:g}", fontsize=10)
        axis.set_xlabel("offset, price units")
        axis.set_xlim(0.0, 0.9)
    axes[0].set_ylabel("share of offsets below")
    axes[0].legend(fontsize=7, frameon=False)
    return figure
