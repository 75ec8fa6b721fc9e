"""How a search leader is guided: rounds of candidates, each measured on several copies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..leader import Measured, SearchLeader


class SearchGuide:
    """Proposes a round of candidates, averages what they are worth, and lets the leader learn it.

    Args:
        search: the leader.
        most_candidates: per round; None: one per copy.
        iterations_per_round: over which the candidates of a round are measured.
    """

    def __init__(
        self, search: SearchLeader, most_candidates: int | None, iterations_per_round: int
    ):
        self._search = search
        self._most = most_candidates
        self._iterations_per_round = iterations_per_round
        self._candidates: NDArray[np.float64] | None = None
        self._sums = np.zeros(0)
        self._counts = np.zeros(0)
        self._iterations = 0
        self._answer: NDArray[np.float64] | None = None

    def next_theta(self, slots: int) -> NDArray[np.float64]:
        """Candidates spread evenly over the copies, ``(slots, d)``."""
        if self._candidates is None:
            number = slots if self._most is None else min(self._most, slots)
            self._candidates = self._search.propose(number)
            self._sums, self._counts = np.zeros((2, number))
            self._iterations = 0
        return self._candidates[np.arange(slots) % len(self._candidates)]

    def question(self) -> None:
        """The values of its intervals are enough."""

    def learn(self, measured: Measured, last: bool) -> None:
        """Average per candidate; at the end of a round the leader learns the averages.

        A round in which no interval has ended yet goes on: rollouts may be shorter than intervals.
        """
        if self._candidates is None:
            return
        same = (measured.theta[:, None, :] == self._candidates[None]).all(axis=2)
        # Equal candidates (a fixed leader) share what was measured at either.
        same = same / np.maximum(same.sum(axis=1, keepdims=True), 1)
        self._sums += measured.values @ same
        self._counts += same.sum(axis=0)
        self._iterations += 1
        known = self._counts > 0
        if known.any() and (self._iterations >= self._iterations_per_round or last):
            averages = self._sums[known] / self._counts[known]
            self._search.learn(self._candidates[known], averages)
            self._candidates = None
            self._answer = None

    def answer(self, acting: Callable[[], NDArray]) -> NDArray[np.float64]:
        """The search leader's best θ; asked anew after every round."""
        if self._answer is None:
            self._answer = self._search.best()
        return self._answer

    def warnings(self) -> list[str]:
        """None."""
        return []

    def figures(self) -> dict[str, float]:
        """None."""
        return {}

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
