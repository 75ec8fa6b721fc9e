"""References that are whole price paths, and not one sample of each quantity.

A market whose prices are a path from a given start says so by `ShowsPaths`. What a file holds is
checked against it: a reference that no θ could have made is refused where it is read.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from ...envs.core.errors import PacesetterError, unknown
from ...envs.core.market import Market
from ...envs.user_files import place_of_column, read_csv
from .references import LARGEST, Reference, Samples, UnfitReferenceError

LEAST_PATHS = 100
ROUNDING = 1e-4  # by which a rounded price may move more than it can
Paths = NDArray[np.float64]
"""Prices P(0), …, P(T) of n paths, ``(n, T + 1)``."""
Place = Callable[[int, int], str]
"""Where in the file, or in the sample, an entry of paths stands."""


@runtime_checkable
class ShowsPaths(Protocol):
    """A market whose price paths can be a reference.

    Attributes:
        largest_move: share by which a price can move in one step, whatever θ is.
    """

    @property
    def largest_move(self) -> float: ...  # noqa: D102

    def planted_paths(self, theta: Any, number: int, seed: int) -> Paths:
        """Paths under a known θ, ``(number, T + 1)``."""

    def quantities_of(self, paths: Paths) -> dict[str, Paths]:
        """The path quantities that prices show, name -> ``(n, T)``."""


@dataclass(frozen=True)
class PathReference(Reference):
    """Interface of a reference of paths; its quantities, pooled, are a sample like any other."""

    @abstractmethod
    def paths(self, market: Market) -> Paths:
        """The paths, checked, ``(n, T + 1)``, n >= 100.

        Raises:
            UnfitReferenceError: prices of this market are no paths.
            PacesetterError: no θ could have made them.
        """

    def sample(self, market: Market, quantity: str) -> NDArray[np.float64]:
        """A path quantity in every step of every path, ``(n T,)``."""
        found = shown_by(market).quantities_of(self.paths(market))
        if quantity not in found:
            raise unknown("path quantity that prices show", quantity, found)
        return found[quantity].ravel()

    def rows(self, market: Market, quantities: Sequence[str]) -> Samples:
        """Path quantities, path by path, ``(n, T)``."""
        found = shown_by(market).quantities_of(self.paths(market))
        for quantity in quantities:
            if quantity not in found:
                raise unknown("path quantity that prices show", quantity, found)
        return {quantity: found[quantity] for quantity in quantities}


@dataclass(frozen=True)
class CsvPaths(PathReference):
    """Price paths that the user supplies.

    Attributes:
        path: CSV file with one path per line, P(0) first, all of one length, with or without a
            header line; or with one price per line, one long series, which is cut into windows of
            the market's horizon.
        column: of a file with several columns, the one that is one long series; empty: every line
            is a path.
    """

    path: str
    column: str = ""

    name: ClassVar[str] = "paths"

    def paths(self, market: Market) -> Paths:
        """The file's paths, or the windows of its series."""
        horizon = market.steps_per_episode
        shown_by(market)
        rows, first_line = self._rows()
        if len(rows[0]) > 1:
            return checked(
                self._table(rows, first_line),
                market,
                lambda row, column: f"{self.path}:{first_line + row}: column {column + 1}",
            )
        series = self._table(rows, first_line)[:, 0]
        number = (len(series) - 1) // horizon
        if number < LEAST_PATHS:
            raise PacesetterError(
                f"{self.path}: one series of {len(series)} prices gives {number} windows of "
                f"{horizon} periods, and at least {LEAST_PATHS} are needed: "
                f"{LEAST_PATHS * horizon + 1} prices, or a shorter market.horizon."
            )
        starts = horizon * np.arange(number)
        windows = series[starts[:, None] + np.arange(horizon + 1)]
        result = checked(
            windows, market, lambda row, k: f"{self.path}:{first_line + row * horizon + k}: price"
        )
        left = len(series) - 1 - number * horizon
        print(
            f"{self.path}: one series of {len(series)} prices was cut into {number} windows of "
            f"{horizon} periods{f'; the last {left} prices are left out' if left else ''}.",
            flush=True,
        )
        return result

    def _rows(self) -> tuple[list[list[str]], int]:
        """The lines that hold numbers, and the number of the first of them."""
        try:
            rows = [[cell.strip() for cell in row] for row in read_csv(self.path)]
        except OSError as error:
            raise PacesetterError(
                f"reference CSV {self.path!r} cannot be read: {error.strerror}. Give the path of a "
                "CSV file, relative to the folder the command runs in."
            ) from error
        while rows and not any(rows[-1]):
            rows.pop()
        header = rows[0] if rows and not any(_is_number(cell) for cell in rows[0]) else None
        first = 0 if header is None else 1
        if self.column:
            if header is None or self.column not in header:
                raise unknown(f"column of reference CSV {self.path!r}:", self.column, header or [])
            place = place_of_column(self.path, header, self.column)
            rows = [[row[place] if place < len(row) else ""] for row in rows]
        if len(rows) <= first:
            raise PacesetterError(
                f"reference CSV {self.path!r} is empty; it needs one path of prices per line, or "
                "one long series with one price per line."
            )
        return rows[first:], first + 1

    def _table(self, rows: list[list[str]], first_line: int) -> Paths:
        """The cells as numbers, ``(lines, columns)``."""
        width = len(rows[0])
        table = np.empty((len(rows), width))
        for row, cells in enumerate(rows):
            if len(cells) != width:
                raise PacesetterError(
                    f"{self.path}:{first_line + row}: a path of {len(cells)} prices, but line "
                    f"{first_line} has {width}; all paths must be of one length."
                )
            for column, cell in enumerate(cells):
                table[row, column] = float(cell) if _is_number(cell) else np.nan
                if not abs(table[row, column]) <= LARGEST:
                    raise PacesetterError(
                        f"{self.path}:{first_line + row}: column {column + 1} holds {cell[:60]!r}, "
                        f"which is not a number within ±{LARGEST:g}; correct or remove the line."
                    )
        return table


