"""What a step of shops is measured by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..core.arrays import Array, row_sum


def path_quantities(shops: int) -> dict[str, str]:
    """The path quantities of so many shops, name -> description with unit."""
    return {
        "price": "of each shop, met by customers in this step, units of money",
        "orders": "units ordered from each shop",
        "sales": "units that each shop sold",
        "shortfall": "units ordered beyond each shop's stock",
        "stock": "units at hand after the restock",
        "market_share": "of each shop among the units sold in this step; 0 if none was",
        "profit": "of each shop per unit of customers' mean need, its reward",
        "rival_profit": "that of the last shop alone",
        "revenue": "price times sales, per unit of customers' mean need",
        **{f"share_{i}": f"of units needed, from shop {i}" for i in range(shops)},
        "nothing_share": "of the customers in need, who bought nothing",
        "customer_surplus": "mean over customers of v − w1 p − w2 τ of what they got, or 0",
    }


@dataclass(frozen=True)
class Traded:
    """What came of a step.

    Attributes:
        price, orders, sales, missed, stock, profit: of each shop, ``(B, n)``.
        need, utility: of each customer, units and what it got, ``(B, J)``.
        nothing: share of the customers in need who bought nothing, ``(B,)``.
    """

    price: Array
    orders: Array
    sales: Array
    missed: Array
    stock: Array
    profit: Array
    need: Array
    nothing: Array
    utility: Array

    def quantities(self, xp: Any, unit: float) -> dict[str, Array]:
        """The path quantities, name -> ``(B, n)`` or ``(B,)``.

        Args:
            xp: array namespace.
            unit: units that all customers need in the mean.
        """
        sold = row_sum(xp, self.sales)
        share = self.orders / xp.clip(row_sum(xp, self.need), 1.0, None)[:, None]
        return {
            "price": self.price,
            "orders": self.orders,
            "sales": self.sales,
            "shortfall": self.missed,
            "stock": self.stock,
            "market_share": self.sales / xp.clip(sold, 1.0, None)[:, None],
            "profit": self.profit,
            "rival_profit": self.profit[:, -1],
            "revenue": self.price * self.sales / unit,
            **{f"share_{i}": share[:, i] for i in range(self.price.shape[1])},
            "nothing_share": self.nothing,
            "customer_surplus": row_sum(xp, self.utility) / self.need.shape[1],
        }
