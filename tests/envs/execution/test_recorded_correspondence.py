"""A laboratory of LOBSTER files sees what the market that was written to them did."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.execution.market import Execution
from pacesetter.envs.order_book.background import BackgroundMarket, Markets
from pacesetter.envs.order_book.book import Event
from pacesetter.envs.order_book.lobster import Messages, write_messages

SECOND, STEP = 1_000_000_000, 10
MINUTES = 6


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    market = BackgroundMarket.preset("rmsc04")
    markets = Markets.opened(market, [0], events=20_000)
    markets.advance(market.open_ns + MINUTES * 60 * SECOND)
    path = tmp_path_factory.mktemp("lobster") / "message.csv"
    messages = Messages.of_events([Event(*row) for row in markets.events(0).tolist()])
    write_messages(path, messages)
    return path


def laboratory(file, **options):
    market = Execution(
        experimental=True, message_file=str(file), seconds_per_decision=STEP, **options
    )
    return market.laboratory({}, {"value_agents": 50})


def test_windows_of_the_file_are_those_of_the_market(file):
    found = laboratory(file, decisions=2, parent_size=20)
    windows = len(found._times) - 2
    real = found.real(1_000, 0)
    assert len(real) == windows
    market = BackgroundMarket.preset("rmsc04")
    again, mids = Markets.opened(market, [0]), []
    for time in found._times:
        again.advance(time)
        bid, _, ask, _ = again.levels(1)[0, :, 0]
        mids.append((bid + ask) / 2)
    moves = 1e4 * np.diff(np.log(mids))
    exact = np.sort(moves[:-1] + moves[1:])
    np.testing.assert_allclose(np.sort(real.outcomes["impact"][:, 1]), exact, atol=1e-9)
    assert real.treated.all()
    assert (real.outcomes["reward"] == 0).all()


def test_worlds_begin_in_the_file(file):
    found = replace(laboratory(file, decisions=2, parent_size=20), recordings=1)
    weights = found.initial("real", 0)
    world = found.world(weights, 6, 0, share=1.0)
    assert len(world) == 6
    assert world.orders.min() > 0
    other = found.world(weights, 6, 0, purpose="evaluation")
    assert not np.array_equal(world.outcomes["return"], other.outcomes["return"])
    with pytest.raises(PacesetterError, match="use witness"):
        found.last_orders(weights, 1, 1, 1, 2, 0)


def test_what_is_refused(file):
    with pytest.raises(PacesetterError, match="windows of 30 steps"):
        laboratory(file, decisions=30)
    with pytest.raises(PacesetterError, match="nowhere"):
        laboratory("nowhere.csv", decisions=2, parent_size=20)
