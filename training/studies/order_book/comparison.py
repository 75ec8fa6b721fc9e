"""Does the background trade as the original does? Permutation tests over many runs of both.

Every statistic of `original` is compared between the stored runs of the original and those of ours:
once as it comes, once with ``abides_exact``. Runs are exchangeable if both are one market, so a
difference of means is judged against all relabellings, and by Holm's rule over all statistics.
Effects are Hedges' g, differences in standard deviations of a run.

Version history: v1.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import norm

from ....envs.order_book.background import layout as background
from ....envs.order_book.background.market import HOUR, BackgroundMarket
from ....envs.order_book.background.simulation import Markets
from ....envs.order_book.layout import EXTRA, NONE
from ...runs.machine import machine
from ...runs.whole_files import write_json, write_whole
from ..charts import EXACT_COLOUR, TRAINED_COLOUR, chart, save
from .original import OPENING, original_runs, run_statistics

CLOSE = OPENING + HOUR
ROOM_FOR_EVENTS = 40_000
ROOMS = {"rmsc04": ROOM_FOR_EVENTS, "rmsc03": 3 * ROOM_FOR_EVENTS}
RELABELLINGS = 20_000
LEVEL = 0.05
VERSIONS = {"as it comes": False, "abides_exact": True}
Floats = NDArray[np.float64]


def our_runs(exact: bool, seeds: int, preset: str = "rmsc04") -> dict[str, Floats]:
    """Name of a statistic -> its value in every run of ours, ``(seeds,)``."""
    market = BackgroundMarket.preset(preset, abides_exact=exact, close_ns=CLOSE)
    markets = Markets.opened(market, np.arange(seeds), events=ROOMS[preset])
    markets.advance(CLOSE)
    runs = [run_statistics(markets.events(b), _asleep(markets, b)) for b in range(seeds)]
    return {name: np.array([run[name] for run in runs]) for name in runs[0]}


def _asleep(markets: Markets, copy: int) -> int:
    """Market makers that have never known a mid."""
    book = markets.memory[copy]
    here = int(book[EXTRA])
    first = here + int(book[here + background.AGENTS])
    makers = first + background.AGENT_SIZE * np.arange(markets.market.market_makers)
    return int((book[makers + background.MID] == NONE).sum())


def effect(one: Floats, other: Floats) -> float:
    """Hedges' g: the difference of means in pooled standard deviations, small samples corrected."""
    number = len(one) + len(other)
    squares = one.var() * len(one) + other.var() * len(other)
    if not squares > 0:
        return 0.0 if one.mean() == other.mean() else float("inf")
    pooled = np.sqrt(squares / (number - 2))
    return float((one.mean() - other.mean()) / pooled * (1 - 3 / (4 * number - 9)))


