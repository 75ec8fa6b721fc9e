"""Pictures of the execution game: costs beside rules, the book of one episode, and what fees do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from ....envs.execution.baselines import RULES
from ..charts import EXACT_COLOUR, TRAINED_COLOUR, chart, line
from ..statistics import half_width
from ..study import Arrays

LARGEST_DOT = 60.0  # area, points²


def cost_figure(results: dict[str, float]) -> Figure:
    """Mean implementation shortfall with its standard error, and what rules pay more."""
    figure, (costs, saved) = chart(1, 2, width=9, height=3.2)
    names = ["trained", *RULES]
    labels = [name.replace("_", "\n") for name in names]
    prefixes = ["", *(f"{name}/" for name in RULES)]
    costs.bar(
        labels,
        [results[f"{prefix}cost_bp"] for prefix in prefixes],
        yerr=[results.get(f"{prefix}cost_bp/standard_error", 0.0) for prefix in prefixes],
        color=[TRAINED_COLOUR, *["0.7"] * len(RULES)],
        capsize=3,
    )
    costs.set_ylabel("shortfall, bp of the parent order")
    saved.bar(
        labels[1:],
        [results[f"saved_over/{name}"] for name in RULES],
        yerr=[results.get(f"saved_over/{name}/standard_error", 0.0) for name in RULES],
        color=TRAINED_COLOUR,
        capsize=3,
    )
    saved.set_ylabel("rule − trained, same episodes, bp")
    for axis in (costs, saved):
        axis.axhline(0.0, color="0.3", linewidth=0.8)
        axis.tick_params(axis="x", labelsize=7)
    return figure


def book_figure(arrays: Arrays) -> Figure:
    """Depth of the book at every decision, the mid, and when the first executor traded."""
    figure, (depth, trades) = chart(1, 2, width=9, height=3.4)
    minutes, mid = arrays["book/minutes"], arrays["book/mid"] / 100
    levels, filled = arrays["book/levels"], arrays["book/filled"]  # (T + 1, 4, n), (T,)
    for first, colour in ((0, TRAINED_COLOUR), (2, EXACT_COLOUR)):
        prices, sizes = levels[:, first] / 100, levels[:, first + 1]
        there = sizes > 0
        time = np.broadcast_to(minutes[:, None], prices.shape)
        area = 6.0 * np.log10(1.0 + sizes[there])
        depth.scatter(time[there], prices[there], s=area, c=colour, alpha=0.4, lw=0)
    depth.plot(minutes, mid, color="black", linewidth=0.8, label="mid")
    depth.set_title("ten levels a side")
    trades.plot(minutes, mid, color="black", linewidth=0.8, label="mid")
    # What is filled between two decisions is drawn at the first of them.
    traded = np.flatnonzero(filled)
    area = LARGEST_DOT * filled[traded] / max(1.0, filled.max())
    trades.scatter(minutes[traded], mid[traded], s=area, c=TRAINED_COLOUR, label="filled")
    trades.set_title("executions")
    for axis in (depth, trades):
        axis.ticklabel_format(useOffset=False)
        axis.set_xlabel("minutes after arrival")
        axis.set_ylabel("dollars")
        axis.legend()
    return figure


def fee_figure(runs: Sequence[Arrays]) -> Figure:
    """Volatility, cost and the leader's reward over the fee, means and ranges over runs."""
    figure, axes = chart(1, 3, width=11, height=3.2)
    fees = runs[0]["fees"]
    for axis, name, label in (
        (axes[0], "return_deviation_bp", "deviation of the mid's returns, bp"),
        (axes[1], "cost_bp", "cost of executors with fee, bp"),
        (axes[2], "leader_reward", "reward of the leader"),
    ):
        values = np.stack([run[f"fees/{name}"] for run in runs])
        axis.fill_between(
            fees, values.min(axis=0), values.max(axis=0), color=TRAINED_COLOUR, alpha=0.2, lw=0
        )
        axis.plot(fees, values.mean(axis=0), "o-", color=TRAINED_COLOUR, ms=3)
        axis.set_xlabel("taker fee, bp")
        axis.set_ylabel(label)
    return figure


def design_figure(savings: dict[str, dict[str, np.ndarray]]) -> Figure:
    """Saved over TWAP by design: who was trained everywhere beside who was trained there alone.

    Means over seeds with their intervals of 95 %, and every seed.

    Args:
        savings: design -> label of the executor -> one number per seed.
    """
    figure, (axis,) = chart(1, 1, width=6.5, height=3.4)
    for number, design in enumerate(savings):
        for shift, (label, values) in enumerate(savings[design].items()):
            colour = (TRAINED_COLOUR, "0.4")[shift % 2]
            x = number + 0.25 * (shift - 0.5)
            axis.scatter(np.full(len(values), x), values, s=10, color=colour, alpha=0.5)
            error = half_width(values) if len(values) > 1 else 0.0
            axis.errorbar(
                x,
                values.mean(),
                yerr=error,
                fmt="o",
                color=colour,
                capsize=3,
                label=label if number == 0 else None,
            )
    line(axis, [-0.5, len(savings) - 0.5], [0.0, 0.0], "TWAP")
    axis.set_xticks(range(len(savings)), list(savings))
    axis.set_ylabel("saved over TWAP, bp of the parent order")
    axis.legend(fontsize=8)
    return figure
