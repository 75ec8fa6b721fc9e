"""The cobweb market's study: calibration errors as in the paper's Table 1, and the logit curve."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Literal, TypeGuard

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import truncnorm

from ....envs.cobweb.equilibrium import LogitEquilibrium
from ....envs.cobweb.laws import NOISE_DEVIATION
from ....envs.cobweb.market import Cobweb
from ....leaders.objectives.calibration import Calibration
from ....leaders.objectives.objective import Objective
from ....leaders.objectives.references import Moments, Planted, Reference
from ...experiments.experiment import Experiment
from ...policies.play import play
from ...policies.policies import Trained
from ..charts import TRAINED_COLOUR, chart, line
from ..resampling import bootstrap_interval
from ..statistics import clustered_standard_error, finite
from ..study import Arrays, Findings, Row, Study

PRICE = "price"
BINS = np.linspace(0.0, 10.0, 101)
PRICES_PER_SAMPLE = 300  # six episodes of 50 prices, the size of one experiment's sample
FLOOR_SAMPLES = 2000
LEAST_INSIDE = 0.01  # share of a reference's prices that must be within the bins
LARGEST_MASS = 1 - 1e-6  # of one bin
EXACT_CURVE_COSTS = tuple(np.linspace(0.03, 0.42, 14))
CURVE_COSTS = (0.1, 0.2, 0.2308, 0.3846)
NEARLY_RATIONAL = 0.005
PUBLISHED_TREATMENT: Literal["strongly_unstable"] = "strongly_unstable"
PUBLISHED_MARKET = Cobweb(treatment=PUBLISHED_TREATMENT)
PHYSICS = ("producers", "slope", "inflection_price", "demand_intercept", "demand_slope")
PUBLISHED = {  # ADAGE (arXiv:2501.09429), Table 1
    "equilibrium": (0.010, 0.017),
    "rational": (0.013, 0.026),
    "calibrated": (0.005, 0.007),
}
Floats = NDArray[np.float64]
Sampler = Callable[[np.random.Generator, tuple[int, int]], Floats]
"""Draws of the reference, of a given shape."""


def measure(trained: Trained) -> Findings:
    """Table 1 for the leader's θ, the equilibrium and rational followers, and the logit curve."""
    experiment = trained.experiment
    assert isinstance(experiment.market, Cobweb)
    findings = Findings()
    _calibration(trained, experiment.market, findings)
    if experiment.followers.information_cost:
        _logit_curve(trained, experiment.market, findings)
    return findings


def unfit(experiment: Experiment) -> Iterable[str]:
    """A reference whose histogram says nothing, or too few prices for one sample of them."""
    objective, market, asked = experiment.objective, experiment.market, experiment.evaluation
    assert isinstance(market, Cobweb)
    if not _calibrates_prices(objective):
        return
    masses, _ = reference_masses(
        objective.reference, experiment.bound_objective.samples(market)[PRICE]
    )
    inside = float(masses.sum())
    if inside < LEAST_INSIDE:
        yield (
            f"objective.reference: a share of {inside:.2g} of its prices is between {BINS[0]:g} "
            f"and {BINS[-1]:g}, where histograms of prices are compared; give it in the units of "
            f"market {market.name!r} (divide it by a constant)."
        )
    elif masses.max() > LARGEST_MASS:
        yield (
            f"objective.reference: all its prices are within {BINS[1]:g} of each other, which "
            f"leaves no distribution to match: those of market {market.name!r} have a deviation of "
            f"{NOISE_DEVIATION:g} at least. Give a reference that varies."
        )
    prices = asked.copies * asked.episodes * market.periods
    if prices < PRICES_PER_SAMPLE:
        yield (
            f"evaluation.copies: {asked.copies} copies times {asked.episodes} episodes of "
            f"{market.periods} periods are {prices} prices, and histograms are compared in samples "
            f"of {PRICES_PER_SAMPLE}; raise evaluation.copies or evaluation.episodes."
        )


def _calibrates_prices(objective: Objective) -> TypeGuard[Calibration]:
    return isinstance(objective, Calibration) and objective.quantity == PRICE


