"""Stable-Baselines3's PPO as a contender, on the view with actions from −1 to 1 that it wants."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper

from ...envs.core.market import Market
from ...envs.vector.stable_baselines import sb3_env
from ..policies.actions import to_action_space
from ..studies.speed import Solution
from .solvers import DISCOUNT, EPOCHS, HIDDEN, MINIBATCHES, Recipe


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


class StableBaselines:
    """A `Solver`."""

    def __init__(self, declared: Solution, market: Market, recipe: Recipe, seed: int):
        self._env = scaled_view(market, declared.copies)
        self._space = market.groups[0].action_space
        self._rows = declared.steps * self._env.num_envs
        start = {"log_std_init": math.log(recipe.deviation)}
        self._learner = PPO(
            "MlpPolicy",
            self._env,
            learning_rate=recipe.rate,
            n_steps=declared.steps,
            batch_size=max(self._rows // MINIBATCHES, 1),
            n_epochs=EPOCHS,
            gamma=DISCOUNT,
            policy_kwargs={
                "net_arch": list(HIDDEN),
                **({} if isinstance(self._space, Discrete) else start),
            },
            seed=seed,
            device="cpu",
        )

    def iterate(self) -> None:
        """Sample and learn once."""
        self._learner.learn(self._rows, reset_num_timesteps=False)

    def act(self, seen: NDArray[np.float32]) -> NDArray[Any]:
        """The most likely actions, in the market's units."""
        found, _ = self._learner.predict(seen, deterministic=True)
        if isinstance(self._space, Discrete):
            return found
        return to_action_space(found, self._space, "clipped")

    def stop(self) -> None:
        """Close the view."""
        self._env.close()
