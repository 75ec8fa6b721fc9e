"""The alphabet of a world agent: an order as four bins, and an order drawn within them.

| letter | bins | within a bin |
|---|---|---|
| event | post, take or cancel, to buy or to sell | |
| depth | four shares of the inside of the spread (post alone), then ticks | uniform |
| size | shares | uniform |
| waiting time | until the next order | uniform below 100 ns, log-uniform above |

Ticks count away from the best price of the order's own side; those of a take lie beyond the far
touch, so that it is a limit order that trades. With uniform laws within the bins, an order has an
exact likelihood: that of its bins times the density within them (`densities`).

Version history: v1.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...core.kernels.compiled import kernel
from ..layout import BUY

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]

POST, TAKE, CANCEL = 0, 1, 2
EVENTS = ("post_buy", "post_sell", "take_buy", "take_sell", "cancel_buy", "cancel_sell")
"""An event is 2 · kind + side; the side is that of the order: ``take_buy`` is a purchase."""
INSIDE = 4  # bins of the inside of the spread
DEPTH_EDGES = np.array([0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 90, 150, 250, 400, 1000], dtype=np.int64)
"""Ticks: bin ``INSIDE + i`` goes from edge i up to edge i + 1, without it."""
SIZE_EDGES = np.array(
    [1, 4, 10, 20, 30, 40, 50, 75, 100, 101, 150, 250, 500, 1000, 5000, 10_000, 20_000],
    dtype=np.int64,
)
"""Shares: bin i goes from edge i up to edge i + 1, without it."""
FIRST_WAIT, EVEN_FROM, LONGEST_WAIT = 100.0, 1e5, 1e11
TIME_EDGES = np.concatenate([[0.0, FIRST_WAIT], np.rint(np.geomspace(EVEN_FROM, LONGEST_WAIT, 15))])
"""Nanoseconds: bin i goes from edge i to edge i + 1; longer times count as the longest."""
DEPTHS, SIZES, TIMES = INSIDE + len(DEPTH_EDGES) - 1, len(SIZE_EDGES) - 1, len(TIME_EDGES) - 1
HEADS = (len(EVENTS), DEPTHS, SIZES, TIMES)
"""Bins of every letter."""
LETTERS = len(HEADS)
FARTHEST, LARGEST_SIZE = int(DEPTH_EDGES[-1]), int(SIZE_EDGES[-1])
_DEPTH_OF_TICKS = np.searchsorted(DEPTH_EDGES, np.arange(FARTHEST), side="right") - 1 + INSIDE


# Orders to bins -----------------------------------------------------------------------------------


@kernel
def ticks_away(event: int, price: int, bid: int, ask: int) -> int:
    """How far a price is from what its event counts from; negative inside the spread."""
    side = event % 2
    if event // 2 == TAKE:
        return price - ask if side == BUY else bid - price
    return bid - price if side == BUY else price - ask


@kernel
def depth_bin(event: int, price: int, bid: int, ask: int) -> int:
    """The depth of an order's price, or −1 if the alphabet has no bin for it."""
    ticks = ticks_away(event, price, bid, ask)
    if 0 <= ticks < FARTHEST:
        return _DEPTH_OF_TICKS[ticks]
    if ticks >= FARTHEST or event // 2 != POST or -ticks >= ask - bid:
        return -1
    # The middle of what the price takes of the inside.
    return int(INSIDE * (-ticks - 0.5) / (ask - bid - 1))


@kernel
def size_bin(size: int) -> int:
    """The bin of a size, or −1 if the alphabet has none."""
    if size < 1 or size >= LARGEST_SIZE:
        return -1
    place = 0
    while size >= SIZE_EDGES[place + 1]:
        place += 1
    return place


@kernel
def time_bin(wait: float) -> int:
    """The bin of a waiting time in ns."""
    place = 0
    while place < TIMES - 1 and wait >= TIME_EDGES[place + 1]:
        place += 1
    return place


# Bins to orders -----------------------------------------------------------------------------------


@kernel
def price_in(event: int, depth: int, uniform: float, bid: int, ask: int) -> int:
    """A price of a depth; where a spread of one tick has no inside, an order joins the best."""
    side, inside = event % 2, ask - bid - 1
    ticks = 0
    if depth >= INSIDE:
        low, high = DEPTH_EDGES[depth - INSIDE], DEPTH_EDGES[depth - INSIDE + 1]
        ticks = low + int(uniform * (high - low))
    elif event // 2 == POST and inside > 0:
        ticks = -1 - int((depth + uniform) / INSIDE * inside)
    if event // 2 == TAKE:
        return ask + ticks if side == BUY else max(bid - ticks, 1)
    return max(bid - ticks, 1) if side == BUY else ask + ticks


@kernel
def size_in(bin: int, uniform: float) -> int:
    """A size of a bin."""
    low, high = SIZE_EDGES[bin], SIZE_EDGES[bin + 1]
    return low + int(uniform * (high - low))


@kernel
def wait_in(bin: int, uniform: float) -> int:
    """A waiting time of a bin, ns."""
    low, high = TIME_EDGES[bin], TIME_EDGES[bin + 1]
    if bin == 0:
        return int(uniform * high)
    return min(int(low * math.exp(uniform * math.log(high / low))), int(high) - 1)


# Many at once -------------------------------------------------------------------------------------


