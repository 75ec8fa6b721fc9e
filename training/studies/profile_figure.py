"""Where an iteration's time goes, and what products of matrices take of it, as bars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from .charts import chart

Floats = NDArray[np.float64]
Shares = Mapping[str, Mapping[str, float]]
"""Task -> part -> share of an iteration's time."""


def profile_figure(parts: Shares, products: Shares) -> Figure:
    """Two bars per task: all parts of an iteration, and beneath them products alone."""
    figure, (axis,) = chart(1, 1, 9.0, 0.9 * len(parts) + 1.5)
    places = np.arange(len(parts))[::-1].astype(float)
    colours = [f"C{number}" for number in range(10)]
    _bars(axis, places + 0.18, 0.36, parts, colours, "")
    shades = [str(0.35 + 0.2 * number) for number in range(4)]
    _bars(axis, places - 0.2, 0.28, products, shades, "products of ")
    axis.set_yticks(places, list(parts))
    axis.set_xlim(0.0, 1.0)
    axis.set_xlabel("share of an iteration's processor time")
    axis.legend(loc="upper center", bbox_to_anchor=(0.45, -0.12), ncols=4, fontsize=8)
    return figure


def _bars(
    axis: Any, places: Floats, height: float, shares: Shares, colours: list[str], before: str
) -> None:
    left = np.zeros(len(shares))
    for part, colour in zip(next(iter(shares.values())), colours, strict=False):
        widths = np.array([one[part] for one in shares.values()])
        axis.barh(places, widths, height, left, color=colour, label=f"{before}{part}")
        left += widths
