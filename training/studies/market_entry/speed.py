"""Market entry's benchmark."""

from __future__ import annotations

from ..speed import Race

RACE = Race(
    "20 traders, 64 copies, 64×64, 2 epochs, minibatch 1024",
    "market_entry",
    copies=64,
    steps=25,
    goals={"iteration_speedup_over_stock": ("at least", 10.0)},
)
