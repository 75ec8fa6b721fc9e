"""Stylised facts of the background markets against norms, and the same tests on real returns.

Norms are ranges of the literature, named with each fact; real daily returns are those of the
S&P 500 from 1999 to 2018 that the package `arch` comes with, a day in the place of a minute.

Version history: v1.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ....envs.core.errors import PacesetterError
from ....envs.order_book.background.market import PRESETS
from ....envs.order_book.stylised_facts import autocorrelation, log_return
from ...runs.machine import machine
from ...runs.whole_files import write_json, write_whole
from ..charts import save
from ..statistics import finite, half_width
from .day import CHILDREN, Day, days, impacts
from .fact_figures import picture

Floats = NDArray[np.float64]
SEEDS, ORDERS = 20, 400
LARGEST = 0.05  # share of returns that the tail is taken of
LONG = 30  # periods of returns that are nearly normal
SIGN_LAGS = 200
TEN_MINUTES, KEPT = 10, 1 / 2


@dataclass(frozen=True)
class Fact:
    """What returns or trades of real markets are like.

    Attributes:
        name: among `facts_of` or `impact_facts`.
        label: in words.
        norm: in words, with its source.
        holds: whether it does, of mean and half-width over runs.
    """

    name: str
    label: str
    norm: str
    holds: Callable[[float, float], bool]


def _above(bound: float) -> Callable[[float, float], bool]:
    return lambda mean, half: mean - half > bound


def _within(low: float, high: float) -> Callable[[float, float], bool]:
    return lambda mean, half: low <= mean <= high


FACTS = (
    Fact(
        "kurtosis",
        "excess kurtosis, 1 min",
        "above 1; 16 at 5 min, S&P futures (Cont 2001)",
        _above(1.0),
    ),
    Fact("tail", "tail index (Hill, 5 %), 1 min", "2 to 5 (Cont 2001)", _within(2.0, 5.0)),
    Fact(
        "aggregated",
        f"kurtosis of {LONG} min over that of 1 min",
        "below 1/2: nearer to normal (Cont 2001)",
        lambda mean, half: mean + half < 0.5,
    ),
    Fact(
        "returns",
        "autocorrelation of returns, 1 min",
        "-.1 to .1 (Cont 2001)",
        _within(-0.1, 0.1),
    ),
    Fact(
        "clustering/1",
        "autocorrelation of absolute returns, lag 1 min",
        "above .1 (Cont 2001: .1 to .3)",
        _above(0.1),
    ),
    Fact("clustering/10", "the same, lag 10 min", "above .03, decaying slowly", _above(0.03)),
    Fact("clustering/30", "the same, lag 30 min", "above 0, decaying slowly", _above(0.0)),
    Fact(
        "volume",
        "correlation of absolute return and volume, 1 min",
        "above .1 (Karpoff 1987: positive)",
        _above(0.1),
    ),
    Fact(
        "gaps",
        "deviation of durations over their mean",
        "above 1.1 (Engle and Russell 1998)",
        _above(1.1),
    ),
    Fact(
        "gaps/10",
        "autocorrelation of durations, lag 10",
        "above .03 (Engle and Russell 1998)",
        _above(0.03),
    ),
    Fact(
        "signs/1",
        "autocorrelation of signs of trades, lag 1",
        "above .1 (Lillo and Farmer 2004: about .2)",
        _above(0.1),
    ),
    Fact("signs/100", "the same, lag 100", "above 0, decaying slowly", _above(0.0)),
    Fact(
        "signs/exponent",
        "its exponent, lags 1 to 100",
        "-.7 to -.2 (Bouchaud et al. 2004)",
        _within(-0.7, -0.2),
    ),
    Fact(
        "impact/concave",
        "four times the impact of 20 children less that of 80, bp",
        "above 0: concave (Almgren et al. 2005)",
        _above(0.0),
    ),
    Fact(
        "impact/exponent",
        "exponent of impact in the shares of an order",
        ".4 to .7 (Toth et al. 2011)",
        _within(0.4, 0.7),
    ),
    Fact(
        "impact/kept",
        "impact left 10 min after the order, bp, over half of its peak",
        "above 0 (Moro et al. 2009: 1/2 to 2/3 of the peak stay)",
        _above(0.0),
    ),
)


# Measuring ----------------------------------------------------------------------------------------


def facts_of_returns(returns: Floats, volume: Floats) -> dict[str, float]:
    """Of a series of returns and of the volume in the same periods, ``(T,)``."""
    sizes = np.abs(returns)
    clustering = autocorrelation(sizes, 30)
    whole = len(returns) // LONG * LONG
    added = returns[:whole].reshape(-1, LONG).sum(axis=1)
    return {
        "kurtosis": kurtosis(returns),
        "tail": tail_index(returns),
        "aggregated": kurtosis(added) / kurtosis(returns),
        "returns": float(autocorrelation(returns, 1)[0]),
        **{f"clustering/{lag}": float(clustering[lag - 1]) for lag in (1, 10, 30)},
        "volume": float(np.corrcoef(sizes, volume)[0, 1]),
    }


def facts_of(day: Day) -> dict[str, float]:
    """The facts of one run but for its impact."""
    gaps = np.diff(day.times)
    signs = autocorrelation(day.signs, 100)
    mid, volume = day.by(60)
    return {
        **facts_of_returns(log_return(mid), np.diff(volume)),
        "gaps": float(gaps.std() / gaps.mean()),
        "gaps/10": float(autocorrelation(gaps, 10)[9]),
        "signs/1": float(signs[0]),
        "signs/100": float(signs[99]),
    }


def kurtosis(returns: Floats) -> float:
    """Excess over that of a normal distribution."""
    away = returns - returns.mean()
    return float(np.mean(away**4) / np.mean(away**2) ** 2 - 3.0)


def tail_index(returns: Floats) -> float:
    """Hill's estimate of the Pareto exponent of the largest absolute returns."""
    sizes = np.sort(np.abs(returns - returns.mean()))
    count = max(2, int(LARGEST * len(sizes)))
    return float(1.0 / np.mean(np.log(sizes[-count:] / sizes[-count - 1])))


