"""Speed of the market maker's physics alone: shocks and episode ends included, observations not.

Rates are per second of processor time.
"""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np

from ....envs.core.market import Market
from ....envs.market_maker.market import MARKET_MAKER
from ....envs.registry import make
from ..speed import Figures, JaxRace, Measured, Solution, note
from ..views import GOALS as OF_VIEWS
from ..views import views

COPIES = 64
JAX = JaxRace("64 copies of 100 steps, one core", "market_maker", COPIES, 100)
SOLUTION = Solution("market makers, 64 copies of 25 steps", "market_maker", COPIES, 25)
TAKERS = (20, 100, 1000, 10_000)


def market_maker(repeats: int, quick: bool = False) -> Figures:
    """Steps of a copy per second, and nanoseconds per taker and step, with few and many takers."""
    figures: Figures = {}
    for _ in range(repeats):
        costs = {}
        for takers in TAKERS:
            rate = steps_per_second(make("market_maker", takers=takers))
            costs[takers] = 1e9 / (rate * takers)
            note(figures, f"{takers}_takers/env_steps_per_processor_second", rate)
            note(figures, f"{takers}_takers/nanoseconds_per_taker", costs[takers])
        for few, many in pairwise(TAKERS):
            note(figures, f"cost_per_taker_at_{many}_over_{few}", costs[many] / costs[few])
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


ALONE = Measured(
    "the market maker alone, 64 copies",
    market_maker,
    goals={
        "100_takers/env_steps_per_processor_second": ("at least", 5e5),
        **{
            f"cost_per_taker_at_{many}_over_{few}": ("at most", 1.0)
            for few, many in pairwise(TAKERS)
        },
    },
)


def for_others(repeats: int, quick: bool = False) -> Figures:
    """64 makers, by Stable-Baselines3."""
    return views("market_maker", 100, 4, repeats, quick)


VIEWS = Measured("Stable-Baselines3 on arrays and by SuperSuit, 4 epochs", for_others, OF_VIEWS)
