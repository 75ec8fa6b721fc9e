"""The stream of reports against the slow book, on the flows of a public benchmark and on any."""

from __future__ import annotations

import numpy as np
import pytest
from order_book_reference import ReferenceBook

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.order_book import layout
from pacesetter.envs.order_book.layout import BUY, SELL, ReportKind
from pacesetter.envs.order_book.reports import report
from pacesetter.training.studies.order_book.scenario_speed import order_book_scenarios
from pacesetter.training.studies.order_book.scenarios import SCENARIOS, flow, text

KINDS = {
    layout.LIMIT: ("limit", ReportKind.ACCEPTED, ReportKind.REFUSED),
    layout.POST: ("limit", ReportKind.ACCEPTED, ReportKind.REFUSED),
    layout.IMMEDIATE: ("immediate", ReportKind.ACCEPTED, ReportKind.REFUSED),
    layout.MARKET: ("market", ReportKind.ACCEPTED, ReportKind.REFUSED),
    layout.CANCEL: ("cancel", ReportKind.CANCELLED, ReportKind.CANCEL_UNKNOWN),
    layout.REPLACE: ("replace", ReportKind.REPLACED, ReportKind.REPLACE_UNKNOWN),
    layout.REDUCE: ("reduce", ReportKind.REDUCED, ReportKind.REDUCE_UNKNOWN),
}
REFUSALS = ("bad_size", "bad_price", "would_cross", "outside_window", "unknown_order")


def book_of(window=2**17, orders=2**12):
    return layout.empty_books(1, window, orders, events=orders + 2)[0]


class SlowExchange:
    """The slow book, with what it would report; orders are known by the message that made them."""

    def __init__(self, messages, window=2**17):
        self.book, self.messages, self.reports = ReferenceBook(window), messages, []
        self.numbers, self.makers = {}, {}
        for index, message in enumerate(messages.tolist()):
            self.take(index, *message)

    def take(self, index, kind, side, price, size, owner, target):
        book = self.book
        resting = {order.number: (order.price, order.side) for order in book.orders}
        before, asked = len(book.events), self.numbers.get(-1 - target, -1)
        if kind in (layout.LIMIT, layout.POST):
            outcome = book.limit(side, price, size, owner, kind == layout.POST)
        elif kind == layout.IMMEDIATE:
            good = size > 0
            traded = book.trade(side, price, size, owner)[:2] if good else (0, 0)
            outcome = ("accepted" if good else "bad_size"), None, *traded
        elif kind == layout.MARKET:
            outcome = book.market(side, size, owner)
        elif kind == layout.CANCEL:
            outcome = book.cancel(asked), asked, 0, 0
        elif kind == layout.REDUCE:
            outcome = book.reduce(asked, size), asked, 0, 0
        else:
            outcome = book.replace(asked, price, size)
        reason, number, filled, _ = outcome
        _, good, bad = KINDS[kind]
        own = kind in (layout.CANCEL, layout.REPLACE, layout.REDUCE)
        if reason in REFUSALS:
            self.say(bad, index, asked if own else None, price, size, side)
            return
        if number is not None:
            self.numbers[index] = number
        if kind == layout.CANCEL:
            (price, side), size = resting[asked], book.events[-1][2]
        elif kind in (layout.REPLACE, layout.REDUCE):
            side = resting[asked][1]
        self.say(good, index, number, price, size, side)
        for what, about, shares in book.events[before + own :]:
            if what in (3, 4):
                at, of = resting[about]
                kind_of = ReportKind.TRADED if what == 4 else ReportKind.CANCELLED
                self.say(kind_of, index, about, at, shares, side if what == 4 else of)
        leaves = reason in ("self_trade_prevented", "remainder_outside_window")
        if (leaves or kind in (layout.IMMEDIATE, layout.MARKET)) and filled < size:
            self.say(ReportKind.CANCELLED, index, None, price, size - filled, side)

    def say(self, kind, index, about, *rest):
        self.reports.append((int(kind), index, about, *rest))


