"""Who customers and shops are, as options and θ say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.arrays import Array, constant, namespace
from ..core.populations import reached
from .customers import KINDS, utilities
from .pricing import Competition

TERMS = (
    "hurried_share", "connectivity", "information_cost", "storage_cost", "shortfall_cost",
    "price_weight", "delay_weight",
)  # fmt: skip
"""Options that θ may replace, and those that a kind of customers replaces."""
DRAWN_COST, DRAWN_DELAYS = (0.8, 1.2), 3.0  # of shops that are drawn


def each(given: tuple[float, ...], shops: int) -> tuple[float, ...]:
    """An option of shops, one value for each, ``(n,)``."""
    return given * shops if len(given) == 1 else given


@dataclass(frozen=True)
class Terms:
    """Reads types, costs and reach off a state.

    Attributes:
        names: of θ.
        given: options by the names of `TERMS`.
        costs, delays: c and τ of each shop, ``(n,)``.
        mixed: whether customers are of kinds.
        drawn: whether types of shops are drawn.
    """

    names: tuple[str, ...]
    given: Mapping[str, float]
    costs: tuple[float, ...]
    delays: tuple[float, ...]
    mixed: bool
    drawn: bool

    def term(self, theta: Array, option: str) -> Array:
        """An option, or the characteristic that replaces it, ``(B, 1)``."""
        if option in self.names:
            place = self.names.index(option)
            return theta[:, place : place + 1]
        return 0.0 * theta[:, :1] + self.given[option]

    def people(self, state: Any) -> dict[str, Array]:
        """Weights of price and delay, ``(B, J)`` each."""
        if self.mixed:
            return KINDS.types(self.term(state.theta, "hurried_share"), state.type_quantiles)
        shared = 0.0 * state.type_quantiles
        return {name: shared + self.given[name] for name in ("price_weight", "delay_weight")}

    def shop_types(self, state: Any) -> list[Array]:
        """c, τ, w2 and w3 of each shop, ``(B, n)`` each."""
        u = state.shop_quantiles
        shared = 0.0 * u[:, :, 0]
        storage = shared + self.term(state.theta, "storage_cost")
        shortfall = shared + self.term(state.theta, "shortfall_cost")
        if not self.drawn:
            costs, delays = (constant(np.array(a), shared) for a in (self.costs, self.delays))
            return [shared + costs, shared + delays, storage, shortfall]
        low, high = DRAWN_COST
        cost = low + (high - low) * u[:, :, 0]
        delay = namespace(u).floor(DRAWN_DELAYS * u[:, :, 1])
        # Of what θ or the options say, every shop has between none and twice as much.
        return [cost, delay, 2.0 * u[:, :, 2] * storage, 2.0 * u[:, :, 3] * shortfall]

    def edges(self, state: Any) -> Array:
        """1 for shops in a customer's reach, ``(B, J, n)``."""
        chance = self.term(state.theta, "connectivity")[:, :, None]
        xp = namespace(state.theta)
        return xp.astype(reached(state.edge_uniforms, chance), state.theta.dtype)

    def standing(self, state: Any) -> Array:
        """Prices last set or posted, that of θ among them, ``(B, n)``."""
        if state.price.shape[1] == len(self.costs):
            return state.price
        return namespace(state.theta).concat([state.price, state.theta], axis=1)

    def utilities(self, state: Any) -> Array:
        """What a unit at the standing prices is worth to each customer, ``(B, J, n)``."""
        return utilities(self.people(state), self.standing(state), self.shop_types(state)[1])

    def competition(self, theta: Array, highest_price: float) -> Competition:
        """The pricing game of customers by rule under θ, ``(1, d)``."""
        h, k, cost = (
            float(self.term(theta, name)[0, 0])
            for name in ("hurried_share", "connectivity", "information_cost")
        )
        kinds: tuple[tuple[float, ...], ...] = (
            (1.0, self.given["price_weight"], self.given["delay_weight"]),
        )
        if self.mixed:
            hurried, thrifty = (
                (one["price_weight"], one["delay_weight"]) for one in KINDS.kinds.values()
            )
            kinds = ((h, *hurried), (1.0 - h, *thrifty))
        return Competition(self.costs, self.delays, kinds, k, cost, highest_price)

    def stock_costs(self, theta: Array) -> tuple[float, float]:
        """w2 and w3 under θ, ``(1, d)``."""
        storage, shortfall = (
            float(self.term(theta, name)[0, 0]) for name in ("storage_cost", "shortfall_cost")
        )
        return storage, shortfall
