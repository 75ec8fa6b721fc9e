"""Followers trained beside an answer tell whether it is an optimum; the duopoly's are known."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.registry import make
from pacesetter.training.cli import main
from pacesetter.training.evaluation.around import around, neighbours
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.policies.policies import Trained

MARKET = make("duopoly")
SHORT = (
    *("training.route=local", "training.pretrain_iterations=2", "training.iterations=6"),
    *("evaluation.copies=2", "evaluation.episodes=1"),
)


class BestAnswers:
    """Followers of the duopoly who do their best."""

    has_leader = False

    def act(self, state, generator, greedy=False):
        return {"follower": MARKET.best_response(state.theta)[:, :, None]}


def duopoly(theta, experiment="duopoly_fixed", options=("leader.theta.leader_quantity=6.0",)):
    return Trained(load_experiment(experiment, options), BestAnswers(), np.array([theta]))


def certified(theta, share=0.1):
    trained = duopoly(theta)
    return around(trained, share, lambda theta, name: duopoly(float(theta[0])))


@pytest.mark.parametrize(("theta", "optimum"), [(6.0, 1.0), (4.0, 0.0), (7.0, 0.0), (6.3, 1.0)])
def test_slope_and_top_are_those_of_the_leaders_profit(theta, optimum):
    """R = θ (12 − θ) / 2, so that R' = 6 − θ and the top is 6; neighbours are 1 away."""
    found = certified(theta)
    name = "around/leader_quantity"
    assert found[f"{name}/slope"] == pytest.approx(6.0 - theta)
    assert found[f"{name}/slope_standard_error"] == pytest.approx(0.0, abs=1e-9)
    assert found[f"{name}/optimum"] == pytest.approx(6.0)
    assert found[f"{name}/below"] == pytest.approx((theta - 1.0) * (13.0 - theta) / 2)
    assert found["around/local_optimum"] == optimum


def test_at_a_bound_there_is_one_neighbour():
    found = certified(10.0)
    assert found["around/leader_quantity/above"] == pytest.approx(10.0)
    assert found["around/leader_quantity/slope"] == pytest.approx(10.0 - 13.5)
    assert "around/leader_quantity/optimum" not in found
    assert found["around/local_optimum"] == 0.0


def test_with_an_interrupted_neighbour_nothing_is_said():
    assert around(duopoly(6.0), 0.1, lambda theta, name: None) is None


def test_a_neighbour_that_is_not_allowed_is_refused():
    """A household tax may not be more progressive than it is high."""
    experiment = load_experiment("household_tax_bayesian", ["market.budget=discard"])
    trained = Trained(experiment, BestAnswers(), experiment.market.characteristics.default)
    with pytest.raises(PacesetterError, match=r"is not allowed beside.*smaller --around, or 0"):
        neighbours(trained, 0.5)


def test_for_the_gradient_leader_followers_are_retrained_on_both_sides(tmp_path):
    line = ["train", "duopoly_gradient", *SHORT, "--runs", str(tmp_path), "--name", "run"]
    assert main([*line, "--quiet"]) == 0
    run = tmp_path / "run"
    assert main(["certify", str(run), "--retrain", "--quiet", "--around", "0"]) == 0
    assert not (run / "retrained_around").exists()
    assert main(["certify", str(run), "--retrain", "--quiet"]) == 0
    found = json.loads((run / "retrained.json").read_text())
    assert found["leader_gap"] == pytest.approx(
        found["objective/as_trained"] - found["objective/retrained"]
    )
    answer = json.loads((run / "answer.json").read_text())["leader_quantity"]
    trained_at = [
        load_experiment(run / "retrained_around" / name / "config.yaml").leader.theta
        for name in ("leader_quantity_below", "leader_quantity_above")
    ]
    at = [theta["leader_quantity"] for theta in trained_at]
    assert at == pytest.approx([max(0.0, answer - 1.0), min(10.0, answer + 1.0)])
    rise = found["around/leader_quantity/above"] - found["around/leader_quantity/below"]
    assert found["around/leader_quantity/slope"] == pytest.approx(rise / (at[1] - at[0]))
