"""Speed of the market maker's physics alone: shocks and episode ends included, observations not.

Rates are per second of processor time, as in `bench_household`.
"""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np

from ..envs.market import Market
from ..envs.market_maker import MARKET_MAKER
from ..envs.registry import make

Figures = dict[str, list[float]]
"""Name -> one value per turn."""
COPIES = 64
TAKERS = (20, 100, 1000, 10_000)


def market_maker(repeats: int) -> Figures:
    """Steps of a copy per second, and nanoseconds per taker and step, with few and many takers."""
    figures: Figures = {}
    for _ in range(repeats):
        costs = {}
        for takers in TAKERS:
            rate = steps_per_second(make("market_maker", takers=takers))
            costs[takers] = 1e9 / (rate * takers)
            figures.setdefault(f"{takers}_takers/env_steps_per_processor_second", []).append(rate)
            figures.setdefault(f"{takers}_takers/nanoseconds_per_taker", []).append(costs[takers])
        for few, many in pairwise(TAKERS):
            name = f"cost_per_taker_at_{many}_over_{few}"
            figures.setdefault(name, []).append(costs[many] / costs[few])
    return figures


def steps_per_second(market: Market, copies: int = COPIES, least_seconds: float = 0.5) -> float:
    """Steps per second over all copies, under one half-spread per copy from the whole range."""
    high = market.groups[0].action_space.high
    actions = {MARKET_MAKER: np.linspace(0.0, high, copies, dtype=np.float32)[:, None]}
    state = market.reset(0, copies)
    for _ in range(3):
        state = market.step(state, actions).state
    steps, began = 0, time.process_time()
    while (elapsed := time.process_time() - began) < least_seconds:
        step = market.step(state, actions)
        state = market.restart(step.state, step.terminated | step.truncated)
        steps += 1
    return steps * copies / elapsed
