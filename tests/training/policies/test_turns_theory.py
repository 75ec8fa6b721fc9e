"""A policy leader that moves θ by steps: where it stands, what it sees, and where it ends."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.loop.trainer import train
from pacesetter.training.policies.policies import Policies
from pacesetter.training.policies.turns import Turns
from pacesetter.training.runs.run_folder import RunFolder

STEPS = ["leader.largest_step=0.1", "leader.initial_theta=null"]


def test_a_step_goes_on_from_the_theta_in_force_and_stays_inside():
    experiment = load_experiment("duopoly_ppo", STEPS)
    market = experiment.market
    space, turns = market.characteristics, Turns(market, experiment.leader.policy)
    state = market.reset(0, 3, np.array([[2.0], [space.high[0]], [5.0]]))
    moved = turns.theta(state, np.array([[0.5], [1.0], [-7.0]], dtype=np.float32))
    width = (space.high - space.low)[0]
    expected = [2.0 + 0.05 * width, space.high[0], 5.0 - 0.1 * width]
    np.testing.assert_allclose(moved[:, 0], expected)
    seen = turns.sees(state)
    assert seen.dtype == np.float32 and turns.observation_space.shape == seen.shape[1:]
    np.testing.assert_allclose(seen[:, -1], 2.0 * space.to_unit(state.theta)[:, 0] - 1.0, rtol=1e-6)


def test_an_untrained_leader_of_steps_hardly_moves_theta():
    experiment = load_experiment("duopoly_ppo", STEPS)
    state = experiment.market.reset(0, 2, np.array([[3.0], [8.0]]))
    with torch.inference_mode():
        moved = Policies.untrained(experiment).theta(state)
    assert np.abs(moved - state.theta).max() < 0.05


def test_steps_find_the_stackelberg_quantity(tmp_path):
    small = [
        "training.route=local", "training.pretrain_iterations=40", "training.iterations=120",
        "training.copies=32", "leader.learning_rate=3e-3", "leader.interval=1",
        "leader.discount=0.5", *STEPS,
    ]  # fmt: skip
    experiment = load_experiment("duopoly_ppo", small)
    outcome = train(RunFolder.create(tmp_path, experiment), quiet=True)
    assert abs(outcome.theta[0] - 6.0) < 0.6  # Cournot: 4


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("training.route=stock", "a leader's action is θ itself"),
        ("leader.initial_theta={leader_quantity: 3.0}", "Leave one of the two out"),
        ("leader.largest_step=1.5", "largest_step"),
    ],
)
def test_steps_that_cannot_be_are_refused(override, words):
    with pytest.raises(PacesetterError, match=words):
        load_experiment("duopoly_ppo", [*STEPS, override]).guide()
