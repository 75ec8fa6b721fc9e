"""What the derivative of welfare costs, through the answers of all households."""

from __future__ import annotations

from ..slowdown import GOALS, slowdown
from ..speed import Figures, Measured

SMOOTH = ("followers.activation=silu", "market.households=100")


def labour_tax(repeats: int, quick: bool = False) -> Figures:
    """64 copies of 100 households, one decision each."""
    return slowdown("labour_tax_gradient", "pathwise", 64, SMOOTH, repeats, quick)


DERIVATIVES = Measured("derivatives in the labour tax, pathwise, 64 copies", labour_tax, GOALS)
