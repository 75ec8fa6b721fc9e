"""Actions on the normalised scale of the networks and in the units of the market."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete
from numpy.typing import NDArray

from ..experiments.settings import ActionBounds

LARGEST_BENT_ACTION = 0.999  # of the normalised scale; tanh reaches 1 at infinity only
GROWTH = 2.5  # of proportional steps: those at the upper bound are e^2.5 times those at the lower


def to_action_space(
    actions: NDArray[Any], space: Box | Discrete, bounds: ActionBounds
) -> NDArray[Any]:
    """Map a policy's actions to a Box; integers pass.

    Args:
        actions: on the normalised scale, in which the Box is [−1, 1].
        space: the group's action space.
        bounds: ``clipped`` cuts actions off there, ``smooth`` bends them with tanh;
            ``proportional`` cuts them off on a scale whose steps grow geometrically.
    """
    if isinstance(space, Discrete):
        return actions
    return space.low + share_of_range(np, actions, bounds) * (space.high - space.low)


def share_of_range(xp: Any, actions: Any, bounds: ActionBounds) -> Any:
    """Where actions of the normalised scale lie between the bounds of a Box, from 0 to 1.

    Args:
        xp: numpy or torch.
        actions: of any shape.
        bounds: see `to_action_space`.
    """
    within = xp.tanh(actions) if bounds == "smooth" else xp.clip(actions, -1.0, 1.0)
    share = (within + 1.0) * 0.5
    return xp.expm1(GROWTH * share) / math.expm1(GROWTH) if bounds == "proportional" else share


def from_action_space(
    action: NDArray[Any], space: Box, bounds: ActionBounds
) -> NDArray[np.float64]:
    """The action on the normalised scale that `to_action_space` maps to this one, ``(A,)``."""
    share = (action - space.low) / (space.high - space.low)
    if bounds == "proportional":
        share = np.log1p(share * math.expm1(GROWTH)) / GROWTH
    scaled = 2.0 * share - 1.0
    if bounds != "smooth":
        return scaled
    return np.arctanh(np.clip(scaled, -LARGEST_BENT_ACTION, LARGEST_BENT_ACTION))
