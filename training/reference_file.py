"""The reference samples of a run, kept in its folder: it never compares with anything else."""

from __future__ import annotations

import io
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from ..envs.errors import PacesetterError
from ..leaders.references import Samples
from .whole_files import write_whole

REFERENCE = "reference.npz"


def write_reference(path: Path, samples: Samples | None) -> None:
    """Write the samples, an array under the name of each path quantity; nothing if there are none.

    Raises:
        OSError: the file cannot be written.
    """
    if not samples:
        return
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **samples)
    write_whole(path, content.getvalue())


def read_reference(path: Path) -> Samples | None:
    """What `write_reference` wrote; None if there is no file.

    Raises:
        PacesetterError: the file is damaged.
    """
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise PacesetterError(
            f"{path}: the run's reference samples cannot be read ({error}). Without them it cannot "
            "go on or be measured again; delete this file to read the reference from its source."
        ) from error
