"""Values of an objective without derivatives: for who learns from these alone."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ...leaders.leader import Measured, Question
from ..experiments.experiment import Experiment
from ..policies.policies import Policies
from .followers import Followers
from .playing import play_episode

Floats = NDArray[np.float64]


@torch.no_grad()
def values_alone(
    experiment: Experiment, policies: Policies, question: Question, seed: int
) -> Measured:
    """Answer a question that asks for no derivatives; see `derive`."""
    theta = np.repeat(np.asarray(question.theta, dtype=np.float64), question.copies, axis=0)
    values = _of_paths(experiment, theta, seed)
    if values is None:
        act = Followers(experiment, policies, seed, "drawn").act
        values = np.asarray(play_episode(experiment, theta, seed, act).values)
    return Measured(question.theta, values.reshape(-1, question.copies).mean(axis=1))


def _of_paths(experiment: Experiment, theta: Floats, seed: int) -> Floats | None:
    """By the market's fast way; None where it has none, or the objective reads what it lacks."""
    market, steps = experiment.market, experiment.interval_steps
    if steps != market.steps_per_episode or (paths := market.paths(theta, seed)) is None:
        return None
    try:
        return np.asarray(experiment.measure.value(paths.quantities))
    except KeyError:
        return None
