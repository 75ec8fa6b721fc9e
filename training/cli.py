"""The command ``pacesetter``: list, train, report, certify, counterfactual, check, reproduce, ….

Whatever can be known to be wrong is said before Ray or torch is imported; an error a user can act
on is printed alone, with exit code 2. Everything is imported by the command that needs it, so that
``--help`` costs nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from .. import __version__
from ..envs.core.dotted import told
from ..envs.core.errors import PacesetterError

if TYPE_CHECKING:
    from .experiments.experiment import Experiment
    from .runs.run_folder import RunFolder

BAD_INPUT, INTERRUPTED, READER_GONE = 2, 130, 141

EXTRAS = {
    "ray": "train",
    "stable_baselines3": "sb3",
    "supersuit": "dev",
    "onnx": "onnx",
    "arch": "data",
    "mpe2": "zoo",
}
"""Packages that a base installation lacks, and the extra that each comes with."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = _parser()
    try:
        options, rest = parser.parse_known_args(arguments)
        # argparse takes no positional arguments after options; overrides may stand anywhere.
        if any(text.startswith("-") or "override" not in options for text in rest):
            parser.error(f"unrecognized arguments: {' '.join(rest)}")
        elif rest:
            options.override += rest
        code = _run(options)
        sys.stdout.flush()
    except PacesetterError as error:
        print(f"pacesetter: {error}", file=sys.stderr)
        return BAD_INPUT
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS:
            raise
        cure = f"pip install 'pacesetter[{EXTRAS[package]}]'"
        print(f"pacesetter: {package} is not installed; {cure}.", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output, such as ``head``, has seen enough. Python would flush once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE
    return code


def _run(options: argparse.Namespace) -> int:
    """Run a command; a user's code that calls `sys.exit` within it is at fault, not at its end."""
    try:
        code: int = options.run(options)
    except SystemExit as error:
        raise PacesetterError(
            f"{told(error)}: a market, a leader or an objective must not end the program; raise an "
            "error instead."
        ) from error
    return code


class _Parser(argparse.ArgumentParser):
    """Mistakes are errors like all others: one message, without the whole usage."""

    def error(self, message: str) -> NoReturn:
        raise PacesetterError(f"{message}; see '{self.prog} --help'.")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="pacesetter",
        description="Markets in which a leader sets the rules and followers adapt to them.",
    )
    parser.add_argument("--version", action="version", version=f"pacesetter {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, run: object, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command

    add("list", list_all, "Show markets, leaders, objectives and experiments.")
    _train_options(add("train", train, "Train an experiment, then evaluate it."))
    for name, run, text in (
        ("evaluate", evaluate, "Measure a finished run again and show its results."),
        ("report", report, "Show the results of a run and draw its figures again."),
    ):
        command = add(name, run, text)
        command.add_argument("runs", nargs="+", metavar="RUN", help="run folder")
        _trust_options(command)
    command.add_argument("--html", action="store_true", help="also as one web page to share")
    _export_options(add("export", export, "Write a run's policies for other programs."))
    _certify_options(add("certify", certify, "Say whether the answer of a run holds."))
    command = add("counterfactual", counterfactual, "Ask what another θ would do, by who adapts.")
    command.add_argument("folder", metavar="RUN", help="folder of a finished run")
    command.add_argument("change", nargs="+", metavar="theta.NAME=VALUE", help="what changes")
    command.add_argument(
        "--groups", default="", help="that adapt alone, e.g. shop,customer; default: each in turn"
    )
    _trust_options(command)
    _submit_options(add("submit", submit, "Train an experiment as a job of a Ray cluster."))
    _sweep_options(add("sweep", sweep, "Run an experiment for many values of its keys."))
    _identify_options(add("identify", identify, "Say how well data can tell every characteristic."))
    command = add("check", check, "Check that a market keeps the rules of the library.")
    command.add_argument("market", help="a market's name, or module:Environment")
    command.add_argument("option", nargs="*", help="option=value of the market")
    command.add_argument(
        "--limit", type=_seconds, default=600.0, help="seconds that one check may take (600)"
    )
    add("demo", demo, "Calibrate the cobweb market and compare with the paper.").add_argument(
        "--runs", default="runs", help="folder for run folders (default: runs)"
    )
    add(
        "quickstart", quickstart, "A small duopoly and cobweb, with pictures: a minute."
    ).add_argument("--runs", default="runs", help="folder for run folders (default: runs)")
    command = add("doctor", doctor, "Look at this machine: what will work on it, and the cure.")
    command.add_argument("--runs", type=Path, default=Path("runs"), help="folder for run folders")
    _reproduce_options(
        add("reproduce", reproduce, "Run a table of the documentation again, with all seeds.")
    )
    _bench_options(add("bench", bench, "Measure speed against stock RLlib and a plain loop."))
    add("completion", complete, "Print what a shell evaluates to complete commands.").add_argument(
        "shell", choices=("bash", "zsh", "fish")
    )
    return parser


def _train_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "experiment", nargs="?", help="name of a shipped experiment, or path of a YAML file"
    )
    command.add_argument("override", nargs="*", help="key=value, e.g. training.iterations=50")
    command.add_argument("--resume", metavar="RUN", help="go on with an interrupted run")
    command.add_argument(
        "--runs", default="runs", help="folder or URL for run folders (default: runs)"
    )
    command.add_argument("--name", help="name of the run folder")
    _cluster_options(command)
    command.add_argument("--quiet", action="store_true", help="no progress display")
    _trust_options(command, checkpoints=True)


