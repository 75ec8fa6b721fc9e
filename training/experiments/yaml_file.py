"""Reading and writing YAML as version 1.2 means it, with the line number of every key.

PyYAML follows version 1.1: there ``3e-4`` is text, ``on`` and ``no`` are booleans, and of two equal
keys the last one silently wins. Here numbers are numbers, only ``true`` and ``false`` are booleans,
and a repeated key is a problem to report.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ...envs.core.errors import PacesetterError

KeyPath = tuple[str | int, ...]
"""Where a value stands: keys and list positions from the top, e.g. ``("market", "name")``."""

UNREADABLE: Any = object()
"""Stands for a value that could not be read and is already among the problems of its file."""

_TAG = "tag:yaml.org,2002:"
# The first pattern that matches decides, so whole numbers come before decimal ones.
_SCALARS = (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
)


@dataclass(frozen=True)
class YamlFile:
    """What a file says.

    Attributes:
        values: the mapping at the top; a value that could not be read is `UNREADABLE`.
        lines: line number, from 1, of every key and list entry.
        problems: line number and description of repeated keys and the like.
    """

    values: dict[str, Any]
    lines: dict[KeyPath, int]
    problems: tuple[tuple[int, str], ...]


def read_yaml(path: Path) -> YamlFile:
    """Read a file that holds one mapping.

    Raises:
        PacesetterError: the file is missing, unreadable, not UTF-8, empty, not YAML or not a
            mapping.
    """
    text = _read_text(path)
    try:
        node = yaml.compose(text, Loader=_Loader)
    except (yaml.YAMLError, RecursionError) as error:
        line, problem = _explain(error, text)
        raise PacesetterError(f"{path}:{line}: {problem}") from None
    if node is None:
        raise PacesetterError(
            f"{path}: the file is empty; write keys such as 'market: {{name: …}}'."
        )
    reader = _Reader()
    values = reader.value(node, ())
    if not isinstance(values, dict):
        raise PacesetterError(
            f"{path}:{node.start_mark.line + 1}: expected a mapping such as "
            f"'market: {{name: …}}', got {shown(values)}."
        )
    return YamlFile(values, reader.lines, tuple(reader.problems))


def parse_value(text: str) -> Any:
    """One value, by the same rules as in a file.

    Raises:
        PacesetterError: not YAML, or a repeated key.
    """
    try:
        node = yaml.compose(text, Loader=_Loader)
    except (yaml.YAMLError, RecursionError) as error:
        raise PacesetterError(_explain(error, text)[1]) from None
    if node is None:
        return None
    reader = _Reader()
    value = reader.value(node, ())
    if reader.problems:
        raise PacesetterError("; ".join(problem for _, problem in reader.problems))
    return value


def dump_yaml(values: Any) -> str:
    """Text that `read_yaml` and `parse_value` read back as the same values."""
    return yaml.dump(
        values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False
    )


def shown(value: Any) -> str:
    """A value as an error message names it, e.g. ``the text 'twenty'`` or ``true``."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        short = value if len(value) <= 60 else value[:57] + "…"
        return f"the text {short!r}"
    if isinstance(value, dict):
        return f"a mapping with the keys {', '.join(map(str, value))}" if value else "{}"
    if isinstance(value, list):
        return f"a list of {len(value)}" if value else "[]"
    return repr(value)


def dotted(path: KeyPath) -> str:
    """A key path as it is written on the command line, e.g. ``leader.interval``."""
    return ".".join(map(str, path))


class _Loader(yaml.SafeLoader):
    """PyYAML's reader with the scalars of YAML 1.2."""

    yaml_implicit_resolvers: dict = {}  # noqa: RUF012  (PyYAML copies it when it is extended)


class _Dumper(yaml.SafeDumper):
    """PyYAML's writer, which quotes what `_Loader` would not read as text."""

    yaml_implicit_resolvers: dict = {}  # noqa: RUF012

    def ignore_aliases(self, data: Any) -> bool:
        """Write a value in full wherever it stands."""
        return True


