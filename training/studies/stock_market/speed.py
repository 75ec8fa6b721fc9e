"""Speed of the stock market: whole paths with their derivative, and the market step by step.

Times are of the processor: one process computes and waits for nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ....envs.registry import make
from ....envs.stock_market.market import StockMarket
from ..speed import Figures, Measured, note

PATHS, COPIES = 1000, 64
THETA = np.array([1.0, 1.0, 0.5])


def stock_market(repeats: int, quick: bool = False) -> Figures:
    """Milliseconds for 1,000 paths of 50 periods, and steps of a copy per second."""
    figures: Figures = {}
    market = make("stock_market")
    assert isinstance(market, StockMarket)
    simulation, shocks = market.simulation, market.path_shocks(PATHS, 0)
    gradient = np.random.default_rng(0).normal(size=(PATHS, market.horizon + 1))
    simulated = simulation.paths(THETA, shocks)
    predictor = market.path_statistics.predictor(simulated.prices, THETA[2])
    measured: dict[str, Callable[[], Any]] = {
        "draw": lambda: market.path_shocks(PATHS, 0),
        "paths": lambda: simulation.paths(THETA, shocks, slopes=False),
        "paths_and_pull_back": lambda: simulation.paths(THETA, shocks).pull_back(gradient),
        "18_statistics": lambda: market.statistics(simulated.prices),
        "74_statistics": lambda: market.path_statistics.of_both(simulated.prices, predictor),
    }
    for _ in range(repeats):
        for name, function in measured.items():
            note(figures, f"{name}/milliseconds", 1e3 * seconds(function, 5 if quick else 20))
        note(figures, "env_steps_per_processor_second", steps_per_second(market))
    return figures


def seconds(function: Callable[[], Any], times: int) -> float:
    """Processor time of the median call."""
    found = []
    for _ in range(times):
        began = time.process_time()
        function()
        found.append(time.process_time() - began)
    return float(np.median(found))


def steps_per_second(market: StockMarket, least_seconds: float = 0.5) -> float:
    """Steps per second over all copies, shocks and restarts included."""
    state = market.reset(0, COPIES, THETA)
    steps, began = 0, time.process_time()
    while (elapsed := time.process_time() - began) < least_seconds:
        step = market.step(state, {})
        state = market.restart(step.state, step.terminated | step.truncated)
        steps += 1
    return steps * COPIES / elapsed


ALONE = Measured(
    "the stock market alone: 1,000 paths of 50 periods, and 64 copies step by step",
    stock_market,
    goals={"paths_and_pull_back/milliseconds": ("at most", 10.0)},
)
