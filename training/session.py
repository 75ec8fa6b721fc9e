"""What a user sees around a run: start, result table, and where to look next."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from .certificates.certificate import FILE as CERTIFICATE
from .certificates.certificate import PICTURE, certify, kept_verdict, work_folder
from .certificates.refine import refine
from .certificates.table import HEADER, rows
from .evaluation.counterfactual import FIGURE, counterfactual
from .evaluation.counterfactual import FILE as COUNTERFACTUAL
from .evaluation.evaluate import (
    draw,
    evaluate,
    evaluate_during_training,
    evaluated_arrays,
    read_refined,
    result_lines,
    write_answer,
)
from .evaluation.identify import Identified
from .evaluation.retrain import FILE, FOLDER, retrain
from .loop.notes import kept_notes
from .loop.trainer import train
from .runs.run_folder import RunFolder

INTERRUPTED = 130
MOST_NAMES = 20  # of statistics that are shown
SECONDS_BETWEEN_LINES = 2.0


def run_experiment(run: RunFolder, address: str | None = None, quiet: bool = False) -> int:
    """Train a run to its end, evaluate it and show the results; returns an exit code."""
    experiment = run.experiment
    if not quiet:
        print(f"{experiment.name}: {experiment.description}\nrun folder: {run.path}", flush=True)
    outcome = train(run, address, quiet, watch=evaluate_during_training)
    if outcome.theta is None:
        print(
            f"\nInterrupted after {outcome.iterations} iterations; everything is saved.\n"
            f"Go on with  pacesetter train --resume {run.path}"
        )
        return INTERRUPTED
    write_answer(run, outcome.theta)
    if not quiet:
        print(f"trained in {outcome.seconds:.0f} s", flush=True)
    if experiment.training.refine:
        try:
            refine(run, _teller(quiet))
        except KeyboardInterrupt:
            print(
                "\nInterrupted while the answer was refined; finished pieces are kept.\n"
                f"Go on with  pacesetter train --resume {run.path}"
            )
            return INTERRUPTED
    results = evaluate(run)
    show(run, results)
    return 0


def evaluate_run(run: RunFolder) -> None:
    """Measure a finished run again and show its results."""
    show(run, evaluate(run))


def certify_run(
    run: RunFolder, tolerance: float, budget: float | None, anew: bool, quiet: bool
) -> int:
    """Certify a run's answer and show what was found; returns an exit code."""
    try:
        found = certify(run, tolerance, budget, anew, _teller(quiet))
    except KeyboardInterrupt:
        print(f"\nInterrupted; go on with  pacesetter certify {run.path}")
        return INTERRUPTED
    table = Table(title=f"{run.experiment.name}: the answer {found.verdict}", title_justify="left")
    for column in HEADER:
        table.add_column(column, justify="left" if column in (HEADER[0], HEADER[-1]) else "right")
    for row in rows(found):
        table.add_row(*row)
    Console(highlight=False, width=130).print(table)
    for kind, text in found.flags.items():
        print(f"warning: {kind}: {text}")
    print(f"{found.verdict} (tolerance {found.tolerance:g} % of what is at stake)")
    print(f"figures: {run.path / CERTIFICATE}; picture: {run.path / PICTURE}")
    print(f"pieces, which a repetition takes up: {work_folder(run)}")
    return 0


def _teller(quiet: bool) -> Callable[[str], None]:
    """What prints a line, the first one and then one every few seconds; nothing if quiet."""
    last = -math.inf

    def tell(text: str) -> None:
        nonlocal last
        now = time.monotonic()
        if not quiet and now - last >= SECONDS_BETWEEN_LINES:
            last = now
            print(text, flush=True)

    return tell


