"""Order flow of a public benchmark of matching engines, message by message as it is there.

The flow is that of the matching-engine benchmark of Flash One Technologies (Yoon 2026,
arXiv:2606.01183; github.com/flash1-dev/matching-engine-benchmark, docs/METHODOLOGY.md): a mid-price
that diffuses by a total swing, orders at a power law's distance behind it, buys along the first
half of its path and sells along the second, in shuffled order; 15 % take what there is at once,
20 % of the others are repriced, 95 % are cancelled after lives of less than a millisecond, and some
requests come twice. That benchmark publishes what an engine must report, as a hash of every line.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ....envs.core.kernels.compiled import kernel
from ....envs.order_book import layout
from ....envs.order_book.layout import ReportKind

SEED, ORDERS = 23, 1_000_000
TICK, START = 0.005, 167.52
LEVELS, EXPONENT, HUMP, HUMP_AT = 800, 2.23, 5.0, 8.0
IMMEDIATE_SHARE, REPLACED_SHARE, REPRICED_SHARE, CANCELLED_SHARE = 0.15, 0.20, 0.80, 0.95
TWICE = 0.02
MEDIAN_LIFE = 431.0  # microseconds
DRAWS = 13  # uniforms that an order may use, in all
MOST_CHARACTERS = 80  # of a line
ZERO, COMMA, END = ord("0"), ord(","), ord("\n")
# Enumerations are slow inside kernels; plain numbers are not.
LIMIT, IMMEDIATE, CANCEL, REPLACE = (
    layout.LIMIT,
    layout.IMMEDIATE,
    layout.CANCEL,
    layout.REPLACE,
)
TRADED, CANCELLED = int(ReportKind.TRADED), int(ReportKind.CANCELLED)
CANCEL_UNKNOWN, REPLACE_UNKNOWN = int(ReportKind.CANCEL_UNKNOWN), int(ReportKind.REPLACE_UNKNOWN)
PLACE_BITS = layout.PLACE_BITS


@dataclass(frozen=True)
class Scenario:
    """One kind of order flow.

    Attributes:
        volatility: annualised, of the mid-price.
        swing: how far it typically moves over the run, as a share.
        published: SHA-256 of the reports on the canonical flow, of a million orders by seed 23.
    """

    volatility: float
    swing: float
    published: str


SCENARIOS = {
    "static": Scenario(
        0.0, 0.0, "9803843ee404fc29c9a0aa5614f8f0d5a58b5c44fcac9ef89067886fcaaa30d1"
    ),
    "normal": Scenario(
        0.15, 0.02, "e9b2e3926854410b01a035aeb25dd05f1e597c233be8263de9eb49b6713d367e"
    ),
    "swing-25": Scenario(
        0.5, 0.25, "61a84be9469661bd039e00dbc9a7c011e70b6ace37aadfe60045ea083b05f4df"
    ),
    "swing-40": Scenario(
        0.5, 0.40, "3cb0175e7982ff09ea220d1feaee3844cf9116a5ce455757879dea1d880b9b9f"
    ),
    "flash-crash": Scenario(
        0.5, 0.60, "cff8d3f94b709fc64a8b2058a6ca4fb6920364904796e46906895e362d2bb16b"
    ),
}


def flow(scenario: Scenario, orders: int = ORDERS, seed: int = SEED) -> NDArray[np.int64]:
    """Messages as `requests.run` takes them, ``(m, 6)``; the owner's column holds the order's id.

    Args:
        scenario: what moves.
        orders: new orders, of which about twice as many messages come.
        seed: of a Mersenne twister.
    """
    uniforms = np.random.RandomState(seed).random_sample(DRAWS * orders)
    step = scenario.volatility * math.sqrt(
        (scenario.swing / scenario.volatility) ** 2 / orders if scenario.volatility else 0.0
    )
    distance = np.arange(LEVELS)
    hump = HUMP * np.exp(-0.5 * (distance - HUMP_AT) ** 2)
    weights = np.cumsum(1.0 / (distance + 1.0) ** EXPONENT + hump)
    placed = np.empty((orders, 4), dtype=np.int64)
    used = _place(uniforms, step, weights, placed)
    rows = np.empty((6 * orders, 5), dtype=np.int64)
    written = _live(uniforms[used:], placed, rows)
    sent = rows[:written][np.argsort(rows[:written, 0], kind="stable")]
    return _messages(sent, placed)


@kernel
def _place(uniforms, step, weights, placed):
    """Side, price, size and distance of every order along the mid-price's path; uniforms used."""
    mid, used, orders = START, 0, len(placed)
    for i in range(orders):
        radius = math.sqrt(-2.0 * math.log(max(uniforms[used], 1e-300)))
        shock = radius * math.cos(2.0 * math.pi * uniforms[used + 1])
        mid *= math.exp(-0.5 * step * step + step * shock)
        ticks = _rounded(_rounded(mid / TICK) * TICK / TICK)
        at = np.searchsorted(weights, uniforms[used + 2] * weights[-1])
        behind = min(at, len(weights) - 1)
        side = 0 if i < orders // 2 else 1
        price = ticks - (behind + 1) if side == 0 else ticks + (behind + 1)
        placed[i, 0], placed[i, 1], placed[i, 3] = side, max(price, 1), behind
        placed[i, 2] = 1 + int(uniforms[used + 3] * 100.0)
        used += 4
    return used


