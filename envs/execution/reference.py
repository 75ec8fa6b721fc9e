"""Path quantities of the order book without executors, to calibrate a background to.

Version history: v1.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..core.market import Market
from .kernels import HOLD


@lru_cache(maxsize=4)
def background_paths(
    market: Market, theta: tuple[float, ...], number: int, seed: int
) -> dict[str, NDArray[np.float64]]:
    """At least so many steps of episodes in which nobody executes an order; kept for later calls.

    Returns:
        name of a path quantity -> one number per step; of the first executor where each has one.
    """
    (executors,) = market.groups
    copies = -(-number // market.steps_per_episode)
    actions = {executors.name: np.full((copies, executors.size), HOLD)}
    state = market.reset(seed, copies, theta)
    found: dict[str, list[NDArray[np.float64]]] = {name: [] for name in market.quantities}
    for _ in range(market.steps_per_episode):
        step = market.step(state, actions)
        state = step.state
        for name, values in step.quantities.items():
            found[name].append(np.asarray(values, dtype=np.float64).reshape(copies, -1)[:, 0])
    return {name: np.concatenate(values) for name, values in found.items()}
