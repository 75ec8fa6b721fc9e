"""The fundamental value of the background market: mean-reverting with jumps, on demand, compiled.

Version history: v1.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...core.kernels.compiled import kernel
from ..layout import EXTRA
from . import layout as at
from .random_numbers import exponential, normal, uniform

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]


@kernel
def fundamental_at(memory: Integers, reals: Reals, parameters: Reals, time: int) -> float:
    """Advance the fundamental value to a time, shock by shock; cents.

    An Ornstein–Uhlenbeck process, exact over any interval, with jumps of either sign at the times
    of a Poisson process; never below zero. An earlier time than the last gives the last value.
    """
    here = memory[EXTRA]
    while memory[here + at.SHOCK_TIME] <= time:
        shock_time = memory[here + at.SHOCK_TIME]
        _diffuse(memory, reals, parameters, shock_time)
        shocked = max(0.0, reals[at.FUNDAMENTAL] + reals[at.SHOCK])
        reals[at.FUNDAMENTAL] = np.rint(shocked) if parameters[at.ABIDES_EXACT] != 0.0 else shocked
        draw_shock(memory, reals, parameters, shock_time)
    _diffuse(memory, reals, parameters, time)
    return reals[at.FUNDAMENTAL]


@kernel
def _diffuse(memory: Integers, reals: Reals, parameters: Reals, time: int) -> None:
    here = memory[EXTRA]
    duration = time - memory[here + at.FUNDAMENTAL_TIME]
    if duration <= 0:
        return
    memory[here + at.FUNDAMENTAL_TIME] = time
    mean, reversion = parameters[at.MEAN_PRICE], parameters[at.MEAN_REVERSION]
    variance = 1.0 * duration
    if reversion > 0.0:
        variance = -math.expm1(-2.0 * reversion * duration) / (2.0 * reversion)
    value = mean + (reals[at.FUNDAMENTAL] - mean) * math.exp(-reversion * duration)
    value += (
        parameters[at.VOLATILITY]
        * math.sqrt(variance)
        * normal(memory, here + at.FUNDAMENTAL_STREAM)
    )
    reals[at.FUNDAMENTAL] = max(0.0, value)
    if parameters[at.ABIDES_EXACT] != 0.0:
        reals[at.FUNDAMENTAL] = np.rint(reals[at.FUNDAMENTAL])


@kernel
def draw_shock(memory: Integers, reals: Reals, parameters: Reals, time: int) -> None:
    """Time and size of the next jump of the fundamental value."""
    here, rate = memory[EXTRA], parameters[at.SHOCK_RATE]
    stream = here + at.FUNDAMENTAL_STREAM
    wait = exponential(memory, stream, 1.0 / rate) if rate > 0.0 else 1e18
    size = parameters[at.SHOCK_MEAN]
    size += math.sqrt(parameters[at.SHOCK_VARIANCE]) * normal(memory, stream)
    memory[here + at.SHOCK_TIME] = time + int(min(wait, 1e18))
    reals[at.SHOCK] = size if uniform(memory, stream) < 0.5 else -size
