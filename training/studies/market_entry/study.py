"""The market-entry game's study: volatility of attendance as in the paper's Table 2 and Fig. 7.

Beside the leader's tax stand the same traders without a tax and under the highest one. The paper's
baseline, traders who never saw a tax, is an experiment of its own (``market_entry_untaxed``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ....envs.core.state import State
from ....envs.market_entry.equilibrium import sorted_equilibrium, symmetric_entry
from ....envs.market_entry.market import HIGHEST_TAX, MarketEntry
from ....leaders.search.fixed import FixedLeader
from ...experiments.experiment import Experiment
from ...policies.play import Theta, play
from ...policies.policies import Trained
from ..charts import EXACT_COLOUR, TRAINED_COLOUR, chart
from ..study import Arrays, Findings, Row, Study
from .regret import regrets

Floats = NDArray[np.float64]
ANSWER, UNTAXED, HIGHEST = "", "untaxed/", "highest_tax/"
REGIMES = {ANSWER: "", UNTAXED: ", same traders untaxed", HIGHEST: ", same under the highest tax"}
SETTLING_PERIODS = 20  # by then traders who sort themselves have done so
SHOWN_ROLLOUTS = 10
EXACT_TAXES = (0.0, HIGHEST_TAX / 2, HIGHEST_TAX)
EXACT_EPISODES = 2000
PUBLISHED = {  # ADAGE (arXiv:2501.09429), Table 2
    "attendance_deviation": {
        "none": (1.35, 0.92, 1.23, 1.64, 3.67, 2.13, 1.88, 1.39, 2.22),
        "tax": (1.20, 0.86, 1.42, 1.48, 1.49, 1.62, 1.31, 1.97, 0.75),
    },
    "attendance_percentage_change": {
        "none": (0.66, 0.09, 0.49, 0.25, 0.08, 0.16, 0.14, 0.09, 0.15),
        "tax": (0.63, 0.14, 0.07, 0.19, 0.13, 0.05, 0.06, 0.14, 0.04),
    },
}
PUBLISHED_CAPACITIES = tuple(range(2, 20, 2))


def measure(trained: Trained) -> Findings:
    """Volatility and regret under the leader's tax, none and the highest; exact answers if any."""
    market = trained.experiment.market
    assert isinstance(market, MarketEntry)
    findings = Findings()
    leader: Theta = trained.policies.theta if trained.policies.has_leader else trained.theta
    _describe(trained, leader, ANSWER, findings)
    _describe(trained, np.array([0.0]), UNTAXED, findings)
    _describe(trained, np.array([HIGHEST_TAX]), HIGHEST, findings)
    findings.results["new_tax/regret"] = _regret_of_a_new_tax(trained, market)
    if market.information_cost:
        _compare_with_exact(trained, market, findings)
    return findings


def _describe(trained: Trained, theta: Theta, label: str, findings: Findings) -> None:
    """Table 2's metrics, what traders get and lose, and the paths that figures are drawn from."""
    market = trained.experiment.market
    assert isinstance(market, MarketEntry)
    played = play(trained.experiment, trained.policies, theta).quantities
    attendance = played["attendance"]  # (E, T, B)
    mean = float(attendance.mean())
    lost = regrets(market, trained.policies, attendance, played["tobin_tax"])
    found = {
        f"{label}attendance_deviation": mean_deviation(attendance),
        f"{label}settled_attendance_deviation": mean_deviation(attendance[:, SETTLING_PERIODS:]),
        f"{label}attendance_percentage_change": percentage_change(attendance),
        f"{label}attendance_mean": mean,
        f"{label}attendance_mean_error": abs(mean - (market.capacity - 0.5)),
        f"{label}regret": float(lost.mean()),
        f"{label}settled_regret": float(lost[:, SETTLING_PERIODS:].mean()),
    }
    findings.results.update(found)
    for name in ("position_changes", "utility", "tobin_tax", "tax_paid"):
        findings.results[f"{label}{name}"] = float(played[name].mean())
    rollouts = np.moveaxis(attendance, 1, 2).reshape(-1, attendance.shape[1])
    findings.arrays[f"{label}paths"] = rollouts[:SHOWN_ROLLOUTS]
    counts = np.bincount(attendance.astype(int).reshape(-1), minlength=market.traders + 1)
    findings.arrays[f"{label}masses"] = counts / attendance.size


