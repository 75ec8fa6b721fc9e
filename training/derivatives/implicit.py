"""The slope of followers' answers in a one-shot game, from their first-order conditions.

Where every follower does its best, F_i = ∂r_i/∂a_i = 0; moving θ moves the actions by
``da/dθ = −(∂F/∂a)⁻¹ ∂F/∂θ`` (implicit function theorem). A policy whose values are right to a
percent may have a slope that is wrong by a fifth; this one is exact at the actions played.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box
from torch import Tensor

from ...envs.core.market import Market

MOST_ENTRIES = 64
"""Action entries of a copy: second derivatives take the cube of them."""
MOST_NUMBERS = 20_000_000
"""Held at once: n³ for n action entries in every copy."""


def has_implicit_slope(market: Market) -> bool:
    """Whether the slope can be had: one decision of few Box actions, rewards to differentiate."""
    boxes = [g.action_space for g in market.groups if isinstance(g.action_space, Box)]
    entries = sum(g.size * int(np.prod(g.action_space.shape)) for g in market.groups)
    one_shot = market.steps_per_episode == 1 and market.ends_at_horizon
    all_of_them = len(boxes) == len(market.groups) > 0
    return all_of_them and one_shot and market.differentiable and entries <= MOST_ENTRIES


def with_implicit_slope(
    market: Market, state: Any, actions: dict[str, Tensor]
) -> dict[str, Tensor]:
    """The same actions, with the derivative by the state's θ that first-order conditions give.

    Args:
        market: see `has_implicit_slope`.
        state: whose θ, ``(B, d)``, carries gradients.
        actions: group -> ``(B, N, A)``. What lies on a bound stays there.
    """
    names = [group.name for group in market.groups]
    played = {name: actions[name].detach().to(state.theta.dtype) for name in names}
    copies, entries = state.theta.shape[0], sum(a[0].numel() for a in played.values())
    at_once = max(1, MOST_NUMBERS // entries**3)
    parts = []
    for first in range(0, copies, at_once):
        rows = slice(first, first + at_once)
        part = {name: action[rows] for name, action in played.items()}
        parts.append(_slope(market, state.take(rows), part))
    slope = torch.cat(parts)  # (B, n, d)
    moved = torch.einsum("bnd,bd->bn", slope, state.theta - state.theta.detach())
    return _apart(_together(played) + moved, played)


def _slope(market: Market, state: Any, played: dict[str, Tensor]) -> Tensor:
    """da/dθ of all actions, ``(B, n, d)``."""
    point = _together(played).requires_grad_()
    theta = state.theta.detach().clone().requires_grad_()
    conditions = _own_gradients(market, replace(state, theta=theta), _apart(point, played))
    by_action, by_theta = _jacobians(conditions, (point, theta))
    spaces = {group.name: group.action_space for group in market.groups}
    inside = _together({name: _is_free(spaces[name], a) for name, a in played.items()})
    identity = torch.eye(point.shape[1], dtype=point.dtype)
    by_action = torch.where(inside[:, :, None], by_action, identity)
    by_theta = torch.where(inside[:, :, None], by_theta, 0.0)
    return -torch.linalg.solve(by_action, by_theta)


def _together(actions: dict[str, Tensor]) -> Tensor:
    """Actions of all groups side by side, ``(B, n)``."""
    return torch.cat([action.flatten(1) for action in actions.values()], dim=1)


def _apart(point: Tensor, like: dict[str, Tensor]) -> dict[str, Tensor]:
    """The inverse of `_together`."""
    parts = torch.split(point, [a[0].numel() for a in like.values()], dim=1)
    return {
        name: part.reshape(len(point), *a.shape[1:])
        for (name, a), part in zip(like.items(), parts, strict=True)
    }


def _own_gradients(market: Market, state: Any, actions: dict[str, Tensor]) -> Tensor:
    """Every agent's reward by its own action, ``(B, n)``, differentiable once more."""
    step = market.step(state, actions)
    conditions = []
    for name, action in actions.items():
        rewards = step.rewards[name]  # (B, N)
        agents = rewards.shape[1]
        each = torch.eye(agents, dtype=rewards.dtype)[:, None, :].expand(agents, *rewards.shape)
        (rows,) = torch.autograd.grad(
            rewards, action, each, create_graph=True, is_grads_batched=True
        )
        # (agent rewarded, B, agent acting, A) to each agent's own, (B, N, A).
        own = torch.diagonal(rows, dim1=0, dim2=2).movedim(-1, 1)
        conditions.append(own.flatten(1))
    return torch.cat(conditions, dim=1)


def _jacobians(values: Tensor, inputs: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Of ``(B, n)`` by ``(B, m)`` each, where copies do not touch each other: ``(B, n, m)``."""
    number = values.shape[1]
    each = torch.eye(number, dtype=values.dtype)[:, None, :].expand(number, *values.shape)
    rows = torch.autograd.grad(values, inputs, each, is_grads_batched=True, allow_unused=True)
    first, second = (
        torch.zeros(number, *x.shape, dtype=values.dtype) if row is None else row
        for row, x in zip(rows, inputs, strict=True)
    )
    return first.transpose(0, 1), second.transpose(0, 1)


def _is_free(space: Any, action: Tensor) -> Tensor:
    low, high = (torch.from_numpy(bound).to(action.dtype) for bound in (space.low, space.high))
    return (action > low) & (action < high)
