"""What makers and investors see and may do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete

from ..core.arrays import Array
from ..core.group import Group
from .investing import BUYS, SELLS
from .price import DEVIATION
from .trading import HIGHEST_OFFSET

MAKER, INVESTOR = "maker", "investor"
HOLD, BUY, SELL = 0, 1, 2
MAKER_TYPE = ("risk_aversion", "connectivity", "share_weight")
INVESTOR_TYPE = ("profit_weight", "investor_risk")
MAKER_ENTRIES, INVESTOR_ENTRIES = 3, 9  # before the type
UNITS, SHARES = 5.0, 0.05  # of inventory and of a running share that count as one
HALF_RISK, HALF_SHARE_WEIGHT, HALF_INVESTOR_RISK = 0.02, 100.0, 0.1  # that are seen as ½


def _seen(entries: int, type_entries: int) -> Box:
    bound = np.full(entries + type_entries, np.inf, dtype=np.float32)
    bound[entries:] = 1.0
    return Box(-bound, bound)


def maker_group(makers: int) -> Group:
    """Makers, who show an ask and a bid offset."""
    return Group(
        name=MAKER,
        size=makers,
        observation_space=_seen(MAKER_ENTRIES, len(MAKER_TYPE)),
        action_space=Box(np.float32(0.0), np.float32(HIGHEST_OFFSET), (2,), np.float32),
        view=MAKER_TYPE,
    )


def investor_group(investors: int) -> Group:
    """Investors, who hold, buy or sell."""
    return Group(
        name=INVESTOR,
        size=investors,
        observation_space=_seen(INVESTOR_ENTRIES, len(INVESTOR_TYPE)),
        action_space=Discrete(3),
        view=INVESTOR_TYPE,
    )


def maker_sees(
    xp: Any, state: Any, targets: Array, weights: Array, types: dict[str, Array]
) -> Array:
    """A maker's observation, ``(B, M, 6)``.

    Args:
        xp: array namespace.
        state: of the market.
        targets, weights: m* and w_s of each maker, ``(B, M)``.
        types: `risk_aversion` and `connectivity`, ``(B, M)``.
    """
    q, risk = state.maker_inventory, types["risk_aversion"]
    columns = [
        q / UNITS,
        state.deviation[:, None] / DEVIATION + 0.0 * q,
        (state.running_share - targets) / SHARES,
        risk / (risk + HALF_RISK),
        types["connectivity"],
        weights / (weights + HALF_SHARE_WEIGHT),
    ]
    return xp.astype(xp.stack(columns, axis=-1), xp.float32)


def investor_sees(xp: Any, state: Any, periods: int, types: Sequence[Array]) -> Array:
    """An investor's observation, ``(B, N, 11)``.

    Args:
        xp: array namespace.
        state: of the market.
        periods: T.
        types: weight of P&L and γ_I, ``(B, N)``.
    """
    shared = 0.0 * state.buys
    left = 1.0 - xp.astype(state.clock, shared.dtype) / periods
    weight, risk = types
    columns = [
        state.deviation[:, None] / DEVIATION + shared,
        left[:, None] + shared,
        (BUYS - state.buys) / BUYS,
        (SELLS - state.sells) / SELLS,
        # One unit more or less is a thirtieth above, and the difference between 30 and 31 all.
        xp.astype(state.buys < BUYS, shared.dtype),
        xp.astype(state.sells < SELLS, shared.dtype),
        (state.buys - state.sells) / SELLS,
        state.seen_offsets[:, :, 0],
        state.seen_offsets[:, :, 1],
        weight,
        risk / (risk + HALF_INVESTOR_RISK),
    ]
    return xp.astype(xp.stack(columns, axis=-1), xp.float32)
