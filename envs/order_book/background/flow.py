"""A flow of large orders that are worked in parts, and market makers who see through it, compiled.

What the preset ``realistic`` adds to the agents of `agents`, and what its facts come from:

| what | rule | source |
|---|---|---|
| splitting | N parent orders at a time; one of them, at random, sends a child; the number of | 1 |
| | children is Pareto: signs of trades have autocorrelations ∝ lag^(1 − α) | |
| public value | moves by the surprise in the sign of trades, and by news with heavy tails | 2 |
| market makers | quote around the public value, which is a martingale: so are prices | 2 |
| activity | share w of it is past squared changes of the value, over four horizons | 3 |
| shape of the day | a parabola, high at opening and close | 4 |

1 Lillo, Mike and Farmer 2005, "Theory for long memory in supply and demand", Phys. Rev. E 71,
066122. 2 Lillo and Farmer 2004, "The long memory of the efficient market", Studies in Nonlinear
Dynamics & Econometrics 8(3); Gerig 2007, arXiv:0804.3818. 3 Blanc, Donier and Bouchaud 2017,
"Quadratic Hawkes processes for financial prices", Quantitative Finance 17(2). 4 Admati and
Pfleiderer 1988, Review of Financial Studies 1(1).

With x the signed root of the shares that takers bought net, over the unit, and m_k its averages
over about τ_k trades,

    value ← value + impact (x − Σ c_k m_k),     m_k ← m_k + (x − m_k) / τ_k
    activity = 1 − w + w Σ V_k / 4,             V_k ← V_k e^(−dt/T_k) + (change of value)² / (v T_k)

Rates of children and news, and v, are in proportion to activity and shape. A large order of anyone
moves the value for good by what was not foreseen of it, and takes back what was foreseen in vain:
impact is concave in the shares traded, and decays by part. A child never takes more than there is
at the touch. Market makers sit at the exchange: when the value has moved by a cent all cancel, and
then all quote; what they take teaches nobody.

Version history: v1.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...core.kernels.compiled import kernel
from ..layout import BEST, BUY, CLOCK, EXTRA, NO_ASK, NO_BID, NONE, SELL, TRADED, VOLUME
from ..levels import level_of
from . import layout as at
from .agents import order_size
from .exchange import agent_of, send, traded_since, wait_for
from .makers import cancel_all, hold
from .random_numbers import exponential, integer, uniform

if TYPE_CHECKING:
    from .market import BackgroundMarket

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]
# Trades that averages of signs look back over, and their weights in the expected sign of the next;
# these are least squares on 40 runs of `realistic`, seeds from 1000 on.
SPANS = np.array([2.0, 8.0, 32.0, 128.0, 512.0])
WEIGHTS = np.array([0.05, 0.48, 0.15, 0.10, 0.08])
HORIZONS_NS = np.array([20e9, 100e9, 500e9, 2500e9])
MOST_ACTIVITY = 10.0
WAKES, CANCELS, QUOTES = 0, 1, 2  # what a market maker does when it follows
LEAST_MOVE = 1.0  # cents of the value after which market makers quote again


def entries_of(market: BackgroundMarket) -> int:
    """Integers that a market's flow takes."""
    if market.flow_rate_per_ns == 0.0:
        return 0
    return at.PARENTS + at.PARENT_SIZE * market.flow_parents


def reals_of(market: BackgroundMarket) -> int:
    """Reals that a market's flow takes: averages of signs, of squares, and the value quoted."""
    return len(SPANS) + len(HORIZONS_NS) + 1 if market.flow_rate_per_ns > 0.0 else 0


@kernel
def flow_of(memory: Integers) -> int:
    """Address of the flow."""
    here = memory[EXTRA]
    return here + memory[here + at.FLOW]


@kernel
def averages_of(memory: Integers) -> int:
    """Place of the averages among the reals."""
    return at.SPREADS + memory[memory[EXTRA] + at.MAKERS]


# What is learned ----------------------------------------------------------------------------------


@kernel
def shape_at(parameters: Reals, time: int) -> float:
    """Activity at a time of the day over its mean, which is 1 from the opening to the close."""
    opens, closes = parameters[at.OPEN], parameters[at.CLOSE]
    away = 2.0 * (time - opens) / (closes - opens) - 1.0
    return 1.0 + parameters[at.DAY_SHAPE] * (away * away - 1.0 / 3.0) * 0.75


@kernel
def activity_at(memory: Integers, reals: Reals, parameters: Reals, time: int) -> float:
    """How much goes on, over the mean of the day; from the averages as they were last updated."""
    squares = averages_of(memory) + len(SPANS)
    past = time - memory[flow_of(memory) + at.SEEN_TIME]
    mean = 0.0
    for k in range(len(HORIZONS_NS)):
        mean += reals[squares + k] * math.exp(-past / HORIZONS_NS[k]) / len(HORIZONS_NS)
    share = parameters[at.ACTIVITY_FEEDBACK]
    return min(MOST_ACTIVITY, 1.0 - share + share * mean) * shape_at(parameters, time)


