"""How PPO trains a policy: the options that a leader and the followers have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt, MinLen

Fraction = Annotated[float, Ge(0), Le(1)]
Positive = Annotated[float, Gt(0)]
Count = Annotated[int, Ge(1)]


@dataclass(frozen=True)
class PPOOptions:
    """Network, step sizes and exploration of one policy.

    Attributes:
        hidden_layers: width of each hidden layer, of the actor and of the separate critic.
        activation: nonlinearity of the hidden layers; ``silu`` and ``tanh`` are smooth.
        learning_rate: Adam step size at the start.
        final_learning_rate: Adam step size at the last iteration.
        learning_rate_decay: how it gets there, linearly or geometrically. Geometric decay keeps the
            step in proportion to an exploration that shrinks geometrically.
        epochs: passes over a batch per update.
        minibatch_size: decisions per gradient step.
        discount: discount factor per decision.
        gae_lambda: λ of generalised advantage estimation.
        clip: clipping range of PPO's probability ratio.
        entropy_coefficient: weight of an entropy bonus, in standardised advantages; on top of it,
            markets with information costs bring their own exact price per sample.
        kl_coefficient: starting weight of RLlib's adaptive KL penalty; 0 switches it off.
        kl_target: target of that penalty, in nats.
        gradient_clip: largest norm of the policy's gradient.
        value_scale: what the critic counts in: about the size of discounted returns. One that has
            to climb to returns of 100 in steps of the learning rate arrives late.
        initial_action_deviation: standard deviation of a continuous policy at the start, as a
            fraction of half the action range.
        final_action_deviation: the deviation at the last iteration, reached geometrically; the
            deviation is then not learned. None: it is learned.
    """

    hidden_layers: Annotated[tuple[Count, ...], MinLen(1)] = (64, 64)
    activation: Literal["tanh", "relu", "silu"] = "tanh"
    learning_rate: Positive = 1e-3
    final_learning_rate: Annotated[float, Ge(0)] = 1e-4
    learning_rate_decay: Literal["linear", "geometric"] = "linear"
    epochs: Count = 2
    minibatch_size: Count = 1024
    discount: Fraction = 0.95
    gae_lambda: Fraction = 0.95
    clip: Positive = 0.2
    entropy_coefficient: Annotated[float, Ge(0)] = 0.0
    kl_coefficient: Annotated[float, Ge(0)] = 0.0
    kl_target: Positive = 0.01
    gradient_clip: Positive = 0.5
    value_scale: Positive = 1.0
    initial_action_deviation: Positive = 0.5
    final_action_deviation: Positive | None = None


@dataclass(frozen=True)
class LeaderPolicyOptions(PPOOptions):
    """A leader's policy: half the range of an action is half that between a θ's bounds.

    Attributes:
        initial_theta: name -> value that an untrained leader sets on average; entries left out take
            the market's default. None: the middle of every range. A leader climbs from where it
            starts: begin at a policy under which the market works.
        largest_step: the most that one action moves θ, as a share of every range. Each copy goes on
            from its own θ, over episodes too, beginning at one drawn from the prior; the leader
            sees where it stands, and its answer is where most copies come to rest. None: an action
            is θ itself.
        restart_share: of a leader of steps, the chance that a copy begins an episode at a θ drawn
            from the prior again. Copies that have all come to one place teach nothing of others.
    """

    initial_theta: dict[str, float] | None = None
    largest_step: Annotated[float, Gt(0), Le(1)] | None = None
    restart_share: Annotated[float, Ge(0), Lt(0.5)] = 0.25
