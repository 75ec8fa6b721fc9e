"""The gain of deciding best among households whose decisions are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from pacesetter.envs.household_economy.equilibrium import decide, household_equilibrium
from pacesetter.envs.household_economy.market import HOUSEHOLD
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.policies.policies import Trained
from pacesetter.training.studies.household_economy.adaptation import best_response_gain

UNTAXED = np.zeros(4)
SMALL = ("market.households=40", "market.periods=25")


class Households:
    """Households that decide by a rule of year and state."""

    has_leader = False

    def __init__(self, rule: Any) -> None:
        self.rule = rule

    def act(self, state: Any, generator: torch.Generator, greedy: bool = False) -> dict[str, Any]:
        return {HOUSEHOLD: self.rule(int(state.clock[0]), state)}


def gain(rule: Any) -> float:
    experiment = load_experiment("household_none", SMALL)
    policies: Any = Households(rule)
    return best_response_gain(Trained(experiment, policies, UNTAXED), UNTAXED)


def test_nothing_is_gained_in_equilibrium_and_much_among_the_thriftless() -> None:
    market = load_experiment("household_none", SMALL).market
    equilibrium = household_equilibrium(market, copies=64, seed=1_000_000)

    def best(year: int, state: Any) -> Any:
        return decide(equilibrium.saving_shares[year], equilibrium.hours[year], state)

    assert abs(gain(best)) < 0.003
    half = gain(lambda year, state: np.full((*state.wealth.shape, 2), 0.5))
    assert half > 0.05


def test_the_gain_is_the_share_of_consumption_that_is_worth_as_much() -> None:
    """Working all day is best for almost all; idling costs what the decisions say it does."""
    idle = gain(lambda year, state: np.full((*state.wealth.shape, 2), [0.6, 0.05]))
    working = gain(lambda year, state: np.full((*state.wealth.shape, 2), [0.6, 0.9]))
    assert idle > working > 0
