"""A leader that PPO trains beside the followers: its options, and how the loop is guided by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, MinLen
from numpy.typing import NDArray

from ...envs.core.characteristics import Characteristics
from ...envs.core.errors import PacesetterError
from ..leader import Interval, LeaderSettings, Measured
from .options import Count, Fraction, LeaderPolicyOptions, Positive

UPDATES_REMEMBERED = 20  # of a leader that moves θ by steps, in its answer


@dataclass(frozen=True)
class PPOLeader(LeaderPolicyOptions, LeaderSettings):
    """A leader that sets θ inside the episode with a policy trained by PPO.

    Its options are PPO's, with a leader's defaults, and its two clocks. The final learning rate
    lies well below the start so that followers meet an almost stationary leader at the end.

    Attributes:
        interval: the slow clock, ``"episode"`` or follower steps between two settings of θ.
        update_every: follower updates per leader update, the slow time scale of learning.
    """

    name: ClassVar[str] = "ppo"
    interval: Interval = "episode"
    update_every: Count = 1
    hidden_layers: Annotated[tuple[Count, ...], MinLen(1)] = (32, 32)
    learning_rate: Positive = 3e-4
    final_learning_rate: Annotated[float, Ge(0)] = 3e-5
    epochs: Count = 4
    minibatch_size: Count = 256
    discount: Fraction = 0.99

    @property
    def policy(self) -> LeaderPolicyOptions:
        """These options."""
        return self

    def guide(self, characteristics: Characteristics, seed: int, iterations: int) -> PolicyGuide:
        """A guide that leaves everything to the policy.

        PacesetterError if `initial_theta` names an unknown entry or is out of bounds, or stands
        beside `largest_step`.
        """
        if self.initial_theta is not None:
            characteristics.validate(self.initial_theta)
        if self.largest_step is None:
            return PolicyGuide()
        if self.initial_theta is not None:
            raise PacesetterError(
                "leader.initial_theta is where a policy that sets θ begins; one that moves θ by "
                "steps (leader.largest_step) begins at θ drawn from the prior. Leave one of the "
                "two out."
            )
        return SteppingGuide(characteristics.default, self.update_every)


class PolicyGuide:
    """A policy sets θ in the copies, and PPO trains it: nothing is left to guide."""

    def next_theta(self, slots: int) -> None:
        """The policy is asked in the copies themselves."""

    def question(self) -> None:
        """PPO asks for nothing more."""

    def learn(self, measured: Measured, last: bool) -> None:
        """PPO does it."""

    def answer(self, acting: Callable[[], NDArray]) -> NDArray:
        """What the policy sets at the start of an episode."""
        return acting()

    def warnings(self) -> list[str]:
        """None."""
        return []

    def figures(self) -> dict[str, float]:
        """None."""
        return {}

    def state(self) -> dict[str, Any]:
        """It is in the checkpoint of the policies."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Nothing beyond the policies."""


class SteppingGuide(PolicyGuide):
    """The same for a policy that moves θ by steps: the answer is where the copies have come to.

    Args:
        start: the answer before anything has happened, ``(d,)``.
        update_every: iterations per update of the leader.
    """

    def __init__(self, start: NDArray[np.float64], update_every: int):
        self._weight = 1.0 / (UPDATES_REMEMBERED * update_every)
        self._answer = start
        self._told = 0

    def learn(self, measured: Measured, last: bool) -> None:
        """Follow the median over copies, the last updates counting most."""
        if len(measured.theta):
            self._told += 1
            weight = max(self._weight, 1.0 / self._told)
            now = np.median(measured.theta, axis=0)
            self._answer = self._answer + weight * (now - self._answer)

    def answer(self, acting: Callable[[], NDArray]) -> NDArray:
        """Where the copies have come to."""
        return self._answer

    def state(self) -> dict[str, Any]:
        """The answer so far."""
        return {"answer": self._answer.tolist(), "told": self._told}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from it."""
        self._answer, self._told = np.array(state["answer"]), state["told"]
