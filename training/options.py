"""What the command line takes: every command with its options, and what checks their values."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from .. import __version__
from ..envs.core.errors import PacesetterError
from . import commands


class _Parser(argparse.ArgumentParser):
    """Mistakes are errors like all others: one message, without the whole usage."""

    def error(self, message: str) -> NoReturn:
        raise PacesetterError(f"{message}; see '{self.prog} --help'.")


def parser() -> argparse.ArgumentParser:
    """Of the whole command line."""
    whole = _Parser(
        prog="pacesetter",
        description="Markets in which a leader sets the rules and followers adapt to them.",
    )
    whole.add_argument("--version", action="version", version=f"pacesetter {__version__}")
    every = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, run: object, text: str) -> argparse.ArgumentParser:
        command = every.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command

    add("list", commands.list_all, "Show markets, leaders, objectives and experiments.")
    _train_options(add("train", commands.train, "Train an experiment, then evaluate it."))
    for name, run, text in (
        ("evaluate", commands.evaluate, "Measure a finished run again and show its results."),
        ("report", commands.report, "Show the results of a run and draw its figures again."),
    ):
        command = add(name, run, text)
        command.add_argument("runs", nargs="+", metavar="RUN", help="run folder")
        _trust_options(command)
    command.add_argument("--html", action="store_true", help="also as one web page to share")
    _export_options(add("export", commands.export, "Write a run's policies for other programs."))
    _certify_options(add("certify", commands.certify, "Say whether the answer of a run holds."))
    command = add(
        "counterfactual", commands.counterfactual, "Ask what another θ would do, by who adapts."
    )
    command.add_argument("folder", metavar="RUN", help="folder of a finished run")
    command.add_argument("change", nargs="+", metavar="theta.NAME=VALUE", help="what changes")
    command.add_argument(
        "--groups", default="", help="that adapt alone, e.g. shop,customer; default: each in turn"
    )
    _trust_options(command)
    _submit_options(
        add("submit", commands.submit, "Train an experiment as a job of a Ray cluster.")
    )
    _sweep_options(add("sweep", commands.sweep, "Run an experiment for many values of its keys."))
    _identify_options(
        add("identify", commands.identify, "Say how well data can tell every characteristic.")
    )
    command = add("check", commands.check, "Check that a market keeps the rules of the library.")
    command.add_argument("market", help="a market's name, or module:Environment")
    command.add_argument("option", nargs="*", help="option=value of the market")
    command.add_argument(
        "--limit", type=_positive, default=600.0, help="seconds that one check may take (600)"
    )
    add(
        "demo", commands.demo, "Calibrate the cobweb market and compare with the paper."
    ).add_argument("--runs", default="runs", help="folder for run folders (default: runs)")
    add(
        "quickstart", commands.quickstart, "A small duopoly and cobweb, with pictures: a minute."
    ).add_argument("--runs", default="runs", help="folder for run folders (default: runs)")
    command = add(
        "doctor", commands.doctor, "Look at this machine: what will work on it, and the cure."
    )
    command.add_argument("--runs", type=Path, default=Path("runs"), help="folder for run folders")
    _reproduce_options(
        add(
            "reproduce",
            commands.reproduce,
            "Run a table of the documentation again, with all seeds.",
        )
    )
    _bench_options(
        add("bench", commands.bench, "Measure speed against stock RLlib and a plain loop.")
    )
    add("completion", complete, "Print what a shell evaluates to complete commands.").add_argument(
        "shell", choices=("bash", "zsh", "fish")
    )
    return whole


def complete(options: argparse.Namespace) -> int:
    """``pacesetter completion``."""
    from .completion import completion

    print(completion(parser(), options.shell), end="")
    return 0


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
        type=_positive,
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
        "--wait", type=_positive, default=60.0, metavar="SECONDS", help="for an answer (60)"
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
    command.add_argument("--slow", action="store_true", help="also those that take minutes each")
    command.add_argument("--json", type=Path, help="also write the figures to this file")


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
