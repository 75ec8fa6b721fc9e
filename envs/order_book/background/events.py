"""The clock of a background market: the next event is taken and its agent acts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.kernels.compiled import kernel
from ..layout import CLOCK, EXTRA, RESTING, ROOM
from . import agents, event_queue, flow, makers
from . import layout as at
from .layout import NEVER

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]
SPARE_ORDERS = 64  # more than one event of any kind adds
SPARE_EVENTS = 128
DONE, NEEDS_ORDERS, QUEUE_IS_FULL = 0, 1, 2


@kernel
def advance_rows(
    memory: Integers,
    reals: Reals,
    parameters: Reals,
    until: Integers,
    outcome: Integers,
    first: int,
    last: int,
) -> None:
    """Let the markets from row `first` to `last` run until the times ``(B,)``.

    Rows whose outcome is not NEEDS_ORDERS are left alone; `outcome` is written.
    """
    for row in range(first, last):
        if outcome[row] == NEEDS_ORDERS:
            outcome[row] = advance(memory[row], reals[row], parameters[row], until[row])


@kernel
def advance(memory: Integers, reals: Reals, parameters: Reals, until: int) -> int:
    """Handle all events up to a time; returns why it stopped, to be called again after it."""
    here = memory[EXTRA]
    queue = here + memory[here + at.QUEUE]
    first = queue + event_queue.FIRST
    while True:
        if memory[ROOM] - memory[RESTING] < SPARE_ORDERS:
            return NEEDS_ORDERS
        length = memory[queue + event_queue.LENGTH]
        if memory[queue + event_queue.ROOM] - length < SPARE_EVENTS:
            return QUEUE_IS_FULL
        next_event = memory[first + event_queue.TIME] if length > 0 else NEVER
        noise = memory[here + at.NOISE_TIME]
        if min(noise, next_event) > until:
            break
        if noise <= next_event:
            agents.noise_wakes(memory, reals, parameters)
            continue
        memory[CLOCK] = next_event
        kind, agent = memory[first + event_queue.KIND], memory[first + event_queue.AGENT]
        a, b = memory[first + event_queue.A], memory[first + event_queue.B]
        c = memory[first + event_queue.C]
        event_queue.pop(memory, queue)
        _handle(memory, reals, parameters, kind, agent, a, b, c)
    memory[CLOCK] = max(memory[CLOCK], until)
    return DONE


@kernel
def _handle(
    memory: Integers,
    reals: Reals,
    parameters: Reals,
    kind: int,
    agent: int,
    a: int,
    b: int,
    c: int,
) -> None:
    if kind == at.ORDER_ARRIVES:
        agents.order_arrives(memory, parameters, agent, a, b, c)
    elif kind == at.VALUE_READS:
        agents.value_reads(memory, parameters, agent)
    elif kind == at.VALUE_DECIDES:
        agents.value_decides(memory, reals, parameters, agent)
    elif kind == at.NOISE_READS:
        agents.noise_reads(memory, parameters, a)
    elif kind == at.MOMENTUM_READS:
        agents.momentum_reads(memory, parameters, agent)
    elif kind == at.MAKER_CANCELS:
        makers.maker_cancels(memory, parameters, agent)
    elif kind == at.MAKER_READS:
        makers.maker_reads(memory, reals, parameters, agent)
    elif kind == at.FLOW_TRADES:
        flow.flow_trades(memory, reals, parameters)
    elif kind == at.NEWS_COMES:
        flow.news_comes(memory, reals, parameters)
    elif kind == at.MAKER_FOLLOWS:
        flow.maker_follows(memory, reals, parameters, agent, a)
    elif kind == at.MAKER_REPEATS:
        makers.maker_repeats(memory, reals, parameters, agent, a, b, c)
    else:
        makers.maker_quotes(memory, reals, parameters, agent)
