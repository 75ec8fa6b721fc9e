"""Statistics of single runs of the background market, and those of the original's runs.

The original is ABIDES (https://github.com/jpmorganchase/abides-jpmc-public, BSD licence, commit
f9cbe51342b7dedd9587e4e069040d68a5c6477f). Its configuration rmsc04 was run with seeds 0 to 79 until
10:30, unchanged but for its order sizes, which were drawn with numpy in the place of pomegranate;
rmsc03 with seeds 0 to 8, without its execution agent. Every order that came to rest, cancellation
and execution was noted, and `run_statistics` taken of these as of ours. `original_runs.json` and
`original_runs_rmsc03.json` hold what came out: name -> one number per seed.

Version history: v1.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ....envs.order_book.background.market import HOUR, SECOND
from ....envs.order_book.layout import (
    AT_PRICE,
    BUY,
    CANCELLED,
    EXECUTED,
    KIND,
    OF_OWNER,
    OF_SIDE,
    ORDER,
    SELL,
    SHARES,
    SUBMITTED,
    TAKER,
    TIME,
)
from ....envs.order_book.stylised_facts import (
    BookSamples,
    autocorrelation,
    log_return,
    time_to_first_fill,
)

STORED = {
    "rmsc04": Path(__file__).with_name("original_runs.json"),
    "rmsc03": Path(__file__).with_name("original_runs_rmsc03.json"),
}
OPENING = 9 * HOUR + HOUR // 2
START, SECONDS, LEVELS = OPENING + 300 * SECOND, 3300, 10
Events = NDArray[np.int64]
Floats = NDArray[np.float64]


def original_runs(preset: str = "rmsc04") -> dict[str, Floats]:
    """Name of a statistic -> its value in every run of the original, ``(seeds,)``."""
    stored = json.loads(STORED[preset].read_text("utf-8"))
    return {name: np.array(values) for name, values in stored["statistics"].items()}


def book_of(events: Events, levels: int = LEVELS) -> BookSamples:
    """The best levels at every second from 09:35 on, from all events since the opening."""
    times = START + SECOND * np.arange(SECONDS)
    found = np.zeros((SECONDS, 4, levels))
    sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
    ends = np.searchsorted(events[:, TIME], times, side="right").tolist()
    rows, row = events[:, [KIND, SHARES, AT_PRICE, OF_SIDE]].tolist(), 0
    for second, end in enumerate(ends):
        for kind, shares, price, side in rows[row:end]:
            left = sides[side].get(price, 0) + (shares if kind == SUBMITTED else -shares)
            if left:
                sides[side][price] = left
            else:
                del sides[side][price]
        row = end
        for side in (BUY, SELL):
            best = sorted(sides[side], reverse=side == BUY)[:levels]
            found[second, 2 * side, : len(best)] = best
            found[second, 2 * side + 1, : len(best)] = [sides[side][price] for price in best]
    bids, bid_sizes, asks, ask_sizes = np.moveaxis(found, 1, 0)
    return BookSamples(
        times,
        np.where(bid_sizes > 0, bids, np.nan),
        bid_sizes,
        np.where(ask_sizes > 0, asks, np.nan),
        ask_sizes,
    )


def run_statistics(events: Events, asleep: int) -> dict[str, float]:
    """The statistics of one run.

    Args:
        events: of all orders from the opening to 10:30, columns as in `layout`, ``(n, 8)``.
        asleep: market makers that never traded.
    """
    inside = events[(events[:, TIME] > START) & (events[:, TIME] <= START + SECONDS * SECOND)]
    return {
        **_of_book(book_of(events)),
        **_of_events(inside),
        "market makers asleep": float(asleep),
    }


def _of_book(book: BookSamples) -> dict[str, float]:
    spread, mid = book.spread, _filled(book.mid)
    found = {
        "mean spread": np.nanmean(spread),
        "median spread": np.nanmedian(spread),
        "90 % quantile of the spread": np.nanquantile(spread, 0.9),
        "share of time at a spread of 1": np.mean(spread == 1),
    }
    for levels in (1, 5, 10):
        where = "level 1" if levels == 1 else f"levels 1 to {levels}"
        for side, name in ((BUY, "bids"), (SELL, "asks")):
            found[f"shares of {name}, {where}"] = book.volume(side, levels).mean()
        imbalance = book.imbalance(levels)
        found[f"mean imbalance, {where}"] = imbalance.mean()
        found[f"deviation of imbalance, {where}"] = imbalance.std()
    found["span of ten levels of bids"] = np.nanmean(book.bid_prices[:, 0] - book.bid_prices[:, 9])
    found["span of ten levels of asks"] = np.nanmean(book.ask_prices[:, 9] - book.ask_prices[:, 0])
    for seconds in (1, 10, 60):
        returns = 1e4 * log_return(mid[::seconds])
        found[f"deviation of returns of {seconds} s, bp"] = returns.std()
        away = returns - returns.mean()
        found[f"excess kurtosis of returns of {seconds} s"] = (
            np.mean(away**4) / np.mean(away**2) ** 2 - 3
        )
        found[f"autocorrelation of returns of {seconds} s"] = autocorrelation(returns, 1)[0]
        found[f"autocorrelation of |returns| of {seconds} s"] = autocorrelation(np.abs(returns), 1)[
            0
        ]
    found["range of the mid, bp"] = 1e4 * np.ptp(mid) / mid[0]
    return {name: float(value) for name, value in found.items()}


def _of_events(events: Events) -> dict[str, float]:
    hours = SECONDS / 3600
    submitted = events[events[:, KIND] == SUBMITTED]
    cancelled = events[events[:, KIND] == CANCELLED]
    executed = events[events[:, KIND] == EXECUTED]
    trades, first = np.unique(executed[:, TIME], return_index=True)
    signs = np.where(executed[first, OF_SIDE] == SELL, 1.0, -1.0)
    gaps, fills = np.diff(trades) / 1e9, time_to_first_fill(events)
    life = _seconds_until_cancelled(submitted, cancelled)
    own = (executed[:, OF_OWNER] == executed[:, TAKER]) & (executed[:, TAKER] >= 0)
    signs_at = autocorrelation(signs, 10)
    return {
        "orders that come to rest, per hour": len(submitted) / hours,
        "cancellations per hour": len(cancelled) / hours,
        "executions per hour": len(executed) / hours,
        "trades per hour": len(trades) / hours,
        "shares executed per hour": float(executed[:, SHARES].sum()) / hours,
        "mean size of orders that rest": float(submitted[:, SHARES].mean()),
        "median size of orders that rest": float(np.median(submitted[:, SHARES])),
        "mean size of an execution": float(executed[:, SHARES].mean()),
        "median size of an execution": float(np.median(executed[:, SHARES])),
        "mean size of cancellations": float(cancelled[:, SHARES].mean()),
        "share bought by takers": float(np.mean(signs > 0)),
        "autocorrelation of signs, lag 1": float(signs_at[0]),
        "autocorrelation of signs, lag 10": float(signs_at[9]),
        "mean gap between trades, s": float(gaps.mean()),
        "deviation of gaps over their mean": float(gaps.std() / gaps.mean()),
        "median seconds to first fill": float(np.median(fills)),
        "share of orders that are filled": len(fills) / len(submitted),
        "median life of cancelled orders, s": float(np.median(life)),
        "mean life of cancelled orders, s": float(life.mean()),
        "trades of an agent with itself, per hour": float(own.sum()) / hours,
    }


def _seconds_until_cancelled(submitted: Events, cancelled: Events) -> Floats:
    _, of_submitted, of_cancelled = np.intersect1d(
        submitted[:, ORDER], cancelled[:, ORDER], return_indices=True
    )
    life: Floats = (cancelled[of_cancelled, TIME] - submitted[of_submitted, TIME]) / 1e9
    return life


def _filled(mid: Floats) -> Floats:
    """The last mid there was, where a side is empty."""
    places = np.where(np.isnan(mid), 0, np.arange(len(mid)))
    np.maximum.accumulate(places, out=places)
    filled = mid[places]
    return np.where(np.isnan(filled), np.nanmean(mid), filled)
