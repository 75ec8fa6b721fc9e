"""What the one order that Algorithm 1 varies has to do with its cost.

How much of the variance of a continuation's cost the order explains: where it explains nothing, the
gradient of Algorithm 1 is noise.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import f as f_distribution

from ....envs.execution.market import Execution
from ....leaders.world.feedback import feedback
from ....leaders.world.guide import WorldGuide
from ....leaders.world.training import PrefixMetric
from ....leaders.world.world import WorldLeader
from ...runs.machine import machine
from ...runs.whole_files import write_json, write_whole
from ..statistics import finite, half_width, mean_text
from .compositions import STARTS
from .separation import laboratory

Floats = NDArray[np.float64]
PREFIXES, CHOICES, CONTINUATIONS, FEW, STEPS = 12, 16, 40, 5, 5


def explained(costs: Floats) -> tuple[float, float]:
    """Share of variance between orders beyond chance, and F, of costs ``(b, n)``."""
    times = costs.shape[1]
    between = times * costs.mean(axis=1).var(ddof=1)
    within = costs.var(axis=1, ddof=1).mean()
    share = max(0.0, (between - within) / times) / (max(0.0, between - within) / times + within)
    return float(share), float(between / within)


def variance(runs: Path, out: Path, jobs: int, seeds: int | None) -> dict[str, float]:
    """Write the table ``world_variance``; it needs no runs."""
    out.mkdir(parents=True, exist_ok=True)
    lab = laboratory("rmsc04", 0, STARTS["rmsc04"])
    space = Execution(experimental=True).characteristics
    guide = WorldGuide(WorldLeader(method="warm_start"), space, 0, 1)
    guide.enter(lab)
    real = feedback(lab.real(100, 0), "return")
    # One prefix after another: a book takes most of a megabyte.
    weights = guide.weights()
    numbers_of: list[list[Floats]] = []
    prefixes = PREFIXES if seeds is None else min(seeds, PREFIXES)
    for prefix in range(prefixes):
        varied = lab.last_orders(weights, 1, STEPS, CHOICES, CONTINUATIONS, prefix)
        numbers_of.append([feedback(one, "return").numbers for one in varied.rollouts])
        print(f"variance: {prefix + 1} of {prefixes} prefixes", flush=True)
    cost = PrefixMetric(real)
    critical = float(f_distribution.ppf(0.95, CHOICES - 1, CHOICES * (CONTINUATIONS // FEW - 1)))
    number = len(numbers_of)
    lines = [
        "# What the order that Algorithm 1 varies has to do with its cost",
        "",
        "Made with `pacesetter reproduce world_variance`; seed 0, rmsc04, the warm start as world.",
        "",
        f"{number} prefixes, {CHOICES} orders drawn at the last state of each step, "
        f"{CONTINUATIONS} continuations of each. Cost: MMD² of Mkt2NextReturn, five continuations "
        "against 100 real rollouts. A share of variance is that between orders, beyond chance. "
        f"F above {critical:.2f} would be significant at 5 %. Means over prefixes ± 95 %.",
        "",
        "| step of the order | share explained, mean return | share explained, cost | F, cost "
        "| sd of the cost at N = 5 | prefixes with F significant |",
        "|---|---|---|---|---|---|",
    ]
    figures: dict[str, float] = {}
    for step in range(STEPS):
        values = _of_step([of_prefix[step] for of_prefix in numbers_of], cost, critical)
        for name, found in values.items():
            figures[f"step_{step + 1}/{name}"] = float(found.mean())
            figures[f"step_{step + 1}/{name}/half_width_95"] = half_width(found)
        shown = [mean_text(found, 2) for found in list(values.values())[:-1]]
        significant = int(values["significant"].sum())
        lines.append(f"| {step + 1} | {' | '.join(shown)} | {significant} of {number} |")
    lines.append("")
    made = {"command": "pacesetter reproduce world_variance", "machine": machine()}
    write_json(out / "world_variance.json", {**made, "figures": finite(figures)})
    write_whole(out / "world_variance.md", "\n".join(lines))
    return figures


def _of_step(parts: list[Floats], cost: PrefixMetric, critical: float) -> dict[str, Floats]:
    """What the order of a step explains, of every prefix."""
    found: dict[str, list[float]] = {}
    for part in parts:
        numbers = part.reshape(CHOICES, CONTINUATIONS)
        costs = np.apply_along_axis(cost, 2, numbers.reshape(CHOICES, -1, FEW))
        share, ratio = explained(costs)
        for name, value in (
            ("explained_return", explained(numbers)[0]),
            ("explained", share),
            ("f", ratio),
            ("cost_deviation", float(costs.std(axis=1).mean())),
            ("significant", float(ratio > critical)),
        ):
            found.setdefault(name, []).append(value)
    return {name: np.array(values) for name, values in found.items()}
