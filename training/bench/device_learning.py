"""Is what is learned on a device as good? The same short recipes on both paths, over five seeds.

Both are evaluated alike, in NumPy with the networks in main memory. The two paths draw other random
numbers, so that single runs differ: what the device brings on average must lie within the seeds of
the processor.
"""

from __future__ import annotations

import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass

from ..api import train
from ..experiments.load import load_experiment
from ..experiments.place import cores_here
from ..studies.statistics import mean_text

SEEDS = (0, 1, 2, 3, 4)
RECIPES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "duopoly_bayesian": (
        ("training.pretrain_iterations=75", "training.iterations=175"),
        ("leader_quantity", "follower_answer_error", "objective/answer"),
    ),
    "labour_tax_bayesian": (
        ("training.pretrain_iterations=75", "training.iterations=125", "training.refine=0"),
        ("theta/tax_progressivity", "objective/answer", "reward/answer/household"),
    ),
    "household_tax_bayesian": (
        ("training.pretrain_iterations=40", "training.iterations=60", "training.refine=0"),
        ("objective/answer", "reward/answer/household"),
    ),
}
"""Experiment -> how it is shortened, and the figures that are compared."""
QUICK = ("training.pretrain_iterations=2", "training.iterations=3", "evaluation.copies=2")


@dataclass(frozen=True)
class Compared:
    """One figure of an experiment on both paths, seed by seed."""

    experiment: str
    figure: str
    processor: tuple[float, ...]
    device: tuple[float, ...]

    @property
    def within(self) -> bool:
        """Whether the device's mean lies within the range of the processor's seeds."""
        mean = statistics.fmean(self.device)
        return min(self.processor) <= mean <= max(self.processor)


def learning(
    device: str, quick: bool = False, seeds: Sequence[int] = SEEDS
) -> tuple[list[dict[str, object]], str]:
    """Train everything on both paths: the figures, and a table of them.

    Args:
        device: that is compared with the processor's own path.
        quick: two seeds and a few iterations, to see that it runs.
        seeds: of the runs.
    """
    seeds = seeds[:2] if quick else seeds
    found: dict[tuple[str, bool], list[dict[str, float]]] = {}
    seconds: dict[str, float] = {}
    # Forked processes must not use a device that their parent has used.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max(1, cores_here() - 2), mp_context=context) as pool:
        waiting = {
            name: [pool.submit(results_of, name, seed, None, quick) for seed in seeds]
            for name in RECIPES
        }
        for name in RECIPES:
            began = time.perf_counter()
            found[name, True] = [results_of(name, seed, device, quick) for seed in seeds]
            seconds[name] = time.perf_counter() - began
            print(f"{name}: {len(seeds)} seeds on {device} in {seconds[name]:.0f} s", flush=True)
        for name, runs in waiting.items():
            found[name, False] = [run.result() for run in runs]
    compared = [
        Compared(
            name,
            figure,
            tuple(run[figure] for run in found[name, False]),
            tuple(run[figure] for run in found[name, True]),
        )
        for name, (_, figures) in RECIPES.items()
        for figure in figures
    ]
    told = [asdict(one) | {"within": one.within} for one in compared]
    return told, _table(compared, seconds, device)


def results_of(name: str, seed: int, device: str | None, quick: bool) -> dict[str, float]:
    """The figures of one run."""
    shortened, _ = RECIPES[name]
    overrides = [*shortened, *(QUICK if quick else ()), f"seed={seed}", "training.route=local"]
    if device is not None:
        overrides.append(f"training.device={device}")
    with tempfile.TemporaryDirectory() as folder:
        return train(load_experiment(name, overrides), runs=folder, quiet=True).results


def _table(compared: Sequence[Compared], seconds: dict[str, float], device: str) -> str:
    lines = [
        f"Learning on {device} and on the processor's own path, {len(compared[0].device)} seeds of "
        "the same short recipes, evaluated alike. *Within*: the device's mean lies in the range of "
        "the processor's seeds.",
        "",
        "| experiment | figure | processor | its seeds | device | within | seconds on the device |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in compared:
        low, high = min(one.processor), max(one.processor)
        lines.append(
            f"| {one.experiment} | {one.figure} | {mean_text(one.processor, 4)} "
            f"| {low:.4g} … {high:.4g} "
            f"| {mean_text(one.device, 4)} | {'yes' if one.within else 'no'} "
            f"| {seconds[one.experiment]:.0f} |"
        )
    return "\n".join(lines)
