"""Speed of volatility clustering: counted traders with tangents beside autograd, and a million.

Times are of the processor.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from ....envs.registry import make
from ....envs.volatility_clustering.market import VolatilityClustering
from ....envs.volatility_clustering.options import TRUTH
from ..speed import Figures, Measured, note
from .memory import megabytes, reverse

PATHS = 10
MILLION, LONG = 1_000_000, 1000


def volatility_clustering(repeats: int, quick: bool = False) -> Figures:
    """Milliseconds of 10 paths of 100 periods and 1,000 traders; a million traders for 1,000."""
    figures: Figures = {}
    usual, theta = _market(), np.tile(list(TRUTH.values()), (PATHS, 1))
    traders, periods = (MILLION // 10, LONG // 10) if quick else (MILLION, LONG)
    huge = _market(traders=traders, periods=periods)
    usual.simulate(theta)  # compiles
    tries = 5 if quick else 20
    timed = {
        "counted_with_tangents": lambda: usual.simulate(theta),
        "counted": lambda: usual.simulate(theta, tangents=False),
        "arrays": lambda: _stepped(usual, theta),
    }
    for _ in range(repeats):
        for name, call in timed.items():
            note(figures, f"{name}/milliseconds", 1e3 * _seconds(call, tries))
        by_graph = _seconds(lambda: reverse(usual, PATHS), tries // 5)
        note(figures, "autograd/milliseconds", 1e3 * by_graph)
        note(figures, "million/seconds", _seconds(lambda: huge.simulate(theta[:1]), 1))
        note(figures, "million/megabytes", megabytes("forward", traders, periods))
    return figures


def _market(**options: int) -> VolatilityClustering:
    made = make("volatility_clustering", **options)
    assert isinstance(made, VolatilityClustering)
    return made


def _stepped(market: VolatilityClustering, theta: np.ndarray) -> None:
    state = market.reset(0, len(theta), theta)
    for _ in range(market.periods):
        state = market.step(state, {}).state


def _seconds(call: Callable[[], object], tries: int) -> float:
    """Median time of a call."""
    times = []
    for _ in range(tries):
        began = time.process_time()
        call()
        times.append(time.process_time() - began)
    return float(np.median(times))


ALONE = Measured(
    "volatility clustering, 10 paths of 100 periods and 1,000 traders, one core",
    volatility_clustering,
    goals={
        "counted_with_tangents/milliseconds": ("at most", 10.0),
        "million/seconds": ("at most", 1.0),
        "million/megabytes": ("at most", 60.0),
    },
)
