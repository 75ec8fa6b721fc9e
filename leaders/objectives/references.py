"""Where the sample comes from that a calibration is to match."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Gt
from numpy.typing import NDArray

from ...envs.core.errors import PacesetterError, unknown
from ...envs.core.market import Market
from ...envs.user_files import place_of_column, read_csv

LARGEST = 1e100
"""Of a reference's numbers, in absolute value: the squares and sums of larger ones overflow."""
QUANTILES = 2000
PATH = "path"
"""The column of a CSV file that says which path a line belongs to."""
Samples = Mapping[str, NDArray[np.float64]]
"""Reference samples φ: path quantity -> ``(n,)``, in units of the quantity."""


class UnfitReferenceError(PacesetterError):
    """A reference has no sample of a path quantity to give."""


class UnknownColumnError(PacesetterError):
    """A CSV file has no such column."""


@dataclass(frozen=True)
class Reference(ABC):
    """Interface of every reference."""

    name: ClassVar[str]

    @abstractmethod
    def sample(self, market: Market, quantity: str) -> NDArray[np.float64]:
        """The reference sample φ of a path quantity, ``(n,)``, n >= 2, finite."""

    def rows(self, market: Market, quantities: Sequence[str]) -> Samples:
        """Whole paths instead: path quantity -> ``(n, T, …)`` over the T steps of an episode.

        Raises:
            UnfitReferenceError: this reference knows of no paths.
        """
        raise UnfitReferenceError(
            f"the reference {self.name!r} holds no whole paths, which statistics of paths are "
            "compared with; use 'csv', 'planted' or 'statistics'."
        )


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
        rows, place = self._read(column)
        numbers = self._numbers(rows, place)
        if len(numbers) < 2:
            raise PacesetterError(
                f"reference CSV {self.path!r} has {len(numbers)} number(s) in column "
                f"{column!r}; a distribution needs at least two."
            )
        return np.array(numbers)

    def rows(self, market: Market, quantities: Sequence[str]) -> Samples:
        """Paths of every column: lines with the same in the column ``path`` are one, in file order.

        Without that column the file is one long series, cut into windows of an episode's length.

        Raises:
            PacesetterError: as `sample`; also paths of another length, or too short a series.
        """
        steps, labels = market.steps_per_episode, self._labels()
        columns = {q: self.sample(market, q) for q in quantities}
        series = len(next(iter(columns.values())))
        if labels is None:
            number = series // steps
            if number < 2:
                raise UnfitReferenceError(
                    f"reference CSV {self.path!r} holds one series of {series} numbers, which is "
                    f"not two windows of the {steps} steps of an episode; give more data, label "
                    f"paths in a column {PATH!r}, or shorten the market's episode."
                )
            return {q: column[: number * steps].reshape(-1, steps) for q, column in columns.items()}
        for label, length in zip(*np.unique(labels, return_counts=True), strict=True):
            if length != steps:
                raise UnfitReferenceError(
                    f"reference CSV {self.path!r}: path {str(label)!r} has {length} lines, and an "
                    f"episode of market {market.name!r} has {steps} steps; give every path as many."
                )
        order = np.argsort(labels, kind="stable")
        return {q: column[order].reshape(-1, steps) for q, column in columns.items()}

    def _labels(self) -> NDArray[np.str_] | None:
        """What every line holds in the column `PATH`; None where there is no such column."""
        try:
            rows, place = self._read(PATH)
        except UnknownColumnError:
            return None
        lines = filter(_filled, rows[1:])
        return np.array([row[place].strip() if place < len(row) else "" for row in lines])

    def _read(self, column: str) -> tuple[list[list[str]], int]:
        """All lines of the file, and where a column stands in them."""
        try:
            rows = read_csv(self.path)
        except OSError as error:
            raise PacesetterError(
                f"reference CSV {self.path!r} cannot be read: {error.strerror}. Give the path of a "
                "CSV file, relative to the folder the command runs in."
            ) from error
        if not rows:
            raise PacesetterError(
                f"reference CSV {self.path!r} is empty; it needs a header line with the column "
                f"{column!r} and at least two numbers."
            )
        header = [title.strip() for title in rows[0]]
        if column not in header:
            raise UnknownColumnError(
                str(unknown(f"column of reference CSV {self.path!r}:", column, header))
            )
        return rows, place_of_column(self.path, header, column)

    def _numbers(self, rows: list[list[str]], place: int) -> list[float]:
        numbers = []
        for line, row in enumerate(rows[1:], start=2):
            if not _filled(row):
                continue
            text = row[place] if place < len(row) else ""
            try:
                number = float(text)
            except ValueError:
                number = float("nan")
            if not abs(number) <= LARGEST:
                title = rows[0][place].strip()
                large = f"a number beyond {LARGEST:g}"
                raise PacesetterError(
                    f"{self.path}:{line}: column {title!r} holds {text[:60]!r}, which is "
                    f"{large if isfinite(number) else 'not a finite number'}; correct or remove "
                    "the line."
                )
            numbers.append(number)
        return numbers


def _filled(row: list[str]) -> bool:
    return any(cell.strip() for cell in row)


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

    def rows(self, market: Market, quantities: Sequence[str]) -> Samples:
        """As many whole episodes of the market under the planted θ, if its answer is computed."""
        answered = market.answered()
        if answered is None:
            raise UnfitReferenceError(
                f"paths of market {market.name!r} cannot be planted: what its followers have "
                "learned is not known yet. Give the reference as a CSV file of paths."
            )
        market = answered
        theta = market.characteristics.validate(self.theta, self.number)
        played = market.paths(theta, self.seed)
        if played is not None and set(quantities) <= set(played.quantities):
            return {quantity: played.quantities[quantity] for quantity in quantities}
        state, found = market.reset(self.seed, self.number, theta), []
        for _ in range(market.steps_per_episode):
            step = market.step(state, {})
            state = step.state
            found.append(step.quantities)
        return {q: np.stack([step[q] for step in found], axis=1) for q in quantities}


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

    def rows(self, market: Market, quantities: Sequence[str]) -> Samples:
        """The paths that are held."""
        return {quantity: self.sample(market, quantity) for quantity in quantities}
