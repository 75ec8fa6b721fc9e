"""Multilayer perceptrons on blocks of rows: products in tiles or through BLAS, the rest fused.

A network lies in a flat vector as its module's parameters do: of every layer the weights ``(out,
in)``, then the biases. Letters: n rows of a block; widths are those of input, hidden layers and
output, ``(L + 1,)``.
"""

from __future__ import annotations

import numpy as np

from ...envs.core.kernels.compiled import kernel
from .counter import take_number
from .elementwise import tanh
from .endings import LINEAR, RELU, TANH, THROUGH
from .tiles import DEPTH, multiply
from .vectors import IN_VECTORS, LANES

f = np.float32
ACTIVATIONS = {"tanh": TANH, "relu": RELU}
"""Those that these loops know; their derivatives follow from what came out."""
FEW = 8
"""Outputs from which a library's product is faster than a loop."""


@kernel
def in_tiles(rows, out):
    """Whether a layer's results ``(rows, out)`` are made of tiles.

    For fewer rows than outputs, turning the weights takes longer than tiles save.
    """
    return IN_VECTORS and out % LANES == 0 and rows >= out


@kernel
def turn(flat, widths, rows, turned):
    """Write the weights of layers that go through tiles as ``(in, out)``, in their places.

    Args:
        flat: parameters of a network.
        widths: see the module's docstring.
        rows: the most that will be given to `forward` at once.
        turned: of `flat`'s length; elsewhere it stays as it is.
    """
    start = 0
    for layer in range(len(widths) - 1):
        wide, out = widths[layer], widths[layer + 1]
        end = start + out * wide
        if in_tiles(rows, out):
            weights = flat[start:end].reshape(out, wide)
            into = turned[start:end].reshape(wide, out)
            for j in range(wide):
                for i in range(out):
                    into[j, i] = weights[i, j]
        start = end + out


@kernel
def forward(inputs, flat, turned, widths, activation, kept):
    """Evaluate a network; returns its outputs ``(n, out)``, a part of `kept`.

    Args:
        inputs: ``(n, in)``.
        flat: parameters of this network.
        turned: what `turn` writes of them, for at least as many rows.
        widths: see the module's docstring.
        activation: one of `ACTIVATIONS`.
        kept: room for what all layers put out, one after the other, at least n · sum(widths[1:]).
    """
    rows, layers = len(inputs), len(widths) - 1
    before, place, start = inputs, 0, 0
    for layer in range(layers):
        wide, out = widths[layer], widths[layer + 1]
        end = start + out * wide
        result = kept[place : place + rows * out].reshape(rows, out)
        weights, biases = flat[start:end].reshape(out, wide), flat[end : end + out]
        own = activation if layer < layers - 1 else LINEAR
        through_layer(before, weights, turned[start:end], biases, own, result)
        before = result
        place += rows * out
        start = end + out
    return before


@kernel
def through_layer(before, weights, turned, biases, activation, result):
    """Write the activation of ``before · weightsᵀ + biases``, ``(n, out)``.

    Args:
        before: ``(n, in)``.
        weights: ``(out, in)``.
        turned: ``(in, out)``, flat; read where `in_tiles` says so.
        biases: ``(out,)``.
        activation: `LINEAR`, or one of `ACTIVATIONS`.
        result: written.
    """
    (rows, wide), out = before.shape, len(biases)
    flat = result.reshape(rows * out)
    if in_tiles(rows, out):
        ending = (activation, flat, flat)
        multiply(before.reshape(rows * wide), wide, 1, turned, biases, 0, ending, result, wide)
        return
    if out < FEW:
        _few_outputs(before, weights, result)
    else:
        np.dot(before, weights.T, result)
    for i in range(rows):
        for j in range(out):
            result[i, j] += biases[j]
    _activate(flat, activation)


@kernel(fused=True)
def _few_outputs(before, weights, result):
    """The product alone; four rows at once, as each sum waits for its last term."""
    rows, wide = before.shape
    whole = rows - rows % 4
    for k in range(len(weights)):
        for i in range(0, whole, 4):
            a = b = c = d = f(0.0)
            for j in range(wide):
                weight = weights[k, j]
                a += before[i, j] * weight
                b += before[i + 1, j] * weight
                c += before[i + 2, j] * weight
                d += before[i + 3, j] * weight
            result[i, k], result[i + 1, k], result[i + 2, k], result[i + 3, k] = a, b, c, d
        for i in range(whole, rows):
            a = f(0.0)
            for j in range(wide):
                a += before[i, j] * weights[k, j]
            result[i, k] = a


