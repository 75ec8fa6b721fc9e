"""What an experiment file can say about training: typed, with ranges, without Ray or torch.

Markets, objectives and leaders declare their own options beside their code; this file holds what
belongs to none of them. All records are frozen; a YAML key is a field of the same name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Lt

from ...leaders.policy.options import Count, Fraction, PPOOptions

ActionBounds = Literal["clipped", "smooth", "proportional"]


@dataclass(frozen=True)
class FollowerSettings(PPOOptions):
    """The shared conditional policy of a follower group and how PPO trains it.

    Attributes:
        information_cost: whether producers' information costs enter their returns.
        initial_action: mean of an untrained continuous policy, one number per entry of the action
            and in its units; None: the middle of the range. Where a market breaks down under
            arbitrary actions, followers who start there never learn what a future is worth.
        action_bounds: what happens to a continuous action beyond its range. ``clipped`` cuts it
            off; ``smooth`` bends every action into the range with tanh, which explores in small
            steps near a bound and always leaves a way back from it, but reaches the bound itself
            only in the limit; ``proportional`` cuts it off and explores in steps that grow with the
            distance from the lower bound, for mark-ups and sizes that differ by orders of
            magnitude from one situation to another.
    """

    information_cost: bool = True
    initial_action: tuple[float, ...] | None = None
    action_bounds: ActionBounds = "clipped"


@dataclass(frozen=True)
class TrainingSettings:
    """The loop: how many copies, how long, where.

    Attributes:
        copies: parallel copies of the market per env runner, B.
        twins: copies that meet the same shocks, so that advantages are those over one's twins and
            not what luck brought: where next year's productivity moves a return far more than a
            decision does, followers learn with fewer samples. 1: all copies have shocks of their
            own. Divides `copies`.
        rollout_steps: steps of every copy per iteration, T.
        pretrain_iterations: phase 1, followers alone under θ drawn from the prior.
        iterations: phase 2, leader and followers on two time-scales.
        random_theta_share: share of the copies that stay on random θ in phase 2.
        env_runners: remote samplers; 0 samples in the main process.
        learners: remote learners; 0 learns in the main process. On the array route they share
            every minibatch and the result depends on their number by rounding alone.
        route: ``array`` is the fast path, on RLlib; ``local`` is the same in one process, without
            Ray; ``stock`` steps the PettingZoo view with RLlib's own runners, connectors and
            learner. A market in which nobody learns never needs Ray.
        device: torch device on which states, shocks, rollouts, advantages and minibatches stay:
            ``cuda``, or ``cpu``, the same through torch on the processor. None: NumPy and compiled
            loops, which are the faster ones on a processor. Random numbers are then drawn on the
            device: results are equal in distribution and not number by number.
        tf32: products of matrices in 10 bits of mantissa, on a device that has them; faster where
            networks are wide.
        cuda_graphs: whether steps and minibatches are captured once and replayed, on ``cuda``.
        averaged_share: share of the iterations, at the end, over which the weights of the policies
            that are handed over are averaged; 0 hands over the last ones.
        checkpoint_every: iterations between checkpoints.
        evaluate_every: iterations of phase 2 between evaluations written to TensorBoard; 0: only
            one at the end.
        learner_threads: threads that share a minibatch, in every process that learns; the result
            does not depend on it, and they step back where cores are busy.
        sampler_threads: threads that share what the followers' networks are asked in a step, in
            every process that samples; the result does not depend on it, and they step back as
            those of the learner do. Of use from some thousand followers over all copies on.
        step_timeout_seconds: that one step of all copies may take; after it the run stops and says
            where it hangs. A remote env runner that is silent for not much longer stops it, too.
        refine: iterations that followers adapt at each of a set of θ once training is over; the
            best of them is the answer, and is handed over with its own followers. 0: no such phase.
        baselines: θ that the answer is held to, in a certificate and in `refine`, name -> value;
            entries that are left out take their default. The default itself is always one.
        rules: changes of the market's options, name -> value, that the answer is held to besides: a
            rule by which the market itself sets what θ would, as the tax brackets of a country.
        torch_threads: threads of torch, and of matrix products in compiled loops, in every process;
            more than 1 is slower on busy cores.
        object_store_megabytes: size of Ray's object store.
    """

    copies: Count = 64
    twins: Count = 1
    rollout_steps: Count = 50
    pretrain_iterations: Annotated[int, Ge(0)] = 100
    iterations: Annotated[int, Ge(0)] = 200
    random_theta_share: Annotated[float, Ge(0), Lt(1)] = 0.25
    env_runners: Annotated[int, Ge(0)] = 0
    learners: Annotated[int, Ge(0)] = 0
    route: Literal["array", "local", "stock"] = "array"
    device: Literal["cpu", "cuda"] | None = None
    tf32: bool = False
    cuda_graphs: bool = True
    averaged_share: Fraction = 0.2
    checkpoint_every: Count = 50
    evaluate_every: Annotated[int, Ge(0)] = 0
    learner_threads: Count = 1
    sampler_threads: Count = 1
    step_timeout_seconds: Annotated[float, Gt(0)] = 20.0
    refine: Annotated[int, Ge(0)] = 0
    baselines: tuple[dict[str, float], ...] = ()
    rules: tuple[dict[str, Any], ...] = ()
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
