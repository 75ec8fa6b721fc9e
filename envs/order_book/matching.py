"""The matching engine of the limit order book: price–time priority as compiled functions.

Every function takes one book, an array ``(L,)`` of 64-bit integers laid out as in
`layout`, and changes it in place; batches go through `requests`. Prices are
in ticks, sizes in shares. Nothing costs more in a deeper book: the next best price is found by two
or three bits (see `levels`), an order by its number, which ends with its place. A
refused request changes nothing. An order's number grows with time and is never given again: a place
that is used again goes with another number.

Version history: v1.
"""

from __future__ import annotations

from ..core.kernels.compiled import kernel
from .layout import (
    ACCEPTED,
    ACCOUNT_SIZE,
    ALLOW,
    AT_PRICE,
    BAD_PRICE,
    BAD_SIDE,
    BAD_SIZE,
    BEST,
    BUY,
    CANCEL_INCOMING,
    CANCELLED,
    CLOCK,
    CROSSES,
    ENTERED,
    EVENT_LOG,
    EVENT_ROOM,
    EVENT_SIZE,
    EVENTS,
    EXECUTED,
    EXHAUSTED,
    FREE,
    FULL,
    HEAD,
    HIGHEST,
    KIND,
    LARGEST,
    LAST_PRICE,
    LEDGER,
    LOWEST,
    MONEY_PAID,
    MOST_MONEY,
    MOST_ORDERS,
    MOST_SHARES,
    NEXT,
    NO_ASK,
    NONE,
    NOT_RESTED,
    NUMBER,
    OF_OWNER,
    OF_SIDE,
    OFFERED,
    ORDER,
    ORDER_SIZE,
    ORDERS,
    OUTSIDE,
    OWNER,
    OWNERS,
    PLACE_BITS,
    PREVENTED,
    PREVIOUS,
    PRICE,
    REDUCED,
    RESTING,
    ROOM,
    SELL,
    SERIAL,
    SHARES,
    SHARES_HELD,
    SIDE,
    SIZE,
    SUBMITTED,
    TAKER,
    TIME,
    TOO_MUCH,
    TRADED,
    UNKNOWN,
    VOLUME,
    Integers,
)
from .levels import find_bounds, fits, level_of, mark, next_price, unmark

SHORT = 1 << 31  # products of two numbers below it are below MOST_MONEY

# Orders -------------------------------------------------------------------------------------------


@kernel
def find(book: Integers, number: int) -> int:
    """Address of a resting order, or NONE."""
    place = number & (MOST_ORDERS - 1)
    if number < 0 or place >= book[ROOM]:
        return NONE
    order = book[ORDERS] + ORDER_SIZE * place
    return order if book[order + NUMBER] == number else NONE


@kernel
def _remove(book: Integers, order: int) -> None:
    """Take an order out of its queue, and its place into the chain of unused ones."""
    price, side = book[order + PRICE], book[order + SIDE]
    level = level_of(book, price)
    book[level + VOLUME] -= book[order + SIZE]
    book[OFFERED + side] -= book[order + SIZE]
    after = book[order + NEXT]
    if after == order:
        book[level + HEAD] = NONE
        unmark(book, side, price)
        if price == book[BEST + side]:
            book[BEST + side] = next_price(book, side, price)
    else:
        before = book[order + PREVIOUS]
        book[before + NEXT] = after
        book[after + PREVIOUS] = before
        if book[level + HEAD] == order:
            book[level + HEAD] = after
    book[order + NUMBER] = NONE
    book[order + NEXT] = book[FREE]
    book[FREE] = order
    book[RESTING] -= 1


@kernel
def _rest(book: Integers, number: int, side: int, price: int, size: int, owner: int) -> None:
    """Put an order in the first unused place, at the end of the queue at its price."""
    order = book[FREE]
    book[FREE] = book[order + NEXT]
    book[order + NUMBER] = number
    book[order + PRICE] = price
    book[order + SIZE] = size
    book[order + OWNER] = owner
    book[order + SIDE] = side
    book[order + ENTERED] = book[CLOCK]
    level = level_of(book, price)
    head = book[level + HEAD]
    if head == NONE:
        book[level + HEAD] = order
        book[level + VOLUME] = size
        book[order + NEXT] = order
        book[order + PREVIOUS] = order
        mark(book, side, price)
        best = book[BEST + side]
        if (side == BUY and price > best) or (side == SELL and price < best):
            book[BEST + side] = price
    else:
        book[level + VOLUME] += size
        last = book[head + PREVIOUS]
        book[last + NEXT] = order
        book[order + PREVIOUS] = last
        book[order + NEXT] = head
        book[head + PREVIOUS] = order
    book[RESTING] += 1
    book[OFFERED + side] += size
    note(book, SUBMITTED, order, size, NONE)


