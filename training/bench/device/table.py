"""The table of `bench.device`: what was measured of every size, beside what is aimed at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

STEPS, EPOCHS, WIDTH = 50, 4, 64
GOALS = {(512, 100): 16e6, (4096, 100): 40e6}
"""Copies and households -> agent steps per second that are aimed at on an H100 or H200."""


@dataclass
class Row:
    """What was measured of one size.

    Attributes:
        copies, households, minibatch: of the runs.
        agent_steps_per_second: of whole iterations, median.
        slowest, fastest: of single iterations, agent steps per second.
        sampling_seconds: of one iteration that sampling takes; the rest is learning.
        percent_of_products: time of the products alone over the time taken.
        gigabytes: of memory at most, 0 on a processor.
        by_hand: agent steps per second of the loop that is written by hand.
        captured: whether steps and minibatches were graphs.
        seconds: that the size took in all.
        failed: why there is no rate of ours; empty: there is.
        missing: which of the yardsticks failed.
    """

    copies: int
    households: int
    minibatch: int
    agent_steps_per_second: float = math.nan
    slowest: float = math.nan
    fastest: float = math.nan
    sampling_seconds: float = math.nan
    iteration_seconds: float = math.nan
    percent_of_products: float = math.nan
    gigabytes: float = 0.0
    by_hand: float = math.nan
    captured: bool = False
    seconds: float = 0.0
    failed: str = ""
    missing: str = ""

    @property
    def name(self) -> str:
        """Copies and households."""
        return f"{self.copies}x{self.households}"

    def plain(self) -> dict[str, Any]:
        """As JSON has it: what was not measured is null."""
        return {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in asdict(self).items()
        }


def markdown(rows: Sequence[Row], about: dict[str, Any], notes: Sequence[str]) -> str:
    """The rows as a table, with the goals."""
    lines = [
        "# Whole iterations on a device",
        "",
        f"Made with `{about['command']}` on {about['device']}, torch {about['torch']}, code "
        f"{about['code']}. Household economy (closed), networks of {WIDTH} x {WIDTH}, {EPOCHS} "
        f"epochs, {STEPS} steps per iteration, products "
        f"{'in TF32' if about['tf32'] else 'in single precision'}. An iteration is sampling, "
        "values, advantages, all epochs and what is reported. *Of the products*: the time that the "
        "same products of matrices take alone, measured in the same run, over the time taken. *By "
        "hand*: a loop of one file for this market alone, without leader, quantities, reports or "
        "other markets.",
        "",
        "| copies x households | minibatch | agent steps/s | slowest … fastest | of the products "
        "| sampling | peak memory | by hand | ours / by hand | goal |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        if row.failed:
            lines.append(f"| {row.name} | {row.minibatch:,} | failed: {row.failed} | | | | | | | |")
            continue
        share = row.sampling_seconds / row.iteration_seconds
        lines.append(
            f"| {row.copies:,} x {row.households:,} | {row.minibatch:,} "
            f"| {_rate(row.agent_steps_per_second)} "
            f"| {_rate(row.slowest)} … {_rate(row.fastest)} "
            f"| {row.percent_of_products:.0f} % | {100 * share:.0f} % | {_memory(row)} "
            f"| {_rate(row.by_hand)} | {row.agent_steps_per_second / row.by_hand:.2f} "
            f"| {_verdict(row, about['device_kind'])} |"
        )
    if about["device_kind"] != "cuda":
        lines += [
            "",
            "No graphics card was at hand: small sizes on a processor, through the same torch "
            "path and per second of its time, show that it runs and say nothing of a device. Not "
            "measured: "
            + "; ".join(
                f"{copies:,} x {households:,} at {goal / 1e6:g} M agent steps/s or more"
                for (copies, households), goal in GOALS.items()
            )
            + "; the share of the products, memory and what CUDA graphs bring at these sizes.",
        ]
    return "\n".join([*lines, "", *notes]) + "\n"


def _memory(row: Row) -> str:
    return f"{row.gigabytes:.2f} GB" if row.gigabytes else ""


def _rate(value: float) -> str:
    return f"{value / 1e6:.2f} M" if value >= 1e6 else f"{value:,.0f}"


def _verdict(row: Row, kind: str) -> str:
    goal = GOALS.get((row.copies, row.households))
    if goal is None:
        return ""
    if kind != "cuda":
        return f"at least {goal / 1e6:g} M: not measured"
    met = row.agent_steps_per_second >= goal
    return f"at least {goal / 1e6:g} M: {'met' if met else 'no'}"
