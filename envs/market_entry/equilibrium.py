"""Equilibria of the market-entry game, computed, not learned: what traders must match.

A trader with price of information λ that maximises E[utility] − λ KL(π ‖ coin) enters with
``log p / (1 − p) = E[u(in) − u(out)] / λ`` (McKelvey & Palfrey 1995, eq. 9). Where nobody sees the
past, all enter by the same chance; where positions are seen, those who are in tend to stay and the
others to stay out, and the crowd of one period decides the next one's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import comb, expit, logit, xlog1py, xlogy

from ..core.errors import PacesetterError
from .laws import ENTRY_STRENGTH, IN, OUT, OUTSIDE_UTILITY, Entering

Floats = NDArray[np.float64]
NEVER = 1e-12  # a chance of entering that is none
SCAN_POINTS = 401
BISECTIONS = 70


def utilities(market: Entering, tax: float) -> Floats:
    """Utility after tax by own last position, own action and number of others who enter.

    Returns:
        ``(2, 2, N)``, in the order position, action (`OUT`, `IN`), entrants among the others.
    """
    others = np.arange(market.traders)
    entering = OUTSIDE_UTILITY + ENTRY_STRENGTH * (market.capacity - 1.0 - others)
    untaxed = np.stack([np.full(market.traders, OUTSIDE_UTILITY), entering])  # by action
    table = np.stack([untaxed, untaxed])
    for position, action in ((OUT, IN), (IN, OUT)):
        table[position, action] -= tax * np.abs(untaxed[action])
    return table


def symmetric_entry(market: Entering, tax: float) -> float:
    """The chance of entering in the symmetric equilibrium of traders who see nothing but τ.

    They do not know their own position, which is in with the same chance, nor whether the move is
    the first one, which is untaxed. At λ = 0 it is the mixed equilibrium.
    """
    T, N = market.periods, market.traders
    by_position = utilities(market, tax * (T - 1) / T)
    gains = by_position[:, IN] - by_position[:, OUT]  # (2, N)

    def excess(p: float) -> float:
        others = binomial(N - 1, np.array([p]))[0]
        gain = float((1.0 - p) * (gains[OUT] @ others) + p * (gains[IN] @ others))
        return gain - market.information_cost * float(logit(p))

    if excess(NEVER) <= 0.0:
        return 0.0
    if excess(1.0 - NEVER) >= 0.0:
        return 1.0
    return float(brentq(excess, NEVER, 1.0 - NEVER, xtol=1e-14))


@dataclass(frozen=True)
class SortedTraders:
    """Traders who are in and traders who are out play two roles: a Markov chain of attendance.

    Attributes:
        entry: chance of entering by last attendance and own position, ``(N + 1, 2)``; 0 where
            nobody holds that position.
        chain: chance of each next attendance given the last one, ``(N + 1, N + 1)``.
        first: of each attendance in the first period, ``(N + 1,)``.
    """

    entry: Floats
    chain: Floats
    first: Floats

    def sample(self, generator: np.random.Generator, episodes: int, periods: int) -> Floats:
        """Attendances of independent episodes, ``(episodes, periods)``."""
        cumulative = np.cumsum(self.chain, axis=1)
        rows = np.broadcast_to(np.cumsum(self.first), (episodes, len(self.first)))
        path = np.empty((episodes, periods))
        for period in range(periods):
            drawn = (generator.random((episodes, 1)) > rows).sum(axis=1)
            attendance = np.minimum(drawn, len(self.first) - 1)
            path[:, period] = attendance
            rows = cumulative[attendance]
        return path


def sorted_equilibrium(market: Entering, tax: float, swap: bool = False) -> SortedTraders:
    """The logit equilibrium of traders who remember, in which most keep their position or swap it.

    Traders look one period ahead. For every last attendance the two chances of entering, of those
    inside and of those outside, answer each other. Several pairs may do: positions are kept where
    outsiders enter least, and swapped where they enter most, insiders making room for them.

    Raises:
        PacesetterError: the price of information is zero, where answers jump.
    """
    if market.information_cost <= 0:
        raise PacesetterError(
            "the logit equilibrium of traders who remember needs market.information_cost > 0."
        )
    N = market.traders
    table = utilities(market, tax)
    entry = np.array([_answers(market, table, inside, swap) for inside in range(N + 1)])
    chain = np.concatenate([crowd(N - d, d, *entry[d][:, None]) for d in range(N + 1)])
    # Without a past all are alike: the first move is the symmetric equilibrium, untaxed.
    start = symmetric_entry(market, 0.0)
    return SortedTraders(entry, chain, binomial(N, np.array([start]))[0])


def _answers(market: Entering, table: Floats, inside: int, swap: bool) -> tuple[float, float]:
    """Chances of entering of outsiders and of insiders that answer each other.

    Scans the outsiders' log-odds for the least at which they answer themselves, or the largest.
    """
    cost, outside = market.information_cost, market.traders - inside
    gains = table[:, IN] - table[:, OUT]  # (2, N)
    largest = np.abs(gains).max() / cost + 1.0  # log-odds are gains over the price

    def insiders(x: Floats) -> Floats:
        """Log-odds of insiders against outsiders with log-odds x, ``(n,)``."""
        # Untaxed as long as they stay, their gain is linear in the crowd and falls with it.
        slope = gains[IN, 1] - gains[IN, 0]
        constant = gains[IN, 0] + slope * outside * expit(x)
        low, high = np.full_like(x, -largest), np.full_like(x, largest)
        for _ in range(BISECTIONS):
            middle = (low + high) / 2.0
            above = constant + slope * (inside - 1) * expit(middle) > cost * middle
            low, high = np.where(above, middle, low), np.where(above, high, middle)
        return (low + high) / 2.0

    def excess(x: Floats) -> Floats:
        """By how much the outsiders' best log-odds exceed x."""
        own = crowd(outside - 1, inside, expit(x), expit(insiders(x)))
        return own @ gains[OUT] - cost * x

    if not outside:
        return 0.0, float(expit(insiders(np.zeros(1))[0]))
    # Fine where chances are not near 0 or 1, coarse where they are.
    grid = np.sinh(np.linspace(-np.arcsinh(largest), np.arcsinh(largest), SCAN_POINTS))
    above = excess(grid) > 0.0
    place = np.flatnonzero(above[:-1] & ~above[1:])[-1 if swap else 0]
    low, high = grid[place : place + 1], grid[place + 1 : place + 2]
    for _ in range(BISECTIONS):
        x = (low + high) / 2.0
        low, high = (x, high) if excess(x)[0] > 0.0 else (low, x)
    staying = float(expit(insiders(x)[0])) if inside else 0.0
    return float(expit(x[0])), staying


def crowd(outsiders: int, insiders: int, outside: Floats, inside: Floats) -> Floats:
    """Chances of 0, 1, … entrants among so many traders who enter with the given chances.

    Args:
        outsiders, insiders: how many of each.
        outside, inside: chances of entering of each kind, ``(n,)``.

    Returns:
        ``(n, outsiders + insiders + 1)``.
    """
    few, rest = binomial(outsiders, outside), binomial(insiders, inside)
    total = np.zeros((len(few), outsiders + insiders + 1))
    for number in range(outsiders + 1):
        total[:, number : number + insiders + 1] += few[:, number : number + 1] * rest
    return total


def binomial(number: int, chances: Floats) -> Floats:
    """Chances of 0 to `number` successes for each chance of one, ``(n,)`` to ``(n, number + 1)``.

    SciPy's own overflows where chances are as small as those of a trader with much to lose.
    """
    successes, p = np.arange(number + 1), chances[:, None]
    logarithm = xlogy(successes, p) + xlog1py(number - successes, -p)
    return comb(number, successes) * np.exp(logarithm)