def _trust_options(command: argparse.ArgumentParser, checkpoints: bool = False) -> None:
    command.add_argument(
        "--trust", action="store_true", help="run the code that a stranger's run folder names"
    )
    if checkpoints:
        command.add_argument(
            "--trust-checkpoint",
            action="store_true",
            help="go on from a stranger's checkpoint, which can hold code",
        )


def _cluster_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--address", help="of a Ray cluster, or 'auto'; default: this machine")
    command.add_argument(
        "--wait",
        type=_seconds,
        default=60.0,
        metavar="SECONDS",
        help="for the cluster to answer and to have free cores (default: 60)",
    )


def _export_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("folder", metavar="RUN", help="folder of a finished run")
    command.add_argument("--onnx", action="store_true", required=True, help="as ONNX graphs")
    command.add_argument("--out", type=Path, help="folder to write to (default: RUN/onnx)")
    command.add_argument(
        "--any-version", action="store_true", help="also of a run of another version"
    )


def _submit_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("experiment", help="name of a shipped experiment, or path of a YAML file")
    command.add_argument("override", nargs="*", help="key=value, e.g. training.env_runners=8")
    command.add_argument(
        "--address", required=True, help="of the cluster's dashboard, e.g. http://10.0.0.1:8265"
    )
    command.add_argument(
        "--runs", default="~/runs", help="folder for run folders on the head node (default: ~/runs)"
    )
    command.add_argument("--name", help="name of the run folder")
    command.add_argument(
        "--wait", type=_seconds, default=60.0, metavar="SECONDS", help="for an answer (60)"
    )


def _sweep_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "experiment", nargs="?", help="name of a shipped experiment, or path of a YAML file"
    )
    command.add_argument(
        "override", nargs="*", help="key=a,b,c or key=1..5 is swept; key=value holds in all trials"
    )
    command.add_argument("--seeds", type=_at_least(1), default=1, help="training seeds per point")
    command.add_argument("--samples", type=_at_least(1), help="points at random; default: a grid")
    command.add_argument(
        "--early", action="store_true", help="stop trials of a low objective early (ASHA)"
    )
    command.add_argument("--jobs", type=_at_least(1), help="trials at a time; default: all cores")
    command.add_argument("--resume", metavar="FOLDER", help="go on with a sweep that was ended")
    command.add_argument("--runs", default="runs", help="folder for sweeps (default: runs)")
    command.add_argument("--name", help="name of the sweep's folder")
    command.add_argument("--quiet", action="store_true", help="no line per trial")