def exponent(autocorrelations: Floats) -> float:
    """Slope of log autocorrelation on log lag over those lags ``(n,)`` where it is positive."""
    lags = np.arange(1, len(autocorrelations) + 1)
    there = autocorrelations > 0
    weights = 1.0 / lags[there]  # every octave counts the same
    slope = np.polyfit(np.log(lags[there]), np.log(autocorrelations[there]), 1, w=np.sqrt(weights))[
        0
    ]
    return float(slope)


def impact_facts(paths: dict[int, Floats]) -> dict[str, Floats]:
    """Of paths of `impacts`: exponent between the two larger orders, and what is left of them."""
    small, large = CHILDREN[-2:]
    ratio = paths[large][:, -1].mean() / paths[small][:, -1].mean()
    slope = np.log(ratio) / np.log(large / small) if ratio > 0 else float("nan")
    end = large * 10 // 60
    left = paths[large][:, end + TEN_MINUTES] - KEPT * paths[large][:, -1]
    bend = large / small * paths[small][:, -1] - paths[large][:, -1]
    return {"impact/concave": bend, "impact/exponent": np.array([slope]), "impact/kept": left}


def real_daily() -> dict[str, float]:
    """The same facts of daily returns of the S&P 500, 1999 to 2018."""
    try:
        loaded = importlib.import_module("arch.data.sp500").load()
    except ImportError as missing:
        raise PacesetterError(
            "real returns come with the package arch, which is not installed; "
            "install pacesetter[data]."
        ) from missing
    closes = loaded["Adj Close"].to_numpy(dtype=np.float64)
    volume = loaded["Volume"].to_numpy(dtype=np.float64)
    # Volume has a trend over twenty years: it is taken over its mean of the last 60 days.
    trend = np.convolve(volume, np.ones(60) / 60, mode="valid")
    return facts_of_returns(log_return(closes)[59:], (volume[59:] / trend)[1:])


