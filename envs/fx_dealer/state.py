"""What changes in a market of currency dealers."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.arrays import Array
from ..core.state import State


@dataclass(frozen=True)
class DealerState(State):
    """The market's memory.

    Attributes:
        inventory: of each dealer, M, ``(B, D)``.
        price: mid, bp from where the episode began, ``(B,)``.
        volume, hedged: of each dealer in this episode, M, ``(B, D)``.
        won: requests that each dealer won in this episode, by size, ``(B, D, Z)``.
        asked: requests of this episode by size, ``(B, Z)``.
        shown, dealt: pairs of a request and a dealer of this episode, by mark-up, and those of them
            that dealt, ``(B, K)``.
        type_quantiles: of the entries of each dealer's type, ``(B, D, 2)``.
    """

    inventory: Array
    price: Array
    volume: Array
    hedged: Array
    won: Array
    asked: Array
    shown: Array
    dealt: Array
    type_quantiles: Array
