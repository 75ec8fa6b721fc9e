"""The market-entry tables: Table 2 of the paper, the Lucas critique, and the logit equilibria."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....envs.market_entry.market import MarketEntry
from ..claims import Across, Claim, Reproduction, Results, RunArrays, Trial

Floats = NDArray[np.float64]
CAPACITIES = tuple(range(2, 20, 2))
ARMS = {
    "untaxed": "no tax",
    "ppo": "PPO leader",
    "bayesian": "Bayesian leader",
}
LEADERS = ("ppo", "bayesian")
DEVIATION, CHANGE = "attendance_deviation", "attendance_percentage_change"
NEARLY_FREE = 0.003  # price of information at which exact traders hardly tremble
EXACT_EPISODES = 1000
LOGIT_COSTS = (0.3, 1.0, 3.0)
TREMBLE_CAPACITIES = (4, 12, 16)


def trial_name(arm: str, capacity: int) -> str:
    """How the tables call an arm of the experiment at one capacity."""
    return f"{ARMS[arm]}, C = {capacity}"


def entry_tax() -> Reproduction:
    """Nine capacities without a tax and with one set by two kinds of leader."""
    trials = [
        Trial(
            f"market_entry_{arm}",
            trial_name(arm, capacity),
            (f"market.capacity={capacity}",),
            claims=() if arm == "untaxed" else (Claim("attendance_mean_error", high=1.0),),
            report=(
                DEVIATION,
                CHANGE,
                "attendance_mean",
                "position_changes",
                "tobin_tax",
                "new_tax/regret",
                "highest_tax/regret",
                "highest_tax/settled_regret",
                *(() if arm == "untaxed" else (f"untaxed/{DEVIATION}",)),
            ),
            task=f"C = {capacity}",
            algorithm=ARMS[arm],
        )
        for capacity in CAPACITIES
        for arm in ARMS
    ]
    return Reproduction(
        "Market entry with a Tobin tax (ADAGE, Table 2, Fig. 7 and 9)",
        tuple(trials),
        notes=(
            "Ten rollouts of 100 periods per run, actions drawn from the policies in all arms, no "
            "entropy bonus or price of information in any, the same number of updates for all.",
            "Without a tax the symmetric way to play is left in one of two directions, by chance: "
            "traders who keep their positions, or traders who swap them, insiders making room for "
            "outsiders in a turmoil of coin flips. The tax decides for the former while traders "
            "learn. Those who have learned under taxes remain calm when the tax is taken away "
            f"(`untaxed/{DEVIATION}`), so that at the end the leader's choice of τ matters little; "
            "where untaxed traders keep their positions by themselves, there is less to gain.",
            "Regret is what a trader loses per period to the best answer, in utility: of traders "
            "conditional on τ, and of those who learned without a tax and go on as ever (Lucas "
            "critique). `new_tax/regret`: a tax of 0.1 comes after 20 periods without one, and the "
            "periods after that count. `highest_tax/regret`: it is there from the first period on; "
            "most of what conditional traders lose then is the first moves, in which they sort "
            "themselves and which no tax explains (`settled_regret` leaves 20 periods out). The "
            "claim was put to the former after the latter had been seen. Where untaxed traders "
            "keep their positions by themselves, a tax changes nothing for them.",
            "Recipe chosen on seeds 10 and 11.",
        ),
        across=(*_calmer("ppo"), *_calmer("bayesian"), *_lucas()),
        section=table_2,
        figures=pictures,
    )


def over(results: Results, arm: str, key: str) -> Floats:
    """A result of one arm at every capacity and seed, ``(9, seeds)``."""
    return np.array([[run[key] for run in results[trial_name(arm, c)]] for c in CAPACITIES])


def _calmer(leader: str) -> tuple[Across, ...]:
    """By how much the two metrics of Table 2 fall, and at how many capacities."""

    def reduction(results: Results, key: str) -> Floats:
        taxed, untaxed = (over(results, arm, key).mean(axis=0) for arm in (leader, "untaxed"))
        return 1.0 - taxed / untaxed

    def lower(results: Results, key: str) -> Floats:
        taxed, untaxed = (over(results, arm, key).mean(axis=1) for arm in (leader, "untaxed"))
        return np.array([float((taxed < untaxed).sum())])

    label = ARMS[leader]
    return (
        Across(f"{label}, reduction of the deviation", partial(reduction, key=DEVIATION), low=0.26),
        Across(f"{label}, capacities with less deviation", partial(lower, key=DEVIATION), low=7),
        Across(f"{label}, reduction of the percentage change", partial(reduction, key=CHANGE)),
        Across(f"{label}, capacities with less percentage change", partial(lower, key=CHANGE)),
    )


def _lucas() -> tuple[Across, ...]:
    """Regret under a tax of traders conditional on it, over that of traders who never met one."""
    arms = ("ppo", "untaxed")

    def ratio(results: Results, key: str) -> Floats:
        conditional, fixed = (over(results, arm, key).mean() for arm in arms)
        return np.array([conditional / fixed])

    def share(results: Results, key: str) -> Floats:
        conditional, fixed = (over(results, arm, key) for arm in arms)
        return (conditional <= 0.1 * fixed).mean(axis=0)

    text = "conditional over fixed policy, mean regret"
    new, always = "new_tax/regret", "highest_tax/regret"
    return (
        Across(f"{text} once a tax has come", partial(ratio, key=new), high=0.1),
        Across("share of capacities at which it is at most a tenth", partial(share, key=new)),
        Across(f"{text} under a tax from the first period on", partial(ratio, key=always)),
        Across("… without the first 20", partial(ratio, key="highest_tax/settled_regret")),
    )


def table_2(results: Results) -> list[str]:
    """Table 2, ours beside the paper's, means over seeds."""
    from .study import PUBLISHED

    lines = []
    for key, title in (
        (DEVIATION, "Standard deviation of attendance"),
        (CHANGE, "Mean absolute percentage change, as a share"),
    ):
        ours = {ARMS[arm]: over(results, arm, key).mean(axis=1) for arm in ARMS}
        columns: dict[str, Any] = {
            **ours,
            "paper, no tax": PUBLISHED[key]["none"],
            "paper, tax": PUBLISHED[key]["tax"],
        }
        if key == DEVIATION:
            columns["exact, keeping"] = _exact_deviations(swap=False)
            columns["exact, swapping"] = _exact_deviations(swap=True)
        lines += [f"## {title}", ""]
        lines += [f"| C | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
        for row, capacity in enumerate(CAPACITIES):
            numbers = " | ".join(f"{column[row]:.2f}" for column in columns.values())
            lines.append(f"| {capacity} | {numbers} |")
        means = " | ".join(f"{np.mean(column):.2f}" for column in columns.values())
        lines += [f"| mean | {means} |", ""]
    lines.append(
        "Exact: computed equilibria of untaxed traders who keep or swap their positions, with a "
        f"price of information of {NEARLY_FREE:g} per nat."
    )
    return lines


def _exact_deviations(swap: bool) -> list[float]:
    """Deviation of untaxed attendance in a computed equilibrium, at every capacity."""
    from ....envs.market_entry.equilibrium import sorted_equilibrium
    from .study import mean_deviation

    deviations = []
    for capacity in CAPACITIES:
        market = MarketEntry(capacity=capacity, information_cost=NEARLY_FREE)
        equilibrium = sorted_equilibrium(market, 0.0, swap)
        paths = equilibrium.sample(np.random.default_rng(0), EXACT_EPISODES, market.periods)
        deviations.append(mean_deviation(paths[..., None]))
    return deviations


# Pictures -----------------------------------------------------------------------------------------


def pictures(arrays: RunArrays) -> dict[str, Any]:
    """Attendance over time and its distribution at every capacity, with and without a tax.

    Paths are the first two rollouts of every seed, distributions means over seeds.
    """
    from .study import draw_masses, draw_paths

    def paths(runs: Sequence[dict[str, Floats]]) -> Floats:
        return np.concatenate([run["paths"][:2] for run in runs])

    def masses(runs: Sequence[dict[str, Floats]]) -> Floats:
        return np.mean([run["masses"] for run in runs], axis=0)

    return {
        "market_entry_attendance": _panels(arrays, paths, draw_paths),
        "market_entry_distribution": _panels(arrays, masses, draw_masses),
    }


def _panels(arrays: RunArrays, over_seeds: Callable[..., Floats], draw: Callable[..., None]) -> Any:
    from ..charts import EXACT_COLOUR, TRAINED_COLOUR, chart

    figure, axes = chart(3, 3, width=11, height=8)
    for axis, capacity in zip(np.ravel(axes), CAPACITIES, strict=True):
        market = MarketEntry(capacity=capacity)
        for arm, colour in (("untaxed", EXACT_COLOUR), ("ppo", TRAINED_COLOUR)):
            runs = arrays[trial_name(arm, capacity)]
            draw(axis, over_seeds(runs), market, colour, ARMS[arm])
        axis.set_title(f"C = {capacity}", fontsize=9)
    np.ravel(axes)[0].legend()
    return figure


# Logit equilibria ---------------------------------------------------------------------------------


def entry_logit() -> Reproduction:
    """Traders who pay for information against the computed equilibria, at three taxes."""
    symmetric = tuple(Claim(f"exact/{tax}/ratio", 0.95, 1.05) for tax in ("0", "0.05", "0.1"))
    sorted_ones = tuple(Claim(f"exact/{tax}/ratio", 0.85, 1.15) for tax in ("0", "0.05", "0.1"))
    blind = [
        Trial(
            "market_entry_logit",
            f"without memory, λ = {cost:g}",
            (f"market.information_cost={cost}",),
            claims=symmetric,
            report=("exact/0/attendance_deviation",),
        )
        for cost in LOGIT_COSTS
    ]
    trembling = [
        Trial(
            "market_entry_tremble",
            f"with memory, λ = 0.3, C = {capacity}",
            (f"market.capacity={capacity}",),
            claims=sorted_ones,
            report=(
                "exact/0/attendance_deviation",
                "exact/0.1/attendance_deviation",
                "theta/tobin_tax",
            ),
        )
        for capacity in TREMBLE_CAPACITIES
    ]
    return Reproduction(
        "Market entry: one conditional policy on the computed logit equilibria",
        (*blind, *trembling),
        notes=(
            "Without memory (C = 18) all enter by the same chance, and log p / (1 − p) is the "
            "expected gain of entering over λ; without a price of information the deviation would "
            "be 1.37. With memory, the equilibrium is that of traders who keep their positions; "
            "its deviation falls with the tax, so that the leader should choose 0.1. Changes of "
            "position are rare there, and what traders learn about the tax is flatter than exact: "
            "ratios below 1 without a tax, above 1 with the highest.",
            "Recipe chosen on seeds 10 and 11.",
        ),
    )
