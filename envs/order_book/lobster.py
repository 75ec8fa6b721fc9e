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
from .parsing import (
    NANOSECONDS,
    NO_NUMBER,
    TOO_FEW,
    TOO_LARGE,
    TOO_MANY,
    Flaw,
    Table,
    columns_of,
    parse,
    text_of,
)

Integers = NDArray[np.int64]
COLUMNS = ("time", "kind", "order", "size", "price", "direction")
KINDS = range(1, 8)
LAST_KIND_OF_THE_BOOK = EXECUTED
NO_PRICE = 9_999_999_999
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
        lines: of the file that the rows are from, ``(n,)``; by default row i is line i + 1.
    """

    time: Integers
    kind: Integers
    order: Integers
    size: Integers
    price: Integers
    direction: Integers
    source: str = "messages"
    lines: Integers | None = None

    def __len__(self) -> int:
        return len(self.time)

    def __getitem__(self, part: slice) -> Messages:
        """Some of the messages, which keep their lines."""
        columns = {name: getattr(self, name)[part] for name in COLUMNS}
        lines = np.arange(1, len(self) + 1) if self.lines is None else self.lines
        return Messages(**columns, source=self.source, lines=lines[part])

    def where(self, place: int) -> str:
        """File and line of a message."""
        return f"{self.source}:{place + 1 if self.lines is None else self.lines[place]}"

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
    """The messages in a file; columns beyond the sixth are not read.

    Raises:
        PacesetterError: the file cannot be read or is empty; a row lacks a column, holds something
            that is no number or one beyond 64 bits, or goes back in time. File and line are named.
    """
    path = Path(path).expanduser()
    table = parse(text_of(path), len(COLUMNS), timed=True, longer=True)
    if isinstance(table, Flaw):
        raise _unreadable_message(path, table)
    if not len(table.numbers):
        raise PacesetterError(f"{path} holds no messages.")
    columns = dict(zip(COLUMNS, table.numbers.T.copy(), strict=True))
    messages = Messages(**columns, source=str(path), lines=table.lines)
    _check(messages)
    return messages


def _unreadable_message(path: Path, flaw: Flaw) -> PacesetterError:
    where = f"{path}:{flaw.line}"
    if flaw.kind == TOO_FEW:
        return PacesetterError(
            f"{where}: {flaw.columns} columns; a message has {len(COLUMNS)}: {', '.join(COLUMNS)}. "
            "Is this the order-book file?"
        )
    if flaw.kind == NO_NUMBER and flaw.column == 1:
        return PacesetterError(
            f"{where}: time must be seconds after midnight with at most nine decimals, "
            f"got {flaw.text!r}."
        )
    return _no_number(where, COLUMNS[flaw.column - 1], flaw)


def _no_number(where: str, name: str, flaw: Flaw) -> PacesetterError:
    if flaw.kind == TOO_LARGE:
        return PacesetterError(f"{where}: {name} {flaw.text} is beyond 64 bits.")
    return PacesetterError(f"{where}: {name} must be a whole number, got {flaw.text!r}.")


def _check(messages: Messages) -> None:
    """Refuse the first message that no book can follow."""
    time, kind, direction = messages.time, messages.kind, messages.direction
    visible = (kind >= 1) & (kind <= LAST_KIND_OF_THE_BOOK)
    wrong = {
        "back": np.append(False, time[1:] < time[:-1]),
        "kind": (kind < KINDS[0]) | (kind > KINDS[-1]),
        "size": visible & (messages.size <= 0),
        "direction": visible & (abs(direction) != 1),
    }
    found = {name: int(rows.argmax()) for name, rows in wrong.items() if rows.any()}
    if not found:
        return
    first = min(found, key=lambda name: found[name])
    place = found[first]
    says = {
        "back": f"time goes back, from {_seconds(int(time[place - 1]))} to "
        f"{_seconds(int(time[place]))} s. Messages must be in order of time; sort the file.",
        "kind": f"kind must be 1 to 7, got {kind[place]}.",
        "size": f"size must be positive, got {messages.size[place]}.",
        "direction": f"direction must be 1 (buy) or -1 (sell), got {direction[place]}.",
    }
    raise PacesetterError(f"{messages.where(place)}: {says[first]}")


def read_order_book(path: str | Path) -> Integers:
    """The rows of an order-book file, ``(n, 4 levels)``.

    Raises:
        PacesetterError: the file cannot be read or is empty, or a row has another number of columns
            than the first, or what is no number or one beyond 64 bits; or columns do not come in
            fours. File and line are named.
    """
    return read_levels(path).numbers


def read_levels(path: str | Path) -> Table:
    """As `read_order_book`, with the lines that the rows are from."""
    path = Path(path).expanduser()
    text = text_of(path)
    columns = columns_of(text)
    if not columns:
        raise PacesetterError(f"{path} holds no rows.")
    table = parse(text, columns)
    if isinstance(table, Flaw):
        where = f"{path}:{table.line}"
        if table.kind not in (TOO_FEW, TOO_MANY):
            raise _no_number(where, f"column {table.column}", table)
        raise PacesetterError(
            f"{where}: {table.columns} columns; there must be {columns}, as in the first row."
        )
    if columns % 4:
        raise PacesetterError(
            f"{path}:{table.lines[0]}: {columns} columns; there must be a multiple of four."
        )
    return table


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