def _calibration(trained: Trained, market: Cobweb, findings: Findings) -> None:
    objective = trained.experiment.objective
    if not _calibrates_prices(objective):
        return
    held = trained.experiment.bound_objective.samples(market)[PRICE]
    masses, sample = reference_masses(objective.reference, held)
    generator = np.random.default_rng(trained.experiment.evaluation.seed)
    prices = {
        "calibrated": _prices(trained, trained.theta),
        "rational": _prices(trained, np.zeros_like(trained.theta)),
        "equilibrium": generator.normal(
            market.equilibrium_price, NOISE_DEVIATION, (FLOOR_SAMPLES, PRICES_PER_SAMPLE)
        ),
        "floor": sample(generator, (FLOOR_SAMPLES, PRICES_PER_SAMPLE)),
    }
    findings.arrays["reference_masses"] = masses
    for name, drawn in prices.items():
        absolute, squared = histogram_errors(drawn, masses)
        findings.results[f"{name}/mae"] = float(absolute.mean())
        findings.results[f"{name}/rmse"] = float(squared.mean())
        drawn_apart = name in ("equilibrium", "floor")
        clusters = np.arange(len(drawn)) if drawn_apart else blocks(len(drawn), market.periods)
        errors = {
            f"{name}/mae_standard_error": clustered_standard_error(absolute, clusters),
            f"{name}/rmse_standard_error": clustered_standard_error(squared, clusters),
        }
        findings.results.update(finite(errors))
        findings.results[f"{name}/price_mean"] = float(drawn.mean())
        findings.results[f"{name}/price_variance"] = float(drawn.var())
        findings.arrays[f"{name}_masses"] = np.histogram(drawn, BINS)[0] / drawn.size
    for metric in ("mae", "rmse"):
        ratio = findings.results[f"calibrated/{metric}"] / findings.results[f"floor/{metric}"]
        findings.results[f"calibrated/{metric}_over_floor"] = ratio
    mean = mean_information_cost(market, trained.theta)
    findings.results["calibrated/mean_information_cost"] = mean
    if isinstance(objective.reference, Planted):
        planted = market.characteristics.validate(objective.reference.theta)[0]
        true = mean_information_cost(market, planted)
        findings.results["planted/mean_information_cost"] = true
        findings.results["planted/error"] = abs(mean - true)


def _prices(trained: Trained, theta: Floats) -> Floats:
    """Simulated prices in samples of `PRICES_PER_SAMPLE`, ``(samples, 300)``."""
    played = play(trained.experiment, trained.policies, theta).quantities["price"]
    by_copy = np.moveaxis(played, 2, 0).reshape(-1)
    whole = len(by_copy) // PRICES_PER_SAMPLE * PRICES_PER_SAMPLE
    return by_copy[:whole].reshape(-1, PRICES_PER_SAMPLE)


def blocks(samples: int, periods: int) -> NDArray[np.int64]:
    """Which samples have an episode in common, directly or by those between them, ``(samples,)``.

    They follow on each other: one that ends with an episode has none in common with the next.
    """
    return np.arange(samples) // (math.lcm(PRICES_PER_SAMPLE, periods) // PRICES_PER_SAMPLE)


def reference_masses(reference: Reference, values: Floats) -> tuple[Floats, Sampler]:
    """Probability of each bin under the reference, ``(100,)``, and a sampler of it.

    Args:
        reference: where the prices are from; of moments the distribution itself is taken.
        values: the sample it gave, ``(n,)``.
    """
    if isinstance(reference, Moments):
        deviation = np.sqrt(reference.variance)
        masses = np.diff(ndtr((BINS - reference.mean) / deviation))
        return masses, lambda generator, size: generator.normal(reference.mean, deviation, size)
    masses = np.histogram(values, BINS)[0] / len(values)
    return masses, lambda generator, size: generator.choice(values, size)


def histogram_errors(samples: Floats, masses: Floats) -> tuple[Floats, Floats]:
    """MAE and RMSE of bin probabilities, one per sample: ``(n, 300)`` to two ``(n,)``."""
    bins = np.clip(np.searchsorted(BINS, samples, side="right") - 1, -1, 100)
    inside = (samples >= BINS[0]) & (samples <= BINS[-1])
    shares = np.zeros((len(samples), 100))
    rows = np.broadcast_to(np.arange(len(samples))[:, None], samples.shape)
    np.add.at(shares, (rows[inside], np.minimum(bins[inside], 99)), 1.0 / samples.shape[1])
    error = shares - masses
    return np.abs(error).mean(axis=1), np.sqrt((error**2).mean(axis=1))


def mean_information_cost(market: Cobweb, theta: Floats) -> float:
    """Mean λ of the producers under θ: of the truncated normal, or of their own."""
    if market.parameterisation != "distribution":
        return float(np.mean(theta))
    mean, deviation = float(theta[0]), float(theta[1])
    if deviation < 1e-9:
        return mean
    return float(truncnorm.mean(-mean / deviation, np.inf, loc=mean, scale=deviation))


def _logit_curve(trained: Trained, market: Cobweb, findings: Findings) -> None:
    """Price mean and variance of the one policy at fixed λ, beside the logit equilibrium."""
    solver = LogitEquilibrium(market)
    rows = []
    for cost in (0.0, NEARLY_RATIONAL, *CURVE_COSTS):
        theta = np.zeros(len(market.characteristics))
        theta[: 1 if market.parameterisation == "distribution" else None] = cost
        prices = play(trained.experiment, trained.policies, theta).quantities["price"]
        mean, variance = float(prices.mean()), float(prices.var())
        if cost >= NEARLY_RATIONAL:
            exact = solver.solve(cost, damping=min(0.1, cost / 2))
            expected = (exact.mean, exact.variance)
        else:
            expected = (market.equilibrium_price, NOISE_DEVIATION**2)
        rows.append((cost, mean, variance, *expected))
        findings.results[f"logit/{cost:g}/price_mean_error"] = mean - expected[0]
        ratio = f"logit/{cost:g}/price_variance_ratio"
        low, high = variance_interval(prices)
        findings.results[ratio] = variance / expected[1]
        bounds = {f"{ratio}_low": low / expected[1], f"{ratio}_high": high / expected[1]}
        findings.results.update(finite(bounds))
    findings.arrays["logit_curve"] = np.array(rows)
    exact_curve = [(c, solver.solve(c)) for c in EXACT_CURVE_COSTS]
    findings.arrays["exact_curve"] = np.array([(c, e.mean, e.variance) for c, e in exact_curve])


