"""Requests to the order book as rows of numbers, one or many, to one book or a batch of books.

Version history: v1.
"""

from __future__ import annotations

from ..core.kernels.compiled import kernel
from .layout import (
    CANCEL,
    EVENT_ROOM,
    EVENTS,
    IMMEDIATE,
    LIMIT,
    MARKET,
    MOST_ORDERS,
    NONE,
    POST,
    REDUCE,
    REDUCED,
    REPLACE,
    RESTING,
    ROOM,
    SIZE,
    UNKNOWN_REQUEST,
    Integers,
)
from .matching import (
    cancel_order,
    immediate_order,
    limit_order,
    market_order,
    reduce_order,
    replace_order,
)
from .queues import find

NO_ROOM = -1  # there might not be a place for the order, or for all events


@kernel
def request(
    book: Integers,
    kind: int,
    side: int,
    price: int,
    size: int,
    owner: int,
    number: int,
    prevention: int,
) -> tuple[int, int, int, int]:
    """Any request; see `run` for what the arguments mean."""
    if kind in (LIMIT, POST):
        return limit_order(book, side, price, size, owner, prevention, kind == POST)
    if kind == IMMEDIATE:
        return immediate_order(book, side, price, size, owner, prevention)
    if kind == MARKET:
        return market_order(book, side, size, owner, prevention)
    if kind == CANCEL:
        return cancel_order(book, number), number, 0, 0
    if kind == REDUCE:
        return reduce_order(book, number, size, REDUCED), number, 0, 0
    if kind == REPLACE:
        return replace_order(book, number, price, size, prevention)
    return UNKNOWN_REQUEST, NONE, 0, 0


@kernel
def answer(
    book: Integers,
    kind: int,
    side: int,
    price: int,
    size: int,
    owner: int,
    number: int,
    prevention: int,
) -> tuple[int, int, int, int, int, int]:
    """Any request with its events, which are kept alone: all that an outcome says, in one call.

    Returns:
        reason, or NO_ROOM, which changes nothing; number of the order; shares and money traded;
        shares that rest under the number; events.
    """
    room = book[ROOM]
    if room < MOST_ORDERS and book[RESTING] + 2 > min(room, book[EVENT_ROOM]):
        return NO_ROOM, NONE, 0, 0, 0, 0
    book[EVENTS] = 0
    reason, found, filled, money = request(book, kind, side, price, size, owner, number, prevention)
    order = find(book, found)
    resting = 0 if order == NONE else book[order + SIZE]
    return reason, found, filled, money, resting, book[EVENTS]


@kernel
def run(books: Integers, messages: Integers, results: Integers, prevention: int) -> None:
    """Requests to B books, to each in the order given.

    Args:
        books: ``(B, L)``, changed in place.
        messages: kind, side, price, size, owner, target, ``(B, n, 6)``. A target is the number of
            an order, or −1 − i for the order that message i of the same call made.
        results: filled in with reason, number of the order, shares and money traded,
            ``(B, n, 4)``.
        prevention: of self-trades.
    """
    for copy in range(messages.shape[0]):
        book = books[copy]
        for i in range(messages.shape[1]):
            target = messages[copy, i, 5]
            reason, number, filled, money = request(
                book,
                messages[copy, i, 0],
                messages[copy, i, 1],
                messages[copy, i, 2],
                messages[copy, i, 3],
                messages[copy, i, 4],
                target if target >= 0 else results[copy, -1 - target, 1],
                prevention,
            )
            results[copy, i, 0] = reason
            results[copy, i, 1] = number
            results[copy, i, 2] = filled
            results[copy, i, 3] = money
