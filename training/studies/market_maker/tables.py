"""The market maker's table: one conditional policy against five makers of one preference each."""

from __future__ import annotations

from typing import Any

from ....envs.market_maker.market import PREFERENCES
from ..claims import Claim, Comparison, Match, Reproduction, RunArrays, Trial

CONDITIONAL = "one policy, 11-point grid of ω"
HALF_SPREADS = (0.0, 2.72, 3.93, 4.35, 4.57)  # best ones, over the stationary price
MARKET_SHARES = (0.5, 0.342, 0.269, 0.245, 0.233)
RESOLUTION = {"half_spread": 0.05, "market_share": 0.005, "profit": 0.01}
"""Differences that no picture shows: at most a hundredth of the range of each."""


def market_maker() -> Reproduction:
    """The reproduction ``market_maker``."""
    return Reproduction(
        "Market maker: one policy for every preference (ADAGE, Fig. 8)",
        (
            _conditional(),
            Trial("market_maker_uniform", "one policy, uniform ω", claims=_good_everywhere()),
            Trial(
                "market_maker_preferences",
                "one policy, price from p0",
                ("market.initial_price=reference",),
                claims=_good_everywhere(),
            ),
            *(_fixed(weight) for weight in PREFERENCES),
        ),
        notes=(
            "Exact, from the solver: the best half-spreads over the stationary price are 0, 2.72, "
            "3.93, 4.35 and 4.57 at ω = 0, 0.25, 0.5, 0.75 and 1, the best market shares 0.5, "
            "0.342, 0.269, 0.245 and 0.233. Names end with the ω of the evaluation.",
            "`reward_share` is the expected reward of the policy's most likely quotes over that of "
            "the best quotes; `played_reward_share` is the same of 100 rollouts under the same "
            "shocks. `regret_elsewhere` is the mean of 1 − `reward_share` over the paper's other "
            "four ω: for a maker of one preference, what its rule loses where ω has changed.",
            "Makers of one preference do not see ω. Where their seeds agree more closely than a "
            "picture shows (at ω = 0 the best spread lies on its bound), a match allows 0.05 in "
            "half-spread, 0.005 in market share and 0.01 in profit.",
            "ω = 0.25 and 0.75 are not on the grid that the policy is trained on. The price starts "
            "from its stationary distribution, as the exact figures do; in the row 'price from p0' "
            "it starts at p0, and the best quotes are those for that.",
            "Recipe chosen on seeds 10 to 12. The scale on which the maker sees ω was chosen "
            "knowing the best quotes: with ω as it is, regret at ω = 0 was 0.4 % instead of 0.",
        ),
        figures=_figures,
    )


def _conditional() -> Trial:
    claims = [*_good_everywhere(), Claim("leader_entropy", 2.3978, 2.398)]
    for weight, half_spread, share in zip(PREFERENCES, HALF_SPREADS, MARKET_SHARES, strict=True):
        claims += [
            Claim(f"half_spread/{weight:g}", round(half_spread - 0.25, 3), half_spread + 0.25),
            Claim(f"market_share/{weight:g}", round(share - 0.02, 3), round(share + 0.02, 3)),
        ]
    return Trial(
        "market_maker_preferences",
        CONDITIONAL,
        claims=tuple(claims),
        comparisons=tuple(
            Comparison(f"regret_elsewhere/{w:g}", f"regret_elsewhere/{w:g}", _label(w), times=10)
            for w in PREFERENCES
        ),
        matches=tuple(
            Match(f"{name}/{weight:g}", _label(weight), least=least)
            for weight in PREFERENCES
            for name, least in RESOLUTION.items()
        ),
        report=("largest_regret", *(f"played_reward_share/{w:g}" for w in PREFERENCES)),
    )


def _good_everywhere() -> tuple[Claim, ...]:
    """At least 99 % of the best reward at each ω, and curves that move the right way."""
    return (
        *(Claim(f"reward_share/{weight:g}", low=0.99) for weight in PREFERENCES),
        Claim("least_rise_of_spread", low=0.0),
        Claim("largest_rise_of_volume", high=0.0),
    )


def _fixed(weight: float) -> Trial:
    return Trial(
        "market_maker_fixed",
        _label(weight),
        (f"leader.theta.profit_weight={weight:g}",),
        report=(
            *(f"{name}/{weight:g}" for name in (*RESOLUTION, "reward_share")),
            f"regret_elsewhere/{weight:g}",
        ),
    )


def _label(weight: float) -> str:
    return f"trained at ω = {weight:g} alone"


def _figures(arrays: RunArrays) -> dict[str, Any]:
    from .figures import preference_figure, regret_figure

    conditional = arrays[CONDITIONAL]
    fixed = {weight: arrays[_label(weight)] for weight in PREFERENCES}
    return {
        "market_maker": preference_figure(conditional, fixed),
        "market_maker_regret": regret_figure(conditional, fixed),
    }
