"""The progress of a run on the terminal: a live line on a screen, plain lines in a log."""

from __future__ import annotations

import time
from collections.abc import Mapping
from importlib.util import find_spec
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from ..experiments.experiment import Experiment
from .waiting import LongWait

SECONDS_BETWEEN_LINES = 15.0


def _is_live(console: Console) -> bool:
    """Whether a line can be drawn over: on a screen, or in a notebook that has widgets."""
    if console.is_jupyter:
        return find_spec("ipywidgets") is not None
    return console.is_terminal


class Progress:
    """Shows iteration, speed, rewards of both layers, θ and the time left.

    Args:
        experiment: what is trained.
        first: iterations already done.
        quiet: show nothing.
    """

    def __init__(self, experiment: Experiment, first: int, quiet: bool = False):
        settings = experiment.training
        self._experiment = experiment
        self._total = settings.pretrain_iterations + settings.iterations
        self._first = first
        self._quiet = quiet
        self._console = Console(highlight=False)
        self._bar: Bar | None = None
        self._task = TaskID(0)
        self._started = time.monotonic()
        self._last_line = self._started - SECONDS_BETWEEN_LINES
        self._wait = LongWait(experiment.name)

    def __enter__(self) -> Self:
        if not self._quiet:
            self._wait.begin()
        if not self._quiet and _is_live(self._console):
            self._bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(bar_width=20),
                TextColumn("{task.completed}/{task.total}"),
                TimeRemainingColumn(),
                console=self._console,
            )
            self._task = self._bar.add_task("", total=self._total, completed=self._first)
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._wait.end()
        if self._bar is not None:
            self._bar.stop()

    def show(self, iteration: int, scalars: Mapping[str, float]) -> None:
        """Show the state after `iteration` iterations."""
        self._wait.alive()
        if self._quiet:
            return
        text = self._describe(iteration, scalars)
        if self._bar is not None:
            self._bar.update(self._task, completed=iteration, description=text)
            return
        now = time.monotonic()
        if now - self._last_line >= SECONDS_BETWEEN_LINES or iteration == self._total:
            self._last_line = now
            left = (now - self._started) / (iteration - self._first) * (self._total - iteration)
            line = f"{self._experiment.name}  {iteration}/{self._total}  {text}  {left:.0f} s left"
            print(line, flush=True)

    def _describe(self, iteration: int, scalars: Mapping[str, float]) -> str:
        leading = iteration > self._experiment.training.pretrain_iterations
        parts = ["leading" if leading else "pre-training"]
        parts += [
            f"{name.removeprefix('followers/').removesuffix('_net_reward')} {value:.3f}"
            for name, value in scalars.items()
            if name.endswith("_net_reward")
        ]
        if leading:
            parts.append(f"objective {scalars['leader/objective']:.4g}")
            theta = [
                f"{name.removeprefix('theta/')}={value:.3g}"
                for name, value in scalars.items()
                if name.startswith("theta/")
            ]
            if "world/metric" in scalars:
                metric, flow = scalars["world/metric"], scalars["world/flow"]
                parts.append(f"metric {metric:.4g}  orders × {flow:.2f}")
            parts.append("θ " + " ".join(theta[:4]) + (" …" if len(theta) > 4 else ""))
        rate = scalars["speed/agent_steps_per_second"]
        parts.append(f"{scalars['speed/env_steps_per_second']:.3g} env steps/s, {rate:.3g} agent")
        return "  ".join(parts)
