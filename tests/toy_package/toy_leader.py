"""A leader and an objective of another package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pacesetter.leaders.objectives.objective import Measure, Objective, recorder
from pacesetter.leaders.search.fixed import FixedSearch
from pacesetter.leaders.search.options import SearchSettings


@dataclass(frozen=True)
class Generous(SearchSettings):
    """A leader that gives all it may."""

    name: ClassVar[str] = "generous"

    def search(self, characteristics, seed):
        """Fixed at the upper bounds."""
        return FixedSearch(characteristics, characteristics.high)


@dataclass(frozen=True)
class Laziness(Objective):
    """Little effort."""

    name: ClassVar[str] = "laziness"

    def measure(self, market, steps_per_interval):
        """Minus the sum of effort."""
        return Measure(recorder("effort", market), lambda path: -path["effort"].sum(axis=1))
