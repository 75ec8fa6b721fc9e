"""How speed and memory grow with households and copies, up to a million households in one economy.

Every size has a process of its own, so that memory is its alone. Rates are agent steps per second
of processor time: of the economy alone, and of whole iterations with their learning.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

from ....envs.registry import make
from ....leaders.objectives.general import Welfare
from ....leaders.registry import LEADERS
from ...experiments.experiment import Experiment
from ...experiments.settings import FollowerSettings, TrainingSettings
from ...ppo.backend import LocalBackend
from ..speed import Cores, Figures, Goal, Measured, Threads, note, peak_megabytes
from .speed import steps_per_second

SIZES = (
    (10, 64),
    (100, 1),
    (100, 8),
    (100, 64),
    (100, 512),
    (100, 4096),
    (1000, 64),
    (10_000, 8),
    (100_000, 1),
    (1_000_000, 1),
)
"""Households and copies."""
QUICK = SIZES[:3]
STEPS = 4  # of a rollout, so that a million households fit
ITERATIONS = 2
GOALS: dict[str, Goal] = {
    "cost_at_100000_over_10000": ("at most", 1.2),
    "1000000_households_1_copies/megabytes": ("at most", 8000.0),
}


def scaling(repeats: int, quick: bool = False) -> Figures:
    """Agent steps per processor second and megabytes at every size, on one core."""
    figures: Figures = {}
    for _ in range(max(1, repeats // 2)):
        rates = {}
        for households, copies in QUICK if quick else SIZES:
            name, found = f"{households}_households_{copies}_copies", _apart(households, copies)
            rates[households] = found["economy_agent_steps_per_processor_second"]
            for key, value in found.items():
                note(figures, f"{name}/{key}", value)
        if not quick:
            note(figures, "cost_at_100000_over_10000", rates[10_000] / rates[100_000])
    return figures


def _apart(households: int, copies: int) -> dict[str, float]:
    code = f"from {__name__} import run_alone; run_alone({households}, {copies})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def run_alone(households: int, copies: int) -> None:
    """Measure one size in this process, and print the figures as JSON."""

    market = make("household_economy", households=households)
    agents = households * copies
    economy = steps_per_second(market, copies) * agents
    experiment = Experiment(
        name="scaling",
        market=market,
        objective=Welfare(),
        leader=LEADERS["random"](),
        followers=FollowerSettings(),
        training=TrainingSettings(copies=copies, rollout_steps=STEPS, route="local"),
    )
    backend = LocalBackend(experiment)
    backend.iterate()
    began = time.process_time()
    for _ in range(ITERATIONS):
        backend.iterate()
    seconds = (time.process_time() - began) / ITERATIONS
    figures = {
        "economy_agent_steps_per_processor_second": economy,
        "training_agent_steps_per_processor_second": agents * STEPS / seconds,
        "megabytes": peak_megabytes(),
    }
    print(json.dumps(figures))


def _drawn(figures: Mapping[str, float]) -> Any:
    from .scaling_figure import scaling_figure  # not in the processes whose memory is measured

    return scaling_figure(figures)


SCALING = Measured(
    "households and copies, up to a million in one economy", scaling, GOALS, draw=_drawn
)

CORES = Cores(
    "1,000 households, 16 copies, 256×256, 2 epochs, minibatch 16384",
    "household_economy",
    copies=16,
    steps=8,
    followers={"hidden_layers": (256, 256), "epochs": 2, "minibatch_size": 16_384},
    options={"households": 1000},
    goals={"iteration_2_over_1_learners": ("at least", 1.5)},
)

THREADS = Threads(
    "100 households, 64 copies of 25 steps, 4 epochs, minibatch 4096, by two threads",
    "household_economy",
    copies=64,
    steps=25,
    followers={"epochs": 4, "minibatch_size": 4096},
    goals={
        "idle/iteration_speedup_over_one_thread": ("at least", 1.4),
        "busy/iteration_speedup_over_one_thread": ("at least", 1.0),
    },
)
