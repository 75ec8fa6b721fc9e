"""What the market maker's game and its best quotes share: the price process and who trades."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..core.arrays import Array, at_least, normal_cdf


@dataclass(frozen=True)
class PriceProcess:
    """A price that returns to its reference (eq. 15), and takers who value the good around it.

    Attributes:
        reference: p0.
        mean_reversion: κ, share of the way back per step.
        deviation: σ of a step's shock, in units of the price.
        valuation_deviation: ζ of takers' valuations, in units of the price.
    """

    reference: float
    mean_reversion: float
    deviation: float
    valuation_deviation: float

    @cached_property
    def stationary_deviation(self) -> float:
        """Standard deviation of the price once it has settled, σ / √(1 − (1 − κ)²)."""
        return self.deviation / float(np.sqrt(1.0 - (1.0 - self.mean_reversion) ** 2))

    def next_price(self, xp: object, price: Array, noise: Array) -> Array:
        """The price one step later; `noise` is standard normal, of the same shape."""
        kappa, p0, sigma = self.mean_reversion, self.reference, self.deviation
        return at_least(xp, (1.0 - kappa) * price + (kappa * p0 + sigma * noise), 0.0)

    def trading_shares(
        self, xp: object, deviation: Array, half_spread: Array
    ) -> tuple[Array, Array]:
        """Probabilities (f_bid, f_ask) that a taker sells to the maker, and that it buys.

        Args:
            xp: array namespace.
            deviation: d = p_t − p0, any shape.
            half_spread: h, of the same shape.
        """
        zeta = self.valuation_deviation
        return (
            0.5 * normal_cdf(xp, (deviation - half_spread) / zeta),
            0.5 * normal_cdf(xp, (deviation + half_spread) / -zeta),
        )
