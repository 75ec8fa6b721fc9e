"""Affine coupling flows: distributions whose density and draws are both exact and cheap.

Base draws u ~ N(0, I) go through couplings (Dinh et al. 2017), each of which moves some coordinates
by an amount that a network reads from those it holds. The last layer of every network starts at
zero, so that an untrained flow is N(0, I) itself.

Which coordinates a coupling holds is fixed, never drawn: random masks leave a coordinate as it came
in one seed of seven, and no training can move it then.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn

Mask = tuple[bool, ...]
"""Of a coupling: which coordinates it holds; it moves the others."""
HIDDEN = (50, 50)
HALF_SWAPS = 5


def standard_normal(points: Tensor) -> Tensor:
    """Log density of N(0, I), ``(n, k)`` to ``(n,)``."""
    return -0.5 * (points**2).sum(-1) - 0.5 * points.shape[-1] * math.log(2.0 * math.pi)


def balanced_masks(number: int) -> list[Mask]:
    """Masks by binary digits: each pair is held and moved apart, each coordinate moved twice.

    Four coordinates give 1100, 0011, 1010, 0101, 1001, where 1 is held.
    """
    found: list[Mask] = []
    for digit in reversed(range((number - 1).bit_length())):
        held = tuple(not i >> digit & 1 for i in range(number))
        found += [held, _other(held)]
    found.append(tuple(i.bit_count() % 2 == 0 for i in range(number)))
    while min(sum(not mask[i] for mask in found) for i in range(number)) < 2:
        found.append(_other(found[-1]))
    return found


def half_masks(number: int) -> list[Mask]:
    """The first half is held, then the second, in turns: halves are swapped after each coupling."""
    first = tuple(i < (number + 1) // 2 for i in range(number))
    return [first if step % 2 == 0 else _other(first) for step in range(HALF_SWAPS)]


def _other(mask: Mask) -> Mask:
    return tuple(not held for held in mask)


MASKS: dict[Literal["balanced", "halves"], Callable[[int], list[Mask]]] = {
    "balanced": balanced_masks,
    "halves": half_masks,
}


class CouplingFlow(nn.Module):
    """A flow of affine couplings.

    Args:
        number: of coordinates, k > 1.
        masks: see `MASKS`.
        seed: of the networks' weights.
    """

    def __init__(self, number: int, masks: Literal["balanced", "halves"], seed: int):
        from zuko.flows.coupling import GeneralCouplingTransform  # takes a second to import

        super().__init__()
        self.number = number
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.steps = nn.ModuleList(
                GeneralCouplingTransform(number, mask=torch.tensor(mask), hidden_features=HIDDEN)
                for mask in MASKS[masks](number)
            ).double()
        for step in self.steps:
            last: Any = step.hyper[-1]  # type: ignore[index]
            for parameter in last.parameters():
                nn.init.zeros_(parameter)

    def forward(self, base: Tensor) -> tuple[Tensor, Tensor]:
        """Base draws u to points and their log density, ``(n, k)`` to ``(n, k)`` and ``(n,)``."""
        points, density = base, standard_normal(base)
        for step in self.steps:
            points, stretched = step().call_and_ladj(points)
            density = density - stretched
        return points, density

    def log_prob(self, points: Tensor) -> Tensor:
        """Log density of given points, ``(n, k)`` to ``(n,)``."""
        base, density = self.base(points)
        return standard_normal(base) + density

    def base(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """The u behind given points, and the log volume by which they are denser than these."""
        density = torch.zeros_like(points[..., 0])
        for step in reversed(self.steps):
            points, stretched = step().inv.call_and_ladj(points)
            density = density + stretched
        return points, density

    def divergence(self, points: Tensor, density: Tensor) -> Tensor:
        """KL divergence from N(0, I), estimated from draws and their log density."""
        return (density - standard_normal(points)).mean()


class NormalFamily(nn.Module):
    """N(m, L Lᵀ), with L lower triangular and its diagonal in logarithms; N(0, I) untrained.

    Args:
        number: of coordinates, k.
    """

    def __init__(self, number: int):
        super().__init__()
        self.number = number
        self.mean = nn.Parameter(torch.zeros(number, dtype=torch.float64))
        self.log_scale = nn.Parameter(torch.zeros(number, dtype=torch.float64))
        self.below = nn.Parameter(torch.zeros(number, number, dtype=torch.float64))

    @property
    def root(self) -> Tensor:
        """L, ``(k, k)``."""
        return torch.tril(self.below, -1) + torch.diag(self.log_scale.exp())

    def forward(self, base: Tensor) -> tuple[Tensor, Tensor]:
        """Base draws u to points and their log density, ``(n, k)`` to ``(n, k)`` and ``(n,)``."""
        return self.mean + base @ self.root.T, standard_normal(base) - self.log_scale.sum()

    def log_prob(self, points: Tensor) -> Tensor:
        """Log density of given points, ``(n, k)`` to ``(n,)``."""
        base = torch.linalg.solve_triangular(self.root, (points - self.mean).T, upper=False).T
        return standard_normal(base) - self.log_scale.sum()

    def divergence(self, points: Tensor, density: Tensor) -> Tensor:
        """KL divergence from N(0, I), in closed form."""
        squares = (self.root**2).sum() + (self.mean**2).sum() - self.number
        return 0.5 * squares - self.log_scale.sum()
