"""Worlds that go on for whole days: LOB-Bench's scores and Cont's stylised facts beside real ones.

Worlds are those of the tables ``world_rmsc04`` and ``world_baselines``; each is calibrated, or
fitted, on five minutes or half an hour, and lives twelve days here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ....envs.core.errors import PacesetterError
from ....envs.order_book.background.market import BackgroundMarket
from ....envs.order_book.stylised_facts import (
    autocorrelation,
    time_to_first_fill,
    volume_per_minute,
)
from ...runs.machine import machine
from ...runs.whole_files import write_json, write_whole
from ...runs.world_file import load_world
from ..charts import EXACT_COLOUR, TRAINED_COLOUR, chart, save
from ..order_book.day import Day
from ..order_book.facts import FACTS, exponent, facts_of
from ..statistics import finite, half_width, mean_text
from .transfer import world_of
from .world import scores
from .world_days import COPIES, MINUTES, Hour, depths, executed_profile, lived_days, samples
from .world_tables import FIT, GAN, SEEDS, WARM, WITNESS

Floats = NDArray[np.float64]
REAL, FLOOR = "real market", "floor: the real market again"
WORLDS = (WITNESS, FIT, WARM, GAN)
OF_RETURNS = tuple(fact for fact in FACTS if not fact.name.startswith("impact/"))
STATISTICS = {
    "spread": "spread (log)",
    "imbalance": "imbalance, 10 levels",
    "bid_volume": "volume of bids, 10 levels (log)",
    "ask_volume": "volume of asks, 10 levels (log)",
    "level_distance": "distance of levels from the best (log)",
    "inter_arrival": "time between events (log)",
    "time_to_cancel": "time to cancel (log)",
    "first_fill": "time to first fill (log)",
    "order_size": "size of orders that rest (log)",
    "in_volume": "volume that comes in per minute and side (log)",
}
WIDEST = 100  # cents that are drawn
Lived = tuple[list[Day], list[Hour]]


def world_facts(runs: Path, out: Path, jobs: int, seeds: int | None) -> dict[str, float]:
    """Write the table ``world_facts``; worlds are those of the runs of other tables."""
    out.mkdir(parents=True, exist_ok=True)
    chosen = SEEDS[:seeds]
    files = {name: [world_of(runs, name, seed) for seed in chosen] for name in WORLDS}
    market = BackgroundMarket.preset("rmsc04")
    lived: dict[str, dict[int, Lived]] = {name: {} for name in (REAL, FLOOR, *WORLDS)}
    for place, seed in enumerate(chosen):
        lived[REAL][seed] = lived_days(market, 2 * seed, None)
        lived[FLOOR][seed] = lived_days(market, 2 * seed + 1, None)
        for name in WORLDS:
            weights = load_world(files[name][place].parent)
            try:
                lived[name][seed] = lived_days(market, 2 * seed, weights)
            except PacesetterError as error:  # its book grew without end
                print(f"world_facts: {name}, seed {seed}: {error}", flush=True)
        print(f"world_facts: seed {seed}", flush=True)
    figures: dict[str, float] = {}
    lines = [
        "# Worlds that go on for whole days, beside rmsc04",
        "",
        f"Made with `pacesetter reproduce world_facts{f' --seeds {seeds}' if seeds else ''}`; "
        f"seeds {', '.join(map(str, chosen))}, {COPIES} days of each market and seed, from 09:35.",
        "",
        "Worlds are those of the tables `world_rmsc04` and `world_baselines`. A world whose book "
        "grew without end before the close is left out; to the close came "
        + ", ".join(f"{len(lived[name])} of {len(chosen)} ({name})" for name in WORLDS)
        + ".",
        "",
        *_score_lines(lived, figures),
        *_fact_lines(lived, figures),
        "![an hour of every market](world_facts.png)",
        "",
    ]
    made = {"command": "pacesetter reproduce world_facts", "machine": machine()}
    write_json(out / "world_facts.json", {**made, "figures": finite(figures)})
    write_whole(out / "world_facts.md", "\n".join(lines))
    shown = {
        name: [hour for _, hours in lived[name].values() for hour in hours]
        for name in (REAL, *WORLDS)
        if lived[name]
    }
    save(hours_figure(shown), out / "world_facts.png")
    return figures


def _score_lines(lived: dict[str, dict[int, Lived]], figures: dict[str, float]) -> list[str]:
    """L1 and W1 of every statistic of an hour."""
    real = {seed: samples(hours) for seed, (_, hours) in lived[REAL].items()}
    others = [name for name in lived if name != REAL and lived[name]]
    lines = [
        "## 10:00 to 11:00, after LOB-Bench",
        "",
        "Each cell: half the L1 distance of histograms over 20 equal shares of the real values, "
        "and the distance W1 in real standard deviations; mean over seeds ± 95 %.",
        "",
        f"| statistic | {' | '.join(others)} |",
        "|---" * (1 + len(others)) + "|",
    ]
    found = {
        name: {seed: samples(hours) for seed, (_, hours) in lived[name].items()} for name in others
    }
    for key, label in STATISTICS.items():
        cells = []
        for name in others:
            both = [scores(real[seed][key], own[key]) for seed, own in found[name].items()]
            texts = []
            for score in ("l1", "w1"):
                values = np.array([one[score] for one in both])
                figures[f"{name}/{key}_{score}"] = float(values.mean())
                texts.append(mean_text(values, 2))
            cells.append("; ".join(texts))
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return [*lines, ""]


def _fact_lines(lived: dict[str, dict[int, Lived]], figures: dict[str, float]) -> list[str]:
    """Cont's facts of every market, days of all seeds together."""
    names = [name for name in lived if name != FLOOR and lived[name]]
    lines = [
        "## Stylised facts, 09:35 to 16:00",
        "",
        "As in the table `order_book_facts`: the mean over days ± 95 %; a fact holds where its "
        "whole interval (for a range: its mean) lies within the norm. A world is to do as the "
        "real market does, whether or not the fact holds there.",
        "",
        f"| fact | norm | {' | '.join(names)} |",
        "|---" * (2 + len(names)) + "|",
    ]
    values = {
        name: _facts([day for days, _ in lived[name].values() for day in days]) for name in names
    }
    alike = dict.fromkeys(names, 0)
    for fact in OF_RETURNS:
        cells, held = [fact.label, fact.norm], {}
        for name in names:
            mean = float(np.mean(values[name][fact.name]))
            half = half_width(values[name][fact.name])
            half = half if np.isfinite(half) else 0.0
            held[name] = fact.holds(mean, half)
            alike[name] += held[name] == held[REAL]
            figures[f"{name}/{fact.name}"] = mean
            text = f"{mean:.3g}" + (f" ± {half:.2g}" if half else "")
            cells.append(f"{text} {'yes' if held[name] else 'no'}")
        lines.append(f"| {' | '.join(cells)} |")
    for name in names:
        figures[f"{name}/as_real"] = float(alike[name])
    shown = " | ".join(f"{alike[name]} of {len(OF_RETURNS)}" for name in names)
    return [*lines, f"| **as in the real market** | | {shown} |", ""]


