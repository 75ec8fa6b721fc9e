"""The best quotes of the market maker, computed, not learned: the regret oracle of every report.

The price does not depend on the quotes, so that every step stands alone. With d = p_t − p0, the
shares of takers who trade

    f_ask(h) = ½ Φ̄((d + h) / ζ),    f_bid(h) = ½ Φ((d − h) / ζ),                     (1)

and e = E[p_{t−1} | p_t] − p0, the best half-spread maximises the expected reward

    ω [f_ask (h + d − e) + f_bid (h − d + e)] + (1 − ω) (f_ask + f_bid)             (2)

over 0 ≤ h ≤ 2ζ. For a price that has settled, e = (1 − κ) d. Where it starts at p0 and the maker
does not see how long ago, e is (1 − κ) d V_{t−1} / V_t, with V_t the variance of p_t, averaged over
the steps t that d is likely in. At d = 0 it is best to quote no spread at all while

    ω ≤ 2 φ(0) / (ζ + 2 φ(0)).                                                      (3)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from ..core.errors import PacesetterError
from .laws import PriceProcess

POINTS = 1201  # of the price, evenly over so many standard deviations to either side
WIDTH = 6.0
SEARCHED = 201  # half-spreads tried before the best of them is refined
GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0
REFINEMENTS = 36  # each shortens the bracket by GOLDEN; beyond, rounding of (2) decides
Floats = NDArray[np.float64]


class OptimalQuotes:
    """Solver for one market.

    Args:
        prices: the price and the takers around it.
        initial_price: ``reference`` or ``stationary``, where an episode starts.
        periods: steps of the episodes that the price is averaged over.

    Attributes:
        deviations: d = p_t − p0 on an even grid, ``(POINTS,)``.
        weights: their probabilities over the steps of an episode, ``(POINTS,)``.

    Raises:
        PacesetterError: the price would reach its floor at 0, where (2) no longer holds.
    """

    def __init__(self, prices: PriceProcess, initial_price: str, periods: int):
        self.prices = prices
        self._kept = 1.0 - prices.mean_reversion
        before, self._variances = self._price_variances(initial_price, periods)
        self._regression = self._kept * before / self._variances
        widest = WIDTH * float(np.sqrt(self._variances.max()))
        if widest > prices.reference:
            raise PacesetterError(
                f"the price strays up to {widest:.4g} from reference_price "
                f"({prices.reference:g}) and would stick at 0, where the best quotes are not "
                "known in closed form. Raise reference_price or mean_reversion, or lower "
                "price_deviation."
            )
        self.deviations = np.linspace(-widest, widest, POINTS)
        density = self._step_weights(self.deviations).sum(axis=0)
        self.weights = density / density.sum()

    @property
    def widest_preference_without_spread(self) -> float:
        """The largest ω at which no spread is best while the price is p0, (3)."""
        hazard = 2.0 / np.sqrt(2.0 * np.pi)
        return float(hazard / (self.prices.valuation_deviation + hazard))

    def half_spread(self, deviation: Any, profit_weight: Any) -> Floats:
        """The best half-spread, in units of the price.

        Args:
            deviation: d = p_t − p0, any shape.
            profit_weight: ω, a number or of the same shape.
        """
        d = np.asarray(deviation, dtype=np.float64)
        e = self.expected_previous(d)

        def value(h: Floats) -> Floats:
            return self._value(h, d, e, profit_weight)

        widest = 2.0 * self.prices.valuation_deviation
        tried = np.linspace(0.0, widest, SEARCHED)
        best = tried[np.argmax(np.stack([value(np.full_like(d, h)) for h in tried]), axis=0)]
        low = np.maximum(best - tried[1], 0.0)
        high = np.minimum(best + tried[1], widest)
        for _ in range(REFINEMENTS):
            inner, outer = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
            rising = value(inner) < value(outer)
            low, high = np.where(rising, inner, low), np.where(rising, high, outer)
        middle = (low + high) / 2.0
        # A maximum on the bound is met exactly, not just approached.
        return np.where(value(np.zeros_like(d)) >= value(middle), 0.0, middle)

    def expected_previous(self, deviation: Any) -> Floats:
        """e = E[p_{t−1} | p_t] − p0, of the shape of `deviation`."""
        d = np.asarray(deviation, dtype=np.float64)
        if np.ptp(self._regression) == 0.0:
            return self._regression[0] * d
        return d * np.tensordot(self._regression, self._step_weights(d, given=True), axes=1)

    def expected_reward(self, half_spread: Any, deviation: Any, profit_weight: Any) -> Floats:
        """Expected reward (2) of a step; all arguments of one shape, or numbers."""
        d = np.asarray(deviation, dtype=np.float64)
        return self._value(half_spread, d, self.expected_previous(d), profit_weight)

    def means(self, half_spread: Floats, profit_weight: float) -> dict[str, float]:
        """Expected means over an episode of a maker with the given answer to every price.

        Args:
            half_spread: h at `deviations`, ``(POINTS,)``.
            profit_weight: ω.

        Returns:
            ``half_spread`` and ``profit`` (per taker) in units of the price, ``market_share`` and
            ``reward``.
        """
        profit, share = self._parts(
            half_spread, self.deviations, self.expected_previous(self.deviations)
        )
        means = {
            "half_spread": self.weights @ half_spread,
            "profit": self.weights @ profit,
            "market_share": self.weights @ share,
        }
        means["reward"] = profit_weight * means["profit"]
        means["reward"] += (1.0 - profit_weight) * means["market_share"]
        return {name: float(value) for name, value in means.items()}

    def _value(self, h: Any, d: Floats, e: Floats, profit_weight: Any) -> Floats:
        profit, share = self._parts(h, d, e)
        return profit_weight * profit + (1.0 - profit_weight) * share

    def _parts(self, h: Any, d: Floats, e: Floats) -> tuple[Floats, Floats]:
        """Expected profit per taker and share of the takers who trade."""
        f_bid, f_ask = self.prices.trading_shares(np, d, h)
        return f_ask * (h + d - e) + f_bid * (h - d + e), f_ask + f_bid

    def _price_variances(self, initial_price: str, periods: int) -> tuple[Floats, Floats]:
        """Variances of p_{t−1} and p_t for every step t of an episode, ``(T,)`` each."""
        settled = self.prices.stationary_deviation**2
        if initial_price == "stationary":
            return np.array([settled]), np.array([settled])
        steps = np.arange(periods + 1, dtype=np.float64)
        variances: Floats = settled * (1.0 - self._kept ** (2.0 * steps))
        return variances[:-1], variances[1:]

    def _step_weights(self, d: Floats, given: bool = False) -> Floats:
        """Density of d at every step, ``(T, …)``; `given` d: probabilities of the steps."""
        variances = self._variances.reshape(-1, *[1] * d.ndim)
        logarithms = -0.5 * (d * d / variances + np.log(variances))
        return softmax(logarithms, axis=0) if given else np.exp(logarithms)
