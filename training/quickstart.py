"""The first minute: a small duopoly and a small cobweb market, with pictures."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from .api import Run, prepare
from .api import resume as carry_on
from .experiments.load import load_experiment
from .session import show

SHORT = ("training.route=local", "evaluation.episodes=2")
EXAMPLES = (
    (
        "duopoly_bayesian",
        ("training.pretrain_iterations=60", "training.iterations=100"),
        "A leader produces first and followers answer. Who foresees the answer produces 6 "
        "(Stackelberg), who does not 4 (Cournot).",
    ),
    (
        "cobweb_unstable_bayesian",
        ("training.pretrain_iterations=40", "training.iterations=50"),
        "Six producers forecast a price that their forecasts make. The leader looks for the price "
        "of information at which they err as people did in an experiment.",
    ),
)
"""Experiment, how it is shortened, and what it is about."""


def main_quickstart(options: argparse.Namespace) -> int:
    """``pacesetter quickstart``: returns an exit code."""
    began, finished = time.monotonic(), []
    for name, shorter, about in EXAMPLES:
        print(f"\n{about}\n", flush=True)
        experiment = load_experiment(name, (*SHORT, *shorter))
        folder = prepare(experiment, options.runs, _free_name(Path(options.runs), name))
        run = carry_on(Run(folder))
        if not run.finished:
            raise KeyboardInterrupt
        finished.append(run)
    for run in finished:
        print()
        show(run.folder, run.results)
    print(f"\nquickstart took {time.monotonic() - began:.0f} s. Look at the pictures, then try")
    print(f"  pacesetter report --html {finished[0].path}   # one page to read on a phone")
    print("  pacesetter list                     # every market, leader and experiment")
    print("  pacesetter demo                     # a calibration beside the published figures")
    return 0


def _free_name(parent: Path, name: str) -> str:
    """``quickstart_NAME``, ``quickstart_NAME_2``, …: the first that does not exist."""
    wanted, number = f"quickstart_{name}", 1
    while (parent / (wanted if number == 1 else f"{wanted}_{number}")).exists():
        number += 1
    return wanted if number == 1 else f"{wanted}_{number}"
