"""What the annotations of a record's fields say, where its values come from a file."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING
from functools import cache, partial
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from ...envs.core.annotations import allowed as in_words
from ...envs.core.errors import PacesetterError
from .yaml_file import shown

allowed = partial(in_words, show=shown)
"""What an annotation allows, in the words of a YAML file."""


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
