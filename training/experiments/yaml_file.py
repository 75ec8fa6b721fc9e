"""Reading and writing YAML as version 1.2 means it, with the line number of every key.

PyYAML follows version 1.1: there ``3e-4`` is text, ``on`` and ``no`` are booleans, and of two equal
keys the last one silently wins. Here numbers are numbers, only ``true`` and ``false`` are booleans,
and a repeated key is a problem to report.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from errno import EACCES, EPERM
from pathlib import Path
from typing import Any

import yaml

from ...envs.core.errors import PacesetterError
from ...envs.core.ranges import KeyPath
from ...envs.user_files import read_file

MOST_BYTES = 2**17
"""Of a file or a value; the longest experiment that is shipped has a twentieth of that."""
MOST_VALUES = 20_000
"""Of a file, with those that aliases repeat: a few lines of aliases could stand for billions."""

UNREADABLE: Any = object()
"""Stands for a value that could not be read and is already among the problems of its file."""

_TAG = "tag:yaml.org,2002:"

# Pattern, first characters and meaning. The first pattern that matches decides, so whole numbers
# come before decimal ones.
_SCALARS: dict[str, tuple[str, list[str], Callable[[str], Any]]] = {
    "bool": (r"true|True|TRUE|false|False|FALSE", [*"tTfF"], lambda text: text.lower() == "true"),
    "null": (r"~|null|Null|NULL|", [*"~nN", ""], lambda text: None),
    "int": (
        r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+",
        [*"-+0123456789"],
        lambda text: int(text, 0 if text[:2] in ("0o", "0x") else 10),
    ),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        [*"-+.0123456789"],
        # YAML writes a point before these two; Python does not.
        lambda text: float(re.sub(r"\.(inf|nan)", r"\1", text.lower())),
    ),
}


def read_yaml(path: Path) -> YamlText:
    """Read a file that holds one mapping.

    Raises:
        PacesetterError: the file is missing, unreadable, not UTF-8, empty, not YAML or not a
            mapping.
    """
    file = YamlText(_read_text(path))
    if file.values is None:
        raise PacesetterError(
            f"{path}: the file is empty; write keys such as 'market: {{name: …}}'."
        )
    if not isinstance(file.values, dict):
        wanted = f"expected a mapping such as 'market: {{name: …}}', got {shown(file.values)}."
        line, message = [*file.problems, (file.first_line, wanted)][0]
        raise PacesetterError(f"{path}:{line}: {message}")
    return file


def parse_value(text: str) -> Any:
    """One value, by the same rules as in a file.

    Raises:
        PacesetterError: not YAML, or a repeated key.
    """
    read = YamlText(text)
    if read.problems:
        raise PacesetterError("; ".join(problem for _, problem in read.problems))
    return read.values


def dump_yaml(values: Any) -> str:
    """Text that `read_yaml` and `parse_value` read back as the same values."""
    return yaml.dump(
        values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False
    )


def shown(value: Any) -> str:
    """A value as an error message names it, e.g. ``the text 'twenty'`` or ``true``."""
    if isinstance(value, str):
        return f"the text {(value if len(value) <= 60 else value[:57] + '…')!r}"
    if isinstance(value, dict) and value:
        return f"a mapping with the keys {', '.join(map(str, value))}"
    if isinstance(value, list) and value:
        return f"a list of {len(value)}"
    return "null" if value is None else repr(value).lower()


def dotted(path: KeyPath) -> str:
    """A key path as it is written on the command line, e.g. ``leader.interval``."""
    return ".".join(map(str, path))


class _Loader(yaml.SafeLoader):
    """PyYAML's parser with the scalars of YAML 1.2."""

    yaml_implicit_resolvers: dict = {}  # noqa: RUF012


class _Dumper(yaml.SafeDumper):
    """PyYAML's writer, which quotes what `_Loader` would not read as text."""

    yaml_implicit_resolvers: dict = {}  # noqa: RUF012

    def ignore_aliases(self, data: Any) -> bool:
        """Write a value in full wherever it stands."""
        return True


def _write_list(dumper: yaml.SafeDumper, values: list[Any]) -> yaml.Node:
    return dumper.represent_sequence(_TAG + "seq", values, flow_style=True)


def _write_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    # Only between double quotes are line breaks other than \n written so that they come back.
    style = None if text.isprintable() else '"'
    return dumper.represent_scalar(_TAG + "str", text, style=style)


_Dumper.add_representer(list, _write_list)
_Dumper.add_representer(str, _write_text)
for _name, (_pattern, _first, _) in _SCALARS.items():
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(_TAG + _name, re.compile(rf"^(?:{_pattern})$"), _first)


class _TooManyError(Exception):
    """More values than `MOST_VALUES`."""


