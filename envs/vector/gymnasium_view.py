"""The Gymnasium views: all copies at once as a `VectorEnv`, one follower as an `Env`.

env = gymnasium.make_vec("pacesetter/market_maker-v0", num_envs=64, theta="drawn")
env = vector_env("cobweb", copies=64)  # six producers each: 384 environments of one policy
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from ..core.errors import PacesetterError
from ..core.market import Market
from .copies import Copies, Theta, market_of, only_group


class FollowerVector(VectorEnv):
    """Copies × agents of a market's only group, as environments of one shared policy.

    Row ``b N + i`` is agent i of copy b. A copy whose episode ends begins a new one in the same
    step (`AutoresetMode.SAME_STEP`); ``infos["final_obs"]``, ``(B N, D)``, then holds what was seen
    last. Infos hold the market's path quantities, name -> ``(B N,)`` or ``(B N, …)``, with
    Gymnasium's masks ``_name``.

    Args:
        market: with one group.
        copies: B.
        theta: see `copies.Theta`.
        group: the group's name, for whoever wants to be sure.

    Raises:
        PacesetterError: several groups or none, or θ is not allowed.
    """

    def __init__(self, market: Market, copies: int, theta: Theta = None, group: str | None = None):
        self.group = only_group(market, group)
        self.copies = Copies(market, copies, theta)
        self.metadata = {
            "name": market.name,
            "render_modes": [],
            "autoreset_mode": AutoresetMode.SAME_STEP,
        }
        self.num_envs = self.copies.number * self.group.size
        self.single_observation_space = self.group.observation_space
        self.single_action_space = self.group.action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._everywhere = np.ones(self.num_envs, dtype=bool)

    @property
    def theta(self) -> NDArray[np.float64]:
        """θ in force in every copy, ``(B, d)``."""
        return self.copies.theta

    def set_characteristics(self, theta: Theta) -> None:
        """Set θ from now on; episodes that have begun go on.

        Raises:
            PacesetterError: θ is out of bounds.
        """
        self.copies.set_theta(theta)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin an episode in every copy.

        Args:
            seed: copy b is seeded with ``seed + b``; None goes on with the random streams.
            options: ``{"theta": …}`` sets θ first.

        Raises:
            PacesetterError: a seed, option or θ that is not allowed.
        """
        super().reset(seed=seed)
        return self._rows(self.copies.reset(seed, options)[self.group.name]), {}

    def step(
        self, actions: Any
    ) -> tuple[
        NDArray[np.float32],
        NDArray[np.float64],
        NDArray[np.bool_],
        NDArray[np.bool_],
        dict[str, Any],
    ]:
        """Play one step of every copy.

        Args:
            actions: ``(B N, A)`` within the Box, or ``(B N,)`` integers.

        Raises:
            PacesetterError: an action is not in its space, or no episode has begun.
        """
        name = self.group.name
        turn = self.copies.step({name: self._shaped(actions)})
        infos: dict[str, Any] = {}
        for quantity, values in turn.quantities.items():
            infos[quantity], infos[f"_{quantity}"] = self._spread(values), self._everywhere
        if turn.ended.any():
            infos["final_obs"] = self._rows(turn.final[name])
            infos["_final_obs"] = self._spread(turn.ended)
        return (
            self._rows(turn.observations[name]),
            turn.rewards[name].reshape(-1),
            self._spread(turn.terminated),
            self._spread(turn.truncated),
            infos,
        )

    def _rows(self, values: NDArray[Any]) -> NDArray[Any]:
        return values.reshape(self.num_envs, *values.shape[2:])

    def _shaped(self, actions: Any) -> Any:
        array = np.asarray(actions)
        if len(array) != self.num_envs if array.ndim else True:
            raise PacesetterError(
                f"step: actions must have {self.num_envs} rows ({self.copies.number} copies × "
                f"{self.group.size} agents), got shape {array.shape}."
            )
        return array.reshape(self.copies.number, self.group.size, *array.shape[1:])

    def _spread(self, values: NDArray[Any]) -> NDArray[Any]:
        """What there is once per copy for each of its agents; what there is per agent in rows."""
        if values.ndim > 1 and values.shape[1] == self.group.size:
            return self._rows(values)
        return values if self.group.size == 1 else np.repeat(values, self.group.size, axis=0)


class FollowerEnv(gymnasium.Env):
    """One copy of a market with one follower, as a Gymnasium environment.

    Args:
        market: with one group of one agent.
        theta: see `copies.Theta`.

    Raises:
        PacesetterError: there are more agents, or θ is not allowed.
    """

    def __init__(self, market: Market, theta: Theta = None):
        self._view = FollowerVector(one_follower(market), 1, theta)
        self.metadata = {"name": market.name, "render_modes": []}
        self.render_mode = None
        self.observation_space = self._view.single_observation_space
        self.action_space = self._view.single_action_space

    @property
    def theta(self) -> NDArray[np.float64]:
        """θ in force, ``(d,)``."""
        return self._view.theta[0]

    def set_characteristics(self, theta: Theta) -> None:
        """Set θ from now on; see `FollowerVector.set_characteristics`."""
        self._view.set_characteristics(theta)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin an episode; see `FollowerVector.reset`."""
        super().reset(seed=seed)
        observations, infos = self._view.reset(seed=seed, options=options)
        return observations[0], infos

    def step(self, action: Any) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Play one step; after the end of an episode, `reset` begins the next one."""
        seen, rewards, terminated, truncated, infos = self._view.step(np.asarray(action)[None])
        final = infos.get("final_obs", seen)[0]
        told = {k: v[0] for k, v in infos.items() if not k.startswith("_") and k != "final_obs"}
        return final, float(rewards[0]), bool(terminated[0]), bool(truncated[0]), told


def vector_env(
    market: Market | str,
    copies: int = 64,
    theta: Theta = None,
    group: str | None = None,
    **options: Any,
) -> FollowerVector:
    """All copies and agents of a market with one group, as a Gymnasium `VectorEnv`.

    Args:
        market: a market, or a name or dotted path that `make` knows.
        copies: B; the view has B · N environments.
        theta: fixed, by name, ``(d,)`` or ``(B, d)``; ``"drawn"`` for every episode; or defaults.
        group: the group's name, for whoever wants to be sure.
        options: of the market, where it is given by name.

    Raises:
        PacesetterError: an unknown name or option, several groups, or θ out of bounds.
    """
    return FollowerVector(market_of(market, options), copies, theta, group)


def one_follower(market: Market) -> Market:
    """The market, if a single follower acts in it.

    Raises:
        PacesetterError: there are more; the message says which views are for them.
    """
    group = only_group(market, None)
    if group.size > 1:
        raise PacesetterError(
            f"market {market.name!r} has {group.size} agents of group {group.name!r}, and a "
            "Gymnasium environment has one: use pacesetter.vector_env (copies × agents of one "
            "shared policy), pacesetter.sb3_env (the same for Stable-Baselines3), "
            "pacesetter.vector_parallel_env (copies and agents as arrays) or "
            "pacesetter.parallel_env (PettingZoo)."
        )
    return market
