"""One run of the soak test: commands under faults until it is done, held to an undisturbed one."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...envs.core.errors import PacesetterError
from ..evaluation.evaluate import measure
from ..experiments.load import load_experiment
from ..policies.policies import Policies, Trained
from ..ppo.backend import LocalBackend
from ..rllib.watch import of_session
from ..runs.history import read_history
from ..runs.run_folder import RESULTS, RunFolder
from .attempt import Ended, Pace, attempt, busy, judge
from .damage import damage
from .faults import Fault, draw, draw_recovered

EXPERIMENTS = ("duopoly_ppo", "labour_tax_bayesian")
SMALL = {
    "training.rollout_steps": 8,
    "training.pretrain_iterations": 4,
    "training.iterations": 12,
    "training.checkpoint_every": 2,
    "training.refine": 0,
    "training.step_timeout_seconds": 3,
    "followers.minibatch_size": 64,
    "evaluation.copies": 8,
    "evaluation.episodes": 4,
}
PLACES: dict[str, dict[str, Any]] = {
    "local": {"training.route": "local", "training.copies": 16},
    "remote": {"training.copies": 16},
    "learners": {"training.learners": 2, "training.copies": 16},
    "stock": {"training.route": "stock", "training.env_runners": 1, "training.copies": 2},
}
STOCK: dict[str, dict[str, Any]] = {
    "duopoly_ppo": {
        "leader.final_action_deviation": "null",
        "leader.update_every": 1,
        "followers.minibatch_size": 16,
    },
    "labour_tax_bayesian": {
        "market.households": 20,  # which it steps one by one
        "followers.minibatch_size": 16,
    },
}
"""What the stock route cannot do, or only slowly, is left out."""
MOST_RUNNERS = 2  # of a remote run: one and two by turns
EXACT = ("local", "remote", "learners")
SEEDS = 5  # of local runs, whose undisturbed ones are shared
MOST_COMMANDS = {"local": 8, "remote": 5, "learners": 5, "stock": 5}
GONE = 60.0  # seconds after which nothing of a run may be left
RECOVERED_SHARE = 0.5  # of remote runs: one command, which goes on by itself
RETURNS = "reward/default_theta/"


@dataclass
class Run:
    """What is kept of one run.

    Attributes:
        number: in the report; with the report's seed it says all that was drawn.
        place, experiment, seed: what was run where.
        faults: one record per fault that happened.
        identical: whether its results are those of the undisturbed run, byte by byte; None:
            faults were recovered from within a command.
        difference: of its returns from those of the undisturbed run, relative to them.
        problems: everything that should not have been.
        commands: that were given.
        seconds: that it took.
        busy: seconds that a second of processor time took.
    """

    number: int
    place: str
    experiment: str
    seed: int
    faults: list[dict[str, Any]] = field(default_factory=list)
    identical: bool | None = None
    difference: float | None = None
    problems: list[str] = field(default_factory=list)
    commands: int = 0
    seconds: float = 0.0
    busy: float = 1.0


def warm_up() -> None:
    """Load compiled loops and what is imported late; forked processes then have them."""
    for name in EXPERIMENTS:
        overrides = [f"{key}={value}" for key, value in (SMALL | PLACES["local"]).items()]
        experiment = load_experiment(name, overrides)
        trained = LocalBackend(experiment)
        trained.command(0, None)
        trained.iterate()
        default = experiment.market.characteristics.default
        measure(Trained(experiment, Policies(experiment, trained.modules), default))


class Course:
    """Makes runs, one after the other.

    Args:
        folder: for everything; short, since Ray's sockets are in it.
        seed: of all that is drawn.
    """

    def __init__(self, folder: Path, seed: int):
        self._folder, self._seed = folder, seed
        self._undisturbed: dict[tuple[str, str, int], tuple[Path, Ended]] = {}

    def run(self, number: int, place: str) -> Run:
        """Run number so-and-so: the same faults for the same number, as far as time allows."""
        began = time.monotonic()
        rng = np.random.default_rng([self._seed, number])
        experiment = EXPERIMENTS[number % len(EXPERIMENTS)]
        seed = int(rng.integers(SEEDS)) if place == "local" else number
        run = Run(number, place, experiment, seed, busy=round(busy(), 2))
        reference, whole = self._reference(run)
        folder = self._folder / "runs" / f"{number}"
        self._disturb(run, folder, whole, rng)
        if not run.problems:
            self._compare(run, folder, reference)
        if not run.problems:
            shutil.rmtree(folder, ignore_errors=True)
        if place != "local":
            shutil.rmtree(reference, ignore_errors=True)
        run.seconds = round(time.monotonic() - began, 2)
        return run

    def _reference(self, run: Run) -> tuple[Path, Ended]:
        """The undisturbed run with the same seed: its folder, and how it went."""
        key = (run.place, run.experiment, run.seed)
        if key not in self._undisturbed:
            path = self._folder / "runs" / f"undisturbed_{'_'.join(map(str, key))}"
            shutil.rmtree(path, ignore_errors=True)
            ended = attempt(_begin(run, path), path, self._attempt, (), Pace(0.0, 0, 0))
            judge(ended, self._attempt, ())
            if ended.problems:
                raise PacesetterError(f"the undisturbed run {path} failed: {ended.problems}")
            self._undisturbed[key] = (path, ended)
        return self._undisturbed[key]

    @property
    def _attempt(self) -> Path:
        return self._folder / "attempt"

    def _disturb(self, run: Run, folder: Path, whole: Ended, rng: np.random.Generator) -> None:
        total = SMALL["training.pretrain_iterations"] + SMALL["training.iterations"]
        waiting: list[dict[str, Any]] = []  # for the next iteration, which says the recovery time
        recovers = run.place in ("remote", "stock") and rng.random() < RECOVERED_SHARE
        while True:
            resumed = (folder / "config.yaml").exists()
            if not resumed:
                shutil.rmtree(folder, ignore_errors=True)
            left = total - (_checkpointed(folder) if resumed else 0)
            last = run.commands >= MOST_COMMANDS[run.place] or left == 0
            if recovers:
                faults = draw_recovered(rng) if not run.commands else []
            else:
                faults = [] if last else draw(run.place, resumed, rng)
            faults = [f for f in faults if f.what.where != "folder" or _damaged(folder, f)]
            share = (0.1 + 0.9 * left / total) if total else 0.0
            steps = left * SMALL["training.rollout_steps"]
            pace = Pace((whole.ended - whole.began) * share, steps, int(whole.calls * share))
            command = ["train", "--resume", str(folder), "--quiet"]
            ended = attempt(
                command if resumed else _begin(run, folder), folder, self._attempt, faults, pace
            )
            for fault in faults:
                if fault.what.where == "folder":
                    ended.fired[fault.name] = ended.began
            if run.place != "local" and ended.code != 0:
                ended.problems += self._left_over()  # before what is said at the very end is read
            judge(ended, self._attempt, faults)
            run.commands += 1
            if ended.rows:
                for record in waiting:
                    record["recovery"] = round(ended.rows[0] - ended.began, 3)
                waiting = []
            waiting += self._record(run, ended, faults)
            run.problems += ended.problems
            if run.problems or ended.code == 0:
                break
        if not run.problems and not (recovers and run.faults):
            run.identical = True  # until compared

    def _record(self, run: Run, ended: Ended, faults: list[Fault]) -> list[dict[str, Any]]:
        records = []
        for fault in faults:
            if fault.name not in ended.fired:
                continue
            moment = ended.fired[fault.name]
            record: dict[str, Any] = {
                "kind": fault.kind,
                "where": fault.what.where,
                "code": ended.code,
                "problems": list(ended.problems),
            }
            if fault.what.ends:
                record["to the end"] = round(ended.ended - moment, 3)
                records.append(record)
            elif after := [row for row in ended.rows if row > moment]:
                record["recovery"] = round(after[0] - moment, 3)
            run.faults.append(record)
        return records

    def _left_over(self) -> list[str]:
        """What is still alive, or lies in the folder of Ray's sessions, a minute after the end."""
        place = os.environ["RAY_TMPDIR"]
        deadline = time.monotonic() + GONE * busy()
        while (alive := of_session(place)) or os.listdir(place):
            if time.monotonic() > deadline:
                return [f"left over: processes {alive}, files {os.listdir(place)}"]
            time.sleep(0.1)
        return []

    def _compare(self, run: Run, folder: Path, reference: Path) -> None:
        """Results against those of the undisturbed run, and what is left lying about."""
        try:
            opened = RunFolder.open(folder)
            results, before = opened.read_results(), RunFolder.open(reference).read_results()
            steps = [int(row["iteration"]) for row in read_history(folder)]
        except PacesetterError as error:
            run.problems.append(f"corrupt: {error}")
            return
        total = SMALL["training.pretrain_iterations"] + SMALL["training.iterations"]
        if steps != list(range(total)):
            run.problems.append(f"iterations are not counted once each: {steps}")
        if partial := [str(path) for path in folder.rglob("*partial*")]:
            run.problems.append(f"left over: {partial}")
        if run.identical:
            same = (folder / RESULTS).read_bytes() == (reference / RESULTS).read_bytes()
            run.identical = same
            if not same and run.place in EXACT:
                run.problems.append(f"other results than undisturbed: {folder / RESULTS}")
        pairs = [(results[k], before[k]) for k in before if k.startswith(RETURNS)]
        run.difference = float(np.mean([a / b - 1.0 for a, b in pairs]))


def _begin(run: Run, folder: Path) -> list[str]:
    """The command that starts a run in a folder."""
    values = {**SMALL, **PLACES[run.place], "seed": run.seed}
    market = load_experiment(run.experiment).market.name
    if run.place == "remote":
        values["training.env_runners"] = 1 + run.number // len(EXPERIMENTS) % MOST_RUNNERS
    if run.place == "stock":
        values |= STOCK[run.experiment] | {"followers.final_action_deviation": "null"}
    values["market.name"] = f"{__package__}.faulty:{market}"
    overrides = [f"{key}={value}" for key, value in values.items()]
    where = ["--runs", str(folder.parent), "--name", folder.name, "--quiet"]
    return ["train", run.experiment, *overrides, *where]


def _checkpointed(folder: Path) -> int:
    """Iterations that a resume need not do again."""
    latest = RunFolder.open(folder).latest_checkpoint()
    return int(latest.name.rpartition("_")[2]) if latest else 0


def _damaged(folder: Path, fault: Fault) -> bool:
    return damage(folder / "checkpoints", fault.detail)
