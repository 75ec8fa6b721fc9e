"""How a world lies in arrays: after the book in its integers, and in a few reals.

It begins with the counters of a background market, none of whose agents are there, so that whoever
trades in one trades in the other. Times are nanoseconds since midnight.

| part | entries |
|---|---|
| counters | as in `background.layout`, then the fields below |
| last orders | event, depth and time to the next of the last three, the latest first |
| reals | the last mid and spread; five past states, the latest first |

Version history: v1.
"""

from __future__ import annotations

from ..background.layout import COUNTERS

# Counters.
(
    STREAM,
    LOG_STREAM,
    NEXT_TIME,
    ORDERS_SO_FAR,
    MISSED,
    GUARDED,
    NEXT_SNAPSHOT,
    FIRST_STRANGER,
    TAKEN,
    ALLOWANCE,
    BID,
    ASK,
    LAST_ORDERS,
) = range(COUNTERS, COUNTERS + 13)
"""Streams of choices and of what is logged; when the next order comes; orders so far, cancels that
found nothing, and calls that hit the guard; when the next past state is due; owners from this one
on are no part of the world; orders in this call, and how many it may have; prices that depths count
from, which are the best ones where there are any."""
HISTORY = 3  # orders
EVENT_OF, DEPTH_OF, TIME_OF = range(3)
WORLD_ENTRIES = LAST_ORDERS + 3 * HISTORY
# Reals.
MID, SPREAD, SNAPSHOTS = 0, 1, 2
LAGS = 5
MID_THEN, SPREAD_THEN, IMBALANCE_THEN, SIGNED_THEN, ORDERS_THEN = range(5)
LAG_ENTRIES = 5
WORLD_REALS = SNAPSHOTS + LAGS * LAG_ENTRIES
LAG_NS = 10 * 10**9
NOTHING = -1  # an order of the history that was not
