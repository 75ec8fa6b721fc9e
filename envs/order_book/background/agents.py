"""The background traders of the order-book market, event by event, compiled.

Rules after the agents of ABIDES (Byrd, Hybinette and Balch 2020, "ABIDES: Towards high-fidelity
multi-agent market simulation", arXiv:1904.12066) in its reference configurations rmsc03 and rmsc04:

| agent | wakes | what it does |
|---|---|---|
| noise | once, U-quadratic over the day | a limit order at the far touch, either side |
| value | exponential | cancels; buys if its belief is at or above the mid, near the touch |
| momentum | exponential | buys at the ask if its mean of 20 mids is at or above that of 50 |
| market maker | exponential | cancels; ladders of ten levels around the mid |

An agent learns of the book and reaches it with its latency to the exchange, and thinks for 50 ns;
so what happens to the book is an event of its own: the request that shows an agent the book, and
the order that answers it. An agent's record, its stream of random numbers included, is named by its
address.

Departures, each of which is taken back with ``abides_exact``:

| what | here | in the original |
|---|---|---|
| market maker that wakes before there is a mid | tries again after a while | sleeps for good |
| book leans to one side | ladders are replaced, one alarm at a time | added to, at every alarm |
| a ladder after an alarm | by what is known when it arrives | by what was known at the alarm |
| balance of the book is watched | when a ladder is complete | after every order of it |
| order that meets one of its own agent | cancels the older one | trades with it |
| momentum agents | need 50 mids; means as they are | need 51; rounded to .01 cent |
| fundamental value | real | rounded to whole cents |
| value agent that wakes before its order arrived | forgets that order | cancels it, too |
| resting orders | within a window of prices | at any price |
| executors | no latency, unless their market has an option | as any agent |

In both, agents are never busy (in the original for 50 ns per message), and a value agent that wakes
twice within one round trip decides twice (there, once).

Version history: v1.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...core.kernels.compiled import kernel
from ..layout import BEST, BUY, CLOCK, EXTRA, NO_ASK, NO_BID, NONE, SELL
from ..matching import cancel_order
from . import layout as at
from .exchange import agent_of, send, wait_for, watch_balance
from .fundamental import fundamental_at
from .layout import NEVER
from .random_numbers import exponential, integer, normal, uniform

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]
# Order sizes of rmsc04: lognormal, about 100, and fixed lots with these cumulative weights.
LOGNORMAL_MEAN, LOGNORMAL_DEVIATION, HUNDRED_DEVIATION = 2.9, 1.2, 0.15
LOT_WEIGHTS = np.cumsum(
    [0.2, 0.7, 0.06, 0.004, 0.0329, 0.001, 0.0006, 0.0004, 0.0005, 0.0003, 0.0003]
)


# All agents ---------------------------------------------------------------------------------------


@kernel
def order_size(memory: Integers, stream: int, lot: int, parameters: Reals) -> int:
    """The agent's own lot, or a draw from the mixture if it has none."""
    if lot > 0:
        return lot
    if parameters[at.SIZE_MIXTURE] == 0.0:
        low, high = int(parameters[at.LOT_LOW]), int(parameters[at.LOT_HIGH])
        return integer(memory, stream, low, high + 1)
    choice = uniform(memory, stream)
    if choice < LOT_WEIGHTS[0]:
        logarithm = LOGNORMAL_MEAN + LOGNORMAL_DEVIATION * normal(memory, stream)
        return int(np.rint(math.exp(logarithm)))
    if choice < LOT_WEIGHTS[1]:
        return int(np.rint(100.0 + HUNDRED_DEVIATION * normal(memory, stream)))
    hundreds = 2
    while hundreds < 10 and choice >= LOT_WEIGHTS[hundreds]:
        hundreds += 1
    return 100 * hundreds


