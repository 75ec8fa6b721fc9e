"""Leaders without a model: a fixed θ, a grid, random search. The baselines of every comparison."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ...envs.core.characteristics import Characteristics
from ..leader import SearchLeader
from .options import SearchSettings, checked_measurements, checked_number


@dataclass(frozen=True)
class FixedLeader(SearchSettings):
    """A leader that keeps θ where it is: the market as it comes, or a given intervention.

    Attributes:
        theta: name -> value; characteristics that are left out take their market default.
    """

    name: ClassVar[str] = "fixed"
    theta: dict[str, float] = field(default_factory=dict)

    def search(self, characteristics: Characteristics, seed: int) -> FixedSearch:
        """The search leader; PacesetterError if θ names an unknown entry or is out of bounds."""
        return FixedSearch(characteristics, characteristics.validate(self.theta)[0])


class FixedSearch(SearchLeader):
    """Proposes the same θ, ``(d,)``, for ever."""

    def __init__(self, characteristics: Characteristics, theta: NDArray[np.float64]):
        self._characteristics = characteristics
        self._theta = theta

    def propose(self, number: int) -> NDArray[np.float64]:
        """The fixed θ in every row, ``(number, d)``."""
        return np.tile(self._theta, (checked_number(number), 1))

    def learn(self, theta: NDArray, values: NDArray) -> None:
        """Check the measurements, ``(n, d)`` and ``(n,)``; nothing is learned from them."""
        checked_measurements(self._characteristics, theta, values)

    def best(self) -> NDArray[np.float64]:
        """The fixed θ, ``(d,)``."""
        return self._theta.copy()

    def state(self) -> dict[str, Any]:
        """Empty: the options say it all."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Nothing to restore."""
