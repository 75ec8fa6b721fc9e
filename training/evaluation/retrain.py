"""Followers trained from scratch at a run's answer: would others have learned the same?

Followers of a run have learned under many θ, while a leader went on moving; they may lag behind it,
and a leader that is measured on such followers may promise more than it keeps. Here followers are
trained from scratch at the leader's answer alone, for as many iterations as the whole run, and
measured in the same episodes. Where nobody learns there is nobody to train anew: what a leader
promises is then measured again in episodes that it has never met. Either may be done beside the
answer, too, which tells whether it is an optimum (`around`).
"""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.core.errors import PacesetterError
from ...leaders.search.fixed import FixedLeader
from ..experiments.experiment import Experiment
from ..experiments.load import resolved
from ..loop.trainer import train
from ..policies.play import play
from ..policies.policies import Trained
from ..runs.run_folder import RESULTS, RunFolder
from ..runs.whole_files import write_json
from ..studies.statistics import clustered_standard_error, finite, paired_standard_error
from .around import around, neighbours
from .evaluate import (
    evaluate,
    evaluate_during_training,
    leader_of,
    load_trained,
    write_answer,
)

FOLDER, FILE = "retrained", "retrained.json"
AROUND = "retrained_around"
FRESH_SEEDS = 500_000  # away from those of the evaluation


def retrain(
    run: RunFolder,
    address: str | None = None,
    quiet: bool = False,
    beside: float | None = None,
) -> dict[str, float] | None:
    """Train followers anew at the answer of a finished run; None if that was interrupted.

    The new run stands in ``RUN/retrained``, with results and pictures of its own, and is resumed
    if it is there already; one of another answer or other options is of no use any more, and makes
    room, which a line on the screen says. ``RUN/retrained.json`` holds, for the same constant θ:

    | name | what |
    |---|---|
    | objective/as_trained, objective/retrained | the leader's objective, mean over episodes |
    | leader_gap | the first less the second: what the leader promises and does not keep |
    | leader_gap/standard_error | over episodes, paired |
    | reward/GROUP/as_trained, …/retrained | mean reward of a follower per step |
    | follower_gap/GROUP | the second less the first |

    In a market without learning groups ``objective/fresh_episodes`` takes the place of
    ``objective/retrained``, nothing is trained, and the leader may move θ within the episode.

    With `beside` followers are also trained at θ less and plus that share of every range, each in a
    run in ``RUN/retrained_around``; see `around` for what that adds.

    Args:
        run: a finished run whose leader sets θ once per episode.
        address: of a Ray cluster; None runs on this machine.
        quiet: no progress display.
        beside: None: what the leader asks for, which is 0.1 of one that follows a derivative.

    Raises:
        PacesetterError: the run is not finished, its leader moves θ within the episode, a θ beside
            the answer is not allowed, or ``RUN/retrained`` is something else.
    """
    with run.locked():
        return _certify(run, address, quiet, beside)


def _certify(
    run: RunFolder, address: str | None, quiet: bool, beside: float | None
) -> dict[str, float] | None:
    trained = load_trained(run)
    share = run.experiment.leader.certified_around if beside is None else beside
    if share:
        neighbours(trained, share)  # before anybody is trained

    def elsewhere(theta: NDArray[np.float64], name: str) -> Trained | None:
        moved = replace(trained, theta=theta)
        if not run.experiment.market.groups:
            return moved
        if not quiet:
            print(f"followers at {_answer(retraining_experiment(moved).leader)}", flush=True)
        (run.path / AROUND).mkdir(exist_ok=True)
        return _retrained(moved, run.path / AROUND / name, run, address, quiet)

    if run.experiment.market.groups:
        again = _retrained(trained, run.path / FOLDER, run, address, quiet)
        if again is None:
            return None
        found = compare(trained, again)
    else:
        again, found = trained, in_fresh_episodes(trained)
    if share:
        sides = around(again, share, elsewhere)
        if sides is None:
            return None
        found |= sides
    write_json(run.path / FILE, found)
    return found


