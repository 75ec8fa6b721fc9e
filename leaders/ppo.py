"""The options of a leader that RLlib trains beside the followers; the trainer builds its policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Gt, Le, MinLen

from ..envs.characteristics import Characteristics
from .leader import Interval, LeaderSettings

Fraction = Annotated[float, Ge(0), Le(1)]
Positive = Annotated[float, Gt(0)]
Count = Annotated[int, Ge(1)]


@dataclass(frozen=True)
class PPOLeader(LeaderSettings):
    """A leader that sets θ inside the episode with a policy trained by PPO.

    The final learning rate lies well below the start so that followers meet an almost stationary
    leader at the end.

    Attributes:
        interval: the slow clock, ``"episode"`` or follower steps between two settings of θ.
        hidden_layers: width of each hidden layer, of the actor and of the separate critic.
        activation: nonlinearity of the hidden layers.
        learning_rate: Adam step size at the start.
        final_learning_rate: Adam step size at the last iteration, reached linearly.
        epochs: passes over a batch per leader update.
        minibatch_size: leader steps per gradient step.
        update_every: follower updates per leader update, the slow time scale of learning.
        discount: discount factor per setting of θ.
        gae_lambda: λ of generalised advantage estimation.
        clip: clipping range of PPO's probability ratio.
        entropy_coefficient: weight of an entropy bonus, in standardised advantages.
        kl_coefficient: starting weight of RLlib's adaptive KL penalty; 0 switches it off.
        kl_target: target of that penalty, in nats.
        gradient_clip: largest norm of the policy's gradient.
        initial_action_deviation: standard deviation of the policy at the start, as a fraction of
            half the range between a characteristic's bounds.
        final_action_deviation: the deviation at the last iteration, reached geometrically; the
            deviation is then not learned. None: it is learned.
    """

    name: ClassVar[str] = "ppo"
    interval: Interval = "episode"
    hidden_layers: Annotated[tuple[Count, ...], MinLen(1)] = (32, 32)
    activation: Literal["tanh", "relu"] = "tanh"
    learning_rate: Positive = 3e-4
    final_learning_rate: Annotated[float, Ge(0)] = 3e-5
    epochs: Count = 4
    minibatch_size: Count = 256
    update_every: Count = 1
    discount: Fraction = 0.99
    gae_lambda: Fraction = 0.95
    clip: Positive = 0.2
    entropy_coefficient: Annotated[float, Ge(0)] = 0.0
    kl_coefficient: Annotated[float, Ge(0)] = 0.0
    kl_target: Positive = 0.01
    gradient_clip: Positive = 0.5
    initial_action_deviation: Positive = 0.5
    final_action_deviation: Positive | None = None

    def search(self, characteristics: Characteristics, seed: int) -> None:
        """None: this leader does not search between episodes, RLlib trains it."""
        return None