def _regret_of_a_new_tax(trained: Trained, market: MarketEntry) -> float:
    """Regret per trader and period once the highest tax comes to a market that had none till then.

    By then traders have sorted themselves into those who enter and those who do not, so that what
    is lost is lost to the change.
    """
    experiment = replace(trained.experiment, leader=FixedLeader(interval=1))

    def tax(state: State) -> Floats:
        return np.where(np.asarray(state.clock) < SETTLING_PERIODS, 0.0, HIGHEST_TAX)[:, None]

    played = play(experiment, trained.policies, tax).quantities
    lost = regrets(market, trained.policies, played["attendance"], played["tobin_tax"])
    return float(lost[:, SETTLING_PERIODS:].mean())


def mean_deviation(attendance: Floats) -> float:
    """Mean over rollouts of the standard deviation over time (divisor T − 1), of ``(E, T, B)``."""
    return float(attendance.std(axis=1, ddof=1).mean())


def percentage_change(attendance: Floats) -> float:
    """Mean absolute relative change from one period to the next, as a share, of ``(E, T, B)``.

    Changes from an empty market are left out: they have no relative size.
    """
    before = attendance[:, :-1]
    change = np.abs(np.diff(attendance, axis=1))
    defined = before > 0
    return float((change[defined] / before[defined]).mean()) if defined.any() else 0.0


def _compare_with_exact(trained: Trained, market: MarketEntry, findings: Findings) -> None:
    """Deviation at three taxes over that of the computed equilibrium.

    Traders without memory are compared over all periods and copies, those with memory within
    episodes, as in Table 2.
    """
    generator = np.random.default_rng(trained.experiment.evaluation.seed)
    for tax in EXACT_TAXES:
        attendance = play(trained.experiment, trained.policies, np.array([tax])).quantities[
            "attendance"
        ]
        if market.memory:
            equilibrium = sorted_equilibrium(market, tax)
            paths = equilibrium.sample(generator, EXACT_EPISODES, market.periods)
            ours, exact = mean_deviation(attendance), mean_deviation(paths[..., None])
        else:
            p = symmetric_entry(market, tax)
            ours, exact = float(attendance.std()), float(np.sqrt(market.traders * p * (1 - p)))
        findings.results[f"exact/{tax:g}/attendance_deviation"] = exact
        findings.results[f"exact/{tax:g}/ratio"] = ours / exact


# Table and figures --------------------------------------------------------------------------------


def rows(experiment: Experiment) -> list[Row]:
    """Table 2's two metrics for this capacity, mean attendance and what traders make of it."""
    market = experiment.market
    assert isinstance(market, MarketEntry)
    table = []
    for name, text in (
        ("attendance_deviation", "deviation of attendance"),
        ("attendance_percentage_change", "mean absolute change of attendance, share"),
    ):
        expected = published(market, name)
        source = "paper, Table 2" if expected else ""
        table.append(Row(text, name, expected, source))
        table += [Row(f"{text}{more}", f"{label}{name}") for label, more in REGIMES.items() if more]
    table += [
        Row("deviation once settled", "settled_attendance_deviation"),
        Row("mean attendance", "attendance_mean", f"{market.capacity - 0.5:g}", "exact ± ½"),
        Row("share of traders who change position", "position_changes"),
        Row("utility per trader and period", "utility"),
        Row("regret per trader and period", "regret", "0", "equilibrium"),
    ]
    if market.information_cost:
        table += [
            Row(f"deviation at τ = {tax:g} / computed", f"exact/{tax:g}/ratio", "1", "computed")
            for tax in EXACT_TAXES
        ]
    return table


