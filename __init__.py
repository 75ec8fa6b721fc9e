"""Pacesetter: markets in which a leader sets the rules and followers adapt to them.

>>> import pacesetter
>>> market = pacesetter.make("cobweb", treatment="stable")
>>> state = market.reset(seed=0, copies=4, theta={"mean_information_cost": 0.2})
>>> market.observe(state)["producer"].shape
(4, 6, 4)
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from .envs.core.errors import PacesetterError

if TYPE_CHECKING:
    from .envs.core.market import Market
    from .envs.parallel import parallel_env
    from .envs.registry import make
    from .envs.vector.gymnasium_view import vector_env
    from .envs.vector.parallel_view import vector_parallel_env
    from .envs.vector.registration import register_with_gymnasium
    from .envs.vector.stable_baselines import sb3_env
    from .training.api import (
        Run,
        certify,
        counterfactual,
        evaluate,
        load_experiment,
        resume,
        retrain,
        train,
    )
    from .training.policies.served import ServedPolicy, load_policies, load_policy
    from .training.rllib.names import register_with_rllib

__version__ = "0.2.0"
__all__ = [
    "Market",
    "PacesetterError",
    "Run",
    "ServedPolicy",
    "__version__",
    "certify",
    "counterfactual",
    "evaluate",
    "load_experiment",
    "load_policies",
    "load_policy",
    "make",
    "parallel_env",
    "register_with_gymnasium",
    "register_with_rllib",
    "resume",
    "retrain",
    "sb3_env",
    "train",
    "vector_env",
    "vector_parallel_env",
]

_PLACES = {
    "Market": "envs.core.market",
    "Run": "training.api",
    "ServedPolicy": "training.policies.served",
    "certify": "training.api",
    "counterfactual": "training.api",
    "evaluate": "training.api",
    "load_experiment": "training.api",
    "load_policies": "training.policies.served",
    "load_policy": "training.policies.served",
    "make": "envs.registry",
    "parallel_env": "envs.parallel",
    "register_with_gymnasium": "envs.vector.registration",
    "register_with_rllib": "training.rllib.names",
    "resume": "training.api",
    "retrain": "training.api",
    "sb3_env": "envs.vector.stable_baselines",
    "train": "training.api",
    "vector_env": "envs.vector.gymnasium_view",
    "vector_parallel_env": "envs.vector.parallel_view",
}
_EXTRAS = {
    "register_with_rllib": ("ray", "train"),
    "sb3_env": ("stable_baselines3", "sb3"),
}
"""What a public name needs that a base installation lacks: package, and the extra it comes with."""


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: the command line must not wait for them all."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    _register_if_gymnasium_is_there()
    try:
        found = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    except ModuleNotFoundError as error:
        package, extra = _EXTRAS.get(name, ("", ""))
        if error.name != package:
            raise
        raise PacesetterError(
            f"pacesetter.{name} needs {package}: pip install 'pacesetter[{extra}]'."
        ) from None
    globals()[name] = found
    return found


def _register_if_gymnasium_is_there() -> None:
    """Make markets known to Gymnasium, but do not import it for that alone."""
    if "gymnasium" in sys.modules and f"{__name__}.envs.vector.registration" not in sys.modules:
        from .envs.vector import registration  # noqa: F401


def __dir__() -> list[str]:
    """Public names, also those that have not been imported yet."""
    return sorted({*globals(), *_PLACES})


_register_if_gymnasium_is_there()
