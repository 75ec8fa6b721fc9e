"""What another θ would do: who adapts, who does not, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.training.evaluation import counterfactual as module
from pacesetter.training.evaluation.counterfactual import counterfactual
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.policies.policies import Trained


class Answering:
    """Followers of the duopoly who answer the quantity that they see, 6 − q / 2."""

    has_leader = False

    def __init__(self, market):
        self.market = market

    def act(self, state, generator, greedy=False):
        torch.rand(1, generator=generator)
        return {"follower": (6.0 - state.theta[:, :, None] / 2.0) / 1.0}


class Run:
    """As much of a run folder as is asked for."""

    def __init__(self, path, experiment):
        self.path, self.experiment = path, experiment


@pytest.fixture
def run(tmp_path, monkeypatch):
    experiment = load_experiment(
        "duopoly_fixed", ["leader.theta.leader_quantity=4.0", "evaluation.copies=3"]
    )
    trained = Trained(experiment, Answering(experiment.market), np.array([4.0]))
    monkeypatch.setattr(module, "load_trained", lambda run: trained)
    return Run(tmp_path, experiment)


def test_the_lucas_critique_of_a_duopoly(run):
    """Price 12 − q_L − q_F. A leader that goes from 4 to 6 expects 6 (12 − 6 − 4) = 12 of followers
    who stay at Cournot's 4, and earns 6 (12 − 6 − 3) = 18 of those who answer."""
    found = counterfactual(run, {"leader_quantity": 6.0})
    assert found.cases == ("before", "nobody adapts", "all adapt")
    means = {case: mean for case, (mean, _) in found.outcomes["objective"].items()}
    assert means == pytest.approx({"before": 16.0, "nobody adapts": 12.0, "all adapt": 18.0})
    written = json.loads((run.path / "counterfactual.json").read_text())
    assert written["new"] == {"leader_quantity": 6.0}
    assert written["outcomes"]["objective"]["all adapt"]["mean"] == pytest.approx(18.0)
    assert (run.path / "counterfactual.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("theta", "groups", "message"),
    [
        ({"leader_quantit": 6.0}, (), "did you mean 'leader_quantity'"),
        ({"leader_quantity": 60.0}, (), "must lie in"),
        ({"leader_quantity": 4.0}, (), "nothing changes"),
        ({}, (), "nothing changes"),
        ({"leader_quantity": 6.0}, ("folower",), "did you mean 'follower'"),
    ],
)
def test_questions_without_an_answer_are_refused(run, theta, groups, message):
    with pytest.raises(PacesetterError, match=message):
        counterfactual(run, theta, groups)
    assert not list(run.path.iterdir())


def test_groups_that_do_not_adapt_see_the_old_theta():
    experiment = load_experiment(
        "shops_learning", ["market.customers=4", "followers.hidden_layers=[4]"]
    )
    market = experiment.market
    policies = module.Policies.untrained(experiment)
    old, new = np.array([1.2]), np.array([2.4])
    state = market.reset(10, 5, new)
    generator = torch.Generator().manual_seed(0)

    def actions(theta, adapting):
        at = market.with_theta(state, np.tile(theta, (5, 1)))
        generator.manual_seed(0)
        return module.Unaware(policies, market, old, frozenset(adapting)).act(at, generator)

    everybody = actions(new, {"shop", "customer"})
    nobody = actions(new, set())
    shops = actions(new, {"shop"})
    np.testing.assert_array_equal(shops["shop"], everybody["shop"])
    np.testing.assert_array_equal(shops["customer"], nobody["customer"])
    before = actions(old, {"shop", "customer"})
    np.testing.assert_array_equal(nobody["shop"], before["shop"])
    assert (nobody["shop"] != everybody["shop"]).any()
