"""What price paths say about θ: pure array functions, in any Array-API namespace.

A price path shows the demand itself, y(t) = (P(t) / P(t−1) − 1) N / ρ = D(t). Every function takes
prices ``(n, T + 1)`` and returns statistics of each path, ``(n, m)``, whose means over paths are to
be matched; torch differentiates through all of them.

* *18 statistics*, with q(t) = P(t−1) − P(0): means over t of cos(ω y) at six frequencies, y q, q²
  and y(t) y(t−k) at the lags 1 to 10.
* *56 more* with an estimate d of the technical sensitivity: e = y − D₂(P; d) is what noise and
  fundamental traders ordered. The latter can be foreseen: p is the best linear prediction of e from
  q, tanh(q / 2) and e + 1.5 q at earlier periods. How e is spread depends on where p is, and on b
  and c differently: means of even bumps of p times cos(ω e) and of odd bumps times sin(ω e).

d and the prediction are fixed beforehand on the reference (`Predictor`), so that the statistics
mean the same for reference and simulation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import array_api_compat
import numpy as np
from numpy.typing import NDArray

from ..core.arrays import Array, namespace
from ..core.errors import PacesetterError
from .rules import by_trend

FREQUENCIES = (0.15, 0.3, 0.45, 0.6, 0.9, 1.2)  # of y, per unit of demand
LAGS = 10
PREDICTION_LAGS = (1, 2, 3, 4, 5, 6, 8)
PREDICTED_FROM = 10  # periods t > 10 have all lags, and all technical traders trade
REVERSION = 1.5  # e + 1.5 q: three fundamental traders give up half a unit per unit of price each
CENTRES, WIDTH = (0.0, 1.0, 2.0, 3.0), 0.9  # of the bumps of p
SHARP_FREQUENCIES = (0.25, 0.5, 0.8, 1.2, 1.6, 2.0, 2.5, float(np.pi))  # of e


@dataclass(frozen=True)
class Predictor:
    """What the 56 statistics need to know beforehand.

    Attributes:
        technical: d of every technical trader, ``(1,)`` or ``(N₂,)``.
        coefficients: of the linear prediction, ``(9,)``.
    """

    technical: NDArray[np.float64]
    coefficients: NDArray[np.float64]


@dataclass(frozen=True)
class PathStatistics:
    """The statistics of one market's paths.

    Attributes:
        impact: ρ / N.
        level: P(0), or what stands for it.
        weights: of technical trends on the latest prices, ``(N₂, length)``.
        long_windows: long average of every technical trader.
        warm_up: periods before the first price.
        smoothed: whether technical traders have a sensitivity, without which there are only 18.
    """

    impact: float
    level: float
    weights: NDArray[np.float64]
    long_windows: tuple[int, ...]
    warm_up: int = 0
    smoothed: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the 18 statistics."""
        return (
            *(f"cos({omega:g} y)" for omega in FREQUENCIES),
            "y q",
            "q²",
            *(f"y y(t−{lag})" for lag in range(1, LAGS + 1)),
        )

    @property
    def sharp_names(self) -> tuple[str, ...]:
        """Names of the 56 statistics."""
        return tuple(
            f"{wave}({omega:g} e) at p = {centre:g}"
            for wave, centres in (("cos", CENTRES), ("sin", CENTRES[1:]))
            for centre in centres
            for omega in SHARP_FREQUENCIES
        )

    def demand(self, paths: Array) -> Array:
        """y = D of every period, ``(n, T)``."""
        return (paths[:, 1:] / paths[:, :-1] - 1.0) / self.impact

    def distance(self, paths: Array) -> Array:
        """q of every period, ``(n, T)``."""
        return paths[:, :-1] - self.level

    def of(self, paths: Array) -> Array:
        """The 18 statistics of every path, ``(n, 18)``."""
        xp = namespace(paths)
        _long_enough(paths, LAGS + 1)
        y, q = self.demand(paths), self.distance(paths)
        # All frequencies are multiples of the first, and one cosine gives them all.
        once = xp.cos(FREQUENCIES[0] * y)
        twice = 2.0 * once * once - 1.0
        thrice = once * (2.0 * twice - 1.0)
        four, six = 2.0 * twice * twice - 1.0, 2.0 * thrice * thrice - 1.0
        waves = (once, twice, thrice, four, six, 2.0 * four * four - 1.0)
        columns = [xp.mean(column, axis=1) for column in (*waves, y * q, q * q)]
        return xp.concat([xp.stack(columns, axis=1), autocovariances(y, LAGS)], axis=1)

    def of_both(self, paths: Array, predictor: Predictor) -> Array:
        """The 18 and the 56 statistics of every path, ``(n, 74)``."""
        xp = namespace(paths)
        return xp.concat([self.of(paths), self.sharp(paths, predictor)], axis=1)

    # The 56 -------------------------------------------------------------------------------------

    def sharp(self, paths: Array, predictor: Predictor) -> Array:
        """The 56 statistics of every path, ``(n, 56)``."""
        xp = namespace(paths)
        e = self.unexplained(paths, predictor.technical)
        coefficients = _constant(xp, predictor.coefficients, paths)
        p = self._regressors(paths, e) @ coefficients  # (n, K)
        angles = e[:, PREDICTED_FROM:, None] * _constant(xp, SHARP_FREQUENCIES, paths)
        near = [(_bump(xp, p - centre), _bump(xp, p + centre)) for centre in CENTRES]
        even = xp.stack([one + other for one, other in near], axis=1)  # (n, 4, K)
        odd = xp.stack([one - other for one, other in near[1:]], axis=1)
        shares = [bumps @ wave for bumps, wave in ((even, xp.cos(angles)), (odd, xp.sin(angles)))]
        found = [xp.reshape(share, (paths.shape[0], -1)) for share in shares]
        return xp.concat(found, axis=1) / p.shape[1]

    def predictor(self, paths: NDArray[np.float64], technical: Any) -> Predictor:
        """The prediction that fits a reference best.

        Args:
            paths: the reference, ``(n, T + 1)``.
            technical: d, a number or one per technical trader.

        Raises:
            PacesetterError: technical traders follow an indicator, or paths are too short.
        """
        if not self.smoothed:
            raise PacesetterError(
                "market 'stock_market': the 56 statistics take out what technical traders of a "
                "known sensitivity order, and indicator rules have none; use the 18."
            )
        _long_enough(paths, PREDICTED_FROM + 1)
        technical = np.atleast_1d(np.asarray(technical, dtype=np.float64))
        e = self.unexplained(paths, technical)
        regressors = self._regressors(paths, e).reshape(-1, 2 + len(PREDICTION_LAGS))
        target = e[:, PREDICTED_FROM:].ravel()
        return Predictor(technical, np.linalg.lstsq(regressors, target, rcond=None)[0])

    def unexplained(self, paths: Array, technical: NDArray[np.float64]) -> Array:
        """e = y − D₂(P; d) of every period, ``(n, T)``."""
        xp = namespace(paths)
        orders = by_trend(
            xp, "smoothed", self._trends(paths), _constant(xp, technical, paths), width=1.0
        )
        return self.demand(paths) - xp.sum(orders, axis=2)

    def _trends(self, paths: Array) -> Array:
        """M of every technical trader, zero while it is silent, ``(n, T, N₂)``."""
        xp = namespace(paths)
        periods, length = paths.shape[1] - 1, self.weights.shape[1]
        # What was before the first price is taken to be as it: without a warm-up that is exact.
        before = xp.broadcast_to(paths[:, :1], (paths.shape[0], length - 1))
        prices = xp.concat([before, paths[:, :-1]], axis=1)
        total = 0.0
        for age in range(length):
            weight = _constant(xp, self.weights[:, length - 1 - age], paths)
            first = length - 1 - age
            total = total + prices[:, first : first + periods, None] * weight
        time = self.warm_up + np.arange(1, periods + 1)
        heard = time[:, None] >= np.array(self.long_windows, dtype=int)
        return total * _constant(xp, heard.astype(float), paths)

    def _regressors(self, paths: Array, e: Array) -> Array:
        """q, tanh(q / 2) and e + 1.5 q at the lags, in periods t > 10, ``(n, K, 9)``."""
        xp = namespace(paths)
        q = self.distance(paths)
        total, periods = e + REVERSION * q, e.shape[1]
        lagged = [total[:, PREDICTED_FROM - lag : periods - lag] for lag in PREDICTION_LAGS]
        now = q[:, PREDICTED_FROM:]
        return xp.stack([now, xp.tanh(0.5 * now), *lagged], axis=2)


