"""Options held to their annotations where a record is made: not every one comes from a file.

| annotation | what it takes |
|---|---|
| ``int`` | whole numbers; neither 2.0 nor True |
| ``float`` | finite numbers, and an infinite one where a bound is infinite |
| ``bool``, ``str`` | these alone |
| ``Literal`` | its choices |
| ``Annotated`` | what its limits allow (see `annotations`) |
| tuples, unions | element by element; any of the members |

Anything else is not for this module to judge.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
import numbers
import sys
import types
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from .annotations import SIMPLE, allowed, conditions, in_words, reasons
from .errors import PacesetterError, unknown


def check_ranges(record: Any, what: str, types_too: bool = True) -> None:
    """Hold every field of a record to its annotation.

    Args:
        record: a dataclass.
        what: it is, for the message, e.g. ``market 'duopoly'``.
        types_too: whether types and choices count, or the limits of ``Annotated`` alone.

    Raises:
        PacesetterError: a value is out of its range, not one of the choices, or of another type.
    """
    record_type: type = type(record)
    for name, annotation in _hints(record_type).items():
        problem = _problem(name, getattr(record, name), annotation, types_too)
        if problem:
            raise PacesetterError(f"{what}: {problem}")


@cache
def _hints(record_type: type) -> dict[str, Any]:
    """Annotations of the fields."""
    wanted = {field.name for field in dataclasses.fields(record_type) if field.init}
    hints: dict[str, Any] = {}
    for base in reversed(record_type.__mro__):
        known = vars(sys.modules[base.__module__]) if base.__module__ in sys.modules else {}
        for name, annotation in inspect.get_annotations(base).items():
            if name in wanted:
                hints[name] = _resolved(name, annotation, known, dict(vars(base)))
    return hints


def _resolved(name: str, annotation: Any, known: dict[str, Any], own: dict[str, Any]) -> Any:
    """An annotation on its own: one of a user's may name what only a type checker imports."""
    alone = types.SimpleNamespace(__annotations__={name: annotation})
    try:
        return get_type_hints(alone, known, own, include_extras=True)[name]
    except Exception:
        return Any  # whatever it says, it is not for this module


def _problem(name: str, value: Any, annotation: Any, types_too: bool) -> str | None:
    """What is wrong with a value, as a sentence, or None."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _beyond(name, value, arguments[0], arguments[1:], types_too)
    if origin in (Union, types.UnionType):
        return _fits_no_member(name, value, annotation, types_too)
    if origin is tuple and isinstance(value, (tuple, list)):
        return _problem_of_an_entry(name, value, annotation, types_too)
    if not types_too:
        return None
    if origin is Literal:
        if any(type(choice) is type(value) and choice == value for choice in arguments):
            return None
        return str(unknown(name, value, map(str, arguments)))
    return None if _is_of(value, annotation) else _wrong(name, value, annotation)


def _wrong(name: str, value: Any, annotation: Any, limits: tuple[Any, ...] = ()) -> str:
    # ``a number, got nan`` would read as if it were none.
    finite = annotation is float and _is_real(value)
    must = "a finite number" if finite else allowed(annotation)
    return f"{name} must be {f'{must} {in_words(limits)}'.rstrip()}, got {_shown(value)}."


def _beyond(
    name: str, value: Any, annotation: Any, limits: tuple[Any, ...], types_too: bool
) -> str | None:
    bounds = [getattr(limit, side, None) for limit in limits for side in ("ge", "le")]
    if not any(bound in (math.inf, -math.inf) and bound == value for bound in bounds):
        if types_too and annotation in SIMPLE and not _is_of(value, annotation):
            return _wrong(name, value, annotation, limits)
        inner = _problem(name, value, annotation, types_too)
        if inner or value is None:
            return inner
    try:
        broken = [text for text, holds in conditions(limits) if not holds(value)]
    except TypeError:  # it cannot be compared at all
        broken = [text for text, _ in conditions(limits)]
    if not broken:
        return None
    why = reasons(limits)
    return f"{name} must be {' and '.join(broken)}, got {_shown(value)}{why}."


def _fits_no_member(name: str, value: Any, annotation: Any, types_too: bool) -> str | None:
    problems = []
    for member in get_args(annotation):
        if member is type(None):
            if value is None:
                return None
            continue
        problem = _problem(name, value, member, types_too)
        if problem is None:
            return None
        problems.append(problem)
    # Beside None there is mostly one member, whose own message says most.
    return problems[0] if len(problems) == 1 else _wrong(name, value, annotation)


def _problem_of_an_entry(name: str, value: Any, annotation: Any, types_too: bool) -> str | None:
    arguments = get_args(annotation)
    if arguments[-1] is Ellipsis:
        arguments = (arguments[0],) * len(value)
    if len(arguments) != len(value):
        return f"{name} must be {allowed(annotation)}; got {len(value)}: {_shown(value)}."
    for place, (entry, argument) in enumerate(zip(value, arguments, strict=True)):
        problem = _problem(f"{name}[{place}]", entry, argument, types_too)
        if problem:
            return problem
    return None


def _is_of(value: Any, annotation: Any) -> bool:
    """Whether a value is of a type that is judged here; of any other type, everything is."""
    if annotation is int:
        return isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if annotation is float:
        return _is_real(value) and _is_finite(value)
    if annotation is bool:
        return isinstance(value, (bool, np.bool_))
    if annotation is str:
        return isinstance(value, str)
    if annotation in (None, type(None)):
        return value is None
    return get_origin(annotation) is not tuple or isinstance(value, (tuple, list))


def _is_real(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _is_finite(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond all floating-point ones
        return False


def _shown(value: Any) -> str:
    text = f"{value}" if _is_real(value) else repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
