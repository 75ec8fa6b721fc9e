"""The closed household economy when every household knows what is coming and does its best.

Perfect foresight over a transition, from the survey's wealth through all years of an episode, under
taxes that stay as they are: households know the paths of the wage and of the lump sum, and decide
by dynamic programming (`bellman`); the market itself then says what wages and lump sums
their decisions make. The equilibrium is where both agree, found by steps part of the way. After the
last year everything stays as it was then, as it does for learning households whose episodes are
truncated.

What is approximate: paths are means over copies (an economy of N households has some luck of its
own), tables have grid points, and a levy that leaves some with the least there is asks of the
others what it would ask without them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import PacesetterError
from .bellman import (
    CHANCES,
    LARGEST_SHARE,
    LEAST_HOURS,
    LOG_PRODUCTIVITY,
    PRODUCTIVITY_POINTS,
    WEALTH,
    WEALTH_POINTS,
    interpolate,
    year_before,
)
from .closed import SUBSISTENCE
from .market import HOUSEHOLD, READS, HouseholdEconomy
from .production import STEADY_WAGE, HouseholdState

Floats = NDArray[np.float64]
STEPS = (0.3, 0.15, 0.08, 0.04)  # of the way; the next when a gap no longer shrinks
FIRST_YEARS, LATER_YEARS = 200, 40  # of value iteration before the last year


@dataclass(frozen=True)
class HouseholdEquilibrium:
    """Decisions and paths of an equilibrium; years are counted from 0.

    Attributes:
        saving_shares, hours: tables over years, wealth and productivity, ``(T, A, Z)``.
        quantities: mean paths, name → ``(T,)``.
        gap: largest difference between a wage households expect and the wage they get, as a share.
    """

    saving_shares: Floats
    hours: Floats
    quantities: dict[str, Floats]
    gap: float

    def act(self, year: int, state: HouseholdState) -> Floats:
        """Actions p and h, ``(B, N, 2)``."""
        return decide(self.saving_shares[year], self.hours[year], state)

    def mean(self, quantity: str) -> float:
        """Mean over the years of a path quantity."""
        return float(self.quantities[quantity].mean())


def decide(saving_share: Floats, hours: Floats, state: HouseholdState) -> Floats:
    """Actions p and h, ``(B, N, 2)``, from a year's tables ``(A, Z)``."""
    wealth, log_e = np.asarray(state.wealth), np.asarray(state.log_productivity)
    p = np.clip(interpolate(saving_share, wealth, log_e), 0.0, LARGEST_SHARE)
    return np.stack([p, np.clip(interpolate(hours, wealth, log_e), LEAST_HOURS, 1.0)], axis=-1)


def household_equilibrium(
    market: HouseholdEconomy,
    theta: Any = None,
    discount: float = 0.95,
    copies: int = 16,
    seed: int = 0,
    tolerance: float = 0.01,
    most_sweeps: int = 120,
) -> HouseholdEquilibrium:
    """Equilibrium of `market` under constant taxes.

    Args:
        market: closed accounting, budget ``rebate``, tax rule ``hsv``, ``flat`` or ``none``.
        theta: taxes, ``(4,)``; None: the market's defaults, no taxes.
        discount: β of the households.
        copies: economies over which paths are averaged.
        seed: of the first copy.
        tolerance: the gap at which to stop.
        most_sweeps: after so many tries the best is returned; look at its `gap`.

    Raises:
        PacesetterError: another accounting, budget or tax rule.
    """
    _check(market)
    taxes = np.zeros(4) if theta is None else np.asarray(theta, dtype=float)
    values = tuple(float(x) for x in taxes)
    years = market.steps_per_episode
    expected = {"wage": np.full(years, STEADY_WAGE), "transfer": np.zeros(years)}
    expected["floor"] = np.full(years, 0.05)
    value, best, stage, last = _first_guess(discount, expected["wage"][-1]), None, 0, np.inf
    for sweep in range(most_sweeps):
        shares, hours, value = _decisions(
            value, expected, values, discount, LATER_YEARS if sweep else FIRST_YEARS
        )
        found = _paths(market, taxes, shares, hours, copies, seed)
        gap = _gap(expected, found)
        if best is None or gap < best.gap:
            best = HouseholdEquilibrium(shares, hours, found, gap)
        if gap < tolerance:
            break
        if gap > last and stage < len(STEPS) - 1:
            stage += 1
        last = gap
        for name, path in expected.items():
            path += STEPS[stage] * (found[name] - path)
    assert best is not None
    return best


