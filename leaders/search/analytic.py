"""A leader with a known distribution of θ: nothing is learned, everything can be computed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ...envs.core.characteristics import Characteristics
from ...envs.core.errors import PacesetterError, unknown
from ..leader import Draw, SearchLeader
from .distributions import Discrete, Distribution, MaximumEntropy, Sampled
from .options import (
    SearchSettings,
    checked_measurements,
    checked_number,
    load_generator,
    save_generator,
)

FIELDS_OF = {
    "maximum_entropy": ("grid",),
    "discrete": ("points", "probabilities"),
    "sampler": ("sampler",),
}


@dataclass(frozen=True)
class AnalyticLeader(SearchSettings):
    """A leader whose θ follows a known distribution.

    Attributes:
        distribution: ``maximum_entropy`` knows the support alone and is therefore uniform on it;
            ``discrete`` takes `points` with `probabilities`; ``sampler`` calls a function.
        grid: for ``maximum_entropy``: name -> the values it may take, in the units of the
            characteristic; others are uniform between their bounds.
        points: for ``discrete``: one name -> value per point; entries that are left out take their
            market default.
        probabilities: for ``discrete``: probability of each point; they sum to one within 1e-9.
        sampler: for ``sampler``: ``"package.module:function"``, called as
            ``function(generator, number, names)``; returns θ, ``(number, d)``, within bounds.
    """

    name: ClassVar[str] = "analytic"
    distribution: Literal["maximum_entropy", "discrete", "sampler"] = "maximum_entropy"
    grid: dict[str, list[float]] = field(default_factory=dict)
    points: list[dict[str, float]] = field(default_factory=list)
    probabilities: list[float] = field(default_factory=list)
    sampler: str = ""

    def search(self, characteristics: Characteristics, seed: int) -> AnalyticSearch:
        """The search leader; PacesetterError if the distribution is ill-defined."""
        return AnalyticSearch(characteristics, self._distribution(characteristics), seed)

    def drawn_answer(self, characteristics: Characteristics, seed: int) -> Draw:
        """Draws from the distribution."""
        return self.search(characteristics, seed).propose

    def _distribution(self, characteristics: Characteristics) -> Distribution:
        if self.distribution not in FIELDS_OF:
            raise unknown("distribution of leader 'analytic'", self.distribution, FIELDS_OF)
        for owner, names in FIELDS_OF.items():
            for name in names:
                if owner != self.distribution and getattr(self, name):
                    raise PacesetterError(
                        f"leader 'analytic' has {name!r}, which belongs to distribution {owner!r}, "
                        f"but its distribution is {self.distribution!r}. Set distribution: {owner} "
                        f"or remove {name!r}."
                    )
        if self.distribution == "discrete":
            return Discrete(characteristics, self.points, self.probabilities)
        if self.distribution == "sampler":
            return Sampled(characteristics, self.sampler)
        return MaximumEntropy(characteristics, self.grid)


class AnalyticSearch(SearchLeader):
    """Draws from the distribution; measurements change nothing."""

    def __init__(self, characteristics: Characteristics, distribution: Distribution, seed: int):
        self._characteristics = characteristics
        self._distribution = distribution
        self._generator = np.random.default_rng(seed)

    def propose(self, number: int) -> NDArray[np.float64]:
        """A stratified sample of the distribution, ``(number, d)``.

        Every row alone follows the distribution exactly; the rows of one call are dependent in a
        way that spreads them, so that one call represents the distribution as well as it can.
        """
        return self._distribution.draw(self._generator, checked_number(number))

    def learn(self, theta: NDArray, values: NDArray) -> None:
        """Check the measurements, ``(n, d)`` and ``(n,)``; nothing is learned from them."""
        checked_measurements(self._characteristics, theta, values)

    def best(self) -> NDArray[np.float64]:
        """The mean of the distribution, ``(d,)``; of a sampler, the mean of 4096 fixed draws."""
        return self._distribution.mean()

    def entropy(self) -> float | None:
        """Entropy of θ in nats: how much the leader leaves open.

        Shannon entropy of what is discrete plus differential entropy (in the units of θ) of what is
        continuous; a characteristic whose bounds coincide adds nothing. None for a sampler, whose
        density is unknown.
        """
        return self._distribution.entropy()

    def state(self) -> dict[str, Any]:
        """The generator; the rest follows from the options."""
        return {"generator": save_generator(self._generator)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        self._generator = load_generator(state["generator"])
