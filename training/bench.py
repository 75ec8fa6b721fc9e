"""``pacesetter bench``: how fast, against what, and in how much memory, on this machine."""

from __future__ import annotations

import json
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from statistics import median

import rich.box
from rich.console import Console
from rich.table import Table

from ..envs.errors import PacesetterError, unknown
from .machine import machine
from .run_folder import prepare_folder
from .whole_files import write_json, write_whole

Figures = dict[str, list[float]]
"""Name -> one value per repeat."""


def _cobweb(repeats: int, quick: bool) -> Figures:
    from .bench_speed import cobweb

    return cobweb(repeats)


def _cobweb_four_epochs(repeats: int, quick: bool) -> Figures:
    from .bench_speed import cobweb

    return cobweb(repeats, epochs=4, minibatch_size=4096)


def _cobweb_wide(repeats: int, quick: bool) -> Figures:
    from .bench_speed import cobweb

    return cobweb(repeats, with_reference=False, copies=8, hidden_layers=(256, 256))


def _duopoly(repeats: int, quick: bool) -> Figures:
    from .bench_duopoly import compare_recipes

    return compare_recipes(seeds=1 if quick else 12, quick=quick)


def _physics(repeats: int, quick: bool) -> Figures:
    from .bench_speed import physics

    return physics(repeats)


def _household(repeats: int, quick: bool) -> Figures:
    from .bench_household import household

    return household(repeats)


def _household_training(repeats: int, quick: bool) -> Figures:
    from .bench_speed import household

    return household(repeats)


def _market_maker(repeats: int, quick: bool) -> Figures:
    from .bench_market_maker import market_maker

    return market_maker(repeats)


def _order_book(repeats: int, quick: bool) -> Figures:
    from .bench_order_book import order_book

    return order_book(repeats, quick)


def _execution(repeats: int, quick: bool) -> Figures:
    from .bench_speed import execution

    return execution(repeats)


def _market_entry(repeats: int, quick: bool) -> Figures:
    from .bench_speed import market_entry

    return market_entry(repeats)


def _memory(repeats: int, quick: bool) -> Figures:
    from .bench_speed import memory

    return memory(1)


BENCHMARKS: dict[str, tuple[str, Callable[[int, bool], Figures]]] = {
    "physics": ("every market alone, 64 copies", _physics),
    "cobweb": ("64 copies, 64×64, 2 epochs, minibatch 1024", _cobweb),
    "cobweb_four_epochs": ("64 copies, 64×64, 4 epochs, minibatch 4096", _cobweb_four_epochs),
    "cobweb_wide": ("8 copies, 256×256, 2 epochs, minibatch 1024", _cobweb_wide),
    "duopoly": ("seconds of training until the Stackelberg solution is played", _duopoly),
    "household": ("the household economy alone, both accountings", _household),
    "household_training": (
        "closed, 100 households, 8 copies, 64×64, 2 epochs, minibatch 1024",
        _household_training,
    ),
    "market_maker": ("the market maker alone, 64 copies", _market_maker),
    "order_book": ("the matching engine and the background market, one core", _order_book),
    "execution": ("one executor in rmsc04, 64 copies, 64×64, 2 epochs, minibatch 1024", _execution),
    "market_entry": ("20 traders, 64 copies, 64×64, 2 epochs, minibatch 1024", _market_entry),
    "memory": ("a training run with everything Ray starts", _memory),
}
"""Name -> what it measures, and the function that does, of repeats and whether to be quick."""

# Goals of the project on its own machine: figure -> (at least or at most, number).
GOALS: dict[str, tuple[str, float]] = {
    "cobweb/sampling_speedup_over_stock": ("at least", 50.0),
    "cobweb/iteration_speedup_over_stock": ("at least", 10.0),
    "cobweb/iteration_speedup_over_reference": ("at least", 1.0),
    "cobweb_four_epochs/iteration_speedup_over_stock": ("at least", 10.0),
    "cobweb_wide/sampling_speedup_over_stock": ("at least", 10.0),
    "duopoly/speedup_over_best_stock_recipe": ("at least", 10.0),
    "household/closed/100_households/steps_per_processor_second": ("at least", 5000.0),
    "household/taxai/100_households/steps_per_processor_second": ("at least", 5000.0),
    "household/closed/1000_households/agent_steps_per_processor_second": ("at least", 3e6),
    "household/taxai/1000_households/agent_steps_per_processor_second": ("at least", 3e6),
    "household/closed/cost_at_10000_over_1000": ("at most", 1.2),
    "household/taxai/cost_at_10000_over_1000": ("at most", 1.2),
    "household/closed/megabytes_at_10000": ("at most", 3000.0),
    "household/taxai/megabytes_at_10000": ("at most", 3000.0),
    "household_training/sampling_speedup_over_stock": ("at least", 75.0),
    "household_training/iteration_speedup_over_stock": ("at least", 10.0),
    "market_maker/100_takers/env_steps_per_processor_second": ("at least", 5e5),
    "market_maker/cost_per_taker_at_100_over_20": ("at most", 1.0),
    "market_maker/cost_per_taker_at_1000_over_100": ("at most", 1.0),
    "market_maker/cost_per_taker_at_10000_over_1000": ("at most", 1.0),
    "order_book/20_levels/operations_per_processor_second": ("at least", 3e6),
    "order_book/1000_levels/operations_per_processor_second": ("at least", 2.5e6),
    "order_book/static_1000_levels/operations_per_processor_second": ("at least", 2.5e6),
    "order_book/rmsc04/processor_seconds_per_hour": ("at most", 0.1),
    "order_book/rmsc03/processor_seconds_per_hour": ("at most", 0.6),
    "order_book/rmsc04/reset_milliseconds": ("at most", 5.0),
    "order_book/rmsc03/reset_milliseconds": ("at most", 5.0),
    "order_book/rmsc03/megabytes": ("at most", 20.0),
    "order_book/64_copies/speedup_by_two_threads": ("at least", 1.5),
    "market_entry/iteration_speedup_over_stock": ("at least", 10.0),
    "memory/demo/megabytes": ("at most", 2500.0),
}


def run_benchmarks(
    selection: Sequence[str] = (), repeats: int = 5, quick: bool = False
) -> dict[str, float]:
    """Run benchmarks, print a table, and return name -> median over the repeats.

    The least and the largest value of a figure are there too, as ``<figure>_lowest`` and
    ``<figure>_highest``.

    Args:
        selection: names in `BENCHMARKS`; all if empty.
        repeats: turns of every contender.
        quick: two turns, one seed and short limits.

    Raises:
        PacesetterError: an unknown name, or fewer than one repeat.
    """
    for name in selection:
        if name not in BENCHMARKS:
            raise unknown("benchmark", name, BENCHMARKS)
    if repeats < 1:
        raise PacesetterError(f"repeats must be at least 1, got {repeats}.")
    repeats = min(repeats, 2) if quick else repeats
    results: Figures = {}
    for name in selection or BENCHMARKS:
        title, measure = BENCHMARKS[name]
        print(f"{name}: {title} …", flush=True)
        began = time.perf_counter()
        figures = measure(repeats, quick)
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
    if name not in GOALS:
        return ""
    side, goal = GOALS[name]
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
