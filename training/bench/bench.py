"""``pacesetter bench``: how fast, against what, and in how much memory, on this machine."""

from __future__ import annotations

import json
import time
from argparse import Namespace
from collections.abc import Sequence
from statistics import median

import rich.box
from rich.console import Console
from rich.table import Table

from ...envs.core.errors import PacesetterError, unknown
from ..runs.machine import machine
from ..runs.run_folder import prepare_folder
from ..runs.whole_files import write_json, write_whole
from ..studies.catalogue import benchmarks
from ..studies.speed import Benchmark, Figures, Goal, Measured, Race, Resident
from .contenders import race
from .memory import memory
from .stepping import physics

ALONE: dict[str, Benchmark] = {"physics": Measured("every market alone, 64 copies", physics)}
"""Benchmarks of all markets together; the others are declared by the markets themselves."""


def names() -> list[str]:
    """Every benchmark."""
    return [*ALONE, *benchmarks()]


def benchmark(name: str) -> Benchmark:
    """What a name of a benchmark stands for."""
    return ALONE[name] if name in ALONE else benchmarks()[name]()


def goals() -> dict[str, Goal]:
    """What the project aims at on its own machine, ``benchmark/figure`` -> goal."""
    return {f"{n}/{figure}": goal for n in names() for figure, goal in benchmark(n).goals.items()}


def figures_of(chosen: Benchmark, repeats: int, quick: bool) -> Figures:
    """Carry a benchmark out."""
    if isinstance(chosen, Race):
        return race(chosen, repeats)
    if isinstance(chosen, Resident):
        return memory(chosen)
    return chosen.function(repeats, quick)


def run_benchmarks(
    selection: Sequence[str] = (), repeats: int = 5, quick: bool = False
) -> dict[str, float]:
    """Run benchmarks, print a table, and return name -> median over the repeats.

    The least and the largest value of a figure are there too, as ``<figure>_lowest`` and
    ``<figure>_highest``.

    Args:
        selection: see `names`; all if empty.
        repeats: turns of every contender.
        quick: two turns, one seed and short limits.

    Raises:
        PacesetterError: an unknown name, or fewer than one repeat.
    """
    for name in selection:
        if name not in names():
            raise unknown("benchmark", name, names())
    if repeats < 1:
        raise PacesetterError(f"repeats must be at least 1, got {repeats}.")
    repeats = min(repeats, 2) if quick else repeats
    results: Figures = {}
    for name in selection or names():
        chosen = benchmark(name)
        print(f"{name}: {chosen.title} …", flush=True)
        began = time.perf_counter()
        figures = figures_of(chosen, repeats, quick)
        results |= {f"{name}/{key}": values for key, values in figures.items()}
        print(f"{name}: done in {time.perf_counter() - began:.0f} s", flush=True)
    print_table(results)
    flat: dict[str, float] = {}
    for name, values in results.items():
        flat |= {name: median(values)}
        flat |= {f"{name}_lowest": min(values), f"{name}_highest": max(values)}
    return flat


def print_table(results: Figures) -> None:
    """Medians with their spread, and the goals where there are any."""
    table = Table(box=rich.box.SIMPLE_HEAD)
    table.add_column("figure")
    for column in ("median", "lowest", "highest", "goal"):
        table.add_column(column, justify="right")
    for name, values in results.items():
        numbers = [f"{value:,.4g}" for value in (median(values), min(values), max(values))]
        if min(values) >= 1e4:
            numbers = [f"{value:,.0f}" for value in (median(values), min(values), max(values))]
        table.add_row(name, *numbers, _verdict(name, median(values)))
    Console(width=None if Console().is_terminal else 120).print(table)


def _verdict(name: str, value: float) -> str:
    known = goals()
    if name not in known:
        return ""
    side, goal = known[name]
    met = value >= goal if side == "at least" else value <= goal
    return f"{side} {goal:g}: {'met' if met else 'missed'}"


def markdown(figures: dict[str, float], command: str) -> str:
    """The figures as a Markdown table, with medians, spread and goals."""
    made_on = machine()
    lines = [
        "# Speed and memory",
        "",
        f"Made with `{command}` on {made_on['processor']}, {made_on['cores']} cores, one torch "
        "thread. Ratios are of contenders that took turns in one run.",
        "",
        "| figure | median | lowest … highest | goal |",
        "|---|---|---|---|",
    ]
    for name, value in figures.items():
        if name.endswith(("_lowest", "_highest")):
            continue
        low, high = figures[f"{name}_lowest"], figures[f"{name}_highest"]
        goal = _verdict(name, value)
        lines.append(f"| {name} | {value:.4g} | {low:.4g} … {high:.4g} | {goal} |")
    return "\n".join(lines) + "\n"


def main_bench(args: Namespace) -> int:
    """``pacesetter bench [--quick] [--repeats N] [--json FILE] [NAME …]``; returns 0."""
    if args.json:
        if args.json.is_dir():
            raise PacesetterError(f"{args.json}: is a folder; give --json the name of a file.")
        prepare_folder(args.json.parent)
    figures = run_benchmarks(args.selection, args.repeats, args.quick)
    if args.json:
        path = args.json
        command = " ".join(["pacesetter bench", *args.selection, *(["--quick"] * args.quick)])
        try:
            write_json(path, {"command": command, "machine": machine(), "figures": figures})
            write_whole(path.with_suffix(".md"), markdown(figures, command))
        except OSError as error:
            raise PacesetterError(
                f"{path}: cannot be written ({error.strerror}); the figures are:\n"
                f"{json.dumps(figures, indent=1)}"
            ) from error
        print(f"written to {path}")
    return 0
