"""Twins meet the same shocks, and advantages over them hold no luck."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.policies.policies import Policies
from pacesetter.training.ppo.advantages import (
    BEYOND_TWINS,
    beyond_twins,
    module_columns,
    training_columns,
)
from pacesetter.training.ppo.backend import LocalBackend
from pacesetter.training.ppo.columns import ADVANTAGES, VALUE_TARGETS
from pacesetter.training.ppo.sampler import Sampler

SMALL = (
    *("market.households=6", "training.copies=6", "training.rollout_steps=5"),
    *("training.route=local", "followers.minibatch_size=16", "followers.hidden_layers=[8]"),
)


def economy(*changes):
    return load_experiment("household_none", (*SMALL, *changes))


def test_what_twins_share_cancels_and_what_one_did_stays():
    """Three twins of two agents, twice: a shock moves all of a set, one row did better by 6."""
    luck = torch.randn(4, 2, 1, 2, generator=torch.Generator().manual_seed(0))
    advantage = (luck + torch.zeros(4, 2, 3, 2)).clone()
    advantage[1, 1, 2, 0] += 6.0
    found = beyond_twins(advantage.reshape(4, 12), agents=2, twins=3).reshape(4, 2, 3, 2)
    assert found[1, 1, 2, 0] == pytest.approx(6.0, abs=1e-5)
    assert found[1, 1, 0, 0] == pytest.approx(-3.0, abs=1e-5)
    rest = found.clone()
    rest[1, 1, :, 0] = 0.0
    assert rest.abs().max() < 1e-5


def test_twins_begin_alike_and_meet_the_same_shocks():
    experiment = economy("training.twins=3")
    sampler = Sampler(experiment)
    began = sampler.game.market_state
    sampler.sample(Policies.untrained(experiment).modules)
    for state, same in ((began, True), (sampler.game.market_state, False)):
        for first in (0, 3):
            for twin in (first + 1, first + 2):
                assert np.array_equal(state.productivity[first], state.productivity[twin])
                assert np.array_equal(state.wealth[first], state.wealth[twin]) == same
        assert not np.array_equal(state.productivity[0], state.productivity[3])


def test_advantages_over_twins_hold_less_luck():
    """Next year's productivity moves a return more than this year's decision does."""
    experiment = economy("training.twins=2", "training.copies=20", "training.rollout_steps=20")
    critic = LocalBackend(experiment)._students["household"].module
    rollout = Sampler(experiment).sample(Policies.untrained(experiment).modules)
    part = rollout.modules["household"]
    assert (part.agents, part.twins) == (6, 2)
    with torch.no_grad():
        own = module_columns(critic, part, 0.95, 0.9)
    # Of two, what is left of either is counted twice.
    assert own[BEYOND_TWINS].std() < own[ADVANTAGES].std()
    weights = {"household": (0.95, 0.9)}
    columns, explained = training_columns({"household": critic}, [rollout], weights)
    learned = columns["household"]
    assert BEYOND_TWINS not in learned
    together = np.corrcoef(learned[ADVANTAGES], own[BEYOND_TWINS])[0, 1]
    assert together == pytest.approx(1.0, abs=1e-5)
    spread = own[VALUE_TARGETS].var(correction=0)
    missed = own[ADVANTAGES].var(correction=0)  # the critic is judged as without twins
    assert explained["household"] == pytest.approx(float(1.0 - missed / spread), abs=1e-5)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (("training.twins=4",), "4 twins do not divide training.copies, 6"),
        (("training.twins=2", "training.route=stock"), "know of no twins"),
    ],
)
def test_twins_that_cannot_be_are_refused(changes, said):
    with pytest.raises(PacesetterError, match=said):
        economy(*changes)
