"""What statistics of paths are to come to, and how well that tells θ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
UNSEEN = 1e-12
"""Information below this, of a direction in which all has the length one, is rounding."""
ERRORS_SEEN = 2.0  # standard errors that information must be above zero
SHARE_LOST = 0.01  # of a characteristic that lies in directions without information
TOO_CLOSE = 0.95  # correlation of two estimates that hardly tell them apart


@dataclass(frozen=True)
class Target:
    """The statistics of a reference.

    Attributes:
        names: of the statistics.
        mean: over the reference's paths, ``(m,)``.
        covariance: of the statistics of one path, ``(m, m)``.
        number: of paths that the mean is over.
        ridge: added to the correlation matrix before it is inverted: statistics of few paths look
            more alike than they are.
        rows: the statistics of every path, ``(number, m)``; None: only their mean is known.
    """

    names: tuple[str, ...]
    mean: Floats
    covariance: Floats
    number: int
    ridge: float
    rows: Floats | None = None

    @cached_property
    def root(self) -> Floats:
        """R with W = RᵀR, ``(m, m)``."""
        return root_of_inverse(self.covariance, self.ridge)

    @cached_property
    def weight(self) -> Floats:
        """W, the inverse of the covariance, with the ridge, ``(m, m)``: the optimal weights."""
        return self.root.T @ self.root

    def distance(self, statistics: Floats) -> Floats:
        """Weighted squared distance of statistics ``(n, m)`` from the target, ``(n,)``."""
        gap = statistics - self.mean
        return np.einsum("ni,ij,nj->n", gap, self.weight, gap)


def root_of_inverse(covariance: Floats, ridge: float) -> Floats:
    """R with RᵀR the inverse of a covariance ``(m, m)`` whose correlation matrix has a ridge."""
    deviation = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(deviation, deviation)
    lower = np.linalg.cholesky(correlation + ridge * np.eye(len(deviation)))
    return np.linalg.solve(lower, np.diag(1.0 / deviation))


def shrinkage(number: int, statistics: int) -> float:
    """By what the inverse of a covariance from so many rows is too large (Hartlap et al. 2007)."""
    return max(number - statistics - 2, 1) / max(number - 1, 1)


def precision(jacobians: Floats, rows: Floats, ridge: float, root: Floats | None = None) -> Floats:
    """Covariance of the estimate of θ from one path, ``(JᵀV⁻¹J)⁻¹``, ``(d, d)``.

    Divide by the number of paths. The variance is infinite of a θ that the statistics do not see,
    or that so many simulations cannot tell from one. With the mean of noisy Jacobians in place of J
    the noise would count as information; products of different paths alone are free of it.

    Args:
        jacobians: of the statistics of S paths by θ, ``(S, m, d)``.
        rows: statistics of other paths, ``(S', m)``; those of the same promise too much.
        ridge: see `Target`.
        root: R of the weights W = RᵀR in use, and the mean Jacobian with them, which are not the
            best ones: what an estimate loses by both is in ``B⁻¹ JᵀWVWJ B⁻¹``, ``B = JᵀWJ``. None:
            the best.
    """
    covariance = np.atleast_2d(np.cov(rows.T))
    best = root_of_inverse(covariance / shrinkage(*rows.shape), ridge)
    seen = (best if root is None else root) @ jacobians
    mean = seen.mean(axis=0)
    length = np.linalg.norm(mean, axis=0)
    scale = 1.0 / np.where(length > 0, length, 1.0)
    seen, mean = seen * scale, mean * scale
    number = len(seen)
    own = np.einsum("sma,smb->ab", seen, seen) / number
    information = (number * mean.T @ mean - own) / (number - 1)
    values, directions = np.linalg.eigh(information)
    along = seen @ directions  # (S, m, d)
    centre = mean @ directions
    noise = np.sqrt(((along * centre).sum(axis=1)).var(axis=0) / number) * 2.0
    known = values > np.maximum(ERRORS_SEEN * noise, UNSEEN)
    least = np.where(known, values, np.maximum(noise, UNSEEN))
    found: Floats = (directions / least) @ directions.T
    if root is not None:
        found = found @ (mean.T @ root @ covariance @ root.T @ mean) @ found
    found = found * np.outer(scale, scale)
    lost = (directions[:, ~known] ** 2).sum(axis=1) > SHARE_LOST
    found[lost, lost] = np.inf
    return found


def constant(rows: Floats, names: Sequence[str]) -> list[str]:
    """Names of the statistics that are the same in all rows ``(n, m)``."""
    still = np.ptp(rows, axis=0) <= 1e-12 * np.abs(rows).max(axis=0)
    return [name for name, is_still in zip(names, still, strict=True) if is_still]


def indistinct(covariance: Floats, names: Sequence[str]) -> list[str]:
    """What a user must know of an estimate's covariance ``(d, d)``, in sentences."""
    variance = np.diag(covariance)
    told = np.isfinite(variance)
    found = [
        f"{name} is not identified: no statistic is seen to depend on it apart from others; if one "
        "does, more simulations will show it."
        for name, known in zip(names, told, strict=True)
        if not known
    ]
    for one in range(len(names)):
        for other in range(one):
            if not (told[one] and told[other] and variance[one] * variance[other] > 0):
                continue
            correlation = covariance[one, other] / np.sqrt(variance[one] * variance[other])
            if abs(correlation) > TOO_CLOSE:
                found.append(
                    f"{names[other]} and {names[one]} can hardly be told apart: their estimates "
                    f"have a correlation of {correlation:.3f}. Add statistics that they move "
                    "differently, or hold one of them fixed."
                )
    return found
