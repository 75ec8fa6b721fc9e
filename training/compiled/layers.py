"""Multilayer perceptrons on blocks of rows: products through BLAS, everything between them fused.

A network lies in a flat vector as its module's parameters do: of every layer the weights ``(out,
in)``, then the biases. Letters: n rows of a block; widths are those of input, hidden layers and
output, ``(L + 1,)``.
"""

from __future__ import annotations

import numpy as np

from ...envs.core.kernels.compiled import kernel
from .counter import take_number
from .elementwise import tanh

f = np.float32
TANH, RELU = 0, 1
ACTIVATIONS = {"tanh": TANH, "relu": RELU}
"""Those that these loops know; their derivatives follow from what came out."""


@kernel
def forward(inputs, flat, widths, activation, kept):
    """Evaluate a network; returns its outputs ``(n, out)``, a part of `kept`.

    Args:
        inputs: ``(n, in)``.
        flat: parameters of this network.
        widths: see the module's docstring.
        activation: one of `ACTIVATIONS`.
        kept: room for what all layers put out, one after the other, at least n · sum(widths[1:]).
    """
    rows, layers = len(inputs), len(widths) - 1
    before, place, start = inputs, 0, 0
    for layer in range(layers):
        wide, out = widths[layer], widths[layer + 1]
        weights = flat[start : start + out * wide].reshape(out, wide)
        biases = flat[start + out * wide : start + out * wide + out]
        result = kept[place : place + rows * out].reshape(rows, out)
        np.dot(before, weights.T, result)
        _activate(result, biases, activation if layer < layers - 1 else -1)
        before = result
        place += rows * out
        start += out * (wide + 1)
    return before


@kernel(fused=True)
def _activate(values, biases, activation):
    rows, width = values.shape
    for i in range(rows):
        if activation == TANH:
            for j in range(width):
                values[i, j] = tanh(values[i, j] + biases[j])
        elif activation == RELU:
            for j in range(width):
                value = values[i, j] + biases[j]
                values[i, j] = f(0.0) if value < f(0.0) else value
        else:
            for j in range(width):
                values[i, j] += biases[j]


@kernel
def backward(inputs, flat, widths, activation, kept, by_output, gradient, room):
    """Write the gradient of a function of a network's outputs by all its parameters.

    Args:
        inputs, flat, widths, activation, kept: as for `forward`, which must have been called.
        by_output: of the function by the outputs, ``(n, out)``; used up.
        gradient: of `flat`'s length; written.
        room: at least 2 · n · max(widths).
    """
    rows, layers = len(inputs), len(widths) - 1
    start, place = len(flat), 0
    for layer in range(layers):
        place += rows * widths[layer + 1]
    half = len(room) // 2
    by_result = by_output
    for layer in range(layers - 1, -1, -1):
        wide, out = widths[layer], widths[layer + 1]
        start -= out * (wide + 1)
        place -= rows * out
        of_weights = gradient[start : start + out * wide].reshape(out, wide)
        if layer == 0:
            np.dot(by_result.T, inputs, of_weights)
            _sum_rows(by_result, gradient[start + out * wide : start + out * wide + out])
            return
        before = kept[place - rows * wide : place].reshape(rows, wide)
        np.dot(by_result.T, before, of_weights)
        _sum_rows(by_result, gradient[start + out * wide : start + out * wide + out])
        weights = flat[start : start + out * wide].reshape(out, wide)
        side = half * (layer % 2)
        by_before = room[side : side + rows * wide].reshape(rows, wide)
        np.dot(by_result, weights, by_before)
        _through(by_before, before, activation)
        by_result = by_before


@kernel(fused=True)
def _through(gradient, result, activation):
    """Through an activation, from what it put out; all ``(n, width)``."""
    rows, width = gradient.shape
    for i in range(rows):
        if activation == TANH:
            for j in range(width):
                gradient[i, j] *= f(1.0) - result[i, j] * result[i, j]
        else:
            for j in range(width):
                gradient[i, j] = gradient[i, j] if result[i, j] > f(0.0) else f(0.0)


@kernel(fused=True)
def _sum_rows(values, total):
    rows, width = values.shape
    total[:] = f(0.0)
    for i in range(rows):
        for j in range(width):
            total[j] += values[i, j]


@kernel
def evaluate(inputs, flat, widths, activation, size, outputs):
    """Evaluate a network on many rows, `size` at a time, so that a block stays in the cache.

    Args:
        inputs: ``(n, in)``.
        flat, widths, activation: as for `forward`.
        size: rows of a block.
        outputs: ``(n, out)``; written.
    """
    kept = np.empty(min(size, len(inputs)) * widths[1:].sum(), np.float32)
    for start in range(0, len(inputs), size):
        block = inputs[start : start + size]
        outputs[start : start + size] = forward(block, flat, widths, activation, kept)


@kernel
def evaluate_shared(inputs, flat, widths, activation, size, outputs, counter):
    """Evaluate blocks of `evaluate` with others who take theirs from the same counter.

    Args:
        inputs, flat, widths, activation, size, outputs: as for `evaluate`.
        counter: of blocks, ``(1,)``.
    """
    kept = np.empty(min(size, len(inputs)) * widths[1:].sum(), np.float32)
    start = take_number(counter) * size
    while start < len(inputs):
        block = inputs[start : start + size]
        outputs[start : start + size] = forward(block, flat, widths, activation, kept)
        start = take_number(counter) * size
