"""What the trainer tells the env runners before every iteration, for each kind of leader.

A guide says which θ the leader's copies take next, learns from the reports, and knows the leader's
answer so far. A policy leader decides inside the runners, so its guide only reads its network.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...leaders.leader import LeaderSettings, SearchLeader
from ..backend import SampleReport
from ..experiments.experiment import Experiment
from ..policies.policies import Policies


class Guide(Protocol):
    """Interface between the training loop and a leader."""

    def next_theta(self, slots: int) -> NDArray[np.float64] | None:
        """θ for every copy of every runner that the leader leads, ``(slots, d)``, or None."""

    def learn(self, reports: list[SampleReport], last: bool) -> None:
        """Take note of an iteration; `last`: there will be no other."""

    def answer(self, policies: Policies | None = None) -> NDArray[np.float64]:
        """The leader's θ so far, ``(d,)``; of the given policies, if it is one of them."""

    def state(self) -> dict[str, Any]:
        """Everything that changes, JSON-compatible."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""


class PolicyGuide:
    """A leader trained by RLlib: it acts inside the runners.

    Args:
        experiment: its market gives the state in which the leader's answer is asked for.
        modules: live networks, module name -> `ActorCritic`.
    """

    def __init__(self, experiment: Experiment, modules: dict[str, Any]):
        self._policies = Policies(experiment, modules)
        self._start = experiment.market.reset(0)

    def next_theta(self, slots: int) -> None:
        """The runners ask the policy themselves."""

    def learn(self, reports: list[SampleReport], last: bool) -> None:
        """RLlib's learner does it."""

    def answer(self, policies: Policies | None = None) -> NDArray[np.float64]:
        """The mean θ at the start of an episode."""
        return (policies or self._policies).theta(self._start)[0]

    def state(self) -> dict[str, Any]:
        """It is in RLlib's checkpoint."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Nothing beyond RLlib's checkpoint."""


class SearchGuide:
    """A search leader: rounds of candidates, each measured on several copies and iterations.

    Args:
        search: the leader.
        settings: its options; `candidates` per round (None: one per copy) and `update_every`
            iterations per round.
    """

    def __init__(self, search: SearchLeader, settings: LeaderSettings):
        self._search = search
        self._most = settings.candidates
        self._iterations_per_round = settings.update_every
        self._candidates: NDArray[np.float64] | None = None
        self._sums = np.zeros(0)
        self._counts = np.zeros(0)
        self._iterations = 0
        self._answer: NDArray[np.float64] | None = None

    def next_theta(self, slots: int) -> NDArray[np.float64]:
        """Candidates spread evenly over the copies."""
        if self._candidates is None:
            number = slots if self._most is None else min(self._most, slots)
            self._candidates = self._search.propose(number)
            self._sums, self._counts = np.zeros((2, number))
            self._iterations = 0
        return self._candidates[np.arange(slots) % len(self._candidates)]

    def learn(self, reports: list[SampleReport], last: bool) -> None:
        """Average per candidate; at the end of a round the leader learns the averages."""
        if self._candidates is None:
            return
        for report in reports:
            same = (report.led_theta[:, None, :] == self._candidates[None]).all(axis=2)
            # Equal candidates (a fixed leader) share what was measured at either.
            same = same / np.maximum(same.sum(axis=1, keepdims=True), 1)
            self._sums += report.led_values @ same
            self._counts += same.sum(axis=0)
        self._iterations += 1
        if self._iterations >= self._iterations_per_round or last:
            measured = self._counts > 0
            values = self._sums[measured] / self._counts[measured]
            if measured.any():
                self._search.learn(self._candidates[measured], values)
            self._candidates = None
            self._answer = None

    def answer(self, policies: Policies | None = None) -> NDArray[np.float64]:
        """The search leader's best θ; asked anew after every round."""
        if self._answer is None:
            self._answer = self._search.best()
        return self._answer

    def state(self) -> dict[str, Any]:
        """The leader's own state and the round in progress."""
        open_round = self._candidates is not None
        return {
            "search": self._search.state(),
            "candidates": self._candidates.tolist() if self._candidates is not None else None,
            "sums": self._sums.tolist() if open_round else [],
            "counts": self._counts.tolist() if open_round else [],
            "iterations": self._iterations,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on in the middle of the round."""
        self._search.restore(state["search"])
        candidates = state["candidates"]
        self._candidates = None if candidates is None else np.array(candidates, dtype=np.float64)
        self._sums, self._counts = np.array(state["sums"]), np.array(state["counts"])
        self._iterations = state["iterations"]
        self._answer = None


def guide_for(experiment: Experiment, modules: dict[str, Any]) -> Guide:
    """The guide for the experiment's leader."""
    search = experiment.leader.search(experiment.market.characteristics, experiment.seed)
    if search is None:
        return PolicyGuide(experiment, modules)
    return SearchGuide(search, experiment.leader)
