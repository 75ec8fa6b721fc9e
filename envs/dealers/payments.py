"""What a step of trading and of the price comes to for makers and for investors."""

from __future__ import annotations

from typing import Any

from ..core.arrays import Array, row_sum
from .investing import BUYS, SELLS, TARGETS
from .quoting import MOST_INVENTORY
from .shares import MEMORY

Paid = tuple[Array, dict[str, Array], dict[str, Array]]
"""Rewards, what changes in the state, and path quantities."""


def path_quantities(makers: bool, investors: bool) -> dict[str, str]:
    """The path quantities where there are makers, and where there are investors."""
    found = {"price": "reference price after the step"}
    if makers:
        found |= {
            "half_spread": "of each maker, (ask + bid offset) / 2, price units",
            "skew": "of each maker, (ask − bid offset) / 2: below 0 if it wants to sell",
            "inventory": "of each maker after the step, units",
            "volume": "units that each maker dealt",
            "market_share": "of each maker among the units dealt; 0 if none was",
            "profit": "of each maker: offsets earned and what inventory gained",
        }
    if investors:
        found |= {
            "buy": "1 if the investor bought",
            "sell": "1 if it sold",
            "position": "of each investor after the step, units",
            "target_miss": "of each investor, distance of its totals from 30 and 10",
            "gain": "P&L of each investor, price units",
        }
    return found


def paid_to_makers(
    xp: Any,
    state: Any,
    offsets: Array,
    sold: Array,
    bought: Array,
    reached: Array,
    move: tuple[Array, Array],
    risk: Array,
    target: tuple[Array, Array],
    units_paid: Array | None = None,
) -> Paid:
    """Equation of the maker; see the market.

    Args:
        xp: array namespace.
        state: before the step.
        offsets: ask and bid, ``(B, M, 2)``.
        sold, bought: units S and D, ``(B, M)``.
        reached: takers reached, n_i, at least 1, ``(B, M)``.
        move: what is paid for every unit held, and for every one gained, ``(B, 1)`` each.
        risk: γ σ², ``(B, M)``.
        target: share m* and weight w_s, ``(M,)`` each.
        units_paid: units whose offsets rewards pay, ``(B, M, 2)``; None: those that were dealt.
    """
    units = sold + bought
    most = float(MOST_INVENTORY)
    q = xp.clip(state.maker_inventory - sold + bought, -most, most)
    share = MEMORY * state.running_share + (1.0 - MEMORY) * units / reached
    earned = offsets[:, :, 0] * sold + offsets[:, :, 1] * bought
    profit = earned + q * move[0] + (q - state.maker_inventory) * move[1]
    volume = row_sum(xp, units)
    changes = {
        "maker_inventory": q,
        "running_share": share,
        "last_offsets": offsets,
        "last_volume": volume,
    }
    quantities = {
        "half_spread": 0.5 * (offsets[:, :, 0] + offsets[:, :, 1]),
        "skew": 0.5 * (offsets[:, :, 0] - offsets[:, :, 1]),
        "inventory": q,
        "volume": units,
        "market_share": units / xp.clip(volume, 1.0, None)[:, None],
        "profit": profit,
    }
    wanted, weight = target
    reward = profit - 0.5 * risk * q * q - weight * (share - wanted) ** 2
    if units_paid is not None:
        reward = reward + xp.sum(offsets * units_paid, axis=-1) - earned
    return reward, changes, quantities


def paid_to_investors(
    xp: Any,
    state: Any,
    bought: Array,
    sold: Array,
    paid: Array,
    move: tuple[Array, Array],
    weight: Array,
    risk: float,
) -> Paid:
    """Equation of the investor; see the market.

    Args:
        xp: array namespace.
        state: before the step.
        bought, sold: 1 for a unit, ``(B, N)``.
        paid: offset of a trade, ``(B, N)``.
        move: as of `paid_to_makers`.
        weight: w, ``(B, N)``.
        risk: γ_I Var.
    """
    buys, sells = state.buys + bought, state.sells + sold
    y = buys - sells
    before, after = (
        xp.abs(b - BUYS) + xp.abs(s - SELLS) for b, s in ((state.buys, state.sells), (buys, sells))
    )
    gain = y * move[0] + (bought - sold) * move[1] - paid * (bought + sold)
    quantities = {
        "buy": bought,
        "sell": sold,
        "position": y,
        "target_miss": after,
        "gain": gain,
    }
    profit = weight * (gain - 0.5 * risk * y * y)
    reward = (profit + (1.0 - weight) * (before - after)) / TARGETS
    return reward, {"buys": buys, "sells": sells}, quantities