@kernel
def settle(book: Integers, owner: int, side: int, shares: int, money: int) -> None:
    """Enter a trade into the account of its owner, if there is one."""
    if 0 <= owner < book[OWNERS]:
        account = book[LEDGER] + ACCOUNT_SIZE * owner
        sign = 1 if side == BUY else -1
        book[account + SHARES_HELD] += sign * shares
        book[account + MONEY_PAID] += sign * money


@kernel
def _take(
    book: Integers, side: int, bound: int, size: int, owner: int, prevention: int
) -> tuple[int, int, bool]:
    """Trade with the other side, best price and oldest order first, up to the price `bound`.

    Returns:
        shares traded, money traded, and whether a self-trade stopped the order.
    """
    filled, money = 0, 0
    while filled < size:
        price = book[BEST + 1 - side]
        if (side == BUY and price > bound) or (side == SELL and price < bound):
            break
        level = level_of(book, price)
        order = book[level + HEAD]
        resting = book[order + SIZE]
        if owner != NONE and prevention != ALLOW and book[order + OWNER] == owner:
            if prevention == CANCEL_INCOMING:
                book[TRADED + side] += filled
                settle(book, owner, side, filled, money)
                return filled, money, True
            note(book, CANCELLED, order, resting, NONE)
            _remove(book, order)
            continue
        traded = min(size - filled, resting)
        note(book, EXECUTED, order, traded, owner)
        settle(book, book[order + OWNER], 1 - side, traded, traded * price)
        book[LAST_PRICE] = price
        if traded == resting:
            _remove(book, order)
        else:
            book[order + SIZE] = resting - traded
            book[level + VOLUME] -= traded
            book[OFFERED + 1 - side] -= traded
        filled += traded
        money += traded * price
    book[TRADED + side] += filled
    settle(book, owner, side, filled, money)
    return filled, money, False


@kernel
def note(book: Integers, kind: int, order: int, size: int, taker: int) -> None:
    """Keep an event of a resting order, if there is room."""
    count = book[EVENTS]
    book[EVENTS] = count + 1
    if count < book[EVENT_ROOM]:
        event = book[EVENT_LOG] + EVENT_SIZE * count
        book[event + TIME] = book[CLOCK]
        book[event + KIND] = kind
        book[event + ORDER] = book[order + NUMBER]
        book[event + SHARES] = size
        book[event + AT_PRICE] = book[order + PRICE]
        book[event + OF_SIDE] = book[order + SIDE]
        book[event + OF_OWNER] = book[order + OWNER]
        book[event + TAKER] = taker


# Requests -----------------------------------------------------------------------------------------


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
        filled, money, stopped = _take(book, side, price, size, owner, prevention)
    # Trades make room in a full book; without any there is no place to name, and none is needed.
    place = max(0, book[FREE] - book[ORDERS]) // ORDER_SIZE
    number = (serial << PLACE_BITS) | place
    if stopped:
        return PREVENTED, number, filled, money
    if filled < size:
        if crosses and not fits(book, price):
            return NOT_RESTED, number, filled, money
        _rest(book, number, side, price, size - filled, owner)
    return ACCEPTED, number, filled, money


@kernel
def market_order(
    book: Integers, side: int, size: int, owner: int, prevention: int
) -> tuple[int, int, int, int]:
    """A market order: trades whatever there is and leaves the rest unfilled.

    Returns:
        reason (EXHAUSTED if the book was too small), NONE, shares traded, money traded.
    """
    if size <= 0 or size > LARGEST:
        return BAD_SIZE, NONE, 0, 0
    if side < BUY or side > SELL:
        return BAD_SIDE, NONE, 0, 0
    bound = NO_ASK - 1 if side == BUY else 0
    if not _payable(book, side, bound, size):
        return TOO_MUCH, NONE, 0, 0
    filled, money, stopped = _take(book, side, bound, size, owner, prevention)
    if stopped:
        return PREVENTED, NONE, filled, money
    return ACCEPTED if filled == size else EXHAUSTED, NONE, filled, money


@kernel
def cancel_order(book: Integers, number: int) -> int:
    """Take a resting order out of the book; returns the reason."""
    order = find(book, number)
    if order == NONE:
        return UNKNOWN
    note(book, CANCELLED, order, book[order + SIZE], NONE)
    _remove(book, order)
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
        _remove(book, order)
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