@kernel
def order_arrives(
    memory: Integers, parameters: Reals, agent: int, side: int, price: int, size: int
) -> None:
    """An order of a noise (agent NONE), value or momentum agent reaches the exchange."""
    number = send(memory, parameters, side, price, size, agent)[1]
    watch_balance(memory, parameters)
    if agent != NONE:
        address = agent_of(memory, agent)
        if parameters[at.ABIDES_EXACT] != 0.0:
            memory[address + at.OLDER_ORDER] = memory[address + at.ORDER_OF]
        memory[address + at.ORDER_OF] = number


# Noise agents -------------------------------------------------------------------------------------


@kernel
def next_noise_agent(memory: Integers, reals: Reals, parameters: Reals) -> None:
    """The time at which the next noise agent wakes.

    Times are drawn in their order, so that nothing need be kept of those who sleep: of n uniform
    numbers above u, the least is at 1 − (1 − u) V^(1/n), V uniform. A multiplier m makes m n of
    them, and may change at any time.
    """
    here = memory[EXTRA]
    multiplier = parameters[at.NOISE_MULTIPLIER]
    asleep = multiplier * (parameters[at.NOISE_AGENTS] - reals[at.WOKEN])
    if asleep < 0.5:
        memory[here + at.NOISE_TIME] = NEVER
        return
    reals[at.SURVIVING] *= uniform(memory, here + at.NOISE_STREAM) ** (1.0 / asleep)
    reals[at.WOKEN] += 1.0 / multiplier
    # Inverse of the U-quadratic distribution function on [0, 1], 4 (x − 1/2)³ + 1/2.
    place = 0.5 + np.cbrt((0.5 - reals[at.SURVIVING]) / 4.0)
    opens, closes = parameters[at.NOISE_OPEN], parameters[at.NOISE_CLOSE]
    memory[here + at.NOISE_TIME] = int(opens + place * (closes - opens))


@kernel
def noise_wakes(memory: Integers, reals: Reals, parameters: Reals) -> None:
    """A noise agent wakes somewhere on the line, and asks for the book."""
    here = memory[EXTRA]
    distance = abs(uniform(memory, here + at.NOISE_CHOICES) - reals[at.EXCHANGE_PLACE])
    latency = int(parameters[at.LINE_LENGTH] * distance)
    time = memory[here + at.NOISE_TIME] + int(parameters[at.COMPUTATION_DELAY]) + latency
    wait_for(memory, time, at.NOISE_READS, NONE, latency, 0, 0)
    next_noise_agent(memory, reals, parameters)


@kernel
def noise_reads(memory: Integers, parameters: Reals, latency: int) -> None:
    """A noise agent sees the book: either side, at the far touch."""
    stream = memory[EXTRA] + at.NOISE_CHOICES
    side = BUY if uniform(memory, stream) < 0.5 else SELL
    size = order_size(memory, stream, 0, parameters)
    price = memory[BEST + 1 - side]
    if size > 0 and price != NO_BID and price != NO_ASK:
        time = memory[CLOCK] + 2 * latency + int(parameters[at.COMPUTATION_DELAY])
        wait_for(memory, time, at.ORDER_ARRIVES, NONE, side, price, size)


# Value agents -------------------------------------------------------------------------------------


@kernel
def value_reads(memory: Integers, parameters: Reals, number: int) -> None:
    """A value agent's cancellation arrives, and it is shown the book."""
    agent = agent_of(memory, number)
    if parameters[at.ABIDES_EXACT] != 0.0:
        cancel_order(memory, memory[agent + at.OLDER_ORDER])
    cancel_order(memory, memory[agent + at.ORDER_OF])
    watch_balance(memory, parameters)
    memory[agent + at.SEEN_BID] = memory[BEST + BUY]
    memory[agent + at.SEEN_ASK] = memory[BEST + SELL]
    now = memory[CLOCK]
    wait_for(memory, now + memory[agent + at.LATENCY], at.VALUE_DECIDES, number, 0, 0, 0)
    wake = exponential(memory, agent + at.STREAM, parameters[at.VALUE_WAKE])
    wait_for(memory, now + int(np.rint(wake)), at.VALUE_READS, number, 0, 0, 0)


