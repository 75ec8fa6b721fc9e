"""Judging a reproduction: which claims hold, in figures and in words."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..studies.claims import Across, Claim, Comparison, Match, Reproduction, Results, Trial
from ..studies.statistics import half_width, standard_error


def summarise(reproduction: Reproduction, results: Results) -> dict[str, float]:
    """Flat figures: mean of everything judged or reported with its interval, and passes.

    Beside a mean over seeds ``NAME`` stand ``NAME/standard_error`` and ``NAME/half_width_95``,
    half of its interval of 95 % by Student's t; a single seed has neither.
    """
    figures: dict[str, float] = {}

    def note(name: str, values: np.ndarray) -> None:
        figures[name] = float(values.mean())
        if len(values) > 1:
            figures[f"{name}/standard_error"] = standard_error(values)
            figures[f"{name}/half_width_95"] = half_width(values)

    for trial in reproduction.trials:
        for key, values in _tabulated(trial, results):
            note(f"{trial.name}/{key}", values)
        for text, passed, differences in judge(trial, results):
            figures[f"{trial.name}/{text}/passed"] = float(passed)
            if differences is not None:
                note(f"{trial.name}/{text}/difference", differences)
    for across in reproduction.across:
        values = across.value(results)
        note(across.label, values)
        if claimed(across):
            figures[f"{across.label}/passed"] = float(holds(across, values))
    return figures


def claimed(across: Across) -> bool:
    """Whether a figure over several trials is judged, and not only reported."""
    return across.low > float("-inf") or across.high < float("inf")


def holds(across: Across, values: np.ndarray) -> bool:
    """Whether the mean over seeds lies in its range."""
    return bool(across.low <= values.mean() <= across.high)


def judge(trial: Trial, results: Results) -> Iterator[tuple[str, bool, np.ndarray | None]]:
    """Every claim of a trial: its text, whether it holds, and paired differences if any."""
    for claim in trial.claims:
        values = _values(results[trial.name], claim.key)
        judged = values if claim.per_seed else values.mean(keepdims=True)
        yield claim_text(claim), bool(np.all((judged >= claim.low) & (judged <= claim.high))), None
    for comparison in trial.comparisons:
        baseline = results[comparison.baseline or trial.name]
        difference = comparison.times * _values(results[trial.name], comparison.smaller) - _values(
            baseline, comparison.larger
        )
        yield comparison_text(comparison), bool(difference.mean() < 0), difference
    for match in trial.matches:
        there = _values(results[match.baseline], match.key)
        away = abs(float(_values(results[trial.name], match.key).mean() - there.mean()))
        spread = float(there.std(ddof=1)) if len(there) > 1 else 0.0
        allowed = max(match.deviations * spread, match.least)
        yield match_text(match, away, spread), away <= allowed, None


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
