"""``pacesetter bench``: how fast, against what, and in how much memory, on this machine."""

from __future__ import annotations

import json
import os
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path

import rich.box
from rich.console import Console
from rich.table import Table

from ...envs.core.errors import PacesetterError, unknown
from ..runs.machine import code_digest, machine
from ..runs.run_folder import prepare_folder
from ..runs.whole_files import write_json, write_whole
from ..studies.catalogue import benchmarks
from ..studies.charts import save
from ..studies.speed import (
    Benchmark,
    Cores,
    Figures,
    Goal,
    JaxRace,
    Measured,
    Race,
    Resident,
    Solution,
    Threads,
)
from .contenders import race
from .cores import by_processes
from .jax_race import HOW, INTERPRETER, check_environment, race_with_jax
from .machine.load import BUSY, busy_cores, load_said
from .machine.threads import by_threads
from .memory import memory
from .solution import time_to_solution
from .stepping import physics
from .summary import ENDS, Summary, is_ratio, summary

ALONE: dict[str, Benchmark] = {"physics": Measured("every market alone, 64 copies", physics)}
"""Benchmarks of all markets together; the others are declared by the markets themselves."""


ENOUGH = 5
"""Turns of a measurement that is no race."""
TOLERANCE = 0.03
"""Share of a ratio that may be lost before a table counts as slower."""


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
    """Carry a benchmark out; turns beyond `ENOUGH` are for pairs of contenders alone."""
    if isinstance(chosen, Race):
        return race(chosen, repeats)
    if isinstance(chosen, JaxRace):
        return race_with_jax(chosen, repeats)
    if isinstance(chosen, Solution):
        return time_to_solution(chosen, repeats, quick)
    if isinstance(chosen, Resident):
        return memory(chosen)
    if isinstance(chosen, Cores):
        return by_processes(chosen, repeats, quick)
    if isinstance(chosen, Threads):
        return by_threads(chosen, repeats)
    return chosen.function(min(repeats, ENOUGH), quick)


def run_benchmarks(
    selection: Sequence[str] = (),
    repeats: int = 5,
    quick: bool = False,
    slow: bool = False,
    after_each: Callable[[dict[str, float], str], None] | None = None,
) -> dict[str, float]:
    """Run benchmarks, print a table, and return name -> value, as `summary` has it.

    The ends of its range or interval are there too, as ``<figure>_lowest`` and
    ``<figure>_highest``.

    Args:
        selection: see `names`; if empty, all but those that need another environment or take long.
        repeats: turns of every contender.
        quick: two turns, one seed and short limits.
        slow: those that take long, too.
        after_each: is given all figures so far, and how many benchmarks have them of how many.

    Raises:
        PacesetterError: an unknown name, fewer than one repeat, or another environment at fault;
            or, when all others are done, a benchmark that failed.
    """
    for name in selection:
        if name not in names():
            raise unknown("benchmark", name, names())
    if repeats < 1:
        raise PacesetterError(f"repeats must be at least 1, got {repeats}.")
    repeats = min(repeats, 2) if quick else repeats
    kinds = {type(benchmark(name)) for name in selection or names()}
    if (JaxRace in kinds and selection) or (
        {JaxRace, Solution} & kinds and INTERPRETER in os.environ
    ):
        check_environment()
    summaries: dict[str, Summary] = {}
    failed: list[str] = []
    # What takes long comes last: until it ends, the table has all the rest.
    asked = sorted(selection or names(), key=lambda name: isinstance(benchmark(name), Solution))
    for number, name in enumerate(asked):
        chosen = benchmark(name)
        if isinstance(chosen, JaxRace) and not selection and INTERPRETER not in os.environ:
            print(f"{name}: not measured, as it needs another environment: {HOW}")
            continue
        if isinstance(chosen, Solution) and not (selection or slow):
            print(f"{name}: not measured, as it takes minutes: --slow, or give its name")
            continue
        print(f"{name}: {chosen.title} …", flush=True)
        began = time.perf_counter()
        try:
            figures = figures_of(chosen, repeats, quick)
        except PacesetterError as error:
            if len(asked) == 1:
                raise
            failed.append(f"{name}: {error}")
            print(f"failed, and the others go on: {failed[-1]}", flush=True)
            continue
        summaries |= {f"{name}/{key}": summary(key, values) for key, values in figures.items()}
        print(f"{name}: done in {time.perf_counter() - began:.0f} s", flush=True)
        if after_each:
            done = number + 1 - len(failed)
            after_each(_flat(summaries), f"{done} of {len(asked)} benchmarks so far")
    print_table(summaries)
    if failed:
        raise PacesetterError("not all benchmarks could be measured: " + " ".join(failed))
    return _flat(summaries)


