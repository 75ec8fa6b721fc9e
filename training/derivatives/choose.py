"""Which estimator answers a question about a derivative, and whether it can."""

from __future__ import annotations

import os
from dataclasses import dataclass

from gymnasium.spaces import Discrete

from ...envs.core.errors import PacesetterError
from ...envs.core.market import Market
from ...leaders.leader import How, Question, Slope
from ..experiments.experiment import Experiment
from ..policies.network import SMOOTH
from .implicit import MOST_ENTRIES, has_implicit_slope
from .objective import cut_by

MOST_TANGENTS = 16
FEW_CHARACTERISTICS = 4
SHARE_OF_FREE_MEMORY = 0.25
BYTES_KEPT = 8 * 12  # per number of the state and step: reverse mode keeps about a dozen of them


@dataclass(frozen=True)
class Chosen:
    """How a derivative is taken.

    Attributes:
        how: the estimator.
        slope: where the slope of followers' answers comes from.
        why: the reason, for the log.
    """

    how: How
    slope: Slope
    why: str


def choose(experiment: Experiment, question: Question) -> Chosen:
    """The estimator of a question; ``auto`` becomes the first that fits.

    Raises:
        PacesetterError: the estimator asked for cannot work here; the message names one that can.
    """
    if "jacobians" in question.wants:
        if question.how in ("auto", "differences"):
            why = "two plays per characteristic, whatever the number of statistics"
            return Chosen("differences", "network", why)
        _check_nobody_learns(experiment, question.how)
    if question.how == "auto":
        return _automatic(experiment, question)
    _check(experiment, question)
    slope = question.slope
    if slope == "auto":
        slope = "implicit" if has_implicit_slope(experiment.market) else "network"
    if question.how != "differences":
        _check_slope(experiment, slope)
    return Chosen(question.how, slope, "as asked for")


def _check_nobody_learns(experiment: Experiment, how: How) -> None:
    """Refuse to differentiate every statistic through followers, but by differences."""
    if experiment.market.groups:
        raise PacesetterError(
            f"leader.how: {how} cannot give the derivative of every statistic in market "
            f"{experiment.market.name!r}, where followers answer θ; use differences."
        )


def memory_of_reverse(experiment: Experiment, copies: int) -> int:
    """Bytes that reverse mode keeps of one episode of so many copies, estimated."""
    return copies * experiment.market.steps_per_episode * experiment.numbers_kept * BYTES_KEPT


def _automatic(experiment: Experiment, question: Question) -> Chosen:
    market = experiment.market
    number = len(market.characteristics)
    choices = _choices(market)
    if not market.differentiable and not (choices and "torch" in market.namespaces):
        return Chosen("differences", "network", f"market {market.name!r} is not differentiable")
    if _of_objective(question) and (reason := cut_by(experiment)):
        return Chosen("differences", "network", f"the objective passes no gradient on: {reason}")
    if choices:
        if all(group.ordered for group in choices):
            return Chosen("ordered", "network", "choices are points of a line")
        if number <= FEW_CHARACTERISTICS:
            return Chosen("differences", "network", "unordered choices, few characteristics")
        return Chosen("score", "network", "unordered choices, many characteristics")
    slope: Slope = "network"
    if question.slope != "auto":
        _check_slope(experiment, question.slope)
        slope = question.slope
    elif has_implicit_slope(market):
        slope = "implicit"
    elif market.groups:
        return Chosen(
            "differences", "network", "a policy's own slope is less certain than its values"
        )
    needed = memory_of_reverse(experiment, len(question.theta) * question.copies)
    if needed <= SHARE_OF_FREE_MEMORY * _free_memory():
        return Chosen(
            "pathwise", slope, f"differentiable; reverse mode keeps {needed / 1e6:.3g} MB"
        )
    if number <= MOST_TANGENTS and slope == "network":
        return Chosen("forward", slope, f"reverse mode would keep {needed / 1e6:.3g} MB")
    return Chosen("differences", slope, f"reverse mode would keep {needed / 1e6:.3g} MB")


def _check(experiment: Experiment, question: Question) -> None:
    market, how = experiment.market, question.how
    if how == "differences":
        return
    where = f"leader.how: {how} cannot be used in market {market.name!r}, "
    choices = _choices(market)
    if "torch" not in market.namespaces or not (market.differentiable or choices):
        raise PacesetterError(
            f"{where}which is not differentiable; use differences, or leader 'bayesian', which "
            "needs values alone."
        )
    unordered = [group.name for group in choices if not group.ordered]
    if choices and how in ("pathwise", "forward"):
        cure = "score or differences" if unordered else "ordered, score or differences"
        raise PacesetterError(
            f"{where}where group {choices[0].name!r} chooses among {choices[0].action_space.n} "
            f"actions: a choice has no derivative. Use {cure}."
        )
    if how == "ordered" and (unordered or not choices):
        what = f"the actions of group {unordered[0]!r} are no" if unordered else "no actions are"
        raise PacesetterError(f"{where}because {what} points of a line; use score or differences.")
    if how == "score" and not choices:
        raise PacesetterError(f"{where}where nobody chooses at random; use pathwise.")
    if _of_objective(question) and (reason := cut_by(experiment)):
        raise PacesetterError(
            f"leader.how: {how} needs the slope of objective {experiment.objective.name!r}, which "
            f"has none: {reason} Use differences, or leader 'bayesian', which needs values alone."
        )


def _of_objective(question: Question) -> bool:
    """Whether the objective is what is differentiated, and not statistics of paths."""
    return question.wants == {"gradients"} and question.score is None


def _check_slope(experiment: Experiment, slope: Slope) -> None:
    market = experiment.market
    if slope == "implicit" and not has_implicit_slope(market):
        raise PacesetterError(
            f"leader.slope: implicit needs one decision per episode, at most {MOST_ENTRIES} Box "
            f"actions, in a differentiable market; {market.name!r} is none such. Use network, or "
            "how: differences."
        )
    for group in market.groups if slope == "network" else ():
        activation = experiment.followers_of(group.name).activation
        if activation not in SMOOTH and not isinstance(group.action_space, Discrete):
            raise PacesetterError(
                f"leader.slope: network differentiates through the policy of group {group.name!r}, "
                f"whose activation {activation!r} has kinks: its slope would be wrong by a fifth "
                f"where its values are right. Set followers.activation: silu, or use slope: "
                "implicit or how: differences."
            )


def _choices(market: Market) -> list:
    return [group for group in market.groups if isinstance(group.action_space, Discrete)]


def _free_memory() -> float:
    try:
        return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (ValueError, OSError):
        return 4e9
