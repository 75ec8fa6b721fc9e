"""Checks that need torch: the same physics as in NumPy, and gradients that are right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from gymnasium.spaces import Box

from ..core.market import Market
from .play import Play, converted, require, require_equal

COPIES = 3
ROUNDING = 1e-12
STEP = 1e-5  # of finite differences, as a share of the range
TOLERANCE = 1e-6
THETA = "θ"


def torch_equals_numpy(market: Market, steps: int, seed: int) -> str:
    """Under the same shocks and actions, torch and NumPy play the same."""
    if "torch" not in market.namespaces:
        return f"skipped: the market runs in {', '.join(market.namespaces)} only"
    import torch

    theta = market.characteristics.draw(np.random.default_rng(seed), COPIES)
    expected = Play.begin(market, seed, COPIES, theta).advance(steps).records
    like = torch.zeros(1, dtype=torch.float64)
    found = Play.begin(market, seed, COPIES, theta, like)
    kind = type(found.state.theta).__module__.partition(".")[0]
    require(kind == "torch", "reset(like=a tensor) does not keep θ in torch")
    found.advance(steps)
    require_equal(found.records, expected, "torch and NumPy", ROUNDING)
    return f"{COPIES} copies, {steps} steps, float64"


def gradients(market: Market, steps: int, seed: int) -> str:
    """Derivatives of rewards and quantities by θ and by Box actions, against finite differences."""
    if not market.differentiable:
        return "skipped: the market declares differentiable = False"
    import torch

    weighing = _Weighing(market, seed)
    fixed = market.characteristics.high <= market.characteristics.low
    leaves = {n: torch.tensor(p, requires_grad=True) for n, p in weighing.points.items()}
    found = torch.autograd.grad(weighing(leaves), list(leaves.values()), allow_unused=True)
    for (name, point), derivative in zip(weighing.points.items(), found, strict=True):
        if name == THETA and fixed.all():
            continue
        require(derivative is not None, f"no gradient flows to {name}")
        for place in np.ndindex(point.shape):
            if name == THETA and fixed[place[-1]]:
                continue
            numeric = weighing.slope(name, place)
            exact = float(derivative[place])
            require(
                abs(exact - numeric) <= TOLERANCE * max(1.0, abs(numeric)),
                f"derivative by {name}{list(place)} is {exact:g}, by differences {numeric:g}",
            )
    return f"by {', '.join(weighing.points)}"


class _Weighing:
    """A fixed random weighing of everything one step brings, as a function of θ and Box actions.

    Attributes:
        points: where derivatives are taken, inside the bounds: name -> ``(B, d)`` or ``(B, N, A)``.
    """

    def __init__(self, market: Market, seed: int):
        self._market = market
        self._generator = np.random.default_rng(seed)
        space = market.characteristics
        theta = self._inside((COPIES, len(space)), space.low, space.high)
        self.points = {THETA: space.nearest_allowed(theta)}
        self._spans = {THETA: space.high - space.low}
        prefix = min(3, market.steps_per_episode - 1)
        play = Play.begin(market, seed, COPIES, self.points[THETA]).advance(prefix)
        self._state, self._actions = play.state, play.source.draw()
        for group in market.groups:
            actions = group.action_space
            if isinstance(actions, Box):
                low, high = actions.low.astype(float), actions.high.astype(float)
                shape = self._actions[group.name].shape
                self.points[group.name] = self._inside(shape, low, high)
                self._spans[group.name] = high - low
        self._weights: dict[str, Any] = {}

    def _inside(self, shape: Any, low: Any, high: Any) -> Any:
        return low + (high - low) * (0.25 + 0.5 * self._generator.random(shape))

    def __call__(self, values: Mapping[str, Any]) -> Any:
        state = self._state
        if not isinstance(values[THETA], np.ndarray):
            state = _in_torch(state)
        state = replace(state, theta=values[THETA])
        actions = {**converted(self._actions, state), **values}
        del actions[THETA]
        step = self._market.step(state, actions)
        total = 0.0
        for name, value in {**step.rewards, **step.quantities}.items():
            if name not in self._weights:
                self._weights[name] = self._generator.normal(size=tuple(value.shape))
            weights = converted({name: self._weights[name]}, state)[name]
            total = total + (weights * value).sum()
        return total

    def slope(self, name: str, place: tuple[int, ...]) -> float:
        """Central difference by one entry of one point, in NumPy."""
        width = STEP * self._spans[name][place[-1]]
        ends = []
        for sign in (1, -1):
            moved = {n: p.copy() for n, p in self.points.items()}
            moved[name][place] += sign * width
            ends.append(float(self(moved)))
        return (ends[0] - ends[1]) / (2 * width)


def _in_torch(state: Any) -> Any:
    """The same state with torch arrays."""
    import torch

    changed = {
        name: torch.as_tensor(value)
        for name, value in vars(state).items()
        if isinstance(value, np.ndarray)
    }
    return replace(state, **changed)
