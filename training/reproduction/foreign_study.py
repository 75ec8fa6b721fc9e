"""Environments of other libraries: trained under two kinds of leaders, interrupted and resumed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ...envs.core.errors import PacesetterError
from ..experiments.load import load_experiment
from ..experiments.yaml_file import dump_yaml
from ..runs.machine import machine
from ..runs.run_folder import RESULTS, RunFolder
from ..runs.whole_files import write_json, write_whole
from ..studies.claims import SEEDS
from ..studies.statistics import mean_text, paired_standard_error
from .judge import over_seeds
from .raw_runs import Entry, env_steps, in_marl_eval_format

INTERRUPTION = "interruption.json"
WRAPPERS = f"{__package__}.foreign_environments"
NOT_EXACT = "This resume is not exact"
LEADERS: dict[str, dict[str, Any]] = {
    "ppo": {"name": "ppo", "learning_rate": 0.01, "final_learning_rate": 0.002, "epochs": 8},
    "bayesian": {"name": "bayesian", "candidates": 6, "update_every": 2},
}


@dataclass(frozen=True)
class Foreign:
    """One environment and the recipe it is trained with.

    Attributes:
        wrapper: class in `foreign_environments`.
        origin: where the game is from and how it is brought here.
        objective: what the leader wants, and in words.
        training: the section ``training``.
    """

    wrapper: str
    origin: str
    objective: dict[str, Any]
    aim: str
    training: dict[str, float]
    followers: dict[str, Any] = field(default_factory=dict)
    evaluation: dict[str, int] = field(default_factory=lambda: {"copies": 16, "episodes": 4})


FOREIGN = (
    Foreign(
        "Tag",
        "mpe2 simple_tag_v3: two groups",
        {"name": "quantity", "quantity": "caught"},
        "hunters who touch the prey, θ = its size",
        {"copies": 8, "rollout_steps": 25, "pretrain_iterations": 4, "iterations": 12},
        {"learning_rate": 0.003, "epochs": 4},
        {"copies": 16, "episodes": 3},
    ),
    Foreign(
        "RockPaperScissors",
        "pettingzoo.classic rps_v2: AEC, converted",
        {"name": "quantity", "quantity": "decided"},
        "rounds with a winner, θ = what rock pays",
        {
            "copies": 24,
            "rollout_steps": 15,
            "pretrain_iterations": 12,
            "iterations": 24,
            "averaged_share": 0.4,
        },
        {"learning_rate": 0.003, "epochs": 4, "entropy_coefficient": 0.2},
        {"copies": 32, "episodes": 4},
    ),
    Foreign(
        "CooperativePong",
        "pettingzoo.butterfly cooperative_pong_v6: images",
        {"name": "welfare"},
        "steps with the ball in play, θ = its speed",
        {"copies": 8, "rollout_steps": 30, "pretrain_iterations": 2, "iterations": 8},
        {"learning_rate": 0.001, "epochs": 2},
        {"copies": 8, "episodes": 3},
    ),
)


def foreign_environments(runs: Path, out: Path, jobs: int, seeds: int | None) -> dict[str, float]:
    """Train, interrupt and resume all of `FOREIGN`, and write the table into the folder `out`.

    The first seed of every trial is interrupted by Ctrl-C half way, and resumed.

    Args:
        runs: folder for run folders; finished runs are not repeated.
        out: folder for the table.
        jobs: interrupted runs at the same time, each in a process of its own.
        seeds: only the first so many seeds.

    Raises:
        PacesetterError: the libraries are not installed, or a run failed.
    """
    if missing := [name for name in ("mpe2", "pygame") if find_spec(name) is None]:
        raise PacesetterError(
            f"foreign_environments needs {' and '.join(missing)}: pip install 'pacesetter[zoo]'."
        )
    chosen = SEEDS[:seeds]
    trials = [(foreign, leader) for foreign in FOREIGN for leader in LEADERS]
    runs.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(lambda one: interrupt_and_resume(runs, one[0], one[1], chosen[0]), trials))
    for seed in chosen[1:]:
        for foreign, leader in trials:
            train_here(runs, foreign, leader, seed)
    figures: dict[str, float] = {}
    rows, entries = [], []
    for foreign, leader in trials:
        found = [measured(_path(runs, foreign, leader, seed)) for seed in chosen]
        said = json.loads((_path(runs, foreign, leader, chosen[0]) / INTERRUPTION).read_text())
        rows.append(_row(foreign, leader, found, said))
        steps = env_steps(RunFolder.open(_path(runs, foreign, leader, chosen[0])).experiment)
        entries.append(Entry(foreign.wrapper, leader, steps, found))
        for name in found[0]:
            values = np.array([one[name] for one in found])
            figures |= over_seeds(f"{foreign.wrapper}/{leader}/{name}", values)
            figures[f"{foreign.wrapper}/{leader}/{name}/least"] = float(values.min())
    command = "pacesetter reproduce foreign_environments" + (f" --seeds {seeds}" if seeds else "")
    out.mkdir(parents=True, exist_ok=True)
    made = {"command": command, "seeds": list(chosen), "machine": machine(), "figures": figures}
    write_json(out / "foreign_environments.json", made)
    raw = in_marl_eval_format("foreign_environments", entries, chosen)
    write_json(out / "foreign_environments.runs.json", raw)
    write_whole(out / "foreign_environments.md", "\n".join([*_head(command, chosen), *rows, ""]))
    return figures


def interrupt_and_resume(parent: Path, foreign: Foreign, leader: str, seed: int) -> None:
    """One run by the command, ended by Ctrl-C half way and resumed.

    Raises:
        PacesetterError: the run failed, or ended before it could be interrupted.
    """
    path = _path(parent, foreign, leader, seed)
    resume = ["--resume", str(path)]
    if not (path / INTERRUPTION).exists():
        start = [str(_write_experiment(parent, foreign, leader)), f"seed={seed}"]
        start += ["--runs", str(parent), "--name", path.name]
        iterations = _interrupt(resume if path.exists() else start, path, foreign)
        write_json(path / INTERRUPTION, {"iterations": iterations})
    if not (path / RESULTS).exists():
        printed = _finish(resume)
        said = [line for line in printed.splitlines() if line.startswith(NOT_EXACT)]
        interruption = json.loads((path / INTERRUPTION).read_text())
        write_json(path / INTERRUPTION, {**interruption, "said": said})
    print(f"  {path.name}", flush=True)


def train_here(parent: Path, foreign: Foreign, leader: str, seed: int) -> None:
    """One run in this process, whose Ray all of them share."""
    from ..evaluation.evaluate import ANSWER, write_answer  # imports torch
    from ..loop.trainer import train

    path = _path(parent, foreign, leader, seed)
    if not (path / ANSWER).exists():
        experiment = load_experiment(_write_experiment(parent, foreign, leader), [f"seed={seed}"])
        there = path.exists()
        run = RunFolder.open(path) if there else RunFolder.create(parent, experiment, path.name)
        outcome = train(run, quiet=True)
        if outcome.theta is None:
            raise KeyboardInterrupt
        write_answer(run, outcome.theta)
    print(f"  {path.name}", flush=True)


def measured(path: Path) -> dict[str, float]:
    """θ, the objective under it and under default θ in the same episodes, and their difference."""
    from ..evaluation.evaluate import leader_of, load_trained  # imports torch
    from ..policies.play import play

    trained = load_trained(RunFolder.open(path))
    experiment = trained.experiment
    default = experiment.market.characteristics.default
    answer = play(experiment, trained.policies, leader_of(trained))
    plain = play(experiment, trained.policies, default)
    objective, under_default = (float(played.objective.mean()) for played in (answer, plain))
    return {
        "theta": float(trained.theta[0]),
        "objective": objective,
        "objective_under_default": under_default,
        "gain": objective - under_default,
        "gain_standard_error": paired_standard_error(
            answer.objective, answer.episode, plain.objective, plain.episode
        ),
    }


# Running ------------------------------------------------------------------------------------------


def _path(parent: Path, foreign: Foreign, leader: str, seed: int) -> Path:
    return parent / f"foreign_{foreign.wrapper}_{leader}_seed_{seed}"


def _write_experiment(parent: Path, foreign: Foreign, leader: str) -> Path:
    path = parent / f"foreign_{foreign.wrapper}_{leader}.yaml"
    content = {
        "market": {"name": f"{WRAPPERS}:{foreign.wrapper}"},
        "objective": foreign.objective,
        "leader": LEADERS[leader],
        "followers": foreign.followers,
        "training": foreign.training,
        "evaluation": foreign.evaluation,
    }
    write_whole(path, dump_yaml(content))
    return path


def _command(arguments: list[str]) -> list[str]:
    return [sys.executable, "-m", "pacesetter.training.cli", "train", "--quiet", *arguments]


def _interrupt(arguments: list[str], path: Path, foreign: Foreign) -> int:
    """Start a run and press Ctrl-C when half of it is done; returns the iterations done."""
    from ..runs.history import read_history

    total = int(foreign.training["pretrain_iterations"] + foreign.training["iterations"])
    process = subprocess.Popen(
        _command(arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while process.poll() is None and len(read_history(path)) < total // 2:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    printed, complaints = process.communicate()
    if process.returncode != 130:
        raise PacesetterError(f"{path.name} was not interrupted:\n{printed}{complaints[-2000:]}")
    return len(read_history(path))


def _finish(arguments: list[str]) -> str:
    done = subprocess.run(_command(arguments), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PacesetterError(f"{' '.join(arguments)} failed:\n{done.stderr.strip()[-2000:]}")
    return done.stdout


# Writing ------------------------------------------------------------------------------------------


def _head(command: str, seeds: tuple[int, ...]) -> list[str]:
    return [
        "# Environments of other libraries as markets",
        "",
        f"Made with `{command}`; seeds {', '.join(map(str, seeds))}. The recipes were chosen on "
        "seed 10, that of rps on seeds 10 and 11.",
        "",
        "Three environments of PettingZoo and MPE2, each in a wrapper of a few lines "
        "(`training/reproduction/foreign_environments.py`) that says what a leader may set. "
        "Recipes are small, some twenty seconds on one core: the table shows that leader and "
        "followers learn in an environment that knows nothing of this library, not how well "
        "the game can be played. The first seed of every row was ended by Ctrl-C half way and "
        "resumed. These games keep no state when they are pickled: episodes under way began "
        "anew, and nothing was lost where a sample ends with its episodes. Gain: the leader's "
        "objective per episode under its answer, less that under the default θ, with the same "
        "policies in the same episodes.",
        "",
        "| environment | leader's aim | leader | interrupted after; resumed | θ, default; answers "
        "| objective under default θ; answer | gain, mean ± 95 % (t over seeds) | seeds with a "
        "gain ≥ −1 standard error over episodes |",
        "|---|---|---|---|---|---|---|---|",
    ]


def _row(
    foreign: Foreign, leader: str, found: list[dict[str, float]], interruption: dict[str, Any]
) -> str:
    from . import foreign_environments as wrappers

    wrapper = getattr(wrappers, foreign.wrapper)
    space = wrapper.characteristics_space
    middle = float((space.low + space.high)[0]) / 2
    default = getattr(wrapper, "characteristics_default", [middle])[0]
    columns = {name: np.array([one[name] for one in found]) for name in found[0]}
    theta, gain, error = (columns[n] for n in ("theta", "gain", "gain_standard_error"))
    before, after = columns["objective_under_default"], columns["objective"]
    resumed = "with new episodes" if interruption["said"] else "between episodes"
    kept = int((gain >= -error).sum())
    return (
        f"| {foreign.origin} | {foreign.aim} | {leader} "
        f"| {interruption['iterations']} iterations; {resumed} "
        f"| {default:.3g}; {theta.min():.3g} … {theta.max():.3g} "
        f"| {before.mean():.3g}; {after.mean():.3g} "
        f"| {mean_text(gain, 2)} | {kept} of {len(gain)} |"
    )
