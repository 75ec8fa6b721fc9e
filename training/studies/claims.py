"""What a claim is: experiments, seeds, and the figure each of them is held to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SEEDS = (0, 1, 2, 3, 4)
TEN_SEEDS = tuple(range(10))
Results = dict[str, list[dict[str, float]]]
"""Trial name -> results of its runs, in the order of the seeds."""
RunArrays = Mapping[str, Sequence[dict[str, NDArray[Any]]]]
"""Trial name -> the arrays that each of its runs was drawn from, in the order of the seeds."""


@dataclass(frozen=True)
class Claim:
    """A result of a run with the range it must lie in.

    Attributes:
        key: name in ``results.json``.
        low, high: the range, bounds included.
        per_seed: every seed must pass; otherwise the mean over seeds.
    """

    key: str
    low: float = float("-inf")
    high: float = float("inf")
    per_seed: bool = True


@dataclass(frozen=True)
class Comparison:
    """A result that must be smaller than another one, paired by seed.

    Attributes:
        smaller, larger: names in ``results.json``.
        baseline: the trial that `larger` is taken from; empty: the same run.
        times: how many times larger it must be.
    """

    smaller: str
    larger: str
    baseline: str = ""
    times: float = 1.0


@dataclass(frozen=True)
class Match:
    """A result that must be as in another trial: means over seeds, within that trial's own spread.

    Attributes:
        key: name in ``results.json`` of both.
        baseline: the other trial.
        deviations: how many standard deviations over the seeds of `baseline` they may differ.
        least: difference that is always allowed, in units of the result: seeds may agree by chance,
            or because the answer lies on a bound.
    """

    key: str
    baseline: str
    deviations: float = 2.0
    least: float = 0.0


@dataclass(frozen=True)
class Across:
    """A figure of several trials together, with the range it must lie in.

    Attributes:
        label: what it is.
        value: from all results to one number per seed, ``(seeds,)``, or one for all, ``(1,)``.
        low, high: the range of its mean, bounds included; without bounds it is only reported.
    """

    label: str
    value: Callable[[Results], NDArray[np.float64]]
    low: float = float("-inf")
    high: float = float("inf")


@dataclass(frozen=True)
class Trial:
    """An experiment run with several seeds, and what it must show.

    Attributes:
        experiment: name of a shipped experiment.
        overrides: changes to it.
        label: name in the table.
        claims, comparisons, matches: what is judged.
        report: further results to tabulate without judging them.
        task, algorithm: what is played and who plays it, where the trials of a table are every
            algorithm on every task; empty: the market, and the trial itself.
    """

    experiment: str
    label: str = ""
    overrides: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    matches: tuple[Match, ...] = ()
    report: tuple[str, ...] = ()
    task: str = ""
    algorithm: str = ""

    @property
    def name(self) -> str:
        """Label, or the experiment's name."""
        return self.label or self.experiment


@dataclass(frozen=True)
class Reproduction:
    """A table of trials.

    Attributes:
        title: heading of the table.
        trials: its rows.
        seeds: of every trial.
        notes: what a reader must know.
        across: figures over several trials.
        section: further lines of Markdown from the results, such as a published table beside ours.
        figures: draws pictures of all trials together, name -> matplotlib figure; or None.
    """

    title: str
    trials: tuple[Trial, ...]
    seeds: tuple[int, ...] = SEEDS
    notes: tuple[str, ...] = field(default_factory=tuple)
    across: tuple[Across, ...] = ()
    section: Callable[[Results], list[str]] | None = None
    figures: Callable[[RunArrays], dict[str, Any]] | None = None
