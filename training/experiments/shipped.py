"""The experiments that come with the package, and what each of them says it is."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import yaml


def shipped_experiments() -> dict[str, Path]:
    """The experiments that come with the package, name -> file."""
    folder = files("pacesetter.configs")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".yaml"))
    return {name.removesuffix(".yaml"): Path(str(folder / name)) for name in names}


def described_experiments() -> dict[str, str]:
    """Name -> one line; the files are not checked, so that a list of them takes no time."""
    return {name: _description(path) for name, path in shipped_experiments().items()}


def _description(path: Path) -> str:
    """The value of the top-level key ``description``; the file is read no further than that."""
    depth, expected = 0, False
    for event in yaml.parse(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.ScalarEvent) and depth == 1:
            if expected:
                return str(event.value)
            expected = event.value == "description"
    return ""
