"""The look of every figure, in one place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ..runs.whole_files import whole_file

TRAINED_COLOUR = "#1f77b4"
EXACT_COLOUR = "#d62728"


def chart(rows: int, columns: int, width: float, height: float) -> tuple[Figure, Any]:
    """A figure (not tied to a screen) and its axes, with light grids."""
    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes[0] if rows == 1 else axes


def line(axis: Any, x: Any, y: Any, label: str) -> None:
    """An exact or reference curve."""
    axis.plot(x, y, color=EXACT_COLOUR, linewidth=1.4, label=label)


def save(figure: Figure, path: Path) -> None:
    """Write a figure to a file, of the format that its name ends with."""
    with whole_file(path) as temporary:
        figure.savefig(temporary)


def pixels(figure: Figure) -> np.ndarray:
    """The figure as an image, ``(height, width, 3)`` uint8, as TensorBoard takes it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
