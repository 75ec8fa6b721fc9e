"""A planted world, found again: the real market is a world agent of known weights.

What is planted are the calibrated worlds of the table ``world_rmsc04``; calibration begins with the
same warm start, on another market, and with openings of its own.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ....envs.core.rollouts import Laboratory, Rollouts
from ....leaders.world.metric import Metric, flow
from ...experiments.load import load_experiment
from ...runs.machine import machine
from ...runs.whole_files import write_json, write_whole
from ...runs.world_file import load_world
from ..statistics import half_width, mean_text
from .transfer import run_of, world_of
from .world import BAGS, FLOOR, REAL, REAL_SEED, WORLD_SEED, WORLDS, facts
from .world_tables import OVERRIDES, SEEDS, WARM, WITNESS

Floats = NDArray[np.float64]
FLOORS = 20
FLOORS_FROM = 2_000  # seed of the first
TIMES = 2.0  # the floor, within which a world is found again
METHODS = (WITNESS, WARM)


def planted(runs: Path, out: Path, jobs: int, seeds: int | None) -> dict[str, float]:
    """Write the table ``world_planted``; planted are worlds of the runs of ``world_rmsc04``."""
    out.mkdir(parents=True, exist_ok=True)
    chosen = SEEDS[:seeds]
    files = [world_of(runs, WITNESS, seed) for seed in chosen]
    found: dict[str, list[dict[str, float]]] = {name: [] for name in METHODS}
    for seed, file in zip(chosen, files, strict=True):
        inside = (
            "market.background=world",
            f"market.world_weights={file}",
            "market.leader_sets=[]",
        )
        market: Planted | None = None
        for name in METHODS:
            experiment = load_experiment(
                "world_rmsc04", (*inside, *OVERRIDES[name], f"seed={seed}")
            )
            run = run_of(runs, experiment, f"planted {name}", seed)
            laboratory = experiment.leader.laboratory(experiment.market, seed)
            weights = load_world(run.path)
            assert laboratory is not None and weights is not None
            world = laboratory.world(weights, WORLDS, WORLD_SEED, purpose="evaluation")
            market = market or Planted(laboratory)  # the same for both
            found[name].append(market.measure(world))
        print(f"world_planted: seed {seed}", flush=True)
    figures: dict[str, float] = {}
    lines = [
        "# A planted world, found again",
        "",
        f"Made with `pacesetter reproduce world_planted{f' --seeds {seeds}' if seeds else ''}`; "
        f"seeds {', '.join(map(str, chosen))}.",
        "",
        "The calibrated worlds of `world_rmsc04` stand for the real market. MMD² of the bag of "
        f"each feedback, {WORLDS} rollouts against {REAL}; the floor is the 95 % quantile of its "
        f"size over {FLOORS} times {FLOOR} rollouts of the planted market itself. Mean over seeds "
        "± 95 %.",
        "",
        f"| figure | {' | '.join(METHODS)} |",
        "|---" * (1 + len(METHODS)) + "|",
    ]
    for key in found[WITNESS][0]:
        values = {name: np.array([one[key] for one in rows]) for name, rows in found.items()}
        for name, one in values.items():
            figures[f"{name}/{key}"] = float(one.mean())
            figures[f"{name}/{key}/half_width_95"] = half_width(one)
        lines.append(f"| {key} | {' | '.join(mean_text(one, 2) for one in values.values())} |")
    for name in METHODS:
        share = np.mean([all(one[f"{b} over floor"] <= TIMES for b in BAGS) for one in found[name]])
        figures[f"{name}/found"] = float(share)
    shares = " | ".join(f"{figures[f'{name}/found']:.0%}" for name in METHODS)
    lines += [f"| **seeds with every feedback within twice the floor** | {shares} |", ""]
    figures = {name: value for name, value in figures.items() if np.isfinite(value)}
    made = {"command": "pacesetter reproduce world_planted", "machine": machine()}
    write_json(out / "world_planted.json", {**made, "figures": figures})
    write_whole(out / "world_planted.md", "\n".join(lines))
    return figures


class Planted:
    """The planted market, and how far it is from itself.

    Args:
        laboratory: in which it is the real one.
    """

    def __init__(self, laboratory: Laboratory):
        self._real = laboratory.real(REAL, REAL_SEED)
        self._metric = Metric(self._real, BAGS)
        again = [laboratory.real(FLOOR, FLOORS_FROM + FLOOR * k) for k in range(FLOORS)]
        sizes = [self._metric(one) for one in again]
        self._floor = {
            name: float(np.quantile([abs(one[name]) for one in sizes], 0.95)) for name in BAGS
        }

    def measure(self, world: Rollouts) -> dict[str, float]:
        """Distances over their floor, and facts over those of the planted world."""
        results: dict[str, float] = {}
        for name, value in self._metric(world).items():
            floor = self._floor[name]
            results |= {name: value, f"{name}, floor": floor, f"{name} over floor": value / floor}
        own, planted_ones = facts(world), facts(self._real)
        for name in ("minute_deviation_bp", "spread_mean", "volume_5", "volume_10", "traded"):
            results[f"{name}, ratio"] = own[name] / planted_ones[name]
        return {**results, "orders, ratio": flow(world, self._real)}
