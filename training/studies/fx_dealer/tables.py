"""The tables of currency dealers: learned ladders, three dealers of types, and who is in reach."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....envs.fx_dealer.market import FxDealer
from ...experiments.load import load_experiment
from ..claims import Across, Claim, Floats, Reproduction, Results, RunArrays, Trial
from ..planted import ROOT, Planted
from .study import AVERSIONS

CONDITIONAL = "one policy for every aversion to risk"
LEAST_GAIN, MOST_SKEW, MOST_ZONE, MOST_SPREAD = 0.97, 0.10, 3.0, 0.02
PUBLISHED = {
    "usdcnh": ("0.0005", {"client": 0.32}),
    "eurusd_2021": ("0.0005", {"sensitive": 0.26, "insensitive": 0.55}),
}
"""Preset -> γ, and spread of 1 M at no inventory by tier, bp."""
ACTIONS = {"usdcnh": 8, "eurusd_2021": 24}
SHARES = [f"{what}_{i}" for what in ("volume_share", "internalisation") for i in (1, 2, 3)]
MOST_ERROR = 0.05
MOST_TIER_ERROR = 0.06
REACH = {"connectivity_1": 0.6740414, "connectivity_2": 0.8379983, "connectivity_3": 0.9}
PLANTED = Planted(
    "fx_dealer_planted", "currency dealers, observation", REACH, observations=5, episodes=250
)
WITH_TIERS = Planted(
    "fx_dealer_planted_tiers",
    "currency dealers and tiers, observation",
    {**REACH, "sensitive_share": 0.5},
    observations=5,
    episodes=250,
)


def ladders() -> Reproduction:
    """The reproduction ``fx_dealer``."""
    claims = [
        claim
        for gamma in AVERSIONS
        for claim in (
            Claim(f"{gamma:g}/gain_share", low=LEAST_GAIN),
            Claim(f"{gamma:g}/skew_error", high=MOST_SKEW),
            Claim(f"{gamma:g}/zone_error", high=MOST_ZONE),
            Claim(f"{gamma:g}/hedge_monotone", low=1.0),
        )
    ]
    return Reproduction(
        "Currency dealers: learned ladders and hedges against the best ones",
        (
            Trial(
                "fx_dealer_learning",
                CONDITIONAL,
                claims=tuple(claims),
                report=tuple(f"{gamma:g}/internalisation" for gamma in AVERSIONS),
            ),
        ),
        notes=(
            "Ladders are those of the most likely action. What they earn, `gain_share`, is "
            "computed by the solver of the step game, over the best gain; the closed form earns "
            "0.999 of it, optimal quotes without hedge 0.92, a flat ladder 0.03.",
            "Names begin with γ per bp·M. `skew_error` is that of half of ask less bid at 20 M, "
            "long or short, whichever is larger, relative; `zone_error` that of the inventories "
            "hedged by less than 0.05 M per step, in M.",
            "Dealers are paid the rise of the closed form's worth of their inventory, so that they "
            "are told roughly what an inventory is worth; beyond it they look little ahead. The "
            "closed form itself skews by 1, 5, 12 and 18 % wrongly at these aversions to risk, "
            "and earns 0.9999, 0.999, 0.995 and 0.988 of the best gain: at the largest much of the "
            "error is its own.",
            "Dealers see their inventory evenly and by its magnitude. With the first alone they "
            "hedged small inventories too little, and skewed by 8 to 48 % wrongly at 0.01 where "
            "now it is 10 to 20 % (seeds 10 to 12). With a magnitude of three times the weight, "
            "and in earlier recipes (clipped actions, twice the learning rate), a mark-up ran to "
            "the end of what it may be in some seeds, and stayed there. Skew is off where it "
            "hardly counts: at 20 M long a bid is so low that next to nobody deals at it, learned "
            "or best.",
            "Recipe chosen on seeds 10 to 12.",
        ),
        figures=_figures,
    )


def spreads() -> Reproduction:
    """The reproduction ``fx_dealer_spreads``."""
    return Reproduction(
        "Currency dealers: learned spreads beside published ones",
        tuple(_published(preset) for preset in PUBLISHED),
        notes=(
            "Spreads of 1 M at no inventory, of one policy for every aversion to risk, at the "
            "preset's γ. Published: 0.32 bp (arXiv 2106.06974, section 4.2), 0.26 and 0.55 bp "
            "(arXiv 2112.02269).",
        ),
    )


def _published(preset: str) -> Trial:
    gamma, spreads = PUBLISHED[preset]
    start = ", ".join(["-0.5"] * ACTIONS[preset] + ["0.0"])
    return Trial(
        "fx_dealer_learning",
        preset,
        (f"market.preset={preset}", f"followers.initial_action=[{start}]"),
        claims=tuple(
            Claim(f"{gamma}/spread_{tier}", spread - MOST_SPREAD, spread + MOST_SPREAD)
            for tier, spread in spreads.items()
        ),
        report=(f"{gamma}/gain_share",),
    )


def composition() -> Reproduction:
    """The reproduction ``fx_dealer_composition``."""
    return Reproduction(
        "Three currency dealers of types, trained together",
        (
            Trial(
                "fx_dealer_composition",
                claims=(
                    Claim("volume_share_error", high=0.02),
                    Claim("size_share_error", high=0.03),
                    Claim("internalisation_error", high=0.06),
                ),
                report=(*SHARES, "dealt_share"),
            ),
        ),
        notes=(
            "Computed, as an oblivious equilibrium: shares of volume 0.150, 0.350 and 0.500, "
            "internalisation 0.581, 0.866 and 0.968, requests dealt 0.548. Dealers who play its "
            "ladders step by step come to 0.148, 0.350 and 0.503, and 0.536, 0.854 and 0.965.",
            "Dealers who quote by the closed form, whose rise in worth these are paid, come to "
            "0.149, 0.349 and 0.502, and 0.611, 0.843 and 0.968.",
            "Recipe chosen on seeds 10 to 12.",
        ),
    )


def planted() -> Reproduction:
    """The reproduction ``fx_dealer_planted``."""
    return Reproduction(
        "How well dealers are connected, found again from 10,000 requests",
        (*PLANTED.trials, *WITH_TIERS.trials),
        seeds=(0,),
        across=(
            *PLANTED.within(MOST_ERROR),
            Across("largest error of a share of volume at the answers", share_error, high=0.02),
            *WITH_TIERS.within(MOST_ERROR, text=f"tiers free: {ROOT} {{}}", names=tuple(REACH)),
            *WITH_TIERS.within(
                MOST_TIER_ERROR, text=f"tiers free: {ROOT} {{}}", names=("sensitive_share",)
            ),
        ),
        notes=(
            "Nobody learns: dealers quote by the closed form of their own aversion to risk, which "
            "is given, and half of the requests are of the sensitive tier. The least standard "
            "errors from 10,000 requests are 0.016 each; `pacesetter identify fx_dealer_planted` "
            "says so before anything is calibrated.",
            "With tiers free, the share of requests that are of the sensitive tier is looked for, "
            "too, and the mark-ups at which requests are dealt are observed beside who wins them.",
            "Shares of volume at an answer are those of its computed equilibrium, against 0.15, "
            "0.35 and 0.50 at the planted connectivity.",
        ),
    )


def share_error(results: Results) -> Floats:
    """Largest error of a share of volume, in equilibrium at any answer with tiers given, (1,)."""
    market = load_experiment("fx_dealer_planted").market
    assert isinstance(market, FxDealer)
    exact = market.composition(list(REACH.values())).equilibrium().volume_share
    answers = np.array([PLANTED.found(results, name) for name in REACH]).T
    found = [market.composition(theta).equilibrium().volume_share for theta in answers]
    return np.array([np.abs(np.array(found) - exact).max()])


def _figures(arrays: RunArrays) -> dict[str, Any]:
    from .figures import ladder_figure

    runs = arrays[CONDITIONAL]
    return {"fx_dealer_ladder": ladder_figure(runs, "0.002", FxDealer())}
