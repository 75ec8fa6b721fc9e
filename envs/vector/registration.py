"""The markets by name in Gymnasium: ``gymnasium.make_vec("pacesetter/execution-v0")``.

Gymnasium calls `register_all` by entry point when it is imported itself, so that it must be cheap:
no market is imported before one is asked for.
"""

from __future__ import annotations

from typing import Any

from ..registry import MARKETS

NAMESPACE, VERSION = "pacesetter", 0


def register_all() -> None:
    """Register every market, also those of other packages; twice does no harm."""
    from gymnasium.envs.registration import register, registry

    for name in MARKETS:
        identifier = f"{NAMESPACE}/{name}-v{VERSION}"
        if identifier not in registry:
            register(
                identifier,
                entry_point=f"{__name__}:make_one",
                vector_entry_point=f"{__name__}:make_copies",
                kwargs={"market": name},
            )


def make_one(market: str, theta: Any = None, render_mode: None = None, **options: Any) -> Any:
    """What ``gymnasium.make`` builds: see `FollowerEnv`."""
    from .gymnasium_view import FollowerEnv, market_of

    return FollowerEnv(market_of(market, options), theta)


def make_copies(num_envs: int, market: str, theta: Any = None, **options: Any) -> Any:
    """What ``gymnasium.make_vec`` builds: see `FollowerVector`."""
    from .gymnasium_view import FollowerVector, market_of, one_follower

    return FollowerVector(one_follower(market_of(market, options)), num_envs, theta)
