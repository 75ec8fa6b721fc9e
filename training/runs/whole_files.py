"""Files that appear whole or not at all, whatever happens while they are written."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_NUMBER = re.compile(r"\(os error (\d+)\)")  # as libraries written in Rust give it
_REMAINS = re.compile(r"\..*\.(\d+)\.partial(\..*)?")
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Where to write a file so that, whatever happens, it has its old or its new content in full.

    For libraries that write to a path; the one they are given ends as `path` does, which tells some
    of them the format. An error inside leaves everything as it was.

    Raises:
        OSError: the file cannot be written.
    """
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        yield temporary
        _flush(temporary)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def remove_remains(folder: Path) -> None:
    """Remove what processes that were killed while they wrote have left in a folder."""
    for path in folder.rglob(".*.partial*"):
        found = _REMAINS.fullmatch(path.name)
        if found and path.is_file() and not _is_alive(int(found[1])):
            with contextlib.suppress(OSError):
                path.unlink()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError as error:
        return error.errno != errno.ESRCH
    return True


def write_whole(path: Path, text: str) -> None:
    """Write a text file within `whole_file`."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, values: Any) -> None:
    """Write plain values with `write_whole`; a number that is not finite is a ValueError."""
    text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)
    write_whole(path, text + "\n")


def flush_folder(folder: Path) -> None:
    """Have the disk hold a folder and everything in it before anything that follows."""
    for path in (*folder.rglob("*"), folder):
        _flush(path)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def full_disk_is_told_once() -> Iterator[None]:
    """Keep threads that write, as TensorBoard's does, from printing tracebacks of a full disk.

    Whoever waits for such a thread, or writes himself, meets the error and tells it.
    """
    before = threading.excepthook

    def tell(thrown: threading.ExceptHookArgs) -> None:
        error = thrown.exc_value
        if not (isinstance(error, OSError) and error.errno in _NO_ROOM):
            before(thrown)

    threading.excepthook = tell
    try:
        yield
    finally:
        threading.excepthook = before


def no_room(error: BaseException, folder: Path) -> str:
    """That an error came about because a file in `folder` could not grow, with the cure; or empty.

    Of a full disk, or of a limit that a shell or a scheduler sets.
    """
    cause: BaseException | None = error
    numbers: set[int | None] = set()
    seen: list[BaseException] = []
    while cause is not None and cause not in seen:  # who raises a cause anew closes a circle
        seen.append(cause)
        numbers.add(cause.errno if isinstance(cause, OSError) else None)
        numbers |= {int(number) for number in _NUMBER.findall(str(cause))}
        cause = cause.__cause__ or cause.__context__
    # torch reports a failed write as a RuntimeError that does not say why.
    untold = isinstance(error, RuntimeError) and "inline_container" in str(error)
    limited = resource is not None and _limit() != resource.RLIM_INFINITY
    if errno.EFBIG in numbers or (untold and limited):
        return "a file may not grow as large as it must; raise that limit (ulimit -f unlimited)"
    told = numbers & set(_NO_ROOM)
    if told or (isinstance(error, RuntimeError) and shutil.disk_usage(folder).free < 2**20):
        return f"the disk of {folder} is full; free some space"
    return ""


def _limit() -> int:
    return int(resource.getrlimit(resource.RLIMIT_FSIZE)[0])
