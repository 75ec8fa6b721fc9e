"""How long until followers earn what they could: against stock RLlib, Stable-Baselines3 and JAX.

The yardstick is what a market knows of its own deviations (`Market.best_response_value`): what a
follower earns by its most likely actions, over what the best response to all others would earn, on
average over episodes under θ from the prior. Each contender has the recipe of a small search on
seed 10 that reached the goals soonest; the table's seeds chose nothing. Times are of the processor,
without the start of a process, compilation in JAX, and the measurements.
"""

from __future__ import annotations

import math
import os
import time
from itertools import product
from typing import Any

import numpy as np
from gymnasium.spaces import Discrete
from numpy.typing import NDArray

from ...envs.core.errors import PacesetterError
from ...envs.core.market import Market
from ...envs.registry import make
from ..studies.speed import Figures, Solution, note
from .jax_race import INTERPRETER
from .solvers import Act, Jax, Ours, Recipe, Solver

NAMES = ("array", "stock", "stable_baselines", "jax")
GOALS = (0.95, 0.99)
RATES, DEVIATIONS = (1e-3, 3e-3, 1e-2), (0.5, 0.15)
SEARCH_SEED = 10
IN_A_ROW = 3  # measurements that must meet a goal
LIMIT, SHORTEST = 20.0, 1e-3  # processor seconds of a run
JUDGES, JUDGED_STEPS = 16, 3  # copies and steps that a measurement plays


def solver(name: str, declared: Solution, market: Market, recipe: Recipe, seed: int) -> Solver:
    """One of `NAMES`."""
    made = (declared, market, recipe, seed)
    if name in ("array", "stock"):
        return Ours(name, *made)
    if name == "jax":
        return Jax(*made)
    try:
        from .stable_baselines import StableBaselines
    except ModuleNotFoundError as error:
        raise PacesetterError(
            f"this benchmark needs {error.name}: pip install 'pacesetter[sb3]'."
        ) from None
    return StableBaselines(*made)


class Greedy:
    """Followers who take their most likely actions (see `best_response.Followers`)."""

    def __init__(self, market: Market, act: Act):
        self._market, self._act = market, act
        (self._group,) = market.groups

    def actions(self, state: Any) -> NDArray[Any]:
        """``(B, N, …)``."""
        seen = np.asarray(self._market.observe(state)[self._group.name])
        found = self._act(seen.reshape(-1, seen.shape[-1]).copy())
        return found.reshape(*seen.shape[:2], *self._group.action_space.shape)

    def draws(self, state: Any, number: int) -> dict[str, NDArray[Any]]:
        """All alike."""
        actions = self.actions(state)
        return {self._group.name: np.broadcast_to(actions, (number, *actions.shape))}

    def probabilities(self, group: str, state: Any) -> NDArray[Any]:
        """All on one action."""
        space = self._group.action_space
        assert isinstance(space, Discrete)
        return np.eye(int(space.n))[self.actions(state)]


def share_of_best(market: Market, act: Act, free: bool) -> float:
    """What followers earn over what their best responses would, over an episode's first steps.

    Args:
        market: with one group.
        act: what they do.
        free: under the lowest θ, where information costs nothing, and not under θ from the prior.
    """
    followers, space = Greedy(market, act), market.characteristics
    drawn = space.draw(np.random.default_rng(0), JUDGES)
    state = market.reset(1, JUDGES, np.broadcast_to(space.low, drawn.shape) if free else drawn)
    (group,) = market.groups
    own = best = 0.0
    for _ in range(min(JUDGED_STEPS, market.steps_per_episode)):
        found = market.best_response_value(state, followers)[group.name]
        own, best = own + float(np.mean(found.own)), best + float(np.mean(found.best))
        state = market.step(state, {group.name: followers.actions(state)}).state
    return own / best


def seconds_to(
    name: str, declared: Solution, recipe: Recipe, seed: int, limit: float
) -> list[float]:
    """Processor seconds to each of `GOALS`; `limit` where it was not reached within them."""
    market = make(declared.market, **declared.options)
    (group,) = market.groups
    playing = solver(name, declared, market, recipe, seed)
    spent, first, in_a_row = 0.0, [math.inf] * len(GOALS), [0] * len(GOALS)
    try:
        while spent < limit and min(in_a_row) < IN_A_ROW:
            began = time.process_time()
            elsewhere = playing.iterate()
            spent += time.process_time() - began if elsewhere is None else elsewhere
            share = share_of_best(market, playing.act, group.information_cost)
            for place, goal in enumerate(GOALS):
                if in_a_row[place] >= IN_A_ROW:
                    continue
                in_a_row[place] = in_a_row[place] + 1 if share >= goal else 0
                first[place] = spent if in_a_row[place] == 1 else first[place]
    finally:
        playing.stop()
    reached = zip(first, in_a_row, strict=True)
    return [seconds if met >= IN_A_ROW else limit for seconds, met in reached]


def time_to_solution(declared: Solution, seeds: int, quick: bool = False) -> Figures:
    """Seconds of every contender to each goal, and how many times longer the others take.

    A run that is stopped enters with the limit, and the share of such runs is given.
    """
    limit = LIMIT / 4 if quick else LIMIT
    figures: Figures = {}
    names = [name for name in NAMES if name != "jax" or INTERPRETER in os.environ]
    discrete = isinstance(make(declared.market).groups[0].action_space, Discrete)
    searched = product(RATES[:1] if quick else RATES, DEVIATIONS[: 1 if discrete else 2])
    recipes = [Recipe(*values) for values in searched]
    best = {}
    for name in names:
        seconds_to(name, declared, recipes[0], SEARCH_SEED, SHORTEST)  # loads and compiles
        tried = {
            recipe: seconds_to(name, declared, recipe, SEARCH_SEED, limit) for recipe in recipes
        }
        best[name] = min(recipes, key=lambda recipe: sum(tried[recipe]))
        rate, deviation = best[name]
        print(f"  {name}: learning rate {rate:g}, first deviation {deviation:g}", flush=True)
        note(figures, f"{name}/learning_rate", rate)
        note(figures, f"{name}/initial_action_deviation", deviation)
    for seed in range(seeds):
        taken = {}
        for name in names if seed % 2 == 0 else names[::-1]:
            taken[name] = seconds_to(name, declared, best[name], seed, limit)
            print(f"  {name}, seed {seed}: {', '.join(f'{s:.2f} s' for s in taken[name])}")
        for name, seconds in taken.items():
            for goal, value, ours in zip(GOALS, seconds, taken["array"], strict=True):
                percent = f"{100 * goal:.0f}_percent"
                note(figures, f"{name}/processor_seconds_to_{percent}", value)
                note(figures, f"{name}/stopped_before_{percent}", float(value >= limit))
                if name != "array":
                    note(figures, f"speedup_over_{name}_to_{percent}", value / ours)
    return figures
