"""What a calibrated world is for: an executor trained in it, tested in the real market.

Executors are trained by the same recipe in the real market and in every world of the table
``world_rmsc04``, and all play the same episodes of the real market, greedily. Differences to TWAP
are paired by episode, then averaged over seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....envs.core.errors import PacesetterError
from ....envs.execution.baselines import RULES
from ....envs.execution.market import Execution
from ...experiments.experiment import Experiment
from ...experiments.load import load_experiment
from ...loop.trainer import train
from ...policies.play import play
from ...policies.policies import Policies
from ...runs.machine import machine
from ...runs.run_folder import RunFolder
from ...runs.whole_files import write_json, write_whole
from ...runs.world_file import WORLD
from ..statistics import half_width, mean_text
from .study import SEEDS_APART, RuleFollowers
from .world_tables import FIT, GAN, SEEDS, WARM, WITNESS

Floats = NDArray[np.float64]
REAL = "real market"
TRAINED_IN = (REAL, WITNESS, WARM, FIT, GAN)
RECIPE = (
    *("market.leader_sets=[]", "market.view=fee", "market.decisions=10"),
    *("training.copies=64", "training.rollout_steps=20", "training.iterations=40"),
    *("training.route=local", "training.checkpoint_every=1000"),
)
SHOWN_RULES = ("twap", "all_at_once")


def transfer(runs: Path, out: Path, jobs: int, seeds: int | None) -> dict[str, float]:
    """Write the table ``world_transfer``; worlds are those of the runs of ``world_rmsc04``."""
    out.mkdir(parents=True, exist_ok=True)
    chosen = SEEDS[:seeds]
    files = {n: [world_of(runs, n, seed) for seed in chosen] for n in TRAINED_IN if n != REAL}
    costs: dict[str, list[Floats]] = {name: [] for name in (*TRAINED_IN, *SHOWN_RULES)}
    for place, seed in enumerate(chosen):
        real = tested(load_experiment("execution_fixed", (*RECIPE, f"seed={seed}")))
        market = real.market
        assert isinstance(market, Execution)
        for rule in SHOWN_RULES:
            costs[rule].append(costs_of(real, RuleFollowers(market, RULES[rule])))
        for name in TRAINED_IN:
            file = None if name == REAL else files[name][place]
            costs[name].append(costs_of(real, executor(runs, name, seed, file)))
            print(f"transfer: {name}, seed {seed}", flush=True)
    figures: dict[str, float] = {}
    lines = [
        "# An executor trained in a world, tested in the real market",
        "",
        f"Made with `pacesetter reproduce world_transfer{f' --seeds {seeds}' if seeds else ''}`; "
        f"seeds {', '.join(map(str, chosen))}.",
        "",
        "An executor buys 50 shares of rmsc04 within ten minutes, by orders of ten; it is trained "
        "by one recipe in each market and judged on 200 real episodes per seed, which all play "
        "alike. Costs are in basis points against the mid at arrival, with intervals over "
        f"{'seeds' if len(chosen) > 1 else 'the episodes of the one seed'}; differences are paired "
        "by episode.",
        "",
        "| trained in | shortfall, bp | above the executor of the real market, bp "
        "| saved over TWAP, bp | saved over all at once, bp |",
        "|---|---|---|---|---|",
    ]
    for name, found in costs.items():
        mean = _by_seed(found)
        cells = [mean_text(mean, 3)]
        figures[f"{name}/cost_bp"] = float(mean.mean())
        above = _paired(found, costs[REAL])
        figures[f"{name}/above_real"] = float(above.mean())
        figures[f"{name}/above_real/half_width_95"] = half_width(above)
        cells.append("" if name == REAL else mean_text(above, 3))
        for rule in SHOWN_RULES:
            saved = _paired(costs[rule], found)
            figures[f"{name}/saved_over/{rule}"] = float(saved.mean())
            figures[f"{name}/saved_over/{rule}/half_width_95"] = half_width(saved)
            cells.append("" if rule == name else mean_text(saved, 3))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines.append("")
    command = "pacesetter reproduce world_transfer" + (f" --seeds {seeds}" if seeds else "")
    figures = {name: value for name, value in figures.items() if np.isfinite(value)}
    made = {"command": command, "machine": machine(), "figures": figures}
    write_json(out / "world_transfer.json", made)
    write_whole(out / "world_transfer.md", "\n".join(lines))
    return figures


def _by_seed(found: list[Floats]) -> Floats:
    """Means of every seed, ``(seeds,)``; of one seed, all its episodes."""
    return found[0] if len(found) == 1 else np.array([one.mean() for one in found])


def _paired(dear: list[Floats], cheap: list[Floats]) -> Floats:
    """Differences of the same episodes, as of `_by_seed`."""
    return _by_seed([one - other for one, other in zip(dear, cheap, strict=True)])


def world_of(runs: Path, name: str, seed: int) -> Path:
    """The world agent of a run of the table ``world_rmsc04``."""
    path = runs / folder_of(name, seed) / WORLD
    if not path.exists():
        raise PacesetterError(
            f"{path} is missing: the worlds are those of another table; make it first, with "
            "'pacesetter reproduce world_rmsc04' and the same --runs."
        )
    return path


def tested(experiment: Experiment) -> Experiment:
    """With evaluation episodes of the seed's own."""
    seed = experiment.evaluation.seed + SEEDS_APART * experiment.seed
    return replace(experiment, evaluation=replace(experiment.evaluation, seed=seed))


def executor(runs: Path, name: str, seed: int, world: Path | None) -> Policies:
    """An executor trained in the real market, or in a world; kept in a run folder."""
    inside: Sequence[str] = ()
    if world is not None:
        inside = ("market.background=world", f"market.world_weights={world}")
    experiment = load_experiment("execution_fixed", (*RECIPE, *inside, f"seed={seed}"))
    run = run_of(runs, experiment, f"executor in {name}", seed)
    return Policies.load(run.experiment, run.path / "policies")


def run_of(runs: Path, experiment: Experiment, name: str, seed: int) -> RunFolder:
    """The finished run of an experiment, made if there is none."""
    path = runs / folder_of(name, seed)
    run = RunFolder.open(path) if (path / "config.yaml").exists() else None
    run = run or RunFolder.create(runs, experiment, path.name)
    if not (run.path / "policies").exists():
        train(run, quiet=True)
    return run


def folder_of(name: str, seed: int) -> str:
    """As `reproduce` names it."""
    return f"{''.join(c if c.isalnum() else '_' for c in name)}_seed_{seed}"


def costs_of(real: Experiment, actors: Any) -> Floats:
    """Cost of every episode of the real market, bp, ``(E,)``."""
    assert isinstance(real.market, Execution)
    played = play(real, actors, real.market.characteristics.default, greedy=True)
    costs: Floats = played.quantities["cost_bp"].sum(axis=1).mean(axis=-1).reshape(-1)
    return costs
