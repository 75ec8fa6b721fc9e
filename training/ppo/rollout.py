"""What an env runner hands to the learner: arrays, in one opaque record that RLlib passes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..backend import SampleReport

Floats = NDArray[np.float32]


class ModuleRollout:
    """Time-major experience of one module: T decisions of R rows (copies × agents).

    A plain class, not a dataclass or a dict: RLlib flattens those on the way. On a device every
    array is a tensor there, and observations are filled up with zeros.

    Attributes:
        observations: ``(T, R, D)``.
        actions: ``(T, R)`` integers, or ``(T, R, A)`` on the normalised scale.
        log_probability: of the actions when they were drawn, ``(T, R)``.
        rewards: net of information costs, ``(T, R)``.
        terminated: no value beyond this step, ``(T, R)`` bool.
        ended: the trajectory is not continued by the next time index, ``(T, R)`` bool.
        boot_index: where a value must be looked up beyond the arrays (cut episodes and the last
            time index), ``(2, k)``: time and row.
        boot_observations: the observation after those steps, ``(k, D)``.
        distribution_inputs: of the sampling policy, ``(T, R, K)``, for a KL penalty; or None.
        information_price: λ of every decision, ``(T, R)``; None without information costs.
        valid: rows that hold a decision, ``(T, R)`` bool; None if all do.
        agents, twins: rows of a copy, and copies in a row that meet the same shocks; 1: none do.
    """

    def __init__(
        self,
        observations: Any,
        actions: Any,
        log_probability: Any,
        rewards: Any,
        terminated: Any,
        ended: Any,
        boot_index: Any,
        boot_observations: Any,
        distribution_inputs: Any = None,
        information_price: Any = None,
        valid: Any = None,
        agents: int = 1,
        twins: int = 1,
    ):
        self.agents, self.twins = agents, twins
        self.observations = observations
        self.actions = actions
        self.log_probability = log_probability
        self.rewards = rewards
        self.terminated = terminated
        self.ended = ended
        self.boot_index = boot_index
        self.boot_observations = boot_observations
        self.distribution_inputs = distribution_inputs
        self.information_price = information_price
        self.valid = valid


class ArrayRollout:
    """One env runner's sample: module name -> `ModuleRollout`, with the counts RLlib asks for.

    Attributes:
        report: what happened in it, and the number of the runner, where that is remote.
    """

    def __init__(self, modules: dict[str, ModuleRollout], env_steps: int, agent_steps: int):
        self.report: tuple[int, SampleReport] | None = None
        self.modules = modules
        self._env_steps = env_steps
        self._agent_steps = agent_steps

    def __len__(self) -> int:
        return self._env_steps

    def env_steps(self) -> int:
        """Steps of the market, copies × T."""
        return self._env_steps

    def agent_steps(self) -> int:
        """Decisions of all modules."""
        return self._agent_steps


@dataclass(frozen=True)
class ClosedIntervals:
    """Leader intervals that ended at one step: what was seen, done, got, and seen next.

    Attributes:
        rows: the copies, ``(k,)``; every other array has k rows too.
        observations, next_observations: ``(k, L)``.
        actions: on the normalised scale, ``(k, d)``.
        log_probability: of the actions, ``(k,)``.
        distribution_inputs: ``(k, 2 d)``.
        rewards: objective of the interval, ``(k,)``.
        terminated, ended: of the episode, ``(k,)`` bool.
    """

    rows: NDArray[np.int64]
    observations: Floats
    actions: Floats
    log_probability: Floats
    distribution_inputs: Floats
    rewards: NDArray[Any]
    terminated: NDArray[np.bool_]
    ended: NDArray[np.bool_]
    next_observations: Floats


def leader_rollout(events: list[ClosedIntervals], copies: int, with_inputs: bool) -> ModuleRollout:
    """Pack the closed intervals of all copies, oldest first, into time-major arrays.

    Args:
        events: at least one.
        copies: number of copies, B. Copies may differ in how many intervals they closed.
        with_inputs: whether a KL penalty needs the distribution inputs.
    """
    counts = np.zeros(copies, dtype=np.int64)
    for event in events:
        counts[event.rows] += 1
    shape = (int(counts.max()), copies)

    def empty(sample: NDArray[Any]) -> NDArray[Any]:
        return np.zeros((*shape, *sample.shape[1:]), dtype=np.float32)

    first = events[0]
    observations, following = empty(first.observations), empty(first.observations)
    actions, inputs = empty(first.actions), empty(first.distribution_inputs)
    log_probability, rewards = np.zeros((2, *shape), dtype=np.float32)
    terminated, valid = np.zeros((2, *shape), dtype=bool)
    ended = np.ones(shape, dtype=bool)
    time = np.zeros(copies, dtype=np.int64)
    for event in events:
        at = (time[event.rows], event.rows)
        observations[at], following[at] = event.observations, event.next_observations
        actions[at], inputs[at] = event.actions, event.distribution_inputs
        log_probability[at], rewards[at] = event.log_probability, event.rewards
        terminated[at], valid[at] = event.terminated, True
        ended[at] = event.ended | (at[0] == counts[event.rows] - 1)
        time[event.rows] += 1
    boot = np.stack(np.nonzero(valid & ~terminated))
    return ModuleRollout(
        observations=observations,
        actions=actions,
        log_probability=log_probability,
        rewards=rewards,
        terminated=terminated,
        ended=ended,
        boot_index=boot,
        boot_observations=following[boot[0], boot[1]],
        distribution_inputs=inputs if with_inputs else None,
        valid=valid,
    )
