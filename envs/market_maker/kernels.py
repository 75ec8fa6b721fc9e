"""The market maker's steps as compiled loops, for copies too few for NumPy to be worth its calls.

Equal to `MarketMaker.transition` and `observe`, but where a taker's valuation lies within rounding
of a quote: Φ is the C library's here and SciPy's there, and they differ in the last digit.
"""

from __future__ import annotations

import math

import numpy as np

from ..core.kernels.compiled import kernel

f = np.float32
PRICE, PREVIOUS = 0, 1  # of a copy's memory
REFERENCE, KEPT, DRIFT, SIGMA, ZETA, SCATTER, VISIBLE, HALF_VIEW = range(8)  # of the constants


@kernel
def observe(memory, theta, constants, seen):
    """The price and the view of ω; see `CompiledSteps.observe`."""
    half = constants[HALF_VIEW]
    for b in range(len(memory)):
        omega = theta[b, 0]
        view = 2.0 * (1.0 + half) * omega / (omega + half) - 1.0
        seen[b, 0, 0] = f((memory[b, PRICE] - constants[REFERENCE]) / constants[SCATTER])
        seen[b, 0, 1] = f(view if constants[VISIBLE] > 0.0 else 0.0 * view)


@kernel
def step(memory, theta, actions, draws, at, constants, rewards, quantities):
    """Trades, their value, and the next price; see `CompiledSteps.step`."""
    takers = draws.shape[2] - 1  # the noise of the price comes before them
    for b in range(len(memory)):
        price, before = memory[b, PRICE], memory[b, PREVIOUS]
        half_spread = np.float64(actions[b, 0, 0])
        stray = price - constants[REFERENCE]
        sells = 1.0 - 0.5 * _normal_cdf((stray - half_spread) / constants[ZETA])
        buys = 0.5 * _normal_cdf((stray + half_spread) / -constants[ZETA])
        bought, sold = 0, 0
        for w in draws[b, at, 1:]:
            sold += w < buys
            bought += w >= sells
        share = (bought + sold) / takers
        profit = share * half_spread + (sold - bought) * ((price - before) / takers)
        rewards[b, 0] = share + theta[b, 0] * (profit - share)
        found = quantities[b]
        found[0], found[1], found[2] = price, half_spread, bought
        found[3], found[4], found[5] = sold, share, profit
        moved = constants[KEPT] * price + (constants[DRIFT] + constants[SIGMA] * draws[b, at, 0])
        memory[b, PREVIOUS] = price
        memory[b, PRICE] = max(moved, 0.0)


@kernel
def _normal_cdf(x):
    """Φ, of the smaller tail, as SciPy takes it."""
    scaled = x * math.sqrt(0.5)
    if abs(scaled) < 1.0:
        return 0.5 + 0.5 * math.erf(scaled)
    tail = 0.5 * math.erfc(abs(scaled))
    return 1.0 - tail if scaled > 0.0 else tail
