"""What a leader needs of its market and objective, and what may stand beside its answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ...envs.core.errors import PacesetterError
from ...leaders.objectives.references import UnfitReferenceError
from .problems import Problem
from .ruled import ruled_market

if TYPE_CHECKING:
    from .experiment import Experiment


def interval_within_episode(experiment: Experiment) -> Iterable[Problem]:
    """θ must be set at least once per episode."""
    interval, steps = experiment.leader.interval, experiment.market.steps_per_episode
    if interval != "episode" and interval > steps:
        yield (
            ("leader", "interval"),
            f"{interval} steps are more than the {steps} of an episode of market "
            f"{experiment.market.name!r}; 'episode' sets θ once per episode",
        )


def leader_fits_the_market(experiment: Experiment) -> Iterable[Problem]:
    """Set up the leader as a run will: it reads its distribution or bounds, or says why not.

    What the market itself refuses (a θ out of bounds) is said in the same way.
    """
    try:
        experiment.guide()
    except PacesetterError as error:
        yield ("leader",), str(error)


def leader_is_told_enough(experiment: Experiment) -> Iterable[Problem]:
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
    if not leader.wants_statistics or any(objective_can_be_measured(experiment)):
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


def objective_can_be_measured(experiment: Experiment) -> Iterable[Problem]:
    """Bind the objective as a run will: it reads its reference, or says why it cannot."""
    if any(interval_within_episode(experiment)):
        return
    try:
        experiment.game()
    except UnfitReferenceError as error:
        yield ("objective", "reference"), str(error)
    except PacesetterError as error:
        yield ("objective",), str(error)


def posterior_can_be_calibrated(experiment: Experiment) -> Iterable[Problem]:
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


def baselines_are_allowed(experiment: Experiment) -> Iterable[Problem]:
    """What an answer is held to must be something that the leader could choose."""
    for number, baseline in enumerate(experiment.training.baselines):
        try:
            experiment.market.characteristics.validate(baseline)
        except PacesetterError as error:
            yield ("training", "baselines", number), str(error)


def rules_are_allowed(experiment: Experiment) -> Iterable[Problem]:
    """A rule must be one of this market's, and leave followers what they see and do."""
    for number, changes in enumerate(experiment.training.rules):
        try:
            ruled_market(experiment.market, changes, "this rule")
        except PacesetterError as error:
            yield ("training", "rules", number), str(error)
