"""Where in its parameter space the market does what days do: many θ, and the nearest of them.

Returns are c times as large, shock by shock, where thresholds and news are and η is a c-th of it.
So the deviation can be anything, and what is scanned are the four numbers that no unit changes: α,
the mean threshold at the start and σ, both in units of 1/η, and s. Every path is looked at twice:
*from the start*, when thresholds still are what they were given, and *settled*, when all but one in
a thousand have been set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .....envs.registry import make
from .....envs.volatility_clustering.market import VolatilityClustering
from .....envs.volatility_clustering.options import NAMES
from .facts import daily_facts

Floats = NDArray[np.float64]
Facts = dict[str, Floats]
BOX = {
    "log α": (-2.0, 2.0),
    "log of the mean threshold × η": (float(np.log(1e-3)), float(np.log(10.0))),
    "log σ η": (float(np.log(1e-4)), float(np.log(10.0))),
    "logit s": (-6.0, 2.0),
}
"""What is scanned, from the lowest to the highest value."""
SETTLING = 2800  # days, 7 / s of the smallest s
START, SETTLED = "from the start", "settled"
TOLERANCE = {
    "tail": 0.05,
    "still": 0.01,
    "autocorrelation/1": 0.05,
    "clustering/1": 0.05,
    "clustering/5": 0.05,
    "clustering/20": 0.05,
    "clustering/100": 0.05,
    "memory": 0.1,
    "leverage": 0.05,
}
"""Distances that count as one. That of the kurtosis is `SHARE` of the data's."""
SHARE = 0.25
SOUGHT: dict[str, tuple[str, ...]] = {
    "heavy tails": ("excess_kurtosis", "tail", "still"),
    "clusters of weeks": ("clustering/1", "clustering/5", "clustering/20", "still"),
    "long memory": ("clustering/20", "clustering/100", "memory", "still"),
    "everything": ("excess_kurtosis", *TOLERANCE),
}
"""What is sought -> the facts that are to be met."""


@dataclass(frozen=True)
class Found:
    """The θ that comes nearest.

    Attributes:
        theta: of all of `NAMES`, in units of the data's returns, ``(5,)``.
        facts: of its paths under other shocks than it was chosen by, name -> ``(n,)``.
    """

    theta: Floats
    facts: Facts


def spread(points: int, seed: int) -> Floats:
    """θ that fill the box evenly (Sobol's sequence), with η = 1, ``(points, 5)``."""
    from scipy.stats import qmc  # a slow import

    low, high = np.array(list(BOX.values())).T
    exponent = int(np.ceil(np.log2(points)))
    unit = qmc.Sobol(len(BOX), rng=seed).random_base2(exponent)[:points]
    alpha, mean, sigma, s = (low + unit * (high - low)).T
    return np.stack([alpha, alpha - mean, sigma, np.zeros(points), s], axis=1)


def looked_at(theta: Floats, periods: int, seed: int) -> dict[str, Facts]:
    """Facts of a path under every θ, ``(n, 5)``, from the start and settled."""
    market = make("volatility_clustering", leader_sets=NAMES, periods=periods + SETTLING)
    assert isinstance(market, VolatilityClustering)
    returns = market.simulate(theta, seed, tangents=False).returns
    return {START: daily_facts(returns[:, :periods]), SETTLED: daily_facts(returns[:, -periods:])}


def distance(facts: Facts, data: Mapping[str, float], sought: Sequence[str]) -> Floats:
    """Mean squared distance from the data's facts in tolerances, ``(n,)``; lost paths are far."""
    tolerance = {**TOLERANCE, "excess_kurtosis": SHARE * abs(data["excess_kurtosis"])}
    away = [((facts[name] - data[name]) / tolerance[name]) ** 2 for name in sought]
    return np.where(facts["deviation"] > 0.0, np.mean(away, axis=0), np.inf)


def reached(facts: Facts, data: Mapping[str, float]) -> dict[str, NDArray[np.bool_]]:
    """Which θ meet all facts of a kind within their tolerances, each ``(n,)``."""
    return {
        sought: np.all([distance(facts, data, [name]) <= 1.0 for name in names], axis=0)
        for sought, names in SOUGHT.items()
        if sought != "everything"
    }


def nearest(
    theta: Floats,
    scanned: dict[str, Facts],
    data: Mapping[str, float],
    periods: int,
    candidates: int,
    paths: int,
) -> dict[tuple[str, str], Found]:
    """The best θ for everything that is sought, by each view, under fresh shocks.

    The nearest of the scan, `candidates` of them, are tried on 4 more paths, because the best of
    many is partly luck; the best of these is then played `paths` times.
    """
    found = {}
    for sought, names in SOUGHT.items():
        for view in (START, SETTLED):
            order = np.argsort(distance(scanned[view], data, names))[:candidates]
            again = looked_at(np.repeat(theta[order], 4, axis=0), periods, seed=11)[view]
            means = distance(again, data, names).reshape(len(order), 4).mean(axis=1)
            best = theta[order[np.argmin(means)]]
            facts = looked_at(np.repeat(best[None], paths, axis=0), periods, seed=0)[view]
            scale = data["deviation"] / facts["deviation"].mean()
            facts["deviation"] = facts["deviation"] * scale
            found[sought, view] = Found(scaled(best, scale), facts)
    return found


def scaled(theta: Floats, scale: float) -> Floats:
    """θ under which every return is so many times as large."""
    return theta + np.log(scale) * np.array([0.0, -1.0, 1.0, -1.0, 0.0])
