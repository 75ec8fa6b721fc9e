"""The execution game's study: what executors pay beside simple rules, on the same episodes.

Trained executors play their most likely action. Every training seed has evaluation episodes of its
own, and within a seed all play the same ones: differences are paired. `saved_over/RULE` is what a
rule pays more, in basis points of the parent order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ....envs.execution.baselines import RULES
from ....envs.execution.design import FEE, HIGHEST_FEE
from ....envs.execution.market import EXECUTOR, Execution
from ....leaders.objectives.calibration import StylisedFacts
from ....leaders.objectives.references import Planted
from ...experiments.experiment import Experiment
from ...policies.play import Actors, Played, Theta, play
from ...policies.policies import Trained
from ..statistics import finite, standard_error
from ..study import Arrays, Findings, Row, Study
from . import world
from .figures import book_figure, cost_figure, fee_figure

Floats = NDArray[np.float64]
SEEDS_APART = 100_000  # between the evaluation episodes of two training seeds
DESIGNS: dict[str, dict[str, float]] = {
    "default": {},
    "fee": {FEE: 1.0},
    "thin": {"noise_multiplier": 0.5, "maker_volume_share": 0.005},
}
"""Designs of the market that executors are compared at, name -> θ."""
SHOWN_LEVELS = 10
FEES = (0.0, 0.125, 0.25, 0.5, 1.0, HIGHEST_FEE)


class RuleFollowers:
    """Executors who follow a rule, to play instead of trained ones.

    Args:
        market: the game.
        rule: of `baselines`.
    """

    def __init__(self, market: Execution, rule: Callable[[Execution, Any], NDArray[np.int64]]):
        self._market, self._rule = market, rule

    def act(
        self, state: Any, generator: torch.Generator, greedy: bool = False
    ) -> dict[str, NDArray[Any]]:
        """The rule's actions, ``(B, N)``."""
        return {EXECUTOR: self._rule(self._market, self._market.observe(state)[EXECUTOR])}


def measure(trained: Trained) -> Findings:
    """Costs under the leader's answer and at known designs, one episode's book, what fees do.

    Of an experiment on who trades, see `world`.
    """
    experiment = trained.experiment
    market = experiment.market
    assert isinstance(market, Execution)
    if market.experimental:
        return world.measure(trained)
    seed = experiment.evaluation.seed + SEEDS_APART * experiment.seed
    own = replace(experiment, evaluation=replace(experiment.evaluation, seed=seed))
    trained = replace(trained, experiment=own)
    findings = Findings()
    leader: Theta = trained.policies.theta if trained.policies.has_leader else trained.theta
    _compare(trained, leader, "", findings)
    if market.view == "all":
        for name, theta in DESIGNS.items():
            _compare(trained, market.characteristics.validate(theta)[0], f"{name}/", findings)
            saved = findings.results[f"{name}/saved_over/twap"]
            findings.arrays[f"saved/{name}"] = np.array([saved])
    elif set(market.leader_sets) == {FEE}:
        _vary_the_fee(trained, findings)
    _watch_a_book(trained, leader, findings)
    _note_recovery(trained, findings)
    return findings


def _compare(trained: Trained, theta: Theta, label: str, findings: Findings) -> None:
    """Trained executors and every rule on the same episodes."""
    market = trained.experiment.market
    assert isinstance(market, Execution)
    followers: Mapping[str, Actors] = {
        name: RuleFollowers(market, rule) for name, rule in RULES.items()
    }
    played = play(trained.experiment, trained.policies, theta, greedy=True)
    ours = _note(played, label, findings)
    for name, actors in followers.items():
        costs = _note(play(trained.experiment, actors, theta), f"{label}{name}/", findings)
        saved = costs - ours
        findings.results[f"{label}saved_over/{name}"] = float(saved.mean())
        error = {f"{label}saved_over/{name}/standard_error": standard_error(saved)}
        findings.results.update(finite(error))


def _note(played: Played, label: str, findings: Findings) -> Floats:
    """Costs, completion and the market's own figures; costs of the episodes, ``(E · B,)``."""
    costs = played.quantities["cost_bp"].sum(axis=1)  # (E, B, N)
    unfilled = played.quantities["unfilled"][:, -1]
    by_episode: Floats = costs.mean(axis=-1).reshape(-1)
    found = {
        f"{label}cost_bp": float(costs.mean()),
        f"{label}completed": float((unfilled == 0).mean()),
        f"{label}return_deviation_bp": float(played.quantities["log_return_bp"].std(axis=1).mean()),
        f"{label}leader_reward": float(played.objective.mean()),
        f"{label}maker_profit": float(played.quantities["maker_profit"].sum(axis=1).mean()),
    }
    error = {f"{label}cost_bp/standard_error": standard_error(by_episode)}
    findings.results.update(found | finite(error))
    return by_episode


