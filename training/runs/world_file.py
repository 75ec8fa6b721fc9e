"""A world agent on disk, one tensor per part; nothing is ever unpickled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from ...envs.core.errors import PacesetterError
from .whole_files import whole_file

WORLD = "world.safetensors"
BEST_SO_FAR = "world_so_far.safetensors"
"""Of a run that failed: never taken for the answer of one that did not."""


def save_world(folder: Path, weights: Mapping[str, NDArray[Any]], name: str = WORLD) -> None:
    """Write the weights of a world agent into a run folder."""
    with whole_file(folder / name) as temporary:
        save_file({name: np.ascontiguousarray(array) for name, array in weights.items()}, temporary)


def load_world(folder: Path) -> dict[str, NDArray[Any]] | None:
    """The world agent of a finished run; None if its leader learns none.

    Raises:
        PacesetterError: the file is damaged.
    """
    path = folder / WORLD
    if not path.exists():
        return None
    try:
        return load_file(path)
    except (OSError, ValueError, SafetensorError) as error:
        raise PacesetterError(
            f"{path}: cannot be read ({error}); resume the run from its last checkpoint, or train "
            "it again."
        ) from error