def published(market: MarketEntry, metric: str) -> str:
    """The paper's pair of numbers for this capacity as text; empty if it has none."""
    if market.traders != 20 or market.capacity not in PUBLISHED_CAPACITIES:
        return ""
    column = PUBLISHED_CAPACITIES.index(market.capacity)
    none, tax = (PUBLISHED[metric][case][column] for case in ("none", "tax"))
    return f"{tax:g} with tax, {none:g} without"


def figures(experiment: Experiment, results: dict[str, float], arrays: Arrays) -> dict[str, Figure]:
    """Attendance over time and its distribution (ADAGE, Fig. 7); Table 2's metrics as bars."""
    market = experiment.market
    assert isinstance(market, MarketEntry)
    attendance, (taxed, untaxed, spread) = chart(1, 3, width=11, height=3.2)
    for axis, label, colour, title in (
        (taxed, ANSWER, TRAINED_COLOUR, "under the leader's tax"),
        (untaxed, UNTAXED, EXACT_COLOUR, "same traders, no tax"),
    ):
        draw_paths(axis, arrays[f"{label}paths"], market, colour)
        axis.set_title(f"{title}: deviation {results[f'{label}attendance_deviation']:.2f}")
        axis.set_ylabel("attendance")
    draw_masses(spread, arrays[f"{ANSWER}masses"], market, TRAINED_COLOUR, "leader's tax")
    draw_masses(spread, arrays[f"{UNTAXED}masses"], market, EXACT_COLOUR, "no tax")
    spread.legend()
    return {"attendance": attendance, "volatility": _bars(market, results)}


def draw_paths(axis: Any, paths: Floats, market: MarketEntry, colour: str, label: str = "") -> None:
    """Rollouts ``(R, T)`` over time, with a dashed line at capacity."""
    lines = axis.plot(
        np.arange(1, paths.shape[1] + 1), paths.T, color=colour, linewidth=0.7, alpha=0.5
    )
    lines[0].set_label(label)
    axis.axhline(market.capacity, color="0.2", linestyle="--", linewidth=1)
    axis.set_ylim(-0.5, market.traders + 0.5)
    axis.set_xlabel("period")
    axis.set_ylabel("attendance")


def draw_masses(axis: Any, masses: Floats, market: MarketEntry, colour: str, label: str) -> None:
    """Share of periods with each attendance, ``(N + 1,)``, with a dashed line at capacity."""
    axis.bar(np.arange(len(masses)), masses, width=0.9, color=colour, alpha=0.55, label=label)
    axis.axvline(market.capacity, color="0.2", linestyle="--", linewidth=1)
    axis.set_xlabel("attendance")
    axis.set_ylabel("share of periods")


def _bars(market: MarketEntry, results: dict[str, float]) -> Figure:
    """Both metrics of Table 2 for this capacity, ours and the paper's."""
    figure, axes = chart(1, 2, width=8, height=3.2)
    for axis, name, title in zip(
        axes, PUBLISHED, ("standard deviation", "mean absolute percentage change"), strict=True
    ):
        bars = [
            ("leader's tax", results[f"{ANSWER}{name}"], TRAINED_COLOUR),
            ("same, no tax", results[f"{UNTAXED}{name}"], EXACT_COLOUR),
        ]
        if published(market, name):
            column = PUBLISHED_CAPACITIES.index(market.capacity)
            bars += [
                ("paper, tax", PUBLISHED[name]["tax"][column], "0.45"),
                ("paper, no tax", PUBLISHED[name]["none"][column], "0.75"),
            ]
        labels, heights, colours = zip(*bars, strict=True)
        axis.bar(labels, heights, color=colours)
        axis.set_title(f"{title}, C = {market.capacity}")
        axis.tick_params(axis="x", labelsize=8)
    return figure


MARKET_ENTRY_STUDY = Study(measure, rows, figures)
