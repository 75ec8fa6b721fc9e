"""The stock market's study: are the traders found, and do prices go the same way under them?

The answer's paths and the true ones are played under the same shocks. No price shows the signs of b
and c, but a path under common shocks does: the answer first takes over the signs of the truth.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ....envs.stock_market.market import StockMarket
from ....envs.stock_market.parameters import SIGNS
from ....leaders.objectives.path_reference import planted_theta
from ...experiments.experiment import Experiment
from ...policies.play import play
from ...policies.policies import Trained
from ..charts import TRAINED_COLOUR, chart, line
from ..study import Arrays, Findings, Row, Study

COPIES = 1000
STARTS = 10  # uncalibrated θ, each entry from N(0, 1)
Floats = NDArray[np.float64]


def true_theta(experiment: Experiment) -> Floats | None:
    """θ that the reference was drawn under, ``(d,)``; None: nobody knows it."""
    market = experiment.market
    reference: Any = getattr(experiment.objective, "reference", None)
    named = planted_theta(reference, market)
    return None if named is None else market.characteristics.validate(named)[0]


def measure(trained: Trained) -> Findings:
    """Type means of the answer, their errors, and the error of paths under common shocks."""
    market = trained.experiment.market
    assert isinstance(market, StockMarket)
    answer = np.asarray(trained.theta, dtype=np.float64)
    truth = true_theta(trained.experiment)
    means = market.parameters.type_means(answer)
    results = {name: abs(value) if name in SIGNS else value for name, value in means.items()}
    if truth is None:
        return Findings(results, {"answer": _prices(trained, answer)[0]})
    exact = market.parameters.type_means(truth)
    for name, value in exact.items():
        if value:
            results[f"{name}/error"] = abs(results[name]) / abs(value) - 1.0
    real = _prices(trained, truth)
    found = _prices(trained, market.parameters.aligned(answer, truth))
    error = np.abs(real - found) / real
    results["path_error"] = float(np.median(error.max(axis=1)))
    starts = [path_error(trained, real, start, truth) for start in uncalibrated(market)]
    results["path_error_uncalibrated"] = float(np.median(starts))
    arrays: Arrays = {
        "real": real[0],
        "found": found[0],
        "error": error[0],
        "median_error": np.median(error, axis=0),
        "high_error": np.quantile(error, 0.95, axis=0),
    }
    return Findings(results, arrays)


def path_error(trained: Trained, real: Floats, theta: Floats, truth: Floats) -> float:
    """Largest relative error over an episode, signs aligned, median over copies."""
    market = trained.experiment.market
    assert isinstance(market, StockMarket)
    found = _prices(trained, market.parameters.aligned(theta, truth))
    return float(np.median((np.abs(real - found) / real).max(axis=1)))


def uncalibrated(market: StockMarket) -> Floats:
    """θ as a calibration may begin with, ``(STARTS, d)``."""
    space = market.characteristics
    drawn = np.random.default_rng(0).standard_normal((STARTS, len(space)))
    return np.clip(drawn, space.low, space.high)


def _prices(trained: Trained, theta: Floats) -> Floats:
    """Prices of many copies under one θ, the same shocks for every θ, ``(COPIES, T)``."""
    played = play(
        trained.experiment, trained.policies, theta, copies=COPIES, episodes=1, greedy=True
    )
    return played.quantities["price"][0].T


def rows(experiment: Experiment) -> list[Row]:
    """The answer beside the truth, where that is known."""
    market = experiment.market
    assert isinstance(market, StockMarket)
    truth = true_theta(experiment)
    exact = {} if truth is None else market.parameters.type_means(truth)
    table = []
    for name in market.parameters.columns:
        sign = "|" if name in SIGNS else ""
        label = f"{sign}{name.replace('_', ' ')}{sign}"
        table.append(Row(label, name, f"{abs(exact[name]):g}" if exact else "", "planted"))
    if truth is None:
        return [Row(row.label, row.ours) for row in table]
    return [
        *table,
        Row("largest relative error of a path, median", "path_error", "0", "common shocks"),
        Row("the same of uncalibrated traders", "path_error_uncalibrated"),
    ]


def figures(experiment: Experiment, results: dict[str, float], arrays: Arrays) -> dict[str, Figure]:
    """A path of the truth and of the answer under common shocks, and the error over time."""
    if "real" not in arrays:
        figure, (axis,) = chart(1, 1, width=6, height=3.2)
        axis.plot(np.arange(1, len(arrays["answer"]) + 1), arrays["answer"], color=TRAINED_COLOUR)
        axis.set_xlabel("period")
        axis.set_ylabel("price under the answer")
        return {"path": figure}
    figure, axes = chart(1, 2, width=9, height=3.4)
    time = np.arange(1, len(arrays["real"]) + 1)
    line(axes[0], time, arrays["real"], "true traders")
    axes[0].plot(time, arrays["found"], color=TRAINED_COLOUR, label="the answer's")
    axes[0].set_ylabel("price, common shocks")
    for name, style, label in (
        ("error", "-", "this path"),
        ("median_error", "--", "median path"),
        ("high_error", ":", "95 % of all paths"),
    ):
        error = 100.0 * arrays[name]
        axes[1].plot(time, error, style, color=TRAINED_COLOUR, linewidth=1.2, label=label)
    axes[1].set_ylabel("relative error, %")
    for axis in axes:
        axis.set_xlabel("period")
        axis.legend(fontsize=8)
    return {"path": figure}


STOCK_MARKET_STUDY = Study(measure, rows, figures)
