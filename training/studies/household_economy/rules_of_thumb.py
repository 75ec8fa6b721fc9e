"""Households that decide by rule of thumb: what a learned policy of the full economy must beat.

A constant policy saves one share of its resources and works the same hours in every year, under
one tax. The best of a grid is found by playing all of them at once, one economy per parallel copy;
those that did best play again, in many more economies, which say which of them is best and how good
it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from ....envs.household_economy.market import HOUSEHOLD, HouseholdEconomy

SAVING_SHARES = (0.6, 0.7, 0.8, 0.85, 0.9, 0.925, 0.95, 0.965, 0.98)
HOURS = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.7)
TAX_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the largest tax levels and progressivities
ECONOMIES = 4  # per policy in the first round
FINALISTS = 8  # policies in the second
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """What a way of deciding is worth.

    Attributes:
        welfare_of_horizon: welfare per household and year of the horizon; years after the economy
            has ended count 0. Per year *lived* it would be best to eat up everything and end.
        welfare: per household and year lived.
        years_survived: per episode.
    """

    welfare_of_horizon: float
    welfare: float
    years_survived: float


@dataclass(frozen=True)
class ConstantPolicy:
    """A saving share, hours, and the tax it lives under, with its outcome."""

    saving_share: float
    hours: float
    tax_share: float
    outcome: Outcome


def best_constant_policy(market: HouseholdEconomy, seed: int, copies: int = 64) -> ConstantPolicy:
    """The constant policy of the largest welfare over the horizon, on the grid above.

    Args:
        market: an economy whose tax rule reads θ.
        seed: of the first economy; every policy meets the same ones.
        copies: economies of the second round, whose outcome is reported. A few economies flatter
            the policy that they choose.
    """
    grid = np.array(list(product(SAVING_SHARES, HOURS, TAX_SHARES)))
    totals = np.zeros((2, len(grid)))
    for economy in range(ECONOMIES):
        alike = market.reset(seed + economy).take(np.zeros(len(grid), dtype=np.int64))
        state = market.set_characteristics(alike, _taxes(market, grid[:, 2]))
        totals += _lived(market, state, _every_household(market, grid[:, :2]))
    judged = []
    for saving, hours, tax in grid[np.argsort(-totals[0], kind="stable")[:FINALISTS]].tolist():
        state = market.set_characteristics(
            market.reset(seed, copies), _taxes(market, np.full(copies, tax))
        )
        decisions = _every_household(market, np.tile([saving, hours], (copies, 1)))
        outcome = _outcome(market, _lived(market, state, decisions).sum(axis=1), copies)
        judged.append(ConstantPolicy(saving, hours, tax, outcome))
    return max(judged, key=lambda policy: policy.outcome.welfare_of_horizon)


def random_households(market: HouseholdEconomy, seed: int, copies: int = 64) -> Outcome:
    """Households that draw saving and hours evenly in every year, under the market's default θ."""
    totals = _lived(market, market.reset(seed, copies), None, seed).sum(axis=1)
    return _outcome(market, totals, copies)


def _every_household(market: HouseholdEconomy, decisions: Floats) -> Floats:
    """The same decisions ``(B, 2)`` for all households of an economy, ``(B, N, 2)``."""
    return np.repeat(decisions[:, None, :], market.households, axis=1)


def _taxes(market: HouseholdEconomy, shares: Floats) -> Floats:
    """θ with all taxes at a share of their largest value, and no government spending."""
    entries = market.characteristics.entries
    largest = np.array([0.0 if e.name == "spending_share" else e.high for e in entries])
    return shares[:, None] * largest


def _lived(market: HouseholdEconomy, state: Any, decisions: Floats | None, seed: int = 0) -> Floats:
    """Sums of welfare and of years over the lived years of every copy, ``(2, B)``.

    Args:
        market: the economy.
        state: at the start of an episode.
        decisions: saving shares and hours, ``(B, N, 2)``; None: drawn evenly every year.
        seed: of those draws.
    """
    space = market.groups[0].action_space
    assert isinstance(space, Box)
    generator = np.random.default_rng(seed)
    rows = np.arange(len(state.clock))  # of the economies that still go on
    sums = np.zeros((2, len(rows)))
    for _ in range(market.steps_per_episode):
        chosen = decisions
        if chosen is None:
            chosen = generator.uniform(space.low, space.high, (len(rows), market.households, 2))
        step = market.step(state, {HOUSEHOLD: chosen})
        state = step.state
        sums[:, rows] += np.stack([step.quantities["welfare"], np.ones(len(rows))])
        if step.terminated.any():
            going = ~step.terminated
            rows, state = rows[going], state.take(going)
            decisions = None if decisions is None else decisions[going]
            if not len(rows):
                break
    return sums


def _outcome(market: HouseholdEconomy, totals: Floats, episodes: int) -> Outcome:
    welfare, years = totals
    return Outcome(
        welfare_of_horizon=float(welfare / (episodes * market.steps_per_episode)),
        welfare=float(welfare / years),
        years_survived=float(years / episodes),
    )
