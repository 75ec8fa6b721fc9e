"""Any market can be certified: one of a user's own, and one whose leader moves θ."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import pacesetter
from pacesetter.envs.core.errors import PacesetterError
from pacesetter.training.certificates.certificate import certificate_of
from pacesetter.training.certificates.gaps import FAILS, HOLDS, UNSURE
from pacesetter.training.certificates.picture import draw
from pacesetter.training.certificates.plan import Plan
from pacesetter.training.certificates.table import markdown
from pacesetter.training.cli import main
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.policies.policies import Policies, Trained

TESTS = Path(pacesetter.__file__).parent / "tests"
SHORT = Plan(2, 4, sobol=2, near=2, seeds=1, iterations=0, minutes=0.0)
SMALL = (
    *("training.copies=4", "training.rollout_steps=8", "training.pretrain_iterations=0"),
    *("training.iterations=2", "training.route=local"),
    *("evaluation.copies=10", "evaluation.episodes=1"),
)
FISHERY = """
market: {name: "user_environment:Fishery"}
objective: {name: welfare}
leader: {name: fixed, theta: {tax: 0.3}}
followers: {discount: 0.9, minibatch_size: 32, hidden_layers: [8]}
"""


def untrained(experiment, theta):
    return Trained(experiment, Policies.untrained(experiment), np.array([theta]))


@pytest.fixture
def fishery(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(TESTS))
    monkeypatch.setitem(sys.modules, "user_environment", None)
    monkeypatch.delitem(sys.modules, "user_environment")
    path = tmp_path / "fishery.yaml"
    path.write_text(FISHERY)
    return path


def test_an_environment_of_a_users_own_has_lower_bounds(fishery, tmp_path):
    experiment = load_experiment(str(fishery), SMALL)
    found = certificate_of(untrained(experiment, 0.3), tmp_path / "work", planned=SHORT)
    (gap,) = found.followers.values()
    assert gap.bound is None and gap.moves and gap.finite
    assert found.verdict in (HOLDS, FAILS, UNSURE)
    assert {"default", "answer"} < set(found.leader.after)
    json.dumps(found.record(), allow_nan=False)


def test_a_leader_that_moves_theta_is_held_to_constant_ones(tmp_path):
    """It is asked whether it would not rather stand still."""
    options = (*SMALL, "market.periods=8", "market.traders=5", "market.capacity=3")
    experiment = load_experiment("market_entry_ppo", options)
    trained = untrained(experiment, 0.05)
    with torch.no_grad():  # a leader that minds what it sees
        list(trained.policies.modules["leader"].actor.parameters())[-2].normal_(std=3.0)
    found = certificate_of(trained, tmp_path / "work", planned=SHORT)
    assert found.subject.leader is trained.policies
    assert math.isfinite(found.leader.best.gain.value)
    assert "default" in found.leader.baselines
    (gap,) = found.followers.values()
    assert gap.bound is not None and not gap.exact
    still = replace(trained, constant=True)
    other = certificate_of(still, tmp_path / "still", planned=SHORT)
    assert other.subject.leader is None
    assert other.leader.before["answer"] != found.leader.before["answer"]


def test_rules_of_the_market_are_baselines_and_never_the_answer(tmp_path):
    """Brackets that move with incomes are no θ: households adapt to them all the same."""
    options = (*SMALL, "market.households=4", "market.periods=8", "followers.minibatch_size=32")
    experiment = load_experiment("household_tax_ppo", options)
    found = certificate_of(
        Trained(experiment, Policies.untrained(experiment), np.full(4, 0.01)),
        tmp_path / "work",
        planned=SHORT,
    )
    assert {"rule_us_federal", "rule_saez"} < set(found.leader.baselines)
    assert not found.leader.rival.name.startswith("rule")
    assert {"rule_us_federal", "rule_saez"} <= set(found.leader.beside_rival)
    assert found.leader.after["rule_saez"] != found.leader.after["default"]
    assert "| rule_saez |  |  |  |  |" in markdown(found)
    assert draw(found.followers, found.leader, found.subject, 1.0).axes


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("{tax_rul: saez}", "tax_rule"),
        ("{tax_rule: best}", "Correct the rule"),
        ("{households: 5}", "followers see or do other things"),
    ],
)
def test_rules_that_the_market_does_not_have_are_refused(rule, said):
    with pytest.raises(PacesetterError, match=said):
        load_experiment("household_tax_ppo", (f"training.rules=[{rule}]",))


def test_training_ends_with_a_refined_answer_and_the_report_says_so(tmp_path, monkeypatch, capsys):
    options = ("market.households=20", "followers.minibatch_size=32", "training.refine=4")
    line = ["train", "labour_tax_bayesian", *SMALL, *options, "leader.candidates=2"]
    run = tmp_path / "run"
    with monkeypatch.context() as patched:
        patched.setattr("pacesetter.training.certificates.leader.learned", _tired)
        assert main([*line, "--runs", str(tmp_path), "--name", "run", "--quiet"]) == 130
    assert f"train --resume {run}" in capsys.readouterr().out
    assert not (run / "refined.json").exists() and not (run / "results.json").exists()
    assert main(["train", "--resume", str(run), "--quiet"]) == 0
    refined = json.loads((run / "refined.json").read_text())
    assert json.loads((run / "answer.json").read_text()) == refined["answer"]
    assert (run / "policies_at_answer" / "household.safetensors").exists()
    results = json.loads((run / "results.json").read_text())
    assert results["theta/tax_progressivity"] == refined["answer"]["tax_progressivity"]
    assert "refined: " in capsys.readouterr().out
    assert results["refined/above/before"] == refined["gain"][0]
    mean, low, high = refined["declared"]["default"]  # over the answer; the answer is below it by
    assert results["refined/above/default_low"] == -high
    assert results["refined/above/default_high"] == -low and low <= mean <= high
    assert main(["train", "--resume", str(run), "--quiet"]) == 0
    assert json.loads((run / "refined.json").read_text()) == refined
    assert json.loads((run / "results.json").read_text()) == results


def _tired(*arguments):
    raise KeyboardInterrupt
