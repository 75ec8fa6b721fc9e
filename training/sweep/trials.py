"""The trials of a sweep: each an ordinary run, in a folder of its own, under one folder.

What is asked stands in ``sweep.json``; whatever is finished is found by its results, so that a
sweep that was killed goes on where it stood.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ...envs.core.errors import PacesetterError
from ..experiments.experiment import Experiment
from ..experiments.load import load_experiment
from ..runs.run_folder import RESULTS, RunFolder, prepare_folder
from ..runs.whole_files import write_json
from . import points

RECORD, COURSE = "sweep.json", "course.json"
OBJECTIVE = "objective/answer"
STAGES = 10  # looks at the objective during a trial, where trials are stopped early
Report = Callable[[int, float], None]
"""Told during a trial: iterations done, and what the objective is then."""


@dataclass(frozen=True)
class Sweep:
    """What is asked.

    Attributes:
        experiment: a shipped one's name, or a YAML file.
        texts: ``key=value`` as on the command line, swept or not.
        seeds: training seeds per point, from 0 on.
        samples: points drawn at random; None: the whole grid.
        early: stop trials early whose objective is among the worse (ASHA).
    """

    experiment: str
    texts: tuple[str, ...]
    seeds: int = 1
    samples: int | None = None
    early: bool = False

    def points(self) -> list[dict[str, str]]:
        """Everything that is tried, key -> value; it is the same in every call."""
        swept, _ = points.read(self.texts, self.samples)
        return points.points(swept, self.samples)

    def check(self) -> Experiment:
        """Refuse what cannot be run, before anything is.

        Raises:
            PacesetterError: says what.
        """
        swept, fixed = points.read(self.texts, self.samples)
        number = len(points.points(swept, self.samples)) * self.seeds
        if number > points.MOST_TRIALS:
            raise PacesetterError(
                f"these are {number:,} trials, and at most {points.MOST_TRIALS:,} are run; name "
                "fewer values or seeds."
            )
        if any(one.key == "seed" for one in swept):
            raise PacesetterError("seed is not swept like another key; give --seeds N.")
        experiment: Experiment = points.check(self.experiment, fixed, swept)
        if self.early and experiment.training.iterations < STAGES:
            raise PacesetterError(
                f"--early looks at every trial {STAGES} times, and training.iterations is "
                f"{experiment.training.iterations}; raise it or leave --early out."
            )
        return experiment

    def load(self, point: dict[str, str], seed: int) -> Experiment:
        """The experiment of one trial."""
        _, fixed = points.read(self.texts, self.samples)
        own = [*fixed, *points.overrides(point), f"seed={seed}"]
        experiment = load_experiment(self.experiment, own)
        training = experiment.training
        if self.early and not training.evaluate_every:
            training = replace(training, evaluate_every=training.iterations // STAGES)
        if training.route == "array" and not training.env_runners and not training.learners:
            training = replace(training, route="local")  # the same numbers without a Ray of its own
        return replace(experiment, training=training)


@dataclass(frozen=True)
class Trial:
    """One run of a sweep.

    Attributes:
        name: of its folder.
        point: key -> value.
        seed: of training.
    """

    name: str
    point: dict[str, str]
    seed: int


def trials(sweep: Sweep) -> list[Trial]:
    """All of them, in the order in which they start: seed by seed, so that all points are seen."""
    found = []
    for seed in range(sweep.seeds):
        for number, point in enumerate(sweep.points()):
            parts = [f"{key.rpartition('.')[2]}-{value}" for key, value in point.items()]
            said = re.sub(r"[^A-Za-z0-9._-]+", "-", "_".join(parts))[:80].strip("-.")
            found.append(Trial(f"{number:03d}_{said}_seed_{seed}", point, seed))
    return found


def create(folder: Path, sweep: Sweep) -> None:
    """Begin a sweep in a folder.

    Raises:
        PacesetterError: the folder holds something, or cannot be written.
    """
    if folder.name in ("", "..") or not folder.name.isprintable():
        raise PacesetterError(f"--name {folder.name!r} cannot name a folder.")
    prepare_folder(folder)
    if (folder / RECORD).exists():
        raise PacesetterError(
            f"{folder}: holds a sweep already; go on with 'pacesetter sweep --resume {folder}', or "
            "choose another --name."
        )
    if any(folder.iterdir()):
        raise PacesetterError(f"{folder}: is not empty; choose another --name.")
    write_json(folder / RECORD, asdict(sweep))


def opened(folder: Path) -> Sweep:
    """The sweep that was begun in a folder.

    Raises:
        PacesetterError: there is none, or its record is damaged.
    """
    try:
        values = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return Sweep(**{**values, "texts": tuple(values["texts"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise PacesetterError(
            f"{folder}: is not the folder of a sweep ({RECORD} cannot be read: {error}); give the "
            "folder that 'pacesetter sweep' made."
        ) from error


def run_trial(folder: Path, sweep: Sweep, trial: Trial, report: Report) -> float:
    """Train and evaluate one trial, or what is left of it; returns its objective."""
    from ..evaluation.evaluate import evaluate, leader_of, write_answer
    from ..loop.trainer import train
    from ..policies.play import play

    path = folder / trial.name
    course = _course(path)
    for iteration, value in course:
        report(iteration, value)
    if (path / RESULTS).exists():
        return finished(path)[OBJECTIVE]
    if (path / "config.yaml").exists():
        run = RunFolder.open(path)
    else:
        run = RunFolder.create(folder, sweep.load(trial.point, trial.seed), trial.name)

    def watch(trained: Any, events: Any, iteration: int) -> None:
        value = float(
            play(trained.experiment, trained.policies, leader_of(trained)).objective.mean()
        )
        events.add_scalar("evaluation/objective/answer", value, iteration)
        course.append((iteration, value))
        write_json(path / COURSE, course)
        report(iteration, value)

    outcome = train(run, quiet=True, watch=watch if sweep.early else None)
    if outcome.theta is None:
        raise PacesetterError(f"{path}: was interrupted.")
    write_answer(run, outcome.theta)
    return evaluate(run)[OBJECTIVE]


def _course(path: Path) -> list[tuple[int, float]]:
    try:
        return [(int(i), float(v)) for i, v in json.loads((path / COURSE).read_text("utf-8"))]
    except (OSError, ValueError, TypeError):
        return []


def finished(path: Path) -> Mapping[str, float]:
    """The results of a trial; empty if it has none."""
    try:
        found: dict[str, float] = json.loads((path / RESULTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def by_point(folder: Path, sweep: Sweep) -> list[tuple[dict[str, str], list[Mapping[str, float]]]]:
    """Every point with the results of its finished trials."""
    every: Sequence[Trial] = trials(sweep)
    return [
        (point, [r for t in every if t.point == point and (r := finished(folder / t.name))])
        for point in sweep.points()
    ]
