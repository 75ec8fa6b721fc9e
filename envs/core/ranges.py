"""Values held to annotations, and options where a record is made: not every one is from a file.

| annotation | what it takes |
|---|---|
| ``int`` | whole numbers; neither 2.0 nor True |
| ``float`` | finite numbers, and an infinite one where a bound is infinite |
| ``bool``, ``str``, ``None`` | these alone |
| ``Literal`` | its choices |
| ``Annotated`` | what its limits allow (see `annotations`) |
| tuples, unions | element by element; any of the members |

Anything else is not for this module to judge: see `Checker.other`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import math
import numbers
import sys
import types
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from .annotations import SIMPLE, allowed, conditions
from .errors import PacesetterError, nearest, unknown

KeyPath = tuple[str | int, ...]
"""Where a value stands: keys and list positions from the top, e.g. ``("market", "name")``."""

INVALID: Any = object()
"""What a conversion returns after it has noted a mistake."""

_TYPES: dict[Any, Any] = {
    int: numbers.Integral,
    float: numbers.Real,
    bool: np.bool_,
    str: str,
    None: type(None),
    type(None): type(None),
}


def check_ranges(record: Any, what: str, types_too: bool = True) -> None:
    """Hold every field of a record to its annotation.

    Args:
        record: a dataclass.
        what: it is, for the message, e.g. ``market 'NAME'``.
        types_too: whether types and choices count, or the limits of ``Annotated`` alone.

    Raises:
        PacesetterError: a value is out of its range, not one of the choices, or of another type.
    """
    checker = Checker(types_too=types_too)
    record_type: type = type(record)
    for name, annotation in _hints(record_type).items():
        value = getattr(record, name)
        if checker.convert(value, annotation, (name,)) is not INVALID:
            continue
        if get_origin(annotation) is Literal:
            raise PacesetterError(f"{what}: {unknown(name, value, map(str, get_args(annotation)))}")
        (_, *places), message = checker.problems[0]
        raise PacesetterError(f"{what}: {name}{''.join(f'[{n}]' for n in places)} {message}.")


@cache
def _hints(record_type: type) -> dict[str, Any]:
    """Annotations of the fields; one of a user's may name what only a type checker imports."""
    hints: dict[str, Any] = {}
    for field in filter(lambda field: field.init, dataclasses.fields(record_type)):
        own = [c for c in record_type.__mro__ if field.name in inspect.get_annotations(c)]
        alone = types.SimpleNamespace(__annotations__={field.name: field.type})
        try:
            known = vars(sys.modules[own[0].__module__])
            found = get_type_hints(alone, known, dict(vars(own[0])), include_extras=True)
            hints[field.name] = found[field.name]
        except Exception:
            hints[field.name] = Any  # whatever it says, it is not for this module
    return hints


def _shown(value: Any) -> str:
    """A value as a message of Python names it."""
    text = str(value) if isinstance(value, numbers.Number) else repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


