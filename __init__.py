"""Pacesetter: markets in which a leader sets the rules and followers adapt to them.

>>> import pacesetter
>>> market = pacesetter.make("cobweb", treatment="stable")
>>> state = market.reset(seed=0, copies=4, theta={"mean_information_cost": 0.2})
>>> market.observe(state)["producer"].shape
(4, 6, 4)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .envs.core.errors import PacesetterError

if TYPE_CHECKING:
    from .envs.core.market import Market
    from .envs.parallel import parallel_env
    from .envs.registry import make

__version__ = "0.1.0"
__all__ = ["Market", "PacesetterError", "__version__", "make", "parallel_env"]

_PLACES = {"Market": "core.market", "make": "registry", "parallel_env": "parallel"}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: the command line must not wait for them all."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = getattr(import_module(f"{__name__}.envs.{_PLACES[name]}"), name)
    globals()[name] = found
    return found
