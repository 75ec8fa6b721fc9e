"""What an experiment file can say about training: typed, with ranges, without Ray or torch.

Markets, objectives and leaders declare their own options beside their code; this file holds what
belongs to none of them. All records are frozen; a YAML key is a field of the same name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt, MinLen

Fraction = Annotated[float, Ge(0), Le(1)]
Positive = Annotated[float, Gt(0)]
Count = Annotated[int, Ge(1)]


@dataclass(frozen=True)
class FollowerSettings:
    """The shared conditional policy of a follower group and how PPO trains it.

    Attributes:
        hidden_layers: width of each hidden layer, of the actor and of the separate critic.
        activation: nonlinearity of the hidden layers.
        learning_rate: Adam step size at the start.
        final_learning_rate: Adam step size at the last iteration, reached linearly.
        epochs: passes over a batch per iteration.
        minibatch_size: agent steps per gradient step.
        discount: discount factor per step.
        gae_lambda: λ of generalised advantage estimation.
        clip: clipping range of PPO's probability ratio.
        entropy_coefficient: weight of an entropy bonus, in standardised advantages; on top of it,
            markets with information costs bring their own exact price per sample.
        kl_coefficient: starting weight of RLlib's adaptive KL penalty; 0 switches it off.
        kl_target: target of that penalty, in nats.
        gradient_clip: largest norm of a module's gradient.
        initial_action_deviation: standard deviation of a continuous policy at the start, as a
            fraction of half the action range.
        final_action_deviation: the deviation at the last iteration, reached geometrically; the
            deviation is then not learned. None: it is learned.
        information_cost: whether producers' information costs enter their returns.
    """

    hidden_layers: Annotated[tuple[Count, ...], MinLen(1)] = (64, 64)
    activation: Literal["tanh", "relu"] = "tanh"
    learning_rate: Positive = 1e-3
    final_learning_rate: Annotated[float, Ge(0)] = 1e-4
    epochs: Count = 2
    minibatch_size: Count = 1024
    discount: Fraction = 0.95
    gae_lambda: Fraction = 0.95
    clip: Positive = 0.2
    entropy_coefficient: Annotated[float, Ge(0)] = 0.0
    kl_coefficient: Annotated[float, Ge(0)] = 0.0
    kl_target: Positive = 0.01
    gradient_clip: Positive = 0.5
    initial_action_deviation: Positive = 0.5
    final_action_deviation: Positive | None = None
    information_cost: bool = True


@dataclass(frozen=True)
class TrainingSettings:
    """The loop: how many copies, how long, where.

    Attributes:
        copies: parallel copies of the market per env runner, B.
        rollout_steps: steps of every copy per iteration, T.
        pretrain_iterations: phase 1, followers alone under θ drawn from the prior.
        iterations: phase 2, leader and followers on two time-scales.
        random_theta_share: share of the copies that stay on random θ in phase 2.
        env_runners: remote samplers; 0 samples in the main process.
        learners: remote learners; 0 learns in the main process.
        route: ``array`` is the fast path; ``stock`` steps the PettingZoo view with RLlib's own
            runners, connectors and learner.
        averaged_share: share of the iterations, at the end, over which the weights of the policies
            that are handed over are averaged; 0 hands over the last ones.
        checkpoint_every: iterations between checkpoints.
        evaluate_every: iterations of phase 2 between evaluations written to TensorBoard; 0: only
            one at the end.
        torch_threads: threads of torch in every process; more than 1 is slower on busy cores.
        object_store_megabytes: size of Ray's object store.
    """

    copies: Count = 64
    rollout_steps: Count = 50
    pretrain_iterations: Annotated[int, Ge(0)] = 100
    iterations: Annotated[int, Ge(0)] = 200
    random_theta_share: Annotated[float, Ge(0), Lt(1)] = 0.25
    env_runners: Annotated[int, Ge(0)] = 0
    learners: Annotated[int, Ge(0)] = 0
    route: Literal["array", "stock"] = "array"
    averaged_share: Fraction = 0.2
    checkpoint_every: Count = 50
    evaluate_every: Annotated[int, Ge(0)] = 0
    torch_threads: Count = 1
    object_store_megabytes: Annotated[int, Ge(80)] = 128


@dataclass(frozen=True)
class EvaluationSettings:
    """How the trained policies are measured, with actions drawn from the policy as in training.

    Attributes:
        copies: parallel copies of the market.
        episodes: episodes of every copy.
        seed: first seed of the evaluation; the same for all training seeds, so that comparisons are
            paired.
    """

    copies: Count = 100
    episodes: Count = 12
    seed: Annotated[int, Ge(0)] = 1_000_000
