"""A slow limit order book that is easy to see through: lists, searched from end to end."""

from __future__ import annotations

from dataclasses import dataclass, field

BUY, SELL = 0, 1


@dataclass
class Resting:
    number: int
    side: int
    price: int
    size: int
    owner: int


@dataclass
class ReferenceBook:
    """All resting orders in the order in which they came; the best is searched for every time.

    Orders have the numbers 1, 2, …; events are (kind, number, size) with LOBSTER's kinds.
    """

    window: int
    prevention: str = "cancel_resting"
    orders: list[Resting] = field(default_factory=list)
    events: list[tuple[int, int, int]] = field(default_factory=list)
    numbers: int = 0

    def best(self, side):
        prices = [order.price for order in self.orders if order.side == side]
        return (max(prices) if side == BUY else min(prices)) if prices else None

    def find(self, number):
        return next((order for order in self.orders if order.number == number), None)

    def fits(self, price, without=None):
        prices = [order.price for order in self.orders if order is not without] + [price]
        return max(prices) - min(prices) < self.window

    def would_trade(self, side, price):
        best = self.best(1 - side)
        return best is not None and (price >= best if side == BUY else price <= best)

    def limit(self, side, price, size, owner=-1, post_only=False):
        """Returns what happened, the number of the order, shares and money traded."""
        if size <= 0:
            return "bad_size", None, 0, 0
        if price < 0:
            return "bad_price", None, 0, 0
        if post_only and self.would_trade(side, price):
            return "would_cross", None, 0, 0
        meets = self.would_trade(side, price)
        if not meets and not self.fits(price):
            return "outside_window", None, 0, 0
        self.numbers += 1
        number = self.numbers
        filled, money, stopped = self.trade(side, price, size, owner)
        if stopped:
            return "self_trade_prevented", number, filled, money
        if filled < size and meets and not self.fits(price):
            return "remainder_outside_window", number, filled, money
        if filled < size:
            self.orders.append(Resting(number, side, price, size - filled, owner))
            self.events.append((1, number, size - filled))
        return "accepted", number, filled, money

    def market(self, side, size, owner=-1):
        if size <= 0:
            return "bad_size", None, 0, 0
        filled, money, stopped = self.trade(side, None, size, owner)
        if stopped:
            return "self_trade_prevented", None, filled, money
        return ("accepted" if filled == size else "book_exhausted"), None, filled, money

    def trade(self, side, limit, size, owner):
        filled = money = 0
        while filled < size:
            price = self.best(1 - side)
            if price is None or (limit is not None and not self.would_trade(side, limit)):
                break
            first = next(o for o in self.orders if o.side != side and o.price == price)
            if owner >= 0 and first.owner == owner and self.prevention != "allow":
                if self.prevention == "cancel_incoming":
                    return filled, money, True
                self.orders.remove(first)
                self.events.append((3, first.number, first.size))
                continue
            traded = min(size - filled, first.size)
            filled, money = filled + traded, money + traded * price
            first.size -= traded
            self.events.append((4, first.number, traded))
            if first.size == 0:
                self.orders.remove(first)
        return filled, money, False

    def cancel(self, number):
        order = self.find(number)
        if order is None:
            return "unknown_order"
        self.orders.remove(order)
        self.events.append((3, number, order.size))
        return "accepted"

    def reduce(self, number, by):
        order = self.find(number)
        if order is None:
            return "unknown_order"
        if by <= 0 or by > order.size:
            return "bad_size"
        if by == order.size:
            return self.cancel(number)
        order.size -= by
        self.events.append((2, number, by))
        return "accepted"

    def replace(self, number, price, size):
        order = self.find(number)
        if order is None:
            return "unknown_order", None, 0, 0
        if size <= 0:
            return "bad_size", None, 0, 0
        if price < 0:
            return "bad_price", None, 0, 0
        if price == order.price and size <= order.size:
            if size < order.size:
                self.reduce(number, order.size - size)
            return "accepted", number, 0, 0
        if not self.would_trade(order.side, price) and not self.fits(price, without=order):
            return "outside_window", None, 0, 0
        self.cancel(number)
        return self.limit(order.side, price, size, order.owner)

    def levels(self, side):
        """(price, size) pairs, best first."""
        prices = {order.price for order in self.orders if order.side == side}
        return [
            (price, sum(o.size for o in self.orders if o.side == side and o.price == price))
            for price in sorted(prices, reverse=side == BUY)
        ]
