"""Leaders, objectives and references by the name they have in an experiment file."""

from __future__ import annotations

from typing import Any, Literal

from ..envs.core.catalogue import Catalogue
from .leader import LeaderSettings
from .objectives.objective import Objective
from .objectives.references import Reference

LEADERS: Catalogue[LeaderSettings] = Catalogue(
    __package__,
    {
        "fixed": "search.fixed:FixedLeader",
        "grid": "search.grid:GridLeader",
        "random": "search.random_search:RandomLeader",
        "analytic": "search.analytic:AnalyticLeader",
        "bayesian": "search.bayesian:BayesianLeader",
        "ppo": "policy.ppo:PPOLeader",
        "gradient": "gradient.gradient:GradientLeader",
        "variational": "gradient.variational:VariationalLeader",
        "moments": "gradient.moments:MomentsLeader",
        "adversarial": "gradient.adversarial:AdversarialLeader",
        "world": "world.world:WorldLeader",
    },
    group="pacesetter.leaders",
)

OBJECTIVES: Catalogue[Objective] = Catalogue(
    __package__,
    {
        "welfare": "objectives.general:Welfare",
        "adversarial": "objectives.general:Adversarial",
        "quantity": "objectives.general:QuantityObjective",
        "volatility": "objectives.general:Volatility",
        "entropy": "objectives.entropy:Entropy",
        "calibration": "objectives.calibration:Calibration",
        "stylised_facts": "objectives.calibration:StylisedFacts",
        "limited": "objectives.limited:Limited",
        "mmd": "objectives.discrepancy:MeanDiscrepancy",
        "statistics": "objectives.statistics:Statistics",
        "callable": "objectives.general:CallableObjective",
    },
    group="pacesetter.objectives",
)

OBJECTIVES_BY_QUANTITY: dict[str, tuple[Literal[1, -1], str]] = {
    "gdp_growth": (1, "Growth of output: the sum over the interval of its relative growth."),
    "gini_product": (-1, "Equality: minus the product of the Gini coefficients, summed."),
    "equality_productivity": (1, "Equality times productivity (Zheng et al. 2022), summed."),
}
"""Names of the objective ``quantity`` for the path quantity of that name: sign and description."""

REFERENCES: Catalogue[Reference] = Catalogue(
    __package__,
    {
        "moments": "objectives.references:Moments",
        "csv": "objectives.references:CsvFile",
        "planted": "objectives.references:Planted",
        "paths": "objectives.path_reference:CsvPaths",
        "planted_paths": "objectives.path_reference:PlantedPaths",
        "prices": "objectives.real_data:Prices",
        "index": "objectives.real_data:Index",
        "statistics": "objectives.statistics:StatisticsFile",
    },
)


def objective_of_quantity(name: str) -> dict[str, Any]:
    """What a name of `OBJECTIVES_BY_QUANTITY` stands for, as options of an experiment file."""
    return {"name": "quantity", "quantity": name, "sign": OBJECTIVES_BY_QUANTITY[name][0]}
