"""The alphabet: densities sum to one, and what is drawn in a bin is of that bin."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from pacesetter.envs.order_book.world import allowed_bins, mirror_actions
from pacesetter.envs.order_book.world.alphabet import (
    DEPTH_EDGES,
    DEPTHS,
    EVENTS,
    HEADS,
    INSIDE,
    SIZE_EDGES,
    SIZES,
    TIME_EDGES,
    TIMES,
    decode,
    densities,
    encode,
)

BID = 5000
SIZE, WAIT = 12, 2e5  # of bins 2
POSTS = [0, 1]


def density(bins, ask, price, size=SIZE, wait=WAIT):
    """Of the orders of many prices, sizes or times, in one bin of every letter."""
    orders = np.stack(np.broadcast_arrays(bins[0], price, size, wait), axis=-1).reshape(-1, 4)
    return densities(np.tile(bins, (len(orders), 1)), orders, np.tile([BID, ask], (len(orders), 1)))


def test_letters_are_those_of_the_page():
    assert HEADS == (6, 18, 16, 16)
    for edges in (DEPTH_EDGES, SIZE_EDGES, TIME_EDGES):
        assert (np.diff(edges) > 0).all()


@pytest.mark.parametrize("spread", [1, 2, 3, 21])
def test_densities_of_prices_sum_to_one(spread):
    prices = np.arange(BID - 1000, BID + spread + 1000)
    for event, depth in product(range(len(EVENTS)), range(DEPTHS)):
        if depth >= INSIDE or event in POSTS:
            found = density((event, depth, 2, 2), BID + spread, prices)
            of_the_rest = 1 / (10 * WAIT * np.log(TIME_EDGES[3] / TIME_EDGES[2]))
            assert found.sum() == pytest.approx(of_the_rest, rel=1e-12)


def test_densities_of_sizes_sum_to_one():
    sizes, at = np.arange(1, SIZE_EDGES[-1] + 10), BID - 1
    of_time = 1 / (WAIT * np.log(TIME_EDGES[3] / TIME_EDGES[2]))
    for bin in range(SIZES):
        found = density((0, INSIDE + 1, bin, 2), BID + 1, at, size=sizes)
        assert found.sum() == pytest.approx(of_time, rel=1e-12)


def test_densities_of_times_integrate_to_one():
    """The first bin over its hundred nanoseconds, the others by the trapezoidal rule."""

    def of_times(bin, waits):
        return density((0, INSIDE + 1, 2, bin), BID + 1, BID - 1, wait=waits) * 10

    assert of_times(0, np.arange(200)).sum() == pytest.approx(1.0, rel=1e-12)
    for bin in range(1, TIMES):
        low, high = TIME_EDGES[bin], TIME_EDGES[bin + 1]
        waits = np.unique(np.append(np.geomspace(low, high, 4000).astype(np.int64), high - 1))
        waits = waits[waits < high]
        assert np.trapezoid(of_times(bin, waits), waits) == pytest.approx(1.0, abs=2e-3)


def test_an_order_drawn_in_bins_is_of_these_bins():
    """Where the spread has room for all four shares of it, and times are not below 1 ns."""
    generator = np.random.default_rng(0)
    bins = np.array(
        [
            (event, depth, *generator.integers(0, 16, 2))
            for event, depth in product(range(len(EVENTS)), range(DEPTHS))
            if depth >= INSIDE or event in POSTS
        ]
    ).repeat(200, axis=0)
    quotes = np.tile([BID, BID + 4001], (len(bins), 1))
    orders = decode(bins, generator.uniform(size=(len(bins), 3)), quotes)
    np.testing.assert_array_equal(encode(orders, quotes), bins)
    timed = orders[:, 3] > 0
    assert (densities(bins[timed], orders[timed], quotes[timed]) > 0).all()


def test_what_the_alphabet_cannot_say():
    """Too far, too large, or a cancellation inside the spread; a spread of one tick is joined."""
    quotes = np.tile([BID, BID + 1], (4, 1))
    far, large, within = (0, BID - 1000, 5, 9), (0, BID, 20_000, 9), (4, BID + 1, 5, 9)
    found = encode([far, large, within, (0, BID, 5, 9)], quotes)
    assert (found[:, 1] == [-1, INSIDE, -1, INSIDE]).all()
    assert (found[:, 2] == [1, -1, 1, 1]).all()
    assert decode([(0, 3, 0, 0)], [(0.5, 0.5, 0.5)], [(BID, BID + 1)])[0, 1] == BID


def test_masks_hold_what_occurs_and_its_mirror_image():
    actions = np.array([(0, 5, 3, 2), (3, 4, 1, 0)])
    found = allowed_bins(actions)
    assert found["event"].tolist() == [True, True, True, True, False, False]
    assert found["depth"].sum() == found["size"].sum() == found["time"].sum() == 4
    assert found["depth"][1, 5]
    assert found["time"][2, 0]
    np.testing.assert_array_equal(mirror_actions(mirror_actions(actions)), actions)
