"""Rules between the sections of an experiment: values that are each allowed but do not go together.

Like the rest of an experiment they are checked before Ray or torch is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from gymnasium.spaces import Box, Discrete

from ...envs.core.dotted import told
from ...envs.core.errors import PacesetterError
from ...envs.core.group import Group
from ...envs.core.market import Market
from ...leaders.objectives.references import UnfitReferenceError
from ...leaders.policy.options import PPOOptions
from .ruled import ruled_market
from .settings import FollowerSettings, TrainingSettings
from .yaml_file import KeyPath, dotted

if TYPE_CHECKING:
    from .experiment import Experiment

Problem = tuple[KeyPath, str]
"""The key at fault, and what is wrong with it and how to cure it."""
WITH_LEARNERS_ALONE = ("pretrain_iterations", "random_theta_share", "env_runners", "learners")
"""Keys of the section ``training`` that mean nothing where nobody learns."""
SHARED_ON_THE_STOCK_ROUTE = ("discount", "gae_lambda")


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


def _policies(experiment: Experiment) -> Iterator[tuple[KeyPath, PPOOptions]]:
    """The options of every policy that is trained, and where they stand."""
    if any(group.name not in experiment.own_followers for group in experiment.market.groups):
        yield ("followers",), experiment.followers
    for name, settings in experiment.own_followers.items():
        yield ("followers", name), settings
    if experiment.leader.policy is not None:
        yield ("leader",), experiment.leader.policy


def _followers(experiment: Experiment) -> Iterator[tuple[KeyPath, Group, FollowerSettings]]:
    """Every group with the options of its policy, and where they stand."""
    for group in experiment.market.groups:
        own = group.name in experiment.own_followers
        path = ("followers", group.name) if own else ("followers",)
        yield path, group, experiment.followers_of(group.name)


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


def _information_can_be_priced(experiment: Experiment) -> Iterable[Problem]:
    """Information costs are a price per sample, on the entropy of a choice among finitely many."""
    for path, group, followers in _followers(experiment):
        if not (followers.information_cost and group.information_cost):
            continue
        if not isinstance(group.action_space, Discrete):
            yield (
                ("market",),
                f"group {group.name!r} pays for information, which needs a Discrete action space; "
                f"set {dotted(path)}.information_cost: false to leave these costs out",
            )
        if experiment.training.route == "stock":
            yield (
                ("training", "route"),
                "RLlib's stock loss has no price of information per sample; choose array, or set "
                f"{dotted(path)}.information_cost: false",
            )


def _route_can_do_it(experiment: Experiment) -> Iterable[Problem]:
    training, leader = experiment.training, experiment.leader
    copies = training.copies * max(1, training.env_runners)
    if training.route == "array" and training.learners > copies:
        yield (
            ("training", "learners"),
            f"a batch is shared out by copies of the market, and {training.learners} learners are "
            f"more than the {copies} copies of all env runners; set it to {copies} or less, or "
            "raise training.copies",
        )
    policies = len(experiment.market.groups) + (leader.policy is not None)
    if training.route == "stock" and training.learners > 1 and policies > 1:
        yield (
            ("training", "learners"),
            "RLlib's own learners wait for each other for ever where one has no rows of a policy "
            f"(github.com/ray-project/ray/issues/63819), and {policies} policies learn here; got "
            f"{training.learners}, set it to 1, or training.route: array",
        )
    for key in ("env_runners", "learners"):
        if training.route == "local" and getattr(training, key):
            yield (
                ("training", key),
                f"the local route has one process, so that it must be 0, got "
                f"{getattr(training, key)}; remote workers need training.route: array",
            )
    if training.route == "stock" and leader.policy is not None and leader.update_every > 1:
        yield (
            ("leader", "update_every"),
            f"RLlib's stock learner updates all policies in every iteration, got "
            f"{leader.update_every}; set leader.update_every: 1, or training.route: array",
        )
    settings = [experiment.followers_of(group.name) for group in experiment.market.groups]
    for key in SHARED_ON_THE_STOCK_ROUTE:
        if training.route == "stock" and len({getattr(one, key) for one in settings}) > 1:
            yield (
                ("followers",),
                f"RLlib's stock learner has one {key} for all policies; give every group the same, "
                "or set training.route: array",
            )


def _device_can_do_it(experiment: Experiment) -> Iterable[Problem]:
    """What stays on a device is written for tensors, with nobody asking what is in them."""
    training, market = experiment.training, experiment.market
    if training.tf32 and training.device != "cuda":
        yield (
            ("training", "tf32"),
            "is of products on a graphics card; set training.device: cuda, or leave it out",
        )
    if training.device is None:
        return
    path = ("training", "device")
    if training.route == "stock":
        yield path, "RLlib's stock route steps one copy after the other; choose route: array"
    for key in ("env_runners", "learners"):
        if getattr(training, key):
            yield (
                ("training", key),
                f"one process keeps everything on training.device: {training.device}, so that it "
                f"must be 0, got {getattr(training, key)}; leave either out",
            )
    if reason := _not_in_tensors(market):
        yield path, f"market {market.name!r} {reason}; leave training.device out"


def _not_in_tensors(market: Market) -> str:
    """Why a market cannot be stepped on a device; empty if it can."""
    if "torch" not in market.namespaces:
        return f"has no transition in torch: it runs in {', '.join(market.namespaces)} alone"
    if not market.groups:
        return "has no group that learns, and is fastest as it is"
    if market.ends_early:
        return (
            "may end an episode before its horizon in one copy and not in another, and the device "
            "would be asked in every step whether it has"
        )
    if type(market).deciding is not Market.deciding:
        return (
            "has followers who decide in some states only, and the device would be asked in every "
            "step how many"
        )
    return ""


def _deviation_can_be_scheduled(experiment: Experiment) -> Iterable[Problem]:
    """RLlib's learner alone cannot set a scheduled deviation after every update."""
    if experiment.training.route != "stock":
        return
    for path, settings in _policies(experiment):
        if settings.final_action_deviation is not None:
            yield (
                ("training", "route"),
                "RLlib's stock learner cannot change the deviation of a policy; choose array, or "
                f"leave out {dotted(path)}.final_action_deviation",
            )


