"""What shops and customers see and may do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete

from ..core.arrays import Array
from ..core.group import Group

SHOP, CUSTOMER = "shop", "customer"
OWN_ENTRIES = 10  # of a shop's observation, before its view of θ
HALF_COST = 0.25  # λ that is seen as ½


def shop_group(
    size: int,
    prices: tuple[float, float] | None,
    capacity: int | None,
    view: tuple[str, ...],
) -> Group:
    """The shops that learn.

    Args:
        size: their number.
        prices: lowest and highest price; None: given.
        capacity: most units to order; None: no stock is held.
        view: names of θ.
    """
    bounds = ([prices] if prices else []) + ([(0.0, float(capacity))] if capacity else [])
    low, high = np.array(bounds, dtype=np.float32).T
    seen = np.full(OWN_ENTRIES + len(view), np.inf, dtype=np.float32)
    seen[OWN_ENTRIES:] = 1.0
    return Group(SHOP, size, Box(-seen, seen), Box(low, high), view)


def customer_group(customers: int, shops: int) -> Group:
    """The customers, if they learn; their last action is to buy nothing."""
    seen = np.full(3 * shops + 3, np.inf, dtype=np.float32)
    return Group(
        name=CUSTOMER,
        size=customers,
        observation_space=Box(-seen, seen),
        action_space=Discrete(shops + 1),
        view=(),  # their own type, and never what distributes types
        information_cost=True,
    )


def shop_sees(
    xp: Any,
    own: Sequence[Array],
    prices: Array,
    visible: bool,
    types: Sequence[Array],
    theta: Array,
) -> Array:
    """A shop's observation, ``(B, N, 10 + d)``.

    Args:
        xp: array namespace.
        own: stock, last sales and last missed, of mean demand, ``(B, N)`` each.
        prices: last ones of all shops, ``(B, n)``, the learning ones first.
        visible: whether the others' prices are seen.
        types: c, τ, w2, w3 of each learning shop, ``(B, N)`` each.
        theta: scaled to [−1, 1], ``(B, d)``.
    """
    N, n = own[0].shape[1], prices.shape[1]
    rivals = [0.0 * own[0]] * 2
    if visible and n > 1:
        others = np.array([[k for k in range(n) if k != i] for i in range(N)])
        seen = xp.stack([prices[:, row] for row in others], axis=1) - 1.0  # (B, N, n - 1)
        rivals = [xp.mean(seen, axis=-1), xp.min(seen, axis=-1)]
    shared = 0.0 * own[0]
    view = [theta[:, k : k + 1] + shared for k in range(theta.shape[1])]
    columns = [*own, prices[:, :N] - 1.0, *rivals, *types, *view]
    return xp.astype(xp.stack(columns, axis=-1), xp.float32)


def customer_sees(
    xp: Any, edges: Array, prices: Array, delays: Array, people: dict[str, Array], cost: Array
) -> Array:
    """A customer's observation, ``(B, J, 3 n + 3)``.

    Args:
        xp: array namespace.
        edges: 1 for shops in reach, ``(B, J, n)``.
        prices, delays: of each shop, ``(B, n)``.
        people: price and delay weight, ``(B, J)``.
        cost: λ, ``(B, 1)``.
    """
    price, delay = edges * (prices[:, None, :] - 1.0), edges * delays[:, None, :]
    own = [people["price_weight"], people["delay_weight"]]
    person = xp.stack([*own, cost / (cost + HALF_COST) + 0.0 * own[0]], axis=-1)
    return xp.astype(xp.concat([edges, price, delay, person], axis=-1), xp.float32)
