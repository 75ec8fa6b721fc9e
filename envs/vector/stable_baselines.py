"""The Stable-Baselines3 view: copies × agents of a market as a `VecEnv` of one shared policy.

PPO("MlpPolicy", sb3_env("cobweb", copies=64), n_steps=50).learn(1_000_000)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from ..core.market import Market
from .copies import Theta
from .gymnasium_view import FollowerVector, vector_env

NOTHING: dict[str, Any] = {}


class FollowerVecEnv(VecEnv):
    """`FollowerVector` as Stable-Baselines3 takes it; all rows are stepped at once.

    Rewards are float32. Rows whose episode goes on share one empty info; where one has ended, it
    holds ``terminal_observation`` and ``TimeLimit.truncated``.

    Args:
        view: what is stepped.
    """

    def __init__(self, view: FollowerVector):
        self.view = view
        self.render_mode = None
        super().__init__(view.num_envs, view.single_observation_space, view.single_action_space)
        self._actions: Any = None
        self._seed: int | None = None

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Seed the next reset: copy b gets ``seed + b``."""
        self._seed = seed
        return [seed] * self.num_envs

    def reset(self) -> NDArray[np.float32]:
        """Begin an episode in every copy; observations ``(B N, D)``."""
        observations, _ = self.view.reset(seed=self._seed)
        self._seed = None
        return observations

    def step_async(self, actions: NDArray[Any]) -> None:
        """Keep the actions for `step_wait`."""
        self._actions = actions

    def step_wait(
        self,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """Play one step of every copy."""
        seen, rewards, terminated, truncated, infos = self.view.step(self._actions)
        ended = terminated | truncated
        told = [NOTHING] * self.num_envs
        for row in np.flatnonzero(ended):  # the library wants one dictionary each, at the end only
            told[row] = {
                "terminal_observation": infos["final_obs"][row],
                "TimeLimit.truncated": bool(truncated[row] and not terminated[row]),
            }
        return seen, rewards.astype(np.float32), ended, told

    def close(self) -> None:
        """Nothing is held open."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """The view's attribute, once per row."""
        return [getattr(self.view, attr_name)] * len(self._rows(indices))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of the view; all rows share it."""
        setattr(self.view, attr_name, value)

    def env_method(
        self, method_name: str, *arguments: Any, indices: Any = None, **options: Any
    ) -> list[Any]:
        """Call a method of the view once, e.g. ``set_characteristics``; its answer for each row."""
        answer = getattr(self.view, method_name)(*arguments, **options)
        return [answer] * len(self._rows(indices))

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """Rows are in no wrapper."""
        return [False] * len(self._rows(indices))

    def _rows(self, indices: int | Iterable[int] | None) -> Sequence[int]:
        return list(self._get_indices(indices))


def sb3_env(
    market: Market | str,
    copies: int = 64,
    theta: Theta = None,
    group: str | None = None,
    **options: Any,
) -> FollowerVecEnv:
    """All copies and agents of a market with one group, for Stable-Baselines3.

    Args:
        market, copies, theta, group, options: as for `vector_env`.

    Raises:
        PacesetterError: an unknown name or option, several groups, or θ out of bounds.
    """
    return FollowerVecEnv(vector_env(market, copies, theta, group, **options))
