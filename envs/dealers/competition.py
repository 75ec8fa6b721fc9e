"""Makers who compete for takers that reach each of them with chance c: offers are mixed.

A taker may reach one maker alone, who would ask the most, ``δ̂ = 1/k``, or several, where the lowest
offset deals: there is no equilibrium in pure quotes. As with search among sellers (Burdett & Judd,
Econometrica 1983), offsets are drawn from

    1 − G(δ) = ( [δ̂ e^{−1} / (δ e^{−kδ})]^{1/(M−1)} − 1 ) (1 − c) / c        on [δ_lo, δ̂],

and every one of them earns ``δ̂ e^{−1} (1 − c)^{M−1}`` per taker reached who wants to deal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.optimize import brentq

from .trading import DECAY

Floats = NDArray[np.float64]
HIGHEST = 1.0 / DECAY


@dataclass(frozen=True)
class Mixture:
    """The mixed equilibrium.

    Attributes:
        makers: M, at least two.
        connectivity: c, strictly between 0 and 1.
    """

    makers: int
    connectivity: float

    def above(self, offset: Floats | float) -> Floats:
        """1 − G, cut at [0, 1]; offsets are positive."""
        revenue = np.asarray(offset) * np.exp(-DECAY * np.asarray(offset))
        ratio = (HIGHEST * np.exp(-1.0) / revenue) ** (1.0 / (self.makers - 1))
        missed = (1.0 - self.connectivity) / self.connectivity
        return np.where(np.asarray(offset) < HIGHEST, np.clip((ratio - 1.0) * missed, 0, 1), 0.0)

    @property
    def lowest(self) -> float:
        """The lowest offset in use, δ_lo."""
        earned = self.profit
        return float(brentq(lambda d: d * np.exp(-DECAY * d) - earned, 1e-12, HIGHEST))

    @property
    def mean(self) -> float:
        """Mean offset."""
        low = self.lowest
        return low + quad(lambda d: float(self.above(d)), low, HIGHEST)[0]

    @property
    def profit(self) -> float:
        """Per taker reached who wants to deal on a side."""
        return HIGHEST * float(np.exp(-1.0)) * (1.0 - self.connectivity) ** (self.makers - 1)

    def earned(self, offset: Floats, others: Floats) -> Floats:
        """What offsets earn per taker reached who wants to deal, against others' offsets.

        Args:
            offset: ``(k,)``.
            others: a sample of the other makers' offsets, ``(n,)``; each draws from it alone.
        """
        ordered = np.sort(others)
        higher = 1.0 - np.searchsorted(ordered, offset, side="left") / len(ordered)
        deals = 1.0 - self.connectivity * (1.0 - higher)
        return offset * np.exp(-DECAY * offset) * deals ** (self.makers - 1)
