"""What the rules between sections are written with: a problem, and whose options stand where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...envs.core.group import Group
from ...leaders.policy.options import PPOOptions
from .settings import FollowerSettings
from .yaml_file import KeyPath

if TYPE_CHECKING:
    from .experiment import Experiment

Problem = tuple[KeyPath, str]
"""The key at fault, and what is wrong with it and how to cure it."""


def settings_of_policies(experiment: Experiment) -> Iterator[tuple[KeyPath, PPOOptions]]:
    """The options of every policy that is trained, and where they stand."""
    if any(group.name not in experiment.own_followers for group in experiment.market.groups):
        yield ("followers",), experiment.followers
    for name, settings in experiment.own_followers.items():
        yield ("followers", name), settings
    if experiment.leader.policy is not None:
        yield ("leader",), experiment.leader.policy


def settings_of_groups(experiment: Experiment) -> Iterator[tuple[KeyPath, Group, FollowerSettings]]:
    """Every group with the options of its policy, and where they stand."""
    for group in experiment.market.groups:
        own = group.name in experiment.own_followers
        path = ("followers", group.name) if own else ("followers",)
        yield path, group, experiment.followers_of(group.name)
