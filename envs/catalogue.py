"""Classes by name that are imported when they are asked for, so that a list of them costs nothing.

A command that is misspelt, or only asks what there is, must not wait for the libraries of every
market.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


class Catalogue(Mapping[str, type[T]]):
    """What a name in an experiment file stands for.

    Args:
        package: that the modules belong to, e.g. ``pacesetter.envs``.
        places: name -> ``module:Class``. The class calls itself by the same name in its class
            attribute ``name``.
    """

    def __init__(self, package: str, places: Mapping[str, str]):
        self._package = package
        self._places = dict(places)

    def __getitem__(self, name: str) -> type[T]:
        module, _, attribute = self._places[name].partition(":")
        found: type[T] = getattr(importlib.import_module(f"{self._package}.{module}"), attribute)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def descriptions(self) -> dict[str, str]:
        """Name -> first line of the class's docstring, read from its source without importing."""
        sources: dict[str, dict[str, str]] = {}
        described = {}
        for name, place in self._places.items():
            module, _, attribute = place.partition(":")
            if module not in sources:
                sources[module] = _first_lines(f"{self._package}.{module}")
            described[name] = sources[module][attribute]
        return described


def _first_lines(module: str) -> dict[str, str]:
    """Class name -> first line of its docstring, of every class of a module."""
    spec = importlib.util.find_spec(module)
    assert spec is not None and spec.origin is not None
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    return {
        node.name: (ast.get_docstring(node) or "").partition("\n")[0]
        for node in tree.body
        if isinstance(node, ast.ClassDef)
    }
