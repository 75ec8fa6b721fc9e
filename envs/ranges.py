"""Ranges of options, checked where a record is made: YAML is checked before, callers are not."""

from __future__ import annotations

import operator
from typing import Any, get_type_hints

from .errors import PacesetterError

_COMPARISONS = (
    ("ge", ">=", operator.ge),
    ("gt", ">", operator.gt),
    ("le", "<=", operator.le),
)


def check_ranges(record: Any, what: str) -> None:
    """Hold every number of a record to the bounds in its annotation, ``Annotated[int, Ge(1)]``.

    Raises:
        PacesetterError: a number is out of its range, or not a number.
    """
    for name, hint in get_type_hints(type(record), include_extras=True).items():
        for limit in getattr(hint, "__metadata__", ()):
            for attribute, sign, holds in _COMPARISONS:
                bound = getattr(limit, attribute, None)
                # Not a number is never in its range.
                if bound is not None and not holds(value := getattr(record, name), bound):
                    raise PacesetterError(f"{what}: {name} must be {sign} {bound}, got {value}.")
