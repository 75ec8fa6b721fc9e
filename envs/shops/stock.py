"""How much a shop should have at hand: base-stock levels, computed from the law of demand.

A shop that orders after every period best orders *up to* a level S that does not depend on what is
left (Arrow, Harris & Marschak, Econometrica 1951). With demand D, mark-up m, storage w2 per unit
left and w3 per unit missed a period is worth

    express    E[ m D − w2 (S − D)⁺ − w3 (D − S)⁺ ]          units beyond S come at w3 extra
    lost       E[ m min(D, S) − w2 (S − D)⁺ − w3 (D − S)⁺ ]  units beyond S are not sold

and storage on what is there after the restock costs w2 S instead of w2 (S − D)⁺.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def demand_law(share: float, need: tuple[float, ...], customers: int) -> Floats:
    """Chances of 0, 1, … units ordered from a shop, ``(J m + 1,)``.

    Args:
        share: chance that a customer in need orders from it.
        need: chances of needing 0, 1, …, m units.
        customers: their number, J; they choose independently.
    """
    one = share * np.array(need, dtype=np.float64)
    one[0] += 1.0 - share
    law, power, rest = np.ones(1), one, customers
    while rest:
        if rest % 2:
            law = np.convolve(law, power)
        power, rest = np.convolve(power, power), rest // 2
    return law


@dataclass(frozen=True)
class BaseStock:
    """The value of every level of stock.

    Attributes:
        value: per period at the levels 0, 1, …, ``(L,)``.
        sales, left, missed: mean units sold, left after sales and beyond the stock, ``(L,)``.
    """

    value: Floats
    sales: Floats
    left: Floats
    missed: Floats

    @property
    def best(self) -> int:
        """The level worth most, the smaller one of two that are worth the same."""
        return int(np.argmax(self.value))

    def figures(self, per_reward: float) -> dict[str, float]:
        """The best level and its value, by name; a reward is `per_reward` units of money."""
        value = float(self.value[self.best])
        return {
            "order_up_to": float(self.best),
            "value_per_step": value,
            "reward_per_step": value / per_reward,
        }


def base_stock(
    law: Floats,
    markup: float,
    storage_cost: float,
    shortfall_cost: float,
    shortfall: Literal["express", "lost"] = "express",
    storage_on: Literal["after_sales", "after_restock"] = "after_sales",
    capacity: int = 100,
) -> BaseStock:
    """Value per period of ordering up to each level.

    Args:
        law: chances of 0, 1, … units ordered (see `demand_law`).
        markup: price less wholesale cost, m.
        storage_cost, shortfall_cost: w2 and w3 per unit.
        shortfall, storage_on: see the module.
        capacity: highest level.
    """
    units = np.arange(len(law))
    levels = np.arange(capacity + 1)
    left = np.maximum(levels[:, None] - units, 0) @ law
    missed = np.maximum(units - levels[:, None], 0) @ law
    sales = levels - left
    paid = sales + missed if shortfall == "express" else sales
    stored = left if storage_on == "after_sales" else levels
    value = markup * paid - storage_cost * stored - shortfall_cost * missed
    return BaseStock(value, sales, left, missed)
