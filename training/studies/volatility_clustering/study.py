"""Volatility clustering's study: do returns under the leader's answer look like the reference's?

The answer is played in paths as long as the reference, of `EPISODE` periods where there is none.
Of a leader whose answer is a distribution every path has a draw of its own, so that the paths are
its predictive distribution. Every fact is a mean over paths, with the range of nine in ten of them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ....envs.volatility_clustering.market import VolatilityClustering
from ....leaders.objectives.discrepancy import MeanDiscrepancy
from ....leaders.objectives.references import Planted
from ...experiments.experiment import Experiment
from ...policies.play import play
from ...policies.policies import Trained
from ..study import Arrays, Findings, Row, Study
from .facts import FEWEST_PAIRS, LAGS, autocorrelation, facts
from .figures import BAND, clustering_figure, price_figure

Floats = NDArray[np.float64]
PATHS = 200
MOST_PERIODS = 20_000
SHOWN_LAGS = 100
QUANTITY = "return"
LABELS = {
    "deviation": "deviation of returns",
    "excess_kurtosis": "excess kurtosis",
    **{f"clustering/{lag}": f"autocorrelation of |r|, lag {lag}" for lag in LAGS},
    "autocorrelation/1": "autocorrelation of r, lag 1",
}


def measure(trained: Trained) -> Findings:
    """Facts of returns under the answer and of the reference, and paths of the price."""
    experiment, findings = trained.experiment, Findings()
    observed = reference_of(experiment)
    returns = predicted(trained, periods_of(experiment, observed))
    lags = np.arange(1, 1 + min(SHOWN_LAGS, returns.shape[1] - FEWEST_PAIRS))
    series = {"answer": returns} | ({} if observed is None else {"reference": observed[None]})
    for who, rows in series.items():
        for name, values in facts(rows).items():
            findings.results[f"{who}/{name}"] = float(values.mean())
            if len(values) > 1:
                for side, edge in zip(("low", "high"), np.quantile(values, BAND), strict=True):
                    findings.results[f"{who}/{name}/{side}"] = float(edge)
        findings.arrays[f"{who}/clustering"] = autocorrelation(np.abs(rows), lags)
        findings.arrays[f"{who}/log_prices"] = np.cumsum(rows, axis=1)
    findings.arrays["lags"] = lags.astype(np.float64)
    if observed is not None:
        findings.results["reference/observations"] = float(len(observed))
        if isinstance(experiment.objective, MeanDiscrepancy):
            compared = experiment.objective.discrepancy(experiment.market).compared
            findings.results["reference/compared"] = float(compared)
    _note_recovery(trained, findings)
    return findings


def reference_of(experiment: Experiment) -> Floats | None:
    """The series of returns that the objective compares with, ``(n,)``, if it does."""
    sample = experiment.objective.samples(experiment.market).get(QUANTITY)
    if sample is None or len(sample) <= FEWEST_PAIRS:
        return None
    return np.asarray(sample, dtype=np.float64)[:MOST_PERIODS]


def periods_of(experiment: Experiment, observed: Floats | None) -> int:
    """Periods of the paths that are compared."""
    return max(experiment.market.steps_per_episode if observed is None else len(observed), 22)


def predicted(trained: Trained, periods: int) -> Floats:
    """Returns under the answer, or under draws of it, ``(PATHS, periods)``."""
    experiment = trained.experiment
    market = experiment.market
    assert isinstance(market, VolatilityClustering)
    draw = experiment.leader.drawn_answer(market.characteristics, experiment.seed)
    theta = np.tile(trained.theta, (PATHS, 1)) if draw is None else draw(PATHS)
    seed, longer = experiment.evaluation.seed, replace(market, periods=periods)
    if market.groups:
        played = play(replace(experiment, market=longer), trained.policies, theta, PATHS, 1)
        return played.quantities[QUANTITY][0].T
    if market.signal == "common":
        return longer.simulate(theta, seed, tangents=False).returns
    state, returns = longer.reset(seed, PATHS, theta), []
    for _ in range(periods):
        step = longer.step(state, {})
        state = step.state
        returns.append(step.quantities[QUANTITY])
    return np.stack(returns, axis=1)


def _note_recovery(trained: Trained, findings: Findings) -> None:
    """How far the answer is from the planted θ, in deviations of the prior."""
    planted, market = _planted(trained.experiment), trained.experiment.market
    if planted is None:
        return
    space = market.characteristics
    truth = space.validate(planted.theta)[0]
    away = np.abs(trained.theta - truth) / ((space.high - space.low) / 8.0)
    for name, distance in zip(space.names, away, strict=True):
        findings.results[f"recovery_error/{name}"] = float(distance)


def _planted(experiment: Experiment) -> Planted | None:
    reference = getattr(experiment.objective, "reference", None)
    return reference if isinstance(reference, Planted) else None


# Table and figures --------------------------------------------------------------------------------


def rows(experiment: Experiment) -> list[Row]:
    """Facts of the answer beside those of the reference."""
    observed = reference_of(experiment)
    known = {} if observed is None else facts(observed[None])
    lengths = facts(np.zeros((1, periods_of(experiment, observed))))
    table = []
    for name in lengths:
        if name in known:
            expected = f"{known[name][0]:.3g}"
            table.append(Row(LABELS[name], f"answer/{name}", expected, "reference"))
        else:
            table.append(Row(LABELS[name], f"answer/{name}"))
    if observed is not None and isinstance(experiment.objective, MeanDiscrepancy):
        total = f"{len(observed)} observations"
        table.append(Row("points of the reference that are compared", "reference/compared", total))
    if _planted(experiment) is not None:
        table += [
            Row(f"|θ − planted θ| over the prior's deviation, {name}", f"recovery_error/{name}")
            for name in experiment.market.characteristics.names
        ]
    return table


def figures(experiment: Experiment, results: dict[str, float], arrays: Arrays) -> dict[str, Figure]:
    """Log prices, and whether large returns come together."""
    return {"log_prices": price_figure(arrays), "clustering": clustering_figure(arrays)}


VOLATILITY_STUDY = Study(measure, rows, figures)
