"""Learning rates over a run: piecewise linear in environment steps, as RLlib reads them."""

from __future__ import annotations

from itertools import pairwise

from ...leaders.policy.options import PPOOptions
from ..experiments.experiment import Experiment
from ..policies.specification import steps_of

GEOMETRIC_POINTS = 33
Schedule = float | list[list[float]]
"""One value, or (environment steps, value) from 0 on."""


def learning_rates(experiment: Experiment, settings: PPOOptions, leads: bool) -> Schedule:
    """Decay over the run, in environment steps; a leader's starts when it starts."""
    start, end = settings.learning_rate, settings.final_learning_rate
    if start == end:
        return start
    first, last = steps_of(experiment, leads)
    points = 2 if settings.learning_rate_decay == "linear" else GEOMETRIC_POINTS
    shares = [point / (points - 1) for point in range(points)]
    decay = [
        [round(first + share * (last - first)), start * (end / start) ** share] for share in shares
    ]
    decay[-1][1] = end
    return decay if first == 0 else [[0, start], *decay]


def value_at(schedule: Schedule, steps: int) -> float:
    """The value after so many environment steps; beyond the last point, that of the last point."""
    if isinstance(schedule, float):
        return schedule
    for (left, low), (right, high) in pairwise(schedule):
        if left <= steps < right:
            return low + (steps - left) / (right - left) * (high - low)
    return schedule[-1][1]
