"""What is certified: an answer, those who live under it, and those who know other θ too."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.core.errors import PacesetterError
from ..experiments.experiment import Experiment
from ..experiments.load import resolved
from ..policies.policies import Policies, Trained, actor_weights

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Subject:
    """What is certified.

    Attributes:
        experiment: of the run, with its samples read.
        policies: followers who have met many θ.
        at_answer: followers at the answer; the same ones, or some that have adapted to it.
        theta: the answer, ``(d,)``; of a leader that moves θ, where it begins.
        leader: who moves θ within the episode; None: it stands.
    """

    experiment: Experiment
    policies: Policies
    at_answer: Policies
    theta: Floats
    leader: Policies | None

    @classmethod
    def of(cls, trained: Trained) -> Subject:
        """That of a trained experiment.

        Raises:
            PacesetterError: its answer is no θ.
        """
        experiment = trained.experiment
        if experiment.leader.wants_laboratory:
            raise PacesetterError(
                f"{experiment.name}: the answer of leader {experiment.leader.name!r} is a trader "
                "and no θ, so that there is no equilibrium to certify; 'pacesetter report' shows "
                "how good it is."
            )
        moves = trained.policies.has_leader and experiment.leader.interval != "episode"
        return cls(
            experiment.bound(),
            trained.policies,
            trained.adapted or trained.policies,
            trained.theta,
            trained.policies if moves and not trained.constant else None,
        )

    @property
    def chooses(self) -> bool:
        """Whether a leader has chosen the answer, for a value: there is another, and no lottery."""
        experiment = self.experiment
        space = experiment.market.characteristics
        drawn = experiment.leader.drawn_answer(space, experiment.seed)
        return drawn is None and bool((space.high > space.low).any())

    @property
    def answer(self) -> dict[str, float]:
        """The answer by name."""
        return self.experiment.market.characteristics.named(self.theta)

    def record(self) -> dict[str, Any]:
        """What tells this subject from another, as plain values."""
        text = json.dumps(resolved(self.experiment), sort_keys=True, default=str)
        return {
            "answer": self.answer,
            "experiment": zlib.crc32(text.encode()),
            "followers": [_checksum(self.policies), _checksum(self.at_answer)],
        }


def _checksum(policies: Policies) -> int:
    """Of all weights that act."""
    found = 0
    for name in sorted(policies.modules):
        for key, value in actor_weights(policies.modules[name]).items():
            found = zlib.crc32(value.numpy().tobytes(), zlib.crc32(key.encode(), found))
    return found
