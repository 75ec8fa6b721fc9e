"""A limit order book with price–time priority, for use from Python.

    book = OrderBook(tick=1)
    bid = book.submit_limit(Side.BUY, price=92, size=30)
    trade = book.submit_market(Side.SELL, size=10)
    trade.filled, trade.average_price, book.best_bid      # 10, 92.0, 92

Prices are whole numbers of the smallest unit of money (cents, or LOBSTER's 10⁻⁴ dollars) and
multiples of the tick; sizes are whole numbers of shares. Nothing that a user can send raises or
corrupts the book: a request that cannot be carried out changes nothing and its outcome says why.

| request | what happens |
|---|---|
| `submit_limit` | trades up to its price, price by price, oldest first; the remainder rests |
| `submit_market` | trades whatever there is; what the book cannot fill stays unfilled |
| `cancel`, `reduce` | takes an order out, or makes it smaller where it stands |
| `replace` | a smaller size keeps the place in the queue; another price or a larger size loses it |

The engine is `matching`; batches of books go through `order_book_requests.run`.

Version history: v1.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from operator import index
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ..core.errors import PacesetterError, unknown
from . import layout, matching
from .layout import NONE, EventKind, Prevention, Reason
from .levels import depth, level_of
from .requests import request

DEFAULT_WINDOW = 1 << 16
FIRST_ROOM = 256  # orders; doubled whenever they are used up


class Side(IntEnum):
    """Side of the book."""

    BUY = layout.BUY
    SELL = layout.SELL


class Event(NamedTuple):
    """Something that happened to one resting order.

    Attributes:
        time: the book's clock, ns.
        kind: submitted, reduced, cancelled or executed.
        order: number of the resting order.
        size: shares that came, went or were traded.
        price: of the resting order.
        side: of the resting order.
        owner: of the resting order; −1 is nobody.
        taker: owner of the order that traded with it; −1 where there is none.
    """

    time: int
    kind: EventKind
    order: int
    size: int
    price: int
    side: Side
    owner: int
    taker: int


@dataclass(frozen=True)
class Outcome:
    """What a request led to.

    Attributes:
        reason: accepted, or why not.
        size: shares asked for.
        filled: shares traded.
        resting: shares that rest in the book.
        order: number of the order, None for market and refused orders.
        money: shares times prices of the trades.
        events: what happened to resting orders, in order.
    """

    reason: Reason
    size: int
    filled: int = 0
    resting: int = 0
    order: int | None = None
    money: int = 0
    events: tuple[Event, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether the request was carried out, if only in part."""
        return self.reason < Reason.BAD_SIZE

    @property
    def unfilled(self) -> int:
        """Shares that were neither traded nor rest in the book."""
        return self.size - self.filled - self.resting

    @property
    def average_price(self) -> float:
        """Mean price per share traded; not a number if nothing was traded."""
        return self.money / self.filled if self.filled else float("nan")


@dataclass(frozen=True)
class Snapshot:
    """The best levels of both sides, best first.

    Attributes:
        bid_prices, bid_sizes: ``(n,)``, n at most the number of levels asked for.
        ask_prices, ask_sizes: ``(m,)``.
    """

    bid_prices: NDArray[np.int64]
    bid_sizes: NDArray[np.int64]
    ask_prices: NDArray[np.int64]
    ask_sizes: NDArray[np.int64]


