"""What to measure on a market beyond the objective: one study per market with known answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..experiments.experiment import Experiment
from ..policies.policies import Trained

Arrays = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Findings:
    """Figures of one evaluation.

    Attributes:
        results: name -> number, for ``results.json``.
        arrays: curves and histograms that the figures are drawn from.
    """

    results: dict[str, float] = field(default_factory=dict)
    arrays: Arrays = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """A line of the result table: ours beside what it should be.

    Attributes:
        label: what is measured.
        ours: key of `Findings.results`.
        expected: the published or exact value as text; empty if there is none.
        source: where `expected` is from.
    """

    label: str
    ours: str
    expected: str = ""
    source: str = ""


@dataclass(frozen=True)
class Study:
    """How one market is measured, tabulated and drawn.

    Attributes:
        measure: from a trained experiment to findings.
        rows: the result table, for an experiment.
        figures: name -> drawing of the arrays.
        unfit: what of an experiment `measure` could not be computed for, and its cure; known before
            anything is trained.
    """

    measure: Callable[[Trained], Findings]
    rows: Callable[[Experiment], list[Row]]
    figures: Callable[[Experiment, dict[str, float], Arrays], dict[str, Figure]]
    unfit: Callable[[Experiment], Iterable[str]] = lambda experiment: ()
