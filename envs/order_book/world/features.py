"""What a world agent sees: 62 numbers of the book, its past states and the last orders, compiled.

One function reads them, off a recording and in the loop. All are of order one. In the mirror image
of a market, sides are swapped and signs turned: `mirror_features` does the same to the numbers.

Version history: v1.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...core.kernels.compiled import kernel
from ..layout import BEST, BUY, CLOCK, EXTRA, NO_ASK, NO_BID, OFFERED, SELL, TRADED
from ..levels import depth
from . import layout as at
from .alphabet import DEPTHS, EVENTS, TIMES

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]
Singles = NDArray[np.float32]

TEN, FIVE = 10, 5  # levels
SPREAD_UNIT, VOLUME_MIDDLE, VOLUME_UNIT, MOVE_UNIT, SIGNED_UNIT, SIGNED_SHARES, ORDERS_UNIT = (
    *(3.0, 6.0, 2.0, 3.0, 3.0, 100.0, 4.0),
)


def _named() -> tuple[str, ...]:
    names = ["spread", *(f"imbalance_{n}" for n in ("1", "5", "10", "all"))]
    names += [f"volume_{side}_{n}" for side in ("bid", "ask") for n in ("1", "5", "10")]
    names += ["span_bid", "span_ask"]
    of_state = ("move", "spread", "imbalance", "signed_volume", "orders")
    names += [f"{what}_lag_{lag}" for lag in range(1, at.LAGS + 1) for what in of_state]
    of_order = (*EVENTS, "depth", "wait")
    names += [f"{what}_last_{k}" for k in range(1, at.HISTORY + 1) for what in of_order]
    return tuple(names)


FEATURES = _named()
"""Names, in their order."""
COUNT = len(FEATURES)
VOLUMES_AT, SPANS_AT, LAGS_AT, ORDERS_AT = 5, 11, 13, 13 + at.LAGS * at.LAG_ENTRIES
ORDER_ENTRIES = len(EVENTS) + 2


# Reading ------------------------------------------------------------------------------------------


@kernel
def look(memory: Integers, reals: Reals) -> None:
    """Remember mid and spread, and the prices that depths count from.

    Where a side is empty, its best price is taken to be at the last mid, and not across the other.
    """
    here = memory[EXTRA]
    bid, ask = memory[BEST + BUY], memory[BEST + SELL]
    if bid != NO_BID and ask != NO_ASK:
        reals[at.MID], reals[at.SPREAD] = 0.5 * (bid + ask), float(ask - bid)
    elif ask != NO_ASK:
        bid = min(math.floor(reals[at.MID]), ask - 1)
    elif bid != NO_BID:
        ask = max(math.ceil(reals[at.MID]), bid + 1)
    else:
        bid = math.floor(reals[at.MID] - 0.5)
        ask = math.ceil(reals[at.MID] + 0.5)
    memory[here + at.BID], memory[here + at.ASK] = bid, ask


@kernel
def _imbalance(bids: float, asks: float) -> float:
    return (bids - asks) / (bids + asks) if bids + asks > 0 else 0.0


@kernel
def keep_states(memory: Integers, reals: Reals, prices: Integers, sizes: Integers, to: int) -> bool:
    """Note the state of the market at all multiples of ten seconds up to a time; was there one?"""
    here = memory[EXTRA]
    if memory[here + at.NEXT_SNAPSHOT] > to:
        return False
    look(memory, reals)
    _volumes(memory, prices, sizes)
    bids, asks = sizes[BUY, :FIVE].sum(), sizes[SELL, :FIVE].sum()
    while memory[here + at.NEXT_SNAPSHOT] <= to:
        memory[here + at.NEXT_SNAPSHOT] += at.LAG_NS
        for entry in range(at.WORLD_REALS - 1, at.SNAPSHOTS + at.LAG_ENTRIES - 1, -1):
            reals[entry] = reals[entry - at.LAG_ENTRIES]
        _note_state(memory, reals, at.SNAPSHOTS, _imbalance(bids, asks))
    return True


@kernel
def _note_state(memory: Integers, reals: Reals, state: int, imbalance: float) -> None:
    reals[state + at.MID_THEN] = reals[at.MID]
    reals[state + at.SPREAD_THEN] = reals[at.SPREAD]
    reals[state + at.IMBALANCE_THEN] = imbalance
    reals[state + at.SIGNED_THEN] = memory[TRADED + BUY] - memory[TRADED + SELL]
    reals[state + at.ORDERS_THEN] = memory[memory[EXTRA] + at.ORDERS_SO_FAR]


@kernel
def _volumes(memory: Integers, prices: Integers, sizes: Integers) -> None:
    """Prices and sizes of the best ten levels, ``(2, 10)`` each; zeros beyond the last."""
    for side in (BUY, SELL):
        there = depth(memory, side, prices[side], sizes[side])
        for level in range(there, TEN):
            prices[side, level] = prices[side, max(there - 1, 0)]
            sizes[side, level] = 0


@kernel
def _logarithm(volume: float) -> float:
    return (math.log1p(volume) - VOLUME_MIDDLE) / VOLUME_UNIT


@kernel
def read_features(
    memory: Integers,
    reals: Reals,
    prices: Integers,
    sizes: Integers,
    features: Singles,
    lags: int,
) -> None:
    """Fill in what the agent sees, ``(62,)``.

    Args:
        memory: book and world, ``(L,)``; the prices that depths count from are noted in it.
        reals: ``(R,)``.
        prices, sizes: room to work in, ``(2, 10)`` each.
        features: filled in.
        lags: past states that are read; what an earlier one tells stands until the next is noted.
    """
    look(memory, reals)
    _volumes(memory, prices, sizes)
    features[0] = math.log(reals[at.SPREAD]) / SPREAD_UNIT
    near = np.zeros((2, 3))
    for side in (BUY, SELL):
        total = 0
        for level in range(TEN):
            total += sizes[side, level]
            if level == 0:
                near[side, 0] = total
            elif level == FIVE - 1:
                near[side, 1] = total
        near[side, 2] = total
        span = abs(prices[side, 0] - prices[side, FIVE - 1]) if total > 0 else 0
        features[SPANS_AT + side] = math.log1p(span) / SPREAD_UNIT
        for i in range(3):
            features[VOLUMES_AT + 3 * side + i] = _logarithm(near[side, i])
    for i in range(3):
        features[1 + i] = _imbalance(near[BUY, i], near[SELL, i])
    features[4] = _imbalance(memory[OFFERED + BUY], memory[OFFERED + SELL])
    _read_states(memory, reals, features, lags)
    _read_orders(memory, features)


@kernel
def _read_states(memory: Integers, reals: Reals, features: Singles, lags: int) -> None:
    """The latest past states: what changed from each to the one after, and what was seen in it."""
    mid = reals[at.MID]
    signed = float(memory[TRADED + BUY] - memory[TRADED + SELL])
    orders = float(memory[memory[EXTRA] + at.ORDERS_SO_FAR])
    for lag in range(lags):
        state = at.SNAPSHOTS + at.LAG_ENTRIES * lag
        place = LAGS_AT + at.LAG_ENTRIES * lag
        features[place] = math.asinh(mid - reals[state + at.MID_THEN]) / MOVE_UNIT
        features[place + 1] = math.log(reals[state + at.SPREAD_THEN]) / SPREAD_UNIT
        features[place + 2] = reals[state + at.IMBALANCE_THEN]
        bought = signed - reals[state + at.SIGNED_THEN]
        features[place + 3] = math.asinh(bought / SIGNED_SHARES) / SIGNED_UNIT
        came = orders - reals[state + at.ORDERS_THEN]
        features[place + 4] = math.log1p(came) / ORDERS_UNIT
        mid, signed = reals[state + at.MID_THEN], reals[state + at.SIGNED_THEN]
        orders = reals[state + at.ORDERS_THEN]


@kernel
def _read_orders(memory: Integers, features: Singles) -> None:
    """The last orders: which event, how deep, how long until the next."""
    orders = memory[EXTRA] + at.LAST_ORDERS
    for k in range(at.HISTORY):
        order, place = orders + 3 * k, ORDERS_AT + ORDER_ENTRIES * k
        for entry in range(ORDER_ENTRIES):
            features[place + entry] = 0.0
        event = memory[order + at.EVENT_OF]
        if event >= 0:
            features[place + event] = 1.0
            features[place + ORDER_ENTRIES - 2] = memory[order + at.DEPTH_OF] / (DEPTHS - 1.0)
            features[place + ORDER_ENTRIES - 1] = memory[order + at.TIME_OF] / (TIMES - 1.0)


# Writing history ----------------------------------------------------------------------------------


@kernel
def note_order(memory: Integers, event: int, depth: int, time: int) -> None:
    """An order becomes the latest of the history; all of them are counted."""
    here = memory[EXTRA]
    orders = here + at.LAST_ORDERS
    for entry in range(3 * at.HISTORY - 1, 2, -1):
        memory[orders + entry] = memory[orders + entry - 3]
    memory[orders + at.EVENT_OF] = event
    memory[orders + at.DEPTH_OF] = depth
    memory[orders + at.TIME_OF] = time
    memory[here + at.ORDERS_SO_FAR] += 1


@kernel
def begin_world(memory: Integers, reals: Reals, mid: float, first_stranger: int) -> None:
    """A world without a history, at the book's clock; its streams are started elsewhere."""
    here, clock = memory[EXTRA], memory[CLOCK]
    memory[here + at.FIRST_STRANGER] = first_stranger
    memory[here + at.NEXT_SNAPSHOT] = (clock // at.LAG_NS + 1) * at.LAG_NS
    memory[here + at.NEXT_TIME] = clock
    for entry in range(3 * at.HISTORY):
        memory[here + at.LAST_ORDERS + entry] = at.NOTHING
    reals[at.MID], reals[at.SPREAD] = mid, 1.0
    look(memory, reals)
    for lag in range(at.LAGS):
        _note_state(memory, reals, at.SNAPSHOTS + at.LAG_ENTRIES * lag, 0.0)


# Mirror images ------------------------------------------------------------------------------------


def _mirror() -> tuple[Integers, Singles]:
    """Where every feature of the mirror image is, and its sign."""
    swaps = {"bid": "ask", "ask": "bid", "buy": "sell", "sell": "buy"}
    places, signs = [], []
    for name in FEATURES:
        places.append(FEATURES.index("_".join(swaps.get(word, word) for word in name.split("_"))))
        signs.append(-1.0 if name.startswith(("imbalance", "move", "signed_volume")) else 1.0)
    return np.array(places), np.array(signs, dtype=np.float32)


MIRROR, MIRROR_SIGNS = _mirror()


def mirror_features(features: Singles) -> Singles:
    """What would be seen in the mirror image of the markets, ``(n, 62)``."""
    mirrored: Singles = features[:, MIRROR] * MIRROR_SIGNS
    return mirrored
