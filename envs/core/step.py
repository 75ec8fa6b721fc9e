"""What one step of all copies brings."""

from __future__ import annotations

from dataclasses import dataclass

from .arrays import Array
from .state import State


@dataclass(frozen=True)
class Step:
    """What one step of all copies brings.

    Attributes:
        state: the state after the step.
        rewards: group name -> ``(B, N)``, of order one.
        quantities: named path quantities an objective may read, name -> ``(B,)`` or ``(B, N)``.
        terminated: the episode has come to its natural end, ``(B,)`` bool.
        truncated: the episode was cut at the horizon and goes on in principle, ``(B,)`` bool; its
            value is bootstrapped from the final observation.
    """

    state: State
    rewards: dict[str, Array]
    quantities: dict[str, Array]
    terminated: Array
    truncated: Array
