"""The study of shops: shops and customers who do what is computed have no error."""

from __future__ import annotations

import numpy as np
import pytest

from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.policies.policies import Policies, Trained
from pacesetter.training.studies.shops import learned
from pacesetter.training.studies.shops.study import figures, measure, rows


class Computed(Policies):
    """Shops that set the computed prices, and order up to the computed level."""

    def act(self, state, generator, greedy=False):
        market = self.market
        if market.customer_choice == "captive":
            level = market.stocking(1.0, market.fixed_prices[0], state.theta[0]).best
            return {"shop": (level - state.stock)[:, :, None]}
        prices = []
        for theta in state.theta:
            held = learned._held(market, theta)
            prices.append(market.competition(theta).equilibrium(held).price[: market.agents])
        return {"shop": np.array(prices)[:, :, None]}


def findings(name, *overrides):
    experiment = load_experiment(name, ["evaluation.copies=20", *overrides])
    policies = Computed.untrained(experiment)
    guide = experiment.guide()
    theta = guide.answer(lambda: experiment.market.characteristics.default)
    return experiment, measure(Trained(experiment, policies, np.asarray(theta)))


def test_computed_prices_have_no_error():
    experiment, found = findings("shops_pricing", "market.shops=2")
    assert found.results["price_error"] < 1e-6
    assert abs(found.results["collusion"]) < 1e-4
    keys = {row.ours for row in rows(experiment)}
    assert {"price", "collusion"} <= keys & set(found.results)


def test_counterfactuals_of_computed_answers_are_the_computed_ones():
    experiment, found = findings("shops_rival_price")
    results = found.results
    assert results["held_out/price_error_largest"] < 1e-6
    for rise in learned.RISES:
        for case in ("nobody", "customers", "all"):
            assert results[f"counterfactual/{rise}/{case}/share_error"] < 1e-4
        assert results[f"counterfactual/{rise}/sign_right"] == 1.0
    assert results["counterfactual/+10%/profit_change"] == pytest.approx(-0.0126, abs=2e-4)
    drawn = figures(experiment, results, found.arrays)
    assert set(drawn) == {"prices", "counterfactual"}


def test_the_best_stock_is_worth_all():
    _, found = findings("shops_base_stock", "evaluation.copies=300")
    assert found.results["order_up_to"] == pytest.approx(14.0)
    assert found.results["value_share"] == pytest.approx(1.0, abs=0.01)


def test_untrained_customers_are_far_from_the_law_of_choice():
    experiment = load_experiment("shops_learning", ["evaluation.copies=4"])
    trained = Trained(experiment, Policies.untrained(experiment), np.array([1.37]))
    assert learned.choice_errors(trained)["choice_error"] > 0.05
