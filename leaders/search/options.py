"""What search leaders share: options, checked measurements, generators."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge
from numpy.typing import ArrayLike, NDArray

from ...envs.core.characteristics import Characteristics
from ...envs.core.errors import PacesetterError
from ..leader import Interval, LeaderSettings, SearchLeader
from .guide import SearchGuide

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

    @abstractmethod
    def search(self, characteristics: Characteristics, seed: int) -> SearchLeader:
        """The search leader with these options.

        Raises:
            PacesetterError: options that do not fit these characteristics.
        """

    def guide(self, characteristics: Characteristics, seed: int, iterations: int) -> SearchGuide:
        """Rounds of candidates."""
        return SearchGuide(self.search(characteristics, seed), self.candidates, self.update_every)


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
