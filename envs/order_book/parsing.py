"""Tables of whole numbers in plain text, read by compiled loops: a hundred megabytes in a second.

Numbers are exact (a float would lose the last digits of a time in nanoseconds), and what is no
number is told by line and column.

Version history: v1.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import PacesetterError
from ..core.kernels.compiled import kernel
from ..user_files import read_file

Integers = NDArray[np.int64]
Bytes = NDArray[np.uint8]

NANOSECONDS = 10**9
DECIMALS = 9
LARGEST_INTEGER = (1 << 63) - 1
MOST_BYTES = 2**34  # of a file
MOST_SHOWN = 40  # characters of a bad entry
NEWLINE, COMMA, POINT, MINUS, PLUS, ZERO, NINE = (ord(sign) for sign in "\n,.-+09")
SPACE, TAB, RETURN = ord(" "), ord("\t"), ord("\r")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
FINE, NO_NUMBER, TOO_LARGE, TOO_FEW, TOO_MANY = range(5)


@dataclass(frozen=True)
class Table:
    """What a file holds.

    Attributes:
        numbers: one row per line that is not blank, ``(n, columns)``.
        lines: where the rows are in the file, from 1 on, ``(n,)``.
    """

    numbers: Integers
    lines: Integers


@dataclass(frozen=True)
class Flaw:
    """The first thing in a file that cannot be read.

    Attributes:
        line: in the file, from 1 on.
        column: from 1 on.
        kind: NO_NUMBER, TOO_LARGE, or TOO_FEW or TOO_MANY columns.
        text: what stands there.
        columns: of the line.
    """

    line: int
    column: int
    kind: int
    text: str
    columns: int


def text_of(path: Path) -> Bytes:
    """The bytes of a file.

    Raises:
        PacesetterError: it cannot be read.
    """
    try:
        content = read_file(path, MOST_BYTES)
    except OSError as error:
        raise PacesetterError(
            f"cannot read {path} ({error.strerror}). Give the path of a LOBSTER file in CSV format."
        ) from error
    return np.frombuffer(content.removeprefix(BYTE_ORDER_MARK), dtype=np.uint8)


def columns_of(text: Bytes) -> int:
    """Columns of the first line that is not blank; 0 if there is none."""
    for line in bytes(text[: 1 << 16]).splitlines():
        if line.strip():
            return line.count(b",") + 1
    return 0


def parse(text: Bytes, columns: int, timed: bool = False, longer: bool = False) -> Table | Flaw:
    """A table of whole numbers, or the first flaw.

    Args:
        text: the bytes.
        columns: of a row.
        timed: the first column holds decimal seconds, of which nanoseconds are made.
        longer: rows may have further columns, which are not read.
    """
    rows = int(np.count_nonzero(text == NEWLINE)) + 1
    numbers, lines = np.empty((rows, columns), dtype=np.int64), np.empty(rows, dtype=np.int64)
    count, kind, line, column, start, end = _parse(text, numbers, lines, timed, longer)
    if kind == FINE:
        return Table(numbers[:count], lines[:count])
    rest = bytes(text[start:])
    entry = bytes(text[start:end]).decode("ascii", "backslashreplace").strip()
    whole = rest.split(b"\n", 1)[0]
    shown = entry if len(entry) <= MOST_SHOWN else entry[:MOST_SHOWN] + "…"
    return Flaw(line, column, kind, shown, column + whole.count(b","))


@kernel
def _parse(
    text: Bytes, numbers: Integers, lines: Integers, timed: bool, longer: bool
) -> tuple[int, int, int, int, int, int]:
    """Fill in the table: rows, kind of the flaw, its line and column, where its entry is."""
    columns, length = numbers.shape[1], text.shape[0]
    place, row, line = 0, 0, 1
    while place < length:
        place = _skip(text, place)
        if place < length and text[place] == NEWLINE:
            place, line = place + 1, line + 1
            continue
        if place == length:
            break
        for column in range(columns):
            start = place
            if timed and column == 0:
                kind, value, place = _seconds(text, place)
            else:
                kind, value, place = _integer(text, place)
            place = _skip(text, place)
            ends = place == length or text[place] == NEWLINE
            if kind == NO_NUMBER or not (ends or text[place] == COMMA):
                return row, NO_NUMBER, line, column + 1, start, _entry_end(text, start)
            if kind != FINE:
                return row, kind, line, column + 1, start, _entry_end(text, start)
            if ends and column < columns - 1:
                return row, TOO_FEW, line, column + 1, start, place
            numbers[row, column] = value
            if column < columns - 1:
                place += 1
        if not ends and not longer:
            return row, TOO_MANY, line, columns, start, place
        while place < length and text[place] != NEWLINE:
            place += 1
        lines[row] = line
        row, line, place = row + 1, line + 1, place + 1
    return row, FINE, 0, 0, 0, 0


@kernel
def _skip(text: Bytes, place: int) -> int:
    """The next place that is no blank."""
    while place < text.shape[0] and (
        text[place] == SPACE or text[place] == TAB or text[place] == RETURN
    ):
        place += 1
    return place


@kernel
def _entry_end(text: Bytes, place: int) -> int:
    while place < text.shape[0] and text[place] != COMMA and text[place] != NEWLINE:
        place += 1
    return place


@kernel
def _digits(text: Bytes, place: int) -> tuple[int, int, int]:
    """Digits from a place on: flaw, value and the place after them."""
    value, first, kind = 0, place, FINE
    while place < text.shape[0] and ZERO <= text[place] <= NINE:
        digit: Any = np.int64(text[place]) - ZERO
        if value > LARGEST_INTEGER // 10 or 10 * value > LARGEST_INTEGER - digit:
            kind, value = TOO_LARGE, 0
        value = 10 * value + digit
        place += 1
    return NO_NUMBER if place == first else kind, value, place


@kernel
def _integer(text: Bytes, place: int) -> tuple[int, int, int]:
    """A whole number with or without a sign: flaw, value and the place after it."""
    place = _skip(text, place)
    negative = place < text.shape[0] and text[place] == MINUS
    if negative or (place < text.shape[0] and text[place] == PLUS):
        place += 1
    kind, value, place = _digits(text, place)
    return kind, -value if negative else value, place


@kernel
def _seconds(text: Bytes, place: int) -> tuple[int, int, int]:
    """Decimal seconds as nanoseconds: flaw, value and the place after them."""
    kind, whole, place = _digits(text, _skip(text, place))
    if kind != FINE:
        return kind, 0, place
    if whole >= LARGEST_INTEGER // NANOSECONDS:
        return TOO_LARGE, 0, place
    fraction, decimals = 0, 0
    if place < text.shape[0] and text[place] == POINT:
        first = place + 1
        kind, fraction, place = _digits(text, first)
        decimals = place - first
        if kind == TOO_LARGE or decimals > DECIMALS:
            return NO_NUMBER, 0, place
    for _ in range(DECIMALS - decimals):
        fraction *= 10
    return FINE, whole * NANOSECONDS + fraction, place