class Checker:
    """Holds values to annotations, converts them and collects what is wrong.

    Args:
        show: how a message names a value.
        types_too: whether types and choices count, or the limits of ``Annotated`` alone.

    Attributes:
        problems: where and what is wrong, for every mistake so far.
        says_none: whether a message on an optional value says that it may be None.
    """

    says_none: ClassVar[bool] = False

    def __init__(self, show: Callable[[Any], str] = _shown, types_too: bool = True):
        self.problems: list[tuple[KeyPath, str]] = []
        self._show = show
        self._types_too = types_too

    def convert(self, value: Any, annotation: Any, path: KeyPath = ()) -> Any:
        """The value as `annotation` wants it, or `INVALID` after noting what is wrong."""
        origin, arguments = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            return self._within(value, annotation, path)
        if origin in (Union, types.UnionType):
            return self._one_of(value, annotation, path)
        if origin is tuple:
            return self.many(value, annotation, path)
        if origin is Literal:
            # `type` because true is not 1.
            if any(type(choice) is type(value) and choice == value for choice in arguments):
                return value
            return self.wrong(value, annotation, path)
        # To Python an annotation may be anything, a list for example.
        if isinstance(annotation, Hashable) and annotation in _TYPES:
            if not _is_of(value, annotation):
                return self.wrong(value, annotation, path)
            return float(value) if annotation is float else value
        return self.other(value, annotation, path)

    def other(self, value: Any, annotation: Any, path: KeyPath) -> Any:
        """A value whose annotation says nothing that is judged here."""
        return value

    def report(self, path: KeyPath, message: str) -> Any:
        """Note what is wrong, and return `INVALID`."""
        self.problems.append((path, message))
        return INVALID

    def many(self, value: Any, annotation: Any, path: KeyPath) -> Any:
        """A tuple, entry by entry, by an annotation of a tuple, list or sequence."""
        kinds = get_args(annotation)
        if not isinstance(value, (list, tuple)):
            return self.wrong(value, annotation, path)
        if get_origin(annotation) is not tuple or kinds[1:] == (Ellipsis,):
            kinds = kinds[:1] * len(value)
        elif len(kinds) != len(value):
            return self.wrong(value, annotation, path)
        entries = tuple(
            self.convert(entry, kind, (*path, place))
            for place, (entry, kind) in enumerate(zip(value, kinds, strict=True))
        )
        return INVALID if any(entry is INVALID for entry in entries) else entries

    def wrong(self, value: Any, annotation: Any, path: KeyPath) -> Any:
        """A value of another type, or none of the choices."""
        if not self._types_too:
            return value
        must = allowed(annotation, self._show)
        members = _members(annotation)
        if float in members and isinstance(value, numbers.Real) and not _is_finite(value):
            # ``a number, got nan`` would read as if it were none.
            must = must.replace("a number", "a finite number", 1)
        # How many there are is hard to see in a tuple.
        count = isinstance(value, tuple) and any(get_origin(m) is tuple for m in members)
        got = f"; got {len(value)}:" if count else ", got"
        hint = _meant(value, members) if isinstance(value, str) else ""
        return self.report(path, f"must be {must}{got} {self._show(value)}{hint}")

    def _within(self, value: Any, annotation: Any, path: KeyPath) -> Any:
        base, *limits = get_args(annotation)
        result = value
        bounds = [getattr(limit, side, None) for limit in limits for side in ("ge", "le")]
        if not any(bound in (math.inf, -math.inf) and bound == value for bound in bounds):
            if base in SIMPLE and not _is_of(value, base):
                result = self.wrong(value, annotation, path)
            else:
                result = self.convert(value, base, path)
            if result is INVALID or result is None:
                return result
        rules = conditions(limits)
        try:
            broken = [text for text, holds in rules if not holds(result)]
        except TypeError:  # it cannot be compared at all
            broken = [text for text, _ in rules]
        if not broken:
            return result
        got = f"length {len(value)}" if "length" in broken[0] else self._show(value)
        why = "".join(f": {limit}" for limit in limits if isinstance(limit, str))
        return self.report(path, f"must be {' and '.join(broken)}, got {got}{why}")

    def _one_of(self, value: Any, annotation: Any, path: KeyPath) -> Any:
        before = len(self.problems)
        for member in get_args(annotation):
            result = self.convert(value, member, path)
            if result is not INVALID:
                return result
            del self.problems[before:]
        # Where the value has the form of one member only, that member's own message says most.
        alike = [m for m in get_args(annotation) if any(_has_form(value, f) for f in _members(m))]
        if not self.says_none and len(given := set(get_args(annotation)) - {type(None)}) == 1:
            alike = list(given)
        if len(alike) == 1:
            return self.convert(value, alike[0], path)
        return self.wrong(value, annotation, path)


def _members(annotation: Any) -> list[Any]:
    """The members of a union, or an annotation itself, without limits."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [inner for member in get_args(annotation) for inner in _members(member)]
    return [annotation]


def _has_form(value: Any, annotation: Any) -> bool:
    """Whether a mapping meets a record or a table, or a list meets a list."""
    origin = get_origin(annotation)
    if isinstance(value, dict):
        return dataclasses.is_dataclass(annotation) or origin in (dict, Mapping)
    return isinstance(value, (list, tuple)) and origin in (tuple, list, Sequence)


def _meant(text: str, members: Sequence[Any]) -> str:
    """What a text was probably meant to be: a number, or one of the choices."""
    if int in members or float in members:
        with contextlib.suppress(ValueError):
            float(text)
            return f"; write {text.replace('_', '').strip()} without quotes"
    choices = [c for m in members if get_origin(m) is Literal for c in get_args(m)]
    return nearest(text, map(str, choices))


def _is_of(value: Any, annotation: Any) -> bool:
    """Whether a single value is of the type that is asked for."""
    if isinstance(value, bool):  # which Python counts among the whole numbers
        return annotation is bool
    return isinstance(value, _TYPES[annotation]) and (annotation is not float or _is_finite(value))


def _is_finite(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond all floating-point ones
        return False