def _facts(days: list[Day]) -> dict[str, Floats]:
    found = [facts_of(day) for day in days]
    values = {name: np.array([one[name] for one in found]) for name in found[0]}
    signs = np.mean([autocorrelation(day.signs, 100) for day in days], axis=0)
    return {**values, "signs/exponent": np.array([exponent(signs)])}


# Pictures, as figures 6 to 9, 16 and 17 of INTAGS -------------------------------------------------


def hours_figure(shown: dict[str, list[Hour]]) -> Figure:
    """An hour of every market, in columns: median and middle 80 % of all copies, or histograms."""
    drawn = (_volume_1, _volume_10, _executed, _spread, _depth, _first_fill, _in_volume)
    figure, axes = chart(len(drawn), len(shown), width=2.5 * len(shown), height=1.9 * len(drawn))
    for column, (name, hours) in enumerate(shown.items()):
        for row, draw in enumerate(drawn):
            label = draw(axes[row, column], hours)
            axes[row, column].tick_params(labelsize=7)
            if column == 0:
                axes[row, column].set_ylabel(label, fontsize=8)
        axes[0, column].set_title(name.replace(", ", ",\n"), fontsize=8)
    for row in axes:
        low, high = (edge(axis.get_ylim()[place] for axis in row) for place, edge in _EDGES)
        for axis in row:
            axis.set_ylim(low, high)
    axes[0, 0].legend(fontsize=7)
    return figure


