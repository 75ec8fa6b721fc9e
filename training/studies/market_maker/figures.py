"""Pictures of the market maker over preferences, of one run or of many seeds beside baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ..charts import TRAINED_COLOUR, chart, line
from ..study import Arrays

PANELS = (
    ("half_spread", "spread", 2.0),
    ("profit", "profit per taker", 1.0),
    ("market_share", "market share", 1.0),
)
"""Name of the curve, label, and factor from one to the other."""
GOAL = 1.0  # largest regret, in percent
Runs = Sequence[Arrays]
"""What the study found in each run of one experiment, seeds apart."""


def preference_figure(conditional: Runs, fixed: Mapping[float, Runs] | None = None) -> Figure:
    """Spread, profit and market share over ω (ADAGE, arXiv:2501.09429, Fig. 8).

    Args:
        conditional: runs of the maker who sees ω, a line with the deviation over rollouts; or none.
        fixed: ω -> runs of the maker trained at that ω alone: stars with the same deviation.
    """
    fixed = fixed or {}
    figure, axes = chart(1, 3, width=10.5, height=3.4)
    some = [*conditional, *(run for runs in fixed.values() for run in runs)][0]
    for axis, (name, label, factor) in zip(axes, PANELS, strict=True):
        line(axis, some["preferences"], factor * some[f"best/{name}"], "best quotes")
        if conditional:
            weights = conditional[0]["preferences"]
            mean, spread = factor * _mean(conditional, name), factor * _spread(conditional, name)
            axis.fill_between(
                weights, mean - spread, mean + spread, color=TRAINED_COLOUR, alpha=0.2, linewidth=0
            )
            axis.plot(weights, mean, color=TRAINED_COLOUR, label="one policy for every ω")
        for number, (weight, runs) in enumerate(fixed.items()):
            at = runs[0]["preferences"] == weight
            axis.errorbar(
                weight,
                (factor * _mean(runs, name)[at]).item(),
                yerr=(factor * _spread(runs, name)[at]).item(),
                fmt="*",
                color="black",
                markersize=9,
                capsize=2,
                linewidth=0.8,
                label="trained at this ω alone" if number == 0 else None,
            )
        axis.set_xlabel("ω, weight of profit")
        axis.set_ylabel(label)
    axes[0].legend(fontsize=8)
    return figure


def regret_figure(conditional: Runs, fixed: Mapping[float, Runs] | None = None) -> Figure:
    """What is lost over ω, in percent of the best mean reward; arguments as above."""
    figure, (axis,) = chart(1, 1, width=7.2, height=3.6)
    if conditional:
        _regret(axis, conditional, "one policy for every ω", TRAINED_COLOUR, 2.0)
    for number, (weight, runs) in enumerate((fixed or {}).items()):
        shade = str(0.15 + 0.12 * number)
        _regret(axis, runs, f"trained at ω = {weight:g} alone", shade, 1.0)
    axis.axhline(GOAL, color="0.4", linestyle=":", linewidth=1)
    axis.set_yscale("symlog", linthresh=0.1)
    axis.set_ylim(bottom=0)
    axis.set_xlabel("ω, weight of profit")
    axis.set_ylabel("regret, % of the best reward")
    axis.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _regret(axis: Any, runs: Runs, label: str, colour: str, width: float) -> None:
    regrets = 100.0 * (1.0 - np.stack([run["reward_share"] for run in runs]))
    weights = runs[0]["preferences"]
    axis.plot(weights, regrets.mean(axis=0), color=colour, linewidth=width, label=label)
    if len(runs) > 1:
        low, high = regrets.min(axis=0), regrets.max(axis=0)
        axis.fill_between(weights, low, high, color=colour, alpha=0.2, linewidth=0)


def _mean(runs: Runs, name: str) -> Any:
    return np.mean([run[name] for run in runs], axis=0)


def _spread(runs: Runs, name: str) -> Any:
    """Standard deviation over rollouts, root mean square over seeds."""
    return np.sqrt(np.mean([run[f"rollout_deviation/{name}"] ** 2 for run in runs], axis=0))
