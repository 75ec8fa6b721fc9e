"""Users' own code, named in files and commands as ``module:attribute``."""

from __future__ import annotations

import importlib
import os
import sys
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from .errors import PacesetterError, unknown

IMPORTED: dict[str, str] = {}
"""Module -> folder on the import path that holds it, for all that were imported by dotted path."""

_OURS = tuple(str(Path(__file__).parents[2] / part) for part in ("envs", "leaders", "training"))
_LIBRARIES = (os.path.dirname(os.__file__), sysconfig.get_path("purelib"), *_OURS, "<frozen")


def import_dotted(path: str, where: str) -> Any:
    """Import ``module:attribute`` from the current folder or the import path.

    The current folder comes first, as with ``python -m``, and afterwards stays at the end of the
    import path, so that the module can import its neighbours later.

    Args:
        path: what to import.
        where: the key that holds the path, for the message.

    Raises:
        PacesetterError: the path is malformed, module or attribute do not exist, or the module
            itself fails; the message then names its file and line.
    """
    name, _, attribute = path.partition(":")
    if not name or not attribute:
        raise PacesetterError(f"{where}: {path!r} is not of the form 'module:attribute'.")
    if not is_dotted(path):
        stem = Path(name).name.removesuffix(".py")
        raise PacesetterError(
            f"{where}: {name!r} is no name of a module: it is named as in Python's import, without "
            f"a folder or '.py', such as '{stem}:{attribute}', in the folder that holds it."
        )
    if name.partition(".")[0] in sys.stdlib_module_names:
        raise PacesetterError(
            f"{where}: {path!r} is of Python's own library, which holds no markets, leaders or "
            "objectives; name a module of your own."
        )
    with _current_folder():
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise _failed(name, where, error) from error
            raise PacesetterError(
                f"{where}: cannot import {name!r} ({error}). It is looked for in the current "
                f"folder ({Path.cwd()}) and on PYTHONPATH: run the command in the folder that "
                f"holds {name.partition('.')[0]}.py, or set PYTHONPATH to that folder."
            ) from error
        except (Exception, SystemExit) as error:
            raise _failed(name, where, error) from error
    IMPORTED[name] = _folder_of(module)
    try:
        return getattr(module, attribute)
    except AttributeError:
        own = [
            member
            for member, value in vars(module).items()
            if callable(value) and not member.startswith(("_", "@"))
        ]
        raise unknown(f"attribute of module {name}", attribute, own) from None


def is_dotted(text: str) -> bool:
    """Whether a text has the form ``module:attribute``; no other is ever imported."""
    name, colon, attribute = text.partition(":")
    return bool(colon) and attribute.isidentifier() and all(map(str.isidentifier, name.split(".")))


def is_users(file: str) -> bool:
    """Whether a file of code is neither Python's, nor an installed library's, nor ours."""
    return not file.startswith(_LIBRARIES)


def place_of(error: BaseException) -> str:
    """File and line of a user's code at which an error arose, ``file:line``; empty if unknown."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno or 1}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if is_users(frame.filename)]
    if not frames:
        return ""
    last = (own or frames)[-1]
    return f"{last.filename}:{last.lineno}"


def told(error: BaseException) -> str:
    """An error of a user's code in one line: where, what kind, and what it says."""
    place = place_of(error)
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return (
        f"{place}: {type(error).__name__}: {text}" if place else f"{type(error).__name__}: {text}"
    )


def _folder_of(module: ModuleType) -> str:
    """The folder that must be on the import path for the module to be found; empty if none."""
    if not getattr(module, "__file__", None):
        return ""
    file = Path(str(module.__file__)).resolve()
    above = module.__name__.count(".") + (file.name == "__init__.py")
    return str(file.parents[above])


def _failed(name: str, where: str, error: BaseException) -> PacesetterError:
    return PacesetterError(
        f"{where}: {name!r} cannot be imported because of an error in it:\n{told(error)}"
    )


@contextmanager
def _current_folder() -> Iterator[None]:
    """Put the current folder first for as long as the block lasts, and last from then on."""
    folder = os.getcwd()
    if folder in sys.path or "" in sys.path:
        yield
        return
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        if folder in sys.path:  # the module may have changed the path itself
            sys.path.remove(folder)
        sys.path.append(folder)
