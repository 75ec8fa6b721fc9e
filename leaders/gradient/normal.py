"""The normal family with a full covariance: the smallest that knows of correlations."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .flows import standard_normal


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
