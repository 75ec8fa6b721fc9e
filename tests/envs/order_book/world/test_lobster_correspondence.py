"""Messages of a market are what was recorded of it; rows of a file tell what messages do not."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pytest
from worlds import MINUTES, SECOND, agent, market, replayed

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.order_book.background import Markets
from pacesetter.envs.order_book.background.simulation import levels_of
from pacesetter.envs.order_book.book import Event
from pacesetter.envs.order_book.lobster import NO_PRICE, Messages
from pacesetter.envs.order_book.world import replay_messages

LEVELS = 5
NAMES = ("time", "kind", "order", "size", "price", "direction")


@cache
def day():
    """Messages of the first copy of the recording, and the book after the last."""
    markets = Markets.opened(market(), [0], events=20_000)
    markets.advance(market().open_ns + MINUTES * 60 * SECOND)
    events = [Event(*row) for row in markets.events(0).tolist()]
    return Messages.of_events(events), markets


@cache
def rows():
    """Five levels after every message, in the columns of an order-book file."""
    messages, found = day()[0], []
    volume = [{}, {}]
    for kind, size, price, direction in zip(
        messages.kind, messages.size, messages.price, messages.direction, strict=True
    ):
        side = volume[0 if direction == 1 else 1]
        side[price] = side.get(price, 0) + (size if kind == 1 else -size)
        if side[price] == 0:
            del side[price]
        bids, asks = sorted(volume[0], reverse=True), sorted(volume[1])
        row = []
        for level in range(LEVELS):
            for prices, sizes, empty in ((asks, volume[1], NO_PRICE), (bids, volume[0], -NO_PRICE)):
                there = level < len(prices)
                row += [prices[level], sizes[prices[level]]] if there else [empty, 0]
        found.append(row)
    return np.array(found)


def part(first):
    return Messages(*(getattr(day()[0], name)[first:] for name in NAMES), source="part")


def test_messages_of_a_whole_day_are_its_recording():
    """But for the first quotes, before which a recording knows the mid and messages do not."""
    found, mine = replay_messages(day()[0]), replayed()
    minute = market().open_ns + 60 * SECOND
    later, same = found.time > minute, (mine.copy == 0) & (mine.time > minute)
    np.testing.assert_array_equal(found.actions[later], mine.actions[same])
    np.testing.assert_allclose(found.features[later], mine.features[same], atol=1e-6)
    assert found.untold == 0
    (remark,) = found.remarks  # the first quotes are far away
    assert re.match(
        r"messages:\d+: an order of a size or at a price .* here and in 1 later", remark
    )
    np.testing.assert_array_equal(levels_of(found.memory, 10), day()[1].levels(10))


def test_rows_reveal_what_messages_do_not_tell():
    """From the middle of a day: five levels are equal, and what no message told is counted."""
    first = len(day()[0]) // 3
    found = replay_messages(part(first), rows()[first:])
    np.testing.assert_array_equal(levels_of(found.memory, LEVELS), day()[1].levels(LEVELS))
    mine = replayed().actions[replayed().copy == 0][-len(found) :]
    assert (found.actions[1:] == mine[1:]).mean() > 0.99
    assert 0 < found.untold < 0.05 * len(part(first))
    remark = found.remarks[0]
    assert re.match(r"part:\d+: rows show shares that no message told of, here and in \d+", remark)
    alone = replay_messages(part(2))
    remark = alone.remarks[0]
    assert re.match(r"part:\d+: messages are about shares that no message told of", remark)


def test_worlds_begin_at_any_time_of_a_day():
    """And each goes on by itself."""
    times = market().open_ns + SECOND * np.array([120, 180, 240])
    found = replay_messages(day()[0], rows(), at_ns=times)
    whole = Markets.opened(market(), [0])
    for row, time in enumerate(times):
        whole.advance(time)
        np.testing.assert_array_equal(levels_of(found.memory[[row]], 5), whole.levels(5))
    worlds = found.worlds(agent(), [1, 2, 3])
    worlds.advance(times + 30 * SECOND)
    assert (worlds.taken > 10).all()


def test_files_that_say_too_little():
    first, whole = len(day()[0]) // 3, day()[0]
    short = Messages(*(getattr(whole, name)[:9] for name in NAMES), source="short")
    buys = whole.direction == 1
    one_sided = Messages(*(getattr(whole, name)[buys] for name in NAMES), source="bids")
    end = market().open_ns + 3600 * SECOND
    for call, message in (
        (lambda: replay_messages(part(first), rows()[:-9]), "give the two files of one download"),
        (lambda: replay_messages(part(first), tick=700), r"part:\d+: price \d+ is no multiple"),
        (lambda: replay_messages(whole, tick=50), "2 ticks apart"),
        (lambda: replay_messages(short), "short holds only"),
        (lambda: replay_messages(one_sided), "bids holds no order to buy that would trade"),
        (lambda: replay_messages(whole, at_ns=[end]), "ends at"),
        (lambda: replay_messages(whole, at_ns=[5]), "after the first message"),
    ):
        with pytest.raises(PacesetterError, match=message):
            call()
