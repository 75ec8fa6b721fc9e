"""One year of a household's best decisions in the closed economy, backwards, compiled.

A household with wealth a and productivity e, which knows this year's wage W and lump sum, solves

    V(a, e) = max over a', h of  log c − h³/3 + β E[V'(a', e')]
    c + a' = kept(W e h + r a) + kept(a) + lump sum,   0 ≤ a' ≤ 0.99 of what there is

(ADAGE, arXiv:2501.09429, sec. 4.1.1) on a grid: wealth in equal steps of log(1 + a / 0.05), log e
in equal steps between ±3.2 stationary deviations. Given a', hours follow from
``h² c = W e (1 − τ) i^(−ξ)`` by safeguarded Newton steps; a' from a golden-section search. Between
grid points the continuation is interpolated as ``exp((1 − β) V)``, which is almost linear in a.
"""

from __future__ import annotations

from math import exp, log

import numpy as np
from numpy.typing import NDArray

from ..core.kernels.compiled import kernel
from .closed import LEAST_CONSUMPTION, STATIONARY_DEVIATION
from .production import INTEREST_RATE, PERSISTENCE, PRODUCTIVITY_DEVIATION

Floats = NDArray[np.float64]
WEALTH_POINTS, PRODUCTIVITY_POINTS = 100, 17
WEALTH_UNIT, MOST_WEALTH = 0.05, 20_000.0  # mean initial incomes
WIDEST = 3.2 * STATIONARY_DEVIATION
WEALTH_RANGE = float(np.log1p(MOST_WEALTH / WEALTH_UNIT))
WEALTH: Floats = np.expm1(np.linspace(0.0, WEALTH_RANGE, WEALTH_POINTS)) * WEALTH_UNIT
LOG_PRODUCTIVITY: Floats = np.linspace(-WIDEST, WIDEST, PRODUCTIVITY_POINTS)
GOLDEN = (5**0.5 - 1) / 2
LARGEST_SHARE, LEAST_HOURS = 0.99, 0.01
ROUNDING = 1e-9  # a smaller levy is none
NEVER = -1e9  # value of what cannot be done


