"""What a user sees around a run: start, result table, and where to look next."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from .certificates.certificate import FILE as CERTIFICATE
from .certificates.certificate import PICTURE, certify, kept_verdict, work_folder
from .certificates.table import HEADER, rows
from .course import carry_out, measured, teller
from .evaluation.counterfactual import FIGURE, counterfactual
from .evaluation.counterfactual import FILE as COUNTERFACTUAL
from .evaluation.evaluate import (
    draw_again,
    read_refined,
    result_lines,
)
from .evaluation.identify import Identified
from .evaluation.page import write_page
from .evaluation.retrain import FILE, FOLDER, retrain
from .evaluation.told import read_told
from .loop.notes import kept_notes
from .loop.stopping import reported
from .runs.run_folder import RunFolder

INTERRUPTED = 130
MOST_NAMES = 20  # of statistics that are shown


def run_experiment(run: RunFolder, address: str | None = None, quiet: bool = False) -> int:
    """Train a run to its end, evaluate it and show the results; returns an exit code."""
    results = carry_out(run, address, quiet)
    if results is None:
        return INTERRUPTED
    show(run, results)
    return 0


def evaluate_run(run: RunFolder) -> None:
    """Measure a finished run again and show its results."""
    show(run, measured(run))


def certify_run(
    run: RunFolder, tolerance: float, budget: float | None, anew: bool, quiet: bool
) -> int:
    """Certify a run's answer and show what was found; returns an exit code."""
    again = f"Mend that, and go on with 'pacesetter certify {run.path}'."
    try:
        with reported(run, "the certificate", again):
            found = certify(run, tolerance, budget, anew, teller(quiet))
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


def retrain_run(
    run: RunFolder, address: str | None = None, quiet: bool = False, beside: float | None = None
) -> int:
    """Train followers anew at a run's answer and show what changes; returns an exit code."""
    again = f"Mend that, and go on with 'pacesetter certify {run.path} --retrain'."
    with reported(run, "retraining", again):
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
    with reported(run, "the counterfactual", "Mend that, and ask again."):
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


def report_run(run: RunFolder, html: bool = False) -> None:
    """Show the stored results of a run and draw its figures again; also as a page to share."""
    show(run, draw_again(run))
    if html:
        print(f"to share, one file: {write_page(run)}")


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
    if (identified := read_told(run.path)) is not None:
        show_identified(identified)
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
