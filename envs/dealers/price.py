"""The price that everybody refers to, and how much of its next move is known."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ..core.arrays import Array

Law = Literal["random_walk", "mean_reverting"]
LEVEL = 100.0  # of the fundamental, and where a random walk starts
STEP_DEVIATION = 0.5  # σ of a random walk
PERSISTENCE, DEVIATION = 0.9, 1.0  # ρ, σ_x of the deviation from the fundamental
INNOVATION = DEVIATION * float(np.sqrt(1.0 - PERSISTENCE**2))


def deviation_per_step(law: Law) -> float:
    """Standard deviation of a step of the price that nobody can foresee, price units."""
    return STEP_DEVIATION if law == "random_walk" else INNOVATION


def moved(law: Law, deviation: Array, normals: Array) -> tuple[Array, Array, Array]:
    """The next step of the price.

    Args:
        law: of the price.
        deviation: from the fundamental, x, ``(B,)``; 0 of a random walk.
        normals: ``(B,)``.

    Returns:
        The deviation after the step, the price's move and what could be foreseen of it, ``(B,)``.
    """
    if law == "random_walk":
        return deviation, STEP_DEVIATION * normals, 0.0 * normals
    after = PERSISTENCE * deviation + INNOVATION * normals
    return after, after - deviation, (PERSISTENCE - 1.0) * deviation


def first_deviation(law: Law, normals: Array) -> Any:
    """x at the start, ``(B,)``: as likely as at any time."""
    return 0.0 * normals if law == "random_walk" else DEVIATION * normals


def foreseen_until_the_end(law: Law, deviation: Array, left: Array) -> Array:
    """What the price is expected to gain in the steps that are left, ``(B,)``."""
    return 0.0 * deviation if law == "random_walk" else -deviation * (1.0 - PERSISTENCE**left)
