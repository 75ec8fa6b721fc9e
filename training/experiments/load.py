"""An experiment: one YAML file, checked completely before any work starts.

Neither Ray nor torch is imported here, so that a misspelt key is answered at once.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from ...envs.core.dotted import import_dotted
from ...envs.core.errors import PacesetterError, nearest
from ...envs.core.market import Market
from ...envs.registry import MARKETS, market_class
from ...leaders.leader import LeaderSettings
from ...leaders.objectives.objective import Objective
from ...leaders.objectives.references import Reference, Samples
from ...leaders.registry import (
    LEADERS,
    OBJECTIVES,
    OBJECTIVES_BY_QUANTITY,
    REFERENCES,
    objective_of_quantity,
)
from .conversion import INVALID, Converter, Registry, plain
from .experiment import Experiment
from .followers import SECTION, plain_followers, read_followers
from .rules import WITH_LEARNERS_ALONE, check_together
from .shipped import shipped_experiments
from .yaml_file import UNREADABLE, KeyPath, YamlText, dotted, parse_value, read_yaml, shown


def load_experiment(
    source: str | Path, overrides: Sequence[str] = (), samples: Samples | None = None
) -> Experiment:
    """Read and check an experiment, and bind it to its reference samples.

    Overrides are ``key=value`` with a dotted key, e.g. ``training.iterations=50``; of two for the
    same key the later one counts. Where one changes the ``name`` of a market, objective, reference
    or leader, the options that the file gives for the old name are dropped, whether or not the new
    one has options of the same names; options in other overrides are kept, in any order.

    Args:
        source: path of a YAML file, or the name of a shipped experiment.
        overrides: what to change in it.
        samples: its reference samples, if they have been read before; None: read them.

    Raises:
        PacesetterError: one line for every error, with file and line or the override at fault.
    """
    path = _find(source)
    content = _Content(path, read_yaml(path), overrides)
    content.values.setdefault("name", path.stem)
    converter = Converter(registries())
    followers = content.values.pop(SECTION, None)
    experiment = converter.convert(content.values, Experiment)
    if experiment is not INVALID:
        training = content.values.get("training")
        experiment = _with_followers(experiment, followers, training, converter)
    problems = converter.problems
    if experiment is not INVALID and not problems and not content.problems:
        experiment = replace(experiment, samples=samples)
        problems = check_together(experiment)
    for key_path, message in problems:
        content.report(key_path, message)
    if content.problems:
        in_order = sorted(content.problems, key=lambda problem: problem[0])
        raise PacesetterError("\n".join(text for _, text in in_order))
    return experiment.bound()


def resolved(experiment: Experiment) -> dict[str, Any]:
    """The experiment with every default filled in, as plain values to write as YAML.

    Written with `dump_yaml` and read with `load_experiment`, it gives an equal experiment.
    """
    values = plain(experiment, registries())
    if experiment.market.groups:
        values[SECTION] = plain_followers(experiment)
    else:
        del values[SECTION]
    return values


def _with_followers(
    experiment: Experiment, values: Any, training: Any, converter: Converter
) -> Experiment:
    """With the policies of its groups; where nobody learns, with what concerns learners off."""
    try:
        groups = [group.name for group in experiment.market.groups]
    except (Exception, SystemExit):  # which `check_together` will say
        return experiment
    if groups:
        default, own = read_followers(values, groups, converter)
        return replace(experiment, followers=default, own_followers=own)
    if values is not None:
        problem = f"nobody in market {experiment.market.name!r} learns; leave this section out"
        converter.report((SECTION,), problem)
    off: dict[str, Any] = {key: 0 for key in WITH_LEARNERS_ALONE if key not in (training or {})}
    return replace(experiment, training=replace(experiment.training, **off))


@cache
def registries() -> tuple[Registry, ...]:
    """Everything that a file can choose by ``name``."""
    return (
        Registry("market", Market, MARKETS, market_class),
        Registry(
            "objective",
            Objective,
            OBJECTIVES,
            _own("objective", Objective),
            presets={name: objective_of_quantity(name) for name in OBJECTIVES_BY_QUANTITY},
        ),
        Registry("reference", Reference, REFERENCES),
        Registry("leader", LeaderSettings, LEADERS, _own("leader", LeaderSettings)),
    )


def _own(kind: str, base: type) -> Callable[[str], type]:
    """How a class of the user's own is found, by ``module:Class``."""

    def find(name: str) -> type:
        found = import_dotted(name, f"{kind}.name")
        if not (isinstance(found, type) and issubclass(found, base) and is_dataclass(found)):
            raise PacesetterError(
                f"{kind}.name: {name!r} is no {kind}: it must be a frozen dataclass that inherits "
                f"from {base.__module__}.{base.__qualname__}."
            )
        return found

    return find


