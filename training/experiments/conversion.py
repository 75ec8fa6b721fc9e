"""From plain values to typed, frozen records and back: strict, and with all errors at once.

A record is a dataclass whose annotations say what is allowed: ``Annotated`` ranges from
`annotated_types`, ``Literal`` choices, tuples, optional values, other records. Where several
records are possible, the key ``name`` says which one, and a `Registry` knows the names.
"""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from ...envs.core.annotations import SIMPLE, conditions
from ...envs.core.catalogue import Catalogue
from ...envs.core.errors import PacesetterError, nearest, unknown
from .annotations import allowed, classes, field_types, required_fields, same_form
from .yaml_file import UNREADABLE, KeyPath, shown

INVALID: Any = object()
"""What a conversion returns after it has reported an error."""


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

    def registered(self, record_type: type) -> str | None:
        """The name a class is registered under, if it is."""
        own = getattr(record_type, "name", None)
        if isinstance(own, str) and self.classes.get(own) is record_type:
            return own
        if isinstance(self.classes, Catalogue):  # all in it go by the names they give themselves
            return None
        return next((name for name, found in self.classes.items() if found is record_type), None)

    def choices(self, annotation: Any) -> Mapping[str, type]:
        """The registered classes that a field with this annotation can hold."""
        members = classes(annotation)
        if self.base is not None and self.base in members:
            return self.classes
        return {n: c for n, c in self.classes.items() if issubclass(c, tuple(members))}

    def name_of(self, record_type: type) -> str:
        """The name of a class; for one of the user's own, where to import it from."""
        if (name := self.registered(record_type)) is not None:
            return name
        own_name = getattr(record_type, "name", None)
        if isinstance(own_name, str) and ":" in own_name:
            return own_name
        return f"{record_type.__module__}:{record_type.__qualname__}"


