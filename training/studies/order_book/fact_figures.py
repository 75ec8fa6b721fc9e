"""Picture of the stylised facts of the background markets.

Version history: v1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ....envs.order_book.stylised_facts import autocorrelation, log_return
from ..charts import chart
from .day import SECONDS_BETWEEN, Day

Floats = NDArray[np.float64]
COLOURS = ("#1f77b4", "#7f7f7f", "#d62728")
MINUTES, TRADES = 60, 200
HALF_HOUR = 1800


def picture(shown: dict[str, tuple[list[Day], dict[int, Floats]]]) -> Figure:
    """Six facts, of every background market in its colour."""
    figure, axes = chart(2, 3, width=11, height=6.4)
    for (preset, (days, paths)), colour in zip(shown.items(), COLOURS, strict=True):
        style: dict[str, Any] = {"color": colour, "lw": 1.3, "label": preset}
        _returns(axes[0, 0], axes[0, 1], days, style)
        _signs(axes[0, 2], days, style)
        _tails(axes[1, 0], days, style)
        _shape(axes[1, 1], days, style)
        _impact(axes[1, 2], paths, style)
    axes[1, 1].set_ylim(bottom=0)
    axes[1, 2].set_ylim(-1.0, 2.0)
    for axis in axes.flat:
        axis.legend(fontsize=8)
    return figure


def _mean(series: list[Floats], lags: int) -> Floats:
    found: Floats = np.mean([autocorrelation(one, lags) for one in series], axis=0)
    return found


def _returns(plain: Any, absolute: Any, days: list[Day], style: dict[str, Any]) -> None:
    returns = [log_return(day.by(60)[0]) for day in days]
    lags = np.arange(1, MINUTES + 1)
    plain.plot(lags[:20], _mean(returns, 20), marker="o", ms=3, **style)
    plain.set(title="returns of one minute", xlabel="lag, min", ylabel="autocorrelation")
    absolute.plot(lags, _mean([np.abs(one) for one in returns], MINUTES), **style)
    absolute.set(title="their absolute values", xlabel="lag, min", ylabel="autocorrelation")
    for axis in (plain, absolute):
        axis.axhline(0, color="0.7", lw=0.8, zorder=0)


def _signs(axis: Any, days: list[Day], style: dict[str, Any]) -> None:
    found = _mean([day.signs for day in days], TRADES)
    there = found > 0
    axis.loglog(np.arange(1, TRADES + 1)[there], found[there], **style)
    axis.set(title="signs of trades", xlabel="lag, trades", ylabel="autocorrelation")


def _tails(axis: Any, days: list[Day], style: dict[str, Any]) -> None:
    """Share of returns beyond so many deviations of their own day."""
    scaled = np.concatenate(
        [np.abs(one) / one.std() for one in (log_return(day.by(60)[0]) for day in days)]
    )
    scaled = np.sort(scaled[scaled > 0])
    axis.loglog(scaled, 1.0 - np.arange(len(scaled)) / len(scaled), **style)
    axis.set(
        title="size of returns of one minute",
        xlabel="deviations",
        ylabel="share of larger ones",
        xlim=(0.3, 30),
    )


def _shape(axis: Any, days: list[Day], style: dict[str, Any]) -> None:
    volume = np.mean([np.diff(day.by(HALF_HOUR)[1]) for day in days], axis=0)
    hours = 9.5 + 5 / 60 + 0.5 * (np.arange(len(volume)) + 0.5)
    axis.plot(hours, volume / volume.mean(), marker="o", ms=3, **style)
    axis.set(title="volume over the day", xlabel="hour", ylabel="over its mean")


def _impact(axis: Any, paths: dict[int, Floats], style: dict[str, Any]) -> None:
    children, path = list(paths.items())[-1]
    minutes = path.shape[1] - 1
    end = children * SECONDS_BETWEEN / 60
    mean = path[:, :minutes].mean(axis=0)
    peak = path[:, -1].mean()
    axis.plot(np.arange(minutes), mean / peak, **style)
    axis.axvline(end, color="0.7", lw=0.8, zorder=0)
    axis.axhline(0, color="0.7", lw=0.8, zorder=0)
    axis.set(
        title=f"impact of {children} children",
        xlabel="minutes after the first child",
        ylabel="over that at the end",
    )
