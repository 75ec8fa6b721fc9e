"""Initial wealth of households: quantiles of total assets in the Survey of Consumer Finances.

Source: Board of Governors of the Federal Reserve System, 2022 Survey of Consumer Finances, summary
extract public data (ASSET in 2022 dollars, weights WGT). The package ships 137 quantiles, finer
towards the top, where most of the wealth is; between them wealth is linear in the quantile, which
keeps the mean within 1.5 %.

| table | mean, dollars | what one draw is |
|---|---|---|
| weighted by WGT (the population) | 1.19 million | a household of the United States |
| unweighted | 20.3 million | a household of the sample, which seeks out the wealthy |

`wealth_quantiles.json` is written by ``quantile_table`` from the survey's file; a file of the
user's own is read in the same way.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.arrays import Array, at_least, constant
from ..core.errors import PacesetterError, unknown
from ..user_files import place_of_column, read_csv

Floats = NDArray[np.float64]
LEAST_WEALTH = 1.0  # dollars: an economy in which nobody owns anything could not produce


def _levels() -> Floats:
    """Percentiles up to 99 %, then nine steps in every decade up to 99.999 %, and the maximum."""
    tails = [1.0 - np.arange(10, 0, -1) * 10.0**-k for k in (3, 4, 5, 6)]
    return np.unique(np.concatenate([np.arange(100) / 100, *tails, [1.0]]).round(9))


LEVELS = _levels()


@dataclass(frozen=True, eq=False)
class WealthDistribution:
    """Quantiles of wealth.

    Attributes:
        levels: probabilities from 0 to 1, ``(m,)``.
        wealth: the quantile at each of them, dollars, ``(m,)``.
    """

    levels: Floats
    wealth: Floats

    def at(self, xp: Any, quantile: Array) -> Array:
        """Wealth in dollars, at least 1, of the given quantiles in [0, 1), of any shape."""
        levels, wealth, slopes = (
            constant(array, quantile) for array in (self.levels, self.wealth, self._slopes)
        )
        flat = xp.reshape(quantile, (-1,))
        below = xp.searchsorted(levels, flat, side="right") - 1
        drawn = wealth[below] + slopes[below] * (flat - levels[below])
        return xp.reshape(at_least(xp, drawn, LEAST_WEALTH), quantile.shape)

    @cached_property
    def _slopes(self) -> Floats:
        return np.diff(self.wealth) / np.diff(self.levels)

    @property
    def mean(self) -> float:
        """Mean wealth, dollars."""
        return float(np.diff(self.levels) @ (self.wealth[1:] + self.wealth[:-1]) / 2)


@cache
def shipped_distribution(weighted: bool = True) -> WealthDistribution:
    """The survey of 2022, weighted to the population or as it was sampled."""
    text = files(__package__).joinpath("wealth_quantiles.json").read_text(encoding="utf-8")
    column = "weighted" if weighted else "unweighted"
    return WealthDistribution(LEVELS, np.array(json.loads(text)[column], dtype=np.float64))


def read_distribution(path: str | Path, weighted: bool = True) -> WealthDistribution:
    """The distribution in a CSV file with the survey's columns ASSET and, if weighted, WGT.

    Raises:
        PacesetterError: the file cannot be read, lacks a column, or holds something that is not a
            number, a weight that is not positive, or nothing at all.
    """
    names = ("ASSET", "WGT") if weighted else ("ASSET",)
    columns = _read_columns(Path(path).expanduser(), names)
    return quantile_table(columns[0], columns[1] if weighted else None)


def quantile_table(wealth: Floats, weights: Floats | None = None) -> WealthDistribution:
    """Quantiles at `LEVELS` of a sample, ``(n,)``, with equal weights if None are given."""
    order = np.argsort(wealth, kind="stable")
    ordered = np.ones(len(wealth)) if weights is None else weights[order]
    centres = (np.cumsum(ordered) - ordered / 2) / ordered.sum()
    return WealthDistribution(LEVELS, np.interp(LEVELS, centres, wealth[order]))


def _read_columns(path: Path, names: tuple[str, ...]) -> Floats:
    try:
        lines = read_csv(path)
    except OSError as error:
        raise PacesetterError(
            f"cannot read the wealth file {path} ({error.strerror}). Give the path of a CSV file "
            f"with the columns {', '.join(names)}."
        ) from error
    header = [name.strip() for name in lines[0]] if lines else []
    for name in names:
        if name not in header:
            raise unknown(f"column, needed in {path},", name, header)
    places = [place_of_column(path, header, name) for name in names]
    rows = [
        _numbers(path, line, row, places, names) for line, row in enumerate(lines[1:], 2) if row
    ]
    if not rows:
        raise PacesetterError(f"{path} holds no households below its header.")
    return np.array(rows, dtype=np.float64).T


def _numbers(
    path: Path, line: int, row: list[str], places: list[int], names: tuple[str, ...]
) -> list[float]:
    found = []
    for name, place in zip(names, places, strict=True):
        text = row[place] if place < len(row) else ""
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if not np.isfinite(number) or (name == "WGT" and number <= 0) or number < 0:
            allowed = "a positive number" if name == "WGT" else "a number of dollars, 0 or more"
            raise PacesetterError(
                f"{path}:{line}: {name} must be {allowed}, got {text!r}. Correct or remove the row."
            )
        found.append(number)
    return found
