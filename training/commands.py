"""The commands themselves; each imports what it needs, so that none waits for the others'."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..envs.core.errors import PacesetterError

if TYPE_CHECKING:
    from .experiments.experiment import Experiment
    from .runs.run_folder import RunFolder


def list_all(options: argparse.Namespace) -> int:
    """``pacesetter list``."""
    from ..envs.registry import MARKETS
    from ..leaders.registry import LEADERS, OBJECTIVES, OBJECTIVES_BY_QUANTITY, REFERENCES
    from .experiments.shipped import described_experiments

    short = {name: text for name, (_, text) in OBJECTIVES_BY_QUANTITY.items()}
    for title, described in (
        ("Markets", MARKETS.descriptions()),
        ("Leaders", LEADERS.descriptions()),
        ("Objectives", OBJECTIVES.descriptions() | short),
        ("References of a calibration", REFERENCES.descriptions()),
        ("Experiments", described_experiments()),
    ):
        print(f"{title}:")
        width = max(16, *map(len, described))
        for name, text in sorted(described.items()):
            print(f"  {name:<{width}} {text}".rstrip())
        print()
    return 0


def train(options: argparse.Namespace) -> int:
    """``pacesetter train``."""
    with contextlib.ExitStack() as held:
        run = _resumed(options, held) if options.resume else _begun(options, held)
        from .session import run_experiment

        return run_experiment(run, options.address, options.quiet)


def _resumed(options: argparse.Namespace, held: contextlib.ExitStack) -> RunFolder:
    from .beforehand import join
    from .experiments.place import check_place
    from .runs.run_folder import RunFolder
    from .runs.storage import fetched, is_url

    if options.experiment:
        raise PacesetterError(
            "--resume takes the experiment from the run folder; leave out "
            f"{options.experiment!r}, or start a new run without --resume."
        )
    path = options.resume
    path = held.enter_context(fetched(path)) if is_url(path) else path
    run = RunFolder.open(path, options.trust, options.trust_checkpoint)
    check_place(run.experiment, options.address)
    join(run.experiment, options.address, options.wait)
    return run


def _begun(options: argparse.Namespace, held: contextlib.ExitStack) -> RunFolder:
    from .beforehand import check_beforehand
    from .experiments.shipped import shipped_experiments
    from .runs.run_folder import RunFolder
    from .runs.storage import is_url, stored

    if not options.experiment:
        shipped = ", ".join(shipped_experiments())
        raise PacesetterError(f"train needs an experiment: a YAML file or one of {shipped}.")
    experiment = _loaded(options)
    check_beforehand(experiment, options.address, options.wait)
    parent = options.runs
    if is_url(parent):
        name = options.name or f"{experiment.name}_seed_{experiment.seed}"
        parent = held.enter_context(stored(parent, name))
    return RunFolder.create(parent, experiment, options.name)


def _loaded(options: argparse.Namespace) -> Experiment:
    """The experiment that is named; one that lies in a run folder is read as run folders are."""
    from .experiments.load import load_experiment
    from .runs.run_folder import refuse_strangers_file

    if not options.trust:
        refuse_strangers_file(Path(options.experiment).expanduser())
    return load_experiment(options.experiment, options.override)


def evaluate(options: argparse.Namespace) -> int:
    """``pacesetter evaluate``."""
    from .runs.run_folder import RunFolder

    runs = [RunFolder.open(path, options.trust) for path in options.runs]
    from . import session

    for run in runs:
        session.evaluate_run(run)
    return 0


def report(options: argparse.Namespace) -> int:
    """``pacesetter report``."""
    from .runs.run_folder import RunFolder

    runs = [RunFolder.open(path, options.trust) for path in options.runs]
    for run in runs:
        run.read_results()
    from . import session

    for run in runs:
        session.report_run(run, options.html)
    return 0


def export(options: argparse.Namespace) -> int:
    """``pacesetter export``."""
    from .policies.onnx_file import export_run

    for path in export_run(options.folder, options.out, options.any_version):
        print(path)
    return 0


def certify(options: argparse.Namespace) -> int:
    """``pacesetter certify``."""
    from .experiments.place import check_place
    from .runs.run_folder import RunFolder

    alone = {"--around": options.around, "--address": options.address}
    both = {"--tolerance": options.tolerance, "--budget": options.budget}
    unfit = both if options.retrain else alone
    for name in [name for name, value in unfit.items() if value is not None]:
        how = "without" if options.retrain else "with"
        raise PacesetterError(f"{name} goes {how} --retrain alone; leave one of the two out.")
    run = RunFolder.open(options.folder, options.trust, options.trust_checkpoint)
    if options.address is not None:
        from .beforehand import join

        check_place(run.experiment, options.address)
        join(run.experiment, options.address, options.wait)
    from .session import certify_run, retrain_run

    if options.retrain:
        return retrain_run(run, options.address, options.quiet, options.around)
    tolerance = 1.0 if options.tolerance is None else options.tolerance
    return certify_run(run, tolerance, options.budget, options.anew, options.quiet)


def counterfactual(options: argparse.Namespace) -> int:
    """``pacesetter counterfactual``."""
    from .runs.run_folder import RunFolder

    run = RunFolder.open(options.folder, options.trust)
    theta = _named_values(options.change, "{}", "theta.NAME=VALUE")
    groups = [name.strip() for name in options.groups.split(",") if name.strip()]
    from .session import counterfactual_run

    return counterfactual_run(run, theta, groups)


def _named_values(texts: Sequence[str], said: str, form: str) -> dict[str, float]:
    """Characteristics as they are written on the command line, name -> value."""
    theta = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            theta[name.strip().removeprefix("theta.")] = float(value)
        except ValueError:
            raise PacesetterError(
                f"{said.format(repr(text))} is not of the form {form}, with a number for the value."
            ) from None
    return theta


def submit(options: argparse.Namespace) -> int:
    """``pacesetter submit``."""
    from .beforehand import check_market
    from .experiments.load import load_experiment
    from .experiments.place import check_place

    experiment = load_experiment(options.experiment, options.override)
    check_place(experiment, None)
    check_market(experiment)
    from .rllib.jobs import place_of_dashboard  # imports Ray
    from .rllib.jobs import submit as hand_over

    place_of_dashboard(options.address)
    return hand_over(experiment, options.address, options.runs, options.name, options.wait)


def sweep(options: argparse.Namespace) -> int:
    """``pacesetter sweep``."""
    from .sweep import sweep as sweeping
    from .sweep.trials import Sweep

    if options.resume:
        if options.experiment:
            raise PacesetterError(
                "--resume takes everything from the sweep's folder; leave out "
                f"{options.experiment!r}."
            )
        return sweeping.resume(Path(options.resume), options.jobs, options.quiet)
    if not options.experiment:
        raise PacesetterError(
            "sweep needs an experiment: a YAML file, or the name of a shipped one."
        )
    asked = Sweep(
        options.experiment, tuple(options.override), options.seeds, options.samples, options.early
    )
    stem = Path(options.experiment).name.removesuffix(".yaml").removesuffix(".yml")
    name = options.name or f"{stem}_sweep"
    if Path(name).name != name:
        raise PacesetterError(f"--name {name!r} must be a name, not a path; --runs is the folder.")
    folder = Path(options.runs).expanduser() / name
    return sweeping.begin(asked, folder, options.jobs, options.quiet)


def identify(options: argparse.Namespace) -> int:
    """``pacesetter identify``."""
    theta = _named_values(options.theta, "--theta {}", "NAME=VALUE")
    experiment = _loaded(options)
    from .evaluation.identify import identify as measure
    from .session import show_identified

    found = measure(experiment, theta, options.paths, options.copies)
    if options.csv:
        found.write_csv(options.csv)
    if options.json:
        found.write_json(options.json)
    show_identified(found)
    return 0


def check(options: argparse.Namespace) -> int:
    """``pacesetter check``."""
    from ..envs.check.apart import check_apart
    from .experiments.yaml_file import parse_value

    chosen = {}
    for text in options.option:
        name, equals, value = text.partition("=")
        if not equals:
            raise PacesetterError(f"{text!r} is not of the form option=value.")
        chosen[name] = parse_value(value)
    return 0 if check_apart(options.market, chosen, options.limit) else 1


def demo(options: argparse.Namespace) -> int:
    """``pacesetter demo``."""
    from .demo import main_demo

    return main_demo(options)


def quickstart(options: argparse.Namespace) -> int:
    """``pacesetter quickstart``."""
    from .quickstart import main_quickstart

    return main_quickstart(options)


def doctor(options: argparse.Namespace) -> int:
    """``pacesetter doctor``."""
    from .doctor import doctor as examine
    from .experiments.shipped import shipped_experiments

    return examine(options.runs.expanduser(), next(n for n in shipped_experiments() if "ppo" in n))


def reproduce(options: argparse.Namespace) -> int:
    """``pacesetter reproduce``."""
    from .reproduction.reproduce import check_known, known
    from .reproduction.reproduce import reproduce as run_reproduction

    if bool(options.names) == options.all:
        raise PacesetterError(f"name tables, or give --all for every one: {', '.join(known())}.")
    names = known() if options.all else options.names
    for name in names:  # before the first of them takes hours
        check_known(name)
    for name in names:
        run_reproduction(name, options.runs, options.out, options.jobs, options.seeds)
        print((options.out / f"{name}.md").read_text(encoding="utf-8"))
    return 0


def bench(options: argparse.Namespace) -> int:
    """``pacesetter bench``."""
    from .bench.bench import main_bench

    return main_bench(options)
