"""From plain values to typed, frozen records and back: strict, and with all errors at once.

A record is a dataclass whose annotations say what is allowed: ``Annotated`` ranges from
`annotated_types`, ``Literal`` choices, tuples, optional values, other records. Where several
records are possible, the key ``name`` says which one, and a `Registry` knows the names.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, get_args, get_origin

from ...envs.core.annotations import SIMPLE, allowed
from ...envs.core.catalogue import Catalogue
from ...envs.core.dotted import told
from ...envs.core.errors import PacesetterError, nearest, unknown
from ...envs.core.ranges import INVALID, Checker
from .annotations import classes, field_types, required_fields
from .yaml_file import UNREADABLE, KeyPath, shown


@dataclass(frozen=True)
class Registry:
    """Names that may stand under the key ``name``.

    Attributes:
        kind: what they name, for messages, e.g. ``market``.
        base: what their classes have in common, the annotation of a field that takes any of them;
            None: only fields that are annotated with the classes themselves, or their union.
        classes: name -> class.
        find: gives the class of a ``module:attribute``, or raises a PacesetterError; None: there
            are no such names.
        presets: further names -> the name and options that each of them stands for.
    """

    kind: str
    base: type | None
    classes: Mapping[str, type]
    find: Callable[[str], type] | None = None
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def names(self) -> set[str]:
        """Every name that it knows."""
        return {*self.classes, *self.presets}

    def type_of(self, name: str) -> type:
        """The class of a name.

        Raises:
            PacesetterError: there is no such name.
        """
        if name in self.classes:
            return self.classes[name]
        if self.find is None or ":" not in name:
            raise unknown(self.kind, name, self.names)
        try:
            return self.find(name)
        except PacesetterError:
            raise
        except Exception as error:
            # The code that is imported is the user's, and anything can go wrong in it.
            raise PacesetterError(
                f"importing {name!r} failed: {type(error).__name__}: {error}"
            ) from error

    def name_of(self, record_type: type) -> str | None:
        """The name of a class; for one of the user's own, where to import it from."""
        own = getattr(record_type, "name", None)
        if isinstance(own, str) and self.classes.get(own) is record_type:
            return own
        if not isinstance(self.classes, Catalogue):  # all in that go by the names of their own
            for name, found in self.classes.items():
                if found is record_type:
                    return name
        if self.base is None or not issubclass(record_type, self.base):
            return None
        if isinstance(own, str) and ":" in own:
            return own
        return f"{record_type.__module__}:{record_type.__qualname__}"

    def limited_to(self, annotation: Any) -> Registry | None:
        """What a field with this annotation can choose from; None: it holds nothing of the kind."""
        members = tuple(classes(annotation))
        if self.base in members:
            return self
        # A name without a colon is a registered one.
        if not members or any(":" in (self.name_of(member) or ":") for member in members):
            return None
        fitting = {name: c for name, c in self.classes.items() if issubclass(c, members)}
        return dataclasses.replace(self, classes=fitting)