def variance_interval(prices: Floats) -> tuple[float, float]:
    """Interval of 95 % of the variance of all prices, ``(E, T, B)``, by resampling episodes."""

    def variance(squares: Floats, means: Floats, axis: int) -> Floats:
        return squares.mean(axis=axis) - means.mean(axis=axis) ** 2

    away = prices - prices.mean()
    squares, means = (values.mean(axis=1).reshape(-1) for values in (away**2, away))
    return bootstrap_interval(variance, squares, means)


# Table and figures --------------------------------------------------------------------------------


def rows(experiment: Experiment) -> list[Row]:
    """Table 1 of the paper, with the sampling floor; then the logit curve."""
    table, market = [], experiment.market
    assert isinstance(market, Cobweb)
    if isinstance(experiment.objective, Calibration):
        labels = {
            "equilibrium": "rational expectations",
            "rational": "the same policy at λ = 0",
            "calibrated": "calibrated",
        }
        for name, label in labels.items():
            for metric, published in zip(("mae", "rmse"), PUBLISHED[name], strict=True):
                row = Row(f"{label}, {metric.upper()}", f"{name}/{metric}")
                if _is_published(market) and name != "rational":
                    row = replace(row, expected=f"{published}", source="paper, Table 1")
                table.append(row)
        table += [
            Row("sampling floor, MAE", "floor/mae"),
            Row("sampling floor, RMSE", "floor/rmse"),
            Row("mean λ of the producers", "calibrated/mean_information_cost"),
        ]
        if isinstance(experiment.objective.reference, Planted):
            table.append(Row("planted mean λ", "planted/mean_information_cost"))
    if experiment.followers.information_cost:
        for cost in CURVE_COSTS:
            key = f"logit/{cost:g}/price_variance_ratio"
            table.append(Row(f"price variance at λ = {cost:g} / logit", key, "1", "computed"))
    return table


def _is_published(market: Cobweb) -> bool:
    """Whether it is the market of the paper's table, however its options say so."""
    return all(getattr(market, name) == getattr(PUBLISHED_MARKET, name) for name in PHYSICS)


def figures(experiment: Experiment, results: dict[str, float], arrays: Arrays) -> dict[str, Figure]:
    """Price histograms against the reference, and the logit curve."""
    drawn = {}
    if "reference_masses" in arrays:
        drawn["prices"] = _price_histogram(experiment, results, arrays)
    if "logit_curve" in arrays:
        drawn["logit_curve"] = _curve_figure(arrays["logit_curve"], arrays["exact_curve"])
    return drawn


def _price_histogram(experiment: Experiment, results: dict[str, float], arrays: Arrays) -> Figure:
    centres = (BINS[1:] + BINS[:-1]) / 2
    figure, axes = chart(1, 3, width=11, height=3.4)
    shown = {
        "calibrated": "calibrated",
        "rational": "same policy, λ = 0",
        "equilibrium": "rational expectations",
    }
    for axis, (name, title) in zip(axes, shown.items(), strict=True):
        axis.set_ylim(0.0, 1.1 * max(arrays[f"{n}_masses"].max() for n in shown))
        axis.bar(centres, arrays[f"{name}_masses"], width=0.1, color=TRAINED_COLOUR, alpha=0.75)
        line(axis, centres, arrays["reference_masses"], "reference")
        axis.set_title(f"{title}: MAE {results[f'{name}/mae']:.4f}")
        axis.set_xlabel("price")
    axes[0].set_ylabel("probability per bin of 0.1")
    axes[0].legend()
    return figure


def _curve_figure(curve: Floats, exact_curve: Floats) -> Figure:
    figure, axes = chart(1, 2, width=8, height=3.4)
    cost, mean, variance, exact_mean, exact_variance = curve.T
    rational = cost <= NEARLY_RATIONAL
    dense_cost, dense_mean, dense_variance = exact_curve.T
    for axis, few, dense, ours, label in (
        (axes[0], exact_mean, dense_mean, mean, "price mean"),
        (axes[1], exact_variance, dense_variance, variance, "price variance"),
    ):
        exact_costs = np.concatenate([cost[rational], dense_cost])
        line(axis, exact_costs, np.concatenate([few[rational], dense]), "logit equilibrium")
        axis.plot(cost, ours, "o", color=TRAINED_COLOUR, label="trained policy")
        axis.set_xlabel("price of information λ")
        axis.set_ylabel(label)
    axes[0].legend()
    return figure


COBWEB_STUDY = Study(measure, rows, figures, unfit)
