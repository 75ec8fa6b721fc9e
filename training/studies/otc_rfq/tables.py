"""The tables of requests for quote."""

from __future__ import annotations

from functools import partial
from typing import Any

from ..claims import Across, Claim, Reproduction, RunArrays, Trial
from ..planted import ROOT, Planted
from .circle import FITTED
from .study import ASKED, CLIENTS

OFFERS = {"offer_mean": 1.0, "offer_scale": 0.6, "offer_shape": 1.2}
LEAST_ERRORS = {"offer_mean": 0.0154, "offer_scale": 0.0130, "offer_shape": 0.0341}
OBSERVATIONS = 20
PLANTED = Planted("otc_rfq_moments", "dealers, observation", OFFERS, OBSERVATIONS, episodes=1000)
ASKED_AT = {0.02: 8, 0.05: 5, 0.1: 3}
"""Cost of a dealer asked -> how many to ask, computed for the default client."""
LED = (0.05, 0.1)
NOT_FITTED = ("mean_gap_traded", "mean_best_offer", "mean_traded_price", "client_surplus")
BY_LIKELIHOOD = Planted(
    "otc_rfq_likelihood", "dealers by likelihood, observation", OFFERS, OBSERVATIONS, episodes=1000
)
LEADERS = {
    kind: Planted(
        f"otc_rfq_{kind}", f"{kind}, observation", OFFERS, OBSERVATIONS, episodes, errors=False
    )
    for kind, episodes in (("adversarial", 10_000), ("bayesian", 10), ("ppo", 10))
}
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
        (*PLANTED.trials, *BY_LIKELIHOOD.trials),
        seeds=(0,),
        across=(
            *PLANTED.over_least(1.25, LEAST_ERRORS),
            *BY_LIKELIHOOD.within(
                1.25, LEAST_ERRORS, f"by likelihood: {ROOT} {{}} over the least standard error"
            ),
            *(
                Across(
                    f"share of observations within 1.96 standard errors of {name}",
                    partial(PLANTED.covered, name=name),
                    0.85,
                    1.0,
                )
                for name in OFFERS
            ),
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
        tuple(trial for leader in LEADERS.values() for trial in leader.trials),
        seeds=(0,),
        across=tuple(
            claim
            for kind, leader in LEADERS.items()
            for claim in leader.within(
                2.0, LEAST_ERRORS, f"{kind}: {ROOT} {{}} over the least standard error"
            )
        ),
        notes=(
            "Each observation is of 10,000 requests. The discriminator sees acceptance, gap and "
            "its square of every request. Searches see how far acceptance, mean gap and mean "
            "square are from the observed ones, in 300 evaluations: of 5,000 requests each "
            "(Bayesian), or of 1,000 (PPO). Twenty observations, the same for each.",
            "The discriminator's dealers are still on their way when it stops: scale and shape "
            "have a ridge in common (their errors correlate by 0.90), along which the shape comes "
            "down from its start of 1.8, to 1.35 in the mean, and the scale with it.",
            "What searches are paid goes from 1 at the planted dealers to 700,000 in a corner of "
            "what is searched, for wide and heavy-tailed offers. Next to that all losses below "
            "some thousands are alike for a Gaussian process of the loss: on seeds 11 and 12 it "
            "ended at losses of 1,368 and 193. That of its logarithm (`leader.modelled`), which is "
            "used here, ended at 4.1 and 3.6, beside 2.3 and 1.9 of the planted dealers.",
            "Least standard errors are those of 10,000 requests whose acceptance and gap are seen "
            "(Fisher information): 0.0154, 0.0130 and 0.0341.",
        ),
    )


def _figures(arrays: RunArrays) -> dict[str, Any]:
    from .study import quotes_figure

    return {"otc_rfq_quotes": quotes_figure(list(arrays[LEARNING]))}
