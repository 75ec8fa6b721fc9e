"""Speed and memory over the number of households that are stepped together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ..charts import chart

RATES = {
    "the economy alone": "economy_agent_steps_per_processor_second",
    "whole iterations of learning": "training_agent_steps_per_processor_second",
}
SIZE = re.compile(r"(\d+)_households_(\d+)_copies/megabytes")
MARKERS = "osvD^*P"


def scaling_figure(figures: Mapping[str, float]) -> Figure:
    """Rates, and memory, of every size; a marker per number of households in one economy.

    Args:
        figures: of the benchmark.
    """
    sizes = sorted((int(m[1]), int(m[2])) for m in map(SIZE.fullmatch, figures) if m)
    figure, (rates, memory) = chart(1, 2, 9.0, 3.6)
    for number, (label, key) in enumerate(RATES.items()):
        _points(rates, sizes, figures, key, f"C{number}")
        rates.plot([], [], color=f"C{number}", label=label)
    _points(memory, sizes, figures, "megabytes", "0.3")
    for households, marker in _markers(sizes).items():
        label = f"{households:,} households in one"
        memory.plot([], [], marker, color="0.3", markersize=5, label=label)
    for axis in (rates, memory):
        axis.set_xscale("log")
        axis.set_xlabel("households in all copies")
        axis.legend(fontsize=7)
    rates.set_yscale("log")
    rates.set_ylabel("agent steps per processor second")
    memory.set_ylim(bottom=0.0)
    memory.set_ylabel("resident memory of the process, MB")
    return figure


def _markers(sizes: list[tuple[int, int]]) -> dict[int, str]:
    return dict(zip(sorted({households for households, _ in sizes}), MARKERS, strict=False))


def _points(
    axis: Any, sizes: list[tuple[int, int]], figures: Mapping[str, float], key: str, colour: str
) -> None:
    """One quantity at every size; those of one number of households are joined."""
    for households, marker in _markers(sizes).items():
        copies = np.array([b for n, b in sizes if n == households])
        values = [figures[f"{households}_households_{b}_copies/{key}"] for b in copies]
        axis.plot(households * copies, values, f"{marker}-", markersize=5, color=colour)
