"""The section ``followers``: options of all groups, and of single groups over and above them.

Either the options stand in the section itself, or under the names of groups; those under
``default`` hold for every group, and a group's own for that group::

    followers:
      default: {learning_rate: 1.0e-3}
      customer: {hidden_layers: [32, 32]}
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...envs.core.errors import nearest
from .annotations import field_types
from .conversion import INVALID, Converter, plain
from .experiment import Experiment
from .settings import FollowerSettings

DEFAULT = "default"
SECTION = "followers"


def read_followers(
    values: Any, groups: Iterable[str], converter: Converter
) -> tuple[FollowerSettings, dict[str, FollowerSettings]]:
    """The options of all groups, and of those that have some of their own.

    Args:
        values: of the section; None if there is none.
        groups: names of the market's groups.
        converter: notes what is wrong.
    """
    if values is None:
        return FollowerSettings(), {}
    if not isinstance(values, dict):
        converter.convert(values, FollowerSettings, (SECTION,))
        return FollowerSettings(), {}
    names, options = set(groups), field_types(FollowerSettings)
    sections = {key: value for key, value in values.items() if key in {DEFAULT, *names}}
    common = {key: value for key, value in values.items() if key not in sections}
    for key in [key for key, value in common.items() if isinstance(value, dict)]:
        if key not in options:
            _no_such_group(key, names, converter)
            del common[key]
    own_default = sections.pop(DEFAULT, {})
    default = converter.convert(own_default, FollowerSettings, (SECTION, DEFAULT))
    shared = converter.convert(common, FollowerSettings, (SECTION,))
    if default is INVALID or shared is INVALID:
        return FollowerSettings(), {}
    for key in common.keys() & own_default.keys():
        converter.report(
            (SECTION, DEFAULT, key), f"stands in {SECTION}.{key} too; remove one of them"
        )
    base = {**common, **own_default}
    own = {}
    for name, section in sections.items():
        if not isinstance(section, dict):
            converter.convert(section, FollowerSettings, (SECTION, name))
            continue
        own[name] = converter.convert({**base, **section}, FollowerSettings, (SECTION, name))
    both = converter.convert(base, FollowerSettings, (SECTION,))
    return both, {name: found for name, found in own.items() if found is not INVALID}


def plain_followers(experiment: Experiment) -> dict[str, Any]:
    """The section as plain values, which `read_followers` reads back."""
    default = plain(experiment.followers)
    if not experiment.own_followers:
        return default
    own = {name: plain(settings) for name, settings in experiment.own_followers.items()}
    return {DEFAULT: default, **own}


def _no_such_group(key: str, names: set[str], converter: Converter) -> None:
    known = f"Groups: {', '.join(sorted(names))}." if names else "Nobody in this market learns."
    converter.report(
        (SECTION, key),
        f"there is no group {key!r}{nearest(key, [DEFAULT, *names]) or '.'} {known} Options of "
        f"every group stand under {DEFAULT!r}.",
    )
