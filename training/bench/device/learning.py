"""Is what is learned on a device as good? The same short recipes on both paths, over many seeds.

Both are evaluated alike, in NumPy with the networks in main memory. The two paths draw other random
numbers, so that single runs differ: what the device brings on average must lie within the seeds of
the processor. Of these there are ten: in the range of five, five others of the same path would
often not lie (four of eight figures did not).
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from scipy.stats import ttest_ind

from ...experiments.place import cores_here
from ...studies.statistics import mean_text

CLI = "pacesetter.training.cli"
SEEDS, OTHER_SEEDS = tuple(range(10)), tuple(range(10, 15))
"""Of the processor's runs and of the device's; with equal seeds a processor draws alike on both."""
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
        (
            "market.households=50",
            "market.periods=50",
            "training.rollout_steps=50",
            "training.pretrain_iterations=40",
            "training.iterations=60",
            "training.refine=0",
        ),
        ("objective/answer", "reward/answer/household"),
    ),
}
"""Experiment -> how it is shortened, and the figures that are compared."""


@dataclass(frozen=True)
class Compared:
    """One figure of an experiment on both paths, seed by seed.

    Attributes:
        experiment, figure: names.
        processor: on the processor's own path, of `SEEDS`.
        device: on the device, of `OTHER_SEEDS`.
    """

    experiment: str
    figure: str
    processor: tuple[float, ...]
    device: tuple[float, ...]

    @property
    def within(self) -> bool:
        """Whether the device's mean lies within the range of the processor's seeds."""
        mean = statistics.fmean(self.device)
        return min(self.processor) <= mean <= max(self.processor)

    @property
    def difference(self) -> tuple[float, float]:
        """What the device brings more on average, and half of its interval of 95 % (Welch 1947)."""
        low, high = ttest_ind(self.device, self.processor, equal_var=False).confidence_interval()
        return (low + high) / 2, (high - low) / 2


def learning(device: str, kept: Path | None = None) -> tuple[list[dict[str, object]], str]:
    """Train everything on both paths: the figures, and a table of them.

    Args:
        device: that is compared with the processor's own path.
        kept: a folder in which run folders are kept, so that a comparison that was interrupted
            goes on where it was; None: they are forgotten.
    """
    seeds: dict[str | None, tuple[int, ...]] = {device: OTHER_SEEDS, None: SEEDS}
    began, at_once = time.perf_counter(), max(1, (cores_here() - 2) // 2)
    # Runs on the device wait for it most of the time: several share it.
    with ThreadPoolExecutor(at_once) as beside, ThreadPoolExecutor(min(5, at_once)) as there:
        runs = {
            (name, where): [
                (there if where else beside).submit(results_of, name, seed, where, kept)
                for seed in seeds[where]
            ]
            for name in RECIPES
            for where in (device, None)
        }
        found: dict[tuple[str, str | None], list[dict[str, float]]] = {}
        for (name, where), waiting in runs.items():
            found[name, where] = [run.result() for run in waiting]
            done = time.perf_counter() - began
            print(f"{name} on {where or 'the processor'}: done after {done:.0f} s", flush=True)
    compared = [
        Compared(
            name,
            figure,
            tuple(run[figure] for run in found[name, None]),
            tuple(run[figure] for run in found[name, device]),
        )
        for name, (_, figures) in RECIPES.items()
        for figure in figures
    ]
    told = [asdict(one) | {"within": one.within} for one in compared]
    return told, _table(compared, device)


def results_of(
    name: str, seed: int, device: str | None, runs: Path | None = None
) -> dict[str, float]:
    """The figures of one run, made in a process of its own as a user would.

    Args:
        name: of the experiment.
        seed: of the run.
        device: that it learns on; None: the processor's own path.
        runs: where its folder is kept, and found again under the same settings; None: nowhere.

    Raises:
        RuntimeError: it failed; with what it said.
    """
    shortened, _ = RECIPES[name]
    overrides = [*shortened, f"seed={seed}", "training.route=local"]
    if device is not None:
        overrides.append(f"training.device={device}")
    if runs is not None:
        settings = sha256(json.dumps(overrides).encode()).hexdigest()[:8]
        run = runs / f"{name}_{device or 'processor'}_seed_{seed}_{settings}"
        return _made(name, overrides, run)
    with tempfile.TemporaryDirectory() as folder:
        return _made(name, overrides, Path(folder) / "run")


def _made(name: str, overrides: Sequence[str], run: Path) -> dict[str, float]:
    """Results of a run folder, which is made if it has none yet."""
    results = run / "results.json"
    if not results.exists():
        shutil.rmtree(run, ignore_errors=True)  # of a run that was interrupted
        command = [sys.executable, "-m", CLI, "train", name, *overrides]
        where = ["--runs", str(run.parent), "--name", run.name, "--quiet"]
        done = subprocess.run([*command, *where], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} failed: {done.stdout}{done.stderr}")
    found: dict[str, float] = json.loads(results.read_text("utf-8"))
    return found


def _table(compared: Sequence[Compared], device: str) -> str:
    lines = [
        f"Learning on {device} (seeds {OTHER_SEEDS[0]} to {OTHER_SEEDS[-1]}) and on the "
        f"processor's own path (seeds {SEEDS[0]} to {SEEDS[-1]}): the same short recipes, "
        "evaluated alike. *Within*: the device's mean lies in the range of the processor's seeds.",
        "",
        "| experiment | figure | processor | its seeds | device | within | device less processor |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in compared:
        low, high = min(one.processor), max(one.processor)
        difference, half = one.difference
        lines.append(
            f"| {one.experiment} | {one.figure} | {mean_text(one.processor, 4)} "
            f"| {low:.4g} … {high:.4g} | {mean_text(one.device, 4)} "
            f"| {'yes' if one.within else '**no**'} | {difference:.2g} ± {half:.2g} |"
        )
    return "\n".join(lines)
