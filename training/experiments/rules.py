"""Rules between the sections of an experiment: values that are each allowed but do not go together.

Like the rest of an experiment they are checked before Ray or torch is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np
from gymnasium.spaces import Box

from ...envs.core.dotted import told
from ...envs.core.errors import PacesetterError
from .leader_rules import (
    baselines_are_allowed,
    interval_within_episode,
    leader_fits_the_market,
    leader_is_told_enough,
    objective_can_be_measured,
    posterior_can_be_calibrated,
    rules_are_allowed,
)
from .problems import Problem, settings_of_groups, settings_of_policies
from .route_rules import (
    bounds_can_be_smooth,
    deviation_can_be_scheduled,
    device_can_do_it,
    information_can_be_priced,
    route_can_do_it,
    steps_are_known,
    twins_are_alike,
)
from .settings import FollowerSettings, TrainingSettings
from .yaml_file import dotted

if TYPE_CHECKING:
    from .experiment import Experiment

WITH_LEARNERS_ALONE = ("pretrain_iterations", "random_theta_share", "env_runners", "learners")
"""Keys of the section ``training`` that mean nothing where nobody learns."""


def leader_copies(training: TrainingSettings) -> int:
    """Copies of the market per env runner that play under the leader's θ in phase 2."""
    return training.copies - round(training.copies * training.random_theta_share)


def _market_is_declared(experiment: Experiment) -> Iterable[Problem]:
    """Ask the market for what it declares: a user's own may lack something, or call it wrongly."""
    market = experiment.market
    try:
        names = [group.name for group in market.groups]
        if len(set(names)) < len(names):
            yield ("market",), f"has two groups of one name: {', '.join(sorted(names))}"
        _ = market.characteristics, market.steps_per_episode
    except PacesetterError as error:
        yield ("market",), str(error)
    except (Exception, SystemExit) as error:  # the code is the user's
        yield ("market",), f"what it declares cannot be read:\n{told(error)}"


def _a_copy_for_the_leader(experiment: Experiment) -> Iterable[Problem]:
    training = experiment.training
    if training.iterations and leader_copies(training) < 1:
        yield (
            ("training", "random_theta_share"),
            f"{training.random_theta_share} of {training.copies} copies leaves none for the "
            "leader; raise training.copies or lower training.random_theta_share",
        )


def _somebody_learns(experiment: Experiment) -> Iterable[Problem]:
    """In a market without learning groups there is nobody to train, and nothing to share out."""
    if experiment.market.groups:
        return
    nobody = f"nobody in market {experiment.market.name!r} learns"
    training = experiment.training
    if experiment.followers != FollowerSettings() or experiment.own_followers:
        yield ("followers",), f"{nobody}; leave this section out"
    for key in WITH_LEARNERS_ALONE:
        if value := getattr(training, key):
            yield ("training", key), f"{nobody}, so that it must be 0, got {value}; leave it out"
    if training.route == "stock":
        yield ("training", "route"), f"{nobody}, and RLlib has nothing to train; leave it out"


def _initial_action_is_an_action(experiment: Experiment) -> Iterable[Problem]:
    for path, group, followers in settings_of_groups(experiment):
        start, space = followers.initial_action, group.action_space
        if start is None:
            continue
        if not isinstance(space, Box):
            yield (
                (*path, "initial_action"),
                f"group {group.name!r} chooses among {space.n} actions and has no mean action; "
                "leave initial_action out",
            )
        elif len(start) != space.shape[0] or not space.contains(np.array(start, space.dtype)):
            low, high = ([f"{bound:.4g}" for bound in side] for side in (space.low, space.high))
            bounds = ", ".join(f"[{a}, {b}]" for a, b in zip(low, high, strict=True))
            yield (
                (*path, "initial_action"),
                f"an action of group {group.name!r} has {space.shape[0]} entries, within {bounds}; "
                f"got {list(start)}",
            )


def _geometric_decay_ends_above_zero(experiment: Experiment) -> Iterable[Problem]:
    for path, settings in settings_of_policies(experiment):
        if settings.learning_rate_decay == "geometric" and settings.final_learning_rate == 0:
            yield (
                (*path, "final_learning_rate"),
                "a geometric decay never ends at 0; give a positive rate, or choose "
                f"{dotted(path)}.learning_rate_decay: linear",
            )


RULES: list[Callable[[Experiment], Iterable[Problem]]] = [
    _somebody_learns,
    _a_copy_for_the_leader,
    information_can_be_priced,
    route_can_do_it,
    device_can_do_it,
    deviation_can_be_scheduled,
    _geometric_decay_ends_above_zero,
    steps_are_known,
    bounds_can_be_smooth,
    _initial_action_is_an_action,
    interval_within_episode,
    leader_fits_the_market,
    twins_are_alike,
    baselines_are_allowed,
    rules_are_allowed,
    objective_can_be_measured,
    posterior_can_be_calibrated,
    leader_is_told_enough,
]
"""What must hold between values that are each allowed by themselves."""


def check_together(experiment: Experiment) -> list[Problem]:
    """Every violation of `RULES`; empty if there is none."""
    if problems := list(_market_is_declared(experiment)):
        return problems
    return [problem for rule in RULES for problem in rule(experiment)]
