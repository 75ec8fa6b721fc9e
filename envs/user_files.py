"""Files that a user names: read whole, and quickly refused where they are no such thing.

A pipe would be waited for, a device read for ever, and a file a hundred times too large parsed for
minutes; each is an `OSError` that says so, like the file that is not there.
"""

from __future__ import annotations

import csv
import errno
import stat
from pathlib import Path

from .core.errors import PacesetterError

MOST_CSV_BYTES = 2**28
MOST_CSV_LINES = 1_000_000


def read_file(path: str | Path, most_bytes: int) -> bytes:
    """The content of a file.

    Raises:
        OSError: it cannot be read, is no file or is larger; `strerror` says why, in words.
    """
    if "\0" in str(path):
        raise OSError(errno.EINVAL, "the path holds a NUL character")
    path = Path(path).expanduser()
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is a pipe or a device, not a file")
    if status.st_size > most_bytes:
        size = f"{status.st_size / 2**20:,.1f} MiB"
        raise OSError(errno.EFBIG, f"it has {size}, and at most {most_bytes / 2**20:g} are read")
    with path.open("rb") as file:
        return file.read(most_bytes)


def read_csv(path: str | Path) -> list[list[str]]:
    """All lines of a CSV file in UTF-8, as texts.

    Raises:
        OSError: it cannot be read, see `read_file`, or is not UTF-8 text.
        PacesetterError: it has too many lines, or one that is no CSV; the message names the line.
    """
    content = read_file(path, MOST_CSV_BYTES)
    if (lines := content.count(b"\n")) > MOST_CSV_LINES:
        raise PacesetterError(
            f"{path}: has {lines:,} lines, and at most {MOST_CSV_LINES:,} are read: a random or "
            "regular selection of them says as much of a distribution; give a shorter file."
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise OSError(errno.EILSEQ, "it is not UTF-8 text") from None
    # Line ends are kept: within quotes they are part of a field.
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    began, rows = 1, []
    try:
        for row in reader:
            rows.append(row)
            began = reader.line_num + 1
    except csv.Error as error:
        reason = str(error)
        if "unexpected end of data" in reason or "larger than field limit" in reason:
            reason = "a quote is opened and not closed, or a field is longer than 128 KiB"
        raise PacesetterError(
            f"{path}:{began}: is no line of a CSV file: {reason}. Correct it."
        ) from None
    return rows


def place_of_column(path: str | Path, header: list[str], column: str) -> int:
    """Where the one column of a name stands in a header that has it.

    Raises:
        PacesetterError: there are several.
    """
    if (number := header.count(column)) > 1:
        raise PacesetterError(
            f"{path}:1: has {number} columns {column!r}; rename or remove all but one."
        )
    return header.index(column)
