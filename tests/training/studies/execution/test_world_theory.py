"""What tables of worlds are made of, on books and costs that are known."""

from __future__ import annotations

import numpy as np
import pytest
from worlds import agent, market

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.order_book.layout import BUY, CANCELLED, EXECUTED, SELL, SUBMITTED
from pacesetter.envs.order_book.world.network import PARTS
from pacesetter.training.studies.execution import world_days
from pacesetter.training.studies.execution.transfer import world_of
from pacesetter.training.studies.execution.variance import explained
from pacesetter.training.studies.execution.world import scores

SECOND = 1_000_000_000
LEVELS = np.zeros((world_days.MINUTES, 4, 10), dtype=np.int64)
LEVELS[:, :, 0] = 100, 5, 103, 7
EVENTS = np.array(
    [  # time, kind, order, shares, price, side, owner, taker
        (1 * SECOND, SUBMITTED, 7, 30, 100, BUY, -1, -1),
        (2 * SECOND, SUBMITTED, 8, 40, 104, SELL, -1, -1),
        (4 * SECOND, EXECUTED, 8, 10, 104, SELL, -1, -1),
        (61 * SECOND, EXECUTED, 8, 5, 104, SELL, -1, -1),
        (61 * SECOND, CANCELLED, 7, 30, 100, BUY, -1, -1),
        (61 * SECOND + 50, CANCELLED, 9, 30, 100, BUY, -1, -1),
    ]
)
HOUR = world_days.Hour(LEVELS, EVENTS, 0)


def test_what_is_read_of_an_hour():
    found = world_days.samples([HOUR])
    assert 10 ** found["time_to_cancel"] == pytest.approx([60.0])
    assert 10 ** found["first_fill"] == pytest.approx([2.0])
    assert 10 ** found["inter_arrival"] == pytest.approx([SECOND, 2 * SECOND, 57 * SECOND])
    assert np.exp(found["order_size"]) == pytest.approx([30, 40])
    assert np.exp(found["spread"]) == pytest.approx(3.0)
    assert found["imbalance"] == pytest.approx(5 / 12)
    assert not found["level_distance"].size
    profile = world_days.executed_profile(HOUR)
    assert profile[[0, 1, 59], BUY].tolist() == [10, 15, 15]
    assert (profile[:, SELL] == 0).all()
    assert world_days.depths(HOUR).tolist() == [0.0, 1.0]


def test_scores_of_equal_and_of_moved_samples():
    real = np.random.default_rng(0).standard_normal(20_000)
    assert scores(real, real) == {"l1": 0.0, "w1": 0.0}
    moved = scores(real, real + 3.0)
    assert moved["w1"] == pytest.approx(3.0, rel=0.02)
    assert 0.85 < moved["l1"] < 0.95  # 2 Φ(3 / 2) − 1 = .866, and a little for the bins


def test_an_order_explains_what_it_was_made_to():
    generator = np.random.default_rng(1)
    orders, noise = generator.standard_normal((400, 1)), generator.standard_normal((400, 50))
    share, ratio = explained(0.5 * orders + noise)
    own = 0.25 * orders.var()
    assert share == pytest.approx(own / (1 + own), abs=0.02)
    assert ratio == pytest.approx(1 + 50 * own, rel=0.1)
    share, ratio = explained(noise)
    assert share < 0.01
    assert ratio == pytest.approx(1.0, abs=0.25)


def test_days_of_a_market_and_of_a_world(monkeypatch):
    """The same length, the same trades as volume; worlds begin where the market stood."""
    monkeypatch.setattr(world_days, "COPIES", 2)
    short = market().__class__.preset("rmsc04", close_ns=market().open_ns + 45 * 60 * SECOND)
    weights = {name: agent().part(name) for name in PARTS}
    for given in (None, weights):
        days, hours = world_days.lived_days(short, 0, given)
        assert len(days) == len(hours) == 2
        assert all(len(day.mid) == 40 for day in days)
        assert all(np.isin(day.signs, (-1.0, 1.0)).all() for day in days)
        assert all(len(hour.levels) == 14 and len(hour.events) > 50 for hour in hours)
        traded = [hour.events[hour.events[:, 1] == EXECUTED][:, 3].sum() for hour in hours]
        grown = [day.volume[-1] - day.volume[-15] for day in days]
        assert traded == grown


def test_a_table_of_worlds_needs_them(tmp_path):
    with pytest.raises(PacesetterError, match="pacesetter reproduce world_rmsc04"):
        world_of(tmp_path, "witness", 1)
