"""The flow of split orders against closed forms, and market makers who see through it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, stats

from pacesetter.envs.order_book.background import flow
from pacesetter.envs.order_book.background import layout as at
from pacesetter.envs.order_book.background.exchange import agent_of
from pacesetter.envs.order_book.background.market import HOUR, SECOND, BackgroundMarket
from pacesetter.envs.order_book.background.simulation import Markets
from pacesetter.envs.order_book.layout import (
    BEST,
    BUY,
    CLOCK,
    EXECUTED,
    EXTRA,
    KIND,
    OF_OWNER,
    SELL,
    TAKER,
    TRADED,
)
from pacesetter.envs.order_book.matching import limit_order, market_order
from pacesetter.envs.order_book.stylised_facts import autocorrelation

UNLIKELY = 1e-4


def quiet(**changes):
    """A market in which nobody is awake, with endless orders of 99,999 and 100,001."""
    market = BackgroundMarket.preset("realistic", **changes)
    markets = Markets.opened(market, [3])
    book = markets.memory[0]
    book[queue_of(book)] = 0
    for side, price in ((BUY, 99_999), (SELL, 100_001)):
        limit_order(book, side, price, 1 << 39, -1, 0, False)
    return markets, book, markets.reals[0], markets.parameters[0]


def queue_of(book):
    return int(book[EXTRA] + book[book[EXTRA] + at.QUEUE])


def test_numbers_of_children_are_pareto():
    levels = (np.arange(10_000) + 0.5) / 10_000
    for tail, most in ((1.5, 1000.0), (0.4, 50.0)):
        drawn = [flow.pareto(level, tail, most) for level in levels]
        exact = stats.truncpareto(tail, most)
        assert stats.kstest(drawn, exact.cdf).pvalue > 0.99
    assert flow.pareto(0.5, 0.0, 100.0) == pytest.approx(10.0)  # log-uniform


def test_signs_remember_as_lillo_mike_and_farmer_derive():
    """ρ(τ) = N^(α − 2) / α · τ^(1 − α), their eq. 24, for N parent orders of Pareto exponent α."""
    tail, parents = 1.5, 3
    found = []
    for seed in range(6):
        _, book, reals, parameters = quiet(
            parent_tail=tail, flow_parents=parents, parent_most=10**6, flow_impact=0.0
        )
        book[book[EXTRA] + book[book[EXTRA] + at.FLOW] + at.FLOW_CHOICES] += seed * 7919
        bought = np.zeros(12_000)
        for trade in range(len(bought)):
            flow.flow_trades(book, reals, parameters)
            book[queue_of(book)] = 0
            bought[trade] = book[TRADED + BUY]
        found.append(autocorrelation(np.where(np.diff(bought) > 0, 1.0, -1.0), 64))
    mean = np.mean(found, axis=0)
    for lag in (4, 16, 64):
        exact = parents ** (tail - 2) / tail * lag ** (1 - tail)
        assert mean[lag - 1] == pytest.approx(exact, abs=0.04)


def test_the_value_moves_by_what_was_not_expected():
    _, book, reals, parameters = quiet(flow_impact=2.0, flow_unit=100.0)
    signs = np.zeros(len(flow.SPANS))
    value = reals[at.FUNDAMENTAL]
    for side, size in ((BUY, 100), (BUY, 400), (SELL, 25), (BUY, 100)):
        market_order(book, side, size, -1, 0)
        flow.learn(book, reals, parameters)
        sign = math.sqrt(size / 100) * (1 if side == BUY else -1)
        value += 2.0 * (sign - flow.WEIGHTS @ signs)
        signs += (sign - signs) / flow.SPANS
        assert reals[at.FUNDAMENTAL] == pytest.approx(value)
    flow.learn(book, reals, parameters)  # nothing more to learn
    assert reals[at.FUNDAMENTAL] == pytest.approx(value)


def test_surprises_are_not_foreseen():
    """The weights leave no autocorrelation in the flow that market makers meet."""
    market = BackgroundMarket.preset("realistic", activity_feedback=0.0, news_rate_per_ns=0.0)
    markets = Markets.opened(market, np.arange(6))
    values = []
    for second in range(0, 3 * 3600, 2):
        markets.advance(market.open_ns + second * SECOND)
        values.append(markets.reals[:, at.FUNDAMENTAL].copy())
    changes = np.diff(values, axis=0)[300:]
    found = np.mean([autocorrelation(changes[:, copy], 60) for copy in range(6)], axis=0)
    assert np.abs(found[:10]).max() < 0.04
    assert abs(found.sum()) < 0.35  # of 60 lags; the flow's own sum is about 3


def test_activity_has_the_shape_of_the_day_and_a_mean_of_one():
    markets, book, reals, parameters = quiet(activity_feedback=0.0)
    opens, closes = markets.market.open_ns, markets.market.close_ns

    def activity(time):
        return flow.activity_at(book, reals, parameters, int(time))

    mean = integrate.quad(activity, opens, closes)[0] / (closes - opens)
    assert mean == pytest.approx(1.0, abs=1e-6)
    assert activity(opens) == pytest.approx(activity(closes))
    assert activity(opens) > 2 * activity((opens + closes) / 2)


def test_large_changes_make_more_activity_that_fades():
    _, book, reals, parameters = quiet(activity_feedback=0.8, day_shape=0.0, variance_per_ns=5e-9)
    now = int(book[CLOCK])
    assert flow.activity_at(book, reals, parameters, now) == pytest.approx(1.0)
    flow.move_value(book, reals, parameters, 30.0)
    expected = 1.0 + 0.2 * sum(30.0**2 / (5e-9 * horizon) for horizon in flow.HORIZONS_NS)
    assert flow.activity_at(book, reals, parameters, now) == pytest.approx(expected)
    later = [flow.activity_at(book, reals, parameters, now + h * HOUR) for h in (0, 1, 5, 50)]
    assert later == sorted(later, reverse=True)
    assert later[-1] == pytest.approx(0.2, abs=1e-6)


def test_news_have_their_deviation_and_tail():
    _, book, reals, parameters = quiet(news_size=10.0, news_tail=6.0)
    sizes = np.zeros(20_000)
    for news in range(len(sizes)):
        before = reals[at.FUNDAMENTAL]
        flow.news_comes(book, reals, parameters)
        sizes[news] = reals[at.FUNDAMENTAL] - before
        reals[at.FUNDAMENTAL] = 100_000.0
        book[queue_of(book)] = 0
    scale = 10.0 * math.sqrt(5 * 4 / 2)
    assert stats.kstest(np.abs(sizes), stats.lomax(6.0, scale=scale).cdf).pvalue > UNLIKELY
    assert np.mean(sizes > 0) == pytest.approx(0.5, abs=0.02)


def test_market_makers_quote_around_the_value_without_meeting_each_other():
    market = BackgroundMarket.preset(
        "realistic", value_agents=1, news_rate_per_ns=0.1 / SECOND, activity_feedback=0.0
    )
    markets = Markets.opened(market, np.arange(5), events=200_000)
    away = []
    for minute in range(1, 20):
        markets.advance(market.open_ns + minute * 60 * SECOND)
        mid = (markets.memory[:, BEST + BUY] + markets.memory[:, BEST + SELL]) / 2
        away.append(np.abs(mid - markets.reals[:, at.FUNDAMENTAL]))
    assert np.mean(away) < 1.0
    for copy in range(5):
        events = markets.events(copy)
        executed = events[events[:, KIND] == EXECUTED][:, [OF_OWNER, TAKER]]
        assert not ((executed >= 0) & (executed < 2)).all(axis=1).any()
    book = markets.memory[0]
    assert book[book[EXTRA] + at.REFUSED] == 0
    assert (book[agent_of(book, 0) + at.HELD]) == 2 * market.maker_levels
