"""Many whole price paths at once, and how a loss of them changes with θ.

The dynamics are those of the market's `transition`, for traders by rule. What makes it fast: every
array of a period has paths along its last, contiguous axis; prices are kept less the initial one,
which single precision then holds to its last digit; the moving averages are one product of weights
and the latest prices; and what no price enters, the fundamental value and the traders' signals,
comes ready made (`PathShocks`). The backward pass is written by hand: each period keeps the slopes
of its orders, and the derivative by the price is carried from the last period to the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import PacesetterError
from .options import StockMarketOptions
from .rules import Order, Reals, signal_order, trend_order
from .shocks import PathShocks, ShockSource


@dataclass(frozen=True)
class _Slopes:
    """How the orders of all periods change, with paths along the last axis.

    Attributes:
        noise: by a noise trader's signal, ``(K, N₁, n)``.
        trend: by a technical trader's trend, ``(K, N₂, n)``.
        parameter: by its parameter, ``(K, N₂, n)``.
        price: of fundamental demand by the last price, ``(K, n)``.
        growth: ρ D / N, ``(K, n)``.
    """

    noise: Reals
    trend: Reals
    parameter: Reals
    price: Reals
    growth: Reals


@dataclass(frozen=True)
class Paths:
    """Price paths that remember how they came about.

    Attributes:
        prices: P(0), …, P(T), ``(n, T + 1)``.
    """

    prices: NDArray[np.float64]
    _simulation: Simulation
    _theta: NDArray[np.float64]
    _shocks: PathShocks
    _history: Reals
    _slopes: _Slopes | None

    def pull_back(self, gradient: NDArray[Any]) -> NDArray[np.float64]:
        """From the derivative of a loss by the prices to that by θ.

        Args:
            gradient: ``(n, T + 1)``.

        Returns:
            the derivative, of the shape that θ was given in: ``(d,)`` or ``(n, d)``.

        Raises:
            PacesetterError: the paths were simulated without slopes, or the shape is another.
        """
        if self._slopes is None:
            raise PacesetterError(
                "these paths of market 'stock_market' kept no slopes: either they were simulated "
                "with slopes=False, or its rules are indicators, which have none; set rules to "
                "'smoothed' or 'straight_through'."
            )
        if gradient.shape != self.prices.shape:
            raise PacesetterError(
                f"the derivative by prices must have their shape {self.prices.shape}, got "
                f"{gradient.shape}."
            )
        return self._simulation.pulled_back(
            gradient, self._theta, self._shocks, self._history, self._slopes
        )


class Simulation(ShockSource):
    """The fast simulation of one market: traders by rule, while learning ones order nothing.

    Args:
        market: its options.
    """

    def __init__(self, market: StockMarketOptions):
        super().__init__(market)
        self._impact = market.price_impact / market.traders
        longs = np.array([long for _, long in market.windows_in_force], dtype=int)
        self._heard = np.arange(1, self._periods + 1)[:, None] >= longs

    # Forward ------------------------------------------------------------------------------------

    def paths(self, theta: NDArray[Any], shocks: PathShocks, slopes: bool = True) -> Paths:
        """Prices under θ.

        Args:
            theta: one for all paths, ``(d,)``, or one for each, ``(n, d)``.
            shocks: of n paths; their number type is that of the computation.
            slopes: whether to keep what `Paths.pull_back` needs.
        """
        market = self._market
        dtype, number = shocks.public.dtype, len(shocks)
        theta = np.asarray(theta, dtype=np.float64)
        public, private, technical = self._columns(theta, dtype)
        weights, level = self._weights(dtype)
        length = weights.shape[1]
        history = np.zeros((length + self._periods, number), dtype)
        kept = self._room(dtype, number) if slopes and market.rules != "indicator" else None
        start = dtype.type(market.initial_price)
        impact = dtype.type(self._impact)
        for period in range(self._periods):
            last = history[period + length - 1]
            signal = private * shocks.private[period]
            signal += public * shocks.public[period]
            noise = signal_order(market.rules_in_force, signal, market.slope_width)
            trends = weights @ history[period : period + length]
            trends += level
            trend = trend_order(market.rules_in_force, trends, technical, market.slope_width)
            self._silence(trend, period)
            gap = shocks.valuations[period] - last
            fundamental = signal_order(market.rules_in_force, gap, market.slope_width)
            growth = noise.value.sum(axis=0)
            growth += trend.value.sum(axis=0)
            growth += fundamental.value.sum(axis=0)
            growth *= impact
            newest = history[period + length]
            np.multiply(growth, last + start, out=newest)
            newest += last
            if kept is not None:
                kept.noise[period] = noise.slope
                kept.trend[period] = trend.slope
                kept.parameter[period] = trend.by_parameter
                np.sum(fundamental.slope, axis=0, out=kept.price[period])
                kept.growth[period] = growth
        prices = np.empty((number, market.horizon + 1))
        np.add(history[length - 1 + market.warm_up :].T, market.initial_price, out=prices)
        return Paths(prices, self, theta, shocks, history, kept)

    def _columns(self, theta: NDArray[np.float64], dtype: Any) -> list[Reals]:
        """b, c and d or γ, each ``(1 or traders, 1 or n)``."""
        parts = self._market.parameters.split(np.atleast_2d(theta))
        return [np.ascontiguousarray(part.T, dtype=dtype) for part in parts]

    def _weights(self, dtype: Any) -> tuple[Reals, Reals]:
        """Weights of the trends, and what the level of prices adds to them, ``(N₂, 1)``."""
        weights = self._market.window_weights
        level = weights.sum(axis=1, keepdims=True) * self._market.initial_price
        if self._market.averages == "plain":  # and not what rounding leaves of it
            level = np.zeros_like(level)
        return np.ascontiguousarray(weights, dtype=dtype), level.astype(dtype)

    def _silence(self, trend: Order, period: int) -> None:
        """Technical traders say nothing before their long average is complete."""
        heard = self._heard[period]
        if not heard.all():
            trend.value[~heard] = trend.slope[~heard] = 0.0
            if trend.by_parameter is not None:
                trend.by_parameter[~heard] = 0.0

    def _room(self, dtype: Any, number: int) -> _Slopes:
        market, periods = self._market, self._periods
        technical = (periods, market.technical_traders, number)
        return _Slopes(
            np.empty((periods, market.noise_traders, number), dtype),
            np.empty(technical, dtype),
            np.empty(technical, dtype),
            np.empty((periods, number), dtype),
            np.empty((periods, number), dtype),
        )

    # Backward -----------------------------------------------------------------------------------

    def pulled_back(
        self,
        gradient: NDArray[Any],
        theta: NDArray[np.float64],
        shocks: PathShocks,
        history: Reals,
        slopes: _Slopes,
    ) -> NDArray[np.float64]:
        """See `Paths.pull_back`."""
        market = self._market
        dtype = history.dtype
        weights, _ = self._weights(dtype)
        backward = np.ascontiguousarray(weights.T)
        length = weights.shape[1]
        start, impact = dtype.type(market.initial_price), dtype.type(self._impact)
        by_price = np.zeros_like(history)
        by_price[length - 1 + market.warm_up :] = gradient.T
        by_demand = np.empty_like(slopes.growth)
        for period in reversed(range(self._periods)):
            later = by_price[period + length]
            last = history[period + length - 1]
            now = by_demand[period]
            np.multiply(last + start, later, out=now)
            now *= impact
            by_price[period : period + length] += backward @ (slopes.trend[period] * now)
            earlier = by_price[period + length - 1]
            earlier += later * (slopes.growth[period] + dtype.type(1.0))
            earlier -= slopes.price[period] * now
        return self._by_theta(by_demand, theta, shocks, slopes)

    def _by_theta(
        self, by_demand: Reals, theta: NDArray[np.float64], shocks: PathShocks, slopes: _Slopes
    ) -> NDArray[np.float64]:
        """From the derivative by every period's demand, ``(K, n)``, to that by θ."""
        market = self._market
        noise = slopes.noise * by_demand[:, None]
        by_trader = (
            np.einsum("kin,kn->ni", noise, shocks.public),
            np.einsum("kin,kin->ni", noise, shocks.private),
            np.einsum("kin,kn->ni", slopes.parameter, by_demand),
        )
        if market.tied:
            by_trader = tuple(part.sum(axis=1, keepdims=True) for part in by_trader)
        found = market.parameters.joined(*by_trader).astype(np.float64)
        return found.sum(axis=0) if theta.ndim == 1 else found
