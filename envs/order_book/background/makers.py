"""The market makers of the background market, event by event, compiled; see `agents`.

Version history: v1.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...core.kernels.compiled import kernel
from ..layout import BEST, BUY, CLOCK, EXTRA, NO_ASK, NO_BID, NONE, SELL
from ..matching import cancel_order
from ..queues import find
from . import layout as at
from .exchange import agent_of, middle_of, send, traded_since, wait_for, watch_balance
from .random_numbers import exponential

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]


@kernel
def maker_cancels(memory: Integers, parameters: Reals, number: int) -> None:
    """A market maker's cancellations arrive; its request follows a moment later."""
    cancel_all(memory, parameters, number)
    watch_balance(memory, parameters)
    delay = int(parameters[at.MAKER_CANCEL_DELAY])
    wait_for(memory, memory[CLOCK] + delay, at.MAKER_READS, number, 0, 0, 0)


@kernel
def cancel_all(memory: Integers, parameters: Reals, number: int) -> None:
    """Take all orders of a market maker out of the book."""
    agent, held = agent_of(memory, number), held_by(memory, number)
    for i in range(memory[agent + at.HELD]):
        cancel_order(memory, memory[held + i])
        if parameters[at.ABIDES_EXACT] != 0.0:
            watch_balance(memory, parameters)
    memory[agent + at.HELD] = 0


@kernel
def held_by(memory: Integers, number: int) -> int:
    """Address of the numbers of a market maker's orders."""
    here = memory[EXTRA]
    return here + memory[here + at.HELD_ORDERS] + room_for_held(memory) * number


@kernel
def room_for_held(memory: Integers) -> int:
    """Orders that a market maker can remember."""
    here = memory[EXTRA]
    return (memory[here + at.MIDS] - memory[here + at.HELD_ORDERS]) // memory[here + at.MAKERS]


@kernel
def maker_reads(memory: Integers, reals: Reals, parameters: Reals, number: int) -> None:
    """A market maker is shown spread and traded volume, and sizes its ladders by them."""
    agent, now = agent_of(memory, number), memory[CLOCK]
    bid, ask = memory[BEST + BUY], memory[BEST + SELL]
    if bid != NO_BID and ask != NO_ASK:
        memory[agent + at.MID] = (bid + ask) // 2
        weight = parameters[at.MAKER_SPREAD_WEIGHT]
        average = reals[at.SPREADS + number]
        reals[at.SPREADS + number] = weight * (ask - bid) + (1.0 - weight) * average
    bought, sold = traded_since(memory, now - int(parameters[at.MAKER_WAKE]))
    memory[agent + at.BOUGHT], memory[agent + at.SOLD] = bought, sold
    share = np.rint(parameters[at.MAKER_SHARE] * (bought + sold))
    memory[agent + at.LOT] = max(int(parameters[at.MAKER_LEAST_SIZE]), int(share))
    delay, latency = int(parameters[at.COMPUTATION_DELAY]), memory[agent + at.LATENCY]
    answer = now + 2 * latency + delay
    if parameters[at.ABIDES_EXACT] != 0.0:
        memory[agent + at.LAST_SPREAD] = int(reals[at.SPREADS + number] * at.SPREAD_UNITS)
    if memory[agent + at.MID] != NONE:
        wait_for(memory, answer, at.MAKER_QUOTES, number, 0, 0, 0)
    elif parameters[at.ABIDES_EXACT] != 0.0:
        return
    wake = int(np.rint(exponential(memory, agent + at.STREAM, parameters[at.MAKER_WAKE])))
    wait_for(memory, answer + wake, at.MAKER_CANCELS, number, 0, 0, 0)


@kernel
def maker_quotes(memory: Integers, reals: Reals, parameters: Reals, number: int) -> None:
    """A market maker's ladders arrive: from the outermost bid upwards, the backstops first.

    They replace what it still has in the book after an alarm; how the book leans is judged when all
    of them are there.
    """
    if parameters[at.ABIDES_EXACT] == 0.0:
        cancel_all(memory, parameters, number)
    middle, size = middle_of(memory, parameters, number), memory[agent_of(memory, number) + at.LOT]
    put_up_ladders(memory, parameters, number, middle, reals[at.SPREADS + number], size)


@kernel
def put_up_ladders(
    memory: Integers, parameters: Reals, number: int, middle: int, average: float, size: int
) -> None:
    """The ladders of a market maker, an average spread around the middle."""
    spread = max(average, parameters[at.MAKER_LEAST_SPREAD])
    step = max(1, int(np.rint(parameters[at.MAKER_SPACING] * spread)))
    highest_bid = middle - math.floor(0.5 * spread)
    lowest_ask = middle + math.ceil(0.5 * spread)
    levels = int(parameters[at.MAKER_LEVELS])
    backstop = int(parameters[at.MAKER_BACKSTOP])
    last = levels
    if backstop > 0:
        last = levels - 1
        hold(memory, parameters, number, BUY, highest_bid - last * step, backstop)
        hold(memory, parameters, number, SELL, lowest_ask + last * step, backstop)
    for i in range(last - 1, -1, -1):
        hold(memory, parameters, number, BUY, highest_bid - i * step, size)
    for i in range(last):
        hold(memory, parameters, number, SELL, lowest_ask + i * step, size)
    watch_balance(memory, parameters)


@kernel
def hold(
    memory: Integers, parameters: Reals, number: int, side: int, price: int, size: int
) -> None:
    """Send an order of a market maker and remember it; one it has no room for counts as refused."""
    agent, held = agent_of(memory, number), held_by(memory, number)
    if memory[agent + at.HELD] == room_for_held(memory):
        forget_what_is_gone(memory, number)
        if memory[agent + at.HELD] == room_for_held(memory):
            memory[memory[EXTRA] + at.REFUSED] += 1
            return
    order = send(memory, parameters, side, price, size, number)[1]
    memory[held + memory[agent + at.HELD]] = order
    memory[agent + at.HELD] += 1
    if parameters[at.ABIDES_EXACT] != 0.0:
        watch_balance(memory, parameters)


@kernel
def forget_what_is_gone(memory: Integers, number: int) -> None:
    """Keep only those orders of a market maker that are still in the book."""
    agent, held = agent_of(memory, number), held_by(memory, number)
    kept = 0
    for i in range(memory[agent + at.HELD]):
        if find(memory, memory[held + i]) != NONE:
            memory[held + kept] = memory[held + i]
            kept += 1
    memory[agent + at.HELD] = kept


@kernel
def maker_repeats(
    memory: Integers,
    reals: Reals,
    parameters: Reals,
    number: int,
    middle: int,
    spread: int,
    size: int,
) -> None:
    """Alarmed by the balance of the book, a market maker puts its ladders up anew.

    If exact, it does so by what it knew when the alarm went off.
    """
    if parameters[at.ABIDES_EXACT] != 0.0:
        put_up_ladders(memory, parameters, number, middle, spread / at.SPREAD_UNITS, size)
    else:
        memory[agent_of(memory, number) + at.ALARMED] = 0
        maker_quotes(memory, reals, parameters, number)
