"""Households of the equilibrium, disturbed: what is drawn and what is left out."""

from __future__ import annotations

import numpy as np
import torch

from pacesetter.envs.household_economy.equilibrium import household_equilibrium
from pacesetter.envs.household_economy.market import HOUSEHOLD, HouseholdEconomy
from pacesetter.training.studies.household_economy.sensitivity import Disturbed


def test_shares_are_scaled_and_drawn_around_the_best() -> None:
    market = HouseholdEconomy(households=200, periods=3, tax_rule="none")
    equilibrium = household_equilibrium(market, copies=4, most_sweeps=20)
    state, generator = market.reset(0, 4), torch.Generator().manual_seed(0)

    def act(**changes: float) -> np.ndarray:
        return Disturbed(equilibrium, market, **changes).act(state, generator)[HOUSEHOLD]

    best, less, drawn = act(), act(times=0.99), act(deviation=0.1)
    assert np.allclose(less[..., 0], 0.99 * best[..., 0])
    assert np.allclose(less[..., 1], best[..., 1])
    middle = (best[..., 0] > 0.3) & (best[..., 0] < 0.7)
    apart = (drawn - best)[..., 0][middle]
    assert abs(apart.mean()) < 0.01  # of shares in the middle, half of what is drawn
    assert 0.03 < apart.std() < 0.06
    assert drawn.min() >= 0.0 and drawn[..., 1].max() <= 1.0
    greedy = Disturbed(equilibrium, market, deviation=0.1).act(state, generator, greedy=True)
    assert np.array_equal(greedy[HOUSEHOLD], best)