def _steps_are_known(experiment: Experiment) -> Iterable[Problem]:
    policy = experiment.leader.policy
    if policy is not None and policy.largest_step and experiment.training.route == "stock":
        yield (
            ("training", "route"),
            "on RLlib's stock runners a leader's action is θ itself; choose array, or leave out "
            "leader.largest_step",
        )


def _bounds_can_be_smooth(experiment: Experiment) -> Iterable[Problem]:
    for path, _, followers in _followers(experiment):
        if followers.action_bounds != "clipped" and experiment.training.route == "stock":
            yield (
                ("training", "route"),
                "RLlib's stock runners clip actions; choose array, or "
                f"{dotted(path)}.action_bounds: clipped",
            )
            return


def _initial_action_is_an_action(experiment: Experiment) -> Iterable[Problem]:
    for path, group, followers in _followers(experiment):
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
    for path, settings in _policies(experiment):
        if settings.learning_rate_decay == "geometric" and settings.final_learning_rate == 0:
            yield (
                (*path, "final_learning_rate"),
                "a geometric decay never ends at 0; give a positive rate, or choose "
                f"{dotted(path)}.learning_rate_decay: linear",
            )


def _interval_within_episode(experiment: Experiment) -> Iterable[Problem]:
    interval, steps = experiment.leader.interval, experiment.market.steps_per_episode
    if interval != "episode" and interval > steps:
        yield (
            ("leader", "interval"),
            f"{interval} steps are more than the {steps} of an episode of market "
            f"{experiment.market.name!r}; 'episode' sets θ once per episode",
        )


def _leader_fits_the_market(experiment: Experiment) -> Iterable[Problem]:
    """Set up the leader as a run will: it reads its distribution or bounds, or says why not.

    What the market itself refuses (a θ out of bounds) is said in the same way.
    """
    try:
        experiment.guide()
    except PacesetterError as error:
        yield ("leader",), str(error)


def _twins_are_alike(experiment: Experiment) -> Iterable[Problem]:
    """Copies come in whole sets of twins, and what samples knows of them."""
    training = experiment.training
    if training.copies % training.twins:
        yield (
            ("training", "twins"),
            f"{training.twins} twins do not divide training.copies, {training.copies}; give copies "
            f"a multiple of {training.twins}",
        )
    if training.twins > 1 and training.route == "stock":
        yield (
            ("training", "twins"),
            "RLlib's own runners know of no twins; use training.route 'array' or 'local', or 1",
        )
    if training.twins > 1 and training.device is not None:
        yield (
            ("training", "twins"),
            "random streams on a device are not drawn twice; leave training.device out, or give 1",
        )


def _baselines_are_allowed(experiment: Experiment) -> Iterable[Problem]:
    """What an answer is held to must be something that the leader could choose."""
    for number, baseline in enumerate(experiment.training.baselines):
        try:
            experiment.market.characteristics.validate(baseline)
        except PacesetterError as error:
            yield ("training", "baselines", number), str(error)


