"""Checks that gradients are right and reach θ, against central differences in NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from ..core.arrays import convert, detached
from ..core.characteristics import Characteristics
from ..core.market import Market
from ..core.step import Step
from .play import ActionSource, Play, require

COPIES = 3
MOST_STEPS = 6  # of a play: errors of differences grow with it
STEP = 1e-5  # of differences, as a share of the range
TOLERANCE, PLAY_TOLERANCE = 1e-6, 1e-5
TRIALS = 1000  # of finding θ with room for differences
THETA = "θ"


def of_a_step(market: Market, steps: int, seed: int) -> str:
    """Derivatives of rewards and quantities by θ and by Box actions."""
    if not market.differentiable:
        return "skipped: the market declares differentiable = False"
    import torch

    weighing = _WeighedStep(market.smooth(), seed)
    free = _free(market.characteristics)
    leaves = {n: torch.tensor(p, requires_grad=True) for n, p in weighing.points.items()}
    found = torch.autograd.grad(weighing(leaves), list(leaves.values()), allow_unused=True)
    for (name, point), derivative in zip(weighing.points.items(), found, strict=True):
        if name == THETA and not free.size:
            continue
        require(derivative is not None, f"no gradient flows to {name}")
        for place in np.ndindex(point.shape):
            if name != THETA or place[-1] in free:
                what = f"{name}{list(place)}"
                _require_close(derivative[place], weighing.slope(name, place), TOLERANCE, what)
    return f"by {', '.join(weighing.points)}"


def of_a_play(market: Market, steps: int, seed: int) -> str:
    """Derivatives of all that a play brings by θ, given at its start and again within it."""
    if not market.differentiable:
        return "skipped: the market declares differentiable = False"
    import torch

    space = market.characteristics
    free = _free(space)
    if not free.size:
        return "no characteristic can change"
    theta = _inner_theta(space, np.random.default_rng(seed))
    play = _WeighedPlay(market.smooth(), seed, min(steps, MOST_STEPS))

    def slopes(point: NDArray[np.float64]) -> NDArray[np.float64]:
        leaf = torch.tensor(point, requires_grad=True)
        worth = play(leaf)
        require(getattr(worth, "requires_grad", False), "no gradient flows to θ from a play")
        return detached(torch.autograd.grad(worth.sum(), leaf)[0])

    found = slopes(theta)
    for column in free:
        move = STEP * np.diag(space.high - space.low)[column]
        rise = play(theta + move) - play(theta - move)
        for copy, numeric in enumerate(rise / (2 * move[column])):
            what = f"{space.names[column]} (copy {copy}) over {play.steps} steps"
            _require_close(found[copy, column], numeric, PLAY_TOLERANCE, what)
    shared, own = slopes(theta[0]), slopes(np.tile(theta[0], (COPIES, 1)))
    for column in free:
        what = f"a {space.names[column]} that all copies share"
        _require_close(shared[column], own[:, column].sum(), PLAY_TOLERANCE, what)
    return f"by θ, over {play.steps} steps"


def _require_close(exact: Any, numeric: float, tolerance: float, what: str) -> None:
    require(
        abs(float(exact) - numeric) <= tolerance * max(1.0, abs(numeric)),
        f"derivative by {what} is {float(exact):g}, by differences {numeric:g}",
    )


def _free(space: Characteristics) -> NDArray[np.int64]:
    """Columns of θ that can change."""
    return np.flatnonzero(space.high > space.low)


def _inner_theta(space: Characteristics, generator: np.random.Generator) -> NDArray[np.float64]:
    """θ from the inner half of its range, ``(COPIES, d)``, with room for differences."""
    theta = space.from_unit(_inner(generator, (TRIALS, len(space))))
    fits = space.allows(theta)
    for move in STEP * np.diag(space.high - space.low):
        fits &= space.allows(theta + move) & space.allows(theta - move)
    require(fits.sum() >= COPIES, "constraints leave θ no room for differences")
    return theta[fits][:COPIES]


def _inner(generator: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    return 0.25 + 0.5 * generator.random(shape)


class _Weights:
    """A fixed random weighing of everything that steps bring."""

    def __init__(self, seed: int):
        self._generator = np.random.default_rng([seed, 2])
        self._weights: dict[str, NDArray[np.float64]] = {}

    def of(self, step: Step) -> Any:
        """Rewards and quantities, weighed and summed in every copy, ``(B,)``."""
        total: Any = 0.0
        for name, value in {**step.rewards, **step.quantities}.items():
            if name not in self._weights:
                self._weights[name] = self._generator.normal(size=tuple(value.shape))
            weighed = convert(self._weights[name], value) * value
            total = total + weighed.reshape(len(weighed), -1).sum(1)
        return total


class _WeighedPlay:
    """All that a play brings, weighed, as a function of θ: ``(B,)`` from ``(d,)`` or ``(B, d)``.

    Attributes:
        steps: of the play; θ is set again in the middle.
    """

    def __init__(self, market: Market, seed: int, steps: int):
        self._market, self._seed, self.steps = market, seed, steps
        source = ActionSource(market, range(seed, seed + COPIES))
        self._actions = [source.draw() for _ in range(steps)]
        self._weights = _Weights(seed)

    def __call__(self, theta: Any) -> Any:
        market, total = self._market, 0.0
        state = market.reset(self._seed, COPIES, theta)
        for time, actions in enumerate(self._actions):
            if time == self.steps // 2:
                state = market.set_characteristics(state, theta)
            step = market.step(state, actions)
            total = total + self._weights.of(step)
            ended = detached(step.terminated) | detached(step.truncated)
            state = market.restart(step.state, ended)
        return total


class _WeighedStep:
    """All that one step brings, weighed and summed, as a function of θ and Box actions.

    Attributes:
        points: where derivatives are taken, inside the bounds: name -> ``(B, d)`` or ``(B, N, A)``.
    """

    def __init__(self, market: Market, seed: int):
        self._market, self._weights = market, _Weights(seed)
        generator = np.random.default_rng(seed)
        space = market.characteristics
        self.points = {THETA: _inner_theta(space, generator)}
        self._spans = {THETA: space.high - space.low}
        prefix = min(3, market.steps_per_episode - 1)
        play = Play.begin(market, seed, COPIES, self.points[THETA]).advance(prefix)
        self._state, self._actions = play.state, play.source.draw()
        for group in market.groups:
            actions = group.action_space
            if isinstance(actions, Box):
                low, high = actions.low.astype(float), actions.high.astype(float)
                unit = _inner(generator, self._actions[group.name].shape)
                self.points[group.name] = low + (high - low) * unit
                self._spans[group.name] = high - low

    def __call__(self, values: Mapping[str, Any]) -> Any:
        state = self._market.set_characteristics(self._state, values[THETA])
        chosen = {name: value for name, value in values.items() if name != THETA}
        return self._weights.of(self._market.step(state, {**self._actions, **chosen})).sum()

    def slope(self, name: str, place: tuple[int, ...]) -> float:
        """Central difference by one entry of one point, in NumPy."""
        width = STEP * self._spans[name][place[-1]]
        ends = []
        for sign in (1, -1):
            moved = {n: p.copy() for n, p in self.points.items()}
            moved[name][place] += sign * width
            ends.append(float(self(moved)))
        return (ends[0] - ends[1]) / (2 * width)
