"""What executors and the leader see of the order book, scaled to order one.

Imbalances, impact and last trade are turned around for sellers, so that a seller in a market sees
what a buyer would in its mirror image. Letters as in `market`; ``seen`` is what
`execution_kernels.read_books` fills in, ``(B, SEEN)``.

Version history: v1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .kernels import (
    ALL_ASKS,
    ALL_BIDS,
    ASK,
    BID,
    LAST,
    MAKERS_PAID,
    MAKERS_SHARES,
    NEAR_ASKS,
    NEAR_BIDS,
)

Reals = NDArray[np.float64]
SPREAD_UNIT, TRADED_UNIT = 5.0, 10.0
IMPACT_UNIT = 1e-4
(TIME, REMAINING, AHEAD, ALL_IMBALANCE, NEAR_IMBALANCE, SPREAD, IMPACT, LAST_TRADE, SIDE_SEEN) = (
    range(9)
)
"""Entries of an executor's observation, before its view of θ."""
EXECUTOR_ENTRIES = 9
LEADER_ENTRIES = 6


def executors_see(state: Any, seen: Reals, signs: Reals, time: Reals, remaining: Reals) -> Reals:
    """All but the view of θ, ``(B, N, 9)``.

    Args:
        state: of the game.
        seen: of the books.
        signs: 1 for buyers and −1 for sellers, ``(N,)``.
        time: t/T, ``(B, 1)``.
        remaining: share of the parent orders not yet traded, ``(B, N)``.
    """
    last = np.where(np.isnan(seen[:, LAST]), state.mid, seen[:, LAST])
    direction = (state.mid - last) / np.maximum(state.spread, 1.0)
    imbalances = (
        2.0 * share(seen[:, ALL_BIDS], seen[:, ALL_ASKS]) - 1.0,
        2.0 * share(seen[:, NEAR_BIDS], seen[:, NEAR_ASKS]) - 1.0,
    )
    columns = [
        time + 0.0 * remaining,
        remaining,
        time - remaining,
        *(signs * imbalance[:, None] for imbalance in imbalances),
        np.log1p(state.spread)[:, None] / SPREAD_UNIT + 0.0 * remaining,
        signs * impact(state)[:, None],
        signs * np.tanh(direction)[:, None],
        signs + 0.0 * remaining,
    ]
    return np.stack(columns, axis=-1)


def leader_sees(state: Any, seen: Reals, time: Reals, remaining: Reals) -> Reals:
    """t/T, spread, imbalance, impact, shares traded, mean remaining, ``(B, 6)``."""
    columns = [
        time[:, 0],
        np.log1p(state.spread) / SPREAD_UNIT,
        2.0 * share(seen[:, NEAR_BIDS], seen[:, NEAR_ASKS]) - 1.0,
        impact(state),
        np.log1p(state.traded) / TRADED_UNIT,
        remaining.mean(axis=1),
    ]
    return np.stack(columns, axis=1)


def impact(state: Any) -> Reals:
    """log mid / arrival mid in basis points, far ones drawn together by asinh, ``(B,)``.

    One basis point is what the mid of rmsc04 moves in a minute; that of rmsc03 moves twenty.
    """
    seen: Reals = np.arcsinh(np.log(state.mid / state.arrival_mid) / IMPACT_UNIT)
    return seen


def quote(seen: Reals, mid: Reals, spread: Reals) -> tuple[Reals, Reals]:
    """Mid and spread now, or the last ones where a side is empty, each ``(B,)``."""
    there = ~(np.isnan(seen[:, BID]) | np.isnan(seen[:, ASK]))
    return (
        np.where(there, (seen[:, BID] + seen[:, ASK]) / 2, mid),
        np.where(there, seen[:, ASK] - seen[:, BID], spread),
    )


def share(bids: Reals, asks: Reals) -> Reals:
    """Bids' share of both; one half where there are none."""
    total = bids + asks
    return np.where(total > 0, bids / np.maximum(total, 1.0), 0.5)


def makers_worth(seen: Reals, mid: Reals) -> Reals:
    """What all market makers have earned, marked to the mid, cents, ``(B,)``."""
    worth: Reals = seen[:, MAKERS_SHARES] * mid - seen[:, MAKERS_PAID]
    return worth
