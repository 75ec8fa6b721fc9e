"""Random search: θ uniform on the feasible set; the baseline of every search."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ...envs.core.characteristics import Characteristics
from ..leader import SearchLeader
from .feasible import FeasibleSet
from .options import (
    SearchSettings,
    checked_measurements,
    checked_number,
    load_generator,
    save_generator,
)


@dataclass(frozen=True)
class RandomLeader(SearchSettings):
    """A leader that draws θ uniformly from the box; options as in `SearchSettings`."""

    name: ClassVar[str] = "random"

    def search(self, characteristics: Characteristics, seed: int) -> RandomSearch:
        """The search leader with these options."""
        return RandomSearch(characteristics, seed)


class RandomSearch(SearchLeader):
    """Uniform draws; the answer is the drawn θ with the best neighbourhood.

    Under noise the largest single measurement mostly names the luckiest draw. The value of a draw
    is therefore the mean over its ``√n`` nearest measurements (itself among them, distances in
    shares of the bounds): neighbours grow in number and close in on the draw as n grows, so the
    mean converges to the objective there whatever the noise. The price is some smoothing, also
    where there is no noise.
    """

    def __init__(self, characteristics: Characteristics, seed: int):
        self._characteristics = characteristics
        self._feasible = FeasibleSet(characteristics) if characteristics.constraints else None
        self._generator = np.random.default_rng(seed)
        self._tried = np.empty((0, len(characteristics)))
        self._values = np.empty(0)

    def propose(self, number: int) -> NDArray[np.float64]:
        """Independent uniform draws from what the market allows, ``(number, d)``."""
        shape = (checked_number(number), len(self._characteristics))
        if self._feasible is not None:
            return self._feasible.theta(self._feasible.draw(self._generator, number))
        return self._characteristics.from_unit(self._generator.random(shape))

    def learn(self, theta: NDArray, values: NDArray) -> None:
        """Keep the values, ``(n,)``, measured at θ, ``(n, d)``, drawn here or elsewhere."""
        theta, values = checked_measurements(self._characteristics, theta, values)
        self._tried = np.concatenate([self._tried, theta])
        self._values = np.concatenate([self._values, values])

    def best(self) -> NDArray[np.float64]:
        """The θ with the best neighbourhood, ``(d,)``; the market default before any value.

        Of equally good draws the one measured first wins.
        """
        if not len(self._values):
            return self._characteristics.default.copy()
        from scipy.spatial import cKDTree  # a slow import, for this line alone

        span = self._characteristics.high - self._characteristics.low
        unit = (self._tried - self._characteristics.low) / np.where(span > 0, span, 1.0)
        neighbours = math.ceil(math.sqrt(len(unit)))
        rows = cKDTree(unit).query(unit, k=[*range(1, neighbours + 1)])[1]
        return self._tried[self._values[rows].mean(axis=1).argmax()].copy()

    def state(self) -> dict[str, Any]:
        """The generator and all measurements."""
        return {
            "generator": save_generator(self._generator),
            "theta": self._tried.tolist(),
            "values": self._values.tolist(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        self._generator = load_generator(state["generator"])
        self._tried = np.array(state["theta"], dtype=float).reshape(-1, len(self._characteristics))
        self._values = np.array(state["values"], dtype=float)
