"""How a policy's actions reach the bounds of a market's action space."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.policies.actions import GROWTH, from_action_space, to_action_space
from pacesetter.training.policies.policies import Policies


@pytest.mark.parametrize("bounds", ["clipped", "smooth", "proportional"])
@pytest.mark.parametrize("action", [(0.9, 0.33), (0.501, 0.99)])
def test_an_untrained_policy_starts_at_its_initial_action(bounds, action):
    overrides = [f"followers.initial_action={list(action)}", f"followers.action_bounds={bounds}"]
    experiment = load_experiment("household_taxai_ppo", overrides)
    state = experiment.market.reset(0, 2)
    policies = Policies.untrained(experiment)
    played = policies.act(state, torch.Generator(), greedy=True)["household"]
    assert np.abs(played - action).max() < 0.02  # the network's last layer starts small


def test_an_untrained_leader_starts_at_its_initial_theta():
    start = "{income_tax_level: 0.1, wealth_tax_level: 0.05}"
    experiment = load_experiment("household_taxai_ppo", [f"leader.initial_theta={start}"])
    theta = Policies.untrained(experiment).theta(experiment.market.reset(0, 2))
    widths = experiment.market.characteristics.high
    assert (np.abs(theta - [0.1, 0.0, 0.05, 0.0, 0.0]) < 0.02 * widths).all()


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ("{income_tax: 0.1}", "income_tax_level"),
        ("{income_tax_level: 0.3}", r"\[0, 0.2\], got 0.3"),
    ],
)
def test_an_initial_theta_that_the_market_does_not_have_is_refused(start, words):
    with pytest.raises(PacesetterError, match=words):
        load_experiment("household_taxai_ppo", [f"leader.initial_theta={start}"])


def test_bent_actions_stay_inside_and_are_undone():
    space = Box(np.array([0.0, -2.0]), np.array([1.0, 6.0]), dtype=np.float64)
    raw = np.array([[-9.0, 0.3], [0.0, 9.0], [-0.8, 0.0]])
    bent = to_action_space(raw, space, "smooth")
    assert (bent >= space.low).all() and (bent <= space.high).all()
    assert np.allclose(bent[2], [0.5 * (1 + np.tanh(-0.8)), 2.0])
    assert np.allclose(from_action_space(bent[2], space, "smooth"), raw[2])
    cut = to_action_space(raw, space, "clipped")
    assert np.allclose(cut, [[0.0, 3.2], [0.5, 6.0], [0.1, 2.0]])
    assert np.allclose(from_action_space(cut[2], space, "clipped"), raw[2])


def test_proportional_steps_grow_with_the_distance_from_the_lower_bound():
    space = Box(np.array([1.0]), np.array([3.5]), dtype=np.float64)
    raw = np.array([[-2.0], [-1.0], [-0.5], [0.0], [0.5], [1.0], [1.5]])
    reached = to_action_space(raw, space, "proportional")[:, 0]
    assert reached[0] == reached[1] == 1.0 and reached[-1] == reached[-2] == 3.5
    widths = np.diff(reached[1:-1])
    assert np.allclose(widths[1:] / widths[:-1], np.exp(0.25 * GROWTH))
    assert np.allclose(from_action_space(reached[3:4], space, "proportional"), raw[3])


@pytest.mark.parametrize("bounds", ["smooth", "proportional"])
def test_bent_bounds_are_refused_on_the_stock_route(bounds):
    overrides = [f"followers.action_bounds={bounds}", "training.route=stock"]
    with pytest.raises(PacesetterError, match="runners clip actions"):
        load_experiment("household_saving", overrides)
