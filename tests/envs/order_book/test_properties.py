"""What holds for every stream of requests."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pacesetter.envs.order_book.book import EventKind, OrderBook, Reason, Side, layout
from pacesetter.envs.order_book.matching import (
    cancel_order,
    limit_order,
    market_order,
    replace_order,
)

OWNERS = range(4)
SIDES = st.sampled_from(list(Side))
SIZES = st.integers(-2, 40)
PRICES = st.integers(-2, 90)
REQUESTS = st.one_of(
    st.tuples(
        st.just("limit"), SIDES, PRICES, SIZES, st.sampled_from([-1, *OWNERS]), st.booleans()
    ),
    st.tuples(st.just("market"), SIDES, SIZES, st.sampled_from([-1, *OWNERS])),
    st.tuples(st.just("cancel"), st.integers(0, 60)),
    st.tuples(st.just("reduce"), st.integers(0, 60), SIZES),
    st.tuples(st.just("replace"), st.integers(0, 60), PRICES, SIZES),
)
STREAMS = st.lists(REQUESTS, max_size=60)
CREATES = ("limit", "market")
SELF_TRADES = st.sampled_from(["cancel_resting", "cancel_incoming", "allow"])
MANY = settings(max_examples=150, deadline=None)


def play(stream, self_trade):
    """Outcomes of a stream, each with the book before and after; targets are earlier orders."""
    book, numbers = OrderBook(self_trade=self_trade, window=128), []
    for kind, *rest in stream:
        before = book.copy()
        if kind in ("limit", "market"):
            side = rest[0]
            outcome = getattr(book, f"submit_{kind}")(*rest)
        else:
            number = numbers[rest[0] % len(numbers)] if numbers else 5
            queue = [o for p in range(-1, 91) for o in before.queue(p) if o[0] == number]
            side = None if not queue else side_of(before, number)
            outcome = getattr(book, kind)(number, *rest[1:])
        if outcome.order is not None:
            numbers.append(outcome.order)
        yield kind, side, rest, outcome, before, book


def side_of(book, number):
    best = book.best_bid
    at = next(p for p in range(-1, 91) if any(o[0] == number for o in book.queue(p)))
    return Side.BUY if best is not None and at <= best else Side.SELL


def shares(book, side):
    snapshot = book.snapshot(200)
    return int((snapshot.bid_sizes if side == Side.BUY else snapshot.ask_sizes).sum())


class Hostile:
    """What no number is, however it is asked."""

    def __index__(self):
        raise RuntimeError("no")

    def __bool__(self):
        raise RuntimeError("no")

    def __eq__(self, other):
        raise RuntimeError("no")

    __hash__ = None


ANYTHING = st.sampled_from(
    [
        *(None, True, False, "", "1", "buy", b"1", [], [1], (), {}, object(), Hostile(), ...),
        *(0.5, 1.0, -0.0, float("nan"), float("inf"), 1e300, 1j, Decimal(1), Fraction(1, 2)),
        *(0, 1, 2, -1, -2, 7, 10**6, 2**31, 2**40, 2**40 + 1, 2**62, 2**63 - 1, 2**63, 2**64),
        *(-(2**63), -(2**63) - 1, 10**30, -(10**30), Side.BUY, Side.SELL, Reason.BAD_SIZE),
        *(np.int8(1), np.uint64(2**64 - 1), np.int64(1), np.bool_(True), np.float32(1), np.nan),
        *(np.array(1), np.array([1, 2]), np.array("x"), np.datetime64("2020"), np.str_("1")),
    ]
)
CALLS = {
    **{"submit_limit": 5, "submit_market": 3, "cancel": 1, "reduce": 2, "replace": 3},
    **{"set_time": 1, "offered": 1, "size_of": 1, "snapshot": 1, "queue": 1},
}
CALL = st.sampled_from(list(CALLS)).flatmap(
    lambda name: st.tuples(st.just(name), st.tuples(*[st.one_of(ANYTHING, SIDES)] * CALLS[name]))
)
SCRATCH = [layout.EVENTS, layout.LOWEST, layout.HIGHEST]  # of the last request; bounds are a guess


@settings(max_examples=400, deadline=None)
@given(CALL, st.sampled_from([1, 3]))
def test_no_argument_raises_and_a_bad_one_changes_nothing(call, tick):
    name, arguments = call
    book = OrderBook(tick=tick, window=64)
    for side, price in ((Side.BUY, 6), (Side.SELL, 9)):
        assert book.submit_limit(side, price, 5, owner=1).accepted
    before = book.copy()._book
    answer = getattr(book, name)(*arguments)
    after = book.copy()._book
    before[SCRATCH] = after[SCRATCH] = 0
    if name in ("offered", "size_of", "snapshot", "queue"):
        assert (before == after).all()
    elif not answer.accepted:
        assert (before == after).all() and isinstance(answer.reason, Reason)
        assert not answer.events and (answer.filled, answer.resting, answer.money) == (0, 0, 0)


def test_what_is_no_number_is_told_by_its_reason():
    book, none = OrderBook(), float("nan")
    order = book.submit_limit(Side.BUY, np.int64(5), np.uint8(3), owner=np.int16(2)).order
    assert book.size_of(order) == 3 and book.queue(np.int32(5)) == [(order, 3, 2)]
    told = {
        Reason.BAD_SIDE: [book.submit_limit(0.5, 1, 1), book.submit_market(None, 1)],
        Reason.BAD_PRICE: [book.submit_limit(Side.BUY, none, 1), book.replace(order, "5", 1)],
        Reason.BAD_SIZE: [book.submit_market(Side.BUY, 1.0), book.reduce(order, True)],
        Reason.BAD_OWNER: [book.submit_market(Side.BUY, 1, owner=None)],
        Reason.BAD_OPTION: [book.submit_limit(Side.BUY, 1, 1, post_only="no")],
        Reason.BAD_TIME: [book.set_time(None), book.set_time(2**63)],
        Reason.UNKNOWN_ORDER: [book.cancel(2**63), book.cancel(None), book.cancel(float(order))],
    }
    for reason, outcomes in told.items():
        assert [outcome.reason for outcome in outcomes] == [reason] * len(outcomes)


EDGES = st.sampled_from([1, 2**20, 2**31 - 1, 2**31, 3 * 10**9, 2**39, 2**40 - 1, 2**40])


@MANY
@given(
    st.sampled_from([2**20, 2**31, 4 * 10**9, 2**40 - 64]),
    st.lists(st.tuples(SIDES, st.integers(0, 60), EDGES, st.booleans()), max_size=12),
)
def test_money_is_exact_at_the_edges(middle, orders):
    book, resting = OrderBook(window=64), {side: 0 for side in Side}
    for side, distance, size, market in orders:
        limit = middle + distance
        outcome = book.submit_market(side, size) if market else book.submit_limit(side, limit, size)
        if outcome.reason == Reason.TOO_MUCH:
            assert min(size, resting[1 - side]) * (middle + 60) > 2**62
        executed = [e for e in outcome.events if e.kind == EventKind.EXECUTED]
        assert outcome.money == sum(e.size * e.price for e in executed) <= 2**62
        for event in outcome.events:
            resting[event.side] += event.size * (1 if event.kind == EventKind.SUBMITTED else -1)
        assert all(book.offered(side) == resting[side] >= 0 for side in Side)


@MANY
@given(STREAMS, SELF_TRADES)
def test_shares_are_conserved(stream, self_trade):
    """What came less what was traded and taken out is what rests, on either side."""
    resting = {side: 0 for side in Side}
    for *_, outcome, _, book in play(stream, self_trade):
        for event in outcome.events:
            resting[event.side] += event.size * (1 if event.kind == EventKind.SUBMITTED else -1)
        for side in Side:
            assert shares(book, side) == book.offered(side) == resting[side]
        executed = [e for e in outcome.events if e.kind == EventKind.EXECUTED]
        assert outcome.filled == sum(e.size for e in executed)
        assert outcome.money == sum(e.size * e.price for e in executed)


@MANY
@given(STREAMS, st.sampled_from(list(layout.Prevention)))
def test_accounts_are_conserved(stream, prevention):
    """What one owner gains in shares or money another one loses, and a taker what he was told."""
    book, numbers = layout.empty_books(1, 128, 64, owners=len(OWNERS))[0], [5]
    for kind, *rest in stream:
        owner = (
            max(rest[-2] if kind == "limit" else rest[-1], 0) if kind in CREATES else layout.NONE
        )
        before = accounts(book)
        if kind == "limit":
            side, price, size = rest[:3]
            outcome = limit_order(book, side, price, size, owner, prevention, rest[-1])
            numbers.append(outcome[1])
        elif kind == "market":
            outcome = market_order(book, rest[0], rest[1], owner, prevention)
        elif kind == "replace":
            number = numbers[rest[0] % len(numbers)]
            outcome = replace_order(book, number, *rest[1:], prevention)
            numbers.append(outcome[1])
        else:
            cancel_order(book, numbers[rest[0] % len(numbers)])
            outcome = (0, 0, 0, 0)
        after = accounts(book)
        assert (after.sum(axis=0) == 0).all()
        filled, money = outcome[2:]
        if kind in CREATES and prevention != layout.Prevention.ALLOW:
            sign = 1 if rest[0] == Side.BUY else -1
            assert (after - before)[owner].tolist() == [sign * filled, sign * money]
        if not filled:
            assert (after == before).all()


def accounts(book):
    start = book[layout.LEDGER]
    return book[start : start + 2 * len(OWNERS)].reshape(-1, 2).copy()


@MANY
@given(STREAMS, SELF_TRADES)
def test_the_book_is_never_crossed_and_sizes_are_positive(stream, self_trade):
    for *_, book in play(stream, self_trade):
        snapshot = book.snapshot(200)
        assert (snapshot.bid_sizes > 0).all() and (snapshot.ask_sizes > 0).all()
        assert (np.diff(snapshot.bid_prices) < 0).all() and (np.diff(snapshot.ask_prices) > 0).all()
        if book.spread is not None:
            assert book.spread > 0
        for price in snapshot.bid_prices.tolist() + snapshot.ask_prices.tolist():
            assert all(size > 0 for _, size, _ in book.queue(price))


@MANY
@given(STREAMS, SELF_TRADES)
def test_no_trade_passes_over_a_better_price_or_an_older_order(stream, self_trade):
    """Trades take the other side from its best price on, and every queue from its head on."""
    for kind, side, rest, outcome, before, _ in play(stream, self_trade):
        met = [
            e
            for e in outcome.events
            if e.kind == EventKind.EXECUTED or (e.kind == EventKind.CANCELLED and e.side != side)
        ]
        if kind in ("cancel", "reduce") or side is None or not met:
            continue
        snapshot = before.snapshot(200)
        levels = snapshot.ask_prices if side == Side.BUY else snapshot.bid_prices
        queued = [number for price in levels.tolist() for number, *_ in before.queue(price)]
        assert [e.order for e in met] == queued[: len(met)]
        if kind == "limit":
            assert all(e.price <= rest[1] if side == Side.BUY else e.price >= rest[1] for e in met)


@MANY
@given(STREAMS, SELF_TRADES)
def test_numbers_are_never_given_again(stream, self_trade):
    given_out = set()
    for kind, _, _, outcome, before, _ in play(stream, self_trade):
        if outcome.order is None:
            continue
        new = kind == "limit" or (kind == "replace" and before.size_of(outcome.order) == 0)
        if new:
            assert outcome.order not in given_out
            assert outcome.order > max(given_out, default=0)
        given_out.add(outcome.order)


@MANY
@given(STREAMS, SELF_TRADES)
def test_refused_requests_change_nothing(stream, self_trade):
    for *_, outcome, before, book in play(stream, self_trade):
        if outcome.reason >= Reason.BAD_SIZE:
            assert not outcome.events
            for price in range(91):
                assert book.queue(price) == before.queue(price)


@MANY
@given(STREAMS, SELF_TRADES)
def test_nobody_trades_with_himself_unless_allowed(stream, self_trade):
    for *_, outcome, _, _ in play(stream, self_trade):
        for event in outcome.events:
            if event.kind == EventKind.EXECUTED and self_trade != "allow":
                assert event.taker == -1 or event.taker != event.owner


@MANY
@given(STREAMS)
def test_buying_mirrors_selling(stream):
    """Sides swapped and prices reflected, the same happens."""

    def mirrored(request):
        kind, *rest = request
        if kind == "limit":
            side, price, *others = rest
            return kind, Side(1 - side), 90 - price, *others
        if kind == "market":
            return kind, Side(1 - rest[0]), *rest[1:]
        return (kind, rest[0], 90 - rest[1], rest[2]) if kind == "replace" else request

    inside = [r for r in stream if r[0] not in ("limit", "replace") or 0 <= r[2] <= 90]
    ours = play(inside, "cancel_resting")
    theirs = play([mirrored(r) for r in inside], "cancel_resting")
    for (*_, a, _, _), (*_, b, _, _) in zip(ours, theirs, strict=True):
        assert (a.reason, a.filled, a.resting, a.order) == (b.reason, b.filled, b.resting, b.order)
        assert a.money + b.money == 90 * a.filled