@dataclass(frozen=True)
class PlantedPaths(PathReference):
    """Paths of the market itself under a known θ: can it be recovered?

    Attributes:
        theta: the characteristics to recover, name -> value; those left out have their default.
        number: of paths.
        seed: of the draw.
    """

    theta: dict[str, float] = field(default_factory=dict)
    number: Annotated[int, Ge(LEAST_PATHS)] = 1000
    seed: Annotated[int, Ge(0)] = 0

    name: ClassVar[str] = "planted_paths"

    def paths(self, market: Market) -> Paths:
        """Paths under the planted θ."""
        theta = market.characteristics.validate(self.theta)[0]
        found = shown_by(market).planted_paths(theta, self.number, self.seed)
        return checked(found, market, lambda row, k: f"planted path {row + 1}: price {k + 1}")


def shown_by(market: Market) -> ShowsPaths:
    """The market, which must be one whose prices are paths."""
    if not isinstance(market, ShowsPaths):
        raise UnfitReferenceError(
            f"market {market.name!r} has no price paths to compare with a reference of paths; use "
            "the reference 'csv', with one column per path quantity."
        )
    return market


def checked(paths: Paths, market: Market, place: Place) -> Paths:
    """Paths that some θ can have made.

    Raises:
        PacesetterError: they are too few, of another length than the market's, not positive,
            constant, or move more than any θ can make them.
    """
    number, length = paths.shape
    if length != market.steps_per_episode + 1:
        raise PacesetterError(
            f"{place(0, length - 1)} is the last of a path, which has {length} prices; market "
            f"{market.name!r} makes {market.steps_per_episode + 1}, the first among them. Set "
            f"market.horizon: {length - 1}."
        )
    if number < LEAST_PATHS:
        raise PacesetterError(
            f"{place(number - 1, 0)} belongs to path {number}, the last; a reference of paths "
            f"needs at least {LEAST_PATHS}."
        )
    _refuse(paths, ~(paths > 0), place, "prices must be positive")
    still = np.ptp(paths, axis=1) == 0.0
    if still.any():
        row = int(np.argmax(still))
        raise PacesetterError(
            f"{place(row, 0)} never changes in its path: a constant path says nothing of how "
            "traders trade; remove it."
        )
    largest = shown_by(market).largest_move
    moves = np.zeros_like(paths)
    moves[:, 1:] = np.abs(paths[:, 1:] / paths[:, :-1] - 1.0)
    because = (
        f"which no characteristics can bring about: market {market.name!r} moves it by "
        f"{largest:g} at most; raise that limit, or correct the file"
    )
    excess = moves > largest + ROUNDING
    if excess.any():
        row, column = (int(k) for k in np.argwhere(excess)[0])
        _refuse(paths, excess, place, f"it moved by a share of {moves[row, column]:.3g}, {because}")
    return paths


def _refuse(paths: Paths, broken: NDArray[np.bool_], place: Place, why: str) -> None:
    if broken.any():
        row, column = (int(k) for k in np.argwhere(broken)[0])
        raise PacesetterError(f"{place(row, column)} is {paths[row, column]:g}: {why}.")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def planted_theta(reference: Reference, market: Market) -> Mapping[str, float] | None:
    """The θ that a reference was drawn under, name -> value; None: it is not known."""
    planted = getattr(reference, "theta", None)
    if planted is None:
        return None
    return market.characteristics.named(market.characteristics.validate(planted)[0])
