"""The stream of reports that an exchange sends: an answer to every request, and every trade.

    reports = report(book, messages)

One report is a row: what it says (`ReportKind`), the index of the message that caused it, the
number of the order it is about, price, size, and side.

| report | about | price, size, side |
|---|---|---|
| accepted | the new order; none for one that cannot rest | as it was sent |
| traded | the resting order | of the trade; side of the order that came |
| cancelled | the order; none for the rest of one that cannot rest | of what leaves |
| replaced, reduced | the order under its new number | as it is asked to be; by how much |
| unknown, refused | the order that was asked for | none |

An answer comes before the trades that its request makes, and the rest of an order that may not rest
is cancelled after them. Orders that are taken out to prevent a self-trade are reported cancelled.

Version history: v1.
"""

from __future__ import annotations

import numpy as np

from ..core.errors import PacesetterError
from ..core.kernels.compiled import kernel
from .layout import (
    ABOUT,
    AT_PRICE,
    BAD_SIZE,
    CANCEL,
    CANCELLED,
    EVENT_LOG,
    EVENT_ROOM,
    EVENT_SIZE,
    EVENTS,
    EXECUTED,
    IMMEDIATE,
    KIND,
    MARKET,
    MESSAGE,
    MESSAGE_COLUMNS,
    NONE,
    NOT_RESTED,
    OF_SIDE,
    ORDER,
    PREVENTED,
    REDUCE,
    REPLACE,
    REPORT,
    REPORT_SIZE,
    REPORTED_PRICE,
    REPORTED_SIDE,
    REPORTED_SIZE,
    RESTING,
    ROOM,
    SHARES,
    Integers,
    Prevention,
    ReportKind,
)
from .requests import request

# Enumerations are slow inside kernels; plain numbers are not.
DONE_ORDER, DONE_TRADE, DONE_CANCEL, DONE_REPLACE = 0, 1, 2, 3
NO_CANCEL, NO_REPLACE, NO_ORDER, DONE_REDUCE, NO_REDUCE = 4, 5, 6, 7, 8
assert (ReportKind.REFUSED, ReportKind.REDUCE_UNKNOWN) == (NO_ORDER, NO_REDUCE)


def report(
    book: Integers, messages: Integers, prevention: Prevention = Prevention.CANCEL_RESTING
) -> Integers:
    """Send requests to one book; the reports of all of them, ``(n, 6)``.

    Args:
        book: ``(L,)``, changed in place. What it kept of events is gone.
        messages: as for `requests.run`, ``(m, 6)``; targets below 0 stand for earlier messages.
        prevention: of self-trades.

    Raises:
        PacesetterError: the messages have another shape, or the book keeps too few events to
            report all trades of one message.
    """
    if messages.ndim != 2 or messages.shape[1] != MESSAGE_COLUMNS:
        raise PacesetterError(
            f"messages must have the shape (m, {MESSAGE_COLUMNS}), got {messages.shape}: kind, "
            "side, price, size, owner and target of each."
        )
    needed = int(book[ROOM]) + 2
    if book[EVENT_ROOM] < needed:
        raise PacesetterError(
            f"a book with room for {book[ROOM]:,} orders must keep {needed:,} events for all "
            f"trades of one message to be reported, and this one keeps {book[EVENT_ROOM]:,}; make "
            "it with empty_books(..., events=orders + 2), or widen it with with_room."
        )
    numbers = np.full(len(messages), NONE, dtype=np.int64)
    reports = np.empty((2 * len(messages) + needed + 2, REPORT_SIZE), dtype=np.int64)
    done, written, parts = 0, 0, []
    while True:
        done, written = stream(book, messages, numbers, done, reports, int(prevention))
        parts.append(reports[:written].copy() if done < len(messages) else reports[:written])
        if done == len(messages):
            return parts[0] if len(parts) == 1 else np.concatenate(parts)


@kernel
def stream(
    book: Integers,
    messages: Integers,
    numbers: Integers,
    begin: int,
    reports: Integers,
    prevention: int,
) -> tuple[int, int]:
    """Requests from one on, until all are done or there might be too little room for reports.

    Args:
        book: ``(L,)``, changed in place.
        messages: ``(m, 6)``, see `requests.run`.
        numbers: of the orders that messages made, written, ``(m,)``.
        begin: index of the first request.
        reports: written from the start, ``(room, 6)``.
        prevention: of self-trades.

    Returns:
        index of the first request that is not done, and reports written.
    """
    written, room = 0, len(reports)
    for i in range(begin, len(messages)):
        if written + book[RESTING] + 3 > room:
            return i, written
        kind, side, price = messages[i, 0], messages[i, 1], messages[i, 2]
        size, owner, target = messages[i, 3], messages[i, 4], messages[i, 5]
        asked = target if target >= 0 else numbers[-1 - target]
        book[EVENTS] = 0
        reason, number, filled, _ = request(book, kind, side, price, size, owner, asked, prevention)
        numbers[i] = number
        refused = reason >= BAD_SIZE
        answer, about, first = _answer(kind, refused), number, 0
        if kind == CANCEL:
            about, first = asked, 1
            if not refused:
                event = book[EVENT_LOG]
                price, size, side = (
                    book[event + AT_PRICE],
                    book[event + SHARES],
                    book[event + OF_SIDE],
                )
        elif kind in (REPLACE, REDUCE):
            first = 1
            if refused:
                about = asked
            elif book[EVENTS] > 0:
                side = book[book[EVENT_LOG] + OF_SIDE]
        _write(reports[written], answer, i, about, price, size, side)
        written += 1
        if refused:
            continue
        for count in range(first, book[EVENTS]):
            event = book[EVENT_LOG] + EVENT_SIZE * count
            what = book[event + KIND]
            if what in (EXECUTED, CANCELLED):
                traded = what == EXECUTED
                _write(
                    reports[written],
                    DONE_TRADE if traded else DONE_CANCEL,
                    i,
                    book[event + ORDER],
                    book[event + AT_PRICE],
                    book[event + SHARES],
                    side if traded else book[event + OF_SIDE],
                )
                written += 1
        leaves = kind in (IMMEDIATE, MARKET) or reason in (PREVENTED, NOT_RESTED)
        if leaves and filled < size:
            _write(reports[written], DONE_CANCEL, i, NONE, price, size - filled, side)
            written += 1
    return len(messages), written


@kernel
def _answer(kind: int, refused: bool) -> int:
    """What the first report of a message says."""
    if kind == CANCEL:
        return NO_CANCEL if refused else DONE_CANCEL
    if kind == REPLACE:
        return NO_REPLACE if refused else DONE_REPLACE
    if kind == REDUCE:
        return NO_REDUCE if refused else DONE_REDUCE
    return NO_ORDER if refused else DONE_ORDER


@kernel
def _write(row: Integers, kind: int, i: int, about: int, price: int, size: int, side: int) -> None:
    row[REPORT], row[MESSAGE], row[ABOUT] = kind, i, about
    row[REPORTED_PRICE], row[REPORTED_SIZE], row[REPORTED_SIDE] = price, size, side
