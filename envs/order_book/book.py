"""A limit order book with price–time priority, for use from Python.

    book = OrderBook(tick=1)
    bid = book.submit_limit(Side.BUY, price=92, size=30)
    trade = book.submit_market(Side.SELL, size=10)
    trade.filled, trade.average_price, book.best_bid      # 10, 92.0, 92

Prices are whole numbers of the smallest unit of money (cents, or LOBSTER's 10⁻⁴ dollars) and
multiples of the tick; sizes are whole numbers of shares. Nothing that a user can send raises or
corrupts the book, whatever its type: a request that cannot be carried out changes nothing and its
outcome says why; a question about what cannot be is answered by nothing (0, `[]`, no levels).

| request | what happens |
|---|---|
| `submit_limit` | trades up to its price, price by price, oldest first; the remainder rests |
| `submit_market` | trades whatever there is; what the book cannot fill stays unfilled |
| `cancel`, `reduce` | takes an order out, or makes it smaller where it stands |
| `replace` | a smaller size keeps the place in the queue; another price or a larger size loses it |

Only what rests must fit the window of prices: an order that trades does so from however far.
Money is exact; a request whose trades could be worth 2⁶² units or more is refused (`TOO_MUCH`).

The engine is `matching`; batches of requests and of books go through `requests.run`, which is far
faster than one call per request.

Version history: v1.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ..core.errors import PacesetterError, unknown
from . import layout, queues
from .arguments import BEYOND, whole
from .layout import LARGEST, NONE, EventKind, Prevention, Reason
from .levels import depth, level_of
from .requests import NO_ROOM, answer

DEFAULT_WINDOW = 1 << 16
MOST_WINDOW = 1 << 26  # a GiB
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


class Outcome(NamedTuple):
    """What a request led to.

    Attributes:
        reason: accepted, or why not.
        size: shares asked for; 0 if that was no whole number.
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


# Members of enumerations are looked up by place, and tuples made without their keywords: both are a
# large part of the time of a request otherwise.
_REASONS = {reason.value: reason for reason in Reason}
_KINDS = {kind.value: kind for kind in EventKind}
_SIDES = (Side.BUY, Side.SELL)
_BUY, _SELL = _SIDES
_new = tuple.__new__