class OrderBook:
    """One limit order book.

    Args:
        tick: smallest step between prices, in units of money.
        self_trade: what happens when an order meets one of the same owner: the resting order is
            cancelled, what is left of the incoming one is, or they trade.
        window: ticks that resting orders may span; an order further away is refused.

    Raises:
        PacesetterError: an unknown choice, or a tick or window that is not positive.
    """

    def __init__(
        self,
        tick: int = 1,
        self_trade: Literal["cancel_resting", "cancel_incoming", "allow"] = "cancel_resting",
        window: int = DEFAULT_WINDOW,
    ):
        choices = {choice.name.lower(): choice for choice in Prevention}
        if self_trade not in choices:
            raise unknown("self_trade", self_trade, choices)
        if tick < 1 or window < 1:
            raise PacesetterError(f"tick and window must be at least 1, got {tick} and {window}.")
        self.tick = tick
        self._prevention = int(choices[self_trade])
        self._array = layout.empty_books(1, window, FIRST_ROOM, FIRST_ROOM)

    # Requests -----------------------------------------------------------------------------------

    def submit_limit(
        self, side: Side, price: int, size: int, owner: int = NONE, post_only: bool = False
    ) -> Outcome:
        """A limit order.

        Args:
            side: buy or sell.
            price: the worst acceptable price.
            size: shares.
            owner: who sends it, for self-trade prevention; −1 is nobody.
            post_only: refuse the order if it would trade.
        """
        return self._request(layout.POST if post_only else layout.LIMIT, side, price, size, owner)

    def submit_market(self, side: Side, size: int, owner: int = NONE) -> Outcome:
        """A market order; `Outcome.unfilled` is what the book could not fill."""
        return self._request(layout.MARKET, side, 0, size, owner)

    def cancel(self, order: int) -> Outcome:
        """Take an order out of the book."""
        return self._request(layout.CANCEL, Side.BUY, 0, 0, number=order)

    def reduce(self, order: int, by: int) -> Outcome:
        """Take so many shares off an order, which keeps its place in the queue."""
        return self._request(layout.REDUCE, Side.BUY, 0, by, number=order)

    def replace(self, order: int, price: int, size: int) -> Outcome:
        """Give an order another price or size; `Outcome.order` is its number from now on."""
        return self._request(layout.REPLACE, Side.BUY, price, size, number=order)

    def set_time(self, nanoseconds: int) -> None:
        """Set the book's clock, which events and orders are stamped with."""
        self._book[layout.CLOCK] = nanoseconds

    def _request(
        self, kind: int, side: Side, price: int, size: int, owner: int = NONE, number: int = NONE
    ) -> Outcome:
        price, size, number = index(price), index(size), index(number)
        if price % self.tick:
            return Outcome(Reason.OFF_TICK, size)
        if not (abs(price) <= layout.LARGEST and abs(size) <= layout.LARGEST):
            reason = Reason.BAD_SIZE if abs(size) > layout.LARGEST else Reason.BAD_PRICE
            return Outcome(reason, size)
        self._make_room()
        book = self._book
        book[layout.EVENTS] = 0
        code, found, filled, money = request(
            book, kind, int(side), price // self.tick, size, owner, number, self._prevention
        )
        reason = Reason(code)
        if reason >= Reason.BAD_SIZE:
            return Outcome(reason, size)
        place = matching.find(book, found)
        return Outcome(
            reason,
            size,
            filled,
            0 if place == NONE else int(book[place + layout.SIZE]),
            None if found == NONE else found,
            money * self.tick,
            self._events(),
        )

    def _make_room(self) -> None:
        """Room for one more order, and for as many events as one request can bring."""
        book = self._book
        room, resting = int(book[layout.ROOM]), int(book[layout.RESTING])
        if resting + 2 > min(room, int(book[layout.EVENT_ROOM])):
            room = min(2 * room, layout.MOST_ORDERS)
            self._array = layout.with_room(self._array, room, room + 2)

    def _events(self) -> tuple[Event, ...]:
        book = self._book
        start, size = int(book[layout.EVENT_LOG]), layout.EVENT_SIZE
        log = book[start : start + size * int(book[layout.EVENTS])].reshape(-1, size).tolist()
        return tuple(
            Event(time, EventKind(kind), order, shares, price * self.tick, Side(side), *owners)
            for time, kind, order, shares, price, side, *owners in log
        )

    # What the book holds ------------------------------------------------------------------------

    @property
    def _book(self) -> Any:
        return self._array[0]

    @property
    def best_bid(self) -> int | None:
        """Highest price that somebody buys at; None if nobody does."""
        price = int(self._book[layout.BEST + Side.BUY])
        return None if price == layout.NO_BID else price * self.tick

    @property
    def best_ask(self) -> int | None:
        """Lowest price that somebody sells at; None if nobody does."""
        price = int(self._book[layout.BEST + Side.SELL])
        return None if price == layout.NO_ASK else price * self.tick

    @property
    def mid(self) -> float | None:
        """Mean of best bid and best ask; None if a side is empty."""
        bid, ask = self.best_bid, self.best_ask
        return None if bid is None or ask is None else (bid + ask) / 2

    @property
    def spread(self) -> int | None:
        """Best ask less best bid; None if a side is empty."""
        bid, ask = self.best_bid, self.best_ask
        return None if bid is None or ask is None else ask - bid

    def offered(self, side: Side) -> int:
        """Shares that rest on a side."""
        return int(self._book[layout.OFFERED + side])

    def __len__(self) -> int:
        """Number of resting orders."""
        return int(self._book[layout.RESTING])

    def size_of(self, order: int) -> int:
        """Shares of an order that rest in the book; 0 once it is gone."""
        place = matching.find(self._book, order)
        return 0 if place == NONE else int(self._book[place + layout.SIZE])

    def snapshot(self, levels: int = 10) -> Snapshot:
        """The best `levels` prices of both sides with their sizes."""
        found = []
        for side in Side:
            prices, sizes = np.zeros(levels, dtype=np.int64), np.zeros(levels, dtype=np.int64)
            number = depth(self._book, int(side), prices, sizes)
            found += [prices[:number] * self.tick, sizes[:number]]
        return Snapshot(*found)

    def queue(self, price: int) -> list[tuple[int, int, int]]:
        """Orders at one price, oldest first: number, size, owner."""
        orders: list[tuple[int, int, int]] = []
        if price % self.tick or price < 0:
            return orders
        book, ticks = self._book, price // self.tick
        head = order = int(book[level_of(book, ticks) + layout.HEAD])
        while order != NONE and int(book[order + layout.PRICE]) == ticks:
            fields = (layout.NUMBER, layout.SIZE, layout.OWNER)
            number, size, owner = (int(book[order + field]) for field in fields)
            orders.append((number, size, owner))
            order = int(book[order + layout.NEXT])
            if order == head:
                break
        return orders

    def copy(self) -> Self:
        """An independent copy."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, _array=self._array.copy())
        return other
