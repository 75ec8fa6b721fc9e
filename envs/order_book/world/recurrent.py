"""The network of a recurrent world agent: an LSTM reads its past states, and normals move it.

    h₀ = c₀ = 0;  (h, c) ← LSTM(past state, h, c), from the oldest of five to the latest
    first sums = x W₁ + b₁ + (h, z) M,  x without its past states, z of 32 normals for every order

What comes after the first layer is the network of `network`. It is the generator's form that is
told of the conditional GANs of the literature (Coletta et al. 2022), with the heads of a world
agent; its likelihood is known given z alone. Past states are entries of what an agent sees, so that
nothing is carried from one order to the next.

Version history: v1.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...core.kernels.compiled import kernel
from ..background.random_numbers import normal
from .features import COUNT, LAGS_AT
from .layout import LAG_ENTRIES, LAGS
from .network import (
    CELL_BIAS,
    CELL_INPUTS,
    CELL_MEMORY,
    FIRST,
    FIRST_BIAS,
    FIRST_MEMORY,
    HEAD,
    HEAD_BIAS,
    HIDDEN,
    MEMORY_PARTS,
    NORMALS,
    REMEMBERED,
    SECOND,
    SECOND_BIAS,
    layer,
    part,
)

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]
Singles = NDArray[np.float32]
_GATES = 4 * REMEMBERED
_LAGS_END = LAGS_AT + LAGS * LAG_ENTRIES
# Room to work in: gates, cell, memory with normals, what is seen now.
_CELL, _MEMORY, _NOW = _GATES, _GATES + REMEMBERED, _GATES + 2 * REMEMBERED + NORMALS
ROOM = _NOW + COUNT


@kernel
def add_rows(weights: Singles, at: int, inputs: Singles, outputs: Singles) -> None:
    """Add the products of a vector and a matrix to what is there."""
    width = outputs.shape[0]
    for i in range(inputs.shape[0]):
        x, row = inputs[i], weights[at + width * i : at + width * (i + 1)]
        for j in range(width):
            outputs[j] += x * row[j]


@kernel
def _sigmoid(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))


@kernel
def remember(weights: Singles, features: Singles, room: Singles) -> None:
    """Read the past states from the oldest on; what is remembered is in the room."""
    gates, cell = room[:_GATES], room[_CELL:_MEMORY]
    memory = room[_MEMORY : _MEMORY + REMEMBERED]
    cell[:], memory[:] = np.float32(0.0), np.float32(0.0)
    for lag in range(LAGS - 1, -1, -1):
        gates[:] = weights[CELL_BIAS : CELL_BIAS + _GATES]
        state = LAGS_AT + LAG_ENTRIES * lag
        add_rows(weights, CELL_INPUTS, features[state : state + LAG_ENTRIES], gates)
        add_rows(weights, CELL_MEMORY, memory, gates)
        for j in range(REMEMBERED):
            kept = _sigmoid(gates[REMEMBERED + j]) * cell[j]
            cell[j] = kept + _sigmoid(gates[j]) * math.tanh(gates[2 * REMEMBERED + j])
            memory[j] = _sigmoid(gates[3 * REMEMBERED + j]) * math.tanh(cell[j])


@kernel
def normals_in(room: Singles) -> Singles:
    """Where the normals of an order are, ``(32,)``."""
    return room[_MEMORY + REMEMBERED : _NOW]


@kernel
def draw_normals(memory: Integers, stream: int, room: Singles) -> None:
    """Those of one order, from the stream of its choices."""
    normals = normals_in(room)
    for j in range(NORMALS):
        normals[j] = normal(memory, stream)


@kernel
def infer_recurrent(
    weights: Singles,
    features: Singles,
    room: Singles,
    hidden: Singles,
    deeper: Singles,
    logits: Singles,
) -> None:
    """As `network.infer`; normals are in the room, ``(ROOM,)``."""
    remember(weights, features, room)
    now = room[_NOW:]
    now[:] = features
    now[LAGS_AT:_LAGS_END] = np.float32(0.0)
    used = np.empty(HIDDEN + 1, dtype=np.int64)
    layer(weights, FIRST, FIRST_BIAS, now, hidden, False, used)
    add_rows(weights, FIRST_MEMORY, room[_MEMORY:_NOW], hidden)
    for j in range(HIDDEN):
        hidden[j] = max(hidden[j], np.float32(0.0))
    layer(weights, SECOND, SECOND_BIAS, hidden, deeper, True, used)
    layer(weights, HEAD, HEAD_BIAS, deeper, logits, False, used)


# In plain NumPy -----------------------------------------------------------------------------------


def initial_memory(generator: np.random.Generator) -> dict[str, Reals]:
    """First weights of `network.MEMORY_PARTS`, of the sizes that are usual."""
    wide = 1.0 / math.sqrt(REMEMBERED)
    found = {name: generator.uniform(-wide, wide, shape) for name, shape in MEMORY_PARTS.items()}
    scale = math.sqrt(2.0 / (COUNT + REMEMBERED + NORMALS))
    found["first_memory"] = generator.normal(0.0, scale, MEMORY_PARTS["first_memory"])
    return found


def seen_now(features: Singles) -> Singles:
    """What an agent sees but for its past states, which are zero, ``(n, 62)``."""
    now = features.copy()
    now[:, LAGS_AT:_LAGS_END] = 0.0
    return now


def recalled(weights: Singles, features: Singles, normals: Reals) -> Reals:
    """What memory and normals ``(n, 32)`` add to the first layer's sums, ``(n, 64)``."""
    wide = {name: part(weights, name).astype(np.float64) for name in MEMORY_PARTS}
    memory, cell = np.zeros((2, len(features), REMEMBERED))
    states = features[:, LAGS_AT:_LAGS_END].reshape(-1, LAGS, LAG_ENTRIES)
    for state in np.moveaxis(states, 1, 0)[::-1]:
        gates = state @ wide["cell_inputs"] + memory @ wide["cell_memory"] + wide["cell_bias"]
        entering, kept, new, shown = np.split(gates, 4, axis=1)
        cell = _smooth(kept) * cell + _smooth(entering) * np.tanh(new)
        memory = _smooth(shown) * np.tanh(cell)
    return np.concatenate([memory, normals], axis=1) @ wide["first_memory"]


def _smooth(x: Reals) -> Reals:
    return np.asarray(1.0 / (1.0 + np.exp(-x)))
