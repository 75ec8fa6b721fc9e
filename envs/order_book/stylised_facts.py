"""Stylised facts of a limit order book, from samples of its levels and from its events.

Definitions of INTAGS, appendix C.1, eq. 5 and 6; level 1 is the best, v_b and v_a are sizes:

    m = (p_a¹ + p_b¹) / 2,    δ = p_a¹ − p_b¹,    r(t₁, t₂) = log m(t₁) / m(t₂)
    Iⁿ = Σ_{j≤n} v_bʲ / Σ_{j≤n} (v_bʲ + v_aʲ),    Vⁿ = Σ_{j≤n} (v_bʲ + v_aʲ)

The depth of an order is its distance from the best price of its side; the paper prints p_a¹ + p for
asks where p − p_a¹ is meant. Functions take arrays whose last axis is time, or levels where they
say so; a side that is empty makes prices not a number, and its size zero.

Version history: v1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core.errors import PacesetterError
from .layout import AT_PRICE, BUY, EXECUTED, KIND, OF_SIDE, ORDER, SELL, SHARES, SUBMITTED, TIME

Floats = NDArray[np.float64]
MINUTE = 60 * 10**9


@dataclass(frozen=True)
class BookSamples:
    """The book at T times, best levels first.

    Attributes:
        time_ns: ``(T,)``.
        bid_prices, ask_prices: ``(T, n)``, not a number beyond the last level.
        bid_sizes, ask_sizes: ``(T, n)``, zero beyond the last level.
    """

    time_ns: NDArray[np.int64]
    bid_prices: Floats
    bid_sizes: Floats
    ask_prices: Floats
    ask_sizes: Floats

    @property
    def mid(self) -> Floats:
        """m, ``(T,)``."""
        return (self.bid_prices[:, 0] + self.ask_prices[:, 0]) / 2

    @property
    def spread(self) -> Floats:
        """δ, ``(T,)``."""
        return self.ask_prices[:, 0] - self.bid_prices[:, 0]

    def imbalance(self, levels: int) -> Floats:
        """Iⁿ, the bids' share of the best n levels, ``(T,)``; one half in an empty book."""
        bids, asks = self.volume(BUY, levels), self.volume(SELL, levels)
        total = bids + asks
        return np.where(total > 0, bids / np.where(total > 0, total, 1.0), 0.5)

    def volume(self, side: int, levels: int) -> Floats:
        """V_bⁿ or V_aⁿ, shares in the best n levels of a side, ``(T,)``."""
        sizes = self.bid_sizes if side == BUY else self.ask_sizes
        if not 1 <= levels <= sizes.shape[1]:
            raise PacesetterError(
                f"the book was sampled to {sizes.shape[1]} levels, but {levels} are asked for; "
                "sample as many."
            )
        return sizes[:, :levels].sum(axis=1)


def log_return(mid: ArrayLike, lag: int = 1) -> Floats:
    """r(t, t − lag), ``(…, T − lag)``."""
    logarithm = np.log(np.asarray(mid, dtype=np.float64))
    return logarithm[..., lag:] - logarithm[..., :-lag]


def price_impact(mid: ArrayLike) -> Floats:
    """r(t, 0), the return since the first sample, ``(…, T)``."""
    logarithm = np.log(np.asarray(mid, dtype=np.float64))
    return logarithm - logarithm[..., :1]


def order_depth(side: ArrayLike, price: ArrayLike, bid: ArrayLike, ask: ArrayLike) -> Floats:
    """Distance of an order's price from the best of its side, positive away from the market."""
    prices = np.asarray(price, dtype=np.float64)
    return np.where(np.asarray(side) == BUY, np.asarray(bid) - prices, prices - np.asarray(ask))


def autocorrelation(series: ArrayLike, lags: int) -> Floats:
    """Autocorrelation at the lags 1 to `lags` of a series ``(T,)``; missing values are left out.

    A constant series has none; it gives zeros.
    """
    values = np.asarray(series, dtype=np.float64)
    centred = values - np.nanmean(values)
    variance = np.nanmean(centred**2)
    if not variance > 0:
        return np.zeros(lags)
    return np.array(
        [np.nanmean(centred[lag:] * centred[:-lag]) / variance for lag in range(1, lags + 1)]
    )


# From events: rows of `layout`, (n, 8) -------------------------------------------------


def time_to_first_fill(events: NDArray[np.int64]) -> Floats:
    """Seconds from an order's submission to its first execution, for orders that had one, ``(k,)``.

    Orders that rested before the first event are left out.
    """
    submitted = events[events[:, KIND] == SUBMITTED]
    executed = events[events[:, KIND] == EXECUTED]
    filled, first = np.unique(executed[:, ORDER], return_index=True)
    _, places, found = np.intersect1d(submitted[:, ORDER], filled, return_indices=True)
    return (executed[first[found], TIME] - submitted[places, TIME]) / 1e9


def cumulative_executed(events: NDArray[np.int64], time_ns: ArrayLike) -> NDArray[np.int64]:
    """Shares executed up to and at each time, ``(T,)``."""
    executed = events[events[:, KIND] == EXECUTED]
    total = np.append(0, np.cumsum(executed[:, SHARES]))
    return total[np.searchsorted(executed[:, TIME], np.asarray(time_ns), side="right")]


def volume_per_minute(events: NDArray[np.int64], start_ns: int, minutes: int) -> Floats:
    """Shares that came in per minute and side, rested or traded at once, ``(minutes, 2)``.

    What trades at once comes from the side opposite to the resting order's.
    """
    coming = np.isin(events[:, KIND], (SUBMITTED, EXECUTED))
    minute = (events[:, TIME] - start_ns) // MINUTE
    chosen = coming & (minute >= 0) & (minute < minutes)
    rows = events[chosen]
    side = np.where(rows[:, KIND] == SUBMITTED, rows[:, OF_SIDE], 1 - rows[:, OF_SIDE])
    result = np.zeros((minutes, 2))
    np.add.at(result, (minute[chosen], side), rows[:, SHARES])
    return result


def trades(events: NDArray[np.int64]) -> dict[str, Any]:
    """Times (ns), prices, shares and sides of the takers of all executions, each ``(k,)``."""
    executed = events[events[:, KIND] == EXECUTED]
    return {
        "time_ns": executed[:, TIME],
        "price": executed[:, AT_PRICE],
        "shares": executed[:, SHARES],
        "side": 1 - executed[:, OF_SIDE],
    }
