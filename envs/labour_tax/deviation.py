"""The best hours of one household while all others work as they do, by search.

Working h alone, household i has, with S and K the others' sums of income and of income^(1 − ξ),

    u_i(h) = E ln [(S + e_i h) / (K + (e_i h)^(1 − ξ))] + (1 − ξ) ln(e_i h) − h^(1 + ζ) / (1 + ζ),

where E is over the hours that the others draw.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
POINTS = 301  # of a grid of hours, even in their logarithm; between them runs a parabola
CHUNK = 50  # households of every copy at once, which bounds the memory


def best_hours(
    log_productivity: Floats,
    hours: Floats,
    kept: Floats,
    burden: Callable[[Floats], Floats],
    bounds: tuple[float, float],
) -> tuple[Floats, Floats]:
    """Expected utility of the best hours and of those drawn, ``(B, N)`` each.

    Args:
        log_productivity: ln e, ``(B, N)``.
        hours: independent draws of everybody's, ``(K, B, N)``.
        kept: 1 − ξ, ``(B, 1)``.
        burden: utility lost by hours of any shape.
        bounds: least and most hours.
    """
    grid = np.geomspace(*bounds, POINTS)
    log_income = log_productivity + np.log(hours)  # (K, B, N)
    income, taxed = np.exp(log_income), np.exp(kept * log_income)
    S = income.sum(axis=-1, keepdims=True) - income
    K = taxed.sum(axis=-1, keepdims=True) - taxed
    best, own = np.empty((2, *log_productivity.shape))
    for start in range(0, log_productivity.shape[1], CHUNK):
        part = slice(start, start + CHUNK)
        log_e, rest = log_productivity[:, part], (S[..., part], K[..., part])

        def value(h: Floats, log_e: Floats = log_e, rest: tuple[Floats, Floats] = rest) -> Floats:
            """Of hours ``(B, n, H)``, of the same shape: a mean over what the others draw."""
            log_y = log_e[..., None] + np.log(h)
            y, x = np.exp(log_y), kept[..., None]
            level = sum(
                np.log((s[..., None] + y) / (k[..., None] + np.exp(x * log_y)))
                for s, k in zip(*rest, strict=True)
            )
            return level / len(hours) + x * log_y - burden(h)

        shape = (*log_e.shape, POINTS)
        best[:, part] = _top(value(np.broadcast_to(grid, shape)))
        own[:, part] = value(np.moveaxis(hours[..., part], 0, -1)).mean(axis=-1)
    return best, own


def _top(values: Floats) -> Floats:
    """The largest of values on an even grid, ``(…, H)``, by the parabola through it."""
    place = np.clip(values.argmax(axis=-1), 1, values.shape[-1] - 2)[..., None]
    before, here, after = (
        np.take_along_axis(values, place + step, axis=-1)[..., 0] for step in (-1, 0, 1)
    )
    bend = 2.0 * here - before - after
    top = here + (after - before) ** 2 / (8.0 * np.maximum(bend, 1e-300))
    return np.where(bend > 0.0, np.maximum(top, values.max(axis=-1)), values.max(axis=-1))