def transition_matrix() -> Floats:
    """Chances of next year's productivity, ``(Z, Z)``, by Gauss–Hermite quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(9)
    step = LOG_PRODUCTIVITY[1] - LOG_PRODUCTIVITY[0]
    drawn = PERSISTENCE * LOG_PRODUCTIVITY[:, None] + PRODUCTIVITY_DEVIATION * nodes
    place = (np.clip(drawn, -WIDEST, WIDEST) + WIDEST) / step
    below = np.minimum(place.astype(int), PRODUCTIVITY_POINTS - 2)
    chances = np.zeros((PRODUCTIVITY_POINTS, PRODUCTIVITY_POINTS))
    row = np.arange(PRODUCTIVITY_POINTS)[:, None]
    np.add.at(chances, (row, below), (1.0 - (place - below)) * weights / weights.sum())
    np.add.at(chances, (row, below + 1), (place - below) * weights / weights.sum())
    return chances


CHANCES = transition_matrix()


def interpolate(table: Floats, wealth: Floats, log_productivity: Floats) -> Floats:
    """A decision between the points of its table ``(A, Z)``, of the shape of `wealth`."""
    x = np.log1p(np.minimum(wealth, MOST_WEALTH) / WEALTH_UNIT) * (WEALTH_POINTS - 1) / WEALTH_RANGE
    k = np.clip(x.astype(int), 0, WEALTH_POINTS - 2)
    w = np.clip((wealth - WEALTH[k]) / (WEALTH[k + 1] - WEALTH[k]), 0.0, 1.0)
    step = LOG_PRODUCTIVITY[1] - LOG_PRODUCTIVITY[0]
    y = (np.clip(log_productivity, -WIDEST, WIDEST) + WIDEST) / step
    j = np.minimum(y.astype(int), PRODUCTIVITY_POINTS - 2)
    u = y - j
    lower = table[k, j] * (1.0 - w) + table[k + 1, j] * w
    upper = table[k, j + 1] * (1.0 - w) + table[k + 1, j + 1] * w
    return lower * (1.0 - u) + upper * u


@kernel
def kept(amount: float, level: float, progressivity: float) -> float:
    """``(1 − τ)/(1 − ξ) x^(1 − ξ)``."""
    if amount <= 0.0:
        return 0.0
    return (1.0 - level) / (1.0 - progressivity) * amount ** (1.0 - progressivity)


@kernel
def best_hours(
    saved: float, means: tuple[float, float, float, float, float], guess: float
) -> tuple[float, float]:
    """Hours h and consumption c, given next year's wealth.

    Args:
        saved: a'.
        means: wealth a, pay W e of a full day, resources that do not depend on hours, and τ and ξ
            of the tax on income.
        guess: hours to start from.
    """
    wealth, pay, rest, tau, xi = means
    lowest, highest = LEAST_HOURS, 1.0
    h = 1.0  # first the bound: most who are poor work all day
    for _ in range(14):
        income = pay * h + INTEREST_RATE * wealth
        marginal = (1.0 - tau) * income ** (-xi) if income > 0.0 else 1.0 - tau
        c = income * marginal / (1.0 - xi) + rest - saved
        excess = h * h * c - pay * marginal
        if h == 1.0 and excess <= 0.0:
            return 1.0, c
        if excess > 0.0:
            highest = h
        else:
            lowest = h
        slope = 2.0 * h * c + h * h * pay * marginal
        if income > 0.0:
            slope += xi * pay * pay * marginal / income
        step = guess if h == 1.0 else h - excess / slope
        if step <= lowest or step >= highest:
            step = 0.5 * (lowest + highest)
        if abs(step - h) < 1e-4:
            return h, c
        h = step
    return h, c


@kernel
def continuation(tilted: Floats, saved: float, z: int, discount: float) -> float:
    """``β E[V'(a', e')]`` from its tilted table ``(A, Z)``."""
    x = np.log1p(saved / WEALTH_UNIT) * (WEALTH_POINTS - 1) / WEALTH_RANGE
    k = min(int(x), WEALTH_POINTS - 2)
    w = (saved - WEALTH[k]) / (WEALTH[k + 1] - WEALTH[k])
    u = tilted[k, z] * (1.0 - w) + tilted[k + 1, z] * w
    return discount * log(max(u, 1e-300)) / (1.0 - discount)


@kernel
def value_of(
    tilted: Floats,
    saved: float,
    z: int,
    means: tuple[float, float, float, float, float],
    guess: float,
    discount: float,
) -> tuple[float, float]:
    """Value of saving so much, and the hours that go with it; `means` as in `best_hours`."""
    h, c = best_hours(saved, means, guess)
    if c < LEAST_CONSUMPTION:
        return NEVER, h
    return log(c) - h**3 / 3.0 + continuation(tilted, saved, z, discount), h


@kernel
def idle(tilted: Floats, floor: float, z: int, discount: float) -> tuple[float, float]:
    """Value and saving share of who lives on what a levy leaves to everybody, without working."""
    low, high = 0.0, LARGEST_SHARE * floor
    for _ in range(20):
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        at_left = log(floor - left) + continuation(tilted, left, z, discount)
        if log(floor - right) + continuation(tilted, right, z, discount) > at_left:
            low = left
        else:
            high = right
    saved = 0.5 * (low + high)
    return log(floor - saved) + continuation(tilted, saved, z, discount), saved / floor


@kernel
def best_saving(
    tilted: Floats,
    z: int,
    means: tuple[float, float, float, float, float],
    top: float,
    guess: float,
    discount: float,
) -> tuple[float, float, float]:
    """Value, next year's wealth and hours of who works; `top`: resources of a full day's work."""
    low, high = 0.0, LARGEST_SHARE * top
    left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_left, h = value_of(tilted, left, z, means, guess, discount)
    at_right, h = value_of(tilted, right, z, means, h, discount)
    while high - low > 1e-4 * top:
        if at_right > at_left:
            low, left, at_left = left, right, at_right
            right = low + GOLDEN * (high - low)
            at_right, h = value_of(tilted, right, z, means, h, discount)
        else:
            high, right, at_right = right, left, at_left
            left = high - GOLDEN * (high - low)
            at_left, h = value_of(tilted, left, z, means, h, discount)
    saved = 0.5 * (low + high)
    value, hours = value_of(tilted, saved, z, means, h, discount)
    nothing, idle_hours = value_of(tilted, 0.0, z, means, h, discount)
    if nothing > value:
        return nothing, 0.0, idle_hours
    return value, saved, hours


@kernel
def year_before(
    value: Floats,
    wage: float,
    lump_sum: float,
    floor: float,
    theta: tuple[float, float, float, float],
    chances: Floats,
    discount: float,
    share: Floats,
    hours: Floats,
) -> Floats:
    """Value ``(A, Z)`` a year earlier; writes the decisions into `share` and `hours`.

    Args:
        value: of next year, ``(A, Z)``.
        wage: W.
        lump_sum: transfer to each household; negative: a levy.
        floor: what a levy leaves to everybody; read where there is one.
        theta: τⁱ, ξⁱ, τᵃ, ξᵃ.
        chances: of next year's productivity, ``(Z, Z)``.
        discount: β.
        share, hours: p and h, ``(A, Z)``; hours in them are where the search starts.
    """
    tau, xi, tau_a, xi_a = theta
    levied = lump_sum < -ROUNDING
    tilted = np.exp((1.0 - discount) * (value @ chances.T))
    earlier = np.empty_like(value)
    for z in range(PRODUCTIVITY_POINTS):
        pay = wage * exp(LOG_PRODUCTIVITY[z])
        for k in range(WEALTH_POINTS):
            wealth = WEALTH[k]
            rest = kept(wealth, tau_a, xi_a) + lump_sum
            top = kept(pay + INTEREST_RATE * wealth, tau, xi) + rest
            best, p, h = NEVER, 0.0, LEAST_HOURS
            if levied:
                least = kept(pay * LEAST_HOURS + INTEREST_RATE * wealth, tau, xi) + rest
                if least < floor:
                    best, p = idle(tilted, floor, z, discount)
            if top > (floor if levied else 0.0):
                means = (wealth, pay, rest, tau, xi)
                worked, saved, h_worked = best_saving(tilted, z, means, top, hours[k, z], discount)
                if worked > best:
                    best, h = worked, h_worked
                    p = saved / (kept(pay * h + INTEREST_RATE * wealth, tau, xi) + rest)
            earlier[k, z] = best
            share[k, z] = min(max(p, 0.0), LARGEST_SHARE)
            hours[k, z] = h
    return earlier
