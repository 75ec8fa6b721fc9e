"""The study of requests for quote: dealers in equilibrium have no error."""

from __future__ import annotations

import numpy as np
import pytest

from pacesetter.envs.otc_rfq.power import quantile
from pacesetter.envs.registry import make
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.policies.policies import Policies, Trained
from pacesetter.training.studies.otc_rfq.circle import FITTED, circle, moments
from pacesetter.training.studies.otc_rfq.study import figures, measure, rows
from pacesetter.training.studies.otc_rfq.tables import planted


class Equilibrium(Policies):
    """Dealers who quote β(c), or a share more of the mark-up."""

    more = 0.0

    def act(self, state, generator, greedy=False):
        game = self.market.auction(state.theta[0])
        cost = self.market._cost(state)
        return {"dealer": ((1.0 + self.more) * (game.quote(cost) - cost))[:, :, None]}


def measured(more):
    experiment = load_experiment("otc_rfq_learning", [])
    policies = Equilibrium.untrained(experiment)
    policies.more = more
    return experiment, measure(Trained(experiment, policies, np.array([3.0, 1.0, 0.5])))


def test_the_equilibrium_has_no_error():
    experiment, found = measured(0.0)
    assert found.results["default/5/error"] < 1e-9
    assert found.results["default/5/profit_share"] == pytest.approx(1.0)
    assert found.results["largest_gain"] < 1e-3
    for cost, asked in (("0.02", 8), ("0.05", 5), ("0.1", 3)):
        assert found.results[f"ask/{cost}"] == asked
    assert found.results["surplus/1"] == pytest.approx(0.1897, abs=5e-4)
    assert found.results["surplus/9"] == pytest.approx(0.8255, abs=5e-4)
    away = {k: v for k, v in found.results.items() if k.endswith("/errors_away")}
    assert all(abs(away[f"circle/{fitted}/errors_away"]) < 0.1 for fitted in FITTED)
    assert away["circle/mean_traded_price/errors_away"] < -5.0  # a cost is a floor, noise has none
    assert {row.ours for row in rows(experiment)} <= set(found.results)
    assert set(figures(experiment, found.results, found.arrays)) == {"quotes"}


def test_the_circle_of_random_quotes_closes():
    law, client = np.array([1.0, 0.6, 1.2]), (0.5, 1.0, 1.5)
    np.testing.assert_allclose(moments(law, client, 5), [0.6134, 0.5358, 0.4979], atol=2e-4)
    quotes = quantile((np.arange(4000) + 0.5) / 4000, *law)
    found = circle(quotes, client, 5)
    fitted = [found[f"circle/fit/{n}"] for n in ("offer_mean", "offer_scale", "offer_shape")]
    np.testing.assert_allclose(fitted, law, atol=0.06)
    assert max(abs(v) for k, v in found.items() if k.endswith("/errors_away")) < 2.5


def test_dear_quotes_are_found_out():
    _, found = measured(0.5)
    assert found.results["default/5/error"] > 0.04
    assert found.results["default/5/profit_share"] < 0.97
    assert found.results["largest_gain"] > 0.05


def test_the_table_of_observations():
    table = planted()
    names = make("otc_rfq").characteristics.names
    results = {
        trial.name: [
            {f"theta/{n}": v for n, v in zip(names, (1.0, 0.6, 1.3), strict=True)}
            | {f"theta_standard_error/{n}": 0.06 for n in names}
        ]
        for trial in table.trials
    }
    figures = {claim.label: float(claim.value(results)[0]) for claim in table.across}
    assert figures["root mean square error of offer_shape"] == pytest.approx(0.1)
    assert figures["share of observations within 1.96 standard errors of offer_shape"] == 1.0