@kernel
def expected_sign(memory: Integers, reals: Reals) -> float:
    """What the next trade will be, as far as the last ones tell."""
    signs = averages_of(memory)
    expected = 0.0
    for k in range(len(SPANS)):
        expected += WEIGHTS[k] * reals[signs + k]
    return expected


@kernel
def learn(memory: Integers, reals: Reals, parameters: Reals) -> None:
    """What takers bought and sold since this was last done moves the public value."""
    flow = flow_of(memory)
    bought = memory[TRADED + BUY] - memory[flow + at.SEEN_BOUGHT]
    sold = memory[TRADED + SELL] - memory[flow + at.SEEN_SOLD]
    if bought == 0 and sold == 0:
        return
    skip_trades(memory)
    net = (bought - sold) / parameters[at.FLOW_UNIT]
    sign = math.copysign(math.sqrt(abs(net)), net)
    surprise = sign - expected_sign(memory, reals)
    signs = averages_of(memory)
    for k in range(len(SPANS)):
        reals[signs + k] += (sign - reals[signs + k]) / SPANS[k]
    move_value(memory, reals, parameters, parameters[at.FLOW_IMPACT] * surprise)


@kernel
def skip_trades(memory: Integers) -> None:
    """Trades until now teach nobody any more."""
    flow = flow_of(memory)
    memory[flow + at.SEEN_BOUGHT] = memory[TRADED + BUY]
    memory[flow + at.SEEN_SOLD] = memory[TRADED + SELL]


@kernel
def move_value(memory: Integers, reals: Reals, parameters: Reals, change: float) -> None:
    """The public value changes; market makers hear of it if they quote far from it."""
    flow, now = flow_of(memory), memory[CLOCK]
    squares = averages_of(memory) + len(SPANS)
    past = now - memory[flow + at.SEEN_TIME]
    unit = parameters[at.VARIANCE] * shape_at(parameters, now)
    for k in range(len(HORIZONS_NS)):
        kept = reals[squares + k] * math.exp(-past / HORIZONS_NS[k])
        reals[squares + k] = kept + change * change / (unit * HORIZONS_NS[k])
    memory[flow + at.SEEN_TIME] = now
    reals[at.FUNDAMENTAL] = max(0.0, reals[at.FUNDAMENTAL] + change)
    quoted = squares + len(HORIZONS_NS)
    if abs(reals[at.FUNDAMENTAL] - reals[quoted]) >= LEAST_MOVE:
        reals[quoted] = reals[at.FUNDAMENTAL]
        tell_makers(memory, parameters)


@kernel
def tell_makers(memory: Integers, parameters: Reals) -> None:
    """All market makers cancel and quote again; they are at the exchange, without latency."""
    answer = memory[CLOCK] + int(parameters[at.COMPUTATION_DELAY])
    quotes = answer + int(parameters[at.MAKER_CANCEL_DELAY])
    for maker in range(memory[memory[EXTRA] + at.MAKERS]):
        wait_for(memory, answer, at.MAKER_FOLLOWS, maker, CANCELS, 0, 0)
    for maker in range(memory[memory[EXTRA] + at.MAKERS]):
        wait_for(memory, quotes, at.MAKER_FOLLOWS, maker, QUOTES, 0, 0)


# What happens -------------------------------------------------------------------------------------


@kernel
def open_flow(memory: Integers, reals: Reals, parameters: Reals) -> None:
    """Parent orders are under way as on any day; activity is that of the shape of the day."""
    flow, averages = flow_of(memory), averages_of(memory)
    stream = flow + at.NEW_PARENTS
    memory[flow + at.SEEN_TIME] = memory[CLOCK]
    tail, most = parameters[at.PARENT_TAIL] - 1.0, parameters[at.PARENT_MOST]
    for number in range(int(parameters[at.FLOW_PARENTS])):
        parent = flow + at.PARENTS + at.PARENT_SIZE * number
        memory[parent] = BUY if uniform(memory, stream) < 0.5 else SELL
        # Of those under way long ones are the more likely by their length; any part may be left.
        children = pareto(uniform(memory, stream), tail, most)
        memory[parent + 1] = integer(memory, stream, 1, int(children) + 1)
    for k in range(len(HORIZONS_NS)):
        reals[averages + len(SPANS) + k] = 1.0
    reals[averages + len(SPANS) + len(HORIZONS_NS)] = reals[at.FUNDAMENTAL]
    tell_makers(memory, parameters)
    expect_child(memory, reals, parameters)
    expect_news(memory, reals, parameters)


@kernel
def pareto(level: float, tail: float, most: float) -> float:
    """Quantile of a Pareto distribution from 1 to `most`, of exponent `tail`, which may be 0."""
    if abs(tail) < 1e-9:
        return float(most**level)
    return float((1.0 - level * (1.0 - most**-tail)) ** (-1.0 / tail))