def _certify_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("folder", metavar="RUN", help="folder of a finished run")
    command.add_argument(
        "--tolerance",
        type=_positive,
        metavar="PERCENT",
        help="of what is at stake, within which a gap is none (default: 1)",
    )
    command.add_argument(
        "--budget", type=_positive, metavar="MINUTES", help="do no more than this allows"
    )
    command.add_argument(
        "--anew", action="store_true", help="throw away what an earlier certificate has kept"
    )
    command.add_argument("--quiet", action="store_true", help="no progress display")
    command.add_argument(
        "--retrain",
        action="store_true",
        help="instead train followers from scratch at the answer, as long as the run, and compare",
    )
    command.add_argument(
        "--around",
        type=_share,
        metavar="SHARE",
        help="with --retrain: also at θ ± this share of every range; 0: not (default: 0.1 for the "
        "gradient leader, else 0)",
    )
    _cluster_options(command)
    _trust_options(command, checkpoints=True)


def _identify_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("experiment", help="name of a shipped experiment, or path of a YAML file")
    command.add_argument("override", nargs="*", help="key=value, e.g. market.horizon=100")
    command.add_argument("--paths", type=_at_least(1), help="of data; default: the reference's")
    command.add_argument(
        "--theta", action="append", metavar="NAME=VALUE", default=[], help="default: the market's"
    )
    command.add_argument(
        "--copies", type=_at_least(1), default=10000, help="simulated paths (default: 10000)"
    )
    command.add_argument("--csv", type=Path, help="also write the table to this file")
    command.add_argument("--json", type=Path, help="also write the figures to this file")
    _trust_options(command)


def _share(text: str) -> float:
    """A number of at least 0 and at most a half."""
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0.0 <= share <= 0.5:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 0.5, got {text!r}")
    return share


def _positive(text: str) -> float:
    """A finite number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0.0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number above 0, got {text!r}")
    return number


def _at_least(least: int) -> Callable[[str], int]:
    """What reads a whole number that is no smaller."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            raise argparse.ArgumentTypeError(
                f"must be a whole number >= {least}, got {text[:60]!r}"
            )
        return number

    return read


def _seconds(text: str) -> float:
    """A positive number."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number of seconds above 0, got {text!r}")
    return seconds


def _reproduce_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("names", nargs="*", metavar="NAME", help="tables; see docs/results")
    command.add_argument("--all", action="store_true", help="every table")
    command.add_argument("--runs", type=Path, default=Path("runs/reproduce"))
    command.add_argument("--out", type=Path, default=Path("docs/results"))
    command.add_argument("--jobs", type=_at_least(1), default=2, help="runs at the same time")
    command.add_argument("--seeds", type=_at_least(1), help="only the first so many seeds")


def _bench_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("selection", nargs="*", metavar="NAME", help="benchmarks; default: all")
    command.add_argument(
        "--check",
        type=Path,
        metavar="FILE",
        help="compare ratios with those of an earlier --json FILE; 1 if one has become slower",
    )
    command.add_argument(
        "--repeats", type=_at_least(1), default=3, help="repeats of every contender"
    )
    command.add_argument("--quick", action="store_true", help="smaller and less certain")
    command.add_argument("--json", type=Path, help="also write the figures to this file")


# Commands -----------------------------------------------------------------------------------------


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
    from .api import join
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
    from .api import check_beforehand
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
        from .api import join

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
    from .api import check_market
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


def complete(options: argparse.Namespace) -> int:
    """``pacesetter completion``."""
    from .completion import completion

    print(completion(_parser(), options.shell), end="")
    return 0


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


if __name__ == "__main__":
    sys.exit(main())
