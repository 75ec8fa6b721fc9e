"""The products of matrices of an update alone: the time below which no learner can come.

The same calls, shapes and tiles as in `layers`, and nothing between them; biases, which tiles begin
their sums with, count as part of them.
"""

from __future__ import annotations

from ...envs.core.kernels.compiled import kernel
from .endings import LINEAR
from .layers import by_inputs, by_weights, through_layer


@kernel
def forward_products(inputs, flat, turned, widths, kept):
    """Those of `layers.forward`; arguments as there."""
    rows, before, place, start = len(inputs), inputs, 0, 0
    for layer in range(len(widths) - 1):
        wide, out = widths[layer], widths[layer + 1]
        end = start + out * wide
        result = kept[place : place + rows * out].reshape(rows, out)
        weights, biases = flat[start:end].reshape(out, wide), flat[end : end + out]
        through_layer(before, weights, turned[start:end], biases, LINEAR, result)
        before = result
        place += rows * out
        start = end + out


@kernel
def backward_products(inputs, flat, widths, kept, gradient, given, room):
    """Those of `layers.backward`, each of the same numbers again.

    Were each of what the one before wrote, they would soon be of numbers too small to be normal,
    which take many times as long.

    Args:
        inputs, flat, widths, kept, gradient: as there.
        given: instead of slopes by a layer's results, at least n · max(widths).
        room: as long; written.
    """
    rows, start, place = len(inputs), len(flat), 0
    for layer in range(len(widths) - 1):
        place += rows * widths[layer + 1]
    for layer in range(len(widths) - 2, -1, -1):
        wide, out = widths[layer], widths[layer + 1]
        start -= out * (wide + 1)
        place -= rows * out
        of_weights = gradient[start : start + out * wide].reshape(out, wide)
        by_result = given[: rows * out].reshape(rows, out)
        if layer == 0:
            by_weights(by_result, inputs, of_weights)
            return
        before = kept[place - rows * wide : place].reshape(rows, wide)
        by_weights(by_result, before, of_weights)
        weights = flat[start : start + out * wide].reshape(out, wide)
        result = room[: rows * wide].reshape(rows, wide)
        by_inputs(by_result, weights, LINEAR, before, given, result)


@kernel
def minibatch_products(inputs, size, flat, turned, widths, kept, gradient, given, room):
    """Both, for all tiles of `size` rows of a minibatch ``(m, in)``."""
    for start in range(0, len(inputs), size):
        block = inputs[start : start + size]
        forward_products(block, flat, turned, widths, kept)
        backward_products(block, flat, widths, kept, gradient, given, room)
