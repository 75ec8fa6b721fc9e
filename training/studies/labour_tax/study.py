"""The labour-tax game's study: is the tax as progressive as is best, and do hours answer it?"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ....envs.labour_tax.equilibrium import mean_hours
from ....envs.labour_tax.market import LabourTax
from ...experiments.experiment import Experiment
from ...policies.play import play
from ...policies.policies import Trained
from ..charts import TRAINED_COLOUR, chart, line
from ..study import Arrays, Findings, Row, Study

GRID = np.linspace(0.0, 0.8, 17)  # nearer to 1, hours of few households leave the closed form
Floats = NDArray[np.float64]


def measure(trained: Trained) -> Findings:
    """The leader's tax, what it is worth, and the hours that households answer every tax with.

    Every tax meets the same households, and hours are the policy's mean, so that differences
    between taxes are not those of their draws.
    """
    market = trained.experiment.market
    assert isinstance(market, LabourTax)
    learned = float(trained.theta[0])
    untaxed, own = _played(trained, 0.0), _played(trained, learned)
    curves = np.array([_played(trained, xi) for xi in GRID]).T
    welfare, hours, spread = curves
    exact = market.benchmark()
    optimum = exact["optimal_tax_progressivity"]
    results = {
        "tax_progressivity": learned,
        "tax_progressivity_error": abs(learned - optimum),
        "hours_error": _largest_relative(hours, market.hours(GRID)),
        "hours_error_among_few": _largest_relative(hours, mean_hours(market, GRID)),
        "hours_spread": float((spread / hours).max()),
        "consumption_gain_percent": _percent(own[0] - untaxed[0]),
        "best_consumption_gain_percent": exact["consumption_gain_percent"],
    }
    gain = np.array([_percent(value) for value in welfare - untaxed[0]])
    return Findings(results, {"grid": GRID, "hours": hours, "gain": gain})


def _played(trained: Trained, tax_progressivity: float) -> tuple[float, float, float]:
    """Welfare, mean hours and their standard deviation among the households of a copy."""
    played = play(
        trained.experiment, trained.policies, np.array([tax_progressivity]), greedy=True
    ).quantities
    hours = played["hours"]
    return float(played["welfare"].mean()), float(hours.mean()), float(hours.std(axis=-1).mean())


def _largest_relative(found: Floats, exact: Floats) -> float:
    return float(np.abs(found / exact - 1.0).max())


def _percent(log_points: float) -> float:
    return float(100.0 * np.expm1(log_points))


def rows(experiment: Experiment) -> list[Row]:
    """Ours beside the closed forms for many households."""
    market = experiment.market
    assert isinstance(market, LabourTax)
    exact = market.benchmark()
    optimum = f"{exact['optimal_tax_progressivity']:.4f}"
    gain = f"{exact['consumption_gain_percent']:.3g}"
    many = "many households"
    return [
        Row("progressivity ξ of the tax", "tax_progressivity", optimum, many),
        Row("gain over no tax, % of consumption", "consumption_gain_percent", gain, many),
        Row("largest relative error of hours, ξ ≤ 0.8", "hours_error", "0", many),
        Row("… from hours among as few households", "hours_error_among_few", "0"),
        Row("largest relative spread of hours", "hours_spread", "0", many),
    ]


def figures(experiment: Experiment, results: dict[str, float], arrays: Arrays) -> dict[str, Figure]:
    """Hours and the gain in welfare over the progressivity of the tax."""
    market = experiment.market
    assert isinstance(market, LabourTax)
    grid = arrays["grid"]
    figure, axes = chart(1, 2, width=8, height=3.4)
    for axis, exact, ours, label in (
        (axes[0], market.hours(grid), arrays["hours"], "mean hours (untaxed: 1)"),
        (
            axes[1],
            market.consumption_gain_percent(grid),
            arrays["gain"],
            "gain over no tax, % of consumption",
        ),
    ):
        line(axis, grid, exact, "closed form")
        axis.plot(grid, ours, "o", markersize=3, color=TRAINED_COLOUR, label="trained policy")
        axis.set_xlabel("progressivity ξ of the tax")
        axis.set_ylabel(label)
    optimum = market.benchmark()["optimal_tax_progressivity"]
    axes[1].axvline(optimum, color="0.7", label="optimum")
    axes[1].axvline(
        results["tax_progressivity"], color="0.3", linestyle=":", label="leader's answer"
    )
    axes[1].legend()
    return {"response": figure}


LABOUR_TAX_STUDY = Study(measure, rows, figures)
