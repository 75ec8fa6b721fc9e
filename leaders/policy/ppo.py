"""The options of a leader that RLlib trains beside the followers; the trainer builds its policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, MinLen

from ...envs.core.characteristics import Characteristics
from ..leader import Interval, LeaderSettings
from .options import Count, Fraction, Positive, PPOOptions


@dataclass(frozen=True)
class PPOLeader(PPOOptions, LeaderSettings):
    """A leader that sets θ inside the episode with a policy trained by PPO.

    Its options are PPO's, with a leader's defaults, and its two clocks. The final learning rate
    lies well below the start so that followers meet an almost stationary leader at the end; half
    the range of an action is half the range between a characteristic's bounds.

    Attributes:
        initial_theta: name -> value that an untrained leader sets on average; entries left out take
            the market's default. None: the middle of every range. A leader climbs from where it
            starts: begin at a policy under which the market works.
        interval: the slow clock, ``"episode"`` or follower steps between two settings of θ.
        update_every: follower updates per leader update, the slow time scale of learning.
    """

    name: ClassVar[str] = "ppo"
    initial_theta: dict[str, float] | None = None
    interval: Interval = "episode"
    update_every: Count = 1
    hidden_layers: Annotated[tuple[Count, ...], MinLen(1)] = (32, 32)
    learning_rate: Positive = 3e-4
    final_learning_rate: Annotated[float, Ge(0)] = 3e-5
    epochs: Count = 4
    minibatch_size: Count = 256
    discount: Fraction = 0.99

    def search(self, characteristics: Characteristics, seed: int) -> None:
        """None: this leader does not search between episodes, RLlib trains it.

        PacesetterError if `initial_theta` names an unknown entry or is out of bounds.
        """
        if self.initial_theta is not None:
            characteristics.validate(self.initial_theta)
        return None
