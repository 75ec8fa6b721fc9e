"""The book of the worked examples, rule by rule, and what bad requests are told."""

from __future__ import annotations

import pickle

import pytest

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.order_book import layout
from pacesetter.envs.order_book.book import EventKind, OrderBook, Reason, Side

BUY, SELL = Side.BUY, Side.SELL


@pytest.fixture
def book():
    """The book of INTAGS, appendix C.1: asks from 94 on, bids from 92 down.

    The appendix shows it as a picture; that a purchase of 25 moves the ask from 94 to 95 says that
    25 shares are offered at 94 and some at 95.
    """
    book = OrderBook()
    for price, size in ((94, 10), (94, 15), (95, 30), (97, 20)):
        book.submit_limit(SELL, price, size)
    for price, size in ((92, 20), (91, 30)):
        book.submit_limit(BUY, price, size)
    assert (book.best_bid, book.best_ask, book.mid, book.spread) == (92, 94, 93.0, 2)
    return book


def test_a_market_order_takes_the_best_level(book):
    outcome = book.submit_market(BUY, 25)
    assert (outcome.filled, outcome.average_price, outcome.unfilled) == (25, 94.0, 0)
    assert (book.mid, book.spread) == (93.5, 3)


def test_a_marketable_limit_order_does_the_same(book):
    outcome = book.submit_limit(BUY, 98, 25)
    assert (outcome.filled, outcome.average_price, outcome.resting) == (25, 94.0, 0)
    assert (book.mid, book.spread) == (93.5, 3)


def test_a_limit_order_inside_the_spread_rests(book):
    outcome = book.submit_limit(BUY, 93, 10)
    assert (outcome.filled, outcome.resting) == (0, 10)
    assert (book.mid, book.spread) == (93.5, 1)


def test_a_marketable_order_trades_level_by_level_and_rests_with_the_remainder(book):
    outcome = book.submit_limit(BUY, 96, 70)
    assert (outcome.filled, outcome.resting) == (55, 15)
    assert outcome.money == 25 * 94 + 30 * 95
    assert [event.price for event in outcome.events] == [94, 94, 95, 96]
    assert (book.best_bid, book.best_ask) == (96, 97)


def test_a_market_order_that_is_too_large_says_so(book):
    outcome = book.submit_market(SELL, 80)
    assert outcome.reason == Reason.BOOK_EXHAUSTED and outcome.accepted
    assert (outcome.filled, outcome.unfilled, outcome.order) == (50, 30, None)
    assert book.best_bid is None and book.mid is None and book.spread is None
    nothing = book.submit_market(SELL, 1)
    assert (
        nothing.reason == Reason.BOOK_EXHAUSTED and nothing.average_price != nothing.average_price
    )


def test_the_oldest_order_trades_first_and_a_larger_size_loses_the_place():
    book = OrderBook()
    first, second, third = (book.submit_limit(BUY, 10, 5).order for _ in range(3))
    book.reduce(first, 2)
    assert [number for number, *_ in book.queue(10)] == [first, second, third]
    assert book.replace(first, 10, 1).order == first
    moved = book.replace(first, 10, 4).order
    assert moved not in (first, second, third)
    assert [number for number, *_ in book.queue(10)] == [second, third, moved]
    elsewhere = book.replace(second, 11, 1).order
    assert book.best_bid == 11 and book.size_of(elsewhere) == 1 and book.size_of(second) == 0
    events = book.submit_market(SELL, 7).events
    assert [(e.order, e.size) for e in events] == [(elsewhere, 1), (third, 5), (moved, 1)]


def test_a_replacement_may_trade():
    book = OrderBook()
    bid = book.submit_limit(BUY, 10, 5, owner=1).order
    book.submit_limit(SELL, 12, 3, owner=2)
    outcome = book.replace(bid, 12, 4)
    assert (outcome.filled, outcome.resting, book.best_bid, book.best_ask) == (3, 1, 12, None)


def test_nobody_trades_with_himself():
    def own_ask(self_trade):
        book = OrderBook(self_trade=self_trade)
        book.submit_limit(SELL, 10, 5, owner=7)
        book.submit_limit(SELL, 11, 5, owner=8)
        return book, book.submit_limit(BUY, 11, 8, owner=7)

    book, outcome = own_ask("cancel_resting")
    assert (outcome.filled, outcome.resting, book.best_bid) == (5, 3, 11)
    assert outcome.events[0].kind == EventKind.CANCELLED
    book, outcome = own_ask("cancel_incoming")
    assert outcome.reason == Reason.SELF_TRADE_PREVENTED
    assert (outcome.filled, outcome.unfilled, book.best_ask, book.best_bid) == (0, 8, 10, None)
    book, outcome = own_ask("allow")
    assert (outcome.filled, outcome.events[0].owner, outcome.events[0].taker) == (8, 7, 7)


