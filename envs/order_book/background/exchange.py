"""The exchange of the background market: its queue of events, what is traded and who is told.

Version history: v1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.kernels.compiled import kernel
from ..layout import (
    ALLOW,
    BAD_SIZE,
    BUY,
    CANCEL_RESTING,
    CLOCK,
    EXTRA,
    NONE,
    NOT_RESTED,
    OFFERED,
    SELL,
    TRADED,
)
from ..matching import limit_order
from . import event_queue as events
from . import layout as at

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]


@kernel
def agent_of(memory: Integers, number: int) -> int:
    """Address of an agent: market makers come first, then value and momentum agents."""
    here = memory[EXTRA]
    return here + memory[here + at.AGENTS] + at.AGENT_SIZE * number


@kernel
def wait_for(memory: Integers, time: int, kind: int, agent: int, a: int, b: int, c: int) -> None:
    """Put an event into the market's queue."""
    here = memory[EXTRA]
    events.push(memory, here + memory[here + at.QUEUE], time, kind, agent, a, b, c)


@kernel
def send(
    memory: Integers, parameters: Reals, side: int, price: int, size: int, owner: int
) -> tuple[int, int, int, int]:
    """A limit order reaches the exchange; see `order_book_matching.limit_order`."""
    prevention = ALLOW if parameters[at.ABIDES_EXACT] != 0.0 else CANCEL_RESTING
    result = limit_order(memory, side, price, size, owner, prevention, False)
    if result[0] >= BAD_SIZE or result[0] == NOT_RESTED:
        memory[memory[EXTRA] + at.REFUSED] += 1
    if result[2] > 0:
        note_trade(memory)
    return result


@kernel
def note_trade(memory: Integers) -> None:
    """Remember how much was traded until now."""
    here = memory[EXTRA]
    if memory[here + at.TRADES] == 0:  # nobody in this market looks back
        return
    place = memory[here + at.TRADE_COUNT] % at.MOST_TRADES
    trade = here + memory[here + at.TRADES] + at.TRADE_SIZE * place
    memory[trade] = memory[CLOCK]
    memory[trade + 1] = memory[TRADED + BUY]
    memory[trade + 2] = memory[TRADED + SELL]
    memory[here + at.TRADE_COUNT] += 1


@kernel
def watch_balance(memory: Integers, parameters: Reals) -> None:
    """Tell market makers when the book begins to lean to one side: 1 − less / more is too large."""
    here = memory[EXTRA]
    bids, asks = memory[OFFERED + BUY], memory[OFFERED + SELL]
    less, more = min(bids, asks), max(bids, asks)
    if less >= (1.0 - parameters[at.MAKER_ALARM]) * more:
        memory[here + at.IMBALANCED] = NONE
        return
    side = BUY if bids > asks else SELL
    if memory[here + at.IMBALANCED] == side:
        return
    memory[here + at.IMBALANCED] = side
    if parameters[at.FLOW_RATE] > 0.0:  # they follow the public value and nothing else
        return
    exact = parameters[at.ABIDES_EXACT] != 0.0
    for maker in range(memory[here + at.MAKERS]):
        agent = agent_of(memory, maker)
        if memory[agent + at.MID] != NONE and (exact or memory[agent + at.ALARMED] != 1):
            answer = 2 * memory[agent + at.LATENCY] + int(parameters[at.COMPUTATION_DELAY])
            time = memory[CLOCK] + answer
            if exact:  # what it knows now is what it will answer by
                middle, spread = (
                    middle_of(memory, parameters, maker),
                    memory[agent + at.LAST_SPREAD],
                )
                lot = memory[agent + at.LOT]
                wait_for(memory, time, at.MAKER_REPEATS, maker, middle, spread, lot)
            else:
                memory[agent + at.ALARMED] = 1
                wait_for(memory, time, at.MAKER_REPEATS, maker, 0, 0, 0)


@kernel
def middle_of(memory: Integers, parameters: Reals, maker: int) -> int:
    """Where a market maker centres its ladders: the mid, skewed towards the side of takers."""
    agent = agent_of(memory, maker)
    bought, sold = memory[agent + at.BOUGHT], memory[agent + at.SOLD]
    if bought + sold == 0:
        return memory[agent + at.MID]
    lean = 2.0 * bought / (bought + sold) - 1.0
    return int(memory[agent + at.MID] + lean * parameters[at.MAKER_SKEW])


@kernel
def traded_since(memory: Integers, time: int) -> tuple[int, int]:
    """Shares bought and sold by takers since a time, as far as trades are remembered."""
    here = memory[EXTRA]
    count, bought, sold = memory[here + at.TRADE_COUNT], 0, 0
    for number in range(count - 1, max(-1, count - 1 - at.MOST_TRADES), -1):
        place = number % at.MOST_TRADES
        trade = here + memory[here + at.TRADES] + at.TRADE_SIZE * place
        if memory[trade] < time:
            bought, sold = memory[trade + 1], memory[trade + 2]
            break
    return memory[TRADED + BUY] - bought, memory[TRADED + SELL] - sold
