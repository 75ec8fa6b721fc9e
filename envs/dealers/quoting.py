"""How one maker alone should quote: exact quotes by policy iteration over its inventory.

Its reward is linear in P&L, so that the price drops out and inventory q is all there is. With n
takers reached, a unit is sold to each with chance ``½ a e^{−kδ}`` and

    V(q) = max E[ δ_ask S + δ_bid D + W(q − S + D) ],    W(q') = −½ γ σ² q'² + β V(q').

The first-order condition is ``δ_ask = 1/k + E[W(q') − W(q' − 1)]`` with q' as the n − 1 other
takers leave it, the same with ``W(q') − W(q' + 1)`` for the bid. In continuous time it is Guéant,
Lehalle & Fernandez-Tapia (Mathematics and Financial Economics 2013) with a running penalty, whose
quotes come from the top eigenvector of a tridiagonal matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh_tridiagonal

from .price import STEP_DEVIATION
from .trading import CHANCE, DECAY, HIGHEST_OFFSET

Floats = NDArray[np.float64]
MOST_INVENTORY = 50
DISCOUNT = 0.99
INVENTORIES = np.arange(-MOST_INVENTORY, MOST_INVENTORY + 1)
PENALTY_POINTS = 21  # of the table over risk aversions
MOST_RISK_AVERSION = 0.2
TOLERANCE = 1e-9


def net_law(ask: Floats, bid: Floats, takers: int) -> Floats:
    """Chances that inventory changes by −n … n, ``(…, 2 n + 1)``.

    Args:
        ask, bid: offsets, ``(…,)``.
        takers: n, who are reached.
    """
    down, up = (0.5 * CHANCE * np.exp(-DECAY * offset) for offset in (ask, bid))
    law = np.ones((*ask.shape, 1))
    for _ in range(takers):
        longer = np.zeros((*ask.shape, law.shape[-1] + 2))
        longer[..., :-2] += down[..., None] * law
        longer[..., 1:-1] += (1.0 - down - up)[..., None] * law
        longer[..., 2:] += up[..., None] * law
        law = longer
    return law


def _places(width: int) -> NDArray[np.int64]:
    """Where inventory q is after a change of −w … w, as indices, ``(Q, 2 w + 1)``."""
    changed = INVENTORIES[:, None] + np.arange(-width, width + 1)
    return np.clip(changed, -MOST_INVENTORY, MOST_INVENTORY) + MOST_INVENTORY


def _transition(law: Floats) -> Floats:
    """From each inventory to each, ``(…, Q, Q)``."""
    Q = len(INVENTORIES)
    places = _places(law.shape[-1] // 2)
    chances = np.zeros((*law.shape[:-1], Q))
    for column in range(law.shape[-1]):  # within a column no place is hit twice by one row
        chances[..., np.arange(Q), places[:, column]] += law[..., column]
    return chances


def _rewards(quotes: Floats, takers: int, risk: Floats, deviation: float, move: Floats) -> Floats:
    """Expected reward of a step at each inventory, ``(G, Q)``."""
    fills = 0.5 * CHANCE * np.exp(-DECAY * quotes)
    earned = takers * (quotes * fills).sum(axis=-1)
    return earned - 0.5 * risk[:, None] * deviation**2 * (move @ INVENTORIES.astype(float) ** 2)


def best_quotes(
    takers: int,
    risk: Floats,
    discount: float = DISCOUNT,
    deviation: float = STEP_DEVIATION,
) -> Floats:
    """Optimal offsets at every inventory from −50 to 50, ``(G, Q, 2)``: ask and bid.

    Args:
        takers: n, reached for sure.
        risk: risk aversions γ, ``(G,)``.
        discount: β.
        deviation: σ of a step of the price.
    """
    quotes = np.full((len(risk), len(INVENTORIES), 2), 1.0 / DECAY)
    identity = np.eye(len(INVENTORIES))
    middle, lower, upper = (_places(takers - 1), _places(takers)[:, :-2], _places(takers)[:, 2:])
    for _ in range(200):
        move = _transition(net_law(quotes[..., 0], quotes[..., 1], takers))
        reward = _rewards(quotes, takers, risk, deviation, move)
        value = np.linalg.solve(identity - discount * move, reward[..., None])[..., 0]
        worth = discount * value - 0.5 * risk[:, None] * deviation**2 * INVENTORIES**2
        before = quotes
        for _ in range(8):  # towards the fixed point of the first-order condition
            others = net_law(quotes[..., 0], quotes[..., 1], takers - 1)
            ask = ((worth[:, middle] - worth[:, lower]) * others).sum(axis=-1)
            bid = ((worth[:, middle] - worth[:, upper]) * others).sum(axis=-1)
            wanted = 1.0 / DECAY + np.stack([ask, bid], axis=-1)
            quotes = np.clip(wanted, 0.0, HIGHEST_OFFSET)
        if np.abs(quotes - before).max() < TOLERANCE:
            break
    return quotes


@lru_cache(maxsize=64)
def quotes_of(takers: int, risk: float, discount: float = DISCOUNT) -> Floats:
    """Optimal offsets of one maker, ``(Q, 2)``."""
    return best_quotes(takers, np.array([risk]), discount)[0]


@lru_cache(maxsize=4)
def quote_table(takers: int) -> Floats:
    """Optimal offsets by number reached, 1 … `takers`, by γ and by q, ``(n, G, Q, 2)``.

    Risk aversions are evenly spaced in √γ, as quotes go with it; see `risk_places`.
    """
    risk = MOST_RISK_AVERSION * np.linspace(0.0, 1.0, PENALTY_POINTS) ** 2
    return np.stack([best_quotes(n, risk) for n in range(1, takers + 1)])


@dataclass(frozen=True)
class Quoted:
    """What quotes by inventory come to.

    Attributes:
        half_spread, slope: at q = 0; slope is the change of skew per unit, price units.
        deviation: of inventory, in the long run, units.
        reward, revenue: per step, in the long run.
        per_taker: units dealt per taker and step, in the long run.
        episode: reward per step of an episode from q = 0.
    """

    half_spread: float
    slope: float
    deviation: float
    reward: float
    revenue: float
    per_taker: float
    episode: float


def worth(quotes: Floats, takers: int, risk: float, periods: int = 100) -> Quoted:
    """Exact figures of any quotes, ``(Q, 2)``, of one maker who reaches n takers."""
    move = _transition(net_law(quotes[:, 0], quotes[:, 1], takers))
    reward = _rewards(quotes[None], takers, np.array([risk]), STEP_DEVIATION, move)[0]
    system = np.vstack([move.T - np.eye(len(move)), np.ones(len(move))])
    stationary = np.linalg.lstsq(system, np.append(np.zeros(len(move)), 1.0), rcond=None)[0]
    fills = 0.5 * CHANCE * np.exp(-DECAY * quotes)
    now, total = (INVENTORIES == 0).astype(float), 0.0
    for _ in range(periods):
        total += float(now @ reward)
        now = now @ move
    skew = 0.5 * (quotes[:, 0] - quotes[:, 1])
    zero = MOST_INVENTORY
    return Quoted(
        half_spread=float(quotes[zero].mean()),
        slope=float(skew[zero + 1] - skew[zero - 1]) / 2.0,
        deviation=float(np.sqrt(stationary @ INVENTORIES.astype(float) ** 2)),
        reward=float(stationary @ reward),
        revenue=float(stationary @ (takers * (quotes * fills).sum(axis=1))),
        per_taker=float(stationary @ fills.sum(axis=1)),
        episode=total / periods,
    )


def best_flat(takers: int, risk: float) -> float:
    """Reward per step of an episode of the best quotes that do not depend on inventory."""
    tried = np.arange(0.0, HIGHEST_OFFSET + 1e-9, 0.05)
    flat = np.ones((len(INVENTORIES), 2))
    return max(worth(offset * flat, takers, risk).episode for offset in tried)


def continuous(takers: int, risk: float, deviation: float = STEP_DEVIATION) -> tuple[float, float]:
    """Half-spread and slope at q = 0 in continuous time, from the eigenvector."""
    fill = takers * CHANCE / 2.0
    diagonal = -0.5 * DECAY * risk * deviation**2 * INVENTORIES.astype(float) ** 2
    beside = np.full(len(INVENTORIES) - 1, fill / np.e)
    place = (len(INVENTORIES) - 1,) * 2
    _, vector = eigh_tridiagonal(diagonal, beside, select="i", select_range=place)
    log = np.log(np.abs(vector[:, 0])) / DECAY
    zero = MOST_INVENTORY
    ask = 1.0 / DECAY + log[zero - 1 : zero + 2] - log[zero - 2 : zero + 1]
    bid = 1.0 / DECAY + log[zero - 1 : zero + 2] - log[zero : zero + 3]
    skew = 0.5 * (ask - bid)
    return float(0.5 * (ask[1] + bid[1])), float(skew[2] - skew[0]) / 2.0


def closed_form(takers: int, risk: float, deviation: float = STEP_DEVIATION) -> tuple[float, float]:
    """The same by the closed-form approximation."""
    fill = takers * CHANCE / 2.0
    slope = -np.sqrt(risk * deviation**2 * np.e / (2.0 * DECAY * fill))
    return 1.0 / DECAY - slope / 2.0, float(slope)