def test_refused_requests_name_their_reason_and_change_nothing(book):
    before = pickle.dumps(book)
    small = OrderBook(tick=5, window=64)
    small.submit_limit(BUY, 1000, 1)
    outcomes = {
        Reason.BAD_SIZE: [
            book.submit_limit(BUY, 90, 0),
            book.submit_limit(BUY, 90, -1),
            book.submit_limit(BUY, 90, 2**50),
            book.submit_market(BUY, 0),
        ],
        Reason.BAD_PRICE: [book.submit_limit(BUY, -1, 1), book.submit_limit(SELL, 2**70, 1)],
        Reason.WOULD_CROSS: [
            book.submit_limit(BUY, 94, 1, post_only=True),
            book.submit_limit(SELL, 92, 1, post_only=True),
        ],
        Reason.UNKNOWN_ORDER: [book.cancel(12345), book.reduce(-1, 1), book.replace(99, 90, 1)],
        Reason.OFF_TICK: [small.submit_limit(BUY, 1001, 1)],
        Reason.OUTSIDE_WINDOW: [
            small.submit_limit(BUY, 1000 - 64 * 5, 1),
            small.submit_limit(SELL, 1000 + 64 * 5, 1),
        ],
    }
    for reason, refused in outcomes.items():
        for outcome in refused:
            assert outcome.reason == reason and not outcome.accepted
            assert (outcome.filled, outcome.resting, outcome.events) == (0, 0, ())
    restored = pickle.loads(before)
    assert book.snapshot().ask_sizes.tolist() == restored.snapshot().ask_sizes.tolist()
    assert len(book) == len(restored) == 6
    assert small.submit_limit(BUY, 1000 - 63 * 5, 1).accepted  # the last price of the window


def test_only_what_rests_must_fit_the_window():
    book = OrderBook(window=64)
    ask = book.submit_limit(SELL, 1000, 5).order
    bid = book.submit_limit(BUY, 990, 5).order
    far = book.submit_limit(BUY, 5000, 5)
    assert (far.reason, far.filled, far.money) == (Reason.ACCEPTED, 5, 5000)
    book.submit_limit(SELL, 1000, 5)
    lost = book.submit_limit(BUY, 5000, 8)
    assert lost.reason == Reason.REMAINDER_OUTSIDE_WINDOW and lost.accepted
    assert (lost.filled, lost.resting, lost.unfilled, len(book)) == (5, 0, 3, 1)
    moved = book.replace(bid, 3000, 5)  # alone in the book: the window goes with it
    assert moved.accepted and book.best_bid == 3000
    book.submit_limit(BUY, 2990, 1)
    assert book.replace(moved.order, 1000, 5).reason == Reason.OUTSIDE_WINDOW
    assert (book.best_bid, book.size_of(moved.order), book.size_of(ask)) == (3000, 5, 0)
    assert book.replace(moved.order, 2930, 5).accepted  # 60 ticks from the other, not from itself


def test_money_is_exact_or_the_order_is_refused(book):
    whole = OrderBook()
    ask = whole.submit_limit(SELL, 4 * 10**9, 3 * 10**9).order
    refused = whole.submit_market(BUY, 3 * 10**9)
    assert refused.reason == Reason.TOO_MUCH and whole.size_of(ask) == 3 * 10**9
    assert whole.submit_limit(BUY, 4 * 10**9, 2 * 10**9).reason == Reason.TOO_MUCH
    assert whole.submit_limit(BUY, 4 * 10**9, 2 * 10**9, post_only=True).reason == (
        Reason.WOULD_CROSS
    )
    assert whole.submit_market(BUY, 10**9).money == 4 * 10**18
    assert whole.submit_limit(BUY, 4 * 10**9 - 1, 2**40).accepted  # does not trade


def test_a_book_of_more_orders_than_numbers_is_an_error():
    books = layout.empty_books(1, 64, 4)
    with pytest.raises(PacesetterError, match="at most 16,777,216 orders"):
        layout.with_room(books, 2 * layout.MOST_ORDERS)
    with pytest.raises(PacesetterError, match="at most 16,777,216 orders"):
        layout.empty_books(1, 64, layout.MOST_ORDERS + 1)


def test_an_order_that_is_gone_is_unknown(book):
    order = book.submit_limit(BUY, 90, 5).order
    assert book.reduce(order, 6).reason == Reason.BAD_SIZE
    assert book.reduce(order, 5).events[0].kind == EventKind.CANCELLED
    for outcome in (book.cancel(order), book.reduce(order, 1), book.replace(order, 91, 1)):
        assert outcome.reason == Reason.UNKNOWN_ORDER


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"self_trade": "cancel_restin"}, "did you mean 'cancel_resting'"),
        ({"tick": 0}, "at least 1, got 0"),
        ({"window": 0}, "at least 1, got 1 and 0"),
        ({"tick": None}, "whole numbers of at least 1, got None"),
        ({"window": 2**63}, "window at most 67108864 ticks"),
        ({"self_trade": ["allow"]}, "unknown self_trade"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(PacesetterError, match=message):
        OrderBook(**options)


def test_copies_go_their_own_way(book):
    branch, restored = book.copy(), pickle.loads(pickle.dumps(book))
    branch.submit_market(BUY, 100)
    assert (book.best_ask, restored.best_ask, branch.best_ask) == (94, 94, None)


def test_a_book_has_room_for_as_many_orders_as_come():
    book = OrderBook(window=4096)
    orders = [book.submit_limit(BUY, 1 + i % 1000, 1).order for i in range(3000)]
    assert len(book) == 3000 and len(set(orders)) == 3000
    outcome = book.submit_limit(SELL, 0, 3000)
    assert outcome.filled == 3000 and len(outcome.events) == 3000


def test_the_clock_stamps_events():
    book = OrderBook()
    book.set_time(17)
    assert book.submit_limit(BUY, 5, 1).events[0].time == 17
