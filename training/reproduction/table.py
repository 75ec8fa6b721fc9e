"""A reproduction as a Markdown table."""

from __future__ import annotations

from ..studies.claims import Reproduction, Results
from ..studies.statistics import mean_text
from .judge import _in_range, _tabulated, claimed, holds, judge

INTERVAL = "mean ± 95 % (t over seeds)"
IMPROVEMENT = (
    "P: chance that a run has the smaller figure of the two (probability of improvement), over all "
    "pairs of seeds, with its interval of 95 % by resampling of the seeds."
)


def table(
    reproduction: Reproduction, results: Results, command: str, seeds: tuple[int, ...]
) -> str:
    """The reproduction as Markdown."""
    lines = [f"# {reproduction.title}", ""]
    lines += [f"Made with `{command}`; seeds {', '.join(map(str, seeds))}.", ""]
    lines += [f"{note}\n" for note in reproduction.notes]
    lines += [f"| trial | figure | {INTERVAL} | least … largest |", "|---|---|---|---|"]
    for trial in reproduction.trials:
        for key, values in _tabulated(trial, results):
            lines.append(
                f"| {trial.name} | {key} | {mean_text(values, 4)} "
                f"| {values.min():.4g} … {values.max():.4g} |"
            )
    verdicts = [
        (trial, verdict) for trial in reproduction.trials for verdict in judge(trial, results)
    ]
    if any(verdict.improvement is not None for _, verdict in verdicts):
        lines += ["", IMPROVEMENT]
    lines += ["", "| trial | claim | holds |", "|---|---|---|"]
    for trial, verdict in verdicts:
        beside = ""
        if verdict.difference is not None:
            chance = "" if verdict.improvement is None else f"; P {verdict.improvement}"
            beside = f" (paired difference {mean_text(verdict.difference, 2)}{chance})"
        holding = "yes" if verdict.passed else "**no**"
        lines.append(f"| {trial.name} | {verdict.text}{beside} | {holding} |")
    for across in reproduction.across:
        values = across.value(results)
        holding = ("yes" if holds(across, values) else "**no**") if claimed(across) else "reported"
        found = mean_text(values, 3)
        lines.append(f"| all | {_in_range(across.label, across)}: {found} | {holding} |")
    if reproduction.section is not None:
        lines += ["", *reproduction.section(results)]
    return "\n".join(lines) + "\n"