class YamlText:
    """What a text says.

    Attributes:
        values: mappings, lists and single values; one that could not be read is `UNREADABLE`.
        first_line: line number, from 1, where they begin.
        lines: line number of every key and list entry.
        problems: line number and description of repeated keys and the like.
    """

    def __init__(self, text: str) -> None:
        self.values: Any = None
        self.first_line = 1
        self.lines: dict[KeyPath, int] = {}
        self.problems: list[tuple[int, str]] = []
        self._number = 0
        try:
            if len(text) > MOST_BYTES:
                raise _TooManyError(f"has {len(text):,} characters, and at most {MOST_BYTES:,} are")
            node = yaml.compose(text, Loader=_Loader)
            if node is not None:
                self.first_line = node.start_mark.line + 1
                self.values = self._value(node, ())
        except _TooManyError as error:
            self.values = UNREADABLE
            self.problems = [(1, f"{error} read; an experiment needs a few dozen lines.")]
        except (yaml.YAMLError, RecursionError) as error:
            self.values = UNREADABLE
            self.problems.append(_explain(error, text))

    def _value(self, node: yaml.Node, path: KeyPath, *above: yaml.Node) -> Any:
        """The value of a node that stands at `path`, inside those above."""
        self._number += 1
        if self._number > MOST_VALUES:
            raise _TooManyError(
                f"has, with its aliases, more than the {MOST_VALUES:,} values that are"
            )
        if any(node is parent for parent in above):
            return self._problem(node, path, "an alias must not stand inside its own anchor")
        if not node.tag.startswith(_TAG):
            message = f"tags such as {node.tag!r} are not supported; remove it"
            return self._problem(node, path, message)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, *above, node)
        if isinstance(node, yaml.SequenceNode):
            for place, entry in enumerate(node.value):
                self.lines[*path, place] = entry.start_mark.line + 1
            return [
                self._value(e, (*path, place), *above, node) for place, e in enumerate(node.value)
            ]
        kind = node.tag.removeprefix(_TAG)
        if kind == "str":
            return node.value
        pattern, _, meaning = _SCALARS.get(kind, ("(?!)", "", str))
        try:
            if re.fullmatch(pattern, node.value):
                return meaning(node.value)
        except ValueError:  # longer than Python reads a number
            pass
        return self._problem(node, path, f"{node.value[:60]!r} cannot be read as {kind}")

    def _mapping(self, node: yaml.MappingNode, path: KeyPath, *above: yaml.Node) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key, here = key_node.value, (*path, key_node.value)
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != _TAG + "str":
                name = f"got {key!r}" if isinstance(key, str) else "got a mapping or a list"
                self._problem(key_node, path, f"a key must be text, {name}; put it in quotes")
            elif key in values:
                first = f"duplicate key {key!r} (first at line {self.lines[here]})"
                self._problem(key_node, here, f"{first}; remove one of them")
            else:
                self.lines[here] = key_node.start_mark.line + 1
                values[key] = self._value(value_node, here, *above)
        return values

    def _problem(self, node: yaml.Node, path: KeyPath, message: str) -> Any:
        where = f"{dotted(path)}: " if path else ""
        self.problems.append((node.start_mark.line + 1, where + message))
        return UNREADABLE


def _read_text(path: Path) -> str:
    try:
        content = read_file(path, MOST_BYTES)
    except FileNotFoundError:
        raise PacesetterError(f"{path}: there is no such file; check the path.") from None
    except IsADirectoryError:
        raise PacesetterError(f"{path}: is a folder; name a YAML file in it.") from None
    except OSError as error:
        raise PacesetterError(
            f"{path}: cannot be read ({error.strerror}); {_cure(error)}."
        ) from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise PacesetterError(f"{path}:{line}: is not UTF-8 text; save it as UTF-8.") from None


def _cure(error: OSError) -> str:
    return "check its permissions" if error.errno in (EACCES, EPERM) else "name a YAML file"


_CURES = {
    "'\\t'": "indent with spaces, not tabs",
    "another document": "a file holds one experiment, remove the line '---'",
    "mapping values are not allowed": "put quotes around text that contains ': '",
}


def _explain(error: Exception, text: str) -> tuple[int, str]:
    """The line of a syntax error and what is wrong, on one line."""
    if isinstance(error, RecursionError):
        return 1, "not valid YAML: nested too deeply."
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return line, f"not valid YAML: the character {chr(error.character)!r} is not allowed."
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    parts = [getattr(error, "context", None), getattr(error, "problem", None)]
    reason = ", ".join(part for part in parts if part) or str(error)
    reason += next((f"; {cure}" for sign, cure in _CURES.items() if sign in reason), "")
    return (mark.line + 1 if mark else 1), f"not valid YAML: {reason}."
