"""Playing a market for a check: random actions, everything recorded, and comparing two plays."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium.spaces import Discrete
from numpy.typing import NDArray

from ..core.arrays import detached
from ..core.market import Market
from ..core.state import State
from ..core.step import Step

ACTIONS = 7_919  # sets the seeds of actions apart from those of markets
Records = list[dict[str, NDArray[Any]]]
"""Everything visible of every step, name -> ``(B, …)``."""


class FaultError(Exception):
    """What a check has found; the message is its detail."""


def require(holds: Any, message: str) -> None:
    """Fail the check unless `holds`."""
    if not holds:
        raise FaultError(message)


class ActionSource:
    """Random actions for every copy, from a generator of its own seed, whatever B is.

    Args:
        market: whose action spaces are drawn from, uniformly.
        seeds: of the copies.
    """

    def __init__(self, market: Market, seeds: range):
        self._groups = market.groups
        self._generators = [np.random.default_rng([ACTIONS, seed]) for seed in seeds]

    def draw(self) -> dict[str, NDArray[Any]]:
        """Actions of all groups, ``(B, N, A)`` float32 or ``(B, N)`` integers."""
        return {
            group.name: np.stack([self._of_group(group, g) for g in self._generators])
            for group in self._groups
        }

    @staticmethod
    def _of_group(group: Any, generator: np.random.Generator) -> NDArray[Any]:
        space = group.action_space
        if isinstance(space, Discrete):
            return generator.integers(0, int(space.n), group.size)
        unit = generator.random((group.size, *space.shape), dtype=np.float32)
        low, high = np.maximum(space.low, -1e3), np.minimum(space.high, 1e3)
        return np.clip(low + unit * (high - low), low, high)


@dataclass
class Play:
    """A market under way, recording everything visible.

    Attributes:
        market: the physics.
        state: the newest state.
        source: of the actions.
        records: of the steps so far.
    """

    market: Market
    state: Any
    source: ActionSource
    records: Records

    @classmethod
    def begin(
        cls, market: Market, seed: int, copies: int, theta: Any = None, like: Any = None
    ) -> Play:
        """At the start of the first episode; copy b draws the actions of ``seed + b``."""
        state = market.reset(seed, copies, theta, like)
        return cls(market, state, ActionSource(market, range(seed, seed + copies)), [])

    def advance(self, steps: int, restarts: Mapping[int, Callable[[int], bool]] | None = None):
        """Play on; copies whose episode has ended begin a new one.

        Args:
            steps: how many.
            restarts: index of a step -> whether the copy with this seed begins a new episode
                after it, though its old one has not ended.

        Returns:
            the play itself.
        """
        for _ in range(steps):
            step = self.step_once()
            ended = numpy(step.terminated) | numpy(step.truncated)
            if restarts and len(self.records) - 1 in restarts:
                forced = restarts[len(self.records) - 1]
                seeds = self.state.reset_stream.seed
                ended = ended | np.array([forced(int(seed)) for seed in seeds])
            self.state = self.market.restart(self.state, ended)
        return self

    def step_once(self) -> Step:
        """Observe, act, step and record, without a new episode at the end."""
        record = visible(self.market, self.state)
        step = self.market.step(self.state, self.source.draw())
        record |= outcome(step)
        self.records.append(record)
        self.state = step.state
        return step

    def set_theta(self, theta: Any) -> Play:
        """Set θ in every copy."""
        self.state = self.market.set_characteristics(self.state, theta)
        return self


def visible(market: Market, state: Any) -> dict[str, NDArray[Any]]:
    """What agents see of a state, by name."""
    record = {f"observation of {g}": numpy(o) for g, o in market.observe(state).items()}
    record |= {
        f"information cost of {g}": numpy(c) for g, c in market.information_costs(state).items()
    }
    record["leader's observation"] = numpy(market.leader_observe(state))
    record["characteristics"] = numpy(state.theta)
    record["clock"] = numpy(state.clock)
    return record


def outcome(step: Step) -> dict[str, NDArray[Any]]:
    """What a step brings, by name."""
    record = {f"reward of {group}": numpy(r) for group, r in step.rewards.items()}
    record |= {f"quantity {name!r}": numpy(value) for name, value in step.quantities.items()}
    return record | {
        "termination": numpy(step.terminated),
        "truncation": numpy(step.truncated),
    }


def numpy(array: Any) -> NDArray[Any]:
    """A copy of an array of any namespace."""
    return np.array(detached(array))


def row(records: Records, copy: int) -> Records:
    """The records of one copy, as of a batch of one."""
    return [{name: value[copy : copy + 1] for name, value in r.items()} for r in records]


def require_equal(
    found: Records, expected: Records, what: str, tolerance: float | None = None
) -> None:
    """Fail the check at the first difference between two plays.

    Args:
        found, expected: of equal length.
        what: which two plays these are.
        tolerance: relative and absolute, for float64; None: exact. Float32 may differ by rounding.
    """
    for index, (mine, theirs) in enumerate(zip(found, expected, strict=True)):
        require(
            mine.keys() == theirs.keys(),
            f"{what}: step {index} has {sorted(mine)} and {sorted(theirs)}",
        )
        for name, value in mine.items():
            if not _close(value, theirs[name], tolerance):
                raise FaultError(
                    f"{what}: {name} differs at step {index}: {_difference(value, theirs[name])}"
                )


def _close(a: NDArray[Any], b: NDArray[Any], tolerance: float | None) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if tolerance is None or a.dtype.kind not in "fc":
        return np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")
    if a.dtype == np.float32:
        tolerance = max(tolerance, 1e-6)
    return np.allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True)


def _difference(a: NDArray[Any], b: NDArray[Any]) -> str:
    """The first entry that differs, or the shapes or types that do."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return f"{a.dtype} {a.shape} and {b.dtype} {b.shape}"
    place = tuple(np.argwhere(a != b)[0].tolist())
    return f"{a[place]!s} and {b[place]!s} at {list(place)}"


def fingerprint(value: Any) -> bytes:
    """All content of a state or of actions, to see whether it has changed."""
    if hasattr(value, "__dict__") and isinstance(value, State):
        return pickle.dumps({k: fingerprint(v) for k, v in vars(value).items()})
    if isinstance(value, Mapping):
        return pickle.dumps({k: fingerprint(v) for k, v in value.items()})
    if isinstance(value, np.ndarray):
        # Objects may keep what they have computed; that it changes nothing, plays show.
        content = list(map(id, value.flat)) if value.dtype == object else value.tobytes()
        return pickle.dumps((value.shape, value.dtype.str, content))
    return pickle.dumps(value)
