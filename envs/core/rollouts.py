"""What a market offers whose other traders can be replaced by a learned one: a laboratory.

In a rollout an *experimental agent* acts T times, and after each of its steps *outcomes* are read
off the market, once with the market's own traders and once with a learned *world agent* in their
place. A leader that learns the world compares the two (`leaders.world`); it knows neither what an
order is nor what is read off: names and numbers are all that passes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Origin = Literal["real", "start"]
"""A recording of the market that the world is calibrated to, or of another one to begin with."""
Purpose = Literal["training", "choosing", "evaluation"]
"""What rollouts are for; each has beginnings of its own."""


@dataclass(frozen=True)
class Decisions:
    """Decisions of a world agent, or of those whom it stands for, with what it saw before each.

    Attributes:
        features: ``(n, F)`` float32.
        actions: one bin of every head, ``(n, H)``.
        rollout, step: where each belongs, ``(n,)``; step s is between the experimental agent's
            decisions s and s + 1. Empty for a recording.
    """

    features: NDArray[np.float32]
    actions: NDArray[np.int64]
    rollout: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    step: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.actions)


@dataclass(frozen=True)
class Rollouts:
    """R rollouts of T steps of an experimental agent.

    Attributes:
        outcomes: after every step, name -> ``(R, T)``.
        treated: whether the experimental agent acted in a step, ``(R, T)``.
        context: what its decision may have depended on, ``(R, T, C)``.
        facts: other figures of the market, name -> ``(R, …)``.
        orders: of all others in a rollout, ``(R,)``.
        guarded: share of steps in which the world agent was stopped for acting too often.
        decisions: of the world agent, as many as were asked for.
    """

    outcomes: dict[str, Floats]
    treated: NDArray[np.bool_]
    context: Floats
    facts: dict[str, Floats]
    orders: Floats
    guarded: float = 0.0
    decisions: Decisions | None = None

    def __len__(self) -> int:
        return len(self.treated)

    @property
    def steps(self) -> int:
        """T."""
        return self.treated.shape[1]

    def take(self, rows: Any) -> Rollouts:
        """The given rollouts alone, without their decisions."""
        return Rollouts(
            {name: values[rows] for name, values in self.outcomes.items()},
            self.treated[rows],
            self.context[rows],
            {name: values[rows] for name, values in self.facts.items()},
            self.orders[rows],
            self.guarded,
        )


@dataclass(frozen=True)
class LastOrders:
    """What a change of one decision does, for each of K rollouts and S steps.

    Attributes:
        features: before the last decision of a step, ``(K, S, F)``.
        actions: drawn there, ``(K, S, b, H)``.
        drawn: whether there was one, ``(K, S, b)``.
        rollouts: N that go on after each, of K · b · N for every one of the S steps.
    """

    features: NDArray[np.float32]
    actions: NDArray[np.int64]
    drawn: NDArray[np.bool_]
    rollouts: tuple[Rollouts, ...]


class Laboratory(Protocol):
    """Rollouts in a market and in worlds that stand for it; the same seeds, the same rollouts."""

    @property
    def heads(self) -> tuple[int, ...]:
        """Bins of every head of the world agent."""

    @property
    def history(self) -> tuple[int, int, int]:
        """Where past states are in the features: first entry, states, entries of each."""

    def remarks(self) -> tuple[str, ...]:
        """What a user should know of the real market's data, such as lines that are missing."""

    def recording(self, origin: Origin) -> Decisions:
        """What the traders of the real market, or of the one to begin with, decided."""

    def mirrored(self, decisions: Decisions) -> Decisions:
        """The same with both sides exchanged."""

    def initial(
        self, origin: Origin, seed: int, recurrent: bool = False
    ) -> dict[str, NDArray[np.float32]]:
        """First weights of a world agent, masked where the recording never went.

        Args:
            origin: whose recording.
            seed: of the weights.
            recurrent: an agent that reads its past states by an LSTM.
        """

    def trained(self) -> tuple[str, ...]:
        """Names of the weights that are trained; the others are constants."""

    def real(self, rollouts: int, seed: int) -> Rollouts:
        """Rollouts in the real market."""

    def begun(self, rollouts: int, seed: int) -> Rollouts:
        """Rollouts in the market to begin with."""

    def world(
        self,
        weights: Mapping[str, NDArray[np.float32]],
        rollouts: int,
        seed: int,
        share: float = 0.0,
        purpose: Purpose = "training",
    ) -> Rollouts:
        """Rollouts in a world.

        Args:
            weights: of the world agent.
            rollouts: R.
            seed: of the random numbers, and of which books they begin from.
            share: of the world agent's decisions that come back.
            purpose: says from where they begin.
        """

    def last_orders(
        self,
        weights: Mapping[str, NDArray[np.float32]],
        prefixes: int,
        steps: int,
        choices: int,
        continuations: int,
        seed: int,
    ) -> LastOrders:
        """Vary the last decision of each of the first steps (Algorithm 1 of INTAGS)."""
