"""How long until leader and follower play the duopoly's closed-form Stackelberg solution?

Wall-clock seconds of training, sampling included, without the start of Ray and of the algorithm.
The leader's range and its first quantity are those of `duopoly_ppo`: the answer is neither. The
goal is met where, with the most likely actions of both, the leader's profit lies within 5 % of the
closed form and the follower's quantity within 5 % of its best response to the leader's, in
`TIMES_IN_A_ROW` iterations in a row.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch

from ....envs.duopoly.market import Duopoly
from ....leaders.objectives.general import QuantityObjective
from ....leaders.policy.ppo import PPOLeader
from ...experiments.experiment import Experiment
from ...experiments.load import load_experiment
from ...experiments.settings import FollowerSettings, TrainingSettings
from ...loop.backends import backend_for
from ...loop.trainer import command
from ...policies.policies import Policies
from ..speed import Figures, Measured, Solution, note

TIMES_IN_A_ROW = 3
TOLERANCE = 0.05
HOPELESS = 3  # runs without success, after which a recipe is given up


def tuned(route: Literal["array", "stock"], seed: int) -> Experiment:
    """The recipe that each route was found to be fastest with.

    Chosen on seeds from 10 to 71 after rounds of random search for each, over batches, phases,
    networks, learning rates, epochs, clips and exploration. Stock RLlib pays more for every sample
    and gradient step, and is fastest with batches of 32.
    """
    if route == "array":
        copies, steps = 1024, 1
        shared = _steady(1.5e-2, epochs=4, clip=0.3, gradient_clip=2.0, hidden_layers=(32,))
        followers = shared | {"initial_action_deviation": 0.2}
        leader = shared | _steady(2e-2, hidden_layers=(16,), initial_action_deviation=0.4)
    else:
        copies, steps = 16, 2
        leader = followers = _steady(
            1.5e-2,
            epochs=8,
            gradient_clip=4.0,
            hidden_layers=(32,),
            initial_action_deviation=0.3,
        )
    common: dict[str, Any] = {"activation": "relu", "minibatch_size": copies * steps}
    return Experiment(
        name=f"duopoly_{route}",
        seed=seed,
        market=load_experiment("duopoly_ppo").market,
        objective=QuantityObjective("leader_profit"),
        leader=_leader(**leader, **common),
        followers=FollowerSettings(**followers, **common),
        training=TrainingSettings(
            copies=copies,
            rollout_steps=steps,
            pretrain_iterations=3,
            iterations=100_000,
            route=route,
        ),
    )


def _leader(**options: Any) -> PPOLeader:
    """A leader that starts where that of `duopoly_ppo` does."""
    published = load_experiment("duopoly_ppo").leader
    assert isinstance(published, PPOLeader)
    return PPOLeader(initial_theta=published.initial_theta, **options)


def _steady(learning_rate: float, **options: Any) -> dict[str, Any]:
    """Options with a learning rate that does not fall."""
    return {"learning_rate": learning_rate, "final_learning_rate": learning_rate, **options}


def paper_preset(seed: int) -> Experiment:
    """Learning rate 5e-5 and 256 × 256 networks, tanh."""
    shared = _steady(5e-5, hidden_layers=(256, 256), epochs=10, minibatch_size=64)
    return _stock(seed, shared, copies=8, rollout_steps=16, pretrain_iterations=5)


def rllib_defaults(seed: int) -> Experiment:
    """What RLlib's PPO does if nothing is said, with two changes to its advantage.

    It steps 16 copies instead of one, and value errors are not clipped.
    """
    shared = _steady(
        5e-5,
        hidden_layers=(256, 256),
        epochs=30,
        minibatch_size=128,
        discount=0.99,
        gae_lambda=1.0,
        clip=0.3,
        kl_coefficient=0.2,
        gradient_clip=1e9,
    )
    return _stock(seed, shared, copies=16, rollout_steps=250, pretrain_iterations=1)


def _stock(seed: int, shared: dict[str, Any], **training: Any) -> Experiment:
    """Stock RLlib with the same options for leader and follower."""
    base = tuned("stock", seed)
    return replace(
        base,
        leader=_leader(**shared),
        followers=FollowerSettings(**shared),
        training=replace(base.training, **training),
    )


def seconds_to_optimum(experiment: Experiment, limit: float) -> tuple[float, bool]:
    """Seconds of training until the goal is met, and whether it was within `limit` seconds."""
    market = experiment.market
    assert isinstance(market, Duopoly)
    backend = backend_for(experiment)
    try:
        guide = experiment.guide()
        policies = Policies(experiment, backend.modules)
        seconds, iteration, in_a_row = 0.0, 0, 0
        while in_a_row < TIMES_IN_A_ROW and seconds < limit:
            began = time.perf_counter()
            leading = iteration >= experiment.training.pretrain_iterations
            command(backend, experiment, guide, leading)
            backend.iterate()
            seconds += time.perf_counter() - began
            iteration += 1
            in_a_row = in_a_row + 1 if leading and at_optimum(policies, market) else 0
    finally:
        backend.stop()
    return seconds, in_a_row == TIMES_IN_A_ROW


def at_optimum(policies: Policies, market: Duopoly) -> bool:
    """Whether the most likely actions of both are within the tolerance."""
    state = market.reset(0)
    state = market.set_characteristics(state, policies.theta(state)[0])
    actions = policies.act(state, torch.Generator(), greedy=True)
    played = market.step(state, actions).quantities
    best_profit = market.benchmark()["stackelberg_leader_profit"]
    answer, best_answer = played["follower_quantity"][0], market.best_response(state.theta[0, 0])
    return bool(
        abs(played["leader_profit"][0] / best_profit - 1.0) <= TOLERANCE
        and abs(answer / best_answer - 1.0) <= TOLERANCE
    )


def compare_recipes(seeds: int, quick: bool) -> Figures:
    """Seconds to the goal on the array route, and on the stock route with each recipe.

    A stock run that is stopped at its limit enters with the limit: its time and the speed-up over
    it are lower bounds then, and the share of such runs is given. A recipe that never got there in
    `HOPELESS` runs is not tried again.
    """
    limit = 20.0 if quick else 30.0
    recipes: dict[str, Callable[[int], Experiment]] = {
        "array": lambda seed: tuned("array", seed),
        "stock_tuned": lambda seed: tuned("stock", seed),
    }
    if not quick:
        recipes |= {"stock_paper_preset": paper_preset, "stock_defaults": rllib_defaults}
    figures: Figures = {}
    for seed in range(seeds):
        for name, recipe in recipes.items():
            stopped = figures.setdefault(f"{name}/share_stopped", [])
            if len(stopped) >= HOPELESS and all(stopped):
                continue
            seconds, reached = seconds_to_optimum(recipe(seed), limit)
            print(f"  {name}, seed {seed}: {'' if reached else 'more than '}{seconds:.2f} s")
            note(figures, f"{name}/seconds", seconds)
            stopped.append(float(not reached))
    stock = [name for name in recipes if name != "array"]
    best = min(stock, key=lambda name: np.mean(figures[f"{name}/seconds"]))
    figures["speedup_over_best_stock_recipe"] = [
        theirs / ours
        for theirs, ours in zip(figures[f"{best}/seconds"], figures["array/seconds"], strict=False)
    ]
    return figures


SOLUTION = Solution("duopoly's followers, 256 copies of 4 steps", "duopoly", 256, 4)
TO_THE_SOLUTION = Measured(
    "seconds of training until the Stackelberg solution is played",
    lambda repeats, quick: compare_recipes(seeds=1 if quick else 12, quick=quick),
    goals={"speedup_over_best_stock_recipe": ("at least", 10.0)},
)