_EDGES: tuple[tuple[int, Any], ...] = ((0, min), (1, max))
_SIDES = ((0, TRAINED_COLOUR, "to buy"), (1, EXACT_COLOUR, "to sell"))


def _bands(axis: Any, of_sides: Floats) -> None:
    """Median and middle 80 % over copies of either side, ``(copies, minutes, 2)``."""
    for side, colour, label in _SIDES:
        low, middle, high = np.quantile(of_sides[:, :, side], (0.1, 0.5, 0.9), axis=0)
        axis.plot(np.arange(1, MINUTES + 1), middle, color=colour, label=label)
        axis.fill_between(np.arange(1, MINUTES + 1), low, high, color=colour, alpha=0.2, lw=0)


def _volumes(hours: list[Hour], levels: int) -> Floats:
    return np.stack(
        [hour.levels[:, (1, 3), :levels].sum(axis=2).astype(np.float64) for hour in hours]
    )


def _volume_1(axis: Any, hours: list[Hour]) -> str:
    _bands(axis, _volumes(hours, 1))
    return "shares, 1 level"


def _volume_10(axis: Any, hours: list[Hour]) -> str:
    _bands(axis, _volumes(hours, 10))
    return "shares, 10 levels"


def _executed(axis: Any, hours: list[Hour]) -> str:
    _bands(axis, np.stack([executed_profile(hour) for hour in hours]) / 1000)
    return "traded so far,\nthousand shares"


def _in_volume(axis: Any, hours: list[Hour]) -> str:
    seen = [volume_per_minute(hour.events, hour.begin_ns, MINUTES) for hour in hours]
    _bands(axis, np.stack(seen) / 1000)
    axis.set_xlabel("minute after 10:00", fontsize=8)
    return "comes in per minute,\nthousand shares"


def _spread(axis: Any, hours: list[Hour]) -> str:
    bid, bids, ask, asks = np.moveaxis(np.stack([hour.levels[:, :, 0] for hour in hours]), 2, 0)
    # An empty side is drawn as the widest spread.
    spread = np.where((bids > 0) & (asks > 0), np.minimum(ask - bid, WIDEST), WIDEST)
    low, middle, high = np.quantile(spread, (0.1, 0.5, 0.9), axis=0)
    axis.set_yscale("log")
    axis.plot(np.arange(1, MINUTES + 1), middle, color=TRAINED_COLOUR)
    axis.fill_between(np.arange(1, MINUTES + 1), low, high, color=TRAINED_COLOUR, alpha=0.2, lw=0)
    return "spread, cents"


def _histogram(axis: Any, values: Floats, edges: Floats) -> None:
    shares = np.histogram(values, edges)[0] / max(len(values), 1)
    axis.bar(edges[:-1], shares, np.diff(edges), align="edge", color=TRAINED_COLOUR, alpha=0.7)


def _depth(axis: Any, hours: list[Hour]) -> str:
    found = np.concatenate([depths(hour) for hour in hours])
    _histogram(axis, np.clip(found, -10, 60), np.arange(-10, 62, 2.0))
    axis.set_xlabel("cents behind the best", fontsize=7)
    return "orders that rest"


def _first_fill(axis: Any, hours: list[Hour]) -> str:
    found = np.concatenate([time_to_first_fill(hour.events) for hour in hours])
    _histogram(axis, np.log10(np.maximum(found, 1e-6)), np.linspace(-6, 4, 31))
    axis.set_xlabel("log₁₀ seconds", fontsize=7)
    return "time to first fill"
