"""The tables of makers and investors: quotes, shares, competition, timing, and types."""

from __future__ import annotations

from typing import Any

from ..claims import Claim, Reproduction, RunArrays, Trial
from ..planted import ROOT, Planted
from .learned import CONNECTED, REACHED, RISKS, WEIGHTS

MAKER_LABEL = "one policy for every risk aversion and connectivity"
INVESTOR_LABEL = "one policy for every weight of profit"
COMPETING = {2: "2 makers compete", 3: "3 makers compete"}
SHARE_ERROR, PLANTED_ERROR = 0.004, 0.15
PLANTED = Planted(
    "dealers_planted",
    "makers, observation",
    {"risk_aversion_mean": 0.05, "connectivity_mean": 0.5},
    observations=10,
    episodes=1000,
)


def makers() -> Reproduction:
    """The reproduction ``dealers``."""
    return Reproduction(
        "Market makers: learned quotes against exact ones",
        (
            Trial(
                "dealers_makers",
                MAKER_LABEL,
                claims=(
                    *(
                        Claim(f"{number}/{risk:g}/reward_share", low=0.99)
                        for number in REACHED
                        for risk in RISKS
                    ),
                    Claim("held_out/reward_share", low=0.99),
                    *(
                        Claim(f"{kind}/{what}", high=high)
                        for kind in ("grid", "held_out")
                        for what, high in (("slope_error", 0.08), ("half_spread_error", 0.03))
                    ),
                    Claim("slope_rises_with_risk", low=1.0),
                    Claim("slope_falls_with_connectivity", low=1.0),
                ),
            ),
            *(_share(weight) for weight in (10, 100)),
            *(_competition(number, label) for number, label in COMPETING.items()),
        ),
        notes=(
            "Quotes are those of the most likely action at every inventory. What they are worth, "
            "over 100 steps from an empty inventory, is computed and not sampled: `reward_share` "
            "is that over the best. Names are takers reached / risk aversion; `held_out` are six "
            "further types, the worst of which counts. The best quotes that inventory does not "
            "move come to 0.95, 0.70 and 0.19 of the best at 5 takers.",
            "`slope` is the change of skew per unit of inventory. It grows with risk aversion and "
            "falls with connectivity, about as one over the root of the takers reached. Rewards "
            "hardly tell it: a slope that is 8 % off costs 0.004 to 0.4 % of the best, a half-"
            "spread 3 % off 0.04 to 0.16 %. Learned slopes are off alike in every seed: too steep "
            "at few units and too flat beyond, and too much alike for all aversions to risk.",
            "Offsets of makers who compete are mixed in equilibrium; a normal policy cannot mix "
            "like that: where it is narrow, each maker gains by undercutting the others a little "
            "and by being narrower still, and its gradient leads to offsets that are too tight. "
            "`mean_error` is the distance of means, `best_answer_gain` what the best "
            "offset would add to the profit, both of offsets as played.",
            "Recipes chosen on seed 10.",
        ),
        figures=_maker_figures,
    )


def _share(weight: int) -> Trial:
    return Trial(
        "dealers_share",
        f"target share 0.12, weight {weight}",
        (f"market.share_weights=[{weight}.0]",),
        claims=(Claim("per_taker_error", high=SHARE_ERROR),),
        report=("per_taker", "computed/per_taker", "half_spread", "computed/half_spread"),
    )


def _competition(number: int, label: str) -> Trial:
    return Trial(
        "dealers_competition",
        label,
        (f"market.makers={number}",),
        claims=(
            *(Claim(f"{c:g}/mean_error", high=0.1) for c in CONNECTED),
            Claim("tighter_with_connectivity", low=1.0),
        ),
        report=tuple(
            f"{c:g}/{what}"
            for c in CONNECTED
            for what in ("mean_offset", "computed_mean_offset", "best_answer_gain")
        ),
    )


def investors() -> Reproduction:
    """The reproduction ``dealers_investors``."""
    return Reproduction(
        "Investors, alone and with market makers",
        (
            Trial(
                "dealers_investors",
                INVESTOR_LABEL,
                claims=(
                    *(Claim(f"{w:g}/value_share", low=0.97) for w in WEIGHTS if w > 0),
                    Claim("0/exact_hits", low=0.95),
                    Claim("0.25/exact_hits", low=0.9),
                    Claim("0.25/profit", low=24.0),
                    *(Claim(f"{w:g}/buy_share_error", high=0.02) for w in WEIGHTS),
                ),
                report=tuple(f"{w:g}/profit" for w in WEIGHTS),
            ),
            Trial(
                "dealers_both",
                "makers and investors who learn together",
                claims=(
                    Claim("skew_sign_kept", low=1.0),
                    Claim("timing_kept", low=1.0),
                    Claim("largest_gain/maker", high=0.03),
                    Claim("largest_gain/investor", high=0.03),
                ),
                report=("skew_at_2", "half_spread", "x_bought", "x_sold"),
            ),
        ),
        notes=(
            "Values are those of the most likely action over days of 100 steps, `value_share` is "
            "over what dynamic programming comes to; 26.8 is its P&L at a weight of 0.25.",
            "Where both learn there is no computed answer. `largest_gain` is what one agent adds "
            "to its return by the best of some deviations while all others stay: offsets wider or "
            "tighter, more or less skew, more or less answer to the price.",
            "Eight investors want to buy twenty units more than they sell, each, at any offset, "
            "and three makers have ten other takers to buy them from: makers end far short, which "
            "costs them more than they earn, and one of them gains most by not selling, at the "
            "highest offset, while the others go on.",
            "Recipes chosen on seed 10.",
        ),
        figures=_investor_figures,
    )


def planted() -> Reproduction:
    """The reproduction ``dealers_planted``."""
    return Reproduction(
        "Which market makers? Types found again from quotes, volume and inventory",
        PLANTED.trials,
        seeds=(0,),
        across=PLANTED.within(PLANTED_ERROR, PLANTED.theta, f"{ROOT} {{}}, share of it"),
        notes=(
            "200 days of one maker each, who quotes what is computed for its type: risk aversion "
            "within 0.02 of the mean, connectivity within 0.2 of it. Nobody has to learn.",
        ),
    )


def _maker_figures(arrays: RunArrays) -> dict[str, Any]:
    from .figures import offsets_figure, skew_figure

    drawn = {"dealers_skew": skew_figure(arrays[MAKER_LABEL])}
    for number, label in COMPETING.items():
        drawn[f"dealers_offsets_{number}"] = offsets_figure(arrays[label], number)
    return drawn


def _investor_figures(arrays: RunArrays) -> dict[str, Any]:
    from .figures import timing_figure

    return {"dealers_timing": timing_figure(arrays[INVESTOR_LABEL][0])}
