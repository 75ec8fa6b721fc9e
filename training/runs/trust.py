"""The code that a run folder names is imported where its user named it himself, or says so."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...envs.core.dotted import IMPORTED, is_dotted
from ...envs.core.errors import PacesetterError
from ..experiments.yaml_file import read_yaml
from .signature import is_own, sign

CODE = "imported_from"
"""Key of ``versions.json``: user's module -> folder."""
SIGNED = "signed"
"""Key of ``versions.json``: the signature of all ``module:attribute`` of the configuration."""


def dotted_names(values: Any) -> list[str]:
    """Every text in plain values that could be imported as ``module:attribute``, in order."""

    def texts(value: Any) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            for key, entry in value.items():
                yield from texts(key)
                yield from texts(entry)
        elif isinstance(value, list):
            for entry in value:
                yield from texts(entry)

    return sorted({text for text in texts(values) if is_dotted(text)})


def named_code(values: Any) -> dict[str, Any]:
    """What is kept of the user's modules that a configuration names; empty if it names none.

    Where they were imported from, and the signature that `refuse_strangers_code` looks for.
    """
    names = dotted_names(values)
    if not names:
        return {}
    modules = {name.partition(":")[0] for name in names}
    code = {module: IMPORTED[module] for module in sorted(modules & set(IMPORTED))}
    return ({CODE: code} if code else {}) | {SIGNED: sign(names)}


def refuse_strangers_code(config: Path, versions: Path) -> None:
    """Refuse a run's configuration that names code which this user has not named himself.

    Raises:
        PacesetterError: it does; nothing has been imported.
    """
    try:
        names = dotted_names(read_yaml(config).values)
    except PacesetterError:  # which is said where it is loaded
        return
    if not names:
        return
    try:
        signature = json.loads(versions.read_text(encoding="utf-8"))[SIGNED]
    except (OSError, ValueError, KeyError, TypeError):
        signature = None
    if not is_own(names, signature):
        raise PacesetterError(
            f"{config}: names code, {', '.join(names)}, and was not written by you on this "
            "machine, or has been changed since. Reading it would run that code: look at it first, "
            "and if you trust it, give --trust."
        )


def code_elsewhere(versions: Path) -> str:
    """Where the user's code of a run was imported from, if it is not found from here."""
    try:
        code = json.loads(versions.read_text(encoding="utf-8"))[CODE]
        folders = {
            folder
            for module, folder in code.items()
            if folder and importlib.util.find_spec(module.partition(".")[0]) is None
        }
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return ""
    if not folders:
        return ""
    return (
        f"the run uses code from {' and '.join(sorted(folders))}, which is not on the import path "
        "here. Run the command in that folder, or with "
        f"PYTHONPATH={os.pathsep.join(sorted(folders))}."
    )
