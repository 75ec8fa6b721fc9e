"""Named arrays on disk, whole or not at all; nothing in them is ever unpickled."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from ...envs.core.errors import PacesetterError
from .whole_files import whole_file


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays by name, as ``.npz``.

    Raises:
        OSError: the file cannot be written.
    """
    with whole_file(path) as temporary:
        np.savez(temporary, allow_pickle=False, **arrays)


def read_arrays(path: Path, cure: str) -> dict[str, NDArray[Any]] | None:
    """What `write_arrays` wrote; None if there is no file.

    Args:
        path: the file.
        cure: what to do if it is damaged, for the message.

    Raises:
        PacesetterError: the file is damaged.
    """
    if not path.exists():
        return None
    try:
        stored = np.load(path, allow_pickle=False)
        if not isinstance(stored, NpzFile):
            raise ValueError("it is no .npz file of named arrays")
        with stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, BadZipFile, zlib.error, NotImplementedError) as error:
        raise PacesetterError(f"{path}: cannot be read ({error}). {cure}") from error
