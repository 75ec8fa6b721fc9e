"""What the annotation of an option says, in words and as conditions.

``Annotated[int, Ge(1)]`` is a range, ``Literal["a", "b"]`` a choice. Text among the limits of a
range says why it ends there, and stands at the end of the message to who leaves it.
"""

from __future__ import annotations

import operator
import types
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types as ranges

SIMPLE = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
"""The types of single values, in words."""

# What it says, the name of its bound, and whether a value (last) keeps the bound (first).
_LIMITS: dict[type, tuple[str, str, Callable[[Any, Any], bool]]] = {
    ranges.Gt: (">", "gt", operator.lt),
    ranges.Ge: (">=", "ge", operator.le),
    ranges.Lt: ("<", "lt", operator.gt),
    ranges.Le: ("<=", "le", operator.ge),
    ranges.MultipleOf: ("a multiple of", "multiple_of", lambda unit, value: value % unit == 0),
    ranges.MinLen: ("of length >=", "min_length", lambda least, value: len(value) >= least),
    ranges.MaxLen: ("of length <=", "max_length", lambda most, value: len(value) <= most),
}


def allowed(annotation: Any, show: Callable[[Any], str] = repr) -> str:
    """What an annotation allows, in words, e.g. ``'episode' or a whole number >= 1``.

    Args:
        annotation: of a field.
        show: how a value is written where the message is read.
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    inner = partial(allowed, show=show)
    if origin is Annotated:
        limits = " and ".join(text for text, _ in conditions(arguments[1:]))
        return f"{inner(arguments[0])} {limits}".rstrip()
    if origin in (Literal, Union, types.UnionType):
        # Text stands between quotes in YAML as in Python.
        each = (
            (lambda a: repr(a) if isinstance(a, str) else show(a)) if origin is Literal else inner
        )
        *others, last = map(each, arguments)
        return f"{', '.join(others)} or {last}" if others else last
    if origin is tuple and arguments[1:] != (Ellipsis,):
        return f"a list of {len(arguments)}: {', '.join(map(inner, arguments))}"
    if origin in (tuple, list, Sequence):
        return f"a list, each entry {inner(arguments[0])}"
    if annotation in (None, type(None)):
        return show(None)
    return "any value" if annotation is Any else SIMPLE.get(annotation, "a mapping")


def conditions(limits: Iterable[Any]) -> list[tuple[str, Callable[[Any], bool]]]:
    """What each limit says and whether a value keeps it; other metadata say nothing."""
    result: list[tuple[str, Callable[[Any], bool]]] = []
    for limit in limits:
        if isinstance(limit, ranges.GroupedMetadata):
            result += conditions(limit)
        elif type(limit) in _LIMITS:
            text, bound_name, holds = _LIMITS[type(limit)]
            bound = getattr(limit, bound_name)
            result.append((f"{text} {bound}", partial(holds, bound)))
    return result
