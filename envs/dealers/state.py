"""What changes in a market of makers and investors."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.arrays import Array
from ..core.state import State


@dataclass(frozen=True)
class DealersState(State):
    """The market's memory; arrays of who is not in the scenario have no entries.

    Attributes:
        price, deviation: reference price, and its distance from the fundamental, ``(B,)``.
        maker_inventory: q, units, ``(B, M)``.
        running_share: m̄, units dealt per taker reached, ``(B, M)``.
        last_offsets: ask and bid of each maker, ``(B, M, 2)``.
        last_volume: units dealt in the last step, ``(B,)``.
        buys, sells: of each investor in this episode, units, ``(B, N)``.
        seen_offsets: best ask and bid that each investor reached, ``(B, N, 2)``.
        maker_quantiles, investor_quantiles: of the entries of types, ``(B, M, K)``, ``(B, N, K)``.
        edge_uniforms: a taker is reached where they are below the connectivity, ``(B, J, M)``.
    """

    price: Array
    deviation: Array
    maker_inventory: Array
    running_share: Array
    last_offsets: Array
    last_volume: Array
    buys: Array
    sells: Array
    seen_offsets: Array
    maker_quantiles: Array
    investor_quantiles: Array
    edge_uniforms: Array
