"""Speed of makers and investors: physics and observations, at 64 copies."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....envs.dealers.market import Dealers
from ....envs.dealers.view import INVESTOR, MAKER
from ....envs.registry import make
from ..speed import Figures, Measured, note, steps_per_second

COPIES = 64
CASES: dict[str, dict[str, Any]] = {
    "5_makers": {"makers": 5, "network": "per_step"},
    "30_investors": {"scenario": "investors", "investors": 30},
    "5_makers_30_investors": {"scenario": "both", "makers": 5, "investors": 30},
}


def alone(repeats: int, quick: bool = False) -> Figures:
    """Agent steps per second of processor time, by scenario."""
    figures: Figures = {}
    for _ in range(repeats):
        for name, options in CASES.items():
            market = make("dealers", **options)
            assert isinstance(market, Dealers)
            rate = steps_per_second(market, _actions(market), COPIES)
            agents = sum(group.size for group in market.groups)
            note(figures, f"{name}/agent_steps_per_processor_second", agents * rate)
    return figures


def _actions(market: Dealers) -> dict[str, NDArray[Any]]:
    """Offsets and orders at random."""
    generator = np.random.default_rng(0)
    found: dict[str, NDArray[Any]] = {}
    for group in market.groups:
        if group.name == MAKER:
            found[MAKER] = generator.random((COPIES, group.size, 2), dtype=np.float32)
        else:
            found[INVESTOR] = generator.integers(0, 3, (COPIES, group.size))
    return found


ALONE = Measured(
    "makers and investors alone, 64 copies",
    alone,
    goals={f"{name}/agent_steps_per_processor_second": ("at least", 3e5) for name in CASES},
)
