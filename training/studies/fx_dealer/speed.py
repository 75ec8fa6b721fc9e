"""Speed of currency dealers: physics and observations, at 64 copies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ....envs.fx_dealer.market import FxDealer
from ..speed import Figures, Measured, note, steps_per_second

COPIES = 64
MARKETS: Mapping[str, Mapping[str, Any]] = {
    "one_dealer": {},
    "one_dealer_expected_pay": {"request_pnl": "expected"},
    "three_dealers": {"dealers": 3, "design": "composition"},
    "three_by_closed_form": {
        "dealers": 3, "design": "composition", "dealers_are": "closed_form",
    },
}  # fmt: skip


def alone(repeats: int, quick: bool = False) -> Figures:
    """Dealers' steps per second of processor time."""
    figures: Figures = {}
    for _ in range(repeats):
        for name, options in MARKETS.items():
            market = FxDealer(**options)
            actions = {
                group.name: np.zeros((COPIES, group.size, *group.action_space.shape), np.float32)
                for group in market.groups
            }
            market.step(market.reset(0, COPIES), actions)  # loops are compiled
            rate = steps_per_second(market, actions, COPIES, 0.1 if quick else 0.5)
            figure = f"{name}/agent_steps_per_processor_second"
            note(figures, figure, rate * market.dealers)
    return figures


ALONE = Measured(
    "currency dealers alone, 64 copies of one or three",
    alone,
    goals={f"{name}/agent_steps_per_processor_second": ("at least", 3e5) for name in MARKETS},
)
