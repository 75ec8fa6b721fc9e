"""The Stable-Baselines3 view with actions from −1 to 1, as that library wants them."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper

from ...envs.core.market import Market
from ...envs.vector.stable_baselines import sb3_env
from ..policies.actions import to_action_space


class ScaledView(VecEnvWrapper):
    """A view whose Box of actions is [−1, 1]."""

    def __init__(self, view: VecEnv, box: Box):
        self._box = box
        super().__init__(view, action_space=Box(-1.0, 1.0, box.shape, np.float32))

    def reset(self) -> Any:
        """As the view."""
        return self.venv.reset()

    def step_async(self, actions: NDArray[Any]) -> None:
        """In the market's units."""
        self.venv.step_async(to_action_space(actions, self._box, "clipped"))

    def step_wait(self) -> Any:
        """As the view."""
        return self.venv.step_wait()


def scaled_view(market: Market, copies: int) -> VecEnv:
    """So many copies under θ drawn for every episode."""
    view = sb3_env(market, copies, theta="drawn")
    space = view.action_space
    return ScaledView(view, space) if isinstance(space, Box) else view