def _flat(summaries: dict[str, Summary]) -> dict[str, float]:
    return {key: value for name, s in summaries.items() for key, value in s.named(name).items()}


def print_table(summaries: dict[str, Summary]) -> None:
    """Figures with their spread, and the goals where there are any."""
    table = Table(box=rich.box.SIMPLE_HEAD)
    table.add_column("figure")
    for column in ("value", "from", "to", "goal"):
        table.add_column(column, justify="right")
    for name, figure in summaries.items():
        form = ",.0f" if figure.low >= 1e4 else ",.4g"
        numbers = [format(value, form) for value in figure]
        table.add_row(name, *numbers, _verdict(name, figure.value))
    Console(width=None if Console().is_terminal else 120).print(table)


def _verdict(name: str, value: float) -> str:
    known = goals()
    if name not in known:
        return ""
    side, goal = known[name]
    met = value >= goal if side == "at least" else value <= goal
    return f"{side} {goal:g}: {'met' if met else 'missed'}"


def markdown(figures: dict[str, float], command: str, load: float) -> str:
    """The figures as a Markdown table, with spread and goals.

    Args:
        figures: as `run_benchmarks` returns them.
        command: that made them.
        load: cores that others kept busy when it began.
    """
    made_on = machine()
    lines = [
        "# Speed and memory",
        "",
        f"Made with `{command}` on {made_on['processor']}, {made_on['cores']} cores, products by "
        f"{made_on['matrix_kernels']}, one thread, Python {made_on['python']}, torch "
        f"{made_on['torch']}, numpy {made_on['numpy']}, ray {made_on['ray']}; code "
        f"{code_digest()}; {load_said(load)}.",
        "",
        "Ratios are of contenders that took turns in one run, in turned order from one turn to the "
        "next: geometric mean and 95 % bootstrap interval over turns. All else: median and range.",
        "",
        "| figure | value | from … to | goal |",
        "|---|---|---|---|",
    ]
    for name, value in figures.items():
        if name.endswith(ENDS):
            continue
        low, high = figures[f"{name}_lowest"], figures[f"{name}_highest"]
        goal = _verdict(name, value)
        lines.append(f"| {name} | {value:.4g} | {low:.4g} … {high:.4g} | {goal} |")
    return "\n".join(lines) + "\n"


