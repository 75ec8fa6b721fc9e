"""The computed equilibrium of the household economy against what is known exactly."""

from __future__ import annotations

import numpy as np
import pytest

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.core.state import changed
from pacesetter.envs.household_economy.bellman import (
    CHANCES,
    LOG_PRODUCTIVITY,
    PRODUCTIVITY_POINTS,
    WEALTH,
    WEALTH_POINTS,
    year_before,
)
from pacesetter.envs.household_economy.equilibrium import household_equilibrium
from pacesetter.envs.household_economy.market import HOUSEHOLD, HouseholdEconomy
from pacesetter.envs.household_economy.production import PERSISTENCE

BETA = 0.95
UNTAXED = (0.0, 0.0, 0.0, 0.0)
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]


def backwards(wage: float, theta: tuple[float, ...], years: int, lump_sum: float = 0.0) -> Arrays:
    """Value, saving shares and hours with so many years of the same kind ahead."""
    table = (WEALTH_POINTS, PRODUCTIVITY_POINTS)
    value = np.log(0.05 * WEALTH[:, None] + 0.5 * wage + 0.01 + np.zeros(table)) / (1 - BETA)
    share, hours = np.zeros(table), np.full(table, 0.7)
    for _ in range(years):
        value = year_before(value, wage, lump_sum, 0.05, theta, CHANCES, BETA, share, hours)
    return value, share, hours


def test_without_wages_households_save_the_discount_factor() -> None:
    _, share, hours = backwards(wage=0.0, theta=UNTAXED, years=300)
    rich = slice(40, 95)  # away from the ends of the grid
    assert share[rich] == pytest.approx(BETA, abs=0.003)
    assert hours[rich] == pytest.approx(0.01, abs=1e-3)


def test_chances_have_the_mean_of_the_process() -> None:
    assert CHANCES.sum(axis=1) == pytest.approx(1.0, abs=1e-12)
    middle = slice(3, -3)
    expected = PERSISTENCE * LOG_PRODUCTIVITY[middle]
    assert CHANCES[middle] @ LOG_PRODUCTIVITY == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("theta", [UNTAXED, (0.2, 0.3, 0.02, 0.01)], ids=["untaxed", "taxed"])
def test_no_decision_of_a_fine_grid_is_better(theta: tuple[float, ...]) -> None:
    wage, lump_sum = 1.2, 0.1
    value, *_ = backwards(wage, theta, 40, lump_sum)
    share, hours = np.zeros_like(value), np.full_like(value, 0.7)
    earlier = year_before(value, wage, lump_sum, 0.05, theta, CHANCES, BETA, share, hours)
    tilted = np.exp((1 - BETA) * value @ CHANCES.T)
    tau, xi, tau_a, xi_a = theta
    p, h = np.meshgrid(np.linspace(0, 0.99, 400), np.linspace(0.01, 1, 200))
    for k, z in ((0, 8), (10, 3), (30, 8), (30, 14), (60, 5), (80, 16)):
        income = wage * np.exp(LOG_PRODUCTIVITY[z]) * h + 0.04 * WEALTH[k]
        resources = (1 - tau) / (1 - xi) * income ** (1 - xi) + lump_sum
        resources = resources + (1 - tau_a) / (1 - xi_a) * WEALTH[k] ** (1 - xi_a)
        ahead = np.log(np.interp(p * resources, WEALTH, tilted[:, z])) / (1 - BETA)
        brute = (np.log((1 - p) * resources) - h**3 / 3 + BETA * ahead).max()
        assert earlier[k, z] == pytest.approx(brute, abs=2e-3)
        assert earlier[k, z] >= brute - 1e-5


def test_expected_wages_come_true() -> None:
    market = HouseholdEconomy(households=20, periods=6)
    equilibrium = household_equilibrium(market, [0.1, 0.0, 0.0, 0.0], copies=4, seed=3)
    assert equilibrium.gap < 0.01
    state = market.set_characteristics(market.reset(3, 4), np.tile([0.1, 0.0, 0.0, 0.0], (4, 1)))
    for year in range(6):
        step = market.step(state, {HOUSEHOLD: equilibrium.act(year, state)})
        state = changed(step.state)
        wage = float(np.mean(step.quantities["wage"]))
        assert wage == pytest.approx(equilibrium.quantities["wage"][year], rel=1e-12)


def test_a_levy_leaves_something_to_all() -> None:
    """A progressive tax without level pays out and must be levied; nobody's value is ruin."""
    value, share, hours = backwards(1.0, (0.0, 0.9, 0.0, 0.0), 100, lump_sum=-8.0)
    assert np.all(value > -100)
    assert np.all((share >= 0) & (share <= 0.99))
    assert np.all((hours >= 0.01) & (hours <= 1))


@pytest.mark.parametrize("option", [{"accounting": "taxai"}, {"budget": "spend"}])
def test_what_cannot_be_solved_is_refused(option: dict[str, str]) -> None:
    with pytest.raises(PacesetterError, match="computed for"):
        household_equilibrium(HouseholdEconomy(**option))
