"""Acting and stepping over many steps in one loop: a policy and the kernels of a market.

Letters: T steps, B copies, N followers, D entries of an observation, A of an action, n = B · N.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ...envs.core.kernels.compiled import kernel
from .elementwise import tanh
from .layers import forward, turn

f = np.float32


@cache
def horizon(observe: Callable[..., None], step: Callable[..., None]) -> Callable[..., Any]:
    """The loop of a market, from its kernels (see `CompiledSteps`).

    Its arguments:
        memory, theta, draws, constants: of the market.
        at: place of the first step in the draws.
        noise: standard normal, ``(T, n, A)``.
        deviation: of the policy, ``(n, A)``.
        flat, widths, activation, size: of its network, and rows of a block (see `layers`).
        low, span: of the Box in which actions end, ``(A,)``.
        smooth: whether they are bent there by tanh, and not cut off.
        seen: written, ``(T, B, N, D)``.
        chosen: actions on the normalised scale, written, ``(T, B, N, A)``.
        rewards, quantities: written, ``(T, B, N)`` and ``(T, B, Q)``.
    """

    @kernel(over=(observe, step))
    def play(
        memory,
        theta,
        draws,
        at,
        constants,
        noise,
        deviation,
        flat,
        widths,
        activation,
        size,
        low,
        span,
        smooth,
        seen,
        chosen,
        rewards,
        quantities,
    ):
        steps, rows, entries = noise.shape
        most = min(size, rows)
        kept = np.empty(most * widths[1:].sum(), np.float32)
        turned = np.empty_like(flat)
        turn(flat, widths, most, turned)
        units = np.empty(chosen.shape[1:], np.float32)
        flat_units = units.reshape(rows, entries)
        for time in range(steps):
            observe(memory, theta, constants, seen[time])
            inputs = seen[time].reshape(rows, seen.shape[3])
            acted = chosen[time].reshape(rows, entries)
            for start in range(0, rows, size):
                block = inputs[start : start + size]
                means = forward(block, flat, turned, widths, activation, kept)
                for i in range(len(means)):
                    row = start + i
                    for j in range(entries):
                        action = means[i, j] + deviation[row, j] * noise[time, row, j]
                        acted[row, j] = action
                        within = tanh(action) if smooth else min(max(action, f(-1.0)), f(1.0))
                        flat_units[row, j] = low[j] + (within + f(1.0)) * f(0.5) * span[j]
            step(memory, theta, units, draws, at + time, constants, rewards[time], quantities[time])

    return play
