"""What the annotations of a record's fields say, where its values come from a file."""

from __future__ import annotations

import dataclasses
import types
from dataclasses import MISSING
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from ...envs.core.errors import PacesetterError


@cache
def field_types(record_type: type) -> dict[str, Any]:
    """The annotation of every field that a file can give, not those the program fills in itself.

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
    given = [
        f for f in dataclasses.fields(record_type) if f.init and f.metadata.get("option", True)
    ]
    return {f.name: hints[f.name] for f in given}


def required_fields(record_type: type) -> list[str]:
    """The fields without a default."""
    defaults = {f.name: (f.default, f.default_factory) for f in dataclasses.fields(record_type)}
    return [name for name in field_types(record_type) if defaults[name] == (MISSING, MISSING)]


def classes(annotation: Any) -> set[type]:
    """The classes of an annotation that is a class or a union of classes and None."""
    union = get_origin(annotation) in (Union, types.UnionType)
    members = set(get_args(annotation) if union else [annotation]) - {type(None)}
    plain = all(isinstance(m, type) and get_origin(m) is None for m in members)
    return members if plain else set()
