"""Memory of a gradient over the number of periods: tangents carried forward, or a graph kept.

*Forward* are the lumped paths with all four tangents; *reverse* is torch's autograd through the
arrays of traders, which keeps every period until the end. Each is measured in a process of its own,
by how far its resident memory rises above where it was before.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from ....envs.registry import make
from ....envs.volatility_clustering.market import VolatilityClustering
from ....envs.volatility_clustering.options import TRUTH
from ...runs.machine import machine
from ...runs.whole_files import write_json, write_whole
from ..charts import save
from ..speed import peak_megabytes
from .figures import memory_figure
from .verdicts import Verdict, at_most, verdict_lines

TRADERS = (100_000, 1_000_000)
PERIODS = (10, 20, 50, 100, 200, 400, 1000)
MOST_MEGABYTES = 4000.0  # of a graph that is still tried
MOST_OF_TANGENTS, FLAT = 60.0, 0.01  # megabytes, and share that they may rise by
STRAIGHT = 0.05  # share that a graph's growth may be off a line
NAME = "volatility_clustering_memory"
Points = list[tuple[int, float]]
"""Periods and megabytes."""


def megabytes(mode: str, traders: int, periods: int) -> float:
    """Rise of resident memory during one gradient, in a process of its own."""
    code = f"from {__name__} import print_rise; print_rise({mode!r}, {traders}, {periods})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def print_rise(mode: str, traders: int, periods: int) -> None:
    """Take one gradient, and print by how many megabytes memory rose."""
    gradient = {"forward": forward, "reverse": reverse}[mode]
    gradient(_market(100, 2))  # compiles and imports
    before = peak_megabytes()
    gradient(_market(traders, periods))
    print(peak_megabytes() - before)


def forward(market: VolatilityClustering) -> None:
    """All tangents of one path."""
    market.simulate([list(TRUTH.values())])


def reverse(market: VolatilityClustering, paths: int = 1) -> None:
    """The gradient of the sum of squared returns of some paths."""
    import torch

    from ....envs.core.state import changed

    truth = np.tile(list(TRUTH.values()), (paths, 1))
    theta = torch.tensor(truth, requires_grad=True)
    state = changed(market.reset(0, paths, truth, theta.detach()), theta=theta)
    total = torch.zeros(paths, dtype=torch.float64)
    for _ in range(market.periods):
        step = market.step(state, {})
        state = step.state
        total = total + step.quantities["return"] ** 2
    total.sum().backward()


def _market(traders: int, periods: int) -> VolatilityClustering:
    made = make("volatility_clustering", traders=traders, periods=periods)
    assert isinstance(made, VolatilityClustering)
    return made


def reproduced(runs: Path, out: Path, jobs: int, seeds: int | None) -> dict[str, float]:
    """`volatility_clustering_memory` as a table of docs/results; it needs no runs or seeds."""
    return memory_table(out)


def memory_table(
    out: Path, traders: tuple[int, ...] = TRADERS, periods: tuple[int, ...] = PERIODS
) -> dict[str, float]:
    """Measure both modes, and write the table and the picture into the folder `out`."""
    # Matplotlib is none of what every process of a measurement should import.

    out.mkdir(parents=True, exist_ok=True)
    measured: dict[str, dict[int, Points]] = {"forward": {}, "reverse": {}}
    figures: dict[str, float] = {}
    judged: list[Verdict] = []
    for mode, by_traders in measured.items():
        for number in traders:
            points = by_traders[number] = _measured(mode, number, periods)
            for period, amount in points:
                figures[f"{mode}/{number}_traders/{period}_periods/megabytes"] = amount
    for number in traders:
        judged += _of_tangents(number, measured["forward"][number])
        rise = measured["forward"][number][-1][1] - measured["forward"][number][0][1]
        figures[f"forward/{number}_traders/rise_over_periods/megabytes"] = rise
        points = measured["reverse"][number]
        if len(points) > 2:  # two are always on a line
            judged.append(_of_graphs(number, points))
        if len(points) > 1:
            figures[f"reverse/{number}_traders/bytes_per_trader_and_period"] = _kept(number, points)
    figures |= {f"claims/{one.what}": float(one.kept) for one in judged}
    made = {"command": f"pacesetter reproduce {NAME}", "machine": machine(), "figures": figures}
    write_json(out / f"{NAME}.json", made)
    save(memory_figure(measured), out / f"{NAME}.png")
    write_whole(out / f"{NAME}.md", "\n".join(_lines(measured, judged, periods)))
    return figures


def _measured(mode: str, traders: int, periods: tuple[int, ...]) -> Points:
    """One mode over periods, as far as the memory that the last two foretell allows."""
    points: Points = []
    for period in periods:
        if points and points[-1][1] * period / points[-1][0] > MOST_MEGABYTES:
            break
        points.append((period, megabytes(mode, traders, period)))
    return points


def _of_tangents(traders: int, points: Points) -> list[Verdict]:
    """How much tangents take, and how little of it comes with periods."""
    (_, low), (periods, high) = points[0], points[-1]
    what = f"forward, {traders:,} traders, {periods:,} periods"
    return [
        at_most(f"{what}: MB", high, MOST_OF_TANGENTS),
        at_most(f"{what}: rise over periods, share", abs(high - low) / high, FLAT),
    ]


def _of_graphs(traders: int, points: Points) -> Verdict:
    """Whether the last half of the periods takes as much per period as all of them do."""
    off = abs(_kept(traders, points[-2:]) / _kept(traders, points) - 1.0)
    return at_most(f"reverse, {traders:,} traders: off a line, share", off, STRAIGHT)


def _kept(traders: int, points: Points) -> float:
    """Bytes that a graph keeps per trader and period."""
    (first, low), (last, high) = points[0], points[-1]
    return 1e6 * (high - low) / (last - first) / traders


def _lines(
    measured: dict[str, dict[int, Points]], judged: list[Verdict], periods: tuple[int, ...]
) -> list[str]:
    lines = [
        "# Memory of a gradient over the number of periods",
        "",
        f"Made with `pacesetter reproduce {NAME}`. One path with the gradient of its returns: rise "
        "of the resident memory of a process, MB. Forward mode carries four tangents beside "
        "numbers of traders, reverse mode keeps a graph of all traders; of the latter nothing "
        f"beyond {MOST_MEGABYTES / 1000:g} GB was tried. Published (Dyer et al. 2023, Fig. 5): 17 "
        "MB at 1,000,000 traders whatever the periods, and 30 GB at 1,000 periods.",
        "",
        f"| mode | traders | {' | '.join(f'{period:,} periods' for period in periods)} |",
        f"|---|---|{'---|' * len(periods)}",
    ]
    for mode, by_traders in measured.items():
        for traders, points in by_traders.items():
            known = dict(points)
            cells = (f"{known[p]:.1f}" if p in known else "" for p in periods)
            lines.append(f"| {mode} | {traders:,} | {' | '.join(cells)} |")
    lines += ["", *verdict_lines(judged)]
    return [*lines, f"![memory over periods]({NAME}.png)", ""]