def known_by_message(reports):
    """Numbers of the fast book that orders were accepted or replaced under -> the message."""
    made = (ReportKind.ACCEPTED, ReportKind.REPLACED)
    return {row[2]: row[1] for row in reports.tolist() if row[0] in made and row[2] >= 0}


def compare(messages, window=2**17, orders=2**12):
    reports = report(book_of(window, orders), messages)
    slow = SlowExchange(messages, window)
    names = {number: index for index, number in sorted(slow.numbers.items(), reverse=True)}
    fast = known_by_message(reports[::-1])
    for mine, theirs in zip(reports.tolist(), slow.reports, strict=True):
        assert (mine[0], mine[1], mine[5]) == (theirs[0], theirs[1], theirs[5])
        if mine[0] in (ReportKind.TRADED, ReportKind.CANCELLED):
            assert mine[3:5] == list(theirs[3:5])
        if theirs[2] in names:
            assert fast[mine[2]] == names[theirs[2]]
    return reports


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_flows_of_the_benchmark(name):
    messages = flow(SCENARIOS[name], orders=700)
    messages[:, 4] = -1
    reports = compare(messages)
    kinds = set(reports[:, layout.REPORT].tolist())
    assert {ReportKind.ACCEPTED, ReportKind.CANCELLED, ReportKind.CANCEL_UNKNOWN} <= kinds
    assert ReportKind.REPLACED in kinds


def test_every_kind_of_request_with_owners_who_meet_themselves():
    generator = np.random.default_rng(3)
    number = 3000
    messages = np.empty((number, layout.MESSAGE_COLUMNS), dtype=np.int64)
    messages[:, 0] = generator.choice(list(KINDS), number, p=[0.4, 0.05, 0.1, 0.05, 0.2, 0.1, 0.1])
    messages[:, 1] = generator.integers(0, 2, number)
    messages[:, 2] = 1000 + generator.integers(-12, 13, number)
    messages[:, 3] = generator.integers(0, 20, number)
    messages[:, 4] = generator.integers(-1, 3, number)
    messages[:, 5] = -1 - generator.integers(0, np.arange(number) + 1)
    reports = compare(messages, window=64)
    assert set(reports[:, layout.REPORT].tolist()) == set(map(int, ReportKind))


def test_room_for_reports_that_runs_out_is_found_again():
    """One order that trades with hundreds, again and again, in a book with little room."""
    rows = []
    for turn in range(20):
        for _ in range(30):
            rows.append((layout.LIMIT, SELL, 100 + turn, 1, -1, -1))
        rows.append((layout.IMMEDIATE, BUY, 100 + turn, 31, -1, -1))
    reports = report(book_of(64, 32), np.array(rows))
    assert (reports[:, layout.REPORT] == ReportKind.TRADED).sum() == 600
    assert (reports[:, layout.REPORT] == ReportKind.CANCELLED).sum() == 20


def test_lines_are_those_of_the_benchmark():
    messages = np.array(
        [
            (layout.LIMIT, SELL, 101, 5, 7, -1),
            (layout.IMMEDIATE, BUY, 101, 8, 8, -1),
            (layout.CANCEL, SELL, 101, 5, 7, -1),
        ]
    )
    anonymous = messages.copy()
    anonymous[:, 4] = -1
    written = bytes(text(messages, report(book_of(), anonymous))).decode()
    assert written.split("\n") == [
        "0,0,1,7,101,5",
        "0,1,0,8,101,8",
        "1,1,101,5,7,8",
        "2,1,0,8,101",
        "4,2,7",
    ]


def test_what_cannot_be_reported_is_refused():
    with pytest.raises(PacesetterError, match="must keep 66 events"):
        report(layout.empty_books(1, 64, 64)[0], np.zeros((1, 6), dtype=np.int64))
    with pytest.raises(PacesetterError, match=r"shape \(m, 6\), got \(1, 5\)"):
        report(book_of(), np.zeros((1, 5), dtype=np.int64))


def test_the_benchmark_names_its_worst():
    figures = order_book_scenarios(1, quick=True)
    rates = [figures[f"{name}/messages_per_processor_second"][0] for name in SCENARIOS]
    assert figures["worst/messages_per_processor_second"] == [min(rates)]