@dataclass(frozen=True)
class Sharp:
    """The 56 statistics of an objective's paths: further ones of the objective ``statistics``.

    Attributes:
        of: of the market.
        start: P(0), which an objective's path leaves out.
        predictor: fitted on the reference.
    """

    of: PathStatistics
    start: float
    predictor: Predictor

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the 56 statistics."""
        return self.of.sharp_names

    def __call__(self, path: Mapping[str, Array]) -> Array:
        """Of prices ``(n, T)``: ``(n, 56)``."""
        return self.of.sharp(_from_the_start(path["price"], self.start), self.predictor)


def sharp(market: Any, reference: Mapping[str, Array], technical: float) -> Sharp:
    """What makes the 56 statistics of paths.

    Args:
        market: the stock market.
        reference: its ``price``, ``(n, T)``, is what the prediction is fitted on.
        technical: an estimate of the technical sensitivity.

    Raises:
        PacesetterError: the first price of a path is not known, or see `PathStatistics.predictor`.
    """
    if market.warm_up:
        raise PacesetterError(
            f"market 'stock_market': with a warm-up of {market.warm_up} periods the price that a "
            "path starts from is not known, which these statistics need; set market.warm_up: 0."
        )
    of, start = market.path_statistics, float(market.initial_price)
    prices = _from_the_start(np.asarray(reference["price"]), start)
    return Sharp(of, start, of.predictor(prices, technical))


def _from_the_start(prices: Array, start: float) -> Array:
    """With P(0) in front, ``(n, T)`` to ``(n, T + 1)``."""
    xp = namespace(prices)
    return xp.concat([xp.zeros_like(prices[:, :1]) + start, prices], axis=1)


def autocovariances(series: Array, lags: int) -> Array:
    """Means over t of y(t) y(t−k), k = 1, …, lags, ``(n, T)`` to ``(n, lags)``; T > lags."""
    xp = namespace(series)
    products = [series[:, lag:] * series[:, :-lag] for lag in range(1, lags + 1)]
    return xp.stack([xp.mean(product, axis=1) for product in products], axis=1)


def _long_enough(paths: Array, periods: int) -> None:
    """Refuse paths that are shorter than the lags."""
    if paths.shape[1] <= periods:
        raise PacesetterError(
            f"market 'stock_market': these statistics look back {periods - 1} periods and need at "
            f"least {periods}, got {paths.shape[1] - 1}; raise market.horizon."
        )


def _bump(xp: Any, distance: Array) -> Array:
    """The normal density's shape, one at its middle."""
    scaled = distance / WIDTH
    return xp.exp(-0.5 * scaled * scaled)


def _constant(xp: Any, values: Any, like: Array) -> Array:
    return xp.asarray(values, dtype=like.dtype, device=array_api_compat.device(like))