def _rules_are_allowed(experiment: Experiment) -> Iterable[Problem]:
    """A rule must be one of this market's, and leave followers what they see and do."""
    for number, changes in enumerate(experiment.training.rules):
        try:
            ruled_market(experiment.market, changes, "this rule")
        except PacesetterError as error:
            yield ("training", "rules", number), str(error)


def _leader_is_told_enough(experiment: Experiment) -> Iterable[Problem]:
    """Some leaders compare statistics of paths, and need them from the objective."""
    leader, market = experiment.leader, experiment.market
    if not leader.followers_may_learn and market.groups:
        yield (
            ("leader",),
            f"leader {leader.name!r} compares one simulation with another, which needs followers "
            f"that stay as they are; in market {market.name!r} group {market.groups[0].name!r} "
            "learns. Use 'gradient' or 'bayesian'",
        )
    if leader.wants_laboratory and not market.has_laboratory:
        yield (
            ("leader",),
            f"leader {leader.name!r} learns who trades in a market, and {market.name!r} has no "
            "traders that a world agent could stand for",
        )
    if not leader.wants_statistics or any(_objective_can_be_measured(experiment)):
        return
    compared = experiment.measure.statistics
    if compared is not None and leader.wants_paths and compared.target.rows is None:
        yield (
            ("objective", "reference"),
            f"leader {leader.name!r} needs the reference path by path, and this one holds their "
            "statistics alone; give the paths, or use leader 'moments'",
        )
    waiting = compared is not None and compared.about is not None
    if leader.sharpens and not waiting:
        yield (
            ("leader",),
            "the leader would sharpen statistics by its estimate of θ, and those of the objective "
            "need none; give objective.function and objective.estimates, or leave sharpening out",
        )
    if waiting and not leader.sharpens:
        yield (
            ("objective", "estimates"),
            f"objective.function waits for an estimate of θ that leader {leader.name!r} does not "
            "give; set leader.sharpened_after (adversarial) or leader.sharpen (moments), or leave "
            "the function out",
        )
    if compared is None:
        yield (
            ("objective",),
            f"leader {leader.name!r} compares statistics of paths, and objective "
            f"{experiment.objective.name!r} declares none; use the objective 'statistics', or "
            "leader 'bayesian', which needs values alone",
        )


def _objective_can_be_measured(experiment: Experiment) -> Iterable[Problem]:
    """Bind the objective as a run will: it reads its reference, or says why it cannot."""
    if any(_interval_within_episode(experiment)):
        return
    try:
        experiment.game()
    except UnfitReferenceError as error:
        yield ("objective", "reference"), str(error)
    except PacesetterError as error:
        yield ("objective",), str(error)


def _posterior_can_be_calibrated(experiment: Experiment) -> Iterable[Problem]:
    """A calibration fits anew to what θ of the prior would have shown."""
    leader = experiment.leader.posterior_options
    if leader is None:
        return
    asked = {
        "w": leader.w == "calibrated",
        "calibrate_posterior": leader.calibrate_posterior > 0,
        "amortised_simulations": leader.amortised_simulations is not None,
    }
    keys = [key for key, wanted in asked.items() if wanted]
    if experiment.market.groups:
        for key in keys:
            yield (
                ("leader", key),
                f"followers of market {experiment.market.name!r} would have to learn anew for "
                "every θ of the prior; give w as a number, and leave the others out",
            )
        return
    try:
        compares = bool(keys and experiment.bound().samples)
    except PacesetterError:
        return  # said elsewhere
    for key in [] if compares else keys:
        yield (
            ("leader", key),
            f"objective {experiment.objective.name!r} compares with no sample, so that none can be "
            "planted; choose one with a reference, or give w as a number and leave the others out",
        )


RULES: list[Callable[[Experiment], Iterable[Problem]]] = [
    _somebody_learns,
    _a_copy_for_the_leader,
    _information_can_be_priced,
    _route_can_do_it,
    _device_can_do_it,
    _deviation_can_be_scheduled,
    _geometric_decay_ends_above_zero,
    _steps_are_known,
    _bounds_can_be_smooth,
    _initial_action_is_an_action,
    _interval_within_episode,
    _leader_fits_the_market,
    _twins_are_alike,
    _baselines_are_allowed,
    _rules_are_allowed,
    _objective_can_be_measured,
    _posterior_can_be_calibrated,
    _leader_is_told_enough,
]
"""What must hold between values that are each allowed by themselves."""


def check_together(experiment: Experiment) -> list[Problem]:
    """Every violation of `RULES`; empty if there is none."""
    if problems := list(_market_is_declared(experiment)):
        return problems
    return [problem for rule in RULES for problem in rule(experiment)]
