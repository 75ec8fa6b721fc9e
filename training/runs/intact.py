"""Whether a checkpoint is whole, and whose it is: every file's digest stands in its marker."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from .machine import software_versions
from .signature import is_own, sign
from .whole_files import write_json

COMPLETE = "COMPLETE"
"""Name of the file that is written last into a checkpoint."""

BLOCK = 2**20


def write_marker(checkpoint: Path, values: dict[str, Any]) -> None:
    """Say that a checkpoint is complete, what is in it, and by whom.

    Args:
        checkpoint: its folder, with everything else in it.
        values: plain, to be kept in the marker.
    """
    marker = {**values, "versions": software_versions(), "files": digests(checkpoint)}
    marker["signature"] = sign(marker)
    write_json(checkpoint / COMPLETE, {**marker, "checksum": checksum(marker)})


def read_marker(checkpoint: Path) -> dict[str, Any]:
    """What `write_marker` was given and added, without the checksum.

    Raises:
        ValueError: the marker, or what it speaks for, is damaged; the message says how.
    """
    try:
        marker = json.loads((checkpoint / COMPLETE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{COMPLETE} is missing") from None
    except (OSError, ValueError) as error:
        raise ValueError(f"{COMPLETE} cannot be read ({error})") from error
    if not isinstance(marker, dict) or marker.pop("checksum", None) != checksum(marker):
        raise ValueError(f"{COMPLETE} has changed since it was written, or is of another version")
    there, files = digests(checkpoint), marker["files"]
    for name in sorted({*files, *there}):
        if name not in there:
            raise ValueError(f"{name} is missing")
        if name not in files:
            raise ValueError(f"{name} does not belong to it")
        if there[name] != files[name]:
            raise ValueError(f"{name} has changed since it was written")
    return marker


def is_mine(marker: dict[str, Any]) -> bool:
    """Whether this user wrote the checkpoint that a marker speaks for."""
    return is_own({k: v for k, v in marker.items() if k != "signature"}, marker.get("signature"))


def digests(folder: Path) -> dict[str, str]:
    """Relative path -> SHA-256 of every file in a folder but the marker; a link has none."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name == COMPLETE or (path.is_dir() and not path.is_symlink()):
            continue
        found[name] = "no file" if path.is_symlink() or not path.is_file() else _digest(path)
    return found


def checksum(marker: dict[str, Any]) -> str:
    """Tells whether a marker is as it was written; anyone could make one anew."""
    return hashlib.sha256(json.dumps(marker, sort_keys=True).encode()).hexdigest()


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
    except OSError as error:
        return f"unreadable ({error.strerror})"
    return digest.hexdigest()