def best_decisions(
    expected: dict[str, Floats], theta: Any, discount: float
) -> tuple[Floats, Floats]:
    """Saving shares and hours of one household, ``(T, A, Z)`` each, along given paths.

    Args:
        expected: see `expected_paths`.
        theta: taxes, ``(4,)``, constant.
        discount: β.
    """
    value = _first_guess(discount, expected["wage"][-1])
    taxes = tuple(float(x) for x in theta)
    return _decisions(value, expected, taxes, discount, FIRST_YEARS)[:2]


def expected_paths(paths: dict[str, Floats]) -> dict[str, Floats]:
    """What households must know of an economy's mean paths: wage, transfer and floor, ``(T,)``.

    Args:
        paths: ``wage``, ``transfer``, ``consumption`` and ``wealth`` (next year's), ``(T,)``.
    """
    floor = SUBSISTENCE * (paths["consumption"] + paths["wealth"])
    return {"wage": paths["wage"], "transfer": paths["transfer"], "floor": floor}


def _check(market: HouseholdEconomy) -> None:
    allowed = {"accounting": ("closed",), "budget": ("rebate",), "tax_rule": (*READS, "none")}
    for option, values in allowed.items():
        if getattr(market, option) not in values:
            raise PacesetterError(
                f"The household equilibrium is computed for {option} in {list(values)} only, not "
                f"{getattr(market, option)!r}."
            )


def _first_guess(discount: float, wage: float) -> Floats:
    eaten = 0.05 * WEALTH[:, None] + 0.5 * wage * np.exp(LOG_PRODUCTIVITY)[None, :]
    return np.log(eaten + 0.01) / (1.0 - discount)


def _decisions(
    value: Floats,
    expected: dict[str, Floats],
    theta: tuple[float, ...],
    discount: float,
    years_after: int,
) -> tuple[Floats, Floats, Floats]:
    """Tables of p and h for every year, and the value after the last, to start from next time."""
    years = len(expected["wage"])
    table = (WEALTH_POINTS, PRODUCTIVITY_POINTS)
    share, hours = np.zeros(table), np.full(table, 0.7)
    shares, all_hours = np.empty((years, *table)), np.empty((years, *table))
    for _ in range(years_after):
        value = _earlier(value, expected, -1, theta, discount, share, hours)
    after = value
    for back in range(years - 1, -1, -1):
        value = _earlier(value, expected, back, theta, discount, share, hours)
        shares[back], all_hours[back] = share, hours
    return shares, all_hours, after


def _earlier(
    value: Floats,
    expected: dict[str, Floats],
    year: int,
    theta: tuple[float, ...],
    discount: float,
    share: Floats,
    hours: Floats,
) -> Floats:
    wage, transfer, floor = (expected[name][year] for name in ("wage", "transfer", "floor"))
    return year_before(value, wage, transfer, floor, theta, CHANCES, discount, share, hours)


def _paths(
    market: HouseholdEconomy, theta: Floats, shares: Floats, hours: Floats, copies: int, seed: int
) -> dict[str, Floats]:
    """Mean paths that these decisions make, name → ``(T,)``."""
    state = market.set_characteristics(market.reset(seed, copies), np.tile(theta, (copies, 1)))
    paths: dict[str, list[float]] = {}
    for share, worked in zip(shares, hours, strict=True):
        assert isinstance(state, HouseholdState)
        step = market.step(state, {HOUSEHOLD: decide(share, worked, state)})
        for name, path in step.quantities.items():
            paths.setdefault(name, []).append(float(np.mean(path)))
        state = step.state
    means = {name: np.array(path) for name, path in paths.items()}
    return means | expected_paths(means)


def _gap(expected: dict[str, Floats], found: dict[str, Floats]) -> float:
    """Largest relative error of the wage, or of the lump sum beside what is consumed."""
    wage = np.abs(found["wage"] / expected["wage"] - 1.0).max()
    transfer = np.abs(found["transfer"] - expected["transfer"]).max()
    return float(max(wage, transfer / found["consumption"].mean()))