def _vary_the_fee(trained: Trained, findings: Findings) -> None:
    """Cost, volatility and the leader's reward over the fee; what its answer is short of the best.

    The best of several noisy means is flattered: where the answer is as good, regret is small
    and positive.
    """
    space = trained.experiment.market.characteristics
    curves: dict[str, list[float]] = {}
    for fee in FEES:
        theta = space.validate({FEE: fee})[0]
        played = play(trained.experiment, trained.policies, theta, greedy=True)
        _note(played, f"fee_{fee:g}/", findings)
        for name in ("cost_bp", "return_deviation_bp", "leader_reward"):
            curves.setdefault(name, []).append(findings.results[f"fee_{fee:g}/{name}"])
    best = max(curves["leader_reward"])
    findings.results["leader_regret"] = best - findings.results["leader_reward"]
    findings.arrays["fees"] = np.array(FEES)
    for name, values in curves.items():
        findings.arrays[f"fees/{name}"] = np.array(values)


def _watch_a_book(trained: Trained, theta: Theta, findings: Findings) -> None:
    """One episode: the best levels at every decision, the mid, and the first executor's fills."""
    market, seed = trained.experiment.market, trained.experiment.evaluation.seed
    assert isinstance(market, Execution)
    state = market.reset(seed, 1)
    generator = torch.Generator().manual_seed(seed)
    rows: dict[str, list[Any]] = {"levels": [], "mid": [], "filled": []}
    interval = trained.experiment.leader.interval
    for time in range(market.decisions):
        if time % (market.decisions if interval == "episode" else interval) == 0:
            chosen = theta(state) if callable(theta) else theta
            state = market.set_characteristics(state, np.atleast_2d(chosen))
        rows["levels"].append(market.levels(state, SHOWN_LEVELS)[0])
        rows["mid"].append(state.mid[0])
        step = market.step(state, trained.policies.act(state, generator, greedy=True))
        state = step.state
        rows["filled"].append(step.quantities["filled"][0, 0] * market.parent_size)
    rows["levels"].append(market.levels(state, SHOWN_LEVELS)[0])
    rows["mid"].append(state.mid[0])
    for name, values in rows.items():
        findings.arrays[f"book/{name}"] = np.array(values, dtype=np.float64)
    seconds = market.seconds_per_decision * np.arange(market.decisions + 1)
    findings.arrays["book/minutes"] = seconds / 60


def _note_recovery(trained: Trained, findings: Findings) -> None:
    """How far the answer of a calibration is from the planted θ, in shares of the bounds."""
    objective, space = trained.experiment.objective, trained.experiment.market.characteristics
    if not (isinstance(objective, StylisedFacts) and isinstance(objective.reference, Planted)):
        return
    planted = space.validate(objective.reference.theta)[0]
    away = np.abs(space.to_unit(trained.theta) - space.to_unit(planted))
    for name, low, high, distance in zip(space.names, space.low, space.high, away, strict=True):
        if high > low:
            findings.results[f"recovery_error/{name}"] = float(distance)


# Table and figures --------------------------------------------------------------------------------


def rows(experiment: Experiment) -> list[Row]:
    """Cost and completion, beside those of the rules."""
    if experiment.leader.wants_laboratory:
        return world.rows(experiment)
    table = [
        Row("implementation shortfall, bp", "cost_bp"),
        Row("parent orders completed", "completed", "≥ 0.99", "goal"),
    ]
    table += [Row(f"{name}, bp", f"{name}/cost_bp") for name in RULES]
    table += [Row(f"saved over {name}, bp", f"saved_over/{name}", "> 0", "goal") for name in RULES]
    table.append(Row("deviation of the mid's returns, bp", "return_deviation_bp"))
    objective = experiment.objective
    if isinstance(objective, StylisedFacts) and isinstance(objective.reference, Planted):
        table += [
            Row(f"θ − planted θ over its range, {name}", f"recovery_error/{name}", "0", "planted")
            for name in objective.reference.theta
        ]
    return table


def figures(experiment: Experiment, results: dict[str, float], arrays: Arrays) -> dict[str, Figure]:
    """Cost beside the rules, one episode's book, and what fees do if they were varied."""
    if experiment.leader.wants_laboratory:
        return world.figures(experiment, results, arrays) if arrays else {}
    drawn = {"cost": cost_figure(results), "book": book_figure(arrays)}
    if "fees" in arrays:
        drawn["fees"] = fee_figure([arrays])
    return drawn


EXECUTION_STUDY = Study(measure, rows, figures)
