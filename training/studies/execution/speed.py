"""The execution market's benchmarks: a race of trainers, the game alone, and worlds calibrated."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np

from ....envs.execution.market import EXECUTOR
from ....envs.order_book.background.market import PRESETS
from ....envs.registry import make
from ....leaders.world.guide import WorldGuide
from ...experiments.load import load_experiment
from ..speed import Cores, Figures, Measured, Race, note, peak_megabytes

RACE = Race(
    "one executor in rmsc04, 64 copies, 64×64, 2 epochs, minibatch 1024",
    "execution",
    copies=64,
    steps=20,
)
CORES = Cores(
    "ten executors in rmsc04, 64 copies, 256×256, 2 epochs, minibatch 4096",
    "execution",
    copies=64,
    steps=20,
    followers={"hidden_layers": (256, 256), "epochs": 2, "minibatch_size": 4096},
    options={"buyers": 5, "sellers": 5, "parent_size": 1000, "child_size": 200},
)


def executed_steps_per_second(preset: str, steps: int, copies: int = 8) -> float:
    """Steps of the execution game, 60 simulated seconds each, observations and resets included."""
    market = make("execution", background=preset)
    state = market.reset(0, copies)
    actions = {EXECUTOR: np.zeros((copies, 1), dtype=np.int64)}
    began = time.process_time()
    for _ in range(steps):
        market.observe(state)
        step = market.step(state, actions)
        state = market.restart(step.state, step.terminated)
    return steps * copies / (time.process_time() - began)


def alone(repeats: int, quick: bool) -> Figures:
    """Steps per processor second in every background."""
    figures: Figures = {}
    for _ in range(repeats):
        for preset in PRESETS:
            rate = executed_steps_per_second(preset, steps=20 if quick else 100)
            note(figures, f"{preset}/steps_per_processor_second", rate)
    return figures


ALONE = Measured("the execution game alone, one core", alone)


# Calibrations -------------------------------------------------------------------------------------

CALIBRATIONS: dict[str, tuple[str, tuple[str, ...], float]] = {
    "rmsc04/warm_start": ("world_rmsc04", ("leader.method=warm_start",), 10.0),
    "rmsc04/witness_60": ("world_rmsc04", ("training.iterations=60",), 30.0),
    "rmsc04/algorithm1": (
        "world_rmsc04",
        ("leader.method=algorithm1", "training.iterations=100", "leader.choose_every=50"),
        15.0,
    ),
    "rmsc04/gan": ("world_rmsc04", ("leader.method=gan",), 30.0),
    "rmsc03/witness": ("world_rmsc03", (), 240.0),
}
"""Figure -> experiment, overrides, and processor seconds that are aimed at."""
MEASURED_ITERATIONS = 4


def calibration_seconds(name: str) -> tuple[float, float]:
    """Processor seconds until a leader of worlds begins, and of all its iterations, from a few."""
    shipped, overrides, _ = CALIBRATIONS[name]
    experiment = load_experiment(shipped, overrides)
    total = experiment.training.iterations
    guide = experiment.guide()
    laboratory = experiment.leader.laboratory(experiment.market, experiment.seed)
    assert isinstance(guide, WorldGuide) and laboratory is not None
    began = time.process_time()
    guide.enter(laboratory)
    ready = time.process_time() - began
    iterations = min(MEASURED_ITERATIONS, total)
    guide.iterate()  # loops are compiled by now
    began = time.process_time()
    for _ in range(iterations):
        guide.iterate()
    return ready, (time.process_time() - began) * total / iterations


def calibration_megabytes(name: str) -> float:
    """Largest resident memory of a process that begins a calibration and iterates a few times."""
    code = f"from {__name__} import run_for_memory; run_for_memory({name!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def run_for_memory(name: str) -> None:
    """Begin a calibration, and print the megabytes that it took at most."""
    calibration_seconds(name)
    print(peak_megabytes())


def calibrations(repeats: int, quick: bool) -> Figures:
    """Processor seconds of every method, one core; that of a fit is the warm start's own.

    And the memory of each but the fit, once.
    """
    figures: Figures = {}
    for _ in range(1 if quick else repeats):
        for name in list(CALIBRATIONS)[: 2 if quick else None]:
            ready, iterating = calibration_seconds(name)
            fitted = name.endswith("warm_start")
            note(figures, f"{name}/processor_seconds", ready if fitted else iterating)
    for name in list(CALIBRATIONS)[1 : 2 if quick else None]:
        note(figures, f"{name}/megabytes", calibration_megabytes(name))
    return figures


WORLDS = Measured(
    "a world agent calibrated: processor seconds of its iterations, without the warm start; memory",
    calibrations,
    {f"{name}/processor_seconds": ("at most", goal) for name, (*_, goal) in CALIBRATIONS.items()},
)
