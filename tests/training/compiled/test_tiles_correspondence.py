"""Products made of tiles, and those of the library, beside sums in double precision."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from pacesetter.training.compiled import layers
from pacesetter.training.compiled.elementwise import tanh
from pacesetter.training.compiled.endings import LINEAR, RELU, TANH, THROUGH
from pacesetter.training.compiled.tiles import multiply
from pacesetter.training.compiled.vectors import LANES

GENERATOR = np.random.default_rng(5)


def normal(*shape):
    return GENERATOR.standard_normal(shape, dtype=np.float32)


def close(found, exact):
    np.testing.assert_allclose(found, exact, rtol=1e-5, atol=1e-5)


def as_it_is(result):
    flat = result.reshape(-1)
    return LINEAR, flat, flat


@pytest.mark.parametrize("rows", [1, 4, 6, 11, 200])
@pytest.mark.parametrize("width", [LANES, 2 * LANES, 5 * LANES])
def test_tiles_begin_with_something_and_add_all_terms(rows, width):
    left, right, start = normal(rows, 9), normal(9, width), normal(width)
    result = np.full((rows, width), np.nan, np.float32)
    multiply(left.reshape(-1), 9, 1, right.reshape(-1), start, 0, as_it_is(result), result, 9)
    close(result, left.astype(float) @ right + start)
    turned = np.ascontiguousarray(left.T).reshape(-1)
    again = result.copy()
    own = again.reshape(-1)
    multiply(turned, 1, rows, right.reshape(-1), own, width, as_it_is(again), again, 9)
    close(again, 2.0 * left.astype(float) @ right + start)


def test_a_row_does_not_depend_on_its_neighbours():
    left, right, nothing = normal(57, 24), normal(24, 16), np.zeros(16, np.float32)
    together, alone = np.empty((57, 16), np.float32), np.empty((1, 16), np.float32)
    flat = right.reshape(-1)
    multiply(left.reshape(-1), 24, 1, flat, nothing, 0, as_it_is(together), together, 24)
    for row in range(57):
        multiply(left[row], 24, 1, flat, nothing, 0, as_it_is(alone), alone, 24)
        assert np.array_equal(alone[0], together[row])


@pytest.mark.parametrize("rows", [1, 4, 6, 75])
@pytest.mark.parametrize("width", [LANES, 5 * LANES])
@pytest.mark.parametrize("activation", [TANH, RELU])
def test_activations_at_the_end_of_a_tile_are_those_of_a_pass_of_their_own(rows, width, activation):
    left, right, start = 3.0 * normal(rows, 9), 3.0 * normal(9, width), normal(width)
    left[0, 0] = np.nan
    given = left.reshape(-1), 9, 1, right.reshape(-1), start, 0
    sums, result = np.empty((2, rows, width), np.float32)
    multiply(*given, as_it_is(sums), sums, 9)
    multiply(*given, (activation, result.reshape(-1), start), result, 9)
    exact = np.where(np.isnan(sums), np.nan, np.maximum(np.nan_to_num(sums), 0.0))
    if activation == TANH:
        exact = np.vectorize(tanh, otypes=[np.float32])(sums)
    np.testing.assert_allclose(result, exact, rtol=5e-7)
    assert np.isnan(result[0]).all() and np.isfinite(result[1:]).all()


@pytest.mark.parametrize("rows", [1, 4, 6, 75])
@pytest.mark.parametrize("width", [LANES, 5 * LANES])
@pytest.mark.parametrize("activation", [TANH, RELU])
def test_slopes_go_through_what_was_put_out_and_are_added_up(rows, width, activation):
    left, right, nothing = normal(rows, 9), normal(9, width), np.zeros(width, np.float32)
    put_out = np.tanh(normal(rows, width)).astype(np.float32)
    totals, result = normal(width), np.empty((rows, width), np.float32)
    before = totals.copy()
    ending = (activation + THROUGH, put_out.reshape(-1), totals)
    multiply(left.reshape(-1), 9, 1, right.reshape(-1), nothing, 0, ending, result, 9)
    derivative = 1.0 - put_out.astype(float) ** 2 if activation == TANH else put_out > 0.0
    close(result, (left.astype(float) @ right) * derivative)
    np.testing.assert_allclose(totals, before + result.sum(0, dtype=float), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rows", [3, 130])
@pytest.mark.parametrize("wide", [2, 9, 16, 20])
@pytest.mark.parametrize("out", [1, 3, 12, 24, 64])
def test_the_three_products_of_a_layer(rows, wide, out):
    before, weights, biases = normal(rows, wide), normal(out, wide), normal(out)
    by_result = normal(rows, out)
    result, of_weights = np.empty((rows, out), np.float32), np.empty((out, wide), np.float32)
    by_before = np.empty((rows, wide), np.float32)
    turned = np.ascontiguousarray(weights.T).reshape(-1)
    layers.through_layer(before, weights, turned, biases, LINEAR, result)
    close(result, before.astype(float) @ weights.T + biases)
    layers.through_layer(before, weights, turned, biases, TANH, result)
    close(result, np.tanh(before.astype(float) @ weights.T + biases))
    layers.by_weights(by_result, before, of_weights)
    close(of_weights, by_result.astype(float).T @ before)
    exact, totals = by_result.astype(float) @ weights, np.full(wide, np.nan, np.float32)
    layers.by_inputs(by_result, weights, LINEAR, before, totals, by_before)
    close(by_before, exact)
    assert np.isnan(totals).all()
    before = np.tanh(before)
    layers.by_inputs(by_result, weights, TANH, before, totals, by_before)
    exact *= 1.0 - before.astype(float) ** 2
    close(by_before, exact)
    np.testing.assert_allclose(totals, exact.sum(0), rtol=1e-4, atol=1e-4)


def test_weights_of_tiles_are_turned_layer_by_layer():
    widths = np.array([3, LANES, LANES, 2])
    first, second, biases = normal(LANES, 3), normal(LANES, LANES), normal(LANES)
    flat = np.concatenate([first.reshape(-1), biases, second.reshape(-1), normal(3 * LANES + 2)])
    turned = np.full_like(flat, np.nan)
    layers.turn(flat, widths, LANES, turned)
    end, again = 3 * LANES, 4 * LANES
    written = np.zeros(len(flat), bool)
    if layers.in_tiles(LANES, LANES):
        np.testing.assert_array_equal(turned[:end].reshape(3, LANES), first.T)
        square = turned[again : again + LANES * LANES].reshape(LANES, LANES)
        np.testing.assert_array_equal(square, second.T)
        written[:end] = written[again : again + LANES * LANES] = True
    np.testing.assert_array_equal(np.isfinite(turned), written)


@pytest.mark.parametrize("rows", [LANES - 1, LANES, 3 * LANES + 1])
def test_networks_of_few_rows_and_of_many_put_out_the_same(rows):
    widths = np.array([3, 2 * LANES, LANES, 2])
    flat, inputs = normal(int((widths[1:] * (widths[:-1] + 1)).sum())), normal(rows, 3)
    outputs = np.empty((rows, 2), np.float32)
    layers.evaluate(inputs, flat, widths, RELU, 2 * LANES, outputs)
    exact, start = inputs.astype(float), 0
    for wide, out in pairwise(widths):
        weights = flat[start : start + out * wide].reshape(out, wide)
        exact = exact @ weights.T + flat[start + out * wide : start + out * (wide + 1)]
        exact = np.maximum(exact, 0.0) if out > 2 else exact
        start += out * (wide + 1)
    np.testing.assert_allclose(outputs, exact, rtol=1e-4, atol=1e-4)
