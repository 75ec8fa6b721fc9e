"""Products made of tiles, and those of the library, beside sums in double precision."""

from __future__ import annotations

import numpy as np
import pytest

from pacesetter.training.compiled import layers
from pacesetter.training.compiled.tiles import LANES, multiply

GENERATOR = np.random.default_rng(5)


def normal(*shape):
    return GENERATOR.standard_normal(shape, dtype=np.float32)


def close(found, exact):
    np.testing.assert_allclose(found, exact, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("rows", [1, 4, 6, 11, 200])
@pytest.mark.parametrize("width", [LANES, 2 * LANES, 5 * LANES])
def test_tiles_begin_with_something_and_add_all_terms(rows, width):
    left, right, start = normal(rows, 9), normal(9, width), normal(width)
    result = np.full((rows, width), np.nan, np.float32)
    multiply(left.reshape(-1), 9, 1, right.reshape(-1), start, 0, result, 9)
    close(result, left.astype(float) @ right + start)
    turned = np.ascontiguousarray(left.T).reshape(-1)
    again = result.copy()
    multiply(turned, 1, rows, right.reshape(-1), again.reshape(-1), width, again, 9)
    close(again, 2.0 * left.astype(float) @ right + start)


def test_a_row_does_not_depend_on_its_neighbours():
    left, right, nothing = normal(57, 24), normal(24, 16), np.zeros(16, np.float32)
    together, alone = np.empty((57, 16), np.float32), np.empty((1, 16), np.float32)
    multiply(left.reshape(-1), 24, 1, right.reshape(-1), nothing, 0, together, 24)
    for row in range(57):
        multiply(left[row], 24, 1, right.reshape(-1), nothing, 0, alone, 24)
        assert np.array_equal(alone[0], together[row])


@pytest.mark.parametrize("rows", [3, 130])
@pytest.mark.parametrize("wide", [2, 9, 16, 20])
@pytest.mark.parametrize("out", [1, 3, 12, 24, 64])
def test_the_three_products_of_a_layer(rows, wide, out):
    before, weights, biases = normal(rows, wide), normal(out, wide), normal(out)
    by_result = normal(rows, out)
    result, of_weights = np.empty((rows, out), np.float32), np.empty((out, wide), np.float32)
    by_before = np.empty((rows, wide), np.float32)
    turned = np.ascontiguousarray(weights.T).reshape(-1)
    layers.through_layer(before, weights, turned, biases, result)
    close(result, before.astype(float) @ weights.T + biases)
    layers.by_weights(by_result, before, of_weights)
    close(of_weights, by_result.astype(float).T @ before)
    layers.by_inputs(by_result, weights, by_before)
    close(by_before, by_result.astype(float) @ weights)


def test_parameters_are_turned_layer_by_layer():
    widths = np.array([3, 5, 2])
    first, second = normal(5, 3), normal(2, 5)
    flat = np.concatenate([first.reshape(-1), normal(5), second.reshape(-1), normal(2)])
    turned = np.empty_like(flat)
    layers.turn(flat, widths, turned)
    np.testing.assert_array_equal(turned[:15].reshape(3, 5), first.T)
    np.testing.assert_array_equal(turned[20:30].reshape(5, 2), second.T)
    biases = [15, 16, 17, 18, 19, 30, 31]
    np.testing.assert_array_equal(turned[biases], flat[biases])
