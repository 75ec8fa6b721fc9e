"""``abides_exact``: where the background follows the original to the letter."""

from __future__ import annotations

import numpy as np
import pytest

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.order_book.background import agents, exchange, makers
from pacesetter.envs.order_book.background import layout as at
from pacesetter.envs.order_book.background.fundamental import fundamental_at
from pacesetter.envs.order_book.background.market import SECOND, BackgroundMarket
from pacesetter.envs.order_book.background.simulation import Markets
from pacesetter.envs.order_book.layout import BEST, BUY, CLOCK, EXTRA, MASK, NONE, SELL, TRADED
from pacesetter.envs.order_book.matching import limit_order
from pacesetter.envs.registry import make


def opened(exact, **changes):
    options = {"market_makers": 1, "value_agents": 1, "momentum_agents": 1, **changes}
    market = BackgroundMarket(abides_exact=exact, size_mixture=False, **options)
    markets = Markets.opened(market, [0])
    book = markets.memory[0]
    book[queue_of(book)] = 0
    return book, markets.reals[0], markets.parameters[0]


def queue_of(book):
    return int(book[EXTRA] + book[book[EXTRA] + at.QUEUE])


def kinds(book):
    queue = queue_of(book)
    return sorted(book[queue + 3 : queue + 3 + 7 * book[queue]].reshape(-1, 7)[:, 2].tolist())


def two_sides(book, size=1000):
    limit_order(book, BUY, 99_990, size, -1, 0, False)
    limit_order(book, SELL, 100_010, size, -1, 0, False)


@pytest.mark.parametrize("exact", [False, True])
def test_a_market_maker_that_finds_no_mid_sleeps_for_good(exact):
    book, reals, parameters = opened(exact)
    makers.maker_reads(book, reals, parameters, 0)
    assert kinds(book) == ([] if exact else [at.MAKER_CANCELS])


@pytest.mark.parametrize("exact", [False, True])
def test_momentum_agents_need_51_mids(exact):
    book, _, parameters = opened(exact)
    two_sides(book)
    acted = []
    for _ in range(52):
        agents.momentum_reads(book, parameters, 2)
        acted.append(at.ORDER_ARRIVES in kinds(book))
        book[queue_of(book)] = 0
    assert acted.index(True) == (50 if exact else 49)


@pytest.mark.parametrize("exact", [False, True])
def test_ladders_are_added_to_after_an_alarm(exact):
    book, reals, parameters = opened(exact)
    two_sides(book)
    makers.maker_reads(book, reals, parameters, 0)
    makers.maker_quotes(book, reals, parameters, 0)
    agent = exchange.agent_of(book, 0)
    spread, lot = book[agent + at.LAST_SPREAD], book[agent + at.LOT]
    makers.maker_repeats(book, reals, parameters, 0, 100_000, spread, lot)
    assert book[agent + at.HELD] == (40 if exact else 20)


@pytest.mark.parametrize("exact", [False, True])
def test_an_agent_may_trade_with_itself(exact):
    book, _, parameters = opened(exact)
    exchange.send(book, parameters, SELL, 100_000, 10, 0)
    exchange.send(book, parameters, BUY, 100_000, 10, 0)
    assert book[TRADED + BUY] == (10 if exact else 0)
    assert book[BEST + BUY] == (-1 if exact else 100_000)


@pytest.mark.parametrize("exact", [False, True])
def test_the_fundamental_value_is_rounded(exact):
    book, reals, parameters = opened(exact, volatility_per_root_ns=1e-3)
    values = [
        fundamental_at(book, reals, parameters, int(book[CLOCK]) + second * SECOND)
        for second in range(1, 20)
    ]
    assert (np.rint(values) == values).all() == exact


@pytest.mark.parametrize("exact", [False, True])
def test_a_value_agent_cancels_an_order_that_arrived_late(exact):
    book, _, parameters = opened(exact)
    two_sides(book)
    for price in (99_991, 99_992):  # the second before the first could be cancelled
        agents.order_arrives(book, parameters, 1, BUY, price, 5)
    agents.value_reads(book, parameters, 1)
    assert book[BEST + BUY] == (99_990 if exact else 99_991)


def test_orders_rest_at_any_price():
    book, _, parameters = opened(True)
    assert book[MASK] + 1 > 2 * 100_000
    for price in (1, 99_999, 200_000):
        number = exchange.send(book, parameters, BUY if price < 10**5 else SELL, price, 5, NONE)
        assert number[0] == 0


def test_the_original_knows_no_flow():
    with pytest.raises(PacesetterError, match="use preset rmsc04"):
        BackgroundMarket.preset("realistic", abides_exact=True)
    market = make("execution", abides_exact=True, parent_size=10, decisions=1)
    assert market.preset.abides_exact and not make("execution").preset.abides_exact


def test_alarms_are_answered_by_what_was_known_then():
    book, reals, parameters = opened(True)
    two_sides(book, 100)
    makers.maker_reads(book, reals, parameters, 0)
    book[queue_of(book)] = 0
    limit_order(book, BUY, 99_980, 10_000, -1, 0, False)
    exchange.watch_balance(book, parameters)
    agent, queue = exchange.agent_of(book, 0), queue_of(book) + 3
    book[agent + at.MID] = 90_000  # learned while the answer is on its way
    assert book[queue + 2] == at.MAKER_REPEATS
    assert book[queue + 4] == 100_000 and book[queue + 6] == book[agent + at.LOT]
    assert book[queue + 5] / at.SPREAD_UNITS == pytest.approx(reals[at.SPREADS])