for _name, _pattern, _first in _SCALARS:
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(_TAG + _name, re.compile(rf"^(?:{_pattern})$"), list(_first))


def _write_list(dumper: yaml.SafeDumper, values: list[Any]) -> yaml.Node:
    return dumper.represent_sequence(_TAG + "seq", values, flow_style=True)


def _write_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    # Only between double quotes are line breaks other than \n written so that they come back.
    style = None if text.isprintable() else '"'
    return dumper.represent_scalar(_TAG + "str", text, style=style)


_Dumper.add_representer(list, _write_list)
_Dumper.add_representer(str, _write_text)


class _Reader:
    """Turns PyYAML's nodes into plain values and notes lines and problems on the way."""

    def __init__(self) -> None:
        self.lines: dict[KeyPath, int] = {}
        self.problems: list[tuple[int, str]] = []
        self._open: list[yaml.Node] = []

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        """The value of a node that stands at `path`."""
        if any(node is parent for parent in self._open):
            self._problem(node, path, "an alias must not stand inside its own anchor")
            return UNREADABLE
        if not node.tag.startswith(_TAG):
            self._problem(node, path, f"tags such as {node.tag!r} are not supported; remove it")
            return UNREADABLE
        self._open.append(node)
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            if isinstance(node, yaml.SequenceNode):
                return self._list(node, path)
            return self._scalar(node, path)
        finally:
            self._open.pop()

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != _TAG + "str":
                name = f"got {key!r}" if isinstance(key, str) else "got a mapping or a list"
                self._problem(key_node, path, f"a key must be text, {name}; put it in quotes")
                continue
            line = key_node.start_mark.line + 1
            here = (*path, key)
            if key in values:
                first = self.lines[here]
                message = f"duplicate key {key!r} (first at line {first}); remove one of them"
                self._problem(key_node, here, message)
                continue
            self.lines[here] = line
            values[key] = self.value(value_node, here)
        return values

    def _list(self, node: yaml.SequenceNode, path: KeyPath) -> list[Any]:
        for position, entry in enumerate(node.value):
            self.lines[*path, position] = entry.start_mark.line + 1
        return [self.value(entry, (*path, i)) for i, entry in enumerate(node.value)]

    def _scalar(self, node: yaml.Node, path: KeyPath) -> Any:
        kind, text = node.tag.removeprefix(_TAG), node.value
        try:
            return _SCALAR_VALUES[kind](text)
        except (KeyError, ValueError):
            self._problem(node, path, f"{text[:60]!r} cannot be read as {kind}")
            return UNREADABLE

    def _problem(self, node: yaml.Node, path: KeyPath, message: str) -> None:
        where = f"{dotted(path)}: " if path else ""
        self.problems.append((node.start_mark.line + 1, where + message))


def _whole_number(text: str) -> int:
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    return int(text[2:] if base != 10 else text, base)


def _decimal_number(text: str) -> float:
    # YAML writes a point before these two; Python does not.
    return float(text.replace(".inf", "inf").replace(".nan", "nan") if "n" in text else text)


_SCALAR_VALUES: dict[str, Any] = {
    "str": str,
    "null": lambda text: None,
    "bool": lambda text: {"true": True, "false": False}[text.lower()],
    "int": _whole_number,
    "float": lambda text: _decimal_number(text.lower()),
}


def _read_text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise PacesetterError(f"{path}: there is no such file; check the path.") from None
    except IsADirectoryError:
        raise PacesetterError(f"{path}: is a folder; name a YAML file in it.") from None
    except OSError as error:
        raise PacesetterError(
            f"{path}: cannot be read ({error.strerror}); check its permissions."
        ) from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise PacesetterError(f"{path}:{line}: is not UTF-8 text; save it as UTF-8.") from None


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
    if "'\\t'" in reason:
        reason += "; indent with spaces, not tabs"
    elif "another document" in reason:
        reason += "; a file holds one experiment, remove the line '---'"
    elif "mapping values are not allowed" in reason:
        reason += "; put quotes around text that contains ': '"
    return (mark.line + 1 if mark else 1), f"not valid YAML: {reason}."
