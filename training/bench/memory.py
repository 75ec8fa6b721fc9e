"""Resident memory of a training run with everything Ray starts."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from ...envs.registry import make
from ...leaders.objectives.general import Welfare
from ...leaders.policy.ppo import PPOLeader
from ..experiments.experiment import Experiment
from ..experiments.settings import TrainingSettings
from ..rllib.backend import build, start_ray
from ..studies.speed import Figures, Resident


def memory(declared: Resident) -> Figures:
    """Resident megabytes of a training run, Ray included, in a process of its own."""
    asked = (declared.market, dict(declared.options), declared.copies, declared.steps)
    code = f"from {__name__} import run_for_memory; run_for_memory(*{asked!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {declared.figure: [float(done.stdout.split()[-1])]}


def run_for_memory(market: str, options: dict[str, Any], copies: int, steps: int) -> None:
    """Train a market under a policy leader for a while, and print the megabytes in use."""
    experiment = Experiment(
        name="memory",
        market=make(market, **options),
        objective=Welfare(),
        leader=PPOLeader(),
        training=TrainingSettings(copies=copies, rollout_steps=steps),
    )
    start_ray(experiment)
    built = build(experiment)
    for _ in range(10):
        built.train()
    print(resident_megabytes())
    built.stop()


def resident_megabytes() -> float:
    """Memory of this process and its children; pages that several share are counted once (PSS)."""
    # Comes with Ray, on the path that Ray adds.
    import psutil  # type: ignore[import-untyped]

    total = 0
    this = psutil.Process()
    for process in [this, *this.children(recursive=True)]:
        try:
            used = process.memory_full_info()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        total += getattr(used, "pss", 0) or used.rss
    return total / 1e6
