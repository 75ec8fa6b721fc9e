"""Certificates of economies of which no closed form is known, whatever they say.

Runs are shorter than the shipped experiments and certificates have a budget: what is shown is that
every answer of ours gets a statement with an interval, and what it costs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..runs.machine import machine
from ..runs.run_folder import prepare_folder
from ..runs.whole_files import write_json, write_whole
from ..studies.statistics import mean_text
from .certificates import Case, certified, flat_figures, mean_seconds

SEEDS = (0, 1, 2, 3, 4)
UNLESS_ASKED = 1
NAME = "certificates_economies"
CASES = (
    Case(
        "market entry, a Tobin tax, PPO",
        "market_entry_ppo",
        ("training.iterations=50",),
        minutes=4.0,
    ),
    Case(
        "TaxAI, taxes for welfare, PPO",
        "household_taxai_ppo",
        (
            "training.pretrain_iterations=30",
            "training.iterations=40",
            "market.periods=100",
            "evaluation.copies=16",
        ),
        minutes=6.0,
    ),
    Case("a shop that sets its price first, PPO", "shops_leader_ppo", minutes=4.0),
    Case(
        "order book, a taker fee, PPO",
        "execution_fee",
        ("training.pretrain_iterations=30", "training.iterations=30", "evaluation.copies=50"),
        minutes=6.0,
    ),
)


def certificates_economies(runs: Path, out: Path, jobs: int, seeds: int | None) -> dict[str, float]:
    """Train and certify every case with every seed, one after another; see `reproduce`.

    A budget is one of minutes, which other runs at the same time would eat: `jobs` is not read. The
    table is written anew after every certificate.
    """
    chosen = SEEDS[: UNLESS_ASKED if seeds is None else seeds]
    prepare_folder(runs)
    command = "pacesetter reproduce certificates_economies" + (f" --seeds {seeds}" if seeds else "")
    done: dict[str, list[dict[str, Any]]] = {}
    figures: dict[str, float] = {}
    for seed in chosen:
        for case in CASES:
            done.setdefault(case.label, []).append(certified(runs, case, seed))
            rows = [(case, done[case.label]) for case in CASES if case.label in done]
            figures = dict(row for case, found in rows for row in flat_figures(case, found))
            made = {"command": command, "seeds": list(chosen), "machine": machine()}
            write_json(out / f"{NAME}.json", made | {"figures": figures})
            there, total = sum(map(len, done.values())), len(chosen) * len(CASES)
            part = "" if there == total else f" ({there} of {total} certificates so far)"
            write_whole(out / f"{NAME}.md", _table(rows, f"`{command}`{part}", chosen))
    return figures


def _table(
    rows: list[tuple[Case, list[dict[str, Any]]]], made_with: str, seeds: tuple[int, ...]
) -> str:
    lines = [
        "# Certificates of economies without a closed form",
        "",
        f"Made with {made_with}; seeds {', '.join(map(str, seeds))}.",
        "",
        "Runs are much shorter than the shipped experiments, and certificates are cut to a budget "
        "of minutes, so that these are statements about short runs; what they say is reported and "
        "not judged. Gaps in percent of what is at stake, tolerance 1 %, with intervals of 95 % "
        "over episodes and seeds of adaptation; of several seeds, means over them. *Group*: the "
        "best trained response of one follower of it. *Leader*: the best other θ with adapted "
        "followers.",
        "",
        "| run | part | gap, % | says |",
        "|---|---|---|---|",
    ]
    for case, found in rows:
        for part in found[0]["verdicts"]:
            group = part.removeprefix("followers/")
            place = "leader/rival" if part == "leader" else f"{part}/one"
            name = "leader" if part == "leader" else f"group {group}"
            says = ", ".join(one["verdicts"][part] for one in found)
            lines.append(f"| {case.label} | {name} | {_percent(found, place)} | {says} |")
    lines += [
        "",
        "| run | shortened by | verdict | budget, min | iterations | processor s |",
        "|---|---|---|---|---|---|",
    ]
    for case, found in rows:
        verdicts = ", ".join(one["verdict"] for one in found)
        if flags := sorted({flag for one in found for flag in one["flags"]}):
            verdicts += f" ({', '.join(flags)})"
        shortened = "; ".join(f"`{change}`" for change in case.changes)
        iterations = ", ".join(str(one["plan"]["iterations"]) for one in found)
        seconds = mean_seconds(found)
        lines.append(
            f"| {case.label} | {shortened} | {verdicts} | {case.minutes:g} | {iterations} "
            f"| {'' if seconds is None else f'{seconds:.0f}'} |"
        )
    return "\n".join(lines) + "\n"


def _percent(found: list[dict[str, Any]], place: str) -> str:
    """A gap with its interval, of one certificate; of several their mean over seeds."""
    figures = [one["figures"] for one in found]
    if not all(f"{place}/percent" in of for of in figures):
        return "not a number"
    if len(figures) > 1:
        return mean_text([of[f"{place}/percent"] for of in figures], 2)
    value, low, high = (figures[0][f"{place}/percent{end}"] for end in ("", "_low", "_high"))
    return f"{value:.2g} [{low:.2g}, {high:.2g}]"
