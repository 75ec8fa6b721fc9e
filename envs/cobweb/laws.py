"""The laws of the cobweb market: supply, reward and the spread of information costs."""

from __future__ import annotations

from typing import Any, Protocol

from ..core.arrays import Array, normal_cdf, normal_quantile

NOISE_DEVIATION = 0.5
HIGHEST_FORECAST = 10.0
SUPPLY_SLOPES = {"stable": 0.22, "unstable": 0.5, "strongly_unstable": 2.0}  # ψ


class Producing(Protocol):
    """What an equilibrium is computed from; see the options of the market."""

    @property
    def forecasts(self) -> Any:
        """Forecasts to choose from, ``(actions,)``."""

    @property
    def producers(self) -> int:
        """Their number, N."""

    @property
    def demand_intercept(self) -> float:
        """Demand at a price of zero, a."""

    @property
    def demand_slope(self) -> float:
        """Fall of demand per unit of price, b."""

    def supply(self, xp: Any, forecast: Array) -> Array:
        """S of forecasts of any shape."""


def supply(xp: Any, forecast: Array, slope: float, inflection_price: float = 6.0) -> Array:
    """S(x) = tanh(ψ (x − x₀)) + 1, units of the good."""
    return xp.tanh(slope * (forecast - inflection_price)) + 1.0


def reward_of_error(xp: Any, error: Array) -> Array:
    """Reward of a forecast error (eq. 12) in units of 1300: max(0, 1 − 0.2 error²)."""
    reward = 1.0 - (260.0 / 1300.0) * error * error
    return xp.maximum(reward, xp.zeros_like(reward))


def truncated_normal(xp: Any, mean: Array, deviation: Array, quantile: Array) -> Array:
    """The given quantiles of N(mean, deviation) truncated at zero, for mean >= 0.

    The inverse distribution function makes λ a smooth function of θ for a fixed quantile, so that
    two θ can be compared under the same draw.
    """
    tiny = 1e-12
    spread = xp.where(deviation > tiny, deviation, xp.ones_like(deviation))
    below_zero = normal_cdf(xp, -mean / spread)
    drawn = mean + spread * normal_quantile(xp, below_zero + quantile * (1.0 - below_zero))
    drawn = xp.where(deviation > tiny, drawn, mean + xp.zeros_like(drawn))
    return xp.maximum(drawn, xp.zeros_like(drawn))
