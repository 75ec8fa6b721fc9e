"""What a route, a device and copies in sets can do for an experiment: rules of the training."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gymnasium.spaces import Discrete

from ...envs.core.market import Market
from .problems import Problem, settings_of_groups, settings_of_policies
from .yaml_file import dotted

if TYPE_CHECKING:
    from .experiment import Experiment

SHARED_ON_THE_STOCK_ROUTE = ("discount", "gae_lambda")


def route_can_do_it(experiment: Experiment) -> Iterable[Problem]:
    """Learners, workers and options that are all of one policy there must suit the route."""
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


def device_can_do_it(experiment: Experiment) -> Iterable[Problem]:
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


def deviation_can_be_scheduled(experiment: Experiment) -> Iterable[Problem]:
    """RLlib's learner alone cannot set a scheduled deviation after every update."""
    if experiment.training.route != "stock":
        return
    for path, settings in settings_of_policies(experiment):
        if settings.final_action_deviation is not None:
            yield (
                ("training", "route"),
                "RLlib's stock learner cannot change the deviation of a policy; choose array, or "
                f"leave out {dotted(path)}.final_action_deviation",
            )


def steps_are_known(experiment: Experiment) -> Iterable[Problem]:
    """A leader that moves θ by steps needs to be told where θ is."""
    policy = experiment.leader.policy
    if policy is not None and policy.largest_step and experiment.training.route == "stock":
        yield (
            ("training", "route"),
            "on RLlib's stock runners a leader's action is θ itself; choose array, or leave out "
            "leader.largest_step",
        )


def bounds_can_be_smooth(experiment: Experiment) -> Iterable[Problem]:
    """Actions that end smoothly at their bounds are ours, not RLlib's."""
    for path, _, followers in settings_of_groups(experiment):
        if followers.action_bounds != "clipped" and experiment.training.route == "stock":
            yield (
                ("training", "route"),
                "RLlib's stock runners clip actions; choose array, or "
                f"{dotted(path)}.action_bounds: clipped",
            )
            return


def twins_are_alike(experiment: Experiment) -> Iterable[Problem]:
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


def information_can_be_priced(experiment: Experiment) -> Iterable[Problem]:
    """Information costs are a price per sample, on the entropy of a choice among finitely many."""
    for path, group, followers in settings_of_groups(experiment):
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
