"""A game of another library is trained, interrupted, resumed and evaluated."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from pacesetter.envs.registry import make
from pacesetter.training.evaluation.evaluate import evaluate
from pacesetter.training.reproduction.foreign_environments import RockPaperScissors
from pacesetter.training.reproduction.foreign_study import (
    FOREIGN,
    INTERRUPTION,
    interrupt_and_resume,
    measured,
)
from pacesetter.training.runs.run_folder import RunFolder

GAME = "pacesetter.training.reproduction.foreign_environments:RockPaperScissors"


def test_what_rock_pays_is_paid():
    market = make(GAME)
    rock, paper, scissors = 0, 1, 2
    played = np.array([[rock, scissors], [paper, rock], [scissors, paper], [rock, rock]])
    state = market.reset(0, 4, [3.0])
    step = market.step(state, {"player": played})
    expected = [[3, -3], [1, -1], [1, -1], [0, 0]]
    np.testing.assert_array_equal(step.rewards["player"], expected)
    np.testing.assert_array_equal(step.quantities["decided"], [1, 1, 1, 0])
    seen = market.observe(step.state)["player"]
    np.testing.assert_array_equal(seen[0, 0, :4], np.eye(4)[scissors])
    assert set(RockPaperScissors.quantities) == {"decided"}


def test_rounds_are_decided_most_often_where_rock_pays_as_the_others():
    """In the equilibrium that the class names, which leaves nobody anything to gain."""
    pays = np.linspace(0.25, 4.0, 16)
    for theta in pays:
        game = np.array([[0, -1, theta], [1, 0, -1], [-theta, 1, 0]])
        mixed = np.array([1.0, theta, 1.0]) / (2 + theta)
        np.testing.assert_allclose(game @ mixed, 0.0, atol=1e-12)
    decided = 1 - (2 + pays**2) / (2 + pays) ** 2
    assert pays[decided.argmax()] == 1.0
    assert decided.max() == pytest.approx(2 / 3)


def test_is_trained_interrupted_resumed_and_evaluated(tmp_path):
    (foreign,) = (one for one in FOREIGN if one.wrapper == "RockPaperScissors")
    training = {"copies": 4, "rollout_steps": 10, "pretrain_iterations": 10, "iterations": 30}
    foreign = replace(
        foreign,
        training={**training, "checkpoint_every": 5, "route": "local"},
        evaluation={"copies": 2, "episodes": 2},
    )
    interrupt_and_resume(tmp_path, foreign, "ppo", 0)
    (folder,) = tmp_path.glob("foreign_*_seed_0")
    told = json.loads((folder / INTERRUPTION).read_text())
    assert 20 <= told["iterations"] < 40
    # Episodes have 15 steps: now and then all have just begun, and there is nothing to lose.
    assert len(told["said"]) == (told["iterations"] * training["rollout_steps"] % 15 != 0)
    for said in told["said"]:
        assert "not exact: the episodes under way begin anew" in said
        assert "pettingzoo.classic.rps.rps.raw_env is an EzPickle" in said
    rows = (folder / "history.csv").read_text().splitlines()
    assert len(rows) == 1 + 40
    results = evaluate(RunFolder.open(folder))
    assert results == json.loads((folder / "results.json").read_text())
    figures = measured(folder)
    assert figures["theta"] == results["theta/rock_pays"]
    assert figures["objective"] == results["objective/answer"]
    assert figures["objective_under_default"] == results["objective/default_theta"]
