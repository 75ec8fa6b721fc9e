"""Leaders, objectives and references by the name they have in an experiment file."""

from __future__ import annotations

from typing import Any, Literal

from ..envs.catalogue import Catalogue
from .leader import LeaderSettings
from .objective import Objective
from .references import Reference

LEADERS: Catalogue[LeaderSettings] = Catalogue(
    __package__,
    {
        "fixed": "search:FixedLeader",
        "grid": "search:GridLeader",
        "random": "search:RandomLeader",
        "analytic": "analytic:AnalyticLeader",
        "bayesian": "bayesian:BayesianLeader",
        "ppo": "ppo:PPOLeader",
    },
)

OBJECTIVES: Catalogue[Objective] = Catalogue(
    __package__,
    {
        "welfare": "objectives:Welfare",
        "adversarial": "objectives:Adversarial",
        "quantity": "objectives:QuantityObjective",
        "volatility": "objectives:Volatility",
        "entropy": "objectives:Entropy",
        "calibration": "objectives:Calibration",
        "stylised_facts": "market_design:StylisedFacts",
        "limited": "market_design:Limited",
        "callable": "objectives:CallableObjective",
    },
)

OBJECTIVES_BY_QUANTITY: dict[str, tuple[Literal[1, -1], str]] = {
    "gdp_growth": (1, "Growth of output: the sum over the interval of its relative growth."),
    "gini_product": (-1, "Equality: minus the product of the Gini coefficients, summed."),
    "equality_productivity": (1, "Equality times productivity (Zheng et al. 2022), summed."),
}
"""Names of the objective ``quantity`` for the path quantity of that name: sign and description."""

REFERENCES: Catalogue[Reference] = Catalogue(
    __package__,
    {"moments": "references:Moments", "csv": "references:CsvFile", "planted": "references:Planted"},
)


def objective_of_quantity(name: str) -> dict[str, Any]:
    """What a name of `OBJECTIVES_BY_QUANTITY` stands for, as options of an experiment file."""
    return {"name": "quantity", "quantity": name, "sign": OBJECTIVES_BY_QUANTITY[name][0]}