# Writing ------------------------------------------------------------------------------------------


def reproduced(runs: Path, out: Path, jobs: int, seeds: int | None) -> dict[str, float]:
    """`order_book_facts` as a table of docs/results; it needs neither runs nor jobs."""
    number = seeds or SEEDS
    orders = number * ORDERS // SEEDS
    figures: dict[str, float] = {}
    shown: dict[str, tuple[list[Day], dict[int, Floats]]] = {}
    for preset in PRESETS:
        lived, paths = days(preset, number), impacts(preset, orders)
        shown[preset] = lived, paths
        found = [facts_of(day) for day in lived]
        values = {name: np.array([one[name] for one in found]) for name in found[0]}
        signs = np.mean([autocorrelation(day.signs, SIGN_LAGS) for day in lived], axis=0)
        values["signs/exponent"] = np.array([exponent(signs[:100])])
        values |= impact_facts(paths)
        for fact in FACTS:
            mean, half = float(values[fact.name].mean()), half_width(values[fact.name])
            half = half if np.isfinite(half) else 0.0
            figures[f"{preset}/{fact.name}"] = mean
            figures[f"{preset}/{fact.name}/half_width"] = half
            figures[f"{preset}/{fact.name}/holds"] = float(fact.holds(mean, half))
        figures[f"{preset}/hold"] = sum(figures[f"{preset}/{fact.name}/holds"] for fact in FACTS)
    figures |= {f"sp500/{name}": value for name, value in real_daily().items()}
    command = f"pacesetter reproduce order_book_facts --seeds {number}"
    write_json(
        out / "order_book_facts.json",
        {"command": command, "machine": machine(), "figures": finite(figures)},
    )
    write_whole(out / "order_book_facts.md", _page(figures, number, orders))
    save(picture(shown), out / "order_book_facts.png")
    return figures


def _page(figures: dict[str, float], number: int, orders: int) -> str:
    lines = [
        "# Stylised facts of the background markets",
        "",
        "Made with `pacesetter reproduce order_book_facts`.",
        "",
        f"Days from 09:35 to 16:00, seeds 0 to {number - 1}, mean ± half of the interval of 95 %; "
        f"impact: orders of {', '.join(map(str, CHILDREN))} children of 100 shares, one every ten "
        f"seconds from 10:00, seeds 0 to {orders - 1}, each against the same market without the "
        "order. A fact holds where its whole interval (for a range: its mean) lies within the "
        "norm; **no** where it does not. Last column: the same test on daily returns of the "
        "S&P 500, 1999 to 2018, a day for a minute.",
        "",
        f"| fact | norm | {' | '.join(PRESETS)} | S&P 500, daily |",
        f"|---|---|{'---|' * len(PRESETS)}---|",
    ]
    for fact in FACTS:
        cells = [fact.label, fact.norm]
        for preset in PRESETS:
            place = f"{preset}/{fact.name}"
            half = figures[f"{place}/half_width"]
            text = f"{figures[place]:.3g}" + (f" ± {half:.2g}" if half else "")
            text = text if np.isfinite(figures[place]) else "none"
            cells.append(text + (" yes" if figures[f"{place}/holds"] else " **no**"))
        real = figures.get(f"sp500/{fact.name}")
        cells.append("" if real is None else f"{real:.3g}")
        lines.append(f"| {' | '.join(cells)} |")
    held = " | ".join(f"{figures[f'{preset}/hold']:.0f} of {len(FACTS)}" for preset in PRESETS)
    lines.append(f"| **facts that hold** | | {held} | |")
    return "\n".join([*lines, "", "![facts](order_book_facts.png)", ""])