def permutation_levels(one: Floats, other: Floats, relabellings: int) -> Floats:
    """Two-sided levels of a difference of means, per statistic ``(S,)``; runs are ``(n, S)``.

    All statistics see the same relabellings. The labelling that was found counts as one of them.
    """
    both = np.concatenate([one, other])
    both = (both - both.mean(axis=0)) / np.where(both.std(axis=0) > 0, both.std(axis=0), 1.0)
    generator = np.random.default_rng(0)
    found = np.abs(both[: len(one)].mean(axis=0) - both[len(one) :].mean(axis=0))
    as_large = np.ones(both.shape[1])
    labels = np.r_[np.full(len(one), 1 / len(one)), np.full(len(other), -1 / len(other))]
    for _ in range(relabellings // 1000):
        signed = generator.permuted(np.tile(labels, (1000, 1)), axis=1)
        as_large += (np.abs(signed @ both) >= found - 1e-12).sum(axis=0)
    levels: Floats = as_large / (relabellings // 1000 * 1000 + 1)
    return levels


def holm(levels: Floats) -> Floats:
    """Levels that allow for so many tests (Holm 1979, Scandinavian Journal of Statistics 6)."""
    order = np.argsort(levels)
    factors = np.arange(len(levels), 0, -1)
    adjusted = np.empty(len(levels))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(levels[order] * factors))
    return adjusted


def reproduced(runs: Path, out: Path, jobs: int, seeds: int | None) -> dict[str, float]:
    """`order_book_original` as a table of docs/results; it needs neither runs nor jobs."""
    return _compared("rmsc04", "order_book_original", out, seeds)


def reproduced_rmsc03(runs: Path, out: Path, jobs: int, seeds: int | None) -> dict[str, float]:
    """The same of rmsc03."""
    return _compared("rmsc03", "order_book_original_rmsc03", out, seeds)


def _compared(preset: str, table: str, out: Path, seeds: int | None) -> dict[str, float]:
    theirs = original_runs(preset)
    number = seeds or len(next(iter(theirs.values())))
    names = list(theirs)
    stacked = np.stack([theirs[name] for name in names], axis=1)
    figures: dict[str, float] = {"statistics": float(len(names))}
    columns: dict[str, dict[str, Floats]] = {}
    for version, exact in VERSIONS.items():
        ours = columns[version] = our_runs(exact, number, preset)
        levels = permutation_levels(
            np.stack([ours[name] for name in names], axis=1), stacked, RELABELLINGS
        )
        for name, level, adjusted in zip(names, levels, holm(levels), strict=True):
            place = f"{version}/{name}"
            figures[place] = float(ours[name].mean())
            figures[f"{place}/effect"] = effect(ours[name], theirs[name])
            figures[f"{place}/level"] = float(level)
            figures[f"{place}/holm"] = float(adjusted)
        figures[f"{version}/alike"] = float(sum(_alike(figures, version, name) for name in names))
        figures[f"{version}/largest_effect"] = max(
            abs(figures[f"{version}/{name}/effect"]) for name in names
        )
    command = f"pacesetter reproduce {table}" + (f" --seeds {seeds}" if seeds else "")
    made = {"command": command, "machine": machine(), "figures": figures}
    write_json(out / f"{table}.json", made)
    page = _page(preset, command, theirs, columns, figures, number)
    write_whole(out / f"{table}.md", f"{page}\n\n![effects]({table}.png)\n")
    save(_picture(preset, names, figures), out / f"{table}.png")
    return figures


def _alike(figures: dict[str, float], version: str, name: str) -> bool:
    return figures[f"{version}/{name}/holm"] >= LEVEL


def _page(
    preset: str,
    command: str,
    theirs: dict[str, Floats],
    columns: dict[str, dict[str, Floats]],
    figures: dict[str, float],
    number: int,
) -> str:
    of_theirs = len(next(iter(theirs.values())))
    counts = ", ".join(
        f"{version}: {figures[f'{version}/alike']:.0f} of {len(theirs)} alike, largest effect "
        f"{figures[f'{version}/largest_effect']:.2f}"
        for version in VERSIONS
    )
    head = " | ".join(f"{version} | g | p | p, Holm | alike" for version in VERSIONS)
    lines = [
        "# The background market beside the original, run by run",
        "",
        f"Made with `{command}`.",
        "",
        f"{preset} from 09:35 to 10:30: {of_theirs} runs of the original, ABIDES "
        "(github.com/jpmorganchase/abides-jpmc-public, commit f9cbe51, seeds 0 to "
        f"{of_theirs - 1}, statistics stored in the package), and seeds 0 to {number - 1} of ours, "
        "as the preset comes and with `abides_exact`. Mean ± deviation over runs; g: difference in "
        "deviations of a run (Hedges); p: of a permutation test of the means, alone and by Holm "
        f"over all statistics. Alike where Holm's p is {LEVEL} or more. So many runs show an "
        f"effect of {detectable(of_theirs, number):.2f} in four of five cases at p = .05.",
        "",
        f"**{counts}.** The departures are listed in `envs/order_book/background/agents.py`.",
        "",
        f"| statistic | original | {head} |",
        f"|---|---|{'---|' * 5 * len(VERSIONS)}",
    ]
    for name, values in theirs.items():
        cells = [name, f"{values.mean():.4g} ± {values.std(ddof=1):.2g}"]
        for version in VERSIONS:
            ours, place = columns[version][name], f"{version}/{name}"
            cells += [
                f"{ours.mean():.4g} ± {ours.std(ddof=1):.2g}",
                f"{figures[place + '/effect']:+.2f}",
                f"{figures[place + '/level']:.2g}",
                f"{figures[place + '/holm']:.2g}",
                "yes" if _alike(figures, version, name) else "**no**",
            ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def detectable(runs: int, others: int) -> float:
    """The effect, in deviations, that groups of so many show with a power of .8 at p = .05."""
    return float((norm.ppf(0.975) + norm.ppf(0.8)) * np.sqrt(1.0 / runs + 1.0 / others))


def _picture(preset: str, names: list[str], figures: dict[str, float]) -> Figure:
    figure, (axis,) = chart(1, 1, width=7.5, height=0.19 * len(names) + 1.2)
    places = np.arange(len(names))[::-1]
    for version, colour in zip(VERSIONS, (EXACT_COLOUR, TRAINED_COLOUR), strict=True):
        effects = np.array([figures[f"{version}/{name}/effect"] for name in names])
        alike = np.array([_alike(figures, version, name) for name in names])
        axis.plot(effects[alike], places[alike], "o", mfc="none", color=colour, ms=5, label=version)
        axis.plot(effects[~alike], places[~alike], "o", color=colour, ms=5)
    axis.axvline(0, color="0.6", lw=0.8)
    axis.set_title(preset)
    axis.set_yticks(places, names, fontsize=7)
    axis.set_ylim(-1, len(names))
    axis.set_xlabel("ours less the original, deviations of a run (filled: Holm's p below .05)")
    axis.legend(loc="lower right")
    return figure
