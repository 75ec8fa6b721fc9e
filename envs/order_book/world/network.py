"""The network of a world agent: 62–64–64 ReLU, and a chain of categorical heads through tables.

    h = relu(relu(x W₁ + b₁) W₂ + b₂),  y = h W + b
    event ~ y₁;  depth ~ y₂ + D[event];  size ~ y₃ + S[event, depth];
    time ~ y₄ + T[event, depth] + T′[size]

Bins that a recording never shows are masked. All weights lie in one array of singles, in the order
of `PARTS`; the compiled loop and the plain NumPy of `log_probabilities` read the same. An agent
that reads its past states by an LSTM has `MEMORY_PARTS` after them (see `recurrent`).

Version history: v1.
"""

from __future__ import annotations

import math
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from ...core.kernels.compiled import kernel
from ..background.random_numbers import uniform
from .alphabet import DEPTHS, EVENTS, HEADS, LETTERS, SIZES, TIMES
from .features import COUNT
from .layout import LAG_ENTRIES

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]
Singles = NDArray[np.float32]

HIDDEN = 64
LOGITS = sum(HEADS)
PARTS: dict[str, tuple[int, ...]] = {
    "first": (COUNT, HIDDEN),
    "first_bias": (HIDDEN,),
    "second": (HIDDEN, HIDDEN),
    "second_bias": (HIDDEN,),
    "heads": (HIDDEN, LOGITS),
    "heads_bias": (LOGITS,),
    "depth_by_event": (len(EVENTS), DEPTHS),
    "size_by_order": (len(EVENTS) * DEPTHS, SIZES),
    "time_by_order": (len(EVENTS) * DEPTHS, TIMES),
    "time_by_size": (SIZES, TIMES),
    "event_mask": (len(EVENTS),),
    "depth_mask": (len(EVENTS), DEPTHS),
    "size_mask": (len(EVENTS), SIZES),
    "time_mask": (len(EVENTS), TIMES),
    "rate": (1,),
}
"""Name -> shape, in their order; those before ``event_mask`` are trained. ``rate``: orders/s."""
REMEMBERED, NORMALS = 32, 32
"""Units of an LSTM, and normal numbers that its agent is moved by."""
MEMORY_PARTS: dict[str, tuple[int, ...]] = {
    "cell_inputs": (LAG_ENTRIES, 4 * REMEMBERED),
    "cell_memory": (REMEMBERED, 4 * REMEMBERED),
    "cell_bias": (4 * REMEMBERED,),
    "first_memory": (REMEMBERED + NORMALS, HIDDEN),
}
"""Name -> shape, of a recurrent agent; all are trained. Gates in the order of torch: i, f, g, o."""
SHAPES = PARTS | MEMORY_PARTS
_ENDS = list(accumulate(math.prod(shape) for shape in SHAPES.values()))
STARTS = dict(zip(SHAPES, [0, *_ENDS[:-1]], strict=True))
"""Name -> where it begins in the array."""
WEIGHTS, RECURRENT_WEIGHTS = STARTS["cell_inputs"], _ENDS[-1]
"""Entries of an agent, and of one that is recurrent."""
PARAMETERS = STARTS["event_mask"]
"""Entries that are trained: the first ones."""
MASKED = -1e9
NEVER = -800.0  # below which the exponential of a double is zero
(
    FIRST,
    FIRST_BIAS,
    SECOND,
    SECOND_BIAS,
    HEAD,
    HEAD_BIAS,
    DEPTH_TABLE,
    SIZE_TABLE,
    TIME_TABLE,
    TIME_SIZE_TABLE,
    EVENT_MASK,
    DEPTH_MASK,
    SIZE_MASK,
    TIME_MASK,
    RATE,
    CELL_INPUTS,
    CELL_MEMORY,
    CELL_BIAS,
    FIRST_MEMORY,
) = STARTS.values()
_DEPTHS_FROM, _SIZES_FROM, _TIMES_FROM = list(accumulate(HEADS))[:-1]
_EVENTS = len(EVENTS)


# In the loop --------------------------------------------------------------------------------------


@kernel
def layer(
    weights: Singles,
    at: int,
    bias: int,
    inputs: Singles,
    outputs: Singles,
    rectified: bool,
    used: Integers,
) -> None:
    """One layer, of the inputs that are not zero; `used` is room for their numbers.

    Four rows of the matrix at a time, so that what has been summed is fetched and stored less
    often; every sum is taken in the order of the inputs, as by one row after the other.
    """
    width = outputs.shape[0]
    offsets = weights[bias : bias + width]
    for j in range(width):
        outputs[j] = offsets[j]
    number = 0
    for i in range(inputs.shape[0]):
        used[number] = i
        number += inputs[i] != 0.0
    in_fours = number - number % 4
    for k in range(0, in_fours, 4):
        a, b, c, d = used[k], used[k + 1], used[k + 2], used[k + 3]
        x_a, x_b, x_c, x_d = inputs[a], inputs[b], inputs[c], inputs[d]
        row_a = weights[at + width * a : at + width * (a + 1)]
        row_b = weights[at + width * b : at + width * (b + 1)]
        row_c = weights[at + width * c : at + width * (c + 1)]
        row_d = weights[at + width * d : at + width * (d + 1)]
        for j in range(width):
            so_far = outputs[j] + x_a * row_a[j] + x_b * row_b[j]
            outputs[j] = so_far + x_c * row_c[j] + x_d * row_d[j]
    for k in range(in_fours, number):
        x, row = inputs[used[k]], weights[at + width * used[k] : at + width * (used[k] + 1)]
        for j in range(width):
            outputs[j] += x * row[j]
    if rectified:
        for j in range(width):
            outputs[j] = max(outputs[j], np.float32(0.0))


