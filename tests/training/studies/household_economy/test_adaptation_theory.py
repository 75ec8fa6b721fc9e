"""The gain of deciding best among households whose decisions are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from pacesetter.envs.household_economy.equilibrium import decide, household_equilibrium
from pacesetter.envs.household_economy.market import HOUSEHOLD
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.studies.household_economy.adaptation import Deviation, best_deviation

UNTAXED = np.zeros(4)
SMALL = ("market.households=40", "market.periods=25")


class Households:
    """Households that decide by a rule of year and state."""

    def __init__(self, rule: Any) -> None:
        self.rule = rule

    def act(self, state: Any, generator: torch.Generator, greedy: bool = False) -> dict[str, Any]:
        return {HOUSEHOLD: self.rule(int(state.clock[0]), state)}


def deviation(rule: Any) -> Deviation:
    experiment = load_experiment("household_none", SMALL)
    return best_deviation(experiment, Households(rule), UNTAXED)


def test_nothing_is_gained_in_equilibrium_and_much_among_the_thriftless() -> None:
    market = load_experiment("household_none", SMALL).market
    equilibrium = household_equilibrium(market, copies=64, seed=1_000_000)

    def best(year: int, state: Any) -> Any:
        return decide(equilibrium.saving_shares[year], equilibrium.hours[year], state)

    assert abs(deviation(best).gain) < 0.003
    assert abs(deviation(best).saving) < 0.003
    half = deviation(lambda year, state: np.full((*state.wealth.shape, 2), 0.5))
    assert half.gain > 0.05


def test_who_saves_a_little_too_little_is_told_by_how_much() -> None:
    """One percent of the best share; and as others' is less too, wages are, and more is best."""
    market = load_experiment("household_none", SMALL).market
    equilibrium = household_equilibrium(market, copies=64, seed=1_000_000)
    shares = []

    def less(year: int, state: Any) -> Any:
        chosen = decide(equilibrium.saving_shares[year], equilibrium.hours[year], state)
        shares.append(chosen[:, :, 0].mean())
        return chosen * [0.99, 1.0]

    found = deviation(less)
    assert 0.01 * np.mean(shares) < found.saving < 0.05


def test_the_gain_is_the_share_of_consumption_that_is_worth_as_much() -> None:
    """Working all day is best for almost all; idling costs what the decisions say it does."""
    idle = deviation(lambda year, state: np.full((*state.wealth.shape, 2), [0.6, 0.05])).gain
    working = deviation(lambda year, state: np.full((*state.wealth.shape, 2), [0.6, 0.9])).gain
    assert idle > working > 0