@kernel(fused=True)
def _activate(values, activation):
    for i in range(len(values)):
        if activation == TANH:
            values[i] = tanh(values[i])
        elif activation == RELU:
            values[i] = f(0.0) if values[i] < f(0.0) else values[i]


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
    _sum_rows(by_output, gradient[start - widths[layers] : start])
    for layer in range(layers - 1, -1, -1):
        wide, out = widths[layer], widths[layer + 1]
        start -= out * (wide + 1)
        place -= rows * out
        of_weights = gradient[start : start + out * wide].reshape(out, wide)
        before = inputs
        if layer > 0:
            before = kept[place - rows * wide : place].reshape(rows, wide)
        by_weights(by_result, before, of_weights)
        if layer == 0:
            return
        side = half * (layer % 2)
        by_before = room[side : side + rows * wide].reshape(rows, wide)
        weights, of_biases = flat[start : start + out * wide], gradient[start - wide : start]
        by_inputs(by_result, weights.reshape(out, wide), activation, before, of_biases, by_before)
        by_result = by_before


@kernel
def by_weights(by_result, before, of_weights):
    """Write ``by_resultᵀ · before``, ``(out, in)``: of a layer's results, and what it was given."""
    (rows, out), wide = by_result.shape, before.shape[1]
    left, right = by_result.reshape(rows * out), before.reshape(rows * wide)
    if IN_VECTORS and wide % LANES == 0:
        _add_outer(left, right, of_weights)
    elif IN_VECTORS and out % LANES == 0:
        turned = np.empty((wide, out), np.float32)
        _add_outer(right, left, turned)
        for i in range(out):
            for j in range(wide):
                of_weights[i, j] = turned[j, i]
    else:
        np.dot(by_result.T, before, of_weights)


@kernel
def _add_outer(left, right, total):
    """Write the sum over rows of the outer products of left ``(n, a)`` and right ``(n, b)``."""
    a, b = total.shape
    rows = len(left) // a
    total[:] = f(0.0)
    sums = total.reshape(a * b)
    ending = (LINEAR, sums, sums)
    for begin in range(0, rows, DEPTH):
        together = min(DEPTH, rows - begin)
        multiply(left[begin * a :], 1, a, right[begin * b :], sums, b, ending, total, together)


@kernel
def by_inputs(by_result, weights, activation, before, totals, by_before):
    """Write ``by_result · weights``, ``(n, in)``, through the activation that a layer is given.

    Args:
        by_result: slopes by a layer's results, ``(n, out)``.
        weights: ``(out, in)``.
        activation: that put out what the layer was given; `LINEAR`: none.
        before: what it put out, ``(n, in)``; not read without one.
        totals: sums of the result over rows, ``(in,)``, written; not touched without one.
        by_before: written.
    """
    rows, out = by_result.shape
    wide = weights.shape[1]
    result, given = by_before.reshape(rows * wide), before.reshape(rows * wide)
    if not (IN_VECTORS and wide % LANES == 0):
        np.dot(by_result, weights, by_before)
        if activation != LINEAR:
            _through(result, given, activation)
            _sum_rows(by_before, totals)
        return
    ending = LINEAR
    if activation != LINEAR:
        ending = activation + THROUGH
        totals[:] = f(0.0)
    left, right = by_result.reshape(rows * out), weights.reshape(out * wide)
    start = np.zeros(wide, np.float32)
    multiply(left, out, 1, right, start, 0, (ending, given, totals), by_before, out)


@kernel(fused=True)
def _through(slopes, result, activation):
    """Through an activation, from what it put out; all flat."""
    for i in range(len(slopes)):
        if activation == TANH:
            slopes[i] *= f(1.0) - result[i] * result[i]
        else:
            slopes[i] = slopes[i] if result[i] > f(0.0) else f(0.0)


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
    most = min(size, len(inputs))
    kept = np.empty(most * widths[1:].sum(), np.float32)
    turned = np.empty_like(flat)
    turn(flat, widths, most, turned)
    for start in range(0, len(inputs), size):
        block = inputs[start : start + size]
        outputs[start : start + size] = forward(block, flat, turned, widths, activation, kept)


@kernel
def evaluate_shared(inputs, flat, widths, activation, size, outputs, counter):
    """Evaluate blocks of `evaluate` with others who take theirs from the same counter.

    Args:
        inputs, flat, widths, activation, size, outputs: as for `evaluate`.
        counter: of blocks, ``(1,)``.
    """
    most = min(size, len(inputs))
    kept = np.empty(most * widths[1:].sum(), np.float32)
    turned = np.empty_like(flat)
    turn(flat, widths, most, turned)
    start = take_number(counter) * size
    while start < len(inputs):
        block = inputs[start : start + size]
        outputs[start : start + size] = forward(block, flat, turned, widths, activation, kept)
        start = take_number(counter) * size
