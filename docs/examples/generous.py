"""A leader and an objective of another package: all they need is named here.

A package offers them under short names by entry points::

    [project.entry-points."pacesetter.leaders"]
    cautious = "my_package:Cautious"
    [project.entry-points."pacesetter.objectives"]
    cheapness = "my_package:Cheapness"

Without any, an experiment names them as ``module:Class``, as `own_leader_and_objective.py` does.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Le

from pacesetter.leaders.objectives.objective import Measure, Objective, recorder
from pacesetter.leaders.search.fixed import FixedSearch
from pacesetter.leaders.search.options import SearchSettings


@dataclass(frozen=True, kw_only=True)
class Cautious(SearchSettings):
    """A leader that goes a share of the way from the lower to the upper bounds, and stays there.

    Attributes:
        share: of the way.
    """

    share: Annotated[float, Ge(0), Le(1)] = 0.5

    name: ClassVar[str] = "cautious"

    def search(self, characteristics, seed):
        """Always the same candidate."""
        span = characteristics.high - characteristics.low
        return FixedSearch(characteristics, characteristics.low + self.share * span)


@dataclass(frozen=True)
class Cheapness(Objective):
    """Low prices: minus the mean price over the leader's interval."""

    name: ClassVar[str] = "cheapness"

    def measure(self, market, steps_per_interval):
        """Of every copy, ``(B,)``."""
        return Measure(recorder("price", market), lambda path: -path["price"].mean(axis=1))