# Where values come from ---------------------------------------------------------------------------


def _find(source: str | Path) -> Path:
    path = Path(source).expanduser()
    shipped = shipped_experiments()
    # A folder of the same name, such as that of an earlier run, does not hide a shipped experiment.
    if str(source) in shipped and not path.is_file():
        return shipped[str(source)]
    if os.path.exists(path) or path.suffix in (".yaml", ".yml") or len(path.parts) > 1:
        return path
    raise PacesetterError(
        f"no experiment {str(source)!r}: neither a file nor shipped with the package"
        f"{nearest(str(source), shipped) or '.'} Shipped: {', '.join(shipped) or 'none'}."
    )


class _Content:
    """The values of a file with overrides applied, and where each of them was given."""

    def __init__(self, path: Path, file: YamlText, overrides: Sequence[str]) -> None:
        self.values = file.values
        # Text, and the line that messages are sorted by: the command line comes last.
        self._places = {
            keys: (float(n), f"{path}:{n}") for keys, n in {(): 1, **file.lines}.items()
        }
        self.problems = [(float(n), f"{path}:{n}: {message}") for n, message in file.problems]
        parsed = [entry for text in overrides if (entry := self._parse(text)) is not None]
        # Names come first, outer before inner, so that they drop nothing but options of the file.
        parsed.sort(key=lambda entry: (0, len(entry[1])) if entry[1][-1] == "name" else (1, 0))
        for text, keys, value in parsed:
            self._set(text, keys, value)

    def report(self, path: KeyPath, message: str) -> None:
        """Note a problem with the value at `path`, or in the section nearest to it."""
        above = (path[:length] for length in range(len(path), -1, -1))
        line, place = next(self._places[keys] for keys in above if keys in self._places)
        key = f"{dotted(path)}: " if path else ""
        self.problems.append((line, f"{place}: {key}{message}"))

    def _refuse(self, text: str, message: str) -> None:
        self.problems.append((math.inf, f"command line {_short(text)!r}: {message}"))

    def _parse(self, text: str) -> tuple[str, tuple[str, ...], Any] | None:
        key, equals, value = text.partition("=")
        keys = tuple(part.strip() for part in key.split("."))
        if not equals or not all(keys):
            message = "is not of the form key=value, such as training.iterations=50"
        elif not value.strip():
            message = f"{key}: has no value; write {key}=null for none or {key}='\"\"' for no text"
        else:
            try:
                return text, keys, parse_value(value)
            except PacesetterError as error:
                message = f"{key}: {error}"
        self._refuse(text, message)
        return None

    def _set(self, text: str, keys: tuple[str, ...], value: Any) -> None:
        place = (math.inf, f"command line {_short(text)!r}")
        section = self.values
        for depth, key in enumerate(keys[:-1], start=1):
            if section.get(key) is None:
                section[key] = {}
                self._places[keys[:depth]] = place
            section = section[key]
            if section is UNREADABLE:
                return
            if not isinstance(section, dict):
                here = dotted(keys[:depth])
                cure = f"; give it whole, {here}=[…]" if isinstance(section, list) else ""
                self._refuse(text, f"{here} is {shown(section)}, which has no keys{cure}")
                return
        old_name = section.get(keys[-1]) if len(keys) > 1 and keys[-1] == "name" else None
        if old_name != value and _is_registered(old_name):
            section.clear()
        section[keys[-1]] = value
        kept = {path: at for path, at in self._places.items() if path[: len(keys)] != keys}
        self._places = {**kept, keys: place}


def _short(text: str) -> str:
    return text if len(text) <= 200 else text[:199] + "…"


def _is_registered(name: Any) -> bool:
    """Whether a section with this ``name`` is of a kind that the name decides."""
    if not isinstance(name, str):
        return False
    return ":" in name or any(name in registry.names for registry in registries())
