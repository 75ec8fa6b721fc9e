"""Queues of resting orders: how an order is found, rests, leaves, and trades with the other side.

Every function takes one book, an array ``(L,)`` of 64-bit integers laid out as in `layout`, and
changes it in place. Nothing costs more in a deeper book: the next best price is found by two or
three bits (see `levels`), an order by its number, which ends with its place.

Version history: v1.
"""

from __future__ import annotations

from ..core.kernels.compiled import kernel
from .layout import (
    ACCOUNT_SIZE,
    ALLOW,
    AT_PRICE,
    BEST,
    BUY,
    CANCEL_INCOMING,
    CANCELLED,
    CLOCK,
    ENTERED,
    EVENT_LOG,
    EVENT_ROOM,
    EVENT_SIZE,
    EVENTS,
    EXECUTED,
    FREE,
    HEAD,
    KIND,
    LAST_PRICE,
    LEDGER,
    MONEY_PAID,
    MOST_ORDERS,
    NEXT,
    NONE,
    NUMBER,
    OF_OWNER,
    OF_SIDE,
    OFFERED,
    ORDER,
    ORDER_SIZE,
    ORDERS,
    OWNER,
    OWNERS,
    PREVIOUS,
    PRICE,
    RESTING,
    ROOM,
    SELL,
    SHARES,
    SHARES_HELD,
    SIDE,
    SIZE,
    SUBMITTED,
    TAKER,
    TIME,
    TRADED,
    VOLUME,
    Integers,
)
from .levels import (
    level_of,
    mark,
    next_price,
    unmark,
)


@kernel
def find(book: Integers, number: int) -> int:
    """Address of a resting order, or NONE."""
    place = number & (MOST_ORDERS - 1)
    if number < 0 or place >= book[ROOM]:
        return NONE
    order = book[ORDERS] + ORDER_SIZE * place
    return order if book[order + NUMBER] == number else NONE


@kernel
def remove(book: Integers, order: int) -> None:
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
def rest(book: Integers, number: int, side: int, price: int, size: int, owner: int) -> None:
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
def take(
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
            remove(book, order)
            continue
        traded = min(size - filled, resting)
        note(book, EXECUTED, order, traded, owner)
        settle(book, book[order + OWNER], 1 - side, traded, traded * price)
        book[LAST_PRICE] = price
        if traded == resting:
            remove(book, order)
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
