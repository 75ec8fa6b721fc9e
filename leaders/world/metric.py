"""How far a world is from the real market: distances of feedbacks, and the flow of orders."""

from __future__ import annotations

import numpy as np

from ...envs.core.rollouts import Rollouts
from .distances import Grams, gaussian, gram, mostly_constant, width_of
from .feedback import EPISODE_REWARD, Estimator, Feedback, feedback

EVALUATED = (
    *("return", "impact", "spread", "imbalance_5", "imbalance_all", "direction"),
    *("reward", EPISODE_REWARD),
)
"""Every feedback of the paper, by the names of what is seen."""


class Metric:
    """MMD² of feedbacks against a real sample, whose own part is reckoned once.

    Args:
        real: the sample.
        feedbacks: names.
        bag: compare the bag of steps; otherwise one number per rollout.
    """

    def __init__(self, real: Rollouts, feedbacks: tuple[str, ...], bag: bool = True):
        self._estimator: Estimator = "bag" if bag else "hajek"
        self._real: dict[str, Feedback] = {}
        self._widths: dict[str, float] = {}
        self._beyond: dict[str, np.ndarray] = {}
        for name in feedbacks:
            found = self._real[name] = feedback(real, name, self._estimator)
            width = self._widths[name] = width_of(found)
            self._beyond[name] = gram(found, found, gaussian(width))

    @property
    def names(self) -> tuple[str, ...]:
        """Of the feedbacks."""
        return tuple(self._real)

    @property
    def mostly_constant(self) -> tuple[str, ...]:
        """Feedbacks whose width is the mean distance, as most of their distances are zero."""
        return tuple(name for name, real in self._real.items() if mostly_constant(real))

    def __call__(self, world: Rollouts) -> dict[str, float]:
        """MMD² of every feedback."""
        found = {}
        for name, real in self._real.items():
            seen = feedback(world, name, self._estimator)
            kernel = gaussian(self._widths[name])
            grams = Grams(gram(seen, seen, kernel), gram(seen, real, kernel), self._beyond[name])
            found[name] = grams.distance()
        return found


def flow(world: Rollouts, real: Rollouts) -> float:
    """Orders of the world per order of the real market."""
    return float(world.orders.mean() / real.orders.mean())