def check_against(path: Path, selection: Sequence[str], repeats: int) -> int:
    """Compare ratios with those of an earlier table; 1 if one has become reproducibly slower.

    A ratio that has lost more than `TOLERANCE` is measured again with twice the turns, and it
    counts if its whole interval lies below.

    Raises:
        PacesetterError: the file is no table of `pacesetter bench`, or has no such ratio.
    """
    try:
        table = json.loads(path.read_text("utf-8"))
        known: dict[str, float] = table["figures"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PacesetterError(
            f"{path}: is no table of 'pacesetter bench --json'; give --check the file of one."
        ) from error
    ratios = {n: v for n, v in known.items() if is_ratio(n) and not n.endswith(ENDS)}
    chosen = [n for n in names() if any(r.startswith(f"{n}/") for r in ratios)]
    chosen = [n for n in chosen if not selection or n in selection]
    if not chosen:
        raise PacesetterError(f"{path}: has no ratio of {', '.join(selection) or 'anything'}.")
    made_on, here = table.get("machine", {}), machine()
    if other := [k for k in ("processor", "matrix_kernels") if made_on.get(k, here[k]) != here[k]]:
        said = "; ".join(f"{made_on[k]} there, {here[k]} here" for k in other)
        print(f"warning: {path} is of another machine ({said}); ratios may differ for that.")
    slower = _slower(run_benchmarks(chosen, repeats), ratios)
    if slower:
        again = sorted({name for name in chosen for r in slower if r.startswith(f"{name}/")})
        print(f"measured again, as it seemed slower: {', '.join(again)}")
        slower = _slower(run_benchmarks(again, 2 * repeats), ratios)
    for name, (before, now) in slower.items():
        print(f"slower: {name} was {before:.3g} and is {now:.3g} at most")
    print(f"{len(ratios)} ratios of {path}: " + ("slower" if slower else "none is slower"))
    return int(bool(slower))


def _slower(figures: dict[str, float], ratios: dict[str, float]) -> dict[str, tuple[float, float]]:
    """Ratios whose whole interval lies below what they were, name -> (before, highest now)."""
    return {
        name: (before, figures[f"{name}_highest"])
        for name, before in ratios.items()
        if name in figures and figures[f"{name}_highest"] < (1.0 - TOLERANCE) * before
    }


def main_bench(args: Namespace) -> int:
    """``pacesetter bench [--quick] [--slow] [--repeats N] [--json FILE] [--check FILE] [NAME …]``.

    Returns 0; 1 if `--check` found something slower than the file says.
    """
    if args.json:
        if args.json.is_dir():
            raise PacesetterError(f"{args.json}: is a folder; give --json the name of a file.")
        prepare_folder(args.json.parent)
    load = busy_cores()
    if load > BUSY:
        print(f"warning: {load_said(load)}; the table says so, and only ratios tell much.")
    if args.check:
        return check_against(args.check, args.selection, args.repeats)
    turns = ["--quick"] if args.quick else ["--repeats", str(args.repeats)]
    turns += ["--slow"] * args.slow
    command = " ".join(["pacesetter bench", *args.selection, *turns])

    def write(figures: dict[str, float], so_far: str = "") -> None:
        if args.json:
            made = f"{command} ({so_far})" if so_far else command
            _write(args.json, figures, made, load)

    write(run_benchmarks(args.selection, args.repeats, args.quick, args.slow, write))
    if args.json:
        print(f"written to {args.json}")
    return 0


def _write(path: Path, figures: dict[str, float], command: str, load: float) -> None:
    """Figures as JSON and as Markdown: after every benchmark, as the last may take an hour."""
    try:
        made = {"machine": machine(), "code": code_digest(), "busy_cores": load}
        write_json(path, {"command": command, **made, "figures": figures})
        lines = [markdown(figures, command, load), *_pictures(path, figures)]
        write_whole(path.with_suffix(".md"), "\n".join(lines))
    except OSError as error:
        raise PacesetterError(
            f"{path}: cannot be written ({error.strerror}); the figures are:\n"
            f"{json.dumps(figures, indent=1)}"
        ) from error


def _pictures(path: Path, figures: dict[str, float]) -> list[str]:
    """Draw those of the benchmarks that have one, beside their table; lines that show them."""
    lines = []
    for name in dict.fromkeys(figure.split("/")[0] for figure in figures):
        chosen = benchmark(name)
        if isinstance(chosen, Measured) and chosen.draw:
            picture = path.with_name(f"{path.stem}_{name}.png")
            own = {k: v for k, v in figures.items() if k.startswith(f"{name}/")}
            save(chosen.draw({k.removeprefix(f"{name}/"): v for k, v in own.items()}), picture)
            lines.append(f"![{chosen.title}]({picture.name})\n")
    return lines
