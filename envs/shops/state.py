"""What changes in a market of shops."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.arrays import Array
from ..core.state import State


@dataclass(frozen=True)
class ShopsState(State):
    """The market's memory.

    Attributes:
        price: last set by each learning shop, or posted by it, ``(B, N)``.
        stock: left at each shop after its last sales, units, ``(B, n)``.
        last_sales, last_missed: of each shop, units, ``(B, n)``.
        last_nothing: share of the customers in need who bought nothing, ``(B,)``.
        need: of each customer, units, ``(B, J)``.
        type_quantiles: ``(B, J)``.
        shop_quantiles: of the entries of each shop's type, ``(B, n, 4)``.
        edge_uniforms: a shop is in reach where they are below the connectivity, ``(B, J, n)``.
    """

    price: Array
    stock: Array
    last_sales: Array
    last_missed: Array
    last_nothing: Array
    need: Array
    type_quantiles: Array
    shop_quantiles: Array
    edge_uniforms: Array
