"""Actions on the normalised scale of the networks and in the units of the market."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete
from numpy.typing import NDArray

from ..experiments.settings import ActionBounds

LARGEST_BENT_ACTION = 0.999  # of the normalised scale; tanh reaches 1 at infinity only


def to_action_space(
    actions: NDArray[Any], space: Box | Discrete, bounds: ActionBounds
) -> NDArray[Any]:
    """Map a policy's actions to a Box; integers pass.

    Args:
        actions: on the normalised scale, in which the Box is [−1, 1].
        space: the group's action space.
        bounds: ``clipped`` cuts actions off there, ``smooth`` bends them with tanh.
    """
    if isinstance(space, Discrete):
        return actions
    within = np.tanh(actions) if bounds == "smooth" else np.clip(actions, -1.0, 1.0)
    return space.low + (within + 1.0) * 0.5 * (space.high - space.low)


def from_action_space(
    action: NDArray[Any], space: Box, bounds: ActionBounds
) -> NDArray[np.float64]:
    """The action on the normalised scale that `to_action_space` maps to this one, ``(A,)``."""
    scaled = 2.0 * (action - space.low) / (space.high - space.low) - 1.0
    if bounds == "clipped":
        return scaled
    return np.arctanh(np.clip(scaled, -LARGEST_BENT_ACTION, LARGEST_BENT_ACTION))
