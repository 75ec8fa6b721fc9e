"""The compiled book against the slow one, event by event."""

from __future__ import annotations

import numpy as np
import pytest
from order_book_reference import BUY, SELL, ReferenceBook

from pacesetter.envs.order_book import layout, requests
from pacesetter.envs.order_book.book import OrderBook, Reason, Side
from pacesetter.envs.order_book.levels import depth
from pacesetter.envs.order_book.matching import limit_order

PREVENTIONS = ["cancel_resting", "cancel_incoming", "allow"]


class Pair:
    """Both books, asked the same; numbers of orders are translated."""

    def __init__(self, prevention="cancel_resting", window=64):
        self.fast = OrderBook(self_trade=prevention, window=window)
        self.slow = ReferenceBook(window, prevention)
        self.numbers = {}  # of the slow book -> of the fast one

    def ask(self, kind, *arguments):
        seen = len(self.slow.events)
        if kind in ("cancel", "reduce", "replace"):
            number, *rest = arguments
            slow = getattr(self.slow, kind)(number, *rest)
            fast = getattr(self.fast, kind)(self.numbers.get(number, number), *rest)
        else:
            slow = getattr(self.slow, kind)(*arguments)
            side, *rest = arguments
            fast = getattr(self.fast, f"submit_{kind}")(Side(side), *rest)
        slow = (slow,) if isinstance(slow, str) else slow
        assert fast.reason.name.lower() == slow[0]
        if len(slow) == 4:
            if slow[1] is not None:
                self.numbers.setdefault(slow[1], fast.order)
            assert fast.order == self.numbers.get(slow[1])
            assert (fast.filled, fast.money) == slow[2:]
        translated = [(k, self.numbers[n], s) for k, n, s in self.slow.events[seen:]]
        assert [(e.kind, e.order, e.size) for e in fast.events] == translated
        return fast

    def compare(self):
        whole = self.fast.snapshot(levels=self.slow.window + 1)
        for side, prices, sizes in (
            (BUY, whole.bid_prices, whole.bid_sizes),
            (SELL, whole.ask_prices, whole.ask_sizes),
        ):
            pairs = list(zip(prices.tolist(), sizes.tolist(), strict=True))
            assert pairs == self.slow.levels(side)
        assert self.fast.best_bid == self.slow.best(BUY)
        assert self.fast.best_ask == self.slow.best(SELL)
        assert len(self.fast) == len(self.slow.orders)

    def compare_queues(self):
        for price in {order.price for order in self.slow.orders}:
            assert self.fast.queue(price) == [
                (self.numbers[o.number], o.size, o.owner)
                for o in self.slow.orders
                if o.price == price
            ]


def random_request(generator, pair, middle, width, owners):
    """Anything a user may send, most of it sensible."""
    kind = generator.choice(
        ["limit", "market", "cancel", "reduce", "replace"], p=[0.5, 0.1, 0.2, 0.1, 0.1]
    )
    size = int(generator.integers(-1, 30))
    price = int(middle + generator.integers(-width, width + 1))
    if kind == "limit":
        owner, post_only = int(generator.integers(-1, owners)), bool(generator.random() < 0.1)
        return kind, int(generator.integers(2)), price, size, owner, post_only
    if kind == "market":
        return kind, int(generator.integers(2)), size, int(generator.integers(-1, owners))
    alive = [order.number for order in pair.slow.orders]
    number = int(generator.choice(alive)) if alive and generator.random() < 0.9 else 1
    if kind == "cancel":
        return kind, number
    return (kind, number, size) if kind == "reduce" else (kind, number, price, size)


