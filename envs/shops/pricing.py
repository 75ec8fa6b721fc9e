"""Equilibria of price competition for customers by rule, computed, not learned.

Shops pay c for a unit and set prices at once. With the choice of `customers` (1), averaged over who
reaches whom and over kinds of customers, shop i earns (p_i − c_i) s_i(p) per customer. Where all
customers reach all shops and are alike, an equilibrium satisfies ``p_i − c_i = λ / (w1 (1 − s_i))``
(Anderson, de Palma & Thisse 1992, chapter 7). With kinds, profits need not be concave: best
responses are taken over the whole range of prices.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar

from ..core.errors import PacesetterError
from .customers import VALUE

Floats = NDArray[np.float64]
GRID_POINTS = 400
MOST_SHOPS = 12  # all sets of shops that a customer may reach are gone through
MOST_ROUNDS = 2000
EXACT = 1e-10


@dataclass(frozen=True)
class Outcome:
    """What comes of prices, in the mean over customers.

    Attributes:
        price, share, profit: of each shop, ``(n,)``; shares of all customers, profit per customer.
        nothing: share who buy nothing.
    """

    price: Floats
    share: Floats
    profit: Floats
    nothing: float

    @property
    def market_share(self) -> Floats:
        """Of each shop among those who buy, ``(n,)``."""
        return self.share / self.share.sum()


@dataclass(frozen=True)
class Competition:
    """Shops and their clientele.

    Attributes:
        costs, delays: of each shop, c and τ.
        kinds: share, price weight w1 and delay weight w2 of each kind of customer.
        connectivity: chance k that a customer reaches a shop.
        information_cost: λ.
        highest_price: of every shop.

    Raises:
        PacesetterError: more shops than sets of them can be gone through.
    """

    costs: tuple[float, ...]
    delays: tuple[float, ...]
    kinds: tuple[tuple[float, ...], ...] = ((1.0, 1.0, 0.15),)
    connectivity: float = 1.0
    information_cost: float = 0.25
    highest_price: float = 2.6

    def __post_init__(self) -> None:
        """Refuse what would take for ever."""
        if len(self.costs) > MOST_SHOPS:
            raise PacesetterError(
                f"the computed equilibrium goes through all sets of shops that a customer may "
                f"reach, at most of {MOST_SHOPS} shops; this market has {len(self.costs)}. "
                "Train followers instead, or choose fewer shops."
            )

    @cached_property
    def _reach(self) -> tuple[Floats, Floats]:
        """Sets of shops, ``(S, n)``, and their chances, ``(S,)``."""
        n, k = len(self.costs), self.connectivity
        sets = np.array(list(itertools.product((0.0, 1.0), repeat=n)))
        if k >= 1.0:
            sets = sets[-1:]
        number = sets.sum(axis=1)
        return sets, k**number * (1.0 - k) ** (n - number)

    def shares(self, prices: Floats) -> Floats:
        """Share of customers that each shop wins, for prices ``(m, n)``: ``(m, n)``."""
        sets, chance = self._reach
        total = np.zeros_like(prices)
        for part, w1, w2 in self.kinds:
            scaled = (VALUE - w1 * prices - w2 * np.array(self.delays)) / self.information_cost
            shift = np.maximum(scaled.max(axis=1, keepdims=True), 0.0)
            weights = np.exp(scaled - shift)[:, None, :] * sets  # (m, S, n)
            nothing = (1.0 + (1.0 - sets).sum(axis=1)) * np.exp(-shift)  # (m, S)
            won = weights / (nothing + weights.sum(axis=2))[:, :, None]
            total += part * np.einsum("s,msn->mn", chance, won)
        return total

    def profits(self, prices: Floats) -> Floats:
        """Profit per customer, for prices ``(m, n)``: ``(m, n)``."""
        return (prices - np.array(self.costs)) * self.shares(prices)

    def outcome(self, prices: Floats) -> Outcome:
        """What comes of prices, ``(n,)``."""
        share = self.shares(prices[None])[0]
        profit = (prices - np.array(self.costs)) * share
        return Outcome(prices, share, profit, 1.0 - float(share.sum()))

    def best_response(self, shop: int, prices: Floats) -> float:
        """The price that earns a shop most against the others', ``(n,)``, of the whole range."""
        grid = np.linspace(self.costs[shop], self.highest_price, GRID_POINTS)
        tried = np.repeat(prices[None], GRID_POINTS, axis=0)
        tried[:, shop] = grid
        best = int(np.argmax(self.profits(tried)[:, shop]))

        def loss(price: float) -> float:
            at = prices.copy()
            at[shop] = price
            return -float(self.profits(at[None])[0, shop])

        around = grid[max(best - 1, 0)], grid[min(best + 1, GRID_POINTS - 1)]
        return float(minimize_scalar(loss, bounds=around, options={"xatol": 1e-12}).x)

    def equilibrium(self, held: Mapping[int, float] | None = None) -> Outcome:
        """Prices that answer each other, the given shops holding theirs (Bertrand–Nash).

        Raises:
            PacesetterError: answers to answers do not settle.
        """
        held = held or {}
        prices = np.full(len(self.costs), (min(self.costs) + self.highest_price) / 2.0)
        for shop, price in held.items():
            prices[shop] = price
        for _ in range(MOST_ROUNDS):
            before = prices.copy()
            for shop in range(len(prices)):
                if shop not in held:
                    prices[shop] = self.best_response(shop, prices)
            if np.abs(prices - before).max() < EXACT**0.75:
                return self.outcome(prices)
        raise PacesetterError(
            f"best prices do not settle within {MOST_ROUNDS} rounds: with these kinds of customers "
            "there may be no equilibrium in pure prices."
        )

    def joint(self) -> Outcome:
        """Prices that earn all shops together most."""
        low = np.array(self.costs)

        def loss(prices: Floats) -> float:
            return -float(self.profits(prices[None]).sum())

        starts = [low + share * (self.highest_price - low) for share in (0.3, 0.5, 0.7, 0.9)]
        bounds = [(cost, self.highest_price) for cost in self.costs]
        found = [minimize(loss, start, bounds=bounds, tol=1e-14) for start in starts]
        return self.outcome(np.asarray(min(found, key=lambda one: one.fun).x))

    def led_by(self, leader: int) -> Outcome:
        """The equilibrium in which one shop sets its price first and the others answer it."""

        def loss(price: float) -> float:
            return -float(self.equilibrium({leader: price}).profit[leader])

        grid = np.linspace(self.costs[leader], self.highest_price, 41)
        best = int(np.argmin([loss(price) for price in grid]))
        around = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
        price = float(minimize_scalar(loss, bounds=around, options={"xatol": 1e-7}).x)
        return self.equilibrium({leader: price})

    def unmoved(self, before: Outcome, prices: Floats) -> Outcome:
        """Other prices, ``(n,)``, for customers who choose as before: the naive forecast."""
        return replace(before, price=prices, profit=(prices - np.array(self.costs)) * before.share)

    def counterfactual(self, shop: int, price: float) -> dict[str, Outcome]:
        """What follows when one shop leaves the equilibrium for another price.

        Returns:
            ``nobody`` adapts: customers choose as before, whatever they pay; ``customers`` do;
            ``all`` do: so do the other shops' prices.
        """
        base = self.equilibrium()
        prices = base.price.copy()
        prices[shop] = price
        return {
            "nobody": self.unmoved(base, prices),
            "customers": self.outcome(prices),
            "all": self.equilibrium({shop: price}),
        }

    def figures(self, leads: bool) -> dict[str, float]:
        """The equilibrium by name; with that in which the last shop `leads`, if it does."""
        found = self.equilibrium()
        named = {"nothing_share": found.nothing}
        for shop in range(len(self.costs)):
            named[f"price_{shop}"] = float(found.price[shop])
            named[f"share_{shop}"] = float(found.share[shop])
            named[f"profit_{shop}"] = float(found.profit[shop])
        if leads:
            led = self.led_by(len(self.costs) - 1)
            named["led_price"], named["led_profit"] = float(led.price[-1]), float(led.profit[-1])
        return named


@lru_cache(maxsize=64)
def settled_prices(game: Competition) -> tuple[float, ...]:
    """Prices of the equilibrium of a game, solved once: a reference asks for them per quantity."""
    return tuple(game.equilibrium().price.tolist())
