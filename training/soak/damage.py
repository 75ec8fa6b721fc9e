"""What disks do to checkpoints between two commands."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ..runs.checkpoints import complete_checkpoints

WAYS = ("truncated", "flipped", "missing", "whole folder")


def damage(checkpoints: Path, number: int) -> bool:
    """Damage the newest of at least two checkpoints; whether there were as many.

    Args:
        checkpoints: folder of the checkpoints of a run.
        number: says which file, and how.
    """
    whole = complete_checkpoints(checkpoints)
    if len(whole) < 2:
        return False
    files = sorted(path for path in whole[-1].rglob("*") if path.is_file())
    way, file = WAYS[number % len(WAYS)], files[number // len(WAYS) % len(files)]
    middle = file.stat().st_size // 2
    if way == "whole folder":
        shutil.rmtree(whole[-1] / "algorithm")
    elif way == "missing" or not middle:
        file.unlink()
    elif way == "truncated":
        os.truncate(file, middle)
    else:
        descriptor = os.open(file, os.O_RDWR)
        os.pwrite(descriptor, bytes([os.pread(descriptor, 1, middle)[0] ^ 0x55]), middle)
        os.close(descriptor)
    return True
