"""What options of a market of currency dealers are refused, and the cure."""

from __future__ import annotations

from typing import Any

from ..core.errors import PacesetterError
from ..core.populations import checked_shares
from .design import LEAST_AVERSION, MOST_AVERSION
from .quantities import OFFSETS


def check_options(market: Any) -> None:
    """Refuse a market that contradicts itself.

    Raises:
        PacesetterError: aversions to risk of another number than dealers or out of range, target
            shares that are none, or a flow curve of another length than its mark-ups.
    """
    given = market.risk_aversions
    if given and (
        len(given) not in (1, market.dealers)
        or min(given) < LEAST_AVERSION
        or max(given) > MOST_AVERSION
    ):
        raise PacesetterError(
            f"market.risk_aversions = {given} must be one for all {market.dealers} dealers or "
            f"one for each, each from {LEAST_AVERSION:g} to {MOST_AVERSION:g} per bp·M: nobody "
            "likes risk here."
        )
    if market.target_shares:
        dealers = [f"dealer {i + 1}" for i in range(market.dealers)]
        checked_shares(market.target_shares, dealers, "market.target_shares")
    flow = market.target_flow
    if flow and (len(flow) != len(OFFSETS) or min(flow) < 0.0 or max(flow) > 1.0):
        raise PacesetterError(
            f"market.target_flow has {len(flow)} points, {flow}: give a share between 0 and 1 for "
            f"each of the mark-ups {', '.join(f'{offset:g}' for offset in OFFSETS)} bp."
        )
