"""The equilibrium of the Aiyagari economy: what households save at r, and where capital clears.

Decisions come from the endogenous grid method (Carroll 2006): from next year's wealth a' on a
grid, the Euler equation ``u'(c) = β (1 + r) E[u'(c')]`` gives today's c and with it the resources
at which a' is chosen; below the least of them everything is consumed. The distribution over wealth
and earnings is the eigenvector of its own transition, in which wealth between two points of a grid
is divided among them so that its mean is kept (Young 2010). Any other saving rule is put in its
place to ask at which r it would clear.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.sparse import csc_matrix, identity, vstack
from scipy.sparse.csgraph import breadth_first_order
from scipy.sparse.linalg import spsolve

from ..core.errors import PacesetterError
from .earnings import STATES, Earnings
from .firms import intensity, wage

Floats = NDArray[np.float64]
Rule = Callable[[float], Floats]
"""From r to next year's wealth on the grid and in every state of earnings, ``(A, 7)``."""
POINTS, MOST_WEALTH, BEND = 500, 200.0, 3.0
ROUNDING, YEARS = 1e-9, 20_000
WEALTH: Floats = MOST_WEALTH * np.linspace(0.0, 1.0, POINTS) ** BEND
CONVERGED, MOST_SWEEPS = 1e-9, 20_000


class Economy(Protocol):
    """What of a market the equilibrium depends on; see `market.Aiyagari`."""

    @property
    def chain(self) -> Earnings:
        """The chain of earnings."""

    @property
    def risk_aversion(self) -> float:
        """μ."""

    @property
    def discount_factor(self) -> float:
        """β."""

    @property
    def lowest_rate(self) -> float:
        """Lower bound of r."""

    @property
    def highest_rate(self) -> float:
        """Upper bound of r, below 1 / β − 1."""


@dataclass(frozen=True, eq=False)
class Equilibrium:
    """Where capital clears.

    Attributes:
        rate: r.
        capital: K, of a unit of labour.
        saved: next year's wealth by wealth and earnings, ``(A, 7)``.
        shares: of households there, ``(A, 7)``; they sum to 1.
    """

    rate: float
    capital: float
    saved: Floats
    shares: Floats


def resources(market: Economy, rate: float) -> Floats:
    """m on the grid and in every state of earnings, ``(A, 7)``."""
    return (1.0 + rate) * WEALTH[:, None] + wage(rate) * market.chain.values


def best_saving(market: Economy, rate: float) -> Floats:
    """Next year's wealth of who does its best, ``(A, 7)``.

    Args:
        market: the economy.
        rate: r, below 1 / β − 1.
    """
    mu, beta = market.risk_aversion, market.discount_factor
    have = resources(market, rate)
    consumed = have - 0.9 * WEALTH[:, None]
    for _ in range(MOST_SWEEPS):
        worth = beta * (1.0 + rate) * (consumed**-mu) @ market.chain.chances.T
        at = worth ** (-1.0 / mu)  # c where a' is on the grid, (A, 7)
        chosen_at = at + WEALTH[:, None]
        saved = np.column_stack(
            [np.interp(have[:, z], chosen_at[:, z], WEALTH) for z in range(STATES)]
        )
        before, consumed = consumed, have - saved
        if np.abs(consumed / before - 1.0).max() < CONVERGED:
            break
    return saved


def long_run(market: Economy, saved: Floats) -> Floats:
    """Shares of households over wealth and earnings under a saving rule, ``(A, 7)``."""
    saved = np.clip(saved, 0.0, MOST_WEALTH)
    below = np.clip(np.searchsorted(WEALTH, saved, side="right") - 1, 0, POINTS - 2)
    above = (saved - WEALTH[below]) / (WEALTH[below + 1] - WEALTH[below])
    here = np.arange(POINTS * STATES).reshape(POINTS, STATES)
    rows, columns, chances = [], [], []
    for place, weight in ((below, 1.0 - above), (below + 1, above)):
        for after in range(STATES):
            rows.append(place * STATES + after)
            columns.append(here)
            chances.append(weight * market.chain.chances[:, after])
    number = POINTS * STATES
    moved = csc_matrix(
        (
            np.concatenate([c.ravel() for c in chances]),
            (
                np.concatenate([r.ravel() for r in rows]),
                np.concatenate([c.ravel() for c in columns]),
            ),
        ),
        shape=(number, number),
    )
    moved.eliminate_zeros()
    return _settled(moved, market.chain.shares).reshape(POINTS, STATES)


def _settled(moved: csc_matrix, earnings: Floats) -> Floats:
    """Where those are in the long run who begin with the capital that firms employ, ``(A · 7,)``.

    Under a learned rule the very rich may stay rich for ever: what nobody comes to is left out, and
    where some come to stay in more than one place, the balance has many solutions and its solver
    returns none of them; years are then gone through one by one.
    """
    number = moved.shape[0]
    begun = int(np.searchsorted(WEALTH, intensity(0.04))) * STATES
    reached = np.sort(breadth_first_order(moved.T, begun, return_predecessors=False))
    inside = moved[reached][:, reached]
    # One balance follows from the others; that all shares sum to 1 takes its place.
    balance = (inside - identity(len(reached), format="csc")).tocsr()[1:]
    system = vstack([csc_matrix(np.ones((1, len(reached)))), balance]).tocsc()
    right = np.zeros(len(reached))
    right[0] = 1.0
    shares = np.zeros(number)
    shares[reached] = spsolve(system, right)
    if shares.min() > -ROUNDING:
        return shares
    shares = np.zeros(number)
    shares[begun : begun + STATES] = earnings
    for _ in range(YEARS):
        before, shares = shares, moved @ shares
        if np.abs(shares - before).sum() < ROUNDING:
            break
    return shares


def equilibrium(market: Economy, rule: Rule | None = None) -> Equilibrium:
    """Where households hold what firms employ.

    Args:
        market: the economy.
        rule: how households save at a rate; None: as is best.

    Raises:
        PacesetterError: at no rate within the market's bounds.
    """
    chosen = rule or (lambda rate: best_saving(market, rate))

    def at(rate: float) -> tuple[Floats, Floats, float]:
        saved = chosen(rate)
        shares = long_run(market, saved)
        return saved, shares, float((shares * WEALTH[:, None]).sum())

    def excess(rate: float) -> float:
        return float(np.log(max(at(rate)[2], 1e-9) / intensity(rate)))

    low, high = market.lowest_rate, market.highest_rate
    if excess(low) > 0.0 or excess(high) < 0.0:
        raise PacesetterError(
            f"market 'aiyagari': capital clears at no interest rate between {low:g} and {high:g}; "
            "set lowest_rate lower where households save much."
        )
    rate = float(brentq(excess, low, high, xtol=1e-6))
    saved, shares, capital = at(rate)
    return Equilibrium(rate, capital, saved, shares)
