"""What the annotations of a record's fields say: types, choices, ranges, and all that in words."""

from __future__ import annotations

import dataclasses
import operator
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING
from functools import cache, partial
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import annotated_types as ranges

from ..envs.errors import PacesetterError
from .yaml_file import shown

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


@cache
def field_types(record_type: type) -> dict[str, Any]:
    """The annotation of every field that can be given in a file.

    Raises:
        PacesetterError: an annotation names something that is not defined when it is read.
    """
    try:
        hints = get_type_hints(record_type, include_extras=True)
    except NameError as error:
        raise PacesetterError(
            f"the annotations of {record_type.__qualname__} cannot be read ({error}); "
            "import what they name at run time, at the top of its module."
        ) from None
    return {f.name: hints[f.name] for f in options(record_type)}


def options(record_type: type) -> list[dataclasses.Field[Any]]:
    """The fields that a file can give: not those that the program fills in itself."""
    return [f for f in dataclasses.fields(record_type) if f.init and f.metadata.get("option", True)]


def required_fields(record_type: type) -> list[str]:
    """The fields without a default."""
    return [
        f.name
        for f in options(record_type)
        if f.default is MISSING and f.default_factory is MISSING
    ]


def allowed(annotation: Any) -> str:
    """What an annotation allows, in words, e.g. ``'episode' or a whole number >= 1``."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        limits = " and ".join(text for text, _ in conditions(arguments[1:]))
        return f"{allowed(arguments[0])} {limits}".rstrip()
    if origin is Literal:
        return _either([repr(a) if isinstance(a, str) else shown(a) for a in arguments])
    if origin in (Union, types.UnionType):
        return _either([allowed(argument) for argument in arguments])
    if origin in (tuple, list, Sequence):
        if origin is tuple and arguments[-1] is not Ellipsis:
            return f"a list of {len(arguments)}: {', '.join(map(allowed, arguments))}"
        return f"a list, each entry {allowed(arguments[0])}"
    if annotation in (None, type(None)):
        return "null"
    if annotation is Any:
        return "any value"
    return SIMPLE.get(annotation, "a mapping")


def _either(choices: list[str]) -> str:
    return " or ".join([", ".join(choices[:-1]), choices[-1]] if len(choices) > 1 else choices)


def conditions(limits: Iterable[Any]) -> list[tuple[str, Callable[[Any], bool]]]:
    """What each limit says and whether a value keeps it; metadata such as units say nothing."""
    result: list[tuple[str, Callable[[Any], bool]]] = []
    for limit in limits:
        if isinstance(limit, ranges.GroupedMetadata):
            result += conditions(limit)
        elif type(limit) in _LIMITS:
            text, bound_name, holds = _LIMITS[type(limit)]
            bound = getattr(limit, bound_name)
            result.append((f"{text} {bound}", partial(holds, bound)))
    return result


def same_form(value: Any, annotation: Any) -> bool:
    """Whether a mapping meets a record or a table, or a list meets a list."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if isinstance(value, dict):
        return dataclasses.is_dataclass(annotation) or get_origin(annotation) in (dict, Mapping)
    return get_origin(annotation) in (tuple, list, Sequence)


def classes(annotation: Any) -> set[type]:
    """The classes of an annotation that is a class or a union of classes and None."""
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return {annotation}
    if get_origin(annotation) in (Union, types.UnionType):
        members = set(get_args(annotation)) - {type(None)}
        return members if all(isinstance(member, type) for member in members) else set()
    return set()
