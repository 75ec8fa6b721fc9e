"""Nothing is learned from the actions of followers who are idle."""

from __future__ import annotations

import numpy as np

from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.policies.policies import Policies
from pacesetter.training.ppo.advantages import training_columns
from pacesetter.training.ppo.backend import LocalBackend
from pacesetter.training.ppo.columns import OBSERVATIONS, VALUE_TARGETS
from pacesetter.training.ppo.sampler import Sampler

ASKED = 1  # entry of a dealer's observation


def test_only_dealers_who_are_asked_are_learned_from():
    experiment = load_experiment("otc_rfq_learning", ["training.copies=6", "market.dealers=4"])
    rollout = Sampler(experiment.bound()).sample(Policies.untrained(experiment).modules)
    seen = rollout.modules["dealer"].observations
    backend = LocalBackend(experiment)
    critics = {name: student.module for name, student in backend._students.items()}
    columns, _ = training_columns(critics, [rollout], {"dealer": (0.0, 0.95)})
    learned = columns["dealer"][OBSERVATIONS].numpy()
    assert 0 < len(learned) == (seen[..., ASKED] == 1.0).sum() < seen[..., ASKED].size
    assert (learned[:, ASKED] == 1.0).all()
    earned = rollout.modules["dealer"].rewards[seen[..., ASKED] == 1.0]
    assert np.allclose(columns["dealer"][VALUE_TARGETS].numpy(), earned, atol=1e-6)
