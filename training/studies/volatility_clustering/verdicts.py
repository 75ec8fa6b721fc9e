"""Lines that a table is held to: what was found, what was wanted, and whether it was reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """One line: what was found and wanted, as text, and whether it was reached."""

    what: str
    found: str
    wanted: str
    kept: bool


def at_most(what: str, value: float, most: float) -> Verdict:
    """A value that has an upper limit."""
    return Verdict(what, f"{value:.3g}", f"≤ {most:g}", bool(value <= most))


def verdict_lines(judged: Sequence[Verdict]) -> list[str]:
    """As a Markdown table; what is missed says so."""
    lines = ["| what | found | wanted | reached |", "|---|---|---|---|"]
    for one in judged:
        reached = "yes" if one.kept else "**no**"
        lines.append(f"| {one.what} | {one.found} | {one.wanted} | {reached} |")
    return [*lines, ""]
