"""Several measurements of one figure in one line: a median with its range, or a ratio's interval.

Ratios are of contenders that took turns, one pair per turn: their geometric mean does not depend on
which of the two is called the first, and the bootstrap over pairs (95 %) says how sure it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

import numpy as np

from ..studies.resampling import bootstrap_interval

ENDS = ("_lowest", "_highest")
MARKS = ("speedup", "_over_", "percent")


class Summary(NamedTuple):
    """A figure and its spread: range of all turns, or interval of a ratio."""

    value: float
    low: float
    high: float

    def named(self, name: str) -> dict[str, float]:
        """Three flat figures."""
        return {name: self.value, f"{name}_lowest": self.low, f"{name}_highest": self.high}


def is_ratio(name: str) -> bool:
    """Whether a figure compares two measurements of the same turn."""
    return any(mark in name.rpartition("/")[2] for mark in MARKS)


def summary(name: str, values: Sequence[float]) -> Summary:
    """Of the turns' values."""
    if not is_ratio(name) or min(values) <= 0.0 or len(values) < 2:
        return Summary(median(values), min(values), max(values))
    logarithms = np.log(values)
    low, high = bootstrap_interval(np.mean, logarithms)
    return Summary(*(math.exp(float(value)) for value in (logarithms.mean(), low, high)))
