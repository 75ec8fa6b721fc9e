"""Classes by name that are imported when they are asked for, so that a list of them costs nothing.

A command that is misspelt, or only asks what there is, must not wait for the libraries of every
market.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TypeVar

from .errors import PacesetterError

T = TypeVar("T")


class Catalogue(Mapping[str, type[T]]):
    """What a name in an experiment file stands for.

    Args:
        package: that the modules belong to, e.g. ``pacesetter.envs``.
        places: name -> ``module:Class``. The class calls itself by the same name in its class
            attribute ``name``.
        group: of the entry points by which other packages add classes under further names; a name
            of ours stays ours.
    """

    def __init__(self, package: str, places: Mapping[str, str], group: str = ""):
        self._package = package
        self._places = dict(places)
        self._group = group

    @cached_property
    def _contributions(self) -> dict[str, EntryPoint]:
        found = entry_points(group=self._group) if self._group else ()
        return {point.name: point for point in found if point.name not in self._places}

    def __getitem__(self, name: str) -> type[T]:
        if name not in self._places:
            return self._loaded(self._contributions[name])
        module, _, attribute = self._places[name].partition(":")
        found: type[T] = getattr(importlib.import_module(f"{self._package}.{module}"), attribute)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter((*self._places, *self._contributions))

    def __len__(self) -> int:
        return len(self._places) + len(self._contributions)

    def __contains__(self, name: object) -> bool:
        return name in self._places or name in self._contributions

    def contributed(self) -> dict[str, type[T]]:
        """The classes of other packages, by name."""
        return {name: self[name] for name in self._contributions}

    def _loaded(self, point: EntryPoint) -> type[T]:
        try:
            found: type[T] = point.load()
        except Exception as error:  # the code of another package, in which anything can go wrong
            raise PacesetterError(
                f"{point.name!r} of entry point group {self._group!r} cannot be imported from "
                f"{point.value!r}: {type(error).__name__}: {error}. Mend or uninstall that package."
            ) from error
        if getattr(found, "name", None) != point.name:
            raise PacesetterError(
                f"{point.value}: is offered as {point.name!r} (entry point group {self._group!r}), "
                f"but its class attribute 'name' is {getattr(found, 'name', None)!r}; they must be "
                "the same."
            )
        return found

    def descriptions(self) -> dict[str, str]:
        """Name -> first line of the class's docstring, read from its source without importing."""
        sources: dict[str, dict[str, str]] = {}
        described = {}
        for name, place in self._places.items():
            module, _, attribute = place.partition(":")
            if module not in sources:
                sources[module] = _first_lines(self._package, module)
            described[name] = sources[module][attribute]
        for name, found in self.contributed().items():
            described[name] = (found.__doc__ or "").strip().partition("\n")[0]
        return described


def _first_lines(package: str, module: str) -> dict[str, str]:
    """Class name -> first line of its docstring, of every class of a module of the package."""
    spec = importlib.util.find_spec(package)
    assert spec is not None and spec.submodule_search_locations is not None
    # To ask for the module's own specification would import the rooms that it lies in.
    file = Path(spec.submodule_search_locations[0], *module.split(".")).with_suffix(".py")
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {
        node.name: (ast.get_docstring(node) or "").partition("\n")[0]
        for node in tree.body
        if isinstance(node, ast.ClassDef)
    }
