"""What the training loop asks of whoever samples and learns, and what it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..leaders.game import GameStep
from .compiled.recursions import add_in_order
from .policies.network import ActorCritic


@dataclass
class SampleReport:
    """Figures of one sample of one runner.

    Attributes:
        returns: group -> mean reward per agent and step, before information costs.
        net_returns: the same after information costs.
        led_values, led_theta: objective ``(k,)`` and θ ``(k, d)`` of the leader's closed intervals.
        random_values: objective of the intervals under random θ, ``(k,)``.
        quantities: path quantity -> mean over the leader's copies (all copies before it acts).
    """

    returns: dict[str, float]
    net_returns: dict[str, float]
    led_values: NDArray[np.float64]
    led_theta: NDArray[np.float64]
    random_values: NDArray[np.float64]
    quantities: dict[str, float]


@dataclass(frozen=True)
class Iteration:
    """What one round of sampling and learning brought.

    Attributes:
        reports: of every env runner that answered.
        learned: module name -> what its update reports; modules that did not learn are left out.
    """

    reports: list[SampleReport]
    learned: dict[str, dict[str, float]]


class Backend(Protocol):
    """Whoever plays the copies of a game and trains its modules."""

    @property
    def modules(self) -> Mapping[str, ActorCritic]:
        """The live networks."""

    def command(self, led: int, theta: NDArray[np.float64] | None) -> None:
        """Say what the copies do from now on.

        Args:
            led: copies per env runner in which the leader sets θ; the others draw it at random.
            theta: candidates for the led copies of all env runners, one after the other; None: a
                policy decides in the copies.
        """

    def iterate(self) -> Iteration:
        """Sample once and learn from it."""

    def critics(self) -> Mapping[str, Mapping[str, Tensor]]:
        """Weights of the critics as they are, module name -> name in the module -> weights."""

    def save(self, folder: Path) -> None:
        """Write everything that changes into a new folder."""

    def restore(self, folder: Path) -> str:
        """Go on from what `save` wrote; why that is not exact, or nothing where it is."""

    def stop(self) -> None:
        """Release what is held."""


class SampleAccount:
    """Running sums of one sample, for the report. The leader's copies stand while it lasts."""

    def __init__(self) -> None:
        self._quantities: dict[str, Any] = {}
        self._rewards: dict[str, Any] = {}
        self._values: list[NDArray[Any]] = []
        self._theta: list[NDArray[Any]] = []
        self._led: list[NDArray[Any]] = []
        self._steps = 0

    def add(self, step: GameStep) -> None:
        """Count one step."""
        self._steps += 1
        for name, value in step.quantities.items():
            self._quantities[name] = self._quantities.get(name, 0.0) + value
        for name, reward in step.rewards.items():
            self._rewards[name] = self._rewards.get(name, 0.0) + reward

    def add_many(
        self, rewards: Mapping[str, NDArray[Any]], quantities: Mapping[str, NDArray[Any]]
    ) -> None:
        """Count k steps, name -> ``(k, B, …)``, one after the other as `add` does."""
        self._steps += len(next(iter(rewards.values())))
        for sums, values in ((self._quantities, quantities), (self._rewards, rewards)):
            for name, value in values.items():
                total = sums.get(name, 0.0) + np.zeros(value.shape[1:])
                add_in_order(value.reshape(len(value), -1), total.reshape(-1))
                sums[name] = total

    def close(self, step: GameStep, led: NDArray[np.bool_], theta: NDArray[Any]) -> None:
        """Note the intervals that ended with the step; `theta` stood in them, ``(B, d)``."""
        ended = step.interval_ended
        self._values.append(step.leader_reward[ended])
        self._theta.append(theta[ended])
        self._led.append(led[ended])

    def report(self, modules: dict[str, Any], leads: NDArray[np.bool_]) -> SampleReport:
        """The report; `leads` are the copies of the leader, ``(B,)`` bool."""
        led = np.concatenate(self._led) if self._led else np.zeros(0, dtype=bool)
        values = np.concatenate(self._values) if self._values else np.zeros(0)
        theta = np.concatenate(self._theta) if self._theta else np.zeros((0, 1))
        rows = leads if leads.any() else slice(None)
        return SampleReport(
            returns={n: float(np.mean(sums)) / self._steps for n, sums in self._rewards.items()},
            net_returns={name: float(r.rewards.mean()) for name, r in modules.items()},
            led_values=values[led],
            led_theta=theta[led],
            random_values=values[~led],
            quantities={
                name: float(np.mean(sums[rows])) / self._steps
                for name, sums in self._quantities.items()
            },
        )