class OrderBook:
    """One limit order book.

    Args:
        tick: smallest step between prices, in units of money.
        self_trade: what happens when an order meets one of the same owner: the resting order is
            cancelled, what is left of the incoming one is, or they trade.
        window: ticks that resting orders may span; an order further away does not rest.

    Raises:
        PacesetterError: an unknown choice, or a tick or window that is no positive whole number or
            too large.
    """

    def __init__(
        self,
        tick: int = 1,
        self_trade: Literal["cancel_resting", "cancel_incoming", "allow"] = "cancel_resting",
        window: int = DEFAULT_WINDOW,
    ):
        choices = {choice.name.lower(): choice for choice in Prevention}
        if not isinstance(self_trade, str) or self_trade not in choices:
            raise unknown("self_trade", self_trade, choices)
        step, span = whole(tick), whole(window)
        if step is None or span is None or step < 1 or span < 1:
            raise PacesetterError(
                f"tick and window must be whole numbers of at least 1, got {tick} and {window}."
            )
        if step > LARGEST or span > MOST_WINDOW:
            raise PacesetterError(
                f"tick must be at most {LARGEST} and window at most {MOST_WINDOW} ticks, "
                f"got {tick} and {window}."
            )
        self.tick = step
        self._prevention = int(choices[self_trade])
        self._hold(layout.empty_books(1, span, FIRST_ROOM, FIRST_ROOM))

    def _hold(self, books: NDArray[np.int64]) -> None:
        self._book: Any = books[0]
        self._log_at = int(self._book[layout.EVENT_LOG])

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
        if post_only is False:
            return self._request(layout.LIMIT, side, price, size, owner, NONE)
        if post_only is not True and (chosen := whole(post_only, bools=True)) != 1:
            if chosen is None or chosen != 0:
                return Outcome(Reason.BAD_OPTION, whole(size) or 0)
            return self._request(layout.LIMIT, side, price, size, owner, NONE)
        return self._request(layout.POST, side, price, size, owner, NONE)

    def submit_market(self, side: Side, size: int, owner: int = NONE) -> Outcome:
        """A market order; `Outcome.unfilled` is what the book could not fill."""
        return self._request(layout.MARKET, side, 0, size, owner, NONE)

    def cancel(self, order: int) -> Outcome:
        """Take an order out of the book."""
        return self._request(layout.CANCEL, _BUY, 0, 0, NONE, order)

    def reduce(self, order: int, by: int) -> Outcome:
        """Take so many shares off an order, which keeps its place in the queue."""
        return self._request(layout.REDUCE, _BUY, 0, by, NONE, order)

    def replace(self, order: int, price: int, size: int) -> Outcome:
        """Give an order another price or size; `Outcome.order` is its number from now on."""
        return self._request(layout.REPLACE, _BUY, price, size, NONE, order)

    def set_time(self, nanoseconds: int) -> Outcome:
        """Set the book's clock, which events and orders are stamped with."""
        time = whole(nanoseconds)
        if time is None or not -BEYOND < time < BEYOND:
            return Outcome(Reason.BAD_TIME, 0)
        self._book[layout.CLOCK] = time
        return Outcome(Reason.ACCEPTED, 0)

    def _request(
        self, kind: int, side: Any, price: Any, size: Any, owner: Any, number: Any
    ) -> Outcome:
        if not (
            type(size) is type(price) is type(owner) is type(number) is int
            and (side is _BUY or side is _SELL)
            and -LARGEST <= price <= LARGEST
            and -LARGEST <= size <= LARGEST
            and NONE <= owner < BEYOND
            and -BEYOND < number < BEYOND
        ):
            # Rare, so that it may be slow.
            refused, side, price, size, owner, number = _looked_at(side, price, size, owner, number)
            if refused is not None:
                return Outcome(refused, size)
        tick = self.tick
        if tick != 1:
            price, off = divmod(price, tick)
            if off:
                return Outcome(Reason.OFF_TICK, size)
        reason, found, filled, money, resting, events = self._answer(
            kind, 1 if side is _SELL else 0, price, size, owner, number
        )
        if reason >= layout.BAD_SIZE:
            return Outcome(_REASONS[reason], size)
        start = self._log_at
        log = self._book[start : start + layout.EVENT_SIZE * events].tolist()
        told = tuple(
            _new(
                Event,
                (
                    log[i],
                    _KINDS[log[i + 1]],
                    log[i + 2],
                    log[i + 3],
                    log[i + 4] * tick,
                    _SIDES[log[i + 5]],
                    log[i + 6],
                    log[i + 7],
                ),
            )
            for i in range(0, len(log), layout.EVENT_SIZE)
        )
        order = None if found == NONE else found
        return _new(Outcome, (_REASONS[reason], size, filled, resting, order, money * tick, told))

    def _answer(self, *request: int) -> tuple[int, int, int, int, int, int]:
        """Ask the engine, with room for one more order and for all events of one request."""
        found: tuple[int, int, int, int, int, int]
        found = answer(self._book, *request, self._prevention)
        if found[0] == NO_ROOM:
            room = min(2 * int(self._book[layout.ROOM]), layout.MOST_ORDERS)
            self._hold(layout.with_room(self._book[None], room, room + 2))
            found = answer(self._book, *request, self._prevention)
        return found

    # What the book holds ------------------------------------------------------------------------

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
        chosen = whole(side)
        return int(self._book[layout.OFFERED + chosen]) if chosen in (0, 1) else 0

    def __len__(self) -> int:
        """Number of resting orders."""
        return int(self._book[layout.RESTING])

    def size_of(self, order: int) -> int:
        """Shares of an order that rest in the book; 0 once it is gone."""
        number = whole(order)
        if number is None or not 0 <= number < BEYOND:
            return 0
        place = queues.find(self._book, number)
        return 0 if place == NONE else int(self._book[place + layout.SIZE])

    def snapshot(self, levels: int = 10) -> Snapshot:
        """The best `levels` prices of both sides with their sizes."""
        found = []
        most = min(max(whole(levels) or 0, 0), len(self))
        for side in Side:
            prices, sizes = np.zeros(most, dtype=np.int64), np.zeros(most, dtype=np.int64)
            number = depth(self._book, int(side), prices, sizes)
            found += [prices[:number] * self.tick, sizes[:number]]
        return Snapshot(*found)

    def queue(self, price: int) -> list[tuple[int, int, int]]:
        """Orders at one price, oldest first: number, size, owner."""
        orders: list[tuple[int, int, int]] = []
        money = whole(price)
        if money is None or not 0 <= money <= LARGEST or money % self.tick:
            return orders
        book, ticks = self._book, money // self.tick
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
        other.__dict__.update(self.__dict__, _book=self._book.copy())
        return other


def _looked_at(
    side: Any, price: Any, size: Any, owner: Any, number: Any
) -> tuple[Reason | None, Any, int, int, int, int]:
    """The numbers of a request as Python's own, after the reason if one of them is none."""
    chosen, shares, money = whole(side), whole(size), whole(price)
    sender, target = whole(owner), whole(number)
    reason = None
    if target is None or not -BEYOND < target < BEYOND:
        reason = Reason.UNKNOWN_ORDER
    elif shares is None or abs(shares) > LARGEST:
        reason = Reason.BAD_SIZE
    elif chosen not in (0, 1):
        reason = Reason.BAD_SIDE
    elif money is None or abs(money) > LARGEST:
        reason = Reason.BAD_PRICE
    elif sender is None or not NONE <= sender < BEYOND:
        reason = Reason.BAD_OWNER
    direction = _SELL if chosen == 1 else _BUY
    return reason, direction, money or 0, shares or 0, sender or 0, target or 0
