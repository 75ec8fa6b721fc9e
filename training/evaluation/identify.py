"""How well data can tell every characteristic, before anything is calibrated.

Whatever method matches statistics H of n paths, its errors are no smaller than
``(JᵀV⁻¹J)⁻¹ / n`` with J the derivative of E H by θ and V the covariance of H.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.core.errors import PacesetterError
from ...leaders.leader import How, Question
from ...leaders.objectives.target import constant, indistinct, precision
from ..derivatives.derive import derive
from ..experiments.experiment import Experiment
from ..policies.policies import Policies
from ..runs.whole_files import write_json, write_whole

WIDTH = 0.01  # of a difference, as a share of the range
COLUMNS = ("characteristic", "value", "standard_error", "largest_correlation", "with")
Row = tuple[str, float, float | None, float | None, str]


@dataclass(frozen=True)
class Identified:
    """What so much data say of every characteristic that may move.

    Attributes:
        title: name of the experiment.
        paths: of data.
        statistics: what is known of each path.
        theta: where, name -> value.
        covariance: of the estimate, ``(d, d)``; infinite where nothing is said.
        warnings: what a user must know of it, in sentences.
    """

    title: str
    paths: int
    statistics: tuple[str, ...]
    theta: dict[str, float]
    covariance: NDArray[np.float64]
    warnings: list[str]

    def rows(self) -> list[Row]:
        """The table, as in `COLUMNS`; None: not identified, or there is no other."""
        names, variance = list(self.theta), np.diag(self.covariance)
        told = np.isfinite(variance) & (variance > 0)
        scale = np.sqrt(np.where(told, variance, 1.0))
        correlation = self.covariance / np.outer(scale, scale)
        found: list[Row] = []
        for place, (name, value) in enumerate(self.theta.items()):
            error = float(scale[place]) if told[place] else None
            others = [k for k in range(len(names)) if k != place and told[k] and told[place]]
            if not others:
                found.append((name, value, error, None, ""))
                continue
            closest = max(others, key=lambda k: abs(correlation[place, k]))
            found.append((name, value, error, float(correlation[place, closest]), names[closest]))
        return found

    @classmethod
    def read(cls, path: Path) -> Identified:
        """What `write_json` wrote.

        Raises:
            OSError, ValueError, KeyError: it cannot be read, or is something else.
        """
        values = json.loads(path.read_text(encoding="utf-8"))
        theta = {row[COLUMNS[0]]: row["value"] for row in values["characteristics"]}
        covariance = [[np.inf if c is None else c for c in row] for row in values["covariance"]]
        return cls(
            values["experiment"],
            values["paths"],
            tuple(values["statistics"]),
            theta,
            np.array(covariance),
            values["warnings"],
        )

    def write_csv(self, path: Path) -> None:
        """The table; PacesetterError if the file cannot be written."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(COLUMNS)
        writer.writerows(self.rows())
        _written(path, lambda: write_whole(path, text.getvalue()))

    def write_json(self, path: Path) -> None:
        """All figures; PacesetterError if the file cannot be written."""
        rows = [dict(zip(COLUMNS, row, strict=True)) for row in self.rows()]
        values = {"experiment": self.title, "paths": self.paths, "statistics": self.statistics}
        finite = [[c if np.isfinite(c) else None for c in row] for row in self.covariance.tolist()]
        values |= {"characteristics": rows, "covariance": finite, "warnings": self.warnings}
        _written(path, lambda: write_json(path, values))


def _written(path: Path, write: Any) -> None:
    try:
        write()
    except OSError as error:
        raise PacesetterError(
            f"{path}: cannot be written ({error.strerror}); choose another file."
        ) from error


def identify(
    experiment: Experiment,
    theta: Mapping[str, float],
    paths: int | None,
    copies: int,
    policies: Policies | None = None,
) -> Identified:
    """The standard error of every characteristic.

    Args:
        experiment: its market, and an objective that declares statistics.
        theta: where, name -> value; entries left out take the market's default.
        paths: of data; None: as many as the objective's reference has.
        copies: simulated paths: half of them for J, the other half for V.
        policies: of followers who have learned; None: nobody learns.

    Raises:
        PacesetterError: nothing to identify by, or too few simulated paths.
    """
    market = experiment.market
    compared = experiment.measure.statistics
    if compared is None:
        raise PacesetterError(
            f"objective {experiment.objective.name!r} of {experiment.name!r} declares no "
            "statistics to identify characteristics by; use the objective 'statistics'."
        )
    if market.groups and policies is None:
        answered = market.answered()
        if answered is None:
            raise PacesetterError(
                f"in market {market.name!r} group {market.groups[0].name!r} learns: what paths "
                "look like is not known before it has. Only markets in which nobody learns, or "
                "whose answer is computed, can be identified beforehand; the report of a run says "
                "it for followers who have learned."
            )
        market, experiment = answered, replace(experiment, market=answered, own_followers={})
    space = market.characteristics
    point = space.validate(theta or None)
    if compared.about is not None:
        compared = compared.about(point[0])
    target = compared.target
    if paths is None and target.rows is None:
        raise PacesetterError(
            "the reference is a table of statistics, which does not say of how many paths; give "
            "--paths."
        )
    least = 2 * (len(target.names) + 4)
    if copies < least:
        raise PacesetterError(
            f"--copies: {len(target.names)} statistics need at least {least} simulated paths, got "
            f"{copies}."
        )
    free = space.high > space.low
    if not free.any():
        raise PacesetterError(
            f"market {market.name!r} has no characteristic that may move: the bounds of each are "
            "the same."
        )
    how: How = getattr(experiment.leader, "how", "auto")
    width = getattr(experiment.leader, "width", WIDTH)
    question = Question(
        point,
        how,
        width=width,
        copies=copies,
        wants=frozenset({"statistics", "jacobians"}),
        about=point[0],
    )
    told = derive(experiment, policies or Policies.untrained(experiment), question, experiment.seed)
    assert told.rows is not None and told.jacobian_rows is not None
    rows = told.rows[0, copies // 2 :]
    if still := constant(rows, target.names):
        raise PacesetterError(
            f"{', '.join(still)}: the same in all simulated paths at this θ; leave it out of "
            "objective.statistics, or give another --theta."
        )
    number = target.number if paths is None else paths
    covariance = precision(told.jacobian_rows[0][:, :, free], rows, target.ridge) / number
    named = {
        name: value
        for (name, value), may in zip(space.named(point[0]).items(), free, strict=True)
        if may
    }
    warnings = indistinct(covariance, list(named))
    return Identified(experiment.name, number, target.names, named, covariance, warnings)