def encode(orders: ArrayLike, quotes: ArrayLike) -> Integers:
    """The bins of orders.

    Args:
        orders: event, price in ticks, shares, ns until the next order, ``(n, 4)``.
        quotes: best bid and ask before each order, ticks, ``(n, 2)``.

    Returns:
        event, depth, size and time, ``(n, 4)``; −1 where the alphabet has no bin.
    """
    table, seen = _integers(orders, LETTERS), _integers(quotes, 2)
    bins = np.empty_like(table)
    _encode(table, seen, bins)
    return bins


@kernel
def _encode(orders: Integers, quotes: Integers, bins: Integers) -> None:
    for i in range(len(orders)):
        event = orders[i, 0]
        bins[i, 0] = event
        bins[i, 1] = depth_bin(event, orders[i, 1], quotes[i, 0], quotes[i, 1])
        bins[i, 2] = size_bin(orders[i, 2])
        bins[i, 3] = time_bin(float(orders[i, 3]))


def decode(bins: ArrayLike, uniforms: ArrayLike, quotes: ArrayLike) -> Integers:
    """Orders drawn within bins.

    Args:
        bins: event, depth, size and time, ``(n, 4)``.
        uniforms: for depth, size and time, ``(n, 3)``, in [0, 1).
        quotes: best bid and ask, ticks, ``(n, 2)``.

    Returns:
        event, price in ticks, shares, ns until the next order, ``(n, 4)``.
    """
    table, seen = _integers(bins, LETTERS), _integers(quotes, 2)
    orders = np.empty_like(table)
    _decode(table, np.asarray(uniforms, dtype=np.float64).reshape(-1, 3), seen, orders)
    return orders


@kernel
def _decode(bins: Integers, uniforms: Reals, quotes: Integers, orders: Integers) -> None:
    for i in range(len(bins)):
        event = bins[i, 0]
        orders[i, 0] = event
        orders[i, 1] = price_in(event, bins[i, 1], uniforms[i, 0], quotes[i, 0], quotes[i, 1])
        orders[i, 2] = size_in(bins[i, 2], uniforms[i, 1])
        orders[i, 3] = wait_in(bins[i, 3], uniforms[i, 2])


def densities(bins: ArrayLike, orders: ArrayLike, quotes: ArrayLike) -> Reals:
    """Probability of an order's price and size, times the density of its time, within its bins.

    Args:
        bins: event, depth, size and time, ``(n, 4)``.
        orders: as of `encode`, ``(n, 4)``; times of 1 ns or more.
        quotes: best bid and ask, ticks, ``(n, 2)``.

    Returns:
        per ns, ``(n,)``; 0 where a bin cannot give the order.
    """
    letters, table, seen = (
        _integers(bins, LETTERS),
        _integers(orders, LETTERS),
        _integers(quotes, 2),
    )
    event, depth, size, time = letters.T
    _, price, shares, wait = table.T
    bid, ask = seen.T
    ticks = np.array([ticks_away(*row) for row in zip(event, price, bid, ask, strict=True)])
    of_price = np.where(depth < INSIDE, _inside(depth, ticks, ask - bid - 1), 0.0)
    edges = np.clip(depth - INSIDE, 0, None)
    of_price += (depth >= INSIDE) * _uniform(ticks, DEPTH_EDGES[edges], DEPTH_EDGES[edges + 1])
    of_size = _uniform(shares, SIZE_EDGES[size], SIZE_EDGES[size + 1])
    low, high = TIME_EDGES[time], TIME_EDGES[time + 1]
    width = np.where(time == 0, FIRST_WAIT, wait * np.log(high / np.where(time == 0, 1.0, low)))
    there = (wait >= low) & (wait < high)
    return np.asarray(of_price * of_size * np.where(there, 1.0 / width, 0.0), dtype=np.float64)


def _inside(quarter: Integers, ticks: Integers, inside: Integers) -> Reals:
    """Share of a quarter of the spread that a price inside of it takes."""
    low = np.maximum((-ticks - 1) / np.maximum(inside, 1), quarter / INSIDE)
    high = np.minimum(-ticks / np.maximum(inside, 1), (quarter + 1) / INSIDE)
    there = INSIDE * np.clip(high - low, 0.0, None)
    return np.where(inside > 0, np.where(ticks < 0, there, 0.0), 1.0 * (ticks == 0))


def _uniform(values: Integers, low: Integers, high: Integers) -> Reals:
    return np.where((values >= low) & (values < high), 1.0 / (high - low), 0.0)


def _integers(table: ArrayLike, columns: int) -> Integers:
    return np.asarray(table, dtype=np.int64).reshape(-1, columns)


# Mirror images and masks --------------------------------------------------------------------------


def mirror_actions(actions: Integers) -> Integers:
    """The same orders with sides swapped, ``(n, 4)``."""
    mirrored = actions.copy()
    mirrored[:, 0] ^= 1
    return mirrored


def allowed_bins(actions: Integers) -> dict[str, NDArray[np.bool_]]:
    """Which bins occur in actions ``(n, 4)`` or their mirror images.

    Returns:
        ``event`` ``(6,)``, and given the event ``depth`` ``(6, 18)``, ``size`` ``(6, 16)`` and
        ``time`` ``(6, 16)``.
    """
    both = np.concatenate([actions, mirror_actions(actions)])
    found = {"event": np.zeros(len(EVENTS), dtype=np.bool_)}
    found["event"][both[:, 0]] = True
    for place, (name, bins) in enumerate(zip(("depth", "size", "time"), HEADS[1:], strict=True), 1):
        found[name] = np.zeros((len(EVENTS), bins), dtype=np.bool_)
        found[name][both[:, 0], both[:, place]] = True
    return found
