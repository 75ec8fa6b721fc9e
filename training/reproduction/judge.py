"""Judging a reproduction: which claims hold, in figures and in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..studies.claims import Across, Claim, Comparison, Match, Reproduction, Results, Trial
from ..studies.resampling import (
    LEAST_RUNS,
    Estimate,
    interquartile_mean,
    probability_of_improvement,
)
from ..studies.statistics import deviation, finite, half_width, standard_error


class Verdict(NamedTuple):
    """What became of a claim.

    Attributes:
        text: the claim in words.
        passed: whether it holds.
        difference: of a comparison, paired by seed, ``(seeds,)``.
        improvement: of one with another trial, the chance that a run of ours is the smaller one.
    """

    text: str
    passed: bool
    difference: np.ndarray | None = None
    improvement: Estimate | None = None


def summarise(reproduction: Reproduction, results: Results) -> dict[str, float]:
    """Flat figures: mean of everything judged or reported with its interval, and passes."""
    figures: dict[str, float] = {}
    for trial in reproduction.trials:
        for key, values in _tabulated(trial, results):
            figures |= over_seeds(f"{trial.name}/{key}", values)
        for verdict in judge(trial, results):
            name = f"{trial.name}/{verdict.text}"
            figures[f"{name}/passed"] = float(verdict.passed)
            if verdict.difference is not None:
                figures |= over_seeds(f"{name}/difference", verdict.difference)
            if verdict.improvement is not None:
                figures |= verdict.improvement.named(f"{name}/probability_of_improvement")
    for across in reproduction.across:
        values = across.value(results)
        figures |= over_seeds(across.label, values)
        if claimed(across):
            figures[f"{across.label}/passed"] = float(holds(across, values))
    return figures


def over_seeds(name: str, values: np.ndarray) -> dict[str, float]:
    """The mean over seeds as ``NAME``, and what there is to say of how far it may be off.

    ``NAME/standard_error``, ``NAME/half_width_95`` (half of the interval of 95 % by Student's t)
    from two seeds on; the interquartile mean ``NAME/iqm`` with its interval, ``NAME/iqm_low`` and
    ``NAME/iqm_high``, from four on.
    """
    errors = {
        f"{name}/standard_error": standard_error(values),
        f"{name}/half_width_95": half_width(values),
    }
    figures = {name: float(values.mean())} | finite(errors)
    if len(values) >= LEAST_RUNS:
        figures |= interquartile_mean(values).named(f"{name}/iqm")
    return figures


def claimed(across: Across) -> bool:
    """Whether a figure over several trials is judged, and not only reported."""
    return across.low > float("-inf") or across.high < float("inf")


def holds(across: Across, values: np.ndarray) -> bool:
    """Whether the mean over seeds lies in its range."""
    return bool(across.low <= values.mean() <= across.high)


def judge(trial: Trial, results: Results) -> Iterator[Verdict]:
    """Every claim of a trial."""
    for claim in trial.claims:
        values = _values(results[trial.name], claim.key)
        judged = values if claim.per_seed else values.mean(keepdims=True)
        passed = bool(np.all((judged >= claim.low) & (judged <= claim.high)))
        yield Verdict(claim_text(claim), passed)
    for comparison in trial.comparisons:
        baseline = results[comparison.baseline or trial.name]
        smaller = comparison.times * _values(results[trial.name], comparison.smaller)
        larger = _values(baseline, comparison.larger)
        difference, improvement = smaller - larger, None
        if comparison.baseline and min(len(smaller), len(larger)) >= LEAST_RUNS:
            improvement = probability_of_improvement(larger, smaller)
        passed = bool(difference.mean() < 0)
        yield Verdict(comparison_text(comparison), passed, difference, improvement)
    for match in trial.matches:
        there = _values(results[match.baseline], match.key)
        away = abs(float(_values(results[trial.name], match.key).mean() - there.mean()))
        spread = deviation(there) if len(there) > 1 else 0.0
        allowed = max(match.deviations * spread, match.least)
        yield Verdict(match_text(match, away, spread), away <= allowed)


def claim_text(claim: Claim) -> str:
    """A claim in words."""
    return _in_range(claim.key if claim.per_seed else f"mean over seeds of {claim.key}", claim)


def _in_range(subject: str, claim: Claim | Across) -> str:
    if claim.low == float("-inf") and claim.high == float("inf"):
        return subject
    if claim.low == float("-inf"):
        return f"{subject} <= {claim.high:g}"
    if claim.high == float("inf"):
        return f"{subject} >= {claim.low:g}"
    return f"{subject} in [{claim.low:g}, {claim.high:g}]"


def comparison_text(comparison: Comparison) -> str:
    """A comparison in words."""
    of = f" of {comparison.baseline}" if comparison.baseline else ""
    times = f"{comparison.times:g} × " if comparison.times != 1.0 else ""
    return f"{times}{comparison.smaller} < {comparison.larger}{of}"


def match_text(match: Match, away: float, spread: float) -> str:
    """A match in words, with the difference of means and the deviation over seeds it is held to."""
    least = f", or {match.least:g}" if match.least else ""
    return (
        f"{match.key} as that of {match.baseline}, within {match.deviations:g} deviations over "
        f"seeds{least} (differs by {away:.2g}, deviation {spread:.2g})"
    )


def _values(runs: list[dict[str, float]], key: str) -> np.ndarray:
    return np.array([run[key] for run in runs])


def _tabulated(trial: Trial, results: Results) -> Iterator[tuple[str, np.ndarray]]:
    keys = [claim.key for claim in trial.claims]
    keys += [comparison.smaller for comparison in trial.comparisons]
    for key in dict.fromkeys([*keys, *trial.report]):
        yield key, _values(results[trial.name], key)
