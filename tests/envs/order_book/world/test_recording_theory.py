"""Recorded orders, played again, are the same market; and its mirror image is a mirror image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from worlds import MINUTES, SECOND, market, recording, replayed

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.order_book.background import Markets
from pacesetter.envs.order_book.background.simulation import levels_of
from pacesetter.envs.order_book.layout import OFFERED, TRADED
from pacesetter.envs.order_book.world import (
    check_recording,
    mirror_actions,
    mirror_features,
    record_orders,
    replay_orders,
)
from pacesetter.envs.order_book.world.alphabet import EVENTS


@pytest.mark.parametrize("preset", ["rmsc04", "rmsc03"])
def test_ten_levels_are_equal_at_every_minute(preset):
    found, real = recording(preset), Markets.opened(market(preset), np.arange(3))
    for minute in range(1, MINUTES + 1):
        time = market(preset).open_ns + 60 * SECOND * minute
        real.advance(time)
        again = replay_orders(found.until(time)).memory
        np.testing.assert_array_equal(levels_of(again, 10), real.levels(10))
        for counter in (TRADED, TRADED + 1, OFFERED, OFFERED + 1):
            np.testing.assert_array_equal(again[:, counter], real.memory[:, counter])


def test_every_order_is_an_action_or_outside_the_alphabet():
    """But for the last of a copy, whose time to the next nobody knows."""
    found, orders = replayed("rmsc03"), recording("rmsc03")
    assert len(found) + found.outside + orders.copies == len(orders)
    assert found.outside > 0  # the backstop orders of 50,000
    assert not replayed("rmsc04").outside > 0.002 * len(replayed("rmsc04"))
    assert set(found.actions[:, 0]) == set(range(len(EVENTS)))
    assert found.rate == pytest.approx(len(orders) / 3 / (60 * MINUTES))


def test_mirror_image():
    """Sides swapped and prices turned around the first: features and actions are mirror images."""
    orders = recording()
    mirrored = replace(orders, event=orders.event ^ 1, price=int(2 * orders.mid) - orders.price)
    here, there = replayed(), replay_orders(mirrored)
    np.testing.assert_array_equal(there.actions, mirror_actions(here.actions))
    np.testing.assert_allclose(there.features, mirror_features(here.features), atol=1e-6)
    assert np.abs(mirror_features(here.features) - here.features).max() > 1
    np.testing.assert_array_equal(mirror_features(mirror_features(here.features)), here.features)


def test_a_part_of_a_recording_is_the_recording_of_a_part():
    until = market().open_ns + 90 * SECOND
    part, short = recording().until(until), record_orders(market(), np.arange(3), until)
    for name in ("copy", "time", "event", "price", "size", "traded"):
        np.testing.assert_array_equal(getattr(part, name), getattr(short, name))


def test_an_order_that_the_book_contradicts_is_named():
    orders = recording()
    cancels = np.flatnonzero(orders.event >= 4)
    kept = np.ones(len(orders), dtype=bool)
    posted = np.flatnonzero((orders.order == orders.order[cancels[0]]) & (orders.event < 4))
    kept[posted] = False
    names = ("copy", "time", "event", "price", "size", "traded", "order")
    lacking = replace(orders, **{name: getattr(orders, name)[kept] for name in names})
    with pytest.raises(PacesetterError, match=r"recording: order \d+ \(copy 0, .* contradicts"):
        replay_orders(lacking)


def test_recordings_that_say_too_little():
    orders = recording()
    names = ("copy", "time", "event", "price", "size", "traded", "order")

    def kept(mask):
        return replace(orders, **{name: getattr(orders, name)[mask] for name in names})

    check_recording(orders)
    for stream, message in (
        (orders.until(market().open_ns + 30 * SECOND), "only 30 s; record a minute"),
        (kept(orders.event % 2 == 0), "no order to sell that would rest"),
        (kept(orders.event // 2 == 0), "no order to buy that would trade"),
        (replace(orders, price=5 * orders.price), "5 ticks apart"),
        (kept(orders.event > 9), "holds no order"),
    ):
        with pytest.raises(PacesetterError, match=message):
            check_recording(stream)
    with pytest.raises(PacesetterError, match="ends after the opening"):
        record_orders(market(), [0], market().open_ns)
