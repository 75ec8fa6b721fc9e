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
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import PacesetterError
from .kernels import DIMENSIONS, SUMS, add_first_thresholds, gamma_slopes, walk
from .thresholds import Law

Floats = NDArray[np.float64]
AT_ONCE = 2**14  # traders whose thresholds are in memory together
FARTHEST_LOG = 20.0  # of a parameter, beyond which no path is walked


@dataclass(frozen=True)
class Crowd:
    """Who trades, for how long, and how orders are differentiated.

    Attributes:
        traders, periods: N and T.
        thresholds: distribution of thresholds at the start.
        steepness: k, in units of one over a threshold.
        soft: trade by the logistic function.
    """

    traders: int
    periods: int
    thresholds: Law
    steepness: float
    soft: bool


@dataclass(frozen=True)
class Returns:
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
    crowd: Crowd,
    parameters: Floats,
    seed: int,
    shocks: Mapping[str, Floats],
    tangents: bool,
) -> Returns:
    """Paths of α, β, σ, η and s, ``(J, 5)``, with tangents by the logarithms of the first four.

    See `VolatilityClustering.paths`.
    """
    _check_shocks(crowd, shocks, len(parameters))
    returns = np.full((len(parameters), crowd.periods), np.nan)
    slopes = np.full((len(parameters), crowd.periods, DIMENSIONS), np.nan)
    with np.errstate(divide="ignore"):
        within = (np.abs(np.log(parameters[:, :DIMENSIONS])) <= FARTHEST_LOG).all(axis=1)
    for j in np.flatnonzero(within):
        given = {name: values[j] for name, values in shocks.items()}
        generator = np.random.default_rng([seed, int(j)])
        _walk_one(crowd, parameters[j], generator, given, tangents, returns[j], slopes[j])
    return Returns(returns, slopes if tangents else None)


def _walk_one(
    crowd: Crowd,
    parameters: Floats,
    generator: np.random.Generator,
    given: Mapping[str, Floats],
    tangents: bool,
    returns: Floats,
    slopes: Floats,
) -> None:
    alpha, beta, sigma, eta, s = parameters.tolist()
    drawn = given["news"] if "news" in given else generator.standard_normal(crowd.periods)
    news = sigma * np.asarray(drawn, dtype=np.float64)
    sums = np.zeros((crowd.periods, SUMS))
    leaving = np.zeros(crowd.periods, dtype=np.int64)
    how = crowd.steepness, crowd.soft, tangents
    for first in range(0, crowd.traders, AT_ONCE):
        number = min(AT_ONCE, crowd.traders - first)
        if "thresholds" in given:
            draws = _quantiles(crowd, alpha, given["thresholds"][first : first + number])
        elif crowd.thresholds == "gamma":
            draws = generator.standard_gamma(alpha, number)
        else:
            draws = generator.standard_normal(number)
        first_ones = _thresholds(crowd, alpha, beta, draws, tangents)
        lifetimes = _lifetimes(generator, s, number, crowd.periods)
        add_first_thresholds(np.abs(news), *how, *first_ones, lifetimes, sums, leaving)
    walk(news, *how, crowd.traders, eta, s, sums, leaving, generator, returns, slopes)


def _quantiles(crowd: Crowd, alpha: float, probability: Any) -> Floats:
    from scipy.special import gammaincinv, ndtri  # slow imports

    with np.errstate(under="ignore"):
        if crowd.thresholds == "gamma":
            return np.asarray(gammaincinv(alpha, probability))
        return np.asarray(ndtri(np.maximum(probability, 1e-300)))


def _thresholds(
    crowd: Crowd, alpha: float, beta: float, draws: Floats, tangents: bool
) -> tuple[Floats, Floats, Floats]:
    """Thresholds at the start and their derivatives by log α and log β, each ``(n,)``."""
    with np.errstate(under="ignore", over="ignore"):
        if crowd.thresholds == "lognormal":
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


def _check_shocks(crowd: Crowd, shocks: Mapping[str, Floats], paths: int) -> None:
    shapes = {"news": (paths, crowd.periods), "thresholds": (paths, crowd.traders)}
    for name, values in shocks.items():
        if name not in shapes:
            raise PacesetterError(
                f"paths take shocks {' and '.join(shapes)}, got {name!r}; who sets its threshold "
                "is drawn from the seed."
            )
        if np.shape(values) != shapes[name]:
            raise PacesetterError(
                f"shock {name!r} of paths must have shape {shapes[name]}, got {np.shape(values)}."
            )
