"""Speed and memory of the household economy alone: shocks, observations and quantities included.

Rates are per second of processor time: one process computes and waits for nothing, so that what
else runs on the machine counts little.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import numpy as np

from ....envs.core.market import Market
from ....envs.household_economy.market import HOUSEHOLD
from ....envs.registry import make
from .. import slowdown
from ..speed import Figures, Goal, JaxRace, Measured, Race, note, peak_megabytes

SIZES = {"100_households": (100, 1), "1000_households": (1000, 8), "10000_households": (10_000, 8)}
"""Name -> households and copies."""
GOALS: dict[str, Goal] = {
    "100_households/steps_per_processor_second": ("at least", 5000.0),
    "1000_households/agent_steps_per_processor_second": ("at least", 3e6),
    "cost_at_10000_over_1000": ("at most", 1.2),
    "megabytes_at_10000": ("at most", 3000.0),
}
"""Of either accounting."""
THETA_SHARE = 0.4  # of the bounds: taxes under which the economies live long


def household(repeats: int, quick: bool = False) -> Figures:
    """Steps per second of both accountings at three sizes, and memory at the largest.

    ``cost_at_10000_over_1000`` compares the time of one agent's step at the two larger sizes.
    """
    figures: Figures = {}
    for accounting in ("closed", "taxai"):
        for _ in range(repeats):
            rates = {}
            for name, (households, copies) in SIZES.items():
                market = make("household_economy", accounting=accounting, households=households)
                rate = steps_per_second(market, copies)
                rates[name] = rate * copies * households
                note(figures, f"{accounting}/{name}/steps_per_processor_second", rate)
                note(figures, f"{accounting}/{name}/agent_steps_per_processor_second", rates[name])
            cost = rates["1000_households"] / rates["10000_households"]
            note(figures, f"{accounting}/cost_at_10000_over_1000", cost)
            note(figures, f"{accounting}/megabytes_at_10000", _megabytes(accounting))
    return figures


def steps_per_second(market: Market, copies: int, least_seconds: float = 0.5) -> float:
    """Steps of the batch per second, observations and restarts included, under usual decisions."""
    space = market.characteristics
    state = market.reset(0, copies, space.from_unit(np.full(len(space), THETA_SHARE)))
    actions = usual_actions(market, copies)
    for _ in range(3):
        state = _year(market, state, actions)
    steps, began = 0, time.process_time()
    while (elapsed := time.process_time() - began) < least_seconds:
        state = _year(market, state, actions)
        steps += 1
    return steps / elapsed


def usual_actions(market: Market, copies: int) -> dict[str, Any]:
    """Saving shares around 0.95 and hours around a third, ``(B, N, 2)``."""
    shape = (copies, market.groups[0].size, 2)
    unit = np.random.default_rng(0).random(shape, dtype=np.float32)
    return {
        HOUSEHOLD: np.array([0.93, 0.3], np.float32) + unit * np.array([0.04, 0.07], np.float32)
    }


def _year(market: Market, state: Any, actions: dict[str, Any]) -> Any:
    market.observe(state)
    step = market.step(state, actions)
    return market.restart(step.state, step.terminated | step.truncated)


def _megabytes(accounting: str) -> float:
    """Largest resident memory of a process that steps the largest size."""
    code = f"from {__name__} import run_for_memory; run_for_memory({accounting!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def run_for_memory(accounting: str) -> None:
    """Step the largest size for a while, and print the megabytes that it took at most."""
    households, copies = SIZES["10000_households"]
    market = make("household_economy", accounting=accounting, households=households)
    steps_per_second(market, copies)
    print(peak_megabytes())


def derivatives(repeats: int, quick: bool = False) -> Figures:
    """16 copies of 100 households, a whole episode, through their policies."""
    smooth = ("followers.activation=silu",)
    return slowdown.slowdown("household_tax_bayesian", "pathwise", 16, smooth, repeats, quick)


RACE = Race(
    "closed, 100 households, 8 copies, 64×64, 2 epochs, minibatch 1024",
    "household_economy",
    copies=8,
    steps=25,
    goals={
        "sampling_speedup_over_stock": ("at least", 75.0),
        "iteration_speedup_over_stock": ("at least", 10.0),
    },
)
JAX = JaxRace("100 households, 8 copies of 50 steps, one core", "household_economy", 8, 50)
ALONE = Measured(
    "the household economy alone, both accountings",
    household,
    goals={
        f"{accounting}/{figure}": goal
        for accounting in ("closed", "taxai")
        for figure, goal in GOALS.items()
    },
)
DERIVATIVES = Measured(
    "derivatives in the household economy, pathwise, 16 copies", derivatives, slowdown.GOALS
)
