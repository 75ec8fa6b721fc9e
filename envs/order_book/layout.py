"""How a limit order book lies in one array of integers.

A book is one array of 64-bit integers, so that it is copied, pickled and stacked along a leading
axis like any state; B books are an array ``(B, L)``. Prices are counted in ticks, sizes in shares.
Records are named by their address, the place of their first entry: ``book[order + SIZE]``.

| part | entries | how |
|---|---|---|
| header | best prices, counters, the clock, where the other parts begin | `HEADER` |
| summary | one bit per word and side | a set bit is found in one instruction |
| words | one bit per price and side | |
| levels | first order and total size at each price | price p has the place p mod W |
| ledger | shares and money of owners that accounts are kept of | by the owner's number |
| orders | number, price, size, owner, side, neighbours in the queue, time | a ring per price |
| events | what happened to resting orders | as in LOBSTER's message files |

Nothing costs more in a deeper book: the next best price is found by two or three bits, an order by
its number, which ends with its place. Since a price has its place by its remainder, the window of W
prices lies where the resting orders are, and only their span is bounded; an order that would
stretch it further does not rest. Numbers grow with time and are never given again: a place that is
used again goes with another number.

What one request trades is counted exactly, and so are accounts and shares traded up to 2⁶³ in all.

Version history: v1.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from ..core.errors import PacesetterError

Integers = NDArray[np.int64]

BUY, SELL = 0, 1
NONE = -1
NO_BID, NO_ASK = -1, 1 << 62
LARGEST = 1 << 40  # of prices and sizes
MOST_MONEY = MOST_SHARES = 1 << 62  # of one request's trades, and that rest on one side
PLACE_BITS = 24  # an order's number is serial << PLACE_BITS | place
MOST_ORDERS = 1 << PLACE_BITS
LEAST_WINDOW = 64

# The header: best prices at BEST + side, shares traded at TRADED + side of the taker, shares that
# rest at OFFERED + side.
BEST, TRADED, OFFERED = 0, 2, 12
FREE, SERIAL, RESTING, LOWEST, HIGHEST, CLOCK, EVENTS = 4, 5, 6, 7, 8, 9, 10
MASK, SUMMARY, WORDS, LEVELS, ORDERS, ROOM, EVENT_LOG, EVENT_ROOM = 16, 17, 18, 19, 20, 21, 22, 23
EXTRA, LEDGER, OWNERS, LAST_PRICE = 14, 15, 24, 25
HEADER = 26
# An account of the ledger: what an owner bought less what it sold, in shares and in money.
SHARES_HELD, MONEY_PAID = 0, 1
ACCOUNT_SIZE = 2
# A level.
HEAD, VOLUME = 0, 1
LEVEL_SIZE = 2
# An order: eight entries, one line of a processor's cache.
NUMBER, PRICE, SIZE, OWNER, SIDE, NEXT, PREVIOUS, ENTERED = range(8)
ORDER_SIZE = 8
# An event.
TIME, KIND, ORDER, SHARES, AT_PRICE, OF_SIDE, OF_OWNER, TAKER = range(8)
EVENT_SIZE = 8
# A message of `order_book_requests.run`, and its result.
LIMIT, POST, MARKET, CANCEL, REDUCE, REPLACE, IMMEDIATE = range(7)
MESSAGE_COLUMNS = 6  # kind, side, price, size, owner, target
RESULT_COLUMNS = 4  # reason, number of the order, shares traded, money traded


# A report of `reports.stream`.
REPORT, MESSAGE, ABOUT, REPORTED_PRICE, REPORTED_SIZE, REPORTED_SIDE = range(6)
REPORT_SIZE = 6


class Reason(IntEnum):
    """Why a request ended as it did; from `BAD_SIZE` on it was refused and changed nothing.

    `REMAINDER_OUTSIDE_WINDOW`: it met orders, and what was left would have stretched the window.
    `TOO_MUCH`: its trades or the shares of its side could not be counted in 64 bits.
    """

    ACCEPTED = 0
    BOOK_EXHAUSTED = 1
    SELF_TRADE_PREVENTED = 2
    REMAINDER_OUTSIDE_WINDOW = 3
    BAD_SIZE = 10
    BAD_PRICE = 11
    OFF_TICK = 12
    OUTSIDE_WINDOW = 13
    WOULD_CROSS = 14
    UNKNOWN_ORDER = 15
    BOOK_FULL = 16
    UNKNOWN_REQUEST = 17
    BAD_SIDE = 18
    BAD_OWNER = 19
    BAD_OPTION = 20
    BAD_TIME = 21
    TOO_MUCH = 22


class EventKind(IntEnum):
    """What happened to a resting order; the numbers are those of LOBSTER messages."""

    SUBMITTED = 1
    REDUCED = 2
    CANCELLED = 3
    EXECUTED = 4


class ReportKind(IntEnum):
    """What an exchange tells those who sent requests; `REDUCED` is an order made smaller.

    `REFUSED` are orders; `UNKNOWN` are requests about an order that does not rest, or that cannot
    be changed in that way.
    """

    ACCEPTED = 0
    TRADED = 1
    CANCELLED = 2
    REPLACED = 3
    CANCEL_UNKNOWN = 4
    REPLACE_UNKNOWN = 5
    REFUSED = 6
    REDUCED = 7
    REDUCE_UNKNOWN = 8


class Prevention(IntEnum):
    """What happens when an order meets one of the same owner."""

    CANCEL_RESTING = 0
    CANCEL_INCOMING = 1
    ALLOW = 2


# Enumerations are slow inside kernels; plain numbers are not.
ACCEPTED, EXHAUSTED, PREVENTED, NOT_RESTED = 0, 1, 2, 3
BAD_SIZE, BAD_PRICE, OUTSIDE, CROSSES, UNKNOWN, FULL, UNKNOWN_REQUEST = 10, 11, 13, 14, 15, 16, 17
BAD_SIDE, TOO_MUCH = 18, 22
SUBMITTED, REDUCED, CANCELLED, EXECUTED = 1, 2, 3, 4
CANCEL_RESTING, CANCEL_INCOMING, ALLOW = 0, 1, 2


def empty_books(
    copies: int, window: int, orders: int, events: int = 0, owners: int = 0, extra: int = 0
) -> Integers:
    """Empty books, ``(copies, L)``.

    Args:
        copies: number of books, B.
        window: prices that resting orders may span, W; rounded up to a power of two.
        orders: resting orders that there is room for.
        events: events that are kept.
        owners: accounts are kept of the trades of the owners 0, …, owners − 1.
        extra: entries at the end for whoever drives the book, from ``book[EXTRA]`` on.

    Raises:
        PacesetterError: more orders than their numbers can tell apart.
    """
    if orders > MOST_ORDERS:
        raise PacesetterError(
            f"a book holds at most {MOST_ORDERS:,} orders, and room for {orders:,} was asked for: "
            "do orders come that neither trade nor are cancelled?"
        )
    window = 1 << max(window - 1, LEAST_WINDOW - 1).bit_length()
    words, groups = window // 64, max(1, window // 4096)
    summary_at = HEADER
    words_at = summary_at + 2 * groups
    levels_at = words_at + 2 * words
    ledger_at = levels_at + LEVEL_SIZE * window
    # Orders begin at a multiple of eight entries, so that one lies in one line of the cache.
    orders_at = -(-(ledger_at + ACCOUNT_SIZE * owners) // ORDER_SIZE) * ORDER_SIZE
    events_at = orders_at + ORDER_SIZE * orders
    extra_at = events_at + EVENT_SIZE * events
    book = np.zeros(extra_at + extra, dtype=np.int64)
    book[[EXTRA, LEDGER, OWNERS, LAST_PRICE]] = extra_at, ledger_at, owners, NONE
    book[[BEST + BUY, BEST + SELL, SERIAL]] = NO_BID, NO_ASK, 1
    book[MASK : EVENT_ROOM + 1] = (
        *(window - 1, summary_at, words_at, levels_at),
        *(orders_at, orders, events_at, events),
    )
    book[levels_at + HEAD : ledger_at : LEVEL_SIZE] = NONE
    places = orders_at + ORDER_SIZE * np.arange(orders)
    book[places + NUMBER] = NONE
    book[places + NEXT] = np.append(places[1:], NONE)
    book[FREE] = orders_at if orders else NONE
    return np.tile(book, (copies, 1))


def with_room(books: Integers, orders: int, events: int | None = None) -> Integers:
    """The same books with room for more orders.

    Args:
        books: ``(B, L)``.
        orders: at least as many as there is room for.
        events: that are kept from now on, without the old ones; by default old ones and room stay.

    Raises:
        PacesetterError: more orders than their numbers can tell apart.
    """
    header = books[0]
    at, room, extra = int(header[ORDERS]), int(header[ROOM]), books[:, header[EXTRA] :]
    event_room = int(header[EVENT_ROOM]) if events is None else events
    sizes = (int(header[MASK]) + 1, orders, event_room, int(header[OWNERS]), extra.shape[1])
    empty = empty_books(1, *sizes)[0]
    larger = np.tile(empty, (len(books), 1))
    kept = at + ORDER_SIZE * room
    larger[:, :kept] = books[:, :kept]
    if events is None:
        old = books[:, header[EVENT_LOG] : header[EXTRA]]
        larger[:, empty[EVENT_LOG] : empty[EXTRA]] = old
    else:
        larger[:, EVENTS] = 0
    moved = [ROOM, EVENT_LOG, EVENT_ROOM, EXTRA]
    larger[:, moved] = empty[moved]
    larger[:, empty[EXTRA] :] = extra
    if orders > room:
        # The new places come before the unused old ones.
        larger[:, at + ORDER_SIZE * (orders - 1) + NEXT] = books[:, FREE]
        larger[:, FREE] = kept
    return larger