@kernel
def infer(
    weights: Singles, features: Singles, hidden: Singles, deeper: Singles, logits: Singles
) -> None:
    """Fill in the logits ``(56,)`` before tables and masks; `hidden` and `deeper` are ``(64,)``."""
    used = np.empty(HIDDEN + 1, dtype=np.int64)  # one more: numbers are written before it is known
    layer(weights, FIRST, FIRST_BIAS, features, hidden, True, used)
    layer(weights, SECOND, SECOND_BIAS, hidden, deeper, True, used)
    layer(weights, HEAD, HEAD_BIAS, deeper, logits, False, used)


@kernel
def choose(logits: Singles, chances: Reals, memory: Integers, stream: int) -> tuple[int, float]:
    """A draw from a categorical law, and its log-probability; `chances` is room to work in."""
    bins = logits.shape[0]
    highest = logits[0]
    for j in range(1, bins):
        highest = max(highest, logits[j])
    total = 0.0
    for j in range(bins):
        away = logits[j] - highest
        chances[j] = math.exp(away) if away > NEVER else 0.0
        total += chances[j]
    left = uniform(memory, stream) * total
    chosen, last = -1, 0
    for j in range(bins):
        if chances[j] > 0.0:
            last = j
            left -= chances[j]
            if left < 0.0:
                chosen = j
                break
    if chosen < 0:
        chosen = last
    return chosen, math.log(chances[chosen] / total)


@kernel
def draw_action(
    weights: Singles,
    logits: Singles,
    memory: Integers,
    stream: int,
    chances: Reals,
    action: Integers,
) -> float:
    """Draw event, depth, size and time into `action` ``(4,)``; the log-probability of them all."""
    for j in range(_EVENTS):
        logits[j] += weights[EVENT_MASK + j]
    event, surely = choose(logits[:_EVENTS], chances, memory, stream)
    for j in range(DEPTHS):
        logits[_DEPTHS_FROM + j] += (
            weights[DEPTH_TABLE + DEPTHS * event + j] + weights[DEPTH_MASK + DEPTHS * event + j]
        )
    depth, of_depth = choose(logits[_DEPTHS_FROM:_SIZES_FROM], chances, memory, stream)
    order = DEPTHS * event + depth
    for j in range(SIZES):
        logits[_SIZES_FROM + j] += (
            weights[SIZE_TABLE + SIZES * order + j] + weights[SIZE_MASK + SIZES * event + j]
        )
    size, of_size = choose(logits[_SIZES_FROM:_TIMES_FROM], chances, memory, stream)
    for j in range(TIMES):
        logits[_TIMES_FROM + j] += (
            weights[TIME_TABLE + TIMES * order + j]
            + weights[TIME_SIZE_TABLE + TIMES * size + j]
            + weights[TIME_MASK + TIMES * event + j]
        )
    time, of_time = choose(logits[_TIMES_FROM:LOGITS], chances, memory, stream)
    action[0], action[1], action[2], action[3] = event, depth, size, time
    return surely + of_depth + of_size + of_time


# In plain NumPy -----------------------------------------------------------------------------------


def part(weights: Singles, name: str) -> Singles:
    """A view of one of `SHAPES`."""
    start, shape = STARTS[name], SHAPES[name]
    return weights[start : start + math.prod(shape)].reshape(shape)


def head_logits(
    weights: Singles, features: Singles, actions: Integers, more: Reals | float = 0.0
) -> list[Reals]:
    """Logits of every head given the letters before it, masks included: four of ``(n, bins)``.

    Args:
        weights: ``(WEIGHTS,)``.
        features: ``(n, 62)``.
        actions: event, depth, size and time, ``(n, 4)``.
        more: what comes to the first layer's sums, ``(n, 64)``.
    """
    wide = {name: part(weights, name).astype(np.float64) for name in PARTS}
    hidden = np.maximum(features @ wide["first"] + wide["first_bias"] + more, 0.0)
    hidden = np.maximum(hidden @ wide["second"] + wide["second_bias"], 0.0)
    found = np.split(hidden @ wide["heads"] + wide["heads_bias"], np.cumsum(HEADS)[:-1], axis=1)
    event, depth, size, _ = actions.T
    order = DEPTHS * event + depth
    return [
        found[0] + wide["event_mask"],
        found[1] + wide["depth_by_event"][event] + wide["depth_mask"][event],
        found[2] + wide["size_by_order"][order] + wide["size_mask"][event],
        found[3]
        + wide["time_by_order"][order]
        + wide["time_by_size"][size]
        + wide["time_mask"][event],
    ]


def log_probabilities(
    weights: Singles, features: Singles, actions: Integers, more: Reals | float = 0.0
) -> Reals:
    """Log-probability of actions ``(n, 4)`` given what the agent saw ``(n, 62)``, ``(n,)``."""
    total = np.zeros(len(actions))
    heads = head_logits(weights, features, actions, more)
    for letter, logits in zip(range(LETTERS), heads, strict=True):
        highest = logits.max(axis=1)
        chosen = logits[np.arange(len(actions)), actions[:, letter]]
        total += chosen - highest - np.log(np.exp(logits - highest[:, None]).sum(axis=1))
    return total
