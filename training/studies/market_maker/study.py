"""The market maker's study: does one policy quote as is best under every preference?

Expected means are computed, not sampled: in a step whose price is known they are exact for any
half-spread, and prices do not depend on quotes. What varies from rollout to rollout is played, the
trained maker and the best one under the same shocks.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ....envs.market_maker.market import MARKET_MAKER, PREFERENCES, MarketMaker
from ....envs.market_maker.optimum import OptimalQuotes
from ....leaders.search.analytic import AnalyticLeader
from ...experiments.experiment import Experiment
from ...policies.play import Actors, play
from ...policies.policies import Trained
from ..study import Arrays, Findings, Row, Study
from .figures import preference_figure, regret_figure

GRID = np.linspace(0.0, 1.0, 21).round(2)
SHOWN = {
    "half_spread": "half-spread",
    "profit": "profit per taker",
    "market_share": "market share",
}
Floats = NDArray[np.float64]


class BestQuotes:
    """The maker who quotes best under one preference, to play instead of a trained one.

    Args:
        optimum: the solver of its market.
        half_spreads: the best ones at the prices of the solver, ``(POINTS,)``.
    """

    def __init__(self, optimum: OptimalQuotes, half_spreads: Floats):
        self._reference_price = optimum.prices.reference
        self._deviations = optimum.deviations
        self._half_spreads = half_spreads

    def act(
        self, state: Any, generator: torch.Generator, greedy: bool = False
    ) -> dict[str, NDArray[Any]]:
        """The best half-spread at every copy's price, ``(B, 1, 1)``."""
        deviation = state.price - self._reference_price
        best = np.interp(deviation, self._deviations, self._half_spreads)
        return {MARKET_MAKER: best[:, None, None]}


def measure(trained: Trained) -> Findings:
    """Quotes, profits, market shares and regrets over ω, and the leader's entropy."""
    market = trained.experiment.market
    assert isinstance(market, MarketMaker)
    optimum = market.best_quotes
    preferences = np.union1d(GRID, tested(trained.experiment))
    findings = Findings(arrays={"preferences": preferences})
    for at, weight in enumerate(preferences.tolist()):
        best = optimum.half_spread(optimum.deviations, weight)
        found = _expected(trained, optimum, weight, best) | _played(trained, optimum, weight, best)
        for name, value in found.items():
            findings.arrays.setdefault(name, np.zeros(len(preferences)))[at] = value
    _note_results(trained.experiment, findings)
    return findings


def tested(experiment: Experiment) -> list[float]:
    """The preferences with a line of their own: the paper's, or the only one that was trained."""
    market = experiment.market
    assert isinstance(market, MarketMaker)
    if market.theta_visible:
        return list(PREFERENCES)
    if experiment.leader.policy is not None:
        return list(PREFERENCES)
    guide = experiment.guide()
    return [float(guide.answer(lambda: market.characteristics.default)[0])]


def _expected(
    trained: Trained, optimum: OptimalQuotes, weight: float, best: Floats
) -> dict[str, float]:
    """Expected means of the trained maker and of the best one, and the share of its reward."""
    exact = optimum.means(best, weight)
    found = optimum.means(learned_quotes(trained, optimum, weight), weight)
    means = found | {f"best/{name}": value for name, value in exact.items()}
    return means | {"reward_share": found["reward"] / exact["reward"]}


def learned_quotes(trained: Trained, optimum: OptimalQuotes, weight: float) -> Floats:
    """The trained maker's most likely half-spread at every price of the solver, ``(POINTS,)``."""
    market = trained.experiment.market
    state = market.reset(0, 1, [weight]).take(np.zeros(len(optimum.deviations), dtype=np.int64))
    state = replace(state, price=optimum.prices.reference + optimum.deviations)
    actions = trained.policies.act(state, torch.Generator(), greedy=True)
    return np.asarray(actions[MARKET_MAKER][:, 0, 0], dtype=np.float64)


def _played(
    trained: Trained, optimum: OptimalQuotes, weight: float, best: Floats
) -> dict[str, float]:
    """Standard deviations over rollouts, and rewards relative to the best under the same shocks."""

    def rollouts(actors: Actors) -> tuple[dict[str, Floats], float]:
        played = play(trained.experiment, actors, np.array([weight]), greedy=True)
        means = {name: played.quantities[name].mean(axis=1) for name in SHOWN}
        return means, float(played.rewards[MARKET_MAKER].mean())

    means, reward = rollouts(trained.policies)
    _, best_reward = rollouts(BestQuotes(optimum, best))
    deviations = {f"rollout_deviation/{name}": float(v.std()) for name, v in means.items()}
    return deviations | {"played_reward_share": reward / best_reward}


def _note_results(experiment: Experiment, findings: Findings) -> None:
    """Named figures at the tested and the paper's ω, and how the curves move between the latter."""
    arrays, results = findings.arrays, findings.results
    preferences, share = arrays["preferences"], arrays["reward_share"]
    for weight in np.union1d(PREFERENCES, tested(experiment)):
        at = int(np.flatnonzero(preferences == weight)[0])
        for name in (*SHOWN, "reward_share", "played_reward_share"):
            results[f"{name}/{weight:g}"] = float(arrays[name][at])
        elsewhere = 1.0 - share[np.isin(preferences, PREFERENCES) & (preferences != weight)]
        results[f"regret_elsewhere/{weight:g}"] = float(elsewhere.mean())
    own = np.isin(preferences, PREFERENCES)
    results["largest_regret"] = float(1.0 - share.min())
    results["least_rise_of_spread"] = float(np.diff(arrays["half_spread"][own]).min())
    results["largest_rise_of_volume"] = float(np.diff(arrays["market_share"][own]).max())
    leader, characteristics = experiment.leader, experiment.market.characteristics
    if isinstance(leader, AnalyticLeader):
        entropy = leader.search(characteristics, experiment.seed).entropy()
        if entropy is not None:
            results["leader_entropy"] = entropy


def rows(experiment: Experiment) -> list[Row]:
    """Ours beside the best quotes, at every tested ω."""
    market = experiment.market
    assert isinstance(market, MarketMaker)
    optimum, table = market.best_quotes, []
    for weight in tested(experiment):
        exact = optimum.means(optimum.half_spread(optimum.deviations, weight), weight)
        for name, label in SHOWN.items():
            expected = f"{exact[name]:.3f}"
            table.append(Row(f"{label}, ω = {weight:g}", f"{name}/{weight:g}", expected, "optimum"))
        label = f"reward over the best, ω = {weight:g}"
        table.append(Row(label, f"reward_share/{weight:g}", "1", "optimum"))
    return [*table, Row("entropy of the leader's ω, nats", "leader_entropy")]


def figures(experiment: Experiment, results: dict[str, float], arrays: Arrays) -> dict[str, Figure]:
    """Spread, profit and market share over ω (ADAGE, Fig. 8), and regret over ω."""
    market = experiment.market
    assert isinstance(market, MarketMaker)
    if market.theta_visible:
        return {
            "preferences": preference_figure([arrays]),
            "regret": regret_figure([arrays]),
        }
    (weight,) = tested(experiment)
    return {
        "preferences": preference_figure([], {weight: [arrays]}),
        "regret": regret_figure([], {weight: [arrays]}),
    }


MARKET_MAKER_STUDY = Study(measure, rows, figures)
