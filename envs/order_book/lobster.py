"""LOBSTER files: reading and writing the messages and the levels of a limit order book.

LOBSTER (lobsterdata.com) describes one day of a NASDAQ book by two CSV files without headers:

| file | columns |
|---|---|
| message | seconds after midnight, kind, order number, size, price in 10⁻⁴ dollars, direction |
| order book | ask price, ask size, bid price, bid size of level 1, then of level 2, … |

Kinds: 1 new limit order, 2 partial cancellation, 3 cancellation, 4 execution of a visible order,
5 execution of a hidden order, 6 auction trade, 7 halt; 5 to 7 leave the visible book as it is. The
direction is that of the limit order, 1 to buy and −1 to sell: an execution with −1 is a purchase.
Row k of the order-book file is the book after message k; a level that does not exist has the price
±9999999999 and size 0. No such data comes with the package; a user's own are read, and
replayed by `replay`.

Version history: v1.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import PacesetterError
from .book import Event
from .layout import BUY, EXECUTED

Integers = NDArray[np.int64]
COLUMNS = ("time", "kind", "order", "size", "price", "direction")
KINDS = range(1, 8)
LAST_KIND_OF_THE_BOOK = EXECUTED
NO_PRICE = 9_999_999_999
NANOSECONDS = 10**9
PRICES_PER_CENT = 100


@dataclass(frozen=True)
class Messages:
    """The rows of a message file.

    Attributes:
        time: ns after midnight, ``(n,)``.
        kind: 1 to 7, ``(n,)``.
        order: numbers of the orders, ``(n,)``.
        size: shares, ``(n,)``.
        price: 10⁻⁴ dollars, ``(n,)``.
        direction: 1 for an order to buy, −1 for one to sell, ``(n,)``.
        source: the file, for messages about its rows.
    """

    time: Integers
    kind: Integers
    order: Integers
    size: Integers
    price: Integers
    direction: Integers
    source: str = "messages"

    def __len__(self) -> int:
        return len(self.time)

    @classmethod
    def of_events(cls, events: Sequence[Event], price_unit: int = PRICES_PER_CENT) -> Messages:
        """What `OrderBook` reported, with prices multiplied by `price_unit` (100 for cents)."""
        table = np.array(events, dtype=np.int64).reshape(-1, len(Event._fields))
        direction = np.where(table[:, 5] == BUY, 1, -1)
        return cls(
            time=table[:, 0],
            kind=table[:, 1],
            order=table[:, 2],
            size=table[:, 3],
            price=table[:, 4] * price_unit,
            direction=direction,
        )


# Reading ------------------------------------------------------------------------------------------


def read_messages(path: str | Path) -> Messages:
    """The messages in a file.

    Raises:
        PacesetterError: the file cannot be read; a row lacks a column, holds something that is not
            a number, or goes back in time. File and line are named.
    """
    path = Path(path).expanduser()
    rows: list[list[int]] = []
    for line, row in _rows(path):
        if len(row) < len(COLUMNS):
            raise PacesetterError(
                f"{path}:{line}: {len(row)} columns; a message has {len(COLUMNS)}: "
                f"{', '.join(COLUMNS)}. Is this the order-book file?"
            )
        found = [_nanoseconds(path, line, row[0])]
        found += [
            _integer(path, line, name, text)
            for name, text in zip(COLUMNS[1:], row[1 : len(COLUMNS)], strict=True)
        ]
        _check_message(path, line, found, rows[-1][0] if rows else 0)
        rows.append(found)
    if not rows:
        raise PacesetterError(f"{path} holds no messages.")
    columns = dict(zip(COLUMNS, np.array(rows, dtype=np.int64).T.copy(), strict=True))
    return Messages(**columns, source=str(path))


def _check_message(path: Path, line: int, found: list[int], before: int) -> None:
    time, kind, _, size, _, direction = found
    if time < before:
        raise PacesetterError(
            f"{path}:{line}: time goes back, from {_seconds(before)} to {_seconds(time)} s. "
            "Messages must be in order of time; sort the file."
        )
    if kind not in KINDS:
        raise PacesetterError(f"{path}:{line}: kind must be 1 to 7, got {kind}.")
    if kind <= LAST_KIND_OF_THE_BOOK and size <= 0:
        raise PacesetterError(f"{path}:{line}: size must be positive, got {size}.")
    if kind <= LAST_KIND_OF_THE_BOOK and direction not in (1, -1):
        raise PacesetterError(
            f"{path}:{line}: direction must be 1 (buy) or -1 (sell), got {direction}."
        )


def read_order_book(path: str | Path) -> Integers:
    """The rows of an order-book file, ``(n, 4 levels)``.

    Raises:
        PacesetterError: the file cannot be read, or a row has another number of columns than the
            first or a number that is none; or its columns do not come in fours.
    """
    path = Path(path).expanduser()
    rows: list[list[int]] = []
    for line, row in _rows(path):
        if len(row) % 4 or (rows and len(row) != len(rows[0])):
            wanted = f"{len(rows[0])}, as in the first row" if rows else "a multiple of four"
            raise PacesetterError(f"{path}:{line}: {len(row)} columns; there must be {wanted}.")
        rows.append([_integer(path, line, f"column {i}", text) for i, text in enumerate(row, 1)])
    if not rows:
        raise PacesetterError(f"{path} holds no rows.")
    return np.array(rows, dtype=np.int64)


def _rows(path: Path) -> Iterable[tuple[int, list[str]]]:
    try:
        with path.open(newline="", encoding="ascii") as file:
            for line, row in enumerate(csv.reader(file), start=1):
                if row:
                    yield line, row
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not plain text"
        raise PacesetterError(
            f"cannot read {path} ({reason}). Give the path of a LOBSTER file in CSV format."
        ) from error


def _integer(path: Path, line: int, name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise PacesetterError(
            f"{path}:{line}: {name} must be a whole number, got {text!r}."
        ) from None


def _nanoseconds(path: Path, line: int, text: str) -> int:
    """Decimal seconds as whole nanoseconds: a float would lose the last digits."""
    whole, _, fraction = text.strip().partition(".")
    if not whole.isdigit() or (fraction and not fraction.isdigit()) or len(fraction) > 9:
        raise PacesetterError(
            f"{path}:{line}: time must be seconds after midnight with at most nine decimals, "
            f"got {text!r}."
        )
    return int(whole) * NANOSECONDS + int(fraction.ljust(9, "0"))


# Writing ------------------------------------------------------------------------------------------


def write_messages(path: str | Path, messages: Messages) -> None:
    """Write a message file.

    Raises:
        PacesetterError: the file cannot be written.
    """
    columns = (messages.kind, messages.order, messages.size, messages.price, messages.direction)
    rows = np.stack(columns, axis=1).tolist()
    _write(path, ([_seconds(t), *row] for t, row in zip(messages.time.tolist(), rows, strict=True)))


def write_order_book(path: str | Path, rows: Integers) -> None:
    """Write an order-book file of rows ``(n, 4 levels)``.

    Raises:
        PacesetterError: the file cannot be written.
    """
    _write(path, rows.tolist())


def _write(path: str | Path, rows: Iterable[Sequence[Any]]) -> None:
    try:
        with Path(path).expanduser().open("w", newline="", encoding="ascii") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
    except OSError as error:
        raise PacesetterError(f"cannot write {path} ({error.strerror}).") from error


def _seconds(nanoseconds: int) -> str:
    return f"{nanoseconds // NANOSECONDS}.{nanoseconds % NANOSECONDS:09d}"
