"""What an episode brings that is not stepped: its path quantities, and their derivative."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .arrays import Array


@dataclass(frozen=True)
class Paths:
    """One episode of B copies in one go, with the derivative by θ at hand.

    Attributes:
        quantities: path quantities, name -> ``(B, T, …)``, NumPy.
        pull_back: from the gradient of a number by some of them, name -> as the quantity, to that
            by each copy's θ, ``(B, d)``: what reverse mode through `transition` gives.
    """

    quantities: dict[str, Array]
    pull_back: Callable[[Mapping[str, Array]], Array]
