"""Files that appear whole or not at all, whatever happens while they are written."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file, text as UTF-8: whatever happens, it has its old or its new content in full.

    Raises:
        OSError: the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with temporary.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def write_json(path: Path, values: Any) -> None:
    """Write plain values with `write_whole`; a number that is not finite is a ValueError."""
    text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)
    write_whole(path, text + "\n")


def flush_folder(folder: Path) -> None:
    """Have the disk hold a folder and everything in it before anything that follows."""
    for path in (*folder.rglob("*"), folder):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def is_disk_full(error: BaseException, folder: Path) -> bool:
    """Whether an error came about because there was no space left on the disk of `folder`."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in _DISK_FULL:
            return True
        cause = cause.__cause__ or cause.__context__
    # torch reports a failed write as a RuntimeError that does not say why.
    return isinstance(error, RuntimeError) and shutil.disk_usage(folder).free < 2**20
