"""Speed of requests for quote: physics and observations, at 64 copies."""

from __future__ import annotations

import numpy as np

from ....envs.otc_rfq.market import DEALER
from ....envs.registry import make
from ..speed import Figures, Measured, note, steps_per_second

COPIES = 64


def alone(repeats: int, quick: bool = False) -> Figures:
    """Dealers' steps per second of processor time, learning and at random."""
    figures: Figures = {}
    for _ in range(repeats):
        for kind in ("learning", "exogenous"):
            market = make("otc_rfq", dealers=9, dealers_are=kind)
            quoted = {DEALER: np.full((COPIES, 9, 1), 0.3, dtype=np.float32)}
            rate = steps_per_second(market, quoted if market.groups else {}, COPIES)
            note(figures, f"{kind}/agent_steps_per_processor_second", 9 * rate)
    return figures


ALONE = Measured(
    "requests for quote alone, 64 copies of 9 dealers",
    alone,
    goals={"learning/agent_steps_per_processor_second": ("at least", 3e5)},
)