@dataclass
class Converter:
    """Converts values by annotation and collects what is wrong.

    Attributes:
        registries: the names that records may be chosen by.
        problems: key path and message of every error so far.
    """

    registries: Sequence[Registry] = ()
    problems: list[tuple[KeyPath, str]] = field(default_factory=list)

    def convert(self, value: Any, annotation: Any, path: KeyPath = ()) -> Any:
        """The value as `annotation` wants it, or `INVALID` after noting what is wrong."""
        if value is UNREADABLE:
            return INVALID
        origin, arguments = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            return self._within(value, arguments[0], arguments[1:], path)
        registry = self._registry(annotation)
        if registry is not None:
            return self._named_record(value, annotation, registry, path)
        if dataclasses.is_dataclass(annotation):
            return self._record(value, annotation, path)  # type: ignore[arg-type]
        if origin is Literal:
            return self._choice(value, arguments, path)
        if origin in (Union, types.UnionType):
            return self._one_of(value, annotation, path)
        if origin in (tuple, list, Sequence):
            return self._many(value, origin, arguments, path)
        if origin in (dict, Mapping):
            return self._table(value, arguments[1], path)
        return self._simple(value, annotation, path)

    def _report(self, path: KeyPath, message: str) -> Any:
        self.problems.append((path, message))
        return INVALID

    def _wrong(self, value: Any, annotation: Any, path: KeyPath, hint: str = "") -> Any:
        return self._report(path, f"must be {allowed(annotation)}, got {shown(value)}{hint}")

    # Values -------------------------------------------------------------------------------------

    def _simple(self, value: Any, annotation: Any, path: KeyPath) -> Any:
        if type(value) in (int, float) and annotation in (float, Any) and not _is_finite(value):
            return self._report(path, f"must be a finite number, got {value}")
        if annotation is Any:
            return value
        if annotation in (None, type(None)):
            return None if value is None else self._wrong(value, annotation, path)
        if annotation not in SIMPLE:
            return self._report(path, f"cannot be given in a file: its type is {annotation!r}")
        if annotation is float and type(value) is int:
            return float(value)
        # `type` rather than isinstance: true is not a whole number.
        if type(value) is annotation:
            return value
        return self._wrong(value, annotation, path, _unquoted(value, annotation))

    def _within(self, value: Any, annotation: Any, limits: Iterable[Any], path: KeyPath) -> Any:
        result = self.convert(value, annotation, path)
        if result is INVALID or result is None:
            return result
        wrong = [text for text, holds in conditions(limits) if not holds(result)]
        if wrong:
            sized = isinstance(result, (str, tuple, list, dict))
            got = f"length {len(result)}" if sized else shown(value)
            return self._report(path, f"must be {' and '.join(wrong)}, got {got}")
        return result

    def _choice(self, value: Any, choices: tuple[Any, ...], path: KeyPath) -> Any:
        for choice in choices:
            if type(choice) is type(value) and choice == value:
                return choice
        hint = nearest(value, map(str, choices)) if isinstance(value, str) else ""
        return self._wrong(value, Literal[choices], path, hint)

    def _one_of(self, value: Any, annotation: Any, path: KeyPath) -> Any:
        attempts = []
        for member in get_args(annotation):
            attempt = Converter(self.registries)
            result = attempt.convert(value, member, path)
            if result is not INVALID:
                return result
            attempts.append((member, attempt.problems))
        real = [(member, problems) for member, problems in attempts if member is not type(None)]
        # Where the value has the form of one member only, that member's own message says most.
        alike = [problems for member, problems in real if same_form(value, member)]
        if len(alike) == 1 and isinstance(value, (dict, list)):
            self.problems += alike[0]
            return INVALID
        texts = [c for member, _ in real if get_origin(member) is Literal for c in get_args(member)]
        hint = nearest(value, map(str, texts)) if isinstance(value, str) else ""
        return self._wrong(value, annotation, path, hint)

    # Collections --------------------------------------------------------------------------------

    def _many(self, value: Any, origin: Any, arguments: tuple[Any, ...], path: KeyPath) -> Any:
        annotation = origin[arguments]
        if not isinstance(value, (list, tuple)):
            return self._wrong(value, annotation, path)
        if origin is not tuple or arguments[-1] is Ellipsis:
            arguments = (arguments[0],) * len(value)
        elif len(arguments) != len(value):
            return self._wrong(value, annotation, path)
        results = [
            self.convert(entry, argument, (*path, position))
            for position, (entry, argument) in enumerate(zip(value, arguments, strict=True))
        ]
        if any(result is INVALID for result in results):
            return INVALID
        return results if origin is list else tuple(results)

    def _table(self, value: Any, argument: Any, path: KeyPath) -> Any:
        if not isinstance(value, dict):
            return self._report(path, f"must be a mapping, got {shown(value)}")
        results = {k: self.convert(entry, argument, (*path, k)) for k, entry in value.items()}
        return INVALID if any(result is INVALID for result in results.values()) else results

    # Records ------------------------------------------------------------------------------------

    def _registry(self, annotation: Any) -> Registry | None:
        """The registry that a field with this annotation chooses from, if any."""
        members = classes(annotation)
        for registry in self.registries:
            if registry.base is not None and registry.base in members:
                return registry
            if members and all(map(registry.registered, members)):
                return registry
        return None

    def _named_record(self, value: Any, annotation: Any, registry: Registry, path: KeyPath) -> Any:
        if value is None and type(None) in get_args(annotation):
            return None
        names = registry.choices(annotation)
        known = f" Known: {', '.join(sorted(names))}." if names else ""
        if not isinstance(value, dict):
            cure = f"; write {{name: {value}}}" if value in list(names) else ""
            return self._report(
                path, f"must be a mapping with the key 'name', got {shown(value)}{cure}"
            )
        options = dict(value)
        name = options.pop("name", MISSING)
        if isinstance(name, str) and name in registry.presets:
            options = {**registry.presets[name], **options}
            name = options.pop("name")
        if name is UNREADABLE:
            return INVALID
        if name is MISSING:
            return self._report(path, f"the key 'name' is missing: which {registry.kind}?{known}")
        here = (*path, "name")
        if not isinstance(name, str):
            return self._report(here, f"must be text, got {shown(name)}.{known}")
        try:
            record_type = dataclasses.replace(registry, classes=names).type_of(name)
        except PacesetterError as error:
            return self._report(here, str(error))
        return self._record(options, record_type, path, f"{registry.kind} {name!r}")

    def _record(self, value: Any, record_type: type, path: KeyPath, kind: str = "") -> Any:
        if not isinstance(value, dict):
            return self._report(path, f"must be a mapping of keys to values, got {shown(value)}")
        try:
            hints = field_types(record_type)
        except PacesetterError as error:
            return self._report(path, str(error))
        arguments = {}
        before = len(self.problems)
        for key, entry in value.items():
            here = (*path, key)
            if key in hints:
                arguments[key] = self.convert(entry, hints[key], here)
                continue
            owner = f" of {kind}" if kind else ""
            known = f"Known{owner}: {', '.join(hints)}." if hints else f"There are none{owner}."
            self._report(here, f"unknown key {key!r}{nearest(key, hints) or '.'} {known}")
        for missing in required_fields(record_type):
            if missing not in value and not _misspelt(missing, value, hints):
                self._report(path, f"the key {missing!r} is missing ({allowed(hints[missing])})")
        if len(self.problems) > before or any(value is INVALID for value in arguments.values()):
            return INVALID
        try:
            return record_type(**arguments)
        except ValueError as error:
            # Rules between fields are the record's own; PacesetterError is a ValueError.
            return self._report(path, str(error))


def plain(value: Any, registries: Sequence[Registry] = ()) -> Any:
    """A record as mappings, lists and simple values, which `Converter.convert` turns back.

    Raises:
        PacesetterError: a value that no file can hold.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        record: dict[str, Any] = {}
        for registry in registries:
            is_one = registry.base is not None and isinstance(value, registry.base)
            if is_one or registry.registered(type(value)):
                record["name"] = registry.name_of(type(value))
                break
        for key in field_types(type(value)):
            record[key] = plain(getattr(value, key), registries)
        return record
    if isinstance(value, (tuple, list)):
        return [plain(entry, registries) for entry in value]
    if isinstance(value, Mapping):
        return {key: plain(entry, registries) for key, entry in value.items()}
    if value is None or type(value) in SIMPLE:
        return value
    raise PacesetterError(f"{value!r} ({type(value).__name__}) cannot be written to a file.")


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _unquoted(value: Any, annotation: Any) -> str:
    """A hint where text holds a number, in quotes or with underscores between the digits."""
    if isinstance(value, str) and annotation in (int, float):
        try:
            float(value)
        except ValueError:
            return ""
        return f"; write {value.replace('_', '').strip()} without quotes"
    return ""


def _misspelt(missing: str, given: Iterable[str], known: Iterable[str]) -> bool:
    """Whether an unknown key was probably meant to be the missing one."""
    return any(f"did you mean {missing!r}" in nearest(k, known) for k in set(given) - set(known))
