"""Speed of the markets alone: steps and agent steps per processor second."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from ...envs.core.market import Market
from ...envs.registry import MARKETS, make
from ..studies.speed import Figures, note

COPIES = 64


def physics(repeats: int, quick: bool = False) -> Figures:
    """Steps per second of every market alone, 64 copies, under random actions."""
    figures: Figures = {}
    prepared = {}
    for name in MARKETS:
        market = make(name)
        prepared[name] = (market, random_actions(market, COPIES))
    for _ in range(repeats):
        for name, (market, actions) in prepared.items():
            note(figures, f"{name}/env_steps_per_second", steps_per_second(market, actions))
    return figures


def steps_per_second(market: Market, actions: dict[str, Any], least_seconds: float = 0.3) -> float:
    """Steps per second over all copies, restarts included, observations not."""
    state, steps, began = market.reset(0, COPIES), 0, time.perf_counter()
    while (elapsed := time.perf_counter() - began) < least_seconds or steps < 2:
        step = market.step(state, actions)
        state = market.restart(step.state, step.terminated | step.truncated)
        steps += 1
    return steps * COPIES / elapsed


def random_actions(market: Market, copies: int) -> dict[str, Any]:
    """One action of everybody, group -> ``(B, N, …)``."""
    actions = {}
    for group in market.groups:
        space = group.action_space
        space.seed(0)
        rows = [[space.sample() for _ in range(group.size)] for _ in range(copies)]
        actions[group.name] = np.array(rows)
    return actions
