"""The study of shops: learned prices, stock, choices and counterfactuals against computed ones."""

from __future__ import annotations

from matplotlib.figure import Figure

from ....envs.shops.market import Shops
from ...experiments.experiment import Experiment
from ...policies.policies import Trained
from ..study import Arrays, Findings, Row, Study
from .figures import counterfactual_figure, prices_figure
from .learned import (
    RISES,
    at_the_answer,
    choice_errors,
    conditional_errors,
    counterfactuals,
    stocking,
)

CASES = {"nobody": "nobody adapts", "customers": "customers adapt", "all": "all adapt"}


def measure(trained: Trained) -> Findings:
    """Everything that the market's options give a computed answer to."""
    market = trained.experiment.market
    assert isinstance(market, Shops)
    findings = Findings()
    if market.customer_choice == "captive":
        findings.results.update(stocking(trained))
        return findings
    if not _priced(market):
        return findings
    findings.results.update(at_the_answer(trained))
    if market.customer_choice == "learning":
        findings.results.update(choice_errors(trained))
    if _conditional(trained.experiment):
        results, arrays = conditional_errors(trained)
        findings.results.update(results)
        findings.arrays.update(arrays)
    if market.design == "rival_price":
        findings.results.update(counterfactuals(trained))
    return findings


def _priced(market: Shops) -> bool:
    """Whether shops set prices whose equilibrium is computed."""
    return not (market.stock_held or market.shop_types == "drawn" or market.fixed_prices)


def _conditional(experiment: Experiment) -> bool:
    """Whether followers have met many θ."""
    return experiment.training.random_theta_share > 0.0


def rows(experiment: Experiment) -> list[Row]:
    """Ours beside the computed figures."""
    market = experiment.market
    assert isinstance(market, Shops)
    if market.customer_choice == "captive":
        figures = market.benchmark()
        return [
            Row("value per step", "value", f"{figures['value_per_step']:.3f}", "base stock"),
            Row("ordered up to", "order_up_to", f"{figures['order_up_to']:g}", "base stock"),
        ]
    if not _priced(market):
        return []
    table = [
        Row("price", "price"),
        Row("price of the computed equilibrium", "computed/price"),
        Row("farthest price, share of it", "price_error", "0", "equilibrium"),
        Row("profit per customer", "profit"),
        Row("share of the way to a cartel's profit", "collusion", "0", "equilibrium"),
        Row("profit of the leading shop", "rival_profit"),
        Row("distance from the law of choice", "choice_error", "0", "logit"),
        Row("price error at other θ, mean", "held_out/price_error_mean", "0", "equilibrium"),
        Row("regret at other θ, mean share of profit", "held_out/regret_mean", "0", "equilibrium"),
        Row("price error at other θ, largest", "held_out/price_error_largest", "0", "equilibrium"),
    ]
    if market.design == "rival_price":
        for label in RISES:
            for case, text in CASES.items():
                name = f"counterfactual/{label}/{case}/share"
                table.append(Row(f"share of the last shop, price {label}, {text}", name))
    return table


def figures(experiment: Experiment, results: dict[str, float], arrays: Arrays) -> dict[str, Figure]:
    """Learned over computed prices, and the bars of the counterfactual."""
    drawn = {}
    if "held_out/learned" in arrays:
        drawn["prices"] = prices_figure([arrays])
    if any(name.startswith("counterfactual/") for name in results):
        drawn["counterfactual"] = counterfactual_figure([results])
    return drawn


SHOPS_STUDY = Study(measure, rows, figures)
