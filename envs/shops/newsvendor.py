"""Shops that set a price and hold stock for the demand it brings: prices and levels, computed.

A shop orders after every step and therefore up to a level (see `stock`); which one is best follows
from the law of its orders, and so from all prices. Its profit at a price is that of the best level.
Levels are whole units, so that best answers jump, and whole ranges of prices are equilibria up to
rounding: what `equilibrium` returns is one of them. Only shops whose shortfall is served by express
have it in any number: with `lost` orders customers' choices would depend on stock they do not see,
so that it is computed for a single shop alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .pricing import Competition
from .stock import BaseStock, base_stock, demand_law

Floats = NDArray[np.float64]
COARSE, FINE = 81, 41  # prices tried over the whole range, and between the neighbours of the best
ROUNDS = 40
SETTLED = 2e-3  # prices that differ by less answer each other


@dataclass(frozen=True)
class PricedStock:
    """A pricing game whose shops hold stock.

    Attributes:
        game: prices and customers.
        customers: J.
        need: chances of needing 0, 1, … units.
        storage_cost, shortfall_cost, shortfall, storage_on, capacity: see `base_stock`.
    """

    game: Competition
    customers: int
    need: tuple[float, ...] = (0.0, 1.0)
    storage_cost: float = 0.1
    shortfall_cost: float = 0.5
    shortfall: Literal["express", "lost"] = "express"
    storage_on: Literal["after_sales", "after_restock"] = "after_sales"
    capacity: int = 100

    def levels(self, shop: int, prices: Floats) -> BaseStock:
        """What every level of stock is worth to a shop at prices ``(n,)``, per step."""
        share = float(self.game.shares(prices[None])[0, shop])
        return self._levels(shop, share, float(prices[shop]))

    def _levels(self, shop: int, share: float, price: float) -> BaseStock:
        law = demand_law(share, self.need, self.customers)
        return base_stock(
            law,
            price - self.game.costs[shop],
            self.storage_cost,
            self.shortfall_cost,
            self.shortfall,
            self.storage_on,
            self.capacity,
        )

    def profits(self, shop: int, tried: Floats, prices: Floats) -> Floats:
        """A shop's profit per step at its best level, for prices of its own ``(m,)``: ``(m,)``."""
        at = np.repeat(prices[None], len(tried), axis=0)
        at[:, shop] = tried
        shares = self.game.shares(at)[:, shop]
        found = [self._levels(shop, s, p).value.max() for s, p in zip(shares, tried, strict=True)]
        return np.array(found)

    def best_response(self, shop: int, prices: Floats) -> tuple[float, float]:
        """The price that earns a shop most against the others', ``(n,)``, and what it earns."""
        tried = np.linspace(self.game.costs[shop], self.game.highest_price, COARSE)
        best = int(np.argmax(self.profits(shop, tried, prices)))
        low, high = tried[max(best - 1, 0)], tried[min(best + 1, COARSE - 1)]
        tried = np.linspace(low, high, FINE)
        worth = self.profits(shop, tried, prices)
        best = int(np.argmax(worth))
        return float(tried[best]), float(worth[best])

    def gain(self, prices: Floats) -> float:
        """What the best answer of any shop to prices ``(n,)`` would add, of its profit."""
        gains = []
        for shop in range(len(prices)):
            now = float(self.profits(shop, prices[shop : shop + 1], prices)[0])
            gains.append(self.best_response(shop, prices)[1] / now - 1.0)
        return max(0.0, *gains)

    def equilibrium(self) -> Floats:
        """Prices that answer each other up to what whole units allow, ``(n,)``."""
        prices = self.game.equilibrium().price
        for _ in range(ROUNDS):
            before = prices.copy()
            for shop in range(len(prices)):
                answer = self.best_response(shop, prices)[0]
                prices[shop] += 0.5 * (answer - prices[shop])
            if np.abs(prices - before).max() < SETTLED / 2.0:
                break
        return prices

    def figures(self) -> dict[str, float]:
        """Price, level and cost of stock of every shop, by name, per step."""
        prices = self.equilibrium()
        found: dict[str, float] = {}
        shares = self.game.shares(prices[None])[0]
        for shop, price in enumerate(prices):
            levels = self.levels(shop, prices)
            best, value = levels.best, float(levels.value[levels.best])
            demand = self.customers * float(np.arange(len(self.need)) @ np.array(self.need))
            sold = demand * shares[shop] if self.shortfall == "express" else levels.sales[best]
            found[f"price_{shop}"] = float(price)
            found[f"order_up_to_{shop}"] = float(best)
            found[f"value_per_step_{shop}"] = value
            found[f"stock_cost_{shop}"] = float((price - self.game.costs[shop]) * sold) - value
        return found
