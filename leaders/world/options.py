"""Options of a leader that learns a world."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt

KernelName = Literal["squashed", "energy", "gaussian"]
Method = Literal["witness", "algorithm1", "likelihood", "gan", "warm_start"]


@dataclass(frozen=True)
class WorldOptions:
    """Calibrates one agent in the place of all other traders, by how they answer an experiment.

    Attributes:
        method: ``witness``, the gradient of the distance between the laws of rollouts;
            ``algorithm1`` of INTAGS, to the letter; ``likelihood`` and ``gan``, fits to the orders
            of the real market, which are not calibrated; ``warm_start``, which stays what it is.
        start: how the market that the warm start is fitted to differs from the real one, name of a
            parameter -> value; it is never the real one.
        real: how the real market differs from the market's own background.
        feedbacks: outcomes that are compared.
        kernel: of the witness; ``squashed`` still pulls when a world is 80 times too volatile.
        last_kernel, last_share: of the witness in so much of the last iterations; ``energy`` weighs
            rare large values by their size, which a world that is far away would have too many of.
        whole: compare the mean over a rollout (the paper's feedback), and not every step.
        orders: weight of the number of orders of a step beside the feedbacks, which do not see it:
            without, training finds bursts. From half to twice the recorded rate it is free.
        rollouts: of an iteration.
        real_rollouts: N′, of the real market, once.
        share: of the orders that the gradient is taken over; noise grows as it shrinks, faster than
            time is saved.
        rate: of Adam, at first; falls by a cosine to 3 %.
        discount: γ, per step between an order and what is seen later.
        averaged: decay of the averaged weights.
        share_acting: of its decisions at which the experimental agent acts.
        warm_steps, warm_batch, warm_rate: of the likelihood fits.
        choose_every: iterations between choices among worlds by a metric on rollouts kept apart.
        choosing_rollouts: of such a choice.
        guard: largest share of steps in which the world agent may be stopped for acting too often.
        prefixes, choices, continuations, varied_steps: K, b, N and T₀ of Algorithm 1.
        paper_rate, paper_optimizer: r of Algorithm 1, halved ten times in a run, as printed; or its
            gradient given to Adam, with a baseline over the choices.
        gan_steps: of the GAN's generator.
        gan_critic: of the GAN: ``plain``, or ``lstm``, which reads the past states one after the
            other.
        gan_generator: of the GAN: ``plain``, the network of all other worlds, or ``lstm``, which
            reads the past states one after the other and is moved by 32 normal numbers.
        books: which laboratory: markets, books and recordings of its own; None: the run's seed.
    """

    method: Method = "witness"
    start: dict[str, float] = field(default_factory=dict)
    real: dict[str, float] = field(default_factory=dict)
    feedbacks: tuple[str, ...] = ("return", "log_spread", "imbalance_5")
    kernel: KernelName = "squashed"
    last_kernel: KernelName = "energy"
    last_share: Annotated[float, Ge(0), Le(1)] = 0.4
    whole: bool = False
    orders: Annotated[float, Ge(0)] = 0.3
    rollouts: Annotated[int, Ge(4)] = 96
    real_rollouts: Annotated[int, Ge(20)] = 1000
    share: Annotated[float, Gt(0), Le(1)] = 1.0
    rate: Annotated[float, Gt(0), Lt(1)] = 2e-3
    discount: Annotated[float, Ge(0), Le(1)] = 0.3
    averaged: Annotated[float, Ge(0), Lt(1)] = 0.9
    share_acting: Annotated[float, Gt(0), Le(1)] = 1.0
    warm_steps: Annotated[int, Ge(1)] = 1500
    warm_batch: Annotated[int, Ge(16)] = 512
    warm_rate: Annotated[float, Gt(0), Lt(1)] = 3e-3
    choose_every: Annotated[int, Ge(1)] = 8
    choosing_rollouts: Annotated[int, Ge(16)] = 96
    guard: Annotated[float, Ge(0), Le(1)] = 0.01
    prefixes: Annotated[int, Ge(1)] = 1
    choices: Annotated[int, Ge(1)] = 3
    continuations: Annotated[int, Ge(2)] = 5
    varied_steps: Annotated[int, Ge(1)] = 5
    paper_rate: Annotated[float, Gt(0)] = 1e-9
    paper_optimizer: Literal["sgd", "adam"] = "sgd"
    gan_steps: Annotated[int, Ge(1)] = 900
    gan_critic: Literal["plain", "lstm"] = "plain"
    gan_generator: Literal["plain", "lstm"] = "plain"
    books: int | None = None
