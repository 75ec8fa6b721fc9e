"""Which feedback tells two markets apart.

Bands of three distances over rollouts, between markets and within one, and the first number of
rollouts from which they are disjoint (Wei et al. 2023, figures 3 to 5 and 13 to 15).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ....envs.core.rollouts import Rollouts
from ....envs.execution.laboratory import ExecutionLaboratory
from ....envs.execution.market import Execution
from ....leaders.world.distances import Name, area_under_curve, bands
from ....leaders.world.feedback import EPISODE_REWARD, feedback
from ....leaders.world.guide import WorldGuide
from ....leaders.world.world import WorldLeader
from ...runs.machine import machine
from ...runs.whole_files import write_json, write_whole
from ..charts import EXACT_COLOUR, TRAINED_COLOUR, chart, save
from .compositions import FEWER_VALUE_AGENTS, STARTS

Floats = NDArray[np.float64]
ROLLOUTS, MANY, FEW = 200, 100, 5
NUMBERS = (5, 7, 10, 20, 30, 40, 50, 75, 100)
DISTANCES: tuple[Name, ...] = ("mmd", "energy", "earth_mover")
FEEDBACKS = (
    EPISODE_REWARD,
    *("reward", "return", "impact", "spread", "imbalance_5", "imbalance_all", "direction"),
)
LABELS = {
    EPISODE_REWARD: "EpisodeReward",
    "reward": "Mkt2Reward",
    "return": "Mkt2NextReturn",
    "impact": "…PriceImpact",
    "spread": "…Spread",
    "imbalance_5": "…Imbalance(5)",
    "imbalance_all": "…Imbalance(all)",
    "direction": "…Direction",
}
SAMPLES = (5, 10, 100)
"""Rollouts of the histograms."""


def laboratory(background: str, number: int, start: dict[str, float]) -> ExecutionLaboratory:
    """That of a preset without backstop orders, with another composition to begin with."""
    market = Execution(background=background, experimental=True, decisions=5)  # type: ignore[arg-type]
    found = market.laboratory({"maker_backstop_size": 0}, start, 1.0, number)
    assert isinstance(found, ExecutionLaboratory)
    return found


def pairs(seed: int) -> dict[str, tuple[Rollouts, Rollouts]]:
    """Real rollouts and those of another market, by what they are."""
    found = {}
    labs = {name: laboratory(name, seed, start) for name, start in STARTS.items()}
    real = {name: lab.real(ROLLOUTS, 1_000) for name, lab in labs.items()}
    found["rmsc03 / rmsc04"] = (real["rmsc03"], real["rmsc04"])
    found["rmsc03 / other composition"] = (real["rmsc03"], labs["rmsc03"].begun(ROLLOUTS, 1_000))
    fewer = laboratory("rmsc03", seed, FEWER_VALUE_AGENTS)
    found["rmsc03 / 30 % fewer value agents"] = (real["rmsc03"], fewer.begun(ROLLOUTS, 1_000))
    lab = labs["rmsc04"]
    space = Execution(experimental=True).characteristics
    guide = WorldGuide(WorldLeader(method="warm_start"), space, seed, 1)
    guide.enter(lab)
    world = lab.world(guide.weights(), ROLLOUTS, 999, purpose="evaluation")
    found["rmsc04 / network of another market"] = (real["rmsc04"], world)
    found["rmsc04 / rmsc04"] = (real["rmsc04"], lab.real(ROLLOUTS, 2_000))
    return found


def separation(runs: Path, out: Path, jobs: int, seeds: int | None) -> dict[str, float]:
    """Write the table ``world_separation``; it needs no runs."""
    out.mkdir(parents=True, exist_ok=True)
    figures: dict[str, float] = {}
    lines = [
        "# Which feedback tells two markets apart",
        "",
        "Made with `pacesetter reproduce world_separation`; seed 0.",
        "",
        f"{ROLLOUTS} rollouts of either market; draws of N of them without putting back, 50 for "
        "every N. A cell is the first N from which on the middle 90 % of the distance within "
        "the first market and between both are disjoint; in brackets, the chance that N = 5 "
        "against 100 are further apart between the markets than within one (AUC). The last row is "
        "the control: one market against itself.",
        "",
    ]
    everything: dict[str, dict[str, Any]] = {}
    compared = pairs(0)
    for distance in DISTANCES:
        lines += [f"## {distance.replace('_', ' ')}", ""]
        lines.append(f"| real / world | {' | '.join(LABELS.values())} | bag of returns |")
        lines.append("|---" * (len(LABELS) + 2) + "|")
        for name, (real, other) in compared.items():
            cells = []
            for what in (*FEEDBACKS, "bag"):
                if what == "bag" and distance == "earth_mover":
                    cells.append("")
                    continue
                one, two = (
                    feedback(r, "return", "bag") if what == "bag" else feedback(r, what)
                    for r in (real, other)
                )
                shown = bands(two, one, NUMBERS, distance)[0]
                _, same, apart = bands(two, one, (FEW,), distance, draws=100, against=MANY)
                area = area_under_curve(same[0], apart[0])
                first = shown.first_apart
                figures[f"{distance}/{name}/{what}/auc"] = area
                figures[f"{distance}/{name}/{what}/first"] = first if np.isfinite(first) else -1.0
                cells.append(
                    f"{'never' if not np.isfinite(first) else f'{first:.0f}'} ({area:.2f})"
                )
                everything.setdefault(name, {})[f"{distance}/{what}"] = shown
            lines.append(f"| {name} | {' | '.join(cells)} |")
        lines.append("")
    save(bands_figure(everything["rmsc03 / rmsc04"]), out / "world_separation.png")
    save(bands_figure(everything["rmsc04 / network of another market"]), out / "world_network.png")
    save(laws_figure(*compared["rmsc03 / rmsc04"]), out / "world_feedbacks.png")
    lines += [
        "rmsc03 against rmsc04 (as figures 5, 14 and 15 of INTAGS):",
        "",
        "![bands](world_separation.png)",
        "",
        "rmsc04 against a network trained on another market:",
        "",
        "![bands](world_network.png)",
        "",
        "Feedbacks of 5, 10 and 100 rollouts, rmsc03 and rmsc04 (as figures 3, 4 and 13):",
        "",
        "![feedbacks](world_feedbacks.png)",
        "",
    ]
    made = {"command": "pacesetter reproduce world_separation", "machine": machine()}
    write_json(out / "world_separation.json", {**made, "figures": figures})
    write_whole(out / "world_separation.md", "\n".join(lines))
    return figures


def bands_figure(found: dict[str, Any]) -> Figure:
    """Mean and bands of every feedback and distance over the number of rollouts."""
    figure, axes = chart(len(DISTANCES), len(FEEDBACKS), width=2.2 * len(FEEDBACKS), height=6.5)
    for row, distance in enumerate(DISTANCES):
        for column, what in enumerate(FEEDBACKS):
            axis, shown = axes[row, column], found[f"{distance}/{what}"]
            for values, colour, label in (
                (shown.same, EXACT_COLOUR, "same market"),
                (shown.different, TRAINED_COLOUR, "different"),
            ):
                axis.plot(shown.numbers, values[:, 0], color=colour, label=label)
                axis.fill_between(shown.numbers, *values[:, 1:].T, color=colour, alpha=0.2, lw=0)
            axis.tick_params(labelsize=7)
            if row == 0:
                axis.set_title(LABELS[what], fontsize=8)
            if column == 0:
                axis.set_ylabel(distance.replace("_", " "), fontsize=8)
            if row == len(DISTANCES) - 1:
                axis.set_xlabel("rollouts", fontsize=8)
    axes[0, 0].legend(fontsize=7)
    return figure


def laws_figure(real: Rollouts, other: Rollouts) -> Figure:
    """Histograms of every feedback over few and many rollouts of two markets."""
    figure, axes = chart(len(FEEDBACKS), len(SAMPLES), width=7.5, height=1.3 * len(FEEDBACKS))
    for row, what in enumerate(FEEDBACKS):
        numbers = [feedback(one, what).numbers for one in (real, other)]
        low, high = np.quantile(np.concatenate(numbers), (0.01, 0.99)).tolist()
        edges = np.linspace(low, high, 31)
        for column, number in enumerate(SAMPLES):
            axis = axes[row, column]
            for values, colour, label in zip(
                numbers, (EXACT_COLOUR, TRAINED_COLOUR), ("real", "other market"), strict=True
            ):
                shown = np.clip(values[:number], low, high)
                axis.hist(shown, edges, color=colour, alpha=0.5, label=label)
            axis.tick_params(labelsize=7)
            axis.set_yticks([])
            if row == 0:
                axis.set_title(f"{number} rollouts", fontsize=8)
            if column == 0:
                axis.set_ylabel(LABELS[what].replace("Mkt2", "Mkt2\n"), fontsize=7)
    axes[0, 0].legend(fontsize=7)
    return figure
