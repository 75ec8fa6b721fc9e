"""Who deals with whom: every taker with the lowest offset that it reaches, if it is low enough.

A taker who wants a unit has a reservation offset R ~ Exp(k), so that of those a maker reaches a
share ``a/2 · exp(−kδ)`` deals on each side: the intensity of Avellaneda & Stoikov (Quantitative
Finance 2008). Makers with the same lowest offset share the unit.
"""

from __future__ import annotations

from typing import Any

from ..core.arrays import Array

CHANCE = 0.2  # a, to want a unit in a step
DECAY = 1.5  # k, per price unit
HIGHEST_OFFSET = 2.2
NEVER = 1e9  # an offset that nobody shows


def wishes(uniforms: Array) -> tuple[Array, Array]:
    """Whether takers want to deal, and whether they buy then, ``(B, n)`` bool each."""
    return uniforms < CHANCE, uniforms < CHANCE / 2.0


def reservations(xp: Any, uniforms: Array) -> Array:
    """The highest offsets that takers deal at, Exp(k), ``(B, n)``."""
    return -xp.log1p(-uniforms) / DECAY


def dealt(
    xp: Any, offsets: Array, edges: Array, wants: Array, buys: Array, highest: Array
) -> tuple[Array, Array, Array]:
    """One step of trading.

    Args:
        xp: array namespace.
        offsets: ask and bid of each maker, ``(B, M, 2)``.
        edges: whom each maker reaches, ``(B, J, M)`` bool.
        wants, buys: whether each taker wants to deal, and to buy, ``(B, J)`` bool.
        highest: reservation offsets, ``(B, J)``.

    Returns:
        Units each maker sold and bought, ``(B, M)``, and offsets paid by takers who dealt, −1 for
        those who did not, ``(B, J)``.
    """
    asks, bids = offsets[:, None, :, 0], offsets[:, None, :, 1]
    shown = xp.where(buys[:, :, None], asks, bids)
    shown = xp.where(edges, shown, xp.zeros_like(shown) + NEVER)
    best = shown[:, :, 0] if shown.shape[2] == 1 else xp.min(shown, axis=-1)
    deals = wants & (best < highest) & (best < NEVER)
    won = xp.astype((shown <= best[:, :, None]) & deals[:, :, None], offsets.dtype)
    if shown.shape[2] > 1:
        number = xp.sum(won, axis=-1)
        won = won / xp.clip(number, 1.0, None)[:, :, None]
    sold = won * xp.astype(buys, offsets.dtype)[:, :, None]
    all_units, sold_units = xp.sum(won, axis=1), xp.sum(sold, axis=1)
    return sold_units, all_units - sold_units, xp.where(deals, best, 0.0 * best - 1.0)


def likely(xp: Any, offsets: Array, edges: Array) -> Array:
    """Units that makers sell and buy in the mean over wishes and reservations, ``(B, M, 2)``.

    Given whom they reach and what others show; see `dealt` for the arguments.
    """
    shown = xp.where(edges[..., None], offsets[:, None], xp.zeros_like(offsets[:, None]) + NEVER)
    lowest = shown <= xp.min(shown, axis=2, keepdims=True)
    lowest = xp.astype(lowest & edges[..., None], offsets.dtype)
    alike = xp.clip(xp.sum(lowest, axis=2), 1.0, None)[:, :, None]
    return 0.5 * CHANCE * xp.exp(-DECAY * offsets) * xp.sum(lowest / alike, axis=1)


def best_seen(xp: Any, offsets: Array, edges: Array) -> Array:
    """Best ask and bid among the makers that each taker reaches, ``(B, n, 2)``.

    Args:
        xp: array namespace.
        offsets: ``(B, M, 2)``.
        edges: ``(B, n, M)`` bool.
    """
    shown = offsets[:, None, :, :] + 0.0 * xp.astype(edges, offsets.dtype)[..., None]
    return xp.min(xp.where(edges[..., None], shown, xp.zeros_like(shown) + HIGHEST_OFFSET), axis=2)