def retrain_run(
    run: RunFolder, address: str | None = None, quiet: bool = False, beside: float | None = None
) -> int:
    """Train followers anew at a run's answer and show what changes; returns an exit code."""
    found = retrain(run, address, quiet, beside)
    if found is None:
        print(f"\nInterrupted; go on with  pacesetter certify {run.path} --retrain")
        return INTERRUPTED
    followers = bool(run.experiment.market.groups)
    again = "followers as trained, and retrained at θ alone" if followers else "in fresh episodes"
    table = Table(title=f"{run.experiment.name}: {again}")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, value in found.items():
        table.add_row(name, f"{value:.5g}")
    Console(highlight=False, width=100).print(table)
    if found.get("around/local_optimum") == 0.0:
        print(
            "warning: the leader would be better off beside its answer, with followers trained "
            "there; it is no optimum."
        )
    new_run = f"; the new run: {run.path / FOLDER}" if followers else ""
    print(f"figures: {run.path / FILE}{new_run}")
    return 0


def counterfactual_run(run: RunFolder, theta: dict[str, float], groups: list[str]) -> int:
    """Ask what another θ would do and show it by who adapts; returns an exit code."""
    found = counterfactual(run, theta, groups)
    changes = ", ".join(
        f"{name} from {found.old[name]:.6g} to {value:.6g}"
        for name, value in found.new.items()
        if value != found.old[name]
    )
    table = Table(title=f"{run.experiment.name}: {changes}", title_justify="left")
    table.add_column("mean over episodes ± 95 %")
    for case in found.cases:
        table.add_column(case, justify="right")
    for name, cases in found.outcomes.items():
        table.add_row(name, *(f"{mean:.4g} ± {width:.2g}" for mean, width in cases.values()))
    Console(highlight=False, width=120).print(table)
    print(f"figures: {run.path / COUNTERFACTUAL}; picture: {run.path / FIGURE}")
    return 0


def show_identified(found: Identified) -> None:
    """How well data tell every characteristic."""
    table = Table(title=f"{found.title}: {found.paths} paths of data", title_justify="left")
    for column in ("characteristic", "value", "standard error", "largest correlation"):
        table.add_column(column, justify="left" if column == "characteristic" else "right")
    for name, value, error, correlation, other in found.rows():
        shown = "not identified" if error is None else f"{error:.3g}"
        close = "" if correlation is None else f"{correlation:+.3f} with {other}"
        table.add_row(name, f"{value:.4g}", shown, close)
    Console(highlight=False, width=100).print(table)
    names, more = found.statistics[:MOST_NAMES], len(found.statistics) - MOST_NAMES
    rest = f" and {more} more" if more > 0 else ""
    print(f"statistics ({len(found.statistics)}): {', '.join(names)}{rest}")
    for text in found.warnings:
        print(f"warning: {text}")


def report_run(run: RunFolder) -> None:
    """Show the stored results of a run and draw its figures again."""
    results = run.read_results()
    draw(run, results, evaluated_arrays(run))
    show(run, results)


def show(run: RunFolder, results: dict[str, float]) -> None:
    """The result table beside what it should be, and where figures and events are."""
    table = Table(title=f"{run.experiment.name}, seed {run.experiment.seed}", title_justify="left")
    table.add_column("figure")
    table.add_column("here", justify="right")
    table.add_column("published or exact", justify="right")
    for line in result_lines(run.experiment, results):
        table.add_row(*line)
    Console(highlight=False, width=100).print(table)
    for text in filter(None, [*kept_notes(run), *_of_refinement(run), kept_verdict(run)]):
        print(text)
    print(f"all figures: {run.path / 'results.json'}; pictures: {run.path / 'figures'}")
    print(f"TensorBoard: tensorboard --logdir {run.path} --host localhost")


def _of_refinement(run: RunFolder) -> list[str]:
    """What the last phase of training did to the answer, and what it could not mend."""
    found = read_refined(run)
    if found is None:
        return []
    moved = found["chosen"] != "answer"
    text = (
        f"refined: from {found['before']} to {found['answer']}" if moved else "refined: it stands"
    )
    worse = [
        f"warning: {name} is better than the answer, each with adapted followers"
        for name in found["worse_than"]
    ]
    return [f"refined: {text}", *worse]
