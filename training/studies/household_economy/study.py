"""The household economy's study: what a tax does to work, saving, wages and inequality.

Quantities are means over the years that were lived, copies and episodes; beside the leader's answer
stands the same policy without any tax, where the tax rule allows that.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ....envs.household_economy.inequality import lorenz_curve
from ....envs.household_economy.market import READS, HouseholdEconomy
from ....envs.household_economy.taxai import END_REASONS, INCOME_GINI
from ...experiments.experiment import Experiment
from ...experiments.settings import EvaluationSettings
from ...policies.play import Theta, play
from ...policies.policies import Policies, Trained
from ..charts import EXACT_COLOUR, TRAINED_COLOUR, chart
from ..study import Arrays, Findings, Row, Study
from .adaptation import best_deviation
from .rules_of_thumb import best_constant_policy, random_households
from .saving import SAVING_STUDY

SERIES = (
    "welfare",
    "hours",
    "saving_share",
    "wage",
    "consumption",
    "gdp",
    "wealth_gini",
    "income_gini",
    "tax_revenue",
    "government_spending",
)
LABELS = {
    "welfare": "welfare per household and year",
    "hours": "hours, share of the day",
    "saving_share": "saving, share of resources",
    "wage": "wage",
    "consumption": "consumption per household",
    "gdp": "GDP per household",
    "wealth_gini": "Gini of wealth",
    "income_gini": "Gini of income after tax",
}
LORENZ_YEAR = 50  # by then inequality has settled; shorter episodes show their last year
COMPUTED = (*READS, "none")  # rules for which the best decisions are computed
ANSWER, UNTAXED = "", "untaxed/"
# TaxAI (Mi et al. 2024, and the README of github.com/jidiai/TaxAI), N = 100: years, welfare of an
# episode, GDP per head in $ million, Ginis as above.
PUBLISHED_TAXAI = (
    ("free market", (1.0, 2.9, 4.3, 0.79, 0.39)),
    ("genetic algorithm", (200.0, 6.9, 12.0, 0.54, 0.52)),
    ("independent PPO", (162.7, 1035.5, 8.4, 0.62, 0.44)),
    ("MADDPG", (204.2, 1344.6, 1.0, 0.61, 0.58)),
    ("MAPPO", (274.5, 3334.7, 7.3, 0.61, 0.65)),
    ("HAPPO", (298.7, 1986.0, 16.0, 0.52, 0.54)),
    ("HATRPO", (300.0, 1945.0, 17.0, 0.52, 0.54)),
    ("HAA2C", (300.0, 2113.3, 14.0, 0.51, 0.53)),
    ("BMFAC", (292.8, 3722.2, 2.8, 0.48, 0.50)),
)
Floats = NDArray[np.float64]


def measure(trained: Trained) -> Findings:
    """The economy under the leader's answer and, for the same households, without tax."""
    market = trained.experiment.market
    assert isinstance(market, HouseholdEconomy)
    findings = Findings()
    if not market.labour_income:
        return SAVING_STUDY.measure(trained)
    households = trained.adapted or trained.policies
    led = trained.policies.has_leader and not trained.constant
    leader: Theta = trained.policies.theta if led else trained.theta
    _describe(trained, households, leader, ANSWER, findings)
    if np.any(trained.theta != 0.0) or led:
        untaxed = np.zeros_like(trained.theta)
        _describe(trained, trained.policies, untaxed, UNTAXED, findings)
    if market.accounting == "closed" and market.budget == "rebate" and market.tax_rule in COMPUTED:
        best = best_deviation(trained.experiment, households, trained.theta)
        findings.results["best_response_gain"] = best.gain
        findings.results["best_response_saving"] = best.saving
    if market.accounting == "taxai":
        results = findings.results
        results.update(_rules_of_thumb(market, trained.experiment.evaluation))
        for label in ("constant", "random"):
            results[f"{label}_advantage"] = results["welfare"] - results[f"{label}/welfare"]
    return findings


def _rules_of_thumb(market: HouseholdEconomy, evaluation: EvaluationSettings) -> dict[str, float]:
    """The best constant policy with its tax, and random households under Saez taxes.

    Both live in the economies in which the trained policy is evaluated.
    """
    seed, copies = evaluation.seed, evaluation.copies
    best = best_constant_policy(replace(market, tax_rule="hsv"), seed, copies)
    found = {
        "constant/saving_share": best.saving_share,
        "constant/hours": best.hours,
        "constant/tax_share": best.tax_share,
    }
    random = random_households(replace(market, tax_rule="saez"), seed, copies)
    for label, outcome in (("constant", best.outcome), ("random", random)):
        found |= {f"{label}/{name}": value for name, value in asdict(outcome).items()}
    return found


