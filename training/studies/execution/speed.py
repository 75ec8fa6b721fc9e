"""The execution market's benchmarks: a race of trainers, and the game alone."""

from __future__ import annotations

import time

import numpy as np

from ....envs.execution.market import EXECUTOR
from ....envs.order_book.background.market import PRESETS
from ....envs.registry import make
from ..speed import Figures, Measured, Race, note

RACE = Race(
    "one executor in rmsc04, 64 copies, 64×64, 2 epochs, minibatch 1024",
    "execution",
    copies=64,
    steps=20,
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
