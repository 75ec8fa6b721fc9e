"""The tables of shops: stock, prices, compositions, counterfactuals, and a shop that leads."""

from __future__ import annotations

from typing import Any

from ..claims import Claim, Reproduction, RunArrays, Trial
from ..planted import Planted
from .learned import RISES

COMPUTED_PRICES = {2: 1.4729, 3: 1.3702, 5: 1.3115}
LED_PRICE, NASH_PROFIT = 1.4244, 0.1202
LEAST_ERRORS = {"hurried_share": 0.0053, "connectivity": 0.0060}
PLANTED = Planted(
    "shops_planted",
    "observation",
    {"hurried_share": 0.5, "connectivity": 0.8},
    observations=10,
    episodes=1000,
    report=("misfit/p_value",),
)
COMPOSITION = "one policy for every composition"


def shops() -> Reproduction:
    """The reproduction ``shops``."""
    return Reproduction(
        "Shops and customers: learned prices, stock and counterfactuals",
        (
            Trial(
                "shops_base_stock",
                "stock of a shop with captive customers",
                claims=(Claim("value_share", low=0.99), Claim("order_up_to_error", high=1.0)),
                report=("value", "order_up_to"),
            ),
            *(_pricing(number) for number in COMPUTED_PRICES),
            Trial(
                "shops_pricing",
                "3 shops, rivals' last prices seen, discount 0.95",
                ("market.shops_see=rivals", "followers.discount=0.95"),
                report=("price", "collusion"),
            ),
            Trial(
                "shops_composition",
                COMPOSITION,
                claims=(
                    Claim("held_out/price_error_largest", high=0.02),
                    Claim("held_out/share_error_largest", high=0.015),
                    Claim("held_out/regret_mean", high=0.01),
                ),
                report=(
                    "held_out/price_error_mean",
                    "held_out/share_error_mean",
                    "held_out/regret_largest",
                ),
            ),
            _counterfactual("shops_rival_price", "what if, alike"),
            _counterfactual(
                "shops_rival_price",
                "what if, different",
                "market.wholesale_costs=[1.0,0.9,0.8]",
                "market.delivery_times=[0.0,1.0,2.0]",
                "leader.theta.rival_price=1.149753",
            ),
            Trial(
                "shops_learning",
                "learning customers",
                claims=(Claim("choice_error", high=0.02),),
                report=("choice_error_largest", "price"),
            ),
        ),
        notes=(
            "Prices are those of the most likely action once a play has settled; what they are "
            "worth is computed from the law of choice. `collusion` is the share of the way from "
            "the equilibrium's profit to a cartel's.",
            "The demand and its numbers are those of Calvano et al. (AER 2020), whose "
            "Q-learners end far on that way; shops that see nothing but their own last price "
            "have nothing to punish with.",
            "Held-out compositions are twelve points of a Sobol sequence over the share of "
            "hurried customers, connectivity and the price of information. Nothing was trained on "
            "them in particular. Where profits are flat, far prices lose little: `regret` is what "
            "a shop's best answer to the others' learned prices would add to its profit.",
            "Counterfactuals: `nobody` adapts is the naive forecast, `customers` adapt by the law "
            "of choice at the learned prices, `all` adapt as the shops have learned to. Errors "
            "are distances from the computed outcome.",
            "Recipes chosen on seeds 10 and 11.",
        ),
        figures=_figures,
    )


def _pricing(number: int) -> Trial:
    return Trial(
        "shops_pricing",
        f"{number} shops, computed {COMPUTED_PRICES[number]:g}",
        (f"market.shops={number}",),
        claims=(Claim("price_error", high=0.015), Claim("collusion", -0.1, 0.1)),
        report=("price",),
    )


def _counterfactual(experiment: str, label: str, *overrides: str) -> Trial:
    claims: list[Claim] = []
    for rise in RISES:
        name = f"counterfactual/{rise}"
        claims += [Claim(f"{name}/{case}/share_error", high=0.01) for case in CASES]
        claims += [
            Claim(f"{name}/rival_price_error", high=0.01),
            Claim(f"{name}/sign_right", low=1.0),
        ]
    return Trial(
        experiment,
        label,
        overrides,
        claims=tuple(claims),
        report=tuple(
            f"counterfactual/{rise}/{what}"
            for rise in RISES
            for what in ("profit_change", "computed_profit_change")
        ),
    )


CASES = ("nobody", "customers", "all")


def leaders() -> Reproduction:
    """The reproduction ``shops_leaders``."""
    return Reproduction(
        "A shop that sets its price first",
        tuple(
            Trial(
                f"shops_leader_{leader}",
                f"{leader} leader",
                claims=(
                    Claim("theta/rival_price", LED_PRICE - 0.03, LED_PRICE + 0.03),
                    Claim("rival_profit", low=NASH_PROFIT - 5e-4),
                ),
                report=("price",),
            )
            for leader in ("ppo", "bayesian", "grid")
        ),
        notes=(
            f"Computed: the leader's price {LED_PRICE}, its profit 0.1217 per customer, against "
            f"{NASH_PROFIT} in the equilibrium of prices set at once: price leadership pays "
            "little here, and the top is flat.",
        ),
    )


def planted() -> Reproduction:
    """The reproduction ``shops_planted``."""
    return Reproduction(
        "Who the customers are, found again from 30,000 choices",
        PLANTED.trials,
        seeds=(0,),
        across=PLANTED.over_least(1.5, LEAST_ERRORS),
        notes=(
            "Prices are given, and nobody learns: customers choose by the law of choice. Half of "
            "them are hurried, and each shop is in reach with chance 0.8. The least standard "
            "errors are those of 30,000 choices (Fisher information), 0.0053 and 0.0060; "
            "`pacesetter identify shops_planted` finds them before anything is calibrated.",
        ),
    )


def _figures(arrays: RunArrays) -> dict[str, Any]:
    from .figures import prices_figure

    return {"shops_prices": prices_figure(arrays[COMPOSITION])}