def _describe(
    trained: Trained, households: Policies, theta: Theta, label: str, findings: Findings
) -> None:
    """Mean quantities into the results, their paths over the years into the arrays."""
    played = play(trained.experiment, households, theta).quantities
    for name in SERIES:
        findings.results[f"{label}{name}"] = float(np.nanmean(played[name]))
        findings.arrays[f"{label}{name}"] = _over_copies(played[name])
    lived = np.nansum(played["years_survived"], axis=1)  # (E, B)
    findings.results[f"{label}years_survived"] = float(lived.mean())
    welfare = np.nansum(played["welfare"], axis=1)
    findings.results[f"{label}welfare_of_an_episode"] = float(welfare.mean())
    # Years after the economy has ended count 0: per year lived, eating up everything would be best.
    findings.results[f"{label}welfare_of_horizon"] = float(
        welfare.mean() / played["welfare"].shape[1]
    )
    balance = played["budget_balance"]
    findings.results[f"{label}largest_budget_imbalance"] = float(np.nanmax(np.abs(balance)))
    reasons = np.nanmax(played["end_reason"], axis=1)
    ordinary = reasons != END_REASONS.index(INCOME_GINI)
    if ordinary.any():
        # No policy keeps the income of a super-star from ending the economy (taxai).
        years = float(lived[ordinary].mean())
        findings.results[f"{label}years_survived_unless_income_gini"] = years
    for index, reason in enumerate(END_REASONS[1:], start=1):
        share = float((reasons == index).mean())
        if share:
            findings.results[f"{label}ended/{reason.replace(' ', '_')}"] = share
    for name in ("wealth", "disposable_income"):
        last = min(played[name].shape[1], LORENZ_YEAR) - 1
        middle = played[name][:, last]  # (E, B, N)
        alive = np.isfinite(middle[..., 0])
        if alive.any():
            findings.arrays[f"{label}lorenz/{name}"] = lorenz_curve(middle[alive]).mean(axis=0)


def _over_copies(values: Floats) -> Floats:
    """Mean over episodes and copies of ``(E, T, B)``, ``(T,)``; NaN once all have ended."""
    alive = np.isfinite(values)
    counts = alive.sum(axis=(0, 2))
    sums = np.where(alive, values, 0.0).sum(axis=(0, 2))
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def rows(experiment: Experiment) -> list[Row]:
    """Ours beside the same policy without tax; in taxai, beside the published rows."""
    market = experiment.market
    assert isinstance(market, HouseholdEconomy)
    if not market.labour_income:
        return SAVING_STUDY.rows(experiment)
    table = [Row(label, name) for name, label in LABELS.items()]
    table += [Row(f"{label}, untaxed", f"{UNTAXED}{name}") for name, label in LABELS.items()]
    if market.accounting == "closed":
        text = "gain of one household that decides best, share of consumption"
        table.append(Row(text, "best_response_gain"))
        table.append(Row("best saving share less the learned one", "best_response_saving"))
    if market.accounting == "taxai":
        table += [
            Row("welfare per year of the horizon", "welfare_of_horizon"),
            Row("… of the best constant policy", "constant/welfare_of_horizon"),
            Row("… of random households under Saez taxes", "random/welfare_of_horizon"),
            Row("years survived by the best constant policy", "constant/years_survived"),
            Row("… by random households", "random/years_survived"),
        ]
        for position, (name, label) in enumerate(
            (
                ("years_survived", "years survived"),
                ("welfare_of_an_episode", "welfare of an episode"),
                ("gdp", "GDP per household, $ million"),
                ("wealth_gini", "Gini of wealth"),
                ("income_gini", "Gini of income after tax"),
            )
        ):
            column = [row[position] for _, row in PUBLISHED_TAXAI]
            published = f"{min(column):g} … {max(column):g}; BMFAC {column[-1]:g}"
            table.append(Row(label, name, published, "TaxAI's nine, other initial wealth"))
    return table


def figures(experiment: Experiment, results: dict[str, float], arrays: Arrays) -> dict[str, Figure]:
    """Work, saving and wages over the years (ADAGE, Fig. 4); inequality (Fig. 5)."""
    market = experiment.market
    assert isinstance(market, HouseholdEconomy)
    if not market.labour_income:
        return SAVING_STUDY.figures(experiment, results, arrays)
    work, axes = chart(2, 3, width=10, height=5.6)
    shown = ("hours", "saving_share", "wage", "consumption", "gdp", "welfare")
    for axis, name in zip(np.ravel(axes), shown, strict=True):
        _paths(axis, arrays, name)
    inequality, (wealth, income, lorenz) = chart(1, 3, width=10.5, height=3.4)
    _paths(wealth, arrays, "wealth_gini")
    _paths(income, arrays, "income_gini")
    _lorenz(lorenz, arrays)
    return {"work_and_saving": work, "inequality": inequality}


def _paths(axis: Any, arrays: Arrays, name: str) -> None:
    for label, colour, text in (
        (ANSWER, TRAINED_COLOUR, "under the leader's taxes"),
        (UNTAXED, EXACT_COLOUR, "without tax"),
    ):
        if f"{label}{name}" in arrays:
            values = arrays[f"{label}{name}"]
            axis.plot(np.arange(1, len(values) + 1), values, color=colour, label=text)
    axis.set_xlabel("year")
    axis.set_ylabel(LABELS[name])
    axis.legend()


def _lorenz(axis: Any, arrays: Arrays) -> None:
    for label, colour, text in (
        (ANSWER, TRAINED_COLOUR, "taxed"),
        (UNTAXED, EXACT_COLOUR, "untaxed"),
    ):
        for name, style in (("wealth", "-"), ("disposable_income", "--")):
            curve = arrays.get(f"{label}lorenz/{name}")
            if curve is not None:
                shares = np.linspace(0.0, 1.0, len(curve))
                what = f"{name.replace('_', ' ')}, {text}"
                axis.plot(shares, curve, style, color=colour, label=what)
    axis.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    axis.set_xlabel("share of households, poorest first")
    year = min(len(arrays["hours"]), LORENZ_YEAR)
    axis.set_ylabel(f"share of the total, year {year}")
    axis.legend(fontsize=8)


HOUSEHOLD_STUDY = Study(measure, rows, figures)
