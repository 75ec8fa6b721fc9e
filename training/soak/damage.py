"""What disks do to checkpoints between two commands."""

from __future__ import annotations

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
    content = file.read_bytes()
    if way == "whole folder":
        shutil.rmtree(whole[-1] / "algorithm")
    elif way == "missing" or not content:
        file.unlink()
    elif way == "truncated":
        file.write_bytes(content[: len(content) // 2])
    else:
        middle = len(content) // 2
        flipped = bytes([content[middle] ^ 0x55])
        file.write_bytes(content[:middle] + flipped + content[middle + 1 :])
    return True
