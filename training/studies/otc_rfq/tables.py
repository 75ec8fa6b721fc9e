"""The tables of requests for quote."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..claims import Across, Claim, Reproduction, Results, RunArrays, Trial, planted_error
from .circle import FITTED
from .study import ASKED, CLIENTS

Floats = NDArray[np.float64]
PLANTED = {"offer_mean": 1.0, "offer_scale": 0.6, "offer_shape": 1.2}
LEAST_ERRORS = {"offer_mean": 0.0154, "offer_scale": 0.0130, "offer_shape": 0.0341}
OBSERVATIONS = 20
EPISODES = 1000  # of an observation, each of a seed of its own: observations share none
ASKED_AT = {0.02: 8, 0.05: 5, 0.1: 3}
"""Cost of a dealer asked -> how many to ask, computed for the default client."""
LED = (0.05, 0.1)
SEEDS_OF_LEADER = (0, 1, 2)
NOT_FITTED = ("mean_gap_traded", "mean_best_offer", "mean_traded_price", "client_surplus")
EPISODES_OF = {"adversarial": 10_000, "bayesian": 10, "ppo": 10}
"""Leader -> episodes of an observation, each of a seed of its own."""
LEARNING = "one policy for every client and number asked"


def learning() -> Reproduction:
    """The reproduction ``otc_rfq``."""
    claims: list[Claim] = []
    for name in CLIENTS:
        for asked in ASKED:
            claims.append(Claim(f"{name}/{asked}/error", high=0.02))
            if name == "default":
                claims.append(Claim(f"{name}/{asked}/profit_share", low=0.98))
    return Reproduction(
        "Request for quote: learned quotes against the equilibrium of the auction",
        (
            Trial(
                "otc_rfq_learning",
                LEARNING,
                claims=(
                    *claims,
                    Claim("largest_gain", high=0.02),
                    *(Claim(f"ask/{cost:g}", n, n) for cost, n in ASKED_AT.items()),
                ),
                report=tuple(
                    f"circle/{fact}/{what}"
                    for fact in (*FITTED, *NOT_FITTED)
                    for what in ("observed", "random_quotes", "errors_away")
                ),
            ),
        ),
        notes=(
            "Quotes are those of the most likely mark-up at evenly likely costs; `error` is their "
            "mean distance from β(c), `profit_share` what they earn over what β earns, "
            "`largest_gain` what the best quote would add, both against others in equilibrium.",
            "`ask` is how many dealers the default client should ask if each costs her so much, by "
            "what learned dealers leave her. An actual leader is in `otc_rfq_leader`.",
            "`circle`: 10,000 requests of five learned dealers, and dealers who quote at random "
            "fitted to their acceptance, mean gap and its deviation; what these then bring about, "
            "and how many standard errors of the former it is away. Random quotes have no cost to "
            "stop at: they match what was fitted, and the gap where there was a trade, but not the "
            "prices.",
            "Recipes chosen on seeds 10 and 11.",
            "Names are client/dealers asked. The default client's value is EP(1, 0.5, 1.5), the "
            "poorer one's EP(0.6, 0.8, 1.5), the richer one's EP(1.5, 1.1, 1.5).",
        ),
        figures=_figures,
    )


def leader() -> Reproduction:
    """The reproduction ``otc_rfq_leader``."""
    return Reproduction(
        "How many dealers to ask",
        tuple(
            Trial(
                "otc_rfq_leader",
                f"each dealer asked costs {cost:g}",
                (f"market.asking_cost={cost:g}",),
                claims=(Claim("theta/dealers_asked", number - 0.49, number + 0.49),),
                report=("largest_gain", *(f"surplus/{n}" for n in range(1, 10))),
            )
            for cost, number in ASKED_AT.items()
            if cost in LED
        ),
        seeds=SEEDS_OF_LEADER,
        notes=(
            "A grid leader over the number asked, dealers who know it. Computed: 5 at 0.05, 3 at "
            "0.1; the client then keeps 0.460 and 0.278 of a request, one dealer more or less "
            "0.451 and 0.456, 0.256 and 0.258. `surplus` is what learned dealers leave her before "
            "that cost: computed 0.190, 0.458, 0.578, 0.656, 0.710, 0.751, 0.781, 0.806, 0.826.",
        ),
    )


def planted() -> Reproduction:
    """The reproduction ``otc_rfq_planted``."""
    return Reproduction(
        "Who quotes? Dealers found again from 10,000 acceptances and gaps",
        tuple(
            Trial(
                "otc_rfq_moments",
                f"dealers, observation {number}",
                (f"objective.reference.seed={EPISODES * number}",),
                report=tuple(f"theta/{name}" for name in PLANTED)
                + tuple(f"theta_standard_error/{name}" for name in PLANTED),
            )
            for number in range(OBSERVATIONS)
        ),
        seeds=(0,),
        across=tuple(
            claim
            for name in PLANTED
            for claim in (
                Across(
                    f"root mean square error of {name}",
                    partial(planted_error, name=name, planted=PLANTED[name]),
                ),
                Across(
                    f"the same over its least standard error, {name}",
                    partial(
                        planted_error, name=name, planted=PLANTED[name], unit=LEAST_ERRORS[name]
                    ),
                    high=1.25,
                ),
                Across(
                    f"share of observations within 1.96 standard errors of {name}",
                    partial(_covered, name=name),
                    0.85,
                    1.0,
                ),
            )
        ),
        notes=(
            "Least standard errors are those of 10,000 requests whose acceptance and gap are seen "
            "(Fisher information). Of 20 observations a coverage of 95 % shows as 0.85 to 1.",
        ),
    )


def leaders() -> Reproduction:
    """The reproduction ``otc_rfq_leaders``."""
    return Reproduction(
        "Who quotes? A discriminator, and searches without a derivative",
        tuple(
            Trial(
                f"otc_rfq_{kind}",
                f"{kind}, observation {number}",
                (f"objective.reference.seed={EPISODES_OF[kind] * number}",),
                report=tuple(f"theta/{name}" for name in PLANTED),
            )
            for kind in EPISODES_OF
            for number in range(OBSERVATIONS)
        ),
        seeds=(0,),
        across=tuple(
            Across(
                f"{kind}: root mean square error over the least standard error, {name}",
                partial(_error_of, kind=kind, name=name),
                high=2.0,
            )
            for kind in EPISODES_OF
            for name in PLANTED
        ),
        notes=(
            "Each observation is of 10,000 requests. The discriminator sees acceptance, gap and "
            "its square of every request. Searches see how far acceptance, mean gap and mean "
            "square are from the observed ones, in 300 evaluations: of 5,000 requests each "
            "(Bayesian), or of 1,000 (PPO).",
            "Least standard errors are those of 10,000 requests whose acceptance and gap are seen "
            "(Fisher information): 0.0154, 0.0130 and 0.0341.",
        ),
    )


def _error_of(results: Results, kind: str, name: str) -> Floats:
    """Root mean square error of one leader, over the least standard error, ``(1,)``."""
    own = {trial: runs for trial, runs in results.items() if trial.startswith(f"{kind},")}
    return planted_error(own, name, PLANTED[name], LEAST_ERRORS[name])


def _covered(results: Results, name: str) -> Floats:
    """Share of observations whose interval of 95 % holds the planted value, ``(1,)``."""
    runs = [run for runs in results.values() for run in runs]
    found = np.array([run[f"theta/{name}"] for run in runs])
    errors = np.array([run[f"theta_standard_error/{name}"] for run in runs])
    return np.array([np.mean(np.abs(found - PLANTED[name]) <= 1.96 * errors)])


def _figures(arrays: RunArrays) -> dict[str, Any]:
    from .study import quotes_figure

    return {"otc_rfq_quotes": quotes_figure(list(arrays[LEARNING]))}
