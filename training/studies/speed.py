"""What a market's benchmark is: a race against other trainers, a measurement, a run for memory."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ...envs.core.market import Actions, Market

Figures = dict[str, list[float]]
"""Name -> one value per repeat."""
Goal = tuple[Literal["at least", "at most"], float]
"""What the project aims at on its own machine."""


def steps_per_second(
    market: Market, actions: Actions, copies: int, least_seconds: float = 0.5
) -> float:
    """Steps per second of processor time over all copies; observations are made, as in training.

    Args:
        market: to play.
        actions: the same in every step, group -> ``(B, N, …)``.
        copies: B.
        least_seconds: to play for.
    """
    state = market.reset(0, copies)
    steps, began = 0, time.process_time()
    while (elapsed := time.process_time() - began) < least_seconds:
        step = market.step(state, actions)
        state = market.restart(step.state, step.terminated | step.truncated)
        market.observe(state)
        steps += 1
    return steps * copies / elapsed


def peak_megabytes() -> float:
    """Largest resident memory of this process so far."""
    try:
        # What the kernel's accounting of resources says includes whoever started the process.
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return float(line.split()[1]) / 1e3
    except OSError:
        pass
    import resource  # not on Windows

    unit = 1e6 if sys.platform == "darwin" else 1e3  # bytes there, kilobytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def note(figures: Figures, name: str, value: float) -> None:
    """Add one more value of a figure."""
    figures.setdefault(name, []).append(value)


@dataclass(frozen=True)
class Race:
    """Followers of a market, trained on the array route, by stock RLlib, and by a plain loop.

    Attributes:
        title: what is compared.
        market: name of the market.
        copies, steps: of one iteration, B and T.
        followers: options of the followers.
        free_information: leave prices of information out, which stock RLlib cannot learn with; a
            further contender keeps them.
        plain_loop: whether a hand-written PPO loop takes part.
        goals: figure -> what is aimed at.
        options: of the market; those left out have their default.
    """

    title: str
    market: str
    copies: int
    steps: int
    followers: Mapping[str, Any] = field(default_factory=dict)
    free_information: bool = False
    plain_loop: bool = False
    goals: Mapping[str, Goal] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """A measurement of the market's own.

    Attributes:
        title: what is measured.
        function: of the number of repeats and of whether to be quick.
        goals: figure -> what is aimed at.
        draw: makes a picture of the figures, name -> value, as a matplotlib figure; or None.
    """

    title: str
    function: Callable[[int, bool], Figures]
    goals: Mapping[str, Goal] = field(default_factory=dict)
    draw: Callable[[Mapping[str, float]], Any] | None = None


@dataclass(frozen=True)
class Resident:
    """Memory of a training run of a market under a PPO leader, with everything Ray starts.

    Attributes:
        title: what is trained.
        market: name of the market.
        goals: figure -> what is aimed at.
        options: of the market; those left out have their default.
        copies, steps: of one iteration, B and T.
        figure: what the megabytes are called.
    """

    title: str
    market: str
    goals: Mapping[str, Goal] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    copies: int = 64
    steps: int = 50
    figure: str = "demo/megabytes"


RECIPES: Mapping[str, Mapping[str, Any]] = {
    "2_epochs": {"epochs": 2, "minibatch_size": 1024},
    "4_epochs": {"epochs": 4, "minibatch_size": 4096},
}
"""Of updates, in a race with JAX."""
JAX_GOALS: Mapping[str, Goal] = {
    f"{recipe}/iteration_speedup_over_jax": ("at least", 1.2) for recipe in RECIPES
}


@dataclass(frozen=True)
class JaxRace:
    """Whole iterations of the array path against a PPO that is one compiled JAX program.

    Attributes:
        title: what is compared.
        market: name of the market, with its default options; it has one group.
        copies, steps: of one iteration, B and T.
        goals: figure -> what is aimed at.
    """

    title: str
    market: str
    copies: int
    steps: int
    goals: Mapping[str, Goal] = field(default_factory=lambda: JAX_GOALS)


@dataclass(frozen=True)
class Iterations:
    """Whole iterations that are timed as they are spread over a machine.

    Attributes:
        title: what is trained.
        market: name of the market.
        copies, steps: of one iteration, B and T; copies of all processes together.
        followers: options of the followers.
        options: of the market; those left out have their default.
        goals: figure -> what is aimed at.
    """

    title: str
    market: str
    copies: int
    steps: int
    followers: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    goals: Mapping[str, Goal] = field(default_factory=dict)


class Cores(Iterations):
    """By more and more processes: runners that sample, learners that learn."""


class Threads(Iterations):
    """By two threads that share minibatches and forward passes, over one."""


@dataclass(frozen=True)
class Solution:
    """Seconds until followers earn what their best responses would, by four implementations of PPO.

    Attributes:
        title: what is compared.
        market: name of the market; it has one group, and knows its best responses.
        copies, steps: of one iteration, B and T.
        options: of the market; those left out have their default.
        goals: figure -> what is aimed at.
    """

    title: str
    market: str
    copies: int
    steps: int
    options: Mapping[str, Any] = field(default_factory=dict)
    goals: Mapping[str, Goal] = field(default_factory=dict)


Benchmark = Race | JaxRace | Measured | Resident | Cores | Threads | Solution
