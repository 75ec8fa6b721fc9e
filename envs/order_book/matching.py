"""The matching engine of the limit order book: every request it knows, as a compiled function.

Every function takes one book, an array ``(L,)`` of 64-bit integers laid out as in `layout`, and
changes it in place; batches go through `requests`. Prices are in ticks, sizes in shares. A refused
request changes nothing. An order's number grows with time and is never given again: a place that is
used again goes with another number.

Version history: v1.
"""

from __future__ import annotations

from ..core.kernels.compiled import kernel
from .layout import (
    ACCEPTED,
    BAD_PRICE,
    BAD_SIDE,
    BAD_SIZE,
    BEST,
    BUY,
    CANCELLED,
    CROSSES,
    EXHAUSTED,
    FREE,
    FULL,
    HIGHEST,
    LARGEST,
    LOWEST,
    MOST_MONEY,
    MOST_SHARES,
    NEXT,
    NO_ASK,
    NONE,
    NOT_RESTED,
    OFFERED,
    ORDER_SIZE,
    ORDERS,
    OUTSIDE,
    OWNER,
    PLACE_BITS,
    PREVENTED,
    PRICE,
    REDUCED,
    RESTING,
    SELL,
    SERIAL,
    SIDE,
    SIZE,
    TOO_MUCH,
    UNKNOWN,
    VOLUME,
    Integers,
)
from .levels import (
    find_bounds,
    fits,
    level_of,
    mark,
    next_price,
    unmark,
)
from .queues import (
    find,
    note,
    remove,
    rest,
    take,
)

SHORT = 1 << 31  # products of two numbers below it are below MOST_MONEY


@kernel
def _crosses(book: Integers, side: int, price: int) -> bool:
    """Whether an order at a price would meet one of the other side."""
    best = book[BEST + 1 - side]
    return price >= best if side == BUY else price <= best


@kernel
def _payable(book: Integers, side: int, bound: int, size: int) -> bool:
    """Whether the money of an order that trades up to the price `bound` stays within 64 bits."""
    shares = min(size, book[OFFERED + 1 - side])
    price = min(bound, book[HIGHEST]) if side == BUY else book[BEST + BUY]
    if shares < SHORT and price < SHORT:
        return True
    if side == BUY:
        find_bounds(book)  # those remembered may be wider than the true ones
        price = min(bound, book[HIGHEST])
    return price <= 0 or shares <= MOST_MONEY // price


@kernel
def limit_order(
    book: Integers, side: int, price: int, size: int, owner: int, prevention: int, post_only: bool
) -> tuple[int, int, int, int]:
    """A limit order: trades up to its price and rests with the remainder.

    Only what rests must fit the window: an order that meets others trades from however far, and
    what is left of it goes where it does not fit (NOT_RESTED).

    Args:
        book: ``(L,)``, changed in place.
        side: BUY or SELL.
        price: in ticks.
        size: in shares.
        owner: who sends it; NONE is nobody, who never meets himself.
        prevention: of self-trades, see `Prevention`.
        post_only: refuse the order if it would trade.

    Returns:
        reason, number of the order, shares traded, money traded (shares times ticks).
    """
    if size <= 0 or size > LARGEST:
        return BAD_SIZE, NONE, 0, 0
    if side < BUY or side > SELL:
        return BAD_SIDE, NONE, 0, 0
    if price < 0 or price > LARGEST:
        return BAD_PRICE, NONE, 0, 0
    crosses = _crosses(book, side, price)
    if crosses and post_only:
        return CROSSES, NONE, 0, 0
    if book[OFFERED + side] > MOST_SHARES - size:
        return TOO_MUCH, NONE, 0, 0
    if crosses:
        if not _payable(book, side, price, size):
            return TOO_MUCH, NONE, 0, 0
    elif book[FREE] == NONE:
        return FULL, NONE, 0, 0
    elif not fits(book, price):
        return OUTSIDE, NONE, 0, 0
    serial = book[SERIAL]
    book[SERIAL] = serial + 1
    filled, money, stopped = 0, 0, False
    if crosses:
        filled, money, stopped = take(book, side, price, size, owner, prevention)
    # Trades make room in a full book; without any there is no place to name, and none is needed.
    place = max(0, book[FREE] - book[ORDERS]) // ORDER_SIZE
    number = (serial << PLACE_BITS) | place
    if stopped:
        return PREVENTED, number, filled, money
    if filled < size:
        if crosses and not fits(book, price):
            return NOT_RESTED, number, filled, money
        rest(book, number, side, price, size - filled, owner)
    return ACCEPTED, number, filled, money


