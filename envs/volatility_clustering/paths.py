"""Paths by numbers of traders: who shares a threshold is counted, and who does not is added up.

Those who have set their threshold in the same period are a number, thinned binomially. Those who
never have are independent of each other and of all returns: each has its threshold and the number
of periods that it keeps it for, so that they are added up before the walk begins, `AT_ONCE` at a
time. Work per path is N/s + T · (groups alive) in place of N T. Four tangents are carried along
(forward mode).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core.errors import PacesetterError
from .kernels import DIMENSIONS, SUMS, add_first_thresholds, gamma_slopes, walk

if TYPE_CHECKING:
    from .market import VolatilityClustering

Floats = NDArray[np.float64]
AT_ONCE = 2**14  # traders whose thresholds are in memory together
FARTHEST_LOG = 20.0  # of a parameter, beyond which no path is walked
SHOCKS = ("news", "thresholds")


@dataclass(frozen=True)
class Paths:
    """Returns and how they change.

    Attributes:
        returns: r, ``(J, T)``; not a number where θ was beyond all numbers.
        tangents: dr/dθ, ``(J, T, d)``, straight-through; None if they were not asked for.
    """

    returns: Floats
    tangents: Floats | None

    @property
    def log_prices(self) -> Floats:
        """log S, ``(J, T)``."""
        return np.cumsum(self.returns, axis=1)

    @property
    def lost(self) -> int:
        """Paths with returns that are not finite."""
        return int((~np.isfinite(self.returns).all(axis=1)).sum())


def walked(
    market: VolatilityClustering,
    theta: ArrayLike,
    seed: int,
    shocks: Mapping[str, Floats] | None,
    tangents: bool,
) -> Paths:
    """See `VolatilityClustering.paths`."""
    names, shocks = market.leader_sets, shocks or {}
    values = _checked_theta(theta, names)
    _check(market, shocks, len(values), tangents)
    with np.errstate(over="ignore"):
        parameters = np.stack(market.parameters(values), axis=1)
    returns = np.full((len(values), market.periods), np.nan)
    slopes = np.full((len(values), market.periods, DIMENSIONS), np.nan)
    with np.errstate(divide="ignore"):
        within = (np.abs(np.log(parameters[:, :DIMENSIONS])) <= FARTHEST_LOG).all(axis=1)
    for j in np.flatnonzero(within):
        given = {name: values[j] for name, values in shocks.items()}
        _walk_one(market, parameters[j], seed, int(j), given, tangents, returns[j], slopes[j])
    if not tangents:
        return Paths(returns, None)
    columns = [("log_alpha", "log_beta", "log_sigma", "log_eta").index(name) for name in names]
    return Paths(returns, slopes[:, :, columns])


def _walk_one(
    market: VolatilityClustering,
    parameters: Floats,
    seed: int,
    path: int,
    given: Mapping[str, Floats],
    tangents: bool,
    returns: Floats,
    slopes: Floats,
) -> None:
    alpha, beta, sigma, eta, s = parameters.tolist()
    generator = np.random.default_rng([seed, path])
    drawn = given["news"] if "news" in given else generator.standard_normal(market.periods)
    news = sigma * np.asarray(drawn, dtype=np.float64)
    sums = np.zeros((market.periods, SUMS))
    leaving = np.zeros(market.periods, dtype=np.int64)
    size, k, soft = np.abs(news), market.k, market.relaxed
    for first in range(0, market.traders, AT_ONCE):
        number = min(AT_ONCE, market.traders - first)
        if "thresholds" in given:
            draws = _quantiles(market, alpha, given["thresholds"][first : first + number])
        elif market.thresholds == "gamma":
            draws = generator.standard_gamma(alpha, number)
        else:
            draws = generator.standard_normal(number)
        thresholds, by_first, by_second = _thresholds(market, alpha, beta, draws, tangents)
        lifetimes = _lifetimes(generator, s, number, market.periods)
        add_first_thresholds(
            size, k, soft, tangents, thresholds, by_first, by_second, lifetimes, sums, leaving
        )
    walk(
        *(news, k, soft, tangents, market.traders, eta, s),
        *(sums, leaving, generator, returns, slopes),
    )


def _quantiles(market: VolatilityClustering, alpha: float, probability: Any) -> Floats:
    from scipy.special import gammaincinv, ndtri  # slow imports

    with np.errstate(under="ignore"):
        if market.thresholds == "gamma":
            return np.asarray(gammaincinv(alpha, probability))
        return np.asarray(ndtri(np.maximum(probability, 1e-300)))


def _thresholds(
    market: VolatilityClustering, alpha: float, beta: float, draws: Floats, tangents: bool
) -> tuple[Floats, Floats, Floats]:
    """Thresholds at the start and their derivatives by log α and log β, each ``(n,)``."""
    with np.errstate(under="ignore", over="ignore"):
        if market.thresholds == "lognormal":
            thresholds = alpha * np.exp(beta * draws)
            return thresholds, thresholds, thresholds * (beta * draws)
        thresholds = draws / beta
        if not tangents:
            return thresholds, thresholds, thresholds
        from scipy.special import psi

        slopes = np.empty_like(draws)
        gamma_slopes(alpha, float(psi(alpha + 1.0)), draws, slopes)
        return thresholds, slopes * (alpha / beta), -thresholds


def _lifetimes(generator: Any, s: float, number: int, periods: int) -> NDArray[np.int64]:
    """Periods that traders keep their first threshold for; beyond the last period if for good."""
    if s == 0.0:
        return np.full(number, periods + 1)
    return np.asarray(generator.geometric(s, number))


def _checked_theta(theta: ArrayLike, names: tuple[str, ...]) -> Floats:
    values = np.asarray(theta, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != len(names):
        raise PacesetterError(
            f"paths need θ of shape (J, {len(names)}), one row of {', '.join(names)} per path; got "
            f"shape {values.shape}."
        )
    return values


def _check(
    market: VolatilityClustering, shocks: Mapping[str, Floats], paths: int, tangents: bool
) -> None:
    if market.signal != "common":
        raise PacesetterError(
            f"market {market.name!r}: with signal 'private' traders with the same threshold hear "
            "different news, and cannot be counted as one. Choose signal: common, or step the "
            "market itself."
        )
    if tangents and "logit_s" in market.leader_sets:
        raise PacesetterError(
            f"market {market.name!r}: who sets its threshold is drawn, and returns have no "
            "derivative by 'logit_s' along a path. Leave it out of leader_sets, ask for "
            "tangents=False, or take differences."
        )
    shapes = {"news": (paths, market.periods), "thresholds": (paths, market.traders)}
    for name, values in shocks.items():
        if name not in shapes:
            raise PacesetterError(
                f"paths take shocks {' and '.join(SHOCKS)}, got {name!r}; who sets its threshold "
                "is drawn from the seed."
            )
        if np.shape(values) != shapes[name]:
            raise PacesetterError(
                f"shock {name!r} of paths must have shape {shapes[name]}, got {np.shape(values)}."
            )
