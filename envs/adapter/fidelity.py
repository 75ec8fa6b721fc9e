"""Whether an environment goes on as it was after it has been pickled or copied."""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterable
from typing import Any

import cloudpickle


def lost_by_pickling(environment: Any) -> str:
    """Why a pickled environment would not go on as this one does; empty if it would.

    PettingZoo's own environments are the common case: `EzPickle` writes down the arguments of the
    constructor alone, so that a new environment comes back, without an error. It is found however
    deep it stands inside wrappers.
    """
    forgetful, error = _forgetful_parts(environment)
    if error is not None and not forgetful:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        return f"its state cannot be pickled ({reason})"
    return _reason(forgetful)


def lost_by_copying(environment: Any) -> str:
    """Why `copy.deepcopy` would give another environment than this one; empty if it would not."""
    forgetful, _ = _forgetful_parts(environment)
    return _reason(kind for kind in forgetful if not hasattr(kind, "__deepcopy__"))


def _reason(forgetful: Iterable[type]) -> str:
    for kind in forgetful:
        return (
            f"{kind.__module__}.{kind.__qualname__} is an EzPickle, which keeps the arguments of "
            "the constructor and not the state"
        )
    return ""


def _forgetful_parts(environment: Any) -> tuple[list[type], Exception | None]:
    """Classes inside that keep their constructor's arguments alone, and what stops pickling."""
    walk = _Walk()
    try:
        walk.dump(environment)
    except Exception as error:  # whatever an object or its own methods raise
        return walk.forgetful, error
    return walk.forgetful, None


class _Walk(cloudpickle.Pickler):
    """Visits everything that pickling, in the way of Ray, would visit, and writes nothing down."""

    def __init__(self) -> None:
        super().__init__(_Nowhere(), protocol=pickle.HIGHEST_PROTOCOL)
        self.forgetful: list[type] = []

    def persistent_id(self, visited: Any) -> None:
        """Called by pickle for every object; none is stored elsewhere."""
        kind = type(visited)
        # Every library of the family has had an EzPickle of its own.
        own = getattr(getattr(kind, "__getstate__", None), "__qualname__", "")
        plain = kind.__reduce_ex__ is object.__reduce_ex__ and kind.__reduce__ is object.__reduce__
        if own == "EzPickle.__getstate__" and plain:
            self.forgetful.append(kind)


class _Nowhere(io.RawIOBase):
    """A file that forgets."""

    def write(self, data: Any) -> int:
        """Take it for written."""
        return len(data)
