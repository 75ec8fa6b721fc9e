"""The fundamental value: it returns to its mean, and so does the variance of its moves.

    V(t)  = V(t−1) + v₂ (μ₂ − V(t−1)) + √V(t−1) ε₂
    P*(t) = P*(t−1) + v₁ (μ₁ − P*(t−1)) + √V(t) ε₁

V would stray below zero. Either it is cut at a small number under the roots alone, so that its own
drift brings it back; or V itself is cut, which leaves it larger on average: P* then strays twice as
far (1.2 instead of 0.6 with the default options), and fundamental traders hide more of what the
others do. No trader moves P*: the paths of many copies can be had before anything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..core.arrays import Array, at_least

LEAST_VARIANCE = 1e-8


@dataclass(frozen=True)
class ValueProcess:
    """The law of P* and V.

    Attributes:
        mean, reversion: μ₁ and v₁ of P*, in units of the price and per period.
        variance_mean, variance_reversion: μ₂ and v₂ of V.
        cut: where V is kept positive: under the ``root``, or the ``variance`` itself.
    """

    mean: float
    reversion: float
    variance_mean: float
    variance_reversion: float
    cut: Literal["root", "variance"] = "root"

    def next(
        self, xp: Any, value: Array, variance: Array, shock: Array, variance_shock: Array
    ) -> tuple[Array, Array]:
        """P* and V one period on, each ``(B,)``, from standard normals ``(B,)``."""
        root = xp.sqrt(at_least(xp, variance, LEAST_VARIANCE))
        variance = variance + self.variance_reversion * (self.variance_mean - variance)
        variance = variance + root * variance_shock
        if self.cut == "variance":
            variance = at_least(xp, variance, LEAST_VARIANCE)
        root = xp.sqrt(at_least(xp, variance, LEAST_VARIANCE))
        value = value + self.reversion * (self.mean - value) + root * shock
        return value, variance

    def path(
        self,
        value: float,
        variance: float,
        shocks: NDArray[np.floating],
        variance_shocks: NDArray[np.floating],
    ) -> NDArray[np.float64]:
        """P*(1), …, P*(T) of B copies from one start, ``(T, B)``, from shocks ``(T, B)``."""
        found = np.empty(shocks.shape)
        values = np.full(shocks.shape[1], value)
        variances = np.full(shocks.shape[1], variance)
        for period, (shock, variance_shock) in enumerate(zip(shocks, variance_shocks, strict=True)):
            values, variances = self.next(np, values, variances, shock, variance_shock)
            found[period] = values
        return found
