"""Is a leader's answer an optimum? Followers trained from scratch on both sides of it tell.

A leader that follows a derivative believes the slope of its followers' answers. Followers that were
trained with it cannot contradict it: they are what the slope was taken from. Others, trained at θ
and at θ ± h alone, can.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ...envs.core.errors import PacesetterError
from ..policies.play import Played, play
from ..policies.policies import Trained
from ..studies.statistics import finite, paired_standard_error

Floats = NDArray[np.float64]
Retrain = Callable[[NDArray[np.float64], str], Trained | None]
"""From θ and a name of the run to followers trained at it alone; None: interrupted."""
SURE = 2.0  # standard errors that a neighbour must be better by


def neighbours(trained: Trained, share: float) -> dict[str, tuple[Floats, Floats]]:
    """θ less and plus a share of the range of each characteristic, name -> two of ``(d,)``.

    A characteristic whose range is a point is left out; at a bound one of the two is the answer.

    Raises:
        PacesetterError: a neighbour breaks a constraint of the market.
    """
    space = trained.experiment.market.characteristics
    found = {}
    for entry, name in enumerate(space.names):
        step = np.zeros(len(space))
        step[entry] = share * (space.high[entry] - space.low[entry])
        if step[entry] <= 0:
            continue
        below, above = (np.clip(trained.theta + s, space.low, space.high) for s in (-step, step))
        for theta in (below, above):
            if not space.allows(theta[None])[0]:
                raise PacesetterError(
                    f"{trained.experiment.name}: {name} = {theta[entry]:.4g} is not allowed beside "
                    "the rest of the answer, so that nobody can be trained there; give a smaller "
                    "--around, or 0 to leave the neighbours out."
                )
        found[name] = below, above
    return found


def around(trained: Trained, share: float, retrain: Retrain) -> dict[str, float] | None:
    """What the leader gets at its answer and beside it, with followers trained at each; None: stop.

    For every characteristic, all in the same episodes:

    | name | what |
    |---|---|
    | around/NAME/below, …/above | the objective at θ − h and at θ + h |
    | around/NAME/slope, …/slope_standard_error | between the two, paired by episode |
    | around/NAME/optimum | top of the parabola through the three, where it has one |
    | around/local_optimum | 1 where no neighbour is better by two standard errors, else 0 |

    Errors are over episodes; how far two trainings at one θ come apart is not in them.

    Args:
        trained: followers at the answer, trained at it alone.
        share: h as a share of the range.
        retrain: trains followers at another θ.
    """
    found: dict[str, float] = {}
    best = True
    middle = _played(trained)
    space = trained.experiment.market.characteristics
    for name, (below, above) in neighbours(trained, share).items():
        played = []
        for side, theta in (("below", below), ("above", above)):
            there = trained if (theta == trained.theta).all() else retrain(theta, f"{name}_{side}")
            if there is None:
                return None
            played.append(_played(there))
        low, high = played
        entry = space.names.index(name)
        values = [float(one.objective.mean()) for one in (low, middle, high)]
        points = np.array([below[entry], trained.theta[entry], above[entry]])
        apart = points[2] - points[0]
        found |= {f"around/{name}/below": values[0], f"around/{name}/above": values[2]}
        found[f"around/{name}/slope"] = (values[2] - values[0]) / apart
        error = _error_of_difference(high, low) / apart
        found |= finite({f"around/{name}/slope_standard_error": error})
        found |= finite({f"around/{name}/optimum": _top(points, np.array(values))})
        for neighbour in played:
            gain = float(neighbour.objective.mean() - middle.objective.mean())
            best &= not gain > SURE * np.nan_to_num(_error_of_difference(neighbour, middle))
    return found | {"around/local_optimum": float(best)}


def _played(trained: Trained) -> Played:
    return play(trained.experiment, trained.policies, trained.theta)


def _error_of_difference(one: Played, other: Played) -> float:
    """Standard error of the mean difference of two plays of the same episodes."""
    return paired_standard_error(one.objective, one.episode, other.objective, other.episode)


def _top(points: Floats, values: Floats) -> float:
    """Where the parabola through three points has its top; NaN where it has none."""
    if len(np.unique(points)) < 3:
        return float("nan")
    square, linear, _ = np.polyfit(points - points[1], values, 2)
    return float(points[1] - linear / (2.0 * square)) if square < 0 else float("nan")
