"""How a trader turns a signal into an order: smoothly, by an indicator, or one for the other.

A smoothed trader orders φ(x) = 2 / (1 + e^(−x)) − 1 = tanh(x / 2) of its signal x. An indicator
trader buys or sells one unit: by the sign of x, or of a moving-average difference M only beyond a
threshold γ. Straight through, the order is the indicator's and its derivative that of the smoothed
indicator φ(x / width), which is what *relaxed* traders order.

`Order` is one order with its derivatives, which a hand-written backward pass reads; `ordered` is
the order alone, in any Array-API namespace, through which torch differentiates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..core.arrays import Array

Kind = Literal["smoothed", "indicator", "straight_through"]
InForce = Literal[Kind, "relaxed"]
"""Relaxed traders order what straight-through derivatives are of: φ(x / width)."""
Reals = NDArray[np.floating]


# In any namespace ---------------------------------------------------------------------------------


def by_signal(xp: Any, kind: InForce, signal: Array, width: float) -> Array:
    """Orders of traders who follow a signal, of its shape."""
    if kind == "smoothed":
        return xp.tanh(0.5 * signal)
    if kind == "relaxed":
        return xp.tanh(signal * (0.5 / width))
    one = xp.ones_like(signal)
    hard = xp.where(signal >= 0.0, one, -one)
    if kind == "indicator" or xp is np:
        return hard
    return _through(hard, xp.tanh(signal * (0.5 / width)))


def by_trend(xp: Any, kind: InForce, trend: Array, parameter: Array, width: float) -> Array:
    """Orders of technical traders.

    Args:
        xp: array namespace.
        kind: of their rule.
        trend: difference M of moving averages.
        parameter: sensitivity d of a smoothed rule, threshold γ of an indicator.
        width: of the slope of a straight-through rule.
    """
    if kind == "smoothed":
        return xp.tanh(0.5 * (parameter * trend))
    one, none = xp.ones_like(trend), xp.zeros_like(trend)
    hard = xp.where(trend >= parameter, one, none) - xp.where(trend <= -parameter, one, none)
    if kind == "indicator" or (kind == "straight_through" and xp is np):
        return hard
    half = 0.5 / width
    soft = xp.tanh(half * (trend - parameter)) + xp.tanh(half * (trend + parameter))
    return 0.5 * soft if kind == "relaxed" else _through(hard, 0.5 * soft)


def _through(hard: Array, soft: Array) -> Array:
    """The value of one tensor with the derivative of another."""
    return soft + (hard - soft).detach()


# With derivatives, in NumPy and in place ----------------------------------------------------------


@dataclass(frozen=True)
class Order:
    """An order and how it changes, arrays of one shape.

    Attributes:
        value: the order.
        slope: its derivative by the signal or the trend.
        by_parameter: its derivative by a technical trader's own parameter; None for a signal.
    """

    value: Reals
    slope: Reals
    by_parameter: Reals | None = None


def signal_order(kind: InForce, signal: Reals, width: float) -> Order:
    """`by_signal` with its slope; the array of the signal is used up."""
    if kind == "smoothed":
        signal *= 0.5
        value = np.tanh(signal, out=signal)
        return Order(value, _sech_squared(value, 0.5))
    hard = np.where(signal >= 0.0, 1.0, -1.0).astype(signal.dtype)
    signal *= 0.5 / width
    soft = np.tanh(signal, out=signal)
    return Order(soft if kind == "relaxed" else hard, _sech_squared(soft, 0.5 / width))


def trend_order(kind: InForce, trend: Reals, parameter: Any, width: float) -> Order:
    """`by_trend` with its slopes by the trend and by the parameter."""
    if kind == "smoothed":
        value = parameter * trend
        value *= 0.5
        np.tanh(value, out=value)
        shared = _sech_squared(value, 0.5)
        return Order(value, shared * parameter, shared * trend)
    hard = (trend >= parameter).astype(trend.dtype) - (trend <= -parameter)
    half = 0.5 / width
    lower, upper = np.tanh(half * (trend - parameter)), np.tanh(half * (trend + parameter))
    below, above = _sech_squared(lower, 0.5 * half), _sech_squared(upper, 0.5 * half)
    value = 0.5 * (lower + upper) if kind == "relaxed" else hard
    return Order(value, below + above, above - below)


def _sech_squared(tangent: Reals, factor: float) -> Reals:
    """factor · (1 − tanh²) from the tanh."""
    slope = tangent * tangent
    slope *= -factor
    slope += factor
    return slope
