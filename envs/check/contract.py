"""Checks of what a market declares, and of the form of everything it returns."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete
from numpy.typing import NDArray

from ..core.group import Group
from ..core.market import Market
from ..core.step import Step
from ..parallel import ParallelMarket
from .play import FaultError, Play, numpy, outcome, require, require_equal

COPIES = 3
MANY_INPUTS = 10_000


def declarations(market: Market, steps: int, seed: int) -> str:
    """Names, groups and spaces are complete and of the kinds that markets have."""
    require(market.steps_per_episode >= 1, f"steps_per_episode is {market.steps_per_episode}")
    require(len(market.characteristics) >= 1, "a market needs at least one characteristic")
    _require_unique(market.characteristics.names, "characteristics")
    _require_unique([group.name for group in market.groups], "groups")
    for group in market.groups:
        _declared_group(group)
    _vector(market.leader_observation_space, "leader_observation_space")
    require(isinstance(market.quantities, dict), "quantities must be a dict")
    clashes = {"reward", "theta"} & set(market.quantities)
    require(not clashes, f"quantities {sorted(clashes)} have names that objectives use themselves")
    agents = sum(group.size for group in market.groups)
    return (
        f"{agents} agents in {len(market.groups)} group(s), {len(market.characteristics)} "
        f"characteristic(s), {market.steps_per_episode} steps"
    )


def _declared_group(group: Group) -> None:
    what = f"group {group.name!r}"
    require(group.size >= 1, f"{what}: size is {group.size}")
    _vector(group.observation_space, f"{what}: observation_space")
    actions = group.action_space
    if isinstance(actions, Discrete):
        require(actions.start == 0, f"{what}: Discrete actions must begin at 0")
    else:
        _vector(actions, f"{what}: action_space")
        require(actions.is_bounded(), f"{what}: action_space must be bounded")
    entries = group.observation_space.shape[0]
    require(len(group.view) <= entries, f"{what}: view is longer than the observation")


def _vector(space: Any, what: str) -> None:
    fits = isinstance(space, Box) and len(space.shape) == 1 and space.dtype == np.float32
    require(fits, f"{what} must be a float32 Box of shape (n,), got {space}")


def _require_unique(names: Sequence[str], what: str) -> None:
    require(len(set(names)) == len(names), f"{what} have a name twice: {names}")


def shapes_and_types(market: Market, steps: int, seed: int) -> str:
    """Everything has the declared shape, number type and range."""
    play = Play.begin(market, seed, COPIES)
    played = min(steps, market.steps_per_episode + 1)
    for _ in range(played):
        _seen(market, play.state)
        step = play.step_once()
        _brought(market, step)
        # The final observation is what a truncated episode is bootstrapped from.
        _seen(market, play.state)
        play.state = market.restart(play.state, numpy(step.terminated) | numpy(step.truncated))
    return f"over {played} steps"


def _seen(market: Market, state: Any) -> None:
    observations = market.observe(state)
    _same_names(observations, [group.name for group in market.groups], "observe")
    for group in market.groups:
        _in_space(observations[group.name], group.observation_space, group.size, group.name)
    _in_space(market.leader_observe(state), market.leader_observation_space, None, "")


def _brought(market: Market, step: Step) -> None:
    _same_names(step.rewards, [group.name for group in market.groups], "rewards")
    for group in market.groups:
        _shape(step.rewards[group.name], (COPIES, group.size), f"rewards of {group.name!r}")
    _same_names(step.quantities, list(market.quantities), "quantities")
    for name, value in step.quantities.items():
        require(value.shape[:1] == (COPIES,), f"quantity {name!r} has shape {value.shape}")
        require(value.ndim <= 2, f"quantity {name!r} must be (B,) or (B, N)")
    for name in ("terminated", "truncated"):
        flag = getattr(step, name)
        _shape(flag, (COPIES,), name)
        require(flag.dtype == np.bool_, f"{name} must be bool, is {flag.dtype}")


def _same_names(found: Any, declared: Sequence[str], what: str) -> None:
    require(
        set(found) == set(declared),
        f"{what} has {', '.join(sorted(found)) or 'nothing'}; declared: "
        f"{', '.join(sorted(declared)) or 'nothing'}",
    )


def _shape(array: NDArray[Any], shape: tuple[int, ...], what: str) -> None:
    require(tuple(array.shape) == shape, f"{what} must have shape {shape}, has {array.shape}")


def _in_space(array: NDArray[Any], space: Box, size: int | None, group: str) -> None:
    what = f"observation of {group!r}" if group else "leader's observation"
    middle = () if size is None else (size,)
    _shape(array, (COPIES, *middle, *space.shape), what)
    require(array.dtype == np.float32, f"{what} must be float32, is {array.dtype}")
    outside = ~((array >= space.low) & (array <= space.high))
    if outside.any():
        place = tuple(int(i) for i in np.argwhere(outside)[0])
        bounds = f"[{space.low[place[-1]]:g}, {space.high[place[-1]]:g}]"
        raise FaultError(f"{what}: entry {place[-1]} is {array[place]:g}, outside {bounds}")


def finite_values(market: Market, steps: int, seed: int) -> str:
    """Nothing is infinite or not a number, also under θ from the prior and at the bounds."""
    drawn = market.characteristics.draw(np.random.default_rng(seed), COPIES)
    for theta in (drawn, market.characteristics.low, market.characteristics.high):
        with np.errstate(all="ignore"):
            records = Play.begin(market, seed, COPIES, theta).advance(min(steps, 30)).records
        for index, record in enumerate(records):
            for name, value in record.items():
                require(np.isfinite(value).all(), f"{name} is not finite at step {index}")
    return "under drawn, lowest and highest characteristics"


def end_of_episode(market: Market, steps: int, seed: int) -> str:
    """An episode ends once, at its horizon at the latest, and another begins after it."""
    play = Play.begin(market, seed, COPIES)
    ends = 0
    for index in range(steps):
        step = play.step_once()
        terminated, truncated = numpy(step.terminated), numpy(step.truncated)
        require(not (terminated & truncated).any(), f"step {index} both terminates and truncates")
        ended = terminated | truncated
        at_horizon = numpy(play.state.clock) >= market.steps_per_episode
        require((ended | ~at_horizon).all(), f"step {index} is beyond the horizon")
        if market.ends_at_horizon:
            require((terminated | ~at_horizon).all(), f"step {index} must terminate, not truncate")
        theta = play.state.theta
        play.state = market.restart(play.state, ended)
        clock = numpy(play.state.clock)
        require((clock[ended] == 0).all(), f"after restart, {index=}, the clock is at {clock}")
        require(np.array_equal(theta, play.state.theta), "restart changes the characteristics")
        ends += int(ended.sum())
    if not ends:
        market.observe(market.restart(play.state, np.ones(COPIES, dtype=bool)))
    return f"{ends} episode(s) ended"


def observation_sizes(market: Market, steps: int, seed: int) -> str:
    """Observations are small enough for the fully connected networks that read them."""
    large = {
        group.name: entries
        for group in market.groups
        if (entries := group.observation_space.shape[0] - len(group.view)) >= MANY_INPUTS
    }
    if not large:
        return f"fewer than {MANY_INPUTS:,} entries"
    sizes = ", ".join(f"{entries:,} entries for {name!r}" for name, entries in large.items())
    return (
        f"warning: {sizes}. Images are flattened and read by fully connected layers, which learn "
        "slowly from so many. Make them smaller in observation_space() and what reset() and step() "
        "return: crop, grey, every fourth pixel (supersuit's color_reduction_v0 and resize_v1), or "
        "features instead"
    )


def information_costs(market: Market, steps: int, seed: int) -> str:
    """Prices of information are given for the groups that declare one, and not negative."""
    declared = [group for group in market.groups if group.information_cost]
    drawn = market.characteristics.draw(np.random.default_rng(seed), COPIES)
    for theta in (drawn, market.characteristics.low, market.characteristics.high):
        costs = market.information_costs(market.reset(seed, COPIES, theta))
        _same_names(costs, [group.name for group in declared], "information_costs")
        for group in declared:
            _shape(costs[group.name], (COPIES, group.size), f"information cost of {group.name!r}")
            require((costs[group.name] >= 0).all(), f"a price of {group.name!r} is negative")
    return "" if declared else "skipped: no group declares one"


def idle_followers(market: Market, steps: int, seed: int) -> str:
    """What followers do who are said to be idle changes nothing."""
    names = {group.name: group.size for group in market.groups}
    play = Play.begin(market, seed, COPIES)
    if not market.deciding(play.state):
        return "skipped: everybody always decides"
    idle = 0
    for _ in range(min(steps, market.steps_per_episode)):
        deciding = market.deciding(play.state)
        chosen, others = play.source.draw(), play.source.draw()
        for name, said in deciding.items():
            require(name in names, f"deciding names {name!r}, which is no group")
            _shape(said, (COPIES, names[name]), f"who decides of {name!r}")
            acts = numpy(said) > 0
            idle += int((~acts).sum())
            shape = acts.reshape(*acts.shape, *[1] * (chosen[name].ndim - 2))
            others[name] = np.where(shape, chosen[name], others[name])
        if market.branchable:
            both = [[outcome(market.step(play.state, a))] for a in (chosen, others)]
            require_equal(both[1], both[0], "a step with other actions of idle followers")
        play.step_once()
    return f"{idle} actions that nobody heeds"


def pettingzoo(market: Market, steps: int, seed: int) -> str:
    """PettingZoo's own tests pass on the dictionary view."""
    if not market.groups:
        return "skipped: nobody acts in it"
    from pettingzoo.test import parallel_api_test, parallel_seed_test

    with (
        contextlib.redirect_stdout(io.StringIO()),
        warnings.catch_warnings(record=True) as caught,
        np.errstate(all="ignore"),
    ):
        warnings.simplefilter("always")
        parallel_api_test(ParallelMarket(market), num_cycles=steps)
        parallel_seed_test(lambda: ParallelMarket(market), num_cycles=steps)
    complaints = [str(w.message) for w in caught if issubclass(w.category, UserWarning)]
    require(not complaints, f"PettingZoo warns: {'; '.join(sorted(set(complaints)))}")
    return "parallel_api_test, parallel_seed_test"
