"""Whether an objective can be differentiated, tried before a run on a path of random actions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch

from ...envs.check.play import ActionSource
from ...envs.core.arrays import needs_gradient
from ...leaders.objectives.objective import Measure
from ..experiments.experiment import Experiment

COPIES = 2
_TRIED: WeakKeyDictionary[Callable[..., Any], str] = WeakKeyDictionary()
"""By the function of a measure, whose other fields may hold arrays."""


def cut_by(experiment: Experiment) -> str:
    """Why the objective passes no gradient on from the path of an interval; empty where it does.

    Built-in objectives are written in array operations; one of the user's may be written in NumPy,
    or have no slope.
    """
    measure = experiment.measure
    if measure.value not in _TRIED:
        _TRIED[measure.value] = _reason(measure, _path(experiment))
    return _TRIED[measure.value]


def _path(experiment: Experiment) -> dict[str, np.ndarray[Any, Any]]:
    """What the objective records of an interval of followers who act at random."""
    market, seeds = experiment.market, range(COPIES)
    actions, state = ActionSource(market, seeds), market.reset(0, COPIES)
    kept: dict[str, list[Any]] = {}
    for _ in range(experiment.interval_steps):
        step = market.step(state, actions.draw())
        for name, value in experiment.measure.record(step).items():
            kept.setdefault(name, []).append(np.asarray(value, dtype=np.float64))
        state = market.restart(step.state, step.terminated | step.truncated)
    return {name: np.stack(values, axis=1) for name, values in kept.items()}


def _reason(measure: Measure, path: dict[str, np.ndarray[Any, Any]]) -> str:
    leaves = {name: torch.from_numpy(values).requires_grad_() for name, values in path.items()}
    try:
        found = measure.value(leaves)
    except Exception as error:  # whatever a user's function may raise when it is handed tensors
        return str(error) or type(error).__name__
    return "" if needs_gradient(found) else "what it returns depends on nothing in the path."
