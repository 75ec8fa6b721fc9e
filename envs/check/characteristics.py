"""Checks of θ: what is allowed, and that a change of θ changes all of the physics."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import PacesetterError
from ..core.market import Market
from .play import FaultError, Play, Records, require, require_equal, visible

COPIES = 3
MOST_TRIALS = 1000  # of finding a change of θ that constraints allow
ROUNDING = 1e-12


def allowed(market: Market, steps: int, seed: int) -> str:
    """Bounds, defaults, names and draws from the prior are accepted, before and in an episode."""
    space = market.characteristics
    drawn = space.draw(np.random.default_rng(seed), COPIES)
    sampled = np.clip(space.space.sample(), space.low, space.high)
    sampled = space.nearest_allowed(sampled[None])[0]
    named = space.named(space.default)
    partly = dict(list(named.items())[:1])
    for theta in (space.low, space.high, space.default, drawn, sampled, named, partly, None):
        state = market.reset(seed, COPIES, theta)
        expected = space.validate(theta, COPIES)
        require(np.array_equal(state.theta, expected), f"reset(theta={theta!r}) sets {state.theta}")
        if theta is not None:
            play = Play.begin(market, seed, COPIES).set_theta(theta)
            require(np.array_equal(play.state.theta, expected), f"θ = {theta!r} is not set")
            play.step_once()
    return "bounds, defaults, names and draws"


def forbidden(market: Market, steps: int, seed: int) -> str:
    """What is not finite, out of bounds, of another shape or unknown is refused."""
    space = market.characteristics
    cases: list[Any] = [
        np.append(space.default, 0.0),
        np.full((COPIES + 1, len(space)), space.default),
        {"no such name": 0.0},
        "a text",
    ]
    for column in range(len(space)):
        margin = 1e-6 + (space.high - space.low)[column]
        for value in (space.low[column] - margin, space.high[column] + margin, np.nan, np.inf):
            theta = space.default.copy()
            theta[column] = value
            cases.append(theta)
    for theta in cases:
        state = market.reset(seed, COPIES)
        for name, call in (
            ("reset", lambda theta=theta: market.reset(seed, COPIES, theta)),
            ("set_characteristics", lambda t=theta, s=state: market.set_characteristics(s, t)),
        ):
            try:
                call()
            except PacesetterError:
                continue
            raise FaultError(f"{name} accepts θ = {theta!r}, which it should refuse")
    return f"{len(cases)} cases refused"


def at_the_start(market: Market, steps: int, seed: int) -> str:
    """Setting θ right after a reset, or after a restart, equals having reset under it.

    A derived quantity that is stored instead of computed from θ is found here.
    """
    steps = min(steps, 20)
    for name, old, new in changes(market, seed):
        under = Play.begin(market, seed, COPIES, new)
        changed = Play.begin(market, seed, COPIES, old).set_theta(new)
        what = f"{name} set after the reset, and reset under it"
        _compare(changed, under, steps, what)
        # Play under one θ first, then begin an episode under another.
        prefix = min(3, market.steps_per_episode - 1)
        before = _prefix(market, seed, old, prefix).set_theta(new)
        before.state = market.restart(before.state, np.ones(COPIES, dtype=bool))
        after = _prefix(market, seed, old, prefix)
        after.state = market.restart(after.state, np.ones(COPIES, dtype=bool))
        what = f"{name} set before the restart, and after it"
        _compare(after.set_theta(new), before, steps, what)
    return "each characteristic, after reset and after restart"


def _prefix(market: Market, seed: int, theta: Any, steps: int) -> Play:
    play = Play.begin(market, seed, COPIES, theta).advance(steps)
    play.records.clear()
    return play


def _compare(found: Play, expected: Play, steps: int, what: str) -> None:
    first = [visible(found.market, found.state)], [visible(expected.market, expected.state)]
    require_equal(*first, what, ROUNDING)
    require_equal(found.advance(steps).records, expected.advance(steps).records, what, ROUNDING)


def in_an_episode(market: Market, steps: int, seed: int) -> str:
    """A change of θ matters at once, does not depend on the way to it, and can be taken back."""
    prefix = min(3, market.steps_per_episode - 1)
    rest = min(steps, 10)
    for name, old, new in changes(market, seed):
        stays = _prefix(market, seed, old, prefix).advance(rest).records
        back = _prefix(market, seed, old, prefix)
        back.set_theta(new)
        market.observe(back.state)
        back.set_theta(old)
        require_equal(back.advance(rest).records, stays, f"{name} changed and changed back")
        at_once = _prefix(market, seed, old, prefix).set_theta(new).advance(rest).records
        middle = (old + new) / 2
        rebuilt = _prefix(market, seed, old, prefix)
        rebuilt.state = replace(rebuilt.state, theta=np.tile(new, (COPIES, 1)))
        what = f"{name} changed by set_characteristics, and in the state alone"
        require_equal(rebuilt.advance(rest).records, at_once, what)
        detour = _prefix(market, seed, old, prefix).set_theta(middle).set_theta(new)
        require_equal(detour.advance(rest).records, at_once, f"{name} changed in one and two moves")
        require(_differ(at_once, stays), f"changing {name} in an episode changes nothing")
    return f"each characteristic, after {prefix} steps"


def view(market: Market, steps: int, seed: int) -> str:
    """Where θ shows in an observation at once, it shows in the entries declared as the view."""
    shown = set()
    for _, old, new in changes(market, seed):
        before = market.observe(market.reset(seed, COPIES, old))
        after = market.observe(market.set_characteristics(market.reset(seed, COPIES, old), new))
        for group in market.groups:
            differs = (before[group.name] != after[group.name]).any(axis=(0, 1))
            length = len(group.view)
            if length and differs.any():
                require(
                    differs[-length:].any(),
                    f"group {group.name!r} declares a view of {length} entry(ies), but θ shows in "
                    f"entries {np.flatnonzero(differs).tolist()} and not in the last ones",
                )
            if length and differs[-length:].any():
                shown.add(group.name)
    hidden = [group.name for group in market.groups if group.name not in shown]
    return f"θ hidden from {', '.join(hidden)}" if hidden else "θ shows at once"


def effect(market: Market, steps: int, seed: int) -> str:
    """Every entry of θ matters: between its bounds, rewards, observations or quantities differ."""
    space, idle = market.characteristics, []
    for column, name in enumerate(space.names):
        if space.high[column] <= space.low[column]:
            continue
        low, high = space.default.copy(), space.default.copy()
        low[column], high[column] = space.low[column], space.high[column]
        pairs = [(low, high)] if space.allows(np.stack([low, high])).all() else []
        pairs += [(old, new) for changed, old, new in changes(market, seed) if changed == name]
        if not any(_matters(market, steps, seed, *pair) for pair in pairs):
            idle.append(name)
    if not idle:
        return "each characteristic"
    return (
        f"warning: {', '.join(idle)} changes no reward, observation or quantity in plays with the "
        "same seeds and actions (beyond the view of θ that is appended), so a leader has nothing "
        "to set. Does set_characteristics keep what step() and reset() read, in the environment "
        "inside all wrappers?"
    )


def _matters(market: Market, steps: int, seed: int, theta: Any, other: Any) -> bool:
    plays = [Play.begin(market, seed, COPIES, one).advance(steps).records for one in (theta, other)]
    views = {f"observation of {group.name}": len(group.view) for group in market.groups}
    for mine, theirs in zip(*plays, strict=True):
        for name, value in mine.items():
            if name in ("characteristics", "leader's observation"):
                continue
            own = value.shape[-1] - views.get(name, 0) if name in views else None
            if not np.array_equal(value[..., :own], theirs[name][..., :own], equal_nan=True):
                return True
    return False


def changes(market: Market, seed: int) -> list[tuple[str, NDArray[Any], NDArray[Any]]]:
    """For each entry of θ that can change: its name, a θ, and the same with another value there.

    Entries lie in the inner part of their bounds, where every one of them should matter.
    """
    space = market.characteristics
    generator = np.random.default_rng([seed, 1])
    found = []
    for column, name in enumerate(space.names):
        if space.high[column] <= space.low[column]:
            continue
        for trial in range(MOST_TRIALS):
            unit = generator.random(len(space))
            # Constraints may leave no room there: then anywhere within bounds.
            old = space.from_unit(0.05 + 0.6 * unit if trial else 0.3 + 0.15 * unit)
            new = old.copy()
            new[column] += 0.3 * (space.high - space.low)[column]
            if space.allows(np.stack([old, new])).all():
                found.append((name, old, new))
                break
    return found


def _differ(records: Records, others: Records) -> bool:
    """Whether anything visible but θ itself differs."""
    return any(
        not np.array_equal(value, theirs[name], equal_nan=value.dtype.kind == "f")
        for mine, theirs in zip(records, others, strict=True)
        for name, value in mine.items()
        if name != "characteristics"
    )
