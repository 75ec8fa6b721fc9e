"""What returns and their tangents are summed from, compiled: traders as long as they differ.

A trader is known by its threshold. Those who have set it in the same period share one, so that they
are a number of traders; those who never have, differ, but what they do depends on the news alone.
The first are walked through time as at most T numbers, the second are added up beforehand, as many
at once as fit the memory.

Version history: v1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.kernels.compiled import kernel

Floats = NDArray[np.float64]
SERIES_SHAPE, TERMS = 200.0, 700  # largest shape whose series is summed, and terms of it
BEYOND = 36.0  # from here on, a logistic function differs from 0 by less than rounding
# What is summed per period: active traders, and slopes of their number by what moves it.
COUNT, BY_NEWS, BY_FIRST, BY_SECOND, SUMS = 0, 1, 2, 3, 4
DIMENSIONS = 4


@kernel
def gamma_slopes(shape: float, digamma: float, quantiles: Floats, slopes: Floats) -> None:
    """How quantiles of Gamma(α, 1) change with α, at the same probability.

    From P(α, x) = u, dx/dα = −∂P/∂α / p(x), the implicit derivative (Figurnov, Mohamed and Mnih
    2018). With tₙ = xⁿ / ((α + 1) … (α + n)) and hₙ = Σ 1 / (α + m) up to n, the series of P gives

        dx/dα = −x/α · [(log x − ψ(α + 1)) Σ tₙ − Σ tₙ hₙ]

    Beyond `SERIES_SHAPE`, and where the probability is within 1e-15 of 1, Wilson and Hilferty's
    cube root stands for it.

    Args:
        shape: α.
        digamma: ψ(α + 1).
        quantiles: x, ``(n,)``.
        slopes: filled in with dx/dα, ``(n,)``.
    """
    factors, harmonic = np.empty(TERMS), np.empty(TERMS)
    total = 0.0
    for n in range(TERMS):
        factors[n] = 1.0 / (shape + n + 1.0)
        total += factors[n]
        harmonic[n] = total
    farthest = shape + 12.0 * math.sqrt(shape) + 40.0
    for i in range(quantiles.shape[0]):
        x = quantiles[i]
        if x <= 0.0:
            slopes[i] = 0.0
        elif shape > SERIES_SHAPE or x > farthest:
            root = (x / shape) ** (1.0 / 3.0)
            bend = 1.0 / (9.0 * shape * shape) - (root - 1.0 + 1.0 / (9.0 * shape)) / (2.0 * shape)
            slopes[i] = root**3 + 3.0 * shape * root**2 * bend
        else:
            term, terms, weighed = 1.0, 1.0, 0.0
            for n in range(TERMS):
                term *= x * factors[n]
                terms += term
                weighed += term * harmonic[n]
                if term < 1e-17 * terms:
                    break
            slopes[i] = -x / shape * ((math.log(x) - digamma) * terms - weighed)


@kernel
def add_first_thresholds(
    size: Floats,
    steepness: float,
    soft: bool,
    slopes_too: bool,
    thresholds: Floats,
    by_first: Floats,
    by_second: Floats,
    lifetimes: NDArray[np.int64],
    sums: Floats,
    leaving: NDArray[np.int64],
) -> None:
    """Add traders to what is summed over the periods before they first set their thresholds.

    Args:
        size: |ε| of every period, ``(T,)``.
        steepness: k.
        soft: count by the logistic function and not by the indicator.
        slopes_too: whether slopes are summed.
        thresholds, by_first, by_second: v and its derivatives by the first two entries of θ, each
            ``(n,)``.
        lifetimes: periods that a trader keeps its first threshold for, ``(n,)``, 1 or more.
        sums: ``(T, SUMS)``, added to.
        leaving: traders who set their threshold for the first time at the end of a period,
            ``(T,)``, added to.
    """
    periods = size.shape[0]
    for i in range(thresholds.shape[0]):
        v, first, second = thresholds[i], by_first[i], by_second[i]
        kept = min(lifetimes[i], periods)
        if lifetimes[i] <= periods:
            leaving[lifetimes[i] - 1] += 1
        for t in range(kept):
            if not soft and size[t] > v:
                sums[t, COUNT] += 1.0
            if soft or slopes_too:
                count, rise, fall = logistic(steepness, size[t], v)
                if soft:
                    sums[t, COUNT] += count
                sums[t, BY_NEWS] += rise + fall
                sums[t, BY_FIRST] += (rise - fall) * first
                sums[t, BY_SECOND] += (rise - fall) * second


@kernel
def logistic(steepness: float, size: float, threshold: float) -> tuple[float, float, float]:
    """ς_k(|ε| − v) − ς_k(−|ε| − v), and the derivatives of the two at their arguments."""
    up = 1.0 / (1.0 + math.exp(-steepness * (size - threshold)))
    rise = steepness * up * (1.0 - up)
    far = steepness * (size + threshold)
    if far > BEYOND:
        return up, rise, 0.0
    down = 1.0 / (1.0 + math.exp(far))
    return up - down, rise, steepness * down * (1.0 - down)


@kernel
def walk(
    news: Floats,
    steepness: float,
    soft: bool,
    slopes_too: bool,
    traders: int,
    depth: float,
    share_updating: float,
    sums: Floats,
    leaving: NDArray[np.int64],
    generator: Any,
    returns: Floats,
    tangents: Floats,
) -> None:
    """Returns of one path, and their derivatives by the four entries of θ.

    Args:
        news: ε of every period, ``(T,)``.
        steepness: k.
        soft: trade by the logistic function and not by the indicator.
        slopes_too: whether derivatives are wanted.
        traders: N.
        depth: η.
        share_updating: s.
        sums, leaving: see `add_first_thresholds`.
        generator: what numbers of those who set their threshold again are drawn by.
        returns: filled in, ``(T,)``.
        tangents: filled in, by log α, log β, log σ and log η, ``(T, 4)``.
    """
    periods = news.shape[0]
    number = np.zeros(periods, dtype=np.int64)
    threshold = np.zeros(periods)
    tangent = np.zeros((periods, DIMENSIONS))
    groups, unit = 0, 1.0 / (traders * depth)
    by_threshold = np.zeros(DIMENSIONS)
    for t in range(periods):
        size = abs(news[t])
        active, by_news = sums[t, COUNT], sums[t, BY_NEWS]
        by_threshold[:] = 0.0
        joining, kept = leaving[t], 0
        for j in range(groups):
            if not soft and size > threshold[j]:
                active += number[j]
            if soft or slopes_too:
                count, rise, fall = logistic(steepness, size, threshold[j])
                if soft:
                    active += number[j] * count
                by_news += number[j] * (rise + fall)
                for d in range(DIMENSIONS):
                    by_threshold[d] += number[j] * (rise - fall) * tangent[j, d]
            again = generator.binomial(number[j], share_updating)
            joining += again
            if number[j] > again:
                number[kept] = number[j] - again
                threshold[kept] = threshold[j]
                tangent[kept] = tangent[j]
                kept += 1
        by_threshold[0] += sums[t, BY_FIRST]
        by_threshold[1] += sums[t, BY_SECOND]
        moved = active * unit
        sign = 1.0 if news[t] >= 0.0 else -1.0
        returns[t] = sign * moved
        for d in range(DIMENSIONS):
            change = -by_threshold[d] * unit
            if d == 2:
                change += by_news * size * unit
            elif d == 3:
                change -= moved
            by_threshold[d] = change
            tangents[t, d] = sign * change
        groups = kept
        if joining > 0:
            number[groups], threshold[groups] = joining, moved
            # The derivative of |r| is taken to be 0 where r is.
            tangent[groups] = by_threshold if moved > 0.0 else np.zeros(DIMENSIONS)
            groups += 1
