"""A reproduction as a Markdown table."""

from __future__ import annotations

from ..studies.claims import Reproduction, Results
from ..studies.statistics import mean_text
from .judge import _in_range, _tabulated, claimed, holds, judge

INTERVAL = "mean ± 95 % (t over seeds)"


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
    lines += ["", "| trial | claim | holds |", "|---|---|---|"]
    for trial in reproduction.trials:
        for text, passed, differences in judge(trial, results):
            paired = ""
            if differences is not None:
                paired = f" (paired difference {mean_text(differences, 2)})"
            lines.append(f"| {trial.name} | {text}{paired} | {'yes' if passed else '**no**'} |")
    for across in reproduction.across:
        values = across.value(results)
        verdict = ("yes" if holds(across, values) else "**no**") if claimed(across) else "reported"
        found = mean_text(values, 3)
        lines.append(f"| all | {_in_range(across.label, across)}: {found} | {verdict} |")
    if reproduction.section is not None:
        lines += ["", *reproduction.section(results)]
    return "\n".join(lines) + "\n"