class Converter(Checker):
    """Converts the values of a file by annotation and collects what is wrong.

    Args:
        registries: the names that records may be chosen by.
    """

    says_none: ClassVar[bool] = True

    def __init__(self, registries: Sequence[Registry] = ()):
        super().__init__(shown)
        self.registries = registries

    def convert(self, value: Any, annotation: Any, path: KeyPath = ()) -> Any:
        """The value as `annotation` wants it, or `INVALID` after noting what is wrong."""
        if value is UNREADABLE:
            return INVALID
        for registry in self.registries:
            if (names := registry.limited_to(annotation)) is not None:
                optional = value is None and type(None) in get_args(annotation)
                return None if optional else self._named_record(value, names, path)
        return super().convert(value, annotation, path)

    def wrong(self, value: Any, annotation: Any, path: KeyPath) -> Any:
        """A value of another type, whose limits do not matter yet."""
        limited = get_origin(annotation) is Annotated
        return super().wrong(value, get_args(annotation)[0] if limited else annotation, path)

    def other(self, value: Any, annotation: Any, path: KeyPath) -> Any:
        """Records, collections without a fixed number of entries, and anything."""
        origin, arguments = get_origin(annotation), get_args(annotation)
        if dataclasses.is_dataclass(annotation):
            return self._record(value, annotation, path)  # type: ignore[arg-type]
        if origin in (list, Sequence):
            entries = self.many(value, annotation, path)
            return list(entries) if origin is list and entries is not INVALID else entries
        if origin in (dict, Mapping):
            if not isinstance(value, dict):
                return self.report(path, f"must be a mapping, got {shown(value)}")
            table = {k: self.convert(entry, arguments[1], (*path, k)) for k, entry in value.items()}
            return INVALID if any(entry is INVALID for entry in table.values()) else table
        if annotation is not Any:
            return self.report(path, f"cannot be given in a file: its type is {annotation!r}")
        is_number = type(value) in (int, float)
        return INVALID if is_number and self.convert(value, float, path) is INVALID else value

    def _named_record(self, value: Any, registry: Registry, path: KeyPath) -> Any:
        known = f" Known: {', '.join(sorted(registry.classes))}." if registry.classes else ""
        if not isinstance(value, dict):
            cure = f"; write {{name: {value}}}" if value in list(registry.classes) else ""
            return self.report(
                path, f"must be a mapping with the key 'name', got {shown(value)}{cure}"
            )
        if "name" not in value:
            return self.report(path, f"the key 'name' is missing: which {registry.kind}?{known}")
        name = value["name"]
        if isinstance(name, str) and name in registry.presets:
            value = {**registry.presets[name], **{k: v for k, v in value.items() if k != "name"}}
            name = value["name"]
        if name is UNREADABLE:
            return INVALID
        if not isinstance(name, str):
            return self.report((*path, "name"), f"must be text, got {shown(name)}.{known}")
        try:
            record_type = registry.type_of(name)
        except PacesetterError as error:
            return self.report((*path, "name"), str(error))
        options = {key: entry for key, entry in value.items() if key != "name"}
        return self._record(options, record_type, path, f" of {registry.kind} {name!r}")

    def _record(self, value: Any, record_type: type, path: KeyPath, owner: str = "") -> Any:
        if not isinstance(value, dict):
            return self.report(path, f"must be a mapping of keys to values, got {shown(value)}")
        try:
            hints = field_types(record_type)
        except PacesetterError as error:
            return self.report(path, str(error))
        before = len(self.problems)
        known = f"Known{owner}: {', '.join(hints)}." if hints else f"There are none{owner}."
        arguments, guesses = {}, ""
        for key, entry in value.items():
            if key in hints:
                arguments[key] = self.convert(entry, hints[key], (*path, key))
                continue
            guesses += (guess := nearest(key, hints) or ".")
            self.report((*path, key), f"unknown key {key!r}{guess} {known}")
        for missing in required_fields(record_type):
            # One that is there but misspelt has been named already.
            if missing not in value and repr(missing) not in guesses:
                must = allowed(hints[missing], shown)
                self.report(path, f"the key {missing!r} is missing ({must})")
        if len(self.problems) > before or any(value is INVALID for value in arguments.values()):
            return INVALID
        try:
            return record_type(**arguments)
        except (ValueError, ArithmeticError) as error:
            # Rules between fields are the record's own; PacesetterError is a ValueError.
            return self.report(path, str(error))
        except (Exception, SystemExit) as error:  # the record may be the user's
            return self.report(path, f"cannot be made:\n{told(error)}")


def plain(value: Any, registries: Sequence[Registry] = ()) -> Any:
    """A record as mappings, lists and simple values, which `Converter.convert` turns back.

    Raises:
        PacesetterError: a value that no file can hold.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        name = next(filter(None, (registry.name_of(type(value)) for registry in registries)), None)
        record = {} if name is None else {"name": name}
        fields = field_types(type(value))
        return record | {key: plain(getattr(value, key), registries) for key in fields}
    if isinstance(value, (tuple, list)):
        return [plain(entry, registries) for entry in value]
    if isinstance(value, Mapping):
        return {key: plain(entry, registries) for key, entry in value.items()}
    if value is None or type(value) in SIMPLE:
        return value
    raise PacesetterError(f"{value!r} ({type(value).__name__}) cannot be written to a file.")