@pytest.mark.parametrize("prevention", PREVENTIONS)
@pytest.mark.parametrize(("width", "window"), [(4, 64), (40, 64), (300, 512), (4000, 8192)])
def test_random_streams(prevention, width, window):
    generator = np.random.default_rng([width, len(prevention)])
    pair, middle, reasons = Pair(prevention, window), 10_000, set()
    for step in range(1500):
        middle += int(generator.integers(-2, 3)) * (width // 4)  # the window wanders far
        reasons.add(pair.ask(*random_request(generator, pair, middle, width, owners=3)).reason)
        if step % 5 == 0:
            pair.compare()
    pair.compare_queues()
    expected = {Reason.ACCEPTED, Reason.BAD_SIZE, Reason.WOULD_CROSS, Reason.UNKNOWN_ORDER}
    expected |= {Reason.OUTSIDE_WINDOW} if width >= 40 else set()
    assert expected <= reasons


def test_sweeps_over_hundreds_of_levels():
    pair = Pair(window=1024)
    for distance in range(1, 401):
        for side, price in ((BUY, 5000 - distance), (SELL, 5000 + distance)):
            pair.ask("limit", side, price, 3, 0)
            pair.ask("limit", side, price, 4, 1)
    pair.compare()
    assert pair.ask("limit", BUY, 5000 + 250, 7 * 200 + 5, 2).filled == 7 * 200 + 5
    pair.compare()
    assert pair.ask("limit", SELL, 5000 - 300, 10_000, 0).resting > 0
    pair.compare()
    assert pair.ask("market", BUY, 10**6, 1).unfilled > 0
    pair.compare()
    assert pair.fast.best_ask is None
    pair.compare_queues()


def test_a_static_deep_book():
    pair, generator = Pair(window=4096), np.random.default_rng(5)
    for distance in range(20, 1000):
        pair.ask("limit", BUY, 20_000 - distance, 5)
        pair.ask("limit", SELL, 20_000 + distance, 5)
    for _ in range(300):
        pair.ask(*random_request(generator, pair, 20_000, 25, owners=2))
    pair.compare()
    pair.compare_queues()


def test_a_batch_does_what_single_books_do():
    """`run` on three books, with targets named by the message that made them."""
    generator, copies, count = np.random.default_rng(9), 3, 400
    messages = np.zeros((copies, count, layout.MESSAGE_COLUMNS), dtype=np.int64)
    messages[..., 0] = generator.choice(6, (copies, count), p=[0.4, 0.1, 0.1, 0.2, 0.1, 0.1])
    messages[..., 1] = generator.integers(0, 2, (copies, count))
    messages[..., 2] = 1000 + generator.integers(-15, 16, (copies, count))
    messages[..., 3] = generator.integers(1, 20, (copies, count))
    messages[..., 4] = generator.integers(-1, 2, (copies, count))
    messages[..., 5] = -1 - generator.integers(0, np.maximum(np.arange(count), 1), (copies, count))
    books = layout.empty_books(copies, window=64, orders=count)
    results = np.zeros((copies, count, layout.RESULT_COLUMNS), dtype=np.int64)
    requests.run(books, messages, results, int(layout.Prevention.CANCEL_RESTING))
    for copy in range(copies):
        slow, made = ReferenceBook(64), []
        for message, result in zip(messages[copy].tolist(), results[copy].tolist(), strict=True):
            kind, side, price, size, owner, target = message
            number = made[-1 - target] if made else None
            if kind in (layout.LIMIT, layout.POST):
                answer = slow.limit(side, price, size, owner, kind == layout.POST)
            elif kind == layout.MARKET:
                answer = slow.market(side, size, owner)
            elif kind == layout.CANCEL:
                answer = (slow.cancel(number), number, 0, 0)
            elif kind == layout.REDUCE:
                answer = (slow.reduce(number, size), number, 0, 0)
            else:
                answer = slow.replace(number, price, size)
            made.append(answer[1])
            assert layout.Reason(result[0]).name.lower() == answer[0]
            assert tuple(result[2:]) == answer[2:]
        assert books[copy, layout.RESTING] == len(slow.orders)
        sold = sum(o.size for o in slow.orders if o.side == SELL)
        sizes = np.zeros(64, dtype=np.int64)
        depth(books[copy], SELL, np.zeros(64, dtype=np.int64), sizes)
        assert sizes.sum() == sold


def test_a_request_of_no_kind_is_refused():
    book = layout.empty_books(1, 64, 4)[0]
    assert requests.request(book, 99, BUY, 1, 1, -1, -1, 0)[0] == layout.Reason.UNKNOWN_REQUEST


def test_a_full_book_refuses_and_stays_as_it_is():
    """The engine's room is fixed; `OrderBook` makes more before it is needed."""
    book = layout.empty_books(1, 64, orders=2)[0]
    for price in (10, 11):
        assert limit_order(book, BUY, price, 1, -1, 0, False)[0] == 0
    before = book.copy()
    reason = limit_order(book, BUY, 12, 1, -1, 0, False)[0]
    assert reason == layout.Reason.BOOK_FULL
    np.testing.assert_array_equal(book, before)
