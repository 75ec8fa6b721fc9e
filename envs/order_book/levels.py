"""Which prices of a limit order book are occupied, and which is the next: bits, found at once.

A side's prices are bits of `WORDS`, and which of those words are not zero are bits of `SUMMARY`;
prices lie around a ring of W places (see `layout`), W / 4096 words of summary a side.

Version history: v1.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ..core.kernels.compiled import kernel
from .layout import (
    BEST,
    BUY,
    HIGHEST,
    LEVEL_SIZE,
    LEVELS,
    LOWEST,
    MASK,
    NO_ASK,
    NO_BID,
    NONE,
    RESTING,
    SELL,
    SUMMARY,
    VOLUME,
    WORDS,
    Integers,
)

# Bits ---------------------------------------------------------------------------------------------


@intrinsic
def _trailing_zeros(typing_context: Any, word: Any) -> Any:
    """Place of the lowest bit of a word that is not zero."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), generate


@intrinsic
def _leading_zeros(typing_context: Any, word: Any) -> Any:
    """63 less the place of the highest bit of a word that is not zero."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), generate


@kernel
def _next_above(book: Integers, side: int, start: int) -> int:
    """The first occupied place at or after `start`, around the ring; NONE if none is."""
    count = (book[MASK] + 1) >> 6
    words = book[WORDS] + side * count
    word = start >> 6
    bits = book[words + word] & (-1 << (start & 63))
    if bits != 0:
        return (word << 6) + _trailing_zeros(bits)
    groups = max(1, count >> 6)
    summary = book[SUMMARY] + side * groups
    group = word >> 6
    bits = book[summary + group] & ((-1 << (word & 63)) << 1)
    for _ in range(groups + 1):
        if bits != 0:
            word = (group << 6) + _trailing_zeros(bits)
            return (word << 6) + _trailing_zeros(book[words + word])
        group = group + 1 if group + 1 < groups else 0
        bits = book[summary + group]
    return NONE


@kernel
def _next_below(book: Integers, side: int, start: int) -> int:
    """The first occupied place at or before `start`, around the ring; NONE if none is."""
    count = (book[MASK] + 1) >> 6
    words = book[WORDS] + side * count
    word = start >> 6
    bits = book[words + word] & ~((-1 << (start & 63)) << 1)
    if bits != 0:
        return (word << 6) + 63 - _leading_zeros(bits)
    groups = max(1, count >> 6)
    summary = book[SUMMARY] + side * groups
    group = word >> 6
    bits = book[summary + group] & ~(-1 << (word & 63))
    for _ in range(groups + 1):
        if bits != 0:
            word = (group << 6) + 63 - _leading_zeros(bits)
            return (word << 6) + 63 - _leading_zeros(book[words + word])
        group = group - 1 if group > 0 else groups - 1
        bits = book[summary + group]
    return NONE


@kernel
def next_price(book: Integers, side: int, price: int) -> int:
    """The next worse occupied price of a side, given an occupied or vacated one; NO_… if none is.

    Around the ring the worst price is followed by the best, which would lie beyond the bounds.
    """
    mask = book[MASK]
    if side == BUY:
        place = _next_below(book, side, (price - 1) & mask)
        found = price - 1 - ((price - 1 - place) & mask)
        return found if place != NONE and found >= book[LOWEST] else NO_BID
    place = _next_above(book, side, (price + 1) & mask)
    found = price + 1 + ((place - price - 1) & mask)
    return found if place != NONE and found <= book[HIGHEST] else NO_ASK


@kernel
def mark(book: Integers, side: int, price: int) -> None:
    """Note that a price is occupied."""
    place, count = price & book[MASK], (book[MASK] + 1) >> 6
    word = place >> 6
    book[book[WORDS] + side * count + word] |= 1 << (place & 63)
    book[book[SUMMARY] + side * max(1, count >> 6) + (word >> 6)] |= 1 << (word & 63)


@kernel
def unmark(book: Integers, side: int, price: int) -> None:
    """Note that a price is vacated."""
    place, count = price & book[MASK], (book[MASK] + 1) >> 6
    word = place >> 6
    at = book[WORDS] + side * count + word
    book[at] &= ~(1 << (place & 63))
    if book[at] == 0:
        book[book[SUMMARY] + side * max(1, count >> 6) + (word >> 6)] &= ~(1 << (word & 63))


@kernel
def level_of(book: Integers, price: int) -> int:
    """Address of the level of a price."""
    return book[LEVELS] + LEVEL_SIZE * (price & book[MASK])


@kernel
def depth(book: Integers, side: int, prices: Integers, sizes: Integers) -> int:
    """Fill in the best prices of a side and their total sizes; returns how many there are."""
    price = book[BEST + side]
    for number in range(prices.shape[0]):
        if price in (NO_BID, NO_ASK):
            return number
        prices[number] = price
        sizes[number] = book[level_of(book, price) + VOLUME]
        price = next_price(book, side, price)
    return prices.shape[0]


# The window ---------------------------------------------------------------------------------------


@kernel
def fits(book: Integers, price: int) -> bool:
    """Whether resting orders and this price span at most W prices; remembers their bounds."""
    if book[RESTING] == 0:
        book[LOWEST] = book[HIGHEST] = price
        return True
    window = book[MASK] + 1
    low, high = min(book[LOWEST], price), max(book[HIGHEST], price)
    if high - low >= window:
        # The bounds remembered are those of all orders so far; the true ones may be narrower.
        find_bounds(book)
        low, high = min(book[LOWEST], price), max(book[HIGHEST], price)
        if high - low >= window:
            return False
    book[LOWEST], book[HIGHEST] = low, high
    return True


@kernel
def find_bounds(book: Integers) -> None:
    """Lowest and highest resting price: around the ring, a side's worst follows its best."""
    mask = book[MASK]
    bid, ask = book[BEST + BUY], book[BEST + SELL]
    book[LOWEST], book[HIGHEST] = ask, bid
    if bid != NO_BID:
        place = _next_above(book, BUY, (bid + 1) & mask)
        book[LOWEST] = bid - ((bid - place) & mask)
    if ask != NO_ASK:
        place = _next_below(book, SELL, (ask - 1) & mask)
        book[HIGHEST] = ask + ((place - ask) & mask)