@kernel
def value_decides(memory: Integers, reals: Reals, parameters: Reals, number: int) -> None:
    """A value agent compares its belief in the price at the close with the mid it was shown.

    It always draws the same number of random numbers.
    """
    agent, now = agent_of(memory, number), memory[CLOCK]
    stream, mean = agent + at.STREAM, parameters[at.MEAN_PRICE]
    value = fundamental_at(memory, reals, parameters, now)
    noise = math.sqrt(parameters[at.OBSERVATION_VARIANCE]) * normal(memory, stream)
    left = max(0.0, parameters[at.CLOSE] - now)
    weight = math.exp(-parameters[at.BELIEF_REVERSION] * left)
    belief = int(np.rint(mean + (np.rint(value + noise) - mean) * weight))
    size = order_size(memory, stream, memory[agent + at.LOT], parameters)
    at_touch = uniform(memory, stream) < parameters[at.AT_TOUCH_SHARE]
    choice = uniform(memory, stream)
    bid, ask = memory[agent + at.SEEN_BID], memory[agent + at.SEEN_ASK]
    if bid != NO_BID and ask != NO_ASK:
        away = 0 if at_touch else int(choice * (2 * (ask - bid)))
        side = BUY if belief >= (bid + ask) // 2 else SELL
        price = ask - away if side == BUY else bid + away
    else:
        side, price = (BUY if choice < 0.5 else SELL), belief
    if size > 0:
        time = now + int(parameters[at.COMPUTATION_DELAY]) + memory[agent + at.LATENCY]
        wait_for(memory, time, at.ORDER_ARRIVES, number, side, price, size)


# Momentum agents ----------------------------------------------------------------------------------


@kernel
def momentum_reads(memory: Integers, parameters: Reals, number: int) -> None:
    """A momentum agent is shown the book and follows its two moving averages of the mid."""
    agent = agent_of(memory, number)
    bid, ask = memory[BEST + BUY], memory[BEST + SELL]
    delay, latency = int(parameters[at.COMPUTATION_DELAY]), memory[agent + at.LATENCY]
    answer = memory[CLOCK] + 2 * latency + delay
    wake = exponential(memory, agent + at.STREAM, parameters[at.MOMENTUM_WAKE])
    wait_for(memory, answer + int(np.rint(wake)), at.MOMENTUM_READS, number, 0, 0, 0)
    if bid == NO_BID or ask == NO_ASK:
        return
    append_mid(memory, agent, number, bid + ask)
    exact = parameters[at.ABIDES_EXACT] != 0.0
    if memory[agent + at.COUNT] < (at.LONG + 1 if exact else at.LONG):
        return
    size = order_size(memory, agent + at.STREAM, memory[agent + at.LOT], parameters)
    if size > 0:
        short, long = memory[agent + at.SHORT_SUM], memory[agent + at.LONG_SUM]
        rises = short * at.LONG >= long * at.SHORT
        if exact:  # hundredths of cents: 2.5 and 1 times the sums of doubled mids
            rises = np.rint(2.5 * short) >= long
        side, price = (BUY, ask) if rises else (SELL, bid)
        wait_for(memory, answer, at.ORDER_ARRIVES, number, side, price, size)


@kernel
def append_mid(memory: Integers, agent: int, number: int, double_mid: int) -> None:
    """Remember twice the mid, an integer, and keep the sums of the last 20 and 50."""
    here = memory[EXTRA]
    order = number - memory[here + at.MAKERS] - memory[here + at.VALUE_AGENTS]
    mids = here + memory[here + at.MIDS] + at.LONG * order
    count = memory[agent + at.COUNT]
    if count >= at.SHORT:
        memory[agent + at.SHORT_SUM] -= memory[mids + (count - at.SHORT) % at.LONG]
    if count >= at.LONG:
        memory[agent + at.LONG_SUM] -= memory[mids + count % at.LONG]
    memory[mids + count % at.LONG] = double_mid
    memory[agent + at.SHORT_SUM] += double_mid
    memory[agent + at.LONG_SUM] += double_mid
    memory[agent + at.COUNT] = count + 1
