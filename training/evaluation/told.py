"""What the data of a calibration can tell of its characteristics, for the report of a run.

Where the objective compares statistics, these are asked; where it compares distributions or series,
their mean and deviation stand for them. It is worked out once, about the leader's answer and with
the followers as they are trained, and kept in the run folder. A run never fails by it: what cannot
be said is a sentence in its place.
"""

from __future__ import annotations

import json
import time
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...envs.core.errors import PacesetterError
from ...leaders.objectives.references import Held
from ...leaders.objectives.statistic import Kind, Statistic
from ...leaders.objectives.statistics import Statistics
from ...leaders.search.fixed import FixedLeader
from ..experiments.experiment import Experiment
from ..policies.play import play
from ..policies.policies import Trained
from ..runs.run_folder import RunFolder
from ..runs.whole_files import write_json
from .identify import Identified, identify

FILE, KEY = "identified.json", "identified_for.json"
LEAST_ERROR = "least_standard_error"
"""Name of the results, ``least_standard_error/NAME``."""
MOST_COPIES = 10_000
MOST_AGENT_STEPS = 4e6  # a few seconds
MOST_SECONDS, TRIED = 45.0, 2
LEAST_COPIES = 64


def told(run: RunFolder, trained: Trained) -> Identified | str | None:
    """The table; why there is none; or None for a run that calibrates nothing."""
    experiment = trained.experiment.bound()
    if not experiment.samples:
        return None
    key = _key(run, trained)
    if (kept := _kept(run.path, key)) is not None:
        return kept
    try:
        found = _worked_out(experiment, trained)
        found.write_json(run.path / FILE)
        write_json(run.path / KEY, key)
    except Exception as error:  # whatever a user's market may raise: the run is done, and good
        return f"what the data can tell is not known: {error}"
    return found


def least_errors(found: Identified | str | None) -> dict[str, float]:
    """Standard errors for the results, of what is identified."""
    if not isinstance(found, Identified):
        return {}
    return {f"{LEAST_ERROR}/{name}": error for name, _, error, _, _ in found.rows() if error}


def read_told(path: Path) -> Identified | None:
    """What is kept in a run folder."""
    try:
        return Identified.read(path / FILE)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _key(run: RunFolder, trained: Trained) -> dict[str, Any]:
    """What the table depends on: the answer, and followers as they are."""
    files = sorted((run.path / "policies").glob("*.safetensors"))
    return {
        "theta": trained.theta.tolist(),
        "policies": {file.name: zlib.crc32(file.read_bytes()) for file in files},
    }


def _kept(path: Path, key: dict[str, Any]) -> Identified | None:
    try:
        same = json.loads((path / KEY).read_text(encoding="utf-8")) == key
    except (OSError, ValueError):
        return None
    return read_told(path) if same else None


def _worked_out(experiment: Experiment, trained: Trained) -> Identified:
    theta = experiment.market.characteristics.named(trained.theta)
    paths = None
    if experiment.measure.statistics is None:
        experiment, paths = _by_moments(experiment, trained)
    copies = _copies(experiment)
    _check_time(experiment, trained, copies)
    policies = trained.policies if experiment.market.groups else None
    return identify(experiment, theta, paths, copies, policies)


def _check_time(experiment: Experiment, trained: Trained, copies: int) -> None:
    """Refuse a market that is too slow, by a few of its steps."""
    market, generator = experiment.market, torch.Generator().manual_seed(0)
    if market.paths(trained.theta[None], 0) is not None:
        return
    state = market.reset(0, copies, trained.theta)
    began = time.process_time()
    for _ in range(TRIED):
        state = market.step(state, trained.policies.act(state, generator)).state
        state = market.restart(state, np.ones(copies, dtype=bool))
    one = (time.process_time() - began) / TRIED
    needed = one * market.steps_per_episode * (len(market.characteristics) + 1)
    if needed > MOST_SECONDS:
        raise PacesetterError(
            f"{copies} episodes at each θ would take {needed / 60:.0f} min; use 'pacesetter "
            "identify' with --copies."
        )


def _copies(experiment: Experiment) -> int:
    """Of followers who learned as many as were evaluated, within the time there is."""
    settings, market = experiment.evaluation, experiment.market
    agents = max(1, sum(group.size for group in market.groups))
    plays = 2 * len(market.characteristics) + 1
    affordable = MOST_AGENT_STEPS / (agents * market.steps_per_episode * plays)
    wanted = MOST_COPIES
    if market.groups:
        wanted = min(wanted, settings.copies * settings.episodes)
    if affordable < LEAST_COPIES:
        raise PacesetterError(
            "episodes are too long, or agents too many, to be played often enough; use 'pacesetter "
            "identify' with --copies."
        )
    return max(LEAST_COPIES, min(wanted, int(affordable)))


def _by_moments(experiment: Experiment, trained: Trained) -> tuple[Experiment, int]:
    """The same comparison by mean and deviation, and the paths that the data amount to."""
    objective: Any = experiment.objective
    names = getattr(objective, "quantities", None) or (getattr(objective, "quantity", ""),)
    samples = experiment.samples or {}
    if any(name not in samples for name in names):
        raise PacesetterError(
            f"objective {objective.name!r} does not say which path quantities it compares."
        )
    theta = experiment.market.characteristics.named(trained.theta)
    experiment = replace(experiment, leader=FixedLeader(theta=theta))
    played = play(experiment, trained.policies, trained.theta).quantities
    by_episode = {name: np.moveaxis(played[name], 2, 1) for name in names}  # (E, B, T, …)
    rows = {name: path.reshape(-1, *path.shape[2:]) for name, path in by_episode.items()}
    draws = max(1.0, float(np.prod(rows[names[0]].shape[1:])))
    paths = max(1, round(len(samples[names[0]]) / draws))
    spread: Kind = "deviation" if experiment.market.steps_per_episode > 1 else "square"
    kinds: tuple[Kind, ...] = ("mean", spread)
    statistics = tuple(Statistic(name, kind) for name in names for kind in kinds)
    by = Statistics(Held(rows), statistics)
    return replace(experiment, objective=by, samples=rows), paths
