"""What market and equilibria of market entry share: actions and pay-offs."""

from __future__ import annotations

from typing import Protocol

OUT, IN = 0, 1
OUTSIDE_UTILITY = 1.0  # β
ENTRY_STRENGTH = 2.0  # v, utility per free place


class Entering(Protocol):
    """What equilibria are computed from; see the options of the market."""

    @property
    def traders(self) -> int:
        """Their number, N."""

    @property
    def capacity(self) -> int:
        """Places in the market, C."""

    @property
    def periods(self) -> int:
        """Steps of an episode, T."""

    @property
    def information_cost(self) -> float:
        """Price of information, λ."""
