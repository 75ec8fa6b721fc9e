"""Checks that a state holds everything: plays depend on seeds and on nothing else."""

from __future__ import annotations

import pickle
from dataclasses import fields
from typing import Any

import numpy as np

from ..core.market import Market
from ..core.random_streams import RandomStream
from .play import (
    FaultError,
    Play,
    Records,
    fingerprint,
    outcome,
    require,
    require_equal,
    row,
    visible,
)

COPIES = 3
ROUNDING = 1e-12  # sums over batches of another shape may round differently


def determinism(market: Market, steps: int, seed: int) -> str:
    """The same seed gives the same play, on the same market and on an equal one."""
    first = Play.begin(market, seed, COPIES).advance(steps).records
    again = Play.begin(market, seed, COPIES).advance(steps).records
    require_equal(again, first, "two plays with one seed")
    twin = pickle.loads(pickle.dumps(market))
    on_twin = Play.begin(twin, seed, COPIES).advance(steps).records
    require_equal(on_twin, first, "a play on a pickled market")
    return f"{COPIES} copies, {steps} steps"


def nothing_hidden(market: Market, steps: int, seed: int) -> str:
    """Two plays on one market, stepped in turns, do not touch each other."""
    alone = Play.begin(market, seed, COPIES).advance(steps).records
    play = Play.begin(market, seed, COPIES)
    for step in range(steps):
        if step % 7 == 0:
            other = Play.begin(market, seed + 1000, COPIES + 1)
        other.advance(1)
        play.advance(1)
    require_equal(play.records, alone, "a play, alone and while another goes on")
    return "two plays in turns"


def independent_copies(market: Market, steps: int, seed: int) -> str:
    """Copy b of a batch seeded with s equals a single market seeded with s + b.

    One copy begins a new episode out of turn, so that copies are at different places.
    """
    restarts = {steps // 3: lambda own: own == seed + 1}
    batch = Play.begin(market, seed, COPIES).advance(steps, restarts).records
    for b in range(COPIES):
        single = Play.begin(market, seed + b, 1).advance(steps, restarts).records
        require_equal(single, row(batch, b), f"copy {b} alone and in a batch", ROUNDING)
    larger = Play.begin(market, seed, COPIES + 4).advance(steps, restarts).records
    for b in range(COPIES):
        what = f"copy {b} in batches of {COPIES + 4} and {COPIES}"
        require_equal(row(larger, b), row(batch, b), what, ROUNDING)
    return f"{COPIES} copies, {steps} steps, with restarts"


def inputs_unchanged(market: Market, steps: int, seed: int) -> str:
    """No method changes the state or the actions it is given."""
    if not market.branchable:
        return "skipped: the market declares branchable = False; its steps use states up"
    play = Play.begin(market, seed, COPIES).advance(min(steps, market.steps_per_episode) // 2)
    state, actions = play.state, play.source.draw()
    theta = market.characteristics.draw(np.random.default_rng(seed), COPIES)
    calls: dict[str, Any] = {
        "observe": lambda: market.observe(state),
        "leader_observe": lambda: market.leader_observe(state),
        "information_costs": lambda: market.information_costs(state),
        "deciding": lambda: market.deciding(state),
        "step": lambda: market.step(state, actions),
        "set_characteristics": lambda: market.set_characteristics(state, theta),
        "restart": lambda: market.restart(state, np.array([True, False, True])),
    }
    before, before_actions = fingerprint(state), fingerprint(actions)
    for name, call in calls.items():
        call()
        require(fingerprint(state) == before, f"{name} changes the state it is given{_where()}")
        require(fingerprint(actions) == before_actions, f"{name} changes the actions")
    once = [outcome(market.step(state, actions))]
    require_equal([outcome(market.step(state, actions))], once, "two steps from one state")
    return ", ".join(calls)


def _where() -> str:
    return "; make new arrays instead (a + b, not a += b)"


def copy_branch_pickle(market: Market, steps: int, seed: int) -> str:
    """A state that was pickled, copied or branched goes on as the original does."""
    half = max(1, steps // 2)
    rest = steps - half
    straight = Play.begin(market, seed, COPIES).advance(steps).records[half:]
    play = Play.begin(market, seed, COPIES).advance(half)
    blob = pickle.dumps((play.state, play.source))

    def go_on(state: Any, source: Any) -> Records:
        return Play(market, state, source, []).advance(rest).records

    lost = any(market.lost_episodes(pickle.loads(blob)[0]))
    if not lost:
        require_equal(go_on(*pickle.loads(blob)), straight, "a pickled state and the original")
    if not market.branchable:
        if lost:
            return "skipped: a pickled state does not hold its episodes, see resume"
        return "pickle alone, as the market declares branchable = False"
    state = play.state
    require_equal(go_on(state.copy(), pickle.loads(blob)[1]), straight, "a copy and the original")
    source = pickle.loads(blob)[1]
    branched = Play(market, state.take(np.array([1, 0, 2])), source, []).advance(rest)
    require(branched.state is not state, "a branch is the state itself")
    require_equal(go_on(state, pickle.loads(blob)[1]), straight, "a state whose branch was played")
    _put_and_take(market, state)
    return f"after {half} steps"


def resume(market: Market, steps: int, seed: int) -> str:
    """A run that was interrupted goes on; not exactly, if a pickled state loses its episodes."""
    play = Play.begin(market, seed, COPIES)
    play.advance(max(1, min(steps, market.steps_per_episode) // 2))
    play.state, play.source = pickle.loads(pickle.dumps((play.state, play.source)))
    reasons = market.lost_episodes(play.state)
    lost = np.array([reason != "" for reason in reasons])
    if not lost.any():
        return "exact"
    theta = play.state.theta
    play.state = market.restart(play.state, lost)
    require(np.array_equal(play.state.theta, theta), "restart changes the characteristics")
    require((play.state.clock[lost] == 0).all(), "a lost episode does not begin anew")
    play.advance(steps)
    return (
        f"skipped: not exact, because {max(reasons)}. A run that is resumed goes on with new "
        "episodes"
    )


def _put_and_take(market: Market, state: Any) -> None:
    rows = np.array([2, 0])
    back = state.put(rows, state.take(rows))
    require_equal([visible(market, back)], [visible(market, state)], "put(rows, take(rows))")
    for field in fields(state):
        value = getattr(state, field.name)
        if isinstance(value, RandomStream):
            value = value.seed
        if value.shape[:1] != (COPIES,):
            raise FaultError(f"state field {field.name!r} has shape {value.shape}, not (B, …)")
