"""Pictures of shops: learned over computed prices, and what if one shop changed its price?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ..charts import EXACT_COLOUR, TRAINED_COLOUR, chart
from ..study import Arrays
from .learned import RISES

CASES = {"nobody": "nobody\nadapts", "customers": "customers\nadapt", "all": "all\nadapt"}
PANELS = {"share": "market share of the last shop", "profit": "its profit per customer"}


def prices_figure(runs: Sequence[Arrays]) -> Figure:
    """Learned over computed prices at held-out θ, one dot per shop, θ and run."""
    figure, (axis,) = chart(1, 1, width=4.6, height=4.2)
    for run in runs:
        axis.plot(
            run["held_out/computed"].ravel(), run["held_out/learned"].ravel(), ".",
            color=TRAINED_COLOUR, alpha=0.7,
        )  # fmt: skip
    low, high = axis.get_xlim()
    axis.plot([low, high], [low, high], color=EXACT_COLOUR, linewidth=1.2)
    axis.set_xlabel("computed equilibrium price")
    axis.set_ylabel("learned price")
    return figure


def counterfactual_figure(runs: Sequence[Mapping[str, float]]) -> Figure:
    """Bars with the spread over runs, and the computed outcome as a line across each of them."""
    figure, axes = chart(len(PANELS), len(RISES), width=8, height=6)
    places = np.arange(len(CASES))
    for row, (what, title) in zip(axes, PANELS.items(), strict=True):
        for axis, label in zip(row, RISES, strict=True):
            names = [f"counterfactual/{label}/{case}" for case in CASES]
            values = np.array([[run[f"{name}/{what}"] for name in names] for run in runs])
            exact = [runs[0][f"{name}/computed_{what}"] for name in names]
            _bars(axis, places, values, exact)
            axis.set_xticks(places, CASES.values())
            axis.set_title(f"{title}, price {label}", fontsize=10)
    return figure


def _bars(axis: Any, places: Any, values: Any, exact: Sequence[float]) -> None:
    spread = np.abs(np.stack([values.min(axis=0), values.max(axis=0)]) - values.mean(axis=0))
    axis.bar(places, values.mean(axis=0), 0.6, yerr=spread, color=TRAINED_COLOUR, alpha=0.75)
    for place, value in zip(places, exact, strict=True):
        axis.plot([place - 0.36, place + 0.36], [value, value], color=EXACT_COLOUR, linewidth=1.6)