@kernel
def immediate_order(
    book: Integers, side: int, bound: int, size: int, owner: int, prevention: int
) -> tuple[int, int, int, int]:
    """An order that trades up to the price `bound` at once and leaves the rest unfilled.

    Returns:
        reason (EXHAUSTED if there was too little up to the bound), NONE, shares traded, money
        traded.
    """
    if size <= 0 or size > LARGEST:
        return BAD_SIZE, NONE, 0, 0
    if side < BUY or side > SELL:
        return BAD_SIDE, NONE, 0, 0
    if bound < 0 or bound >= NO_ASK:
        return BAD_PRICE, NONE, 0, 0
    if not _payable(book, side, bound, size):
        return TOO_MUCH, NONE, 0, 0
    filled, money, stopped = take(book, side, bound, size, owner, prevention)
    if stopped:
        return PREVENTED, NONE, filled, money
    return ACCEPTED if filled == size else EXHAUSTED, NONE, filled, money


@kernel
def market_order(
    book: Integers, side: int, size: int, owner: int, prevention: int
) -> tuple[int, int, int, int]:
    """A market order: trades whatever there is and leaves the rest unfilled.

    Returns:
        reason (EXHAUSTED if the book was too small), NONE, shares traded, money traded.
    """
    bound = NO_ASK - 1 if side == BUY else 0
    return immediate_order(book, side, bound, size, owner, prevention)


@kernel
def cancel_order(book: Integers, number: int) -> int:
    """Take a resting order out of the book; returns the reason."""
    order = find(book, number)
    if order == NONE:
        return UNKNOWN
    note(book, CANCELLED, order, book[order + SIZE], NONE)
    remove(book, order)
    return ACCEPTED


@kernel
def reduce_order(book: Integers, number: int, by: int, kind: int) -> int:
    """Make a resting order smaller where it stands; returns the reason.

    Args:
        book: changed in place.
        number: of the order.
        by: shares, at most the order's size; all of them take it out.
        kind: of the event: REDUCED, or EXECUTED where a trade is replayed.
    """
    order = find(book, number)
    if order == NONE:
        return UNKNOWN
    size = book[order + SIZE]
    if by <= 0 or by > size:
        return BAD_SIZE
    whole = by == size
    note(book, CANCELLED if whole and kind == REDUCED else kind, order, by, NONE)
    if whole:
        remove(book, order)
    else:
        book[order + SIZE] = size - by
        book[level_of(book, book[order + PRICE]) + VOLUME] -= by
        book[OFFERED + book[order + SIDE]] -= by
    return ACCEPTED


@kernel
def _fits_after(book: Integers, order: int, price: int) -> bool:
    """Whether a price fits the window once an order is gone, which is left where it is."""
    if book[order + NEXT] != order:
        return False  # others stay at its price
    side, old = book[order + SIDE], book[order + PRICE]
    best, lowest, highest = book[BEST + side], book[LOWEST], book[HIGHEST]
    unmark(book, side, old)
    if old == best:
        book[BEST + side] = next_price(book, side, old)
    book[RESTING] -= 1
    fitting = fits(book, price)
    book[RESTING] += 1
    mark(book, side, old)
    book[BEST + side], book[LOWEST], book[HIGHEST] = best, lowest, highest
    return fitting


@kernel
def replace_order(
    book: Integers, number: int, price: int, size: int, prevention: int
) -> tuple[int, int, int, int]:
    """Give a resting order another price or size.

    A smaller size at the same price keeps number and priority. Anything else is a new order, with
    a new number, at the end of its queue; it may trade, and the window is that of the others. A
    refused replacement changes nothing.

    Returns:
        reason, number of the order, shares traded, money traded.
    """
    order = find(book, number)
    if order == NONE:
        return UNKNOWN, NONE, 0, 0
    if size <= 0 or size > LARGEST:
        return BAD_SIZE, NONE, 0, 0
    if price < 0 or price > LARGEST:
        return BAD_PRICE, NONE, 0, 0
    before = book[order + SIZE]
    if price == book[order + PRICE] and size <= before:
        if size < before:
            reduce_order(book, number, before - size, REDUCED)
        return ACCEPTED, number, 0, 0
    side, owner = book[order + SIDE], book[order + OWNER]
    if book[OFFERED + side] - before > MOST_SHARES - size:
        return TOO_MUCH, NONE, 0, 0
    if _crosses(book, side, price):
        if not _payable(book, side, price, size):
            return TOO_MUCH, NONE, 0, 0
    elif not fits(book, price) and not _fits_after(book, order, price):
        return OUTSIDE, NONE, 0, 0
    cancel_order(book, number)
    return limit_order(book, side, price, size, owner, prevention, False)
