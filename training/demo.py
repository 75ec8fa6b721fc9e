"""The main job in a few minutes: the cobweb calibration beside the paper's table."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from .evaluation.evaluate import evaluate, write_answer
from .experiments.load import load_experiment
from .loop.trainer import train
from .runs.run_folder import RunFolder
from .studies.cobweb.study import PUBLISHED, PUBLISHED_TREATMENT

TREATMENTS = ("strongly_unstable", "unstable")
BASELINE = ("training.iterations=80",)
CALIBRATION = ("training.pretrain_iterations=100", "training.iterations=180")


def main_demo(options: argparse.Namespace) -> int:
    """``pacesetter demo``: returns an exit code."""
    began = time.monotonic()
    parent = _free_folder(Path(options.runs))
    results = {}
    for treatment in TREATMENTS:
        print(f"\nCobweb market, {treatment.replace('_', ' ')} treatment", flush=True)
        rational = _run(parent, f"cobweb_{treatment}_rational", BASELINE)
        calibrated = _run(parent, f"cobweb_{treatment}_ppo", CALIBRATION)
        results[treatment] = (rational, calibrated)
    for treatment, (rational, calibrated) in results.items():
        _show(treatment, rational, calibrated)
    print(f"The demo took {(time.monotonic() - began) / 60:.1f} minutes. Look further:")
    print(f"  figures      {parent}/*/figures/*.png")
    print(f"  TensorBoard  .venv/bin/tensorboard --logdir {parent} --host localhost")
    return 0


def _run(parent: Path, name: str, overrides: tuple[str, ...]) -> dict[str, float]:
    experiment = load_experiment(name, overrides)
    print(experiment.description, flush=True)
    run = RunFolder.create(parent, experiment)
    outcome = train(run)
    if outcome.theta is None:
        raise KeyboardInterrupt
    write_answer(run, outcome.theta)
    return evaluate(run)


def _show(treatment: str, rational: dict[str, float], calibrated: dict[str, float]) -> None:
    table = Table(
        title=f"Distance of simulated prices from the reference: {treatment.replace('_', ' ')}",
        title_justify="left",
    )
    table.add_column("market")
    for column in ("MAE here", "MAE paper", "RMSE here", "RMSE paper", "mean λ"):
        table.add_column(column, justify="right")
    rows = (
        ("rational expectations", "equilibrium", calibrated, "equilibrium", 0.0),
        ("rational followers, trained", "rational", rational, "calibrated", 0.0),
        (
            "calibrated by the leader",
            "calibrated",
            calibrated,
            "calibrated",
            calibrated["calibrated/mean_information_cost"],
        ),
        ("sampling floor (300 prices)", "", calibrated, "floor", None),
    )
    for label, published, results, key, cost in rows:
        paper = ["", ""]
        if treatment == PUBLISHED_TREATMENT and published:
            paper = [f"{value:.3f}" for value in PUBLISHED[published]]
        table.add_row(
            label,
            f"{results[f'{key}/mae']:.4f}",
            paper[0],
            f"{results[f'{key}/rmse']:.4f}",
            paper[1],
            "" if cost is None else f"{cost:.3f}",
        )
    Console(highlight=False, width=100).print(table)


def _free_folder(parent: Path) -> Path:
    """``demo``, ``demo_2``, …: the first that does not exist."""
    number = 1
    while True:
        folder = parent / ("demo" if number == 1 else f"demo_{number}")
        if not folder.exists():
            return folder
        number += 1
