"""The study of requests for quote: dealers in equilibrium have no error."""

from __future__ import annotations

import numpy as np
import pytest

from pacesetter.envs.registry import make
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.policies.policies import Policies, Trained
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
    assert {row.ours for row in rows(experiment)} <= set(found.results)
    assert set(figures(experiment, found.results, found.arrays)) == {"quotes"}


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
