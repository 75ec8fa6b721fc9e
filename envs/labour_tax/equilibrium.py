"""Equilibrium of the labour-tax game among finitely many households, computed, not learned.

Household i moves the level of the tax: by (1) and (2) of `labour_tax`, with s_i its share of all
income and k_i its share of all consumption,

    ∂ ln λ / ∂ ln h_i = s_i − (1 − ξ) k_i,

so that its best answer is not h_i^(1 + ζ) = 1 − ξ but

    h_i^(1 + ζ) = (1 − ξ) (1 − k_i) + s_i.                                         (6)

A productive household works more than among many, and an unproductive one may work less. Shares sum
to one: averaged over households, h^(1 + ζ) is exactly 1 − ξ + ξ / N, and for the mean of hours

    h ≈ (1 − ξ + ξ / N)^(1 / (1 + ζ))                                              (7)

up to O(1 / N²). Where others' productivity is not known, shares in (6) are expectations, whose
average is the same. Utility is concave in ln h wherever (6) holds, since s_i (1 − s_i) is less than
h_i^(1 + ζ): the answer is the only one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import PacesetterError
from .market import LabourTax

TOLERANCE, MOST_ITERATIONS = 1e-12, 10_000
DAMPING = 0.5  # without it, two households may answer each other in circles
Floats = NDArray[np.float64]


def equilibrium_hours(market: LabourTax, productivity: Floats, tax_progressivity: Any) -> Floats:
    """Hours of every household that solve (6), ``(…, N)``.

    Args:
        market: its ζ is used.
        productivity: e, ``(…, N)``.
        tax_progressivity: ξ, one number or ``(…, 1)``.

    Raises:
        PacesetterError: the iteration does not converge.
    """
    x, power = 1.0 - np.asarray(tax_progressivity), 1.0 + market.inverse_frisch_elasticity
    hours = np.broadcast_to(market.hours(1.0 - x), productivity.shape)
    for _ in range(MOST_ITERATIONS):
        income, kept = productivity * hours, (productivity * hours) ** x
        s = income / income.sum(axis=-1, keepdims=True)
        k = kept / kept.sum(axis=-1, keepdims=True)
        change = (x * (1.0 - k) + s) ** (1.0 / power) - hours
        if np.abs(change).max() < TOLERANCE:
            return hours
        hours = hours + DAMPING * change
    raise PacesetterError(
        f"hours of {productivity.shape[-1]} households did not settle within {MOST_ITERATIONS} "
        f"iterations (last change {np.abs(change).max():.1g}); use more households."
    )


def mean_hours(market: LabourTax, tax_progressivity: Any) -> Any:
    """Mean hours among the market's N households by (7), at any shape of ξ."""
    corrected = 1.0 - tax_progressivity + tax_progressivity / market.households
    return corrected ** (1.0 / (1.0 + market.inverse_frisch_elasticity))
