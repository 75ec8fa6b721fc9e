"""Speed of requests for quote: physics and observations, at 64 copies."""

from __future__ import annotations

import time

import numpy as np

from ....envs.core.market import Market
from ....envs.otc_rfq.market import DEALER
from ....envs.registry import make
from ..speed import Figures, Measured, note

COPIES = 64


def alone(repeats: int, quick: bool = False) -> Figures:
    """Dealers' steps per second of processor time, learning and at random."""
    figures: Figures = {}
    for _ in range(repeats):
        for kind in ("learning", "exogenous"):
            rate = steps_per_second(make("otc_rfq", dealers=9, dealers_are=kind))
            note(figures, f"{kind}/agent_steps_per_processor_second", 9 * rate)
    return figures


def steps_per_second(market: Market, least_seconds: float = 0.5) -> float:
    """Steps per second over all copies."""
    actions = {DEALER: np.full((COPIES, 9, 1), 0.3, dtype=np.float32)} if market.groups else {}
    state = market.reset(0, COPIES)
    steps, began = 0, time.process_time()
    while (elapsed := time.process_time() - began) < least_seconds:
        step = market.step(state, actions)
        state = market.restart(step.state, step.terminated | step.truncated)
        market.observe(state)
        steps += 1
    return steps * COPIES / elapsed


ALONE = Measured(
    "requests for quote alone, 64 copies of 9 dealers",
    alone,
    goals={"learning/agent_steps_per_processor_second": ("at least", 3e5)},
)