@kernel
def _rounded(value):
    """To the nearest whole number, halves away from zero; of what is positive."""
    low = math.floor(value)
    return int(low) + (1 if value - low >= 0.5 else 0)


@kernel
def _live(uniforms, placed, rows):
    """Time, kind, order, price and size of all messages of all orders; how many there are."""
    orders, used, now, count = len(placed), 0, 0, 0
    order = np.arange(orders)
    for i in range(orders - 1, 0, -1):
        j = int(uniforms[used] * (i + 1))
        order[i], order[j] = order[j], order[i]
        used += 1
    rate = math.log(2.0) / MEDIAN_LIFE
    for k in range(orders):
        own = order[k]
        side, price, size, behind = placed[own]
        immediate = uniforms[used] < IMMEDIATE_SHARE
        used += 1
        _send(rows, count, now, IMMEDIATE if immediate else LIMIT, own, price, size)
        count += 1
        if immediate:
            now += 1
            continue
        replaced = uniforms[used] < REPLACED_SHARE
        used += 1
        if replaced:
            now += 30 + int(uniforms[used] * 70)
            if uniforms[used + 1] < REPRICED_SHARE:
                price += 1 if side == 0 else -1
            used += 2
            _send(rows, count, now, REPLACE, own, price, size + 1)
            count += 1
        cancelled = uniforms[used] < CANCELLED_SHARE
        used += 1
        if cancelled:
            life = -math.log(max(uniforms[used], 1e-300)) / (rate / math.sqrt(1.0 + behind))
            now += int(life)
            _send(rows, count, now, CANCEL, own, price, size)
            count += 1
            again = uniforms[used + 1] < TWICE
            used += 2
            if again:
                now += 1 + int(uniforms[used] * 20)
                used += 1
                _send(rows, count, now, CANCEL, own, price, size)
                count += 1
        if replaced and cancelled:
            again = uniforms[used] < TWICE
            used += 1
            if again:
                now += 1 + int(uniforms[used] * 20)
                used += 1
                _send(rows, count, now, REPLACE, own, price, size + 1)
                count += 1
        now += 1
    return count


@kernel
def _send(rows, count, now, kind, own, price, size):
    row = rows[count]
    row[0], row[1], row[2], row[3], row[4] = now, kind, own, price, size


def _messages(sent: NDArray[np.int64], placed: NDArray[np.int64]) -> NDArray[np.int64]:
    """In order of time, each aimed at the message that the order has its number from."""
    _, kind, own, price, size = sent.T
    messages = np.empty((len(sent), layout.MESSAGE_COLUMNS), dtype=np.int64)
    messages[:, 0], messages[:, 1], messages[:, 2] = kind, placed[own, 0], price
    messages[:, 3], messages[:, 4] = size, own + 1
    _aim(kind, own, np.full(len(placed), -1), messages)
    return messages


@kernel
def _aim(kind, own, latest, messages):
    for i in range(len(kind)):
        messages[i, 5] = -1 - latest[own[i]]
        if kind[i] != CANCEL:
            latest[own[i]] = i


def digest(messages: NDArray[np.int64], reports: NDArray[np.int64]) -> str:
    """SHA-256 of the reports as lines of text, as the benchmark writes them.

    Args:
        messages: what was sent, with the ids of orders as owners.
        reports: of `reports.stream`.
    """
    return hashlib.sha256(text(messages, reports).data).hexdigest()


def text(messages: NDArray[np.int64], reports: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The reports as the benchmark writes them, by message and kind, a line each, in ASCII."""
    by_kind = len(ReportKind) * reports[:, layout.MESSAGE] + reports[:, layout.REPORT]
    order = np.argsort(by_kind, kind="stable")
    room = np.empty(MOST_CHARACTERS * len(reports) + 1, dtype=np.uint8)
    serials = max(int(reports[:, layout.ABOUT].max(initial=0)) >> layout.PLACE_BITS, 0) + 1
    written = _write(messages, reports, order, np.zeros(serials, dtype=np.int64), room)
    return room[: max(written - 1, 0)]  # no end of line after the last


@kernel
def _write(messages, reports, order, ids, out):
    """Lines of reports; `ids` is room for the ids of orders by serial number."""
    at = 0
    for row in reports[order]:
        what, message, about, price, size, side = row
        own, serial = messages[message, 4], about >> PLACE_BITS
        at = _number(out, at, what)
        at = _number(out, at, message)
        if what == TRADED:
            at = _number(out, at, price)
            at = _number(out, at, size)
            at = _number(out, at, ids[serial])
            at = _number(out, at, own)
        elif what in (CANCEL_UNKNOWN, REPLACE_UNKNOWN):
            at = _number(out, at, own)
        else:
            at = _number(out, at, side)
            at = _number(out, at, own)
            at = _number(out, at, price)
            if what != CANCELLED:
                at = _number(out, at, size)
                if about >= 0:
                    ids[serial] = own
        out[at - 1] = END
    return at


@kernel
def _number(out, at, value):
    """A number that is not negative, and a comma; the place after them."""
    digits, rest = 1, value // 10
    while rest > 0:
        digits, rest = digits + 1, rest // 10
    for place in range(at + digits - 1, at - 1, -1):
        out[place] = ZERO + value % 10
        value //= 10
    out[at + digits] = COMMA
    return at + digits + 1
