"""What search leaders share: options, checked measurements, generators, functions by name."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge
from numpy.typing import ArrayLike, NDArray

from ..envs.characteristics import Characteristics
from ..envs.errors import PacesetterError, unknown
from .leader import Interval, LeaderSettings

ROUNDING = 1e-5  # share of a characteristic's range by which θ may move on its way through float32


@dataclass(frozen=True, kw_only=True)
class SearchSettings(LeaderSettings):
    """The options that every search leader has.

    Attributes:
        interval: the slow clock, ``"episode"`` or follower steps between two settings of θ.
        candidates: how many different θ are tried at once, each on an equal share of the copies;
            None: one per copy.
        update_every: iterations over which the candidates are measured before the next ones.
    """

    interval: Interval = "episode"
    candidates: Annotated[int, Ge(1)] | None = None
    update_every: Annotated[int, Ge(1)] = 1


def checked_number(number: int) -> int:
    """Return `number` if that many proposals can be made; raise PacesetterError otherwise."""
    if number < 1:
        raise PacesetterError(
            f"a leader was asked for {number} proposals; ask for at least 1, one per parallel copy."
        )
    return int(number)


def checked_measurements(
    characteristics: Characteristics, theta: ArrayLike, values: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Check what a leader is told and return it as θ ``(n, d)`` and objective values ``(n,)``.

    θ that left its bounds by rounding (a pass through float32) is moved back onto them.

    Raises:
        PacesetterError: shapes do not match, a value is not finite, or θ is out of bounds.
    """
    theta = np.asarray(theta, dtype=np.float64)
    values = np.asarray(values, dtype=np.float64)
    if theta.ndim != 2 or theta.shape[1] != len(characteristics) or values.shape != theta.shape[:1]:
        raise PacesetterError(
            f"a leader learns from θ of shape (n, {len(characteristics)}) and values of shape "
            f"(n,); got {theta.shape} and {values.shape}. Pass one row of θ per measured value."
        )
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values))[0])
        raise PacesetterError(
            f"the objective measured at {characteristics.named(theta[row])} is {values[row]} (row "
            f"{row}); a leader learns from finite values only. Check the objective, or leave out "
            "copies without a finished episode."
        )
    clipped = np.clip(theta, characteristics.low, characteristics.high)
    slack = ROUNDING * (characteristics.high - characteristics.low)
    theta = np.where(np.abs(theta - clipped) <= slack, clipped, theta)
    return characteristics.validate(theta, copies=len(theta)), values


def save_generator(generator: np.random.Generator) -> dict[str, Any]:
    """The state of a PCG64 generator as JSON-compatible values.

    Its 128-bit integers become strings: many JSON readers know no integers beyond 64 bits.
    """
    state: dict[str, Any] = dict(generator.bit_generator.state)
    return state | {"state": {name: str(number) for name, number in state["state"].items()}}


def load_generator(state: dict[str, Any]) -> np.random.Generator:
    """The generator that `save_generator` wrote down."""
    generator = np.random.default_rng()
    numbers = {name: int(number) for name, number in state["state"].items()}
    generator.bit_generator.state = state | {"state": numbers}
    return generator


def load_function(path: str, option: str) -> Callable[..., Any]:
    """The function at the dotted path ``package.module:function``.

    Args:
        path: the dotted path.
        option: name of the option that holds it, for messages.

    Raises:
        PacesetterError: the path has another form, the module cannot be imported or has no such
            function.
    """
    module_name, separator, function_name = path.partition(":")
    if not separator or not module_name or not function_name:
        raise PacesetterError(
            f"{option} is {path!r}; write it as 'package.module:function', with one colon."
        )
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise PacesetterError(
            f"{option} is {path!r}, but module {module_name!r} cannot be imported ({error}). "
            "Correct the name, or run from a place where Python finds the module."
        ) from None
    function = getattr(module, function_name, None)
    if not callable(function):
        functions = [name for name, entry in vars(module).items() if callable(entry)]
        raise unknown(f"function of {option} in module {module_name!r}:", function_name, functions)
    return function
