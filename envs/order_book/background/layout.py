"""How a background market lies in arrays: after the book in its integers, and in a few reals.

| part | entries | from |
|---|---|---|
| counters | the fields below | ``book[EXTRA]`` |
| agents | `AGENT_SIZE` per market maker, value and momentum agent | `AGENTS` |
| held | numbers of the orders of every market maker, `MOST_HELD` each | `HELD_ORDERS` |
| mids | the last `LONG` mids of every momentum agent, doubled | `MIDS` |
| trades | the last `MOST_TRADES` trades: time, shares bought and sold so far | `TRADES` |
| flow | streams of orders that are worked in parts, see `flow` | `FLOW` |
| queue | what is to happen, see `event_queue` | `QUEUE` |

Addresses of parts count from ``book[EXTRA]``, so that they stand when the book gets more room.
Times are nanoseconds since midnight, prices cents.

Version history: v1.
"""

from __future__ import annotations

# Counters.
NOISE_TIME, NOISE_STREAM, FUNDAMENTAL_STREAM, FUNDAMENTAL_TIME, SHOCK_TIME = 0, 1, 2, 3, 4
IMBALANCED, REFUSED, MAKERS, VALUE_AGENTS, MOMENTUM_AGENTS = 5, 6, 7, 8, 9
AGENTS, HELD_ORDERS, MIDS, TRADES, TRADE_COUNT, QUEUE = 10, 11, 12, 13, 14, 15
NOISE_CHOICES = 16  # the stream of what noise agents do; NOISE_STREAM is that of when they wake
FLOW = 17
COUNTERS = 18
# The flow: streams of when children come, of which parent's, of their sizes, of new parents and of
# news; shares that takers had bought and sold when it was last looked at, and when that was; then
# of every parent order its side and the children left.
FLOW_WAITS, FLOW_CHOICES, FLOW_SIZES, NEW_PARENTS, NEWS = 0, 1, 2, 3, 4
FLOW_STREAMS = 5
SEEN_BOUGHT, SEEN_SOLD, SEEN_TIME, PARENTS = 5, 6, 7, 8
PARENT_SIZE = 2
# An agent. A market maker holds HELD orders; a value agent has one order ORDER_OF; a momentum agent
# has seen COUNT mids, whose recent sums are SHORT_SUM and LONG_SUM. The orders of ALARMED market
# makers are on their way because the book leans to one side.
STREAM, LATENCY, LOT, ORDER_OF, COUNT, SEEN_BID, SEEN_ASK, MID = range(8)
ALARMED, HELD, BOUGHT, SOLD = ORDER_OF, COUNT, SEEN_BID, SEEN_ASK
SHORT_SUM, LONG_SUM = SEEN_BID, SEEN_ASK
LAST_SPREAD = ALARMED  # of a market maker, in units of 1 / SPREAD_UNITS, if exact
SPREAD_UNITS = 1 << 32
OLDER_ORDER = MID  # of a value agent that woke again before its last order arrived, if exact
AGENT_SIZE = 8
SHORT, LONG = 20, 50  # mids of the two moving averages
MOST_HELD = 100
MOST_HELD_EXACT = 4000  # alarms add ladders
MOST_TRADES = 1024
TRADE_SIZE = 3
# Reals; the spread average of market maker i is at SPREADS + i, behind them what the flow has
# taught: averages of signed trades, and of squared changes of the public value.
FUNDAMENTAL, SHOCK, SURVIVING, WOKEN, EXCHANGE_PLACE, SPREADS = 0, 1, 2, 3, 4, 5
NEVER = 1 << 62
# Kinds of events.
NOISE_READS, VALUE_READS, VALUE_DECIDES, MOMENTUM_READS = 0, 1, 2, 3
MAKER_CANCELS, MAKER_READS, MAKER_QUOTES, MAKER_REPEATS, ORDER_ARRIVES = 4, 5, 6, 7, 8
FLOW_TRADES, NEWS_COMES, MAKER_FOLLOWS = 9, 10, 11

PARAMETERS = (
    "noise_agents",
    "noise_multiplier",
    "noise_open_ns",
    "noise_close_ns",
    "open_ns",
    "close_ns",
    "mean_price",
    "mean_reversion_per_ns",
    "volatility_per_root_ns",
    "shock_rate_per_ns",
    "shock_mean",
    "shock_variance",
    "value_wake_ns",
    "observation_variance",
    "belief_reversion_per_ns",
    "value_at_touch_share",
    "momentum_wake_ns",
    "maker_wake_ns",
    "maker_volume_share",
    "maker_levels",
    "maker_least_size",
    "maker_level_spacing",
    "maker_spread_weight",
    "maker_first_spread",
    "maker_least_spread",
    "maker_cancel_delay_ns",
    "maker_price_skew",
    "maker_backstop_size",
    "maker_alarm_imbalance",
    "computation_delay_ns",
    "line_length_ns",
    "size_mixture",
    "lot_low",
    "lot_high",
    "momentum_lot_low",
    "momentum_lot_high",
    "abides_exact",
    "flow_rate_per_ns",
    "flow_parents",
    "parent_tail",
    "parent_most",
    "flow_impact",
    "flow_unit",
    "news_rate_per_ns",
    "news_size",
    "news_tail",
    "activity_feedback",
    "variance_per_ns",
    "day_shape",
)
"""Names of the parameters, in their order; all are numbers, one vector per copy."""
(
    NOISE_AGENTS,
    NOISE_MULTIPLIER,
    NOISE_OPEN,
    NOISE_CLOSE,
    OPEN,
    CLOSE,
    MEAN_PRICE,
    MEAN_REVERSION,
    VOLATILITY,
    SHOCK_RATE,
    SHOCK_MEAN,
    SHOCK_VARIANCE,
    VALUE_WAKE,
    OBSERVATION_VARIANCE,
    BELIEF_REVERSION,
    AT_TOUCH_SHARE,
    MOMENTUM_WAKE,
    MAKER_WAKE,
    MAKER_SHARE,
    MAKER_LEVELS,
    MAKER_LEAST_SIZE,
    MAKER_SPACING,
    MAKER_SPREAD_WEIGHT,
    MAKER_FIRST_SPREAD,
    MAKER_LEAST_SPREAD,
    MAKER_CANCEL_DELAY,
    MAKER_SKEW,
    MAKER_BACKSTOP,
    MAKER_ALARM,
    COMPUTATION_DELAY,
    LINE_LENGTH,
    SIZE_MIXTURE,
    LOT_LOW,
    LOT_HIGH,
    MOMENTUM_LOT_LOW,
    MOMENTUM_LOT_HIGH,
    ABIDES_EXACT,
    FLOW_RATE,
    FLOW_PARENTS,
    PARENT_TAIL,
    PARENT_MOST,
    FLOW_IMPACT,
    FLOW_UNIT,
    NEWS_RATE,
    NEWS_SIZE,
    NEWS_TAIL,
    ACTIVITY_FEEDBACK,
    VARIANCE,
    DAY_SHAPE,
) = range(len(PARAMETERS))
