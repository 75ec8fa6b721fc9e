"""The markets by name in Gymnasium: ``gymnasium.make_vec("pacesetter/execution-v0")``.

``import pacesetter`` registers them where Gymnasium has been imported before; so does the first use
of anything in it, and `register_with_gymnasium` at any time. No market is imported before one is
asked for. Without any import, Gymnasium takes the module with the name,
``"pacesetter.envs.vector.registration:pacesetter/execution-v0"``.
"""

from __future__ import annotations

from typing import Any

from gymnasium.envs.registration import register, registry

from ..registry import MARKETS

NAMESPACE, VERSION = "pacesetter", 0


def register_with_gymnasium() -> list[str]:
    """Register every market, also those of other packages; twice does no harm.

    Returns:
        the names, to give to ``gymnasium.make`` and ``gymnasium.make_vec``.
    """
    names = []
    for market in MARKETS:
        names.append(f"{NAMESPACE}/{market}-v{VERSION}")
        if names[-1] not in registry:
            register(
                names[-1],
                entry_point=f"{__name__}:make_one",
                vector_entry_point=f"{__name__}:make_copies",
                kwargs={"market": market},
            )
    return names


def make_one(market: str, theta: Any = None, render_mode: None = None, **options: Any) -> Any:
    """What ``gymnasium.make`` builds: see `FollowerEnv`."""
    from .gymnasium_view import FollowerEnv, market_of

    return FollowerEnv(market_of(market, options), theta)


def make_copies(num_envs: int, market: str, theta: Any = None, **options: Any) -> Any:
    """What ``gymnasium.make_vec`` builds: see `FollowerVector`."""
    from .gymnasium_view import FollowerVector, market_of, one_follower

    return FollowerVector(one_follower(market_of(market, options)), num_envs, theta)


register_with_gymnasium()
