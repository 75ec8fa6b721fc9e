"""What θ is worth without derivatives: to who learns from values alone, and to differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...envs.core.errors import PacesetterError
from ...envs.core.paths import Paths
from ...leaders.leader import Question
from ...leaders.objectives.objective import Compared
from ..experiments.experiment import Experiment
from ..policies.policies import Policies
from .followers import Followers
from .playing import Act, play_episode, play_path

Floats = NDArray[np.float64]


class Outcomes:
    """Plays the episodes of a question.

    An *outcome* is the objective's value of every copy, ``(B,)``, or the statistics of its path,
    ``(B, m)``.

    Args:
        experiment: its market, objective and interval.
        policies: live networks of the followers.
        question: what is asked for.
        seed: of the episodes.

    Attributes:
        episodes: that were played so far.
    """

    def __init__(self, experiment: Experiment, policies: Policies, question: Question, seed: int):
        self.experiment, self.policies, self.question = experiment, policies, question
        self.seed = seed
        self.of_path = not question.wants.isdisjoint({"statistics", "jacobians"})
        self.compared = compared(experiment, question) if self.of_path else None
        self.episodes = 0

    @torch.no_grad()
    def outcome(self, theta: Floats) -> Floats:
        """One per row of θ, with followers as they are, without derivatives."""
        if (paths := self.fast(theta)) is not None:
            try:
                return np.asarray(self.worth(paths.quantities))
            except KeyError:  # it reads what a fast path does not hold
                pass
        followers = Followers(self.experiment, self.policies, self.seed, "drawn")
        return np.asarray(self.played(theta, followers.act))

    def worth(self, path: Any) -> Any:
        """The outcome of a whole path."""
        if not self.of_path:
            return self.experiment.measure.value(path)
        assert self.compared is not None
        return self.compared.of(path)

    def fast(self, theta: Floats) -> Paths | None:
        """Whole paths where the market has a fast way, and an interval is an episode."""
        market = self.experiment.market
        if self.experiment.interval_steps != market.steps_per_episode:
            return None
        if (paths := market.paths(theta, self.seed)) is not None:
            self.episodes += len(theta)
        return paths

    def played(self, theta: Any, act: Act) -> Any:
        """The outcome of one episode per row of θ, NumPy or torch, step by step."""
        self.episodes += len(theta)
        if self.of_path:
            return self.worth(play_path(self.experiment, theta, self.seed, act))
        return play_episode(self.experiment, theta, self.seed, act).values


def compared(experiment: Experiment, question: Question) -> Compared:
    """The statistics that a question is about.

    Raises:
        PacesetterError: the objective declares none.
    """
    found = experiment.measure.statistics
    if found is None:
        raise PacesetterError(
            "the leader compares statistics of paths, and the objective declares none; use the "
            "objective 'statistics'."
        )
    if question.about is not None and found.about is not None:
        return found.about(question.about)
    return found
