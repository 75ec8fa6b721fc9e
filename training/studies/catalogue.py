"""What is claimed of every market, found by the market's name.

A market's second room, ``studies/NAME``, says in its ``__init__`` what it holds (`Declared`); a
market of another package names such a record in its class attribute ``evidence``. Nothing of a room
is imported before it is used.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...envs.core.dotted import import_dotted
from ...envs.core.market import Market
from ...envs.registry import MARKETS

if TYPE_CHECKING:
    from .claims import Reproduction
    from .speed import Benchmark
    from .study import Study


Measurement = Callable[[Path, Path, int, int | None], dict[str, float]]


@dataclass(frozen=True)
class Declared:
    """What there is about one market. Places are ``module:name``, imported when used.

    Attributes:
        study: a `Study`, measured on every finished run; empty: none.
        tables: name of a table of docs/results -> a function that returns its `Reproduction`.
        measurements: name of a table that is made otherwise -> a function of the folders of runs
            and of the table, the number of jobs and that of seeds (None: its own), which writes the
            table and returns flat figures.
        benchmarks: name -> a record of `speed`: a race, a measurement or a run for memory.
        room: package that the modules belong to; filled in for rooms of ``studies``, and empty for
            markets of other packages, whose modules are named in full.
    """

    study: str = ""
    tables: Mapping[str, str] = field(default_factory=dict)
    measurements: Mapping[str, str] = field(default_factory=dict)
    benchmarks: Mapping[str, str] = field(default_factory=dict)
    room: str = ""

    def found(self, place: str) -> Any:
        """What stands at a place."""
        if not self.room:
            return import_dotted(place, "evidence of a market")
        module, _, name = place.partition(":")
        return getattr(importlib.import_module(f"{self.room}.{module}"), name)


@cache
def rooms() -> dict[str, Declared]:
    """Every room of ``studies``, by its name."""
    here = importlib.import_module(__package__)
    found = {}
    for module in pkgutil.iter_modules(here.__path__):
        if module.ispkg:
            room = f"{__package__}.{module.name}"
            declared: Declared = importlib.import_module(room).DECLARED
            found[module.name] = Declared(**{**vars(declared), "room": room})
    return found


def declared_of(market: type[Market]) -> Declared:
    """What is declared about a market; an empty record if nothing is."""
    if market.evidence:
        declared: Declared = import_dotted(market.evidence, f"evidence of market {market.name!r}")
        return declared
    return rooms().get(market.name, Declared())


def study_of(market: Market) -> Study | None:
    """The study of a market, if it has one."""
    declared = declared_of(type(market))
    return declared.found(declared.study) if declared.study else None


def tables() -> dict[str, Callable[[], Reproduction]]:
    """Every table that is made by training, in the order of its rooms."""
    return _collected("tables")


def measurements() -> dict[str, Measurement]:
    """Every table of a market that is made otherwise."""
    return _collected("measurements")


def benchmarks() -> dict[str, Callable[[], Benchmark]]:
    """Every benchmark of a market; a call imports the record."""
    return _collected("benchmarks", called=False)


def _collected(kind: str, called: bool = True) -> dict[str, Any]:
    """Name -> a function that looks a place up when it is called, and calls what it finds there."""

    def at(declared: Declared, place: str) -> Callable[..., Any]:
        def use(*arguments: Any) -> Any:
            found = declared.found(place)
            return found(*arguments) if called else found

        return use

    everywhere = [*rooms().values(), *(declared_of(m) for m in MARKETS.contributed().values())]
    return {
        name: at(declared, place)
        for declared in everywhere
        for name, place in getattr(declared, kind).items()
    }
