"""What a market of currency dealers is measured by: shares, internalisation, and two losses.

Flow curves pool the tiers: who sends a request does not say what it is sensitive to.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.arrays import Array
from .presets import Pair
from .state import DealerState

CURVE = np.arange(-0.25, 0.56, 0.1)
"""Bounds of mark-ups that a flow curve counts requests by, bp."""
OFFSETS = np.round((CURVE[1:] + CURVE[:-1]) / 2.0, 1) + 0.0
SHARE_SCALE, FLOW_SCALE = 0.05, 0.03
"""Of a market share, and of a point of a flow curve, that is off by as much, the loss is 1."""
LEAST_SHOWN = 30
"""Times that a mark-up is shown in an episode for its share dealt to be held to a target."""


@dataclass(frozen=True)
class Measures:
    """Reads path quantities off a state.

    Attributes:
        pair: what is dealt with.
        dealers: D.
        target_shares, target_flow: see the market; empty: no target.
    """

    pair: Pair
    dealers: int
    target_shares: tuple[float, ...]
    target_flow: tuple[float, ...]

    @property
    def descriptions(self) -> dict[str, str]:
        """The path quantities, name -> description with unit."""
        sizes, tiers = self.pair.sizes, self.pair.tiers
        return {
            "inventory": "of each dealer after the request, M",
            "hedged": "M that each dealer hedged",
            "volume": "M that each dealer dealt with clients",
            "requests_won": "1 for the dealer who dealt",
            "market_share": "of each dealer in the volume dealt so far in the episode; 0 if none",
            "internalisation": "1 − hedged / volume so far, of each dealer; 0 if none was dealt",
            "dealt_share": "of the requests in the episode so far, dealt with anybody",
            "share_loss": "at the end, mean of ((share − target) / 0.05)² over dealers; else 0",
            "curve_loss": "at the end, mean of ((dealt − target) / 0.03)² over mark-ups; else 0",
            "calibration_loss": "sum of both losses",
            **{
                f"markup_{sizes[0]:g}M_{tier}": "of each dealer, mean of bid and ask, bp"
                for tier in tiers
            },
            **{
                f"won_{i + 1}_{size:g}M": f"1 for a request of {size:g} M that dealer {i + 1} won"
                for i in range(self.dealers)
                for size in sizes
            },
            **{
                f"{what}_{tier}": f"pairs of a request and a dealer {text} a mark-up of -.2, …, .5"
                for tier in tiers
                for what, text in (("shown", "that shows"), ("dealt", "that deals at"))
            },
            **{
                f"{what}_at_{offset:g}": f"the same of all tiers at {offset:g} bp, {what}"
                for what in ("shown", "dealt")
                for offset in OFFSETS
            },
        }

    def of_requests(self, won: Array, shown: Array, dealt: Array) -> dict[str, Array]:
        """What became of the requests of a step, name -> ``(B,)`` or ``(B, K)``.

        Args:
            won: ``(B, D, Z)``.
            shown, dealt: ``(B, T, K)``.
        """
        found = {}
        for t, tier in enumerate(self.pair.tiers):
            found[f"shown_{tier}"], found[f"dealt_{tier}"] = shown[:, t], dealt[:, t]
        for what, counts in (("shown", shown.sum(axis=1)), ("dealt", dealt.sum(axis=1))):
            for k, offset in enumerate(OFFSETS):
                found[f"{what}_at_{offset:g}"] = counts[:, k]
        for i in range(self.dealers):
            for z, size in enumerate(self.pair.sizes):
                found[f"won_{i + 1}_{size:g}M"] = won[:, i, z]
        return found

    def so_far(self, state: DealerState) -> dict[str, Array]:
        """Shares and internalisation in the episode, 0 where nothing was dealt."""
        total = state.volume.sum(axis=1, keepdims=True)
        kept = 1.0 - state.hedged / np.maximum(state.volume, 1.0)
        requests = np.maximum(state.asked.sum(axis=1), 1.0)
        return {
            "market_share": state.volume / np.maximum(total, 1.0),
            "internalisation": np.where(state.volume > 0.0, kept, 0.0),
            "dealt_share": state.won.sum(axis=(1, 2)) / requests,
        }

    def losses(self, state: DealerState, share: Array, ends: Array) -> dict[str, Array]:
        """How far an episode that ends is from both targets, ``(B,)`` each.

        Args:
            state: after the step.
            share: of the volume, ``(B, D)``.
            ends: whether it ends, ``(B,)`` bool.
        """
        nothing = 0.0 * state.price
        shares = curve = nothing
        if self.target_shares:
            gap = (share - np.array(self.target_shares)) / SHARE_SCALE
            shares = np.where(ends, (gap**2).mean(axis=1), 0.0)
        if self.target_flow:
            curve = np.where(ends, _curve_loss(state.shown, state.dealt, self.target_flow), 0.0)
        return {"share_loss": shares, "curve_loss": curve, "calibration_loss": shares + curve}


def _curve_loss(shown: Array, dealt: Array, target: tuple[float, ...]) -> NDArray[np.float64]:
    """Mean over the mark-ups that were shown often enough, ``(B,)``; 0 if none was."""
    met = shown >= LEAST_SHOWN
    gap = (dealt / np.maximum(shown, 1.0) - np.array(target)) / FLOW_SCALE
    return (met * gap**2).sum(axis=1) / np.maximum(met.sum(axis=1), 1)
