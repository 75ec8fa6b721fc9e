"""What to measure on a market beyond the objective: one study per market with known answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from .experiment import Experiment
from .policies import Policies

Arrays = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Trained:
    """A trained experiment, to be measured.

    Attributes:
        experiment: what was trained.
        policies: the result.
        theta: the leader's answer, ``(d,)``.
    """

    experiment: Experiment
    policies: Policies
    theta: NDArray[np.float64]


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
    """

    measure: Callable[[Trained], Findings]
    rows: Callable[[Experiment], list[Row]]
    figures: Callable[[Experiment, dict[str, float], Arrays], dict[str, Figure]]


def study_of(experiment: Experiment) -> Study | None:
    """The study of the experiment's market, if it has one."""
    from .cobweb_study import COBWEB_STUDY
    from .duopoly_study import DUOPOLY_STUDY
    from .execution_study import EXECUTION_STUDY
    from .household_study import HOUSEHOLD_STUDY
    from .labour_tax_study import LABOUR_TAX_STUDY
    from .market_entry_study import MARKET_ENTRY_STUDY
    from .market_maker_study import MARKET_MAKER_STUDY

    studies: dict[str, Any] = {
        "cobweb": COBWEB_STUDY,
        "duopoly": DUOPOLY_STUDY,
        "execution": EXECUTION_STUDY,
        "household_economy": HOUSEHOLD_STUDY,
        "labour_tax": LABOUR_TAX_STUDY,
        "market_maker": MARKET_MAKER_STUDY,
        "market_entry": MARKET_ENTRY_STUDY,
    }
    return studies.get(experiment.market.name)