def _retrained(
    trained: Trained, path: Path, run: RunFolder, address: str | None, quiet: bool
) -> Trained | None:
    """Followers trained from scratch at the answer of `trained`, in a folder; None: interrupted."""
    again = _folder(run, path, retraining_experiment(trained))
    if not (again.path / RESULTS).exists():
        outcome = train(again, address, quiet, watch=evaluate_during_training)
        if outcome.theta is None:
            return None
        write_answer(again, outcome.theta)
        evaluate(again)
    return load_trained(again)


def _folder(run: RunFolder, path: Path, wanted: Experiment) -> RunFolder:
    """The folder to train in: an earlier one if it is of the same experiment, else a new one."""
    if not path.exists():
        return RunFolder.create(path.parent, wanted, path.name)
    there = RunFolder.open(path, run.trust, run.trust_checkpoint)
    if resolved(there.experiment) == resolved(wanted):
        return there
    if type(there.experiment.leader) is not type(wanted.leader):
        raise PacesetterError(f"{path}: holds a run of another kind; move it elsewhere.")
    print(
        f"{path} is of {_answer(there.experiment.leader)} and {_length(there.experiment)}; the run "
        f"has changed since. Followers are trained anew, at {_answer(wanted.leader)} for "
        f"{_length(wanted)}.",
        flush=True,
    )
    (run.path / FILE).unlink(missing_ok=True)  # first: it would speak for the new answer
    shutil.rmtree(path)
    return RunFolder.create(path.parent, wanted, path.name)


def _answer(leader: Any) -> str:
    return ", ".join(f"{name} = {value:.6g}" for name, value in leader.theta.items())


def _length(experiment: Experiment) -> str:
    return f"{experiment.training.iterations} iterations"


def retraining_experiment(trained: Trained) -> Experiment:
    """The run's experiment with its answer as the only θ that followers ever meet."""
    experiment = trained.experiment
    if experiment.leader.interval != "episode" and leader_of(trained) is not trained.theta:
        raise PacesetterError(
            f"{experiment.name}: its leader sets θ every {experiment.leader.interval} steps, and "
            "retraining needs one θ for whole episodes; train with leader.interval=episode."
        )
    settings = experiment.training
    theta = experiment.market.characteristics.named(trained.theta)
    return replace(
        experiment,
        leader=FixedLeader(theta=theta),
        training=replace(
            settings,
            pretrain_iterations=0,
            iterations=settings.pretrain_iterations + settings.iterations,
            random_theta_share=0.0,
        ),
    )


def in_fresh_episodes(trained: Trained) -> dict[str, float]:
    """The objective as it was evaluated, and in as many episodes of other seeds."""
    experiment, theta = trained.experiment, leader_of(trained)
    settings = experiment.evaluation
    fresh = replace(settings, seed=settings.seed + FRESH_SEEDS)
    before = play(experiment, trained.policies, theta)
    after = play(replace(experiment, evaluation=fresh), trained.policies, theta)
    errors = [clustered_standard_error(of.objective, of.episode) for of in (before, after)]
    return {
        "objective/as_trained": float(before.objective.mean()),
        "objective/fresh_episodes": float(after.objective.mean()),
        "leader_gap": float(before.objective.mean() - after.objective.mean()),
        **finite({"leader_gap/standard_error": math.hypot(*errors)}),
    }


def compare(trained: Trained, retrained: Trained) -> dict[str, float]:
    """Objective and rewards of both under the same θ, in the same episodes."""
    theta: Any = retrained.theta
    played = {
        "as_trained": play(trained.experiment, trained.policies, theta),
        "retrained": play(trained.experiment, retrained.policies, theta),
    }
    found = {f"objective/{who}": float(of.objective.mean()) for who, of in played.items()}
    before, after = played.values()
    found["leader_gap"] = float(before.objective.mean() - after.objective.mean())
    error = paired_standard_error(before.objective, before.episode, after.objective, after.episode)
    found |= finite({"leader_gap/standard_error": error})
    for group in played["retrained"].rewards:
        means = {who: float(np.nanmean(of.rewards[group])) for who, of in played.items()}
        found |= {f"reward/{group}/{who}": mean for who, mean in means.items()}
        found[f"follower_gap/{group}"] = means["retrained"] - means["as_trained"]
    return found
