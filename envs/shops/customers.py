"""Who the customers are, what a purchase is worth to them and how they choose by rule.

A customer of type (w1, w2) values a unit from a shop with price p and delivery time τ at
``u = v − w1 p − w2 τ``, and buying nothing at 0. Choosing a shop that is out of reach is buying
nothing. One whose information costs λ per nat maximises its utility minus λ KL(π ‖ uniform) over
the n shops and nothing, so that (multinomial logit; Matějka & McKay, AER 2015)

    P(i) = e^{u_i / λ} / (m0 + Σ_{l reached} e^{u_l / λ})                                     (1)

with m0 = 1 + the number of shops out of reach.
"""

from __future__ import annotations

from typing import Any

from ..core.arrays import Array
from ..core.populations import Mix

VALUE = 2.0
"""v: what a unit is worth, in units of the wholesale cost (Calvano et al., AER 2020)."""
KINDS = Mix(
    {
        "hurried": {"price_weight": 0.5, "delay_weight": 0.4},
        "thrifty": {"price_weight": 1.5, "delay_weight": 0.05},
    }
)
"""Customers of mixed kinds, so that every shop keeps a clientele."""


def utilities(people: dict[str, Array], prices: Array, delays: Array) -> Array:
    """What a unit from each shop is worth to each customer, u, ``(B, J, n)``.

    Args:
        people: `price_weight` and `delay_weight`, ``(B, J)``.
        prices, delays: of each shop, ``(B, n)``.
    """
    paid = people["price_weight"][:, :, None] * prices[:, None, :]
    return VALUE - paid - people["delay_weight"][:, :, None] * delays[:, None, :]


def chances(xp: Any, utility: Array, edges: Array, cost: Array) -> Array:
    """Equation (1): the chance of each shop, ``(B, J, n)``; what is left is buying nothing.

    Args:
        xp: array namespace.
        utility: ``(B, J, n)``.
        edges: 1 for shops in reach, 0 for others, ``(B, J, n)``.
        cost: λ, ``(B, 1)``.
    """
    scaled = utility / cost[:, :, None]
    # Nothing has utility 0: shifted by the best of all, no exponential overflows.
    shift = xp.clip(xp.max(scaled, axis=-1, keepdims=True), 0.0, None)
    weights = edges * xp.exp(scaled - shift)
    nothing = (1.0 + xp.sum(1.0 - edges, axis=-1))[:, :, None] * xp.exp(-shift)
    return weights / (nothing + xp.sum(weights, axis=-1)[:, :, None])


def bought_by_rule(xp: Any, utility: Array, edges: Array, cost: Array, uniforms: Array) -> Array:
    """One shop, or none, for every customer by (1): 1 for the chosen one, ``(B, J, n)``.

    Args:
        xp: array namespace.
        utility, edges, cost: as of `chances`.
        uniforms: ``(B, J)``.
    """
    chance = chances(xp, utility, edges, cost)
    above = xp.cumulative_sum(chance, axis=-1)
    u = uniforms[:, :, None]
    return xp.astype((u < above) & (u >= above - chance), chance.dtype)


def served(xp: Any, units: Array, stock: Array, queue: Array) -> Array:
    """Units that customers get where stock is short: first come, first served, ``(B, J, n)``.

    Args:
        xp: array namespace.
        units: ordered, ``(B, J, n)``.
        stock: of each shop, ``(B, n)``.
        queue: who comes first has the smallest, ``(B, J)``.
    """
    order = xp.argsort(queue, axis=-1)[:, :, None] + xp.zeros_like(units, dtype=xp.int64)
    in_turn = xp.take_along_axis(units, order, axis=1)
    before = xp.cumulative_sum(in_turn, axis=1) - in_turn
    got = xp.minimum(xp.clip(stock[:, None, :] - before, 0.0, None), in_turn)
    back = xp.argsort(order, axis=1)
    return xp.take_along_axis(got, back, axis=1)
