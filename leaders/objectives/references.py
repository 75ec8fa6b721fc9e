"""Where the sample comes from that a calibration is to match."""

from __future__ import annotations

import csv
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Gt
from numpy.typing import NDArray

from ...envs.core.errors import PacesetterError, unknown
from ...envs.core.market import Market

QUANTILES = 2000
Samples = Mapping[str, NDArray[np.float64]]
"""Reference samples φ: path quantity -> ``(n,)``, in units of the quantity."""


class UnfitReferenceError(PacesetterError):
    """A reference has no sample of a path quantity to give."""


@dataclass(frozen=True)
class Reference(ABC):
    """Interface of every reference."""

    name: ClassVar[str]

    @abstractmethod
    def sample(self, market: Market, quantity: str) -> NDArray[np.float64]:
        """The reference sample φ of a path quantity, ``(n,)``, n >= 2, finite."""


@dataclass(frozen=True)
class Moments(Reference):
    """A normal distribution with published moments, as its quantiles; never raw data.

    Attributes:
        mean, variance: of the quantity.
    """

    mean: float
    variance: Annotated[float, Gt(0)]

    name: ClassVar[str] = "moments"

    def sample(self, market: Market, quantity: str) -> NDArray[np.float64]:
        """Evenly spaced quantiles of N(mean, variance)."""
        from scipy.special import ndtri  # a slow import

        levels = (np.arange(QUANTILES) + 0.5) / QUANTILES
        return self.mean + np.sqrt(self.variance) * ndtri(levels)


@dataclass(frozen=True)
class CsvFile(Reference):
    """Numbers the user supplies.

    Attributes:
        path: CSV file with a header line.
        column: name of the column to read; empty: the one called as the path quantity.
    """

    path: str
    column: str = ""

    name: ClassVar[str] = "csv"

    def sample(self, market: Market, quantity: str) -> NDArray[np.float64]:
        """The column, in file order.

        Raises:
            PacesetterError: the file is missing, empty, has no such column, or holds something that
                is not a finite number; the message names the line.
        """
        column = self.column or quantity
        try:
            with Path(self.path).expanduser().open(newline="", encoding="utf-8-sig") as file:
                rows = list(csv.reader(file))
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise PacesetterError(
                f"reference CSV {self.path!r} cannot be read: {reason}. Give the path of a CSV "
                "file, relative to the folder the command runs in."
            ) from error
        if not rows:
            raise PacesetterError(
                f"reference CSV {self.path!r} is empty; it needs a header line with the column "
                f"{column!r} and at least two numbers."
            )
        header = [title.strip() for title in rows[0]]
        if column not in header:
            raise unknown(f"column of reference CSV {self.path!r}:", column, header)
        numbers = self._numbers(rows, header.index(column))
        if len(numbers) < 2:
            raise PacesetterError(
                f"reference CSV {self.path!r} has {len(numbers)} number(s) in column "
                f"{column!r}; a distribution needs at least two."
            )
        return np.array(numbers)

    def _numbers(self, rows: list[list[str]], place: int) -> list[float]:
        numbers = []
        for line, row in enumerate(rows[1:], start=2):
            if not any(cell.strip() for cell in row):
                continue
            text = row[place] if place < len(row) else ""
            try:
                number = float(text)
            except ValueError:
                number = float("nan")
            if not np.isfinite(number):
                title = rows[0][place].strip()
                raise PacesetterError(
                    f"{self.path}:{line}: column {title!r} holds {text!r}, which is not a "
                    "finite number; correct or remove the line."
                )
            numbers.append(number)
        return numbers


@dataclass(frozen=True)
class Planted(Reference):
    """Observations of the market's computed answer under a known θ: can it be recovered?

    Attributes:
        theta: the characteristics to recover, name -> value.
        number: size of the sample.
        seed: of the draw.
    """

    theta: dict[str, float] = field(default_factory=dict)
    number: Annotated[int, Ge(2)] = 3000
    seed: Annotated[int, Ge(0)] = 0

    name: ClassVar[str] = "planted"

    def sample(self, market: Market, quantity: str) -> NDArray[np.float64]:
        """The path quantity under the planted θ."""
        theta = market.characteristics.validate(self.theta)[0]
        return np.asarray(market.planted_sample(theta, self.number, self.seed, quantity))


@dataclass(frozen=True)
class Held(Reference):
    """Samples that have been read already; no file can ask for it.

    Attributes:
        samples: path quantity -> ``(n,)``.
    """

    samples: Samples

    name: ClassVar[str] = "held"

    def sample(self, market: Market, quantity: str) -> NDArray[np.float64]:
        """The sample that is held.

        Raises:
            PacesetterError: none is held of this quantity.
        """
        if quantity not in self.samples:
            raise unknown("path quantity with a reference sample", quantity, self.samples)
        return self.samples[quantity]
