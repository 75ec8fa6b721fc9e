"""The markets by name for RLlib and Tune: ``config.environment("pacesetter/cobweb")``."""

from __future__ import annotations

from typing import Any

from ray.rllib.env.wrappers.pettingzoo_env import ParallelPettingZooEnv
from ray.tune.registry import register_env

from ...envs.parallel import parallel_env
from ...envs.registry import MARKETS

PREFIX = "pacesetter/"


def register_with_rllib() -> list[str]:
    """Register every market as a multi-agent environment, agents named as in `parallel_env`.

    The environment's config holds the market's options, and ``theta`` if it is not to be the
    default: ``config.environment("pacesetter/cobweb", env_config={"treatment": "stable"})``.

    Returns:
        the names.
    """
    for name in MARKETS:
        register_env(PREFIX + name, _Creator(name))
    return [PREFIX + name for name in MARKETS]


class _Creator:
    """Builds one market; workers unpickle it, and import nothing before it is called."""

    def __init__(self, name: str):
        self._name = name

    def __call__(self, config: Any) -> ParallelPettingZooEnv:
        return ParallelPettingZooEnv(parallel_env(self._name, **dict(config)))