@kernel
def expect_child(memory: Integers, reals: Reals, parameters: Reals) -> None:
    """When the next child is sent."""
    now = memory[CLOCK]
    rate = parameters[at.FLOW_RATE] * activity_at(memory, reals, parameters, now)
    wait = exponential(memory, flow_of(memory) + at.FLOW_WAITS, 1.0 / rate)
    wait_for(memory, now + int(wait), at.FLOW_TRADES, NONE, 0, 0, 0)


@kernel
def expect_news(memory: Integers, reals: Reals, parameters: Reals) -> None:
    """When the next news comes."""
    if parameters[at.NEWS_RATE] == 0.0:
        return
    now = memory[CLOCK]
    rate = parameters[at.NEWS_RATE] * activity_at(memory, reals, parameters, now)
    wait = exponential(memory, flow_of(memory) + at.NEWS, 1.0 / rate)
    wait_for(memory, now + int(wait), at.NEWS_COMES, NONE, 0, 0, 0)


@kernel
def flow_trades(memory: Integers, reals: Reals, parameters: Reals) -> None:
    """A child of one of the parent orders takes what it needs at the touch."""
    learn(memory, reals, parameters)
    flow = flow_of(memory)
    number = integer(memory, flow + at.FLOW_CHOICES, 0, int(parameters[at.FLOW_PARENTS]))
    parent = flow + at.PARENTS + at.PARENT_SIZE * number
    if memory[parent + 1] == 0:
        stream = flow + at.NEW_PARENTS
        memory[parent] = BUY if uniform(memory, stream) < 0.5 else SELL
        level, tail = uniform(memory, stream), parameters[at.PARENT_TAIL]
        memory[parent + 1] = int(pareto(level, tail, parameters[at.PARENT_MOST]))
    side, size = memory[parent], order_size(memory, flow + at.FLOW_SIZES, 0, parameters)
    price = memory[BEST + 1 - side]
    if size > 0 and price != NO_BID and price != NO_ASK:
        size = min(size, memory[level_of(memory, price) + VOLUME])
        send(memory, parameters, side, price, size, NONE)
        memory[parent + 1] -= 1
        learn(memory, reals, parameters)
    expect_child(memory, reals, parameters)


@kernel
def news_comes(memory: Integers, reals: Reals, parameters: Reals) -> None:
    """Everybody learns that the value is another: a jump of a Lomax size, to either side."""
    learn(memory, reals, parameters)
    stream, tail = flow_of(memory) + at.NEWS, parameters[at.NEWS_TAIL]
    scale = parameters[at.NEWS_SIZE] * math.sqrt((tail - 1.0) * (tail - 2.0) / 2.0)
    size = scale * (uniform(memory, stream) ** (-1.0 / tail) - 1.0)
    sign = 1.0 if uniform(memory, stream) < 0.5 else -1.0
    move_value(memory, reals, parameters, sign * size)
    expect_news(memory, reals, parameters)


@kernel
def maker_follows(
    memory: Integers, reals: Reals, parameters: Reals, number: int, what: int
) -> None:
    """A market maker wakes and makes all quote anew, cancels its ladders, or puts them up."""
    if what == WAKES:
        learn(memory, reals, parameters)
        tell_makers(memory, parameters)
        now = memory[CLOCK]
        wake = parameters[at.MAKER_WAKE] / activity_at(memory, reals, parameters, now)
        wait = exponential(memory, agent_of(memory, number) + at.STREAM, wake)
        wait_for(memory, now + int(wait), at.MAKER_FOLLOWS, number, WAKES, 0, 0)
    elif what == CANCELS:
        learn(memory, reals, parameters)
        cancel_all(memory, parameters, number)
    else:
        cancel_all(memory, parameters, number)
        quote(memory, reals, parameters, number)
        skip_trades(memory)


@kernel
def quote(memory: Integers, reals: Reals, parameters: Reals, number: int) -> None:
    """The ladders of a market maker around the value that all were told, wider in busy times."""
    now = memory[CLOCK]
    bought, sold = traded_since(memory, now - int(parameters[at.MAKER_WAKE]))
    share = int(np.rint(parameters[at.MAKER_SHARE] * (bought + sold)))
    size = max(int(parameters[at.MAKER_LEAST_SIZE]), share)
    activity = activity_at(memory, reals, parameters, now)
    spread = parameters[at.MAKER_FIRST_SPREAD] * math.sqrt(activity)
    spread = max(spread, parameters[at.MAKER_LEAST_SPREAD])
    step = max(1, int(np.rint(parameters[at.MAKER_SPACING] * spread)))
    value = reals[averages_of(memory) + len(SPANS) + len(HORIZONS_NS)]
    highest_bid, lowest_ask = math.floor(value - 0.5 * spread), math.ceil(value + 0.5 * spread)
    for level in range(int(parameters[at.MAKER_LEVELS])):
        hold(memory, parameters, number, BUY, highest_bid - level * step, size)
        hold(memory, parameters, number, SELL, lowest_ask + level * step, size)
