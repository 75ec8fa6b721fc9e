"""Stylised facts of books that are known, and the report beside the original."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.order_book import stylised_facts as facts
from pacesetter.envs.order_book.book import OrderBook, Side
from pacesetter.envs.order_book.layout import BUY, SELL
from pacesetter.training.reproduction.reproduce import reproduce
from pacesetter.training.studies.order_book.equivalence import (
    REFERENCES,
    Reference,
    fits,
    order_book_equivalence,
)

NAN = math.nan
BOOK = facts.BookSamples(
    time_ns=np.array([0, 1, 2]),
    bid_prices=np.array([[92.0, 91.0], [92.0, 91.0], [NAN, NAN]]),
    bid_sizes=np.array([[20.0, 30.0], [20.0, 30.0], [0.0, 0.0]]),
    ask_prices=np.array([[94.0, 95.0], [95.0, 97.0], [95.0, 97.0]]),
    ask_sizes=np.array([[25.0, 30.0], [30.0, 20.0], [30.0, 20.0]]),
)


def test_facts_of_the_worked_example():
    """INTAGS, appendix C.1: a purchase of 25 moves mid and spread from 93 and 2 to 93.5 and 3."""
    np.testing.assert_array_equal(BOOK.mid, [93.0, 93.5, NAN])
    np.testing.assert_array_equal(BOOK.spread, [2.0, 3.0, NAN])
    np.testing.assert_allclose(BOOK.imbalance(1), [20 / 45, 20 / 50, 0.0])
    np.testing.assert_allclose(BOOK.imbalance(2), [50 / 105, 0.5, 0.0])
    np.testing.assert_array_equal(BOOK.volume(BUY, 2), [50, 50, 0])
    np.testing.assert_array_equal(BOOK.volume(SELL, 1), [25, 30, 30])
    with pytest.raises(PacesetterError, match="sampled to 2 levels, but 3"):
        BOOK.volume(BUY, 3)


def test_an_empty_book_leans_to_neither_side():
    nothing = np.zeros((1, 1))
    assert facts.BookSamples(np.zeros(1), nothing, nothing, nothing, nothing).imbalance(1) == 0.5


def test_returns_and_impact():
    mid = np.array([100.0, 110.0, 99.0])
    np.testing.assert_allclose(facts.log_return(mid), np.log([1.1, 0.9]))
    np.testing.assert_allclose(facts.log_return(mid, lag=2), np.log([0.99]))
    np.testing.assert_allclose(facts.price_impact(mid), np.log([1.0, 1.1, 0.99]))


def test_depth_is_positive_away_from_the_market():
    depth = facts.order_depth([BUY, SELL, BUY], [90, 97, 93], 92, 94)
    np.testing.assert_array_equal(depth, [2, 3, -1])


def test_autocorrelation_of_an_autoregression():
    """AR(1) with coefficient a has the autocorrelation a**k."""
    generator, value, series = np.random.default_rng(0), 0.0, []
    for shock in generator.normal(size=40_000):
        value = 0.6 * value + shock
        series.append(value)
    found = facts.autocorrelation(series, 4)
    np.testing.assert_allclose(found, 0.6 ** np.arange(1, 5), atol=4 / math.sqrt(40_000))
    np.testing.assert_array_equal(facts.autocorrelation(np.ones(10), 3), 0)


@pytest.fixture
def events():
    """Two asks at 1 s, the first filled in two parts at 3 s and 5 s; a bid at 61 s."""
    book, found = OrderBook(), []

    def at_second(seconds, outcome):
        found.extend(event._replace(time=seconds * 10**9) for event in outcome.events)

    at_second(1, book.submit_limit(Side.SELL, 94, 10))
    at_second(1, book.submit_limit(Side.SELL, 95, 7))
    at_second(3, book.submit_market(Side.BUY, 4))
    at_second(5, book.submit_market(Side.BUY, 8))
    at_second(61, book.submit_limit(Side.BUY, 90, 5))
    return np.array(found, dtype=np.int64)


def test_facts_of_events(events):
    np.testing.assert_array_equal(facts.time_to_first_fill(events), [2.0, 4.0])
    executed = facts.cumulative_executed(events, [0, 3 * 10**9, 4 * 10**9, 10**11])
    np.testing.assert_array_equal(executed, [0, 4, 4, 12])
    volume = facts.volume_per_minute(events, start_ns=0, minutes=2)
    assert volume.tolist() == [[12, 17], [5, 0]]
    assert facts.trades(events)["price"].tolist() == [94, 94, 95]
    assert facts.trades(events)["side"].tolist() == [BUY, BUY, BUY]


def test_a_figure_fits_where_a_run_of_the_original_could_be_ours():
    ours = np.array([1.0, 2.0, 3.0])  # 2 ± 1
    for runs, fitting in (((4.0,), True), ((4.1,), False), ((-1.0, 0.0), True), ((-2, -1), False)):
        assert fits(Reference("", "", runs), ours) == fitting


def test_the_report_beside_the_original(tmp_path):
    """Twelve seeds already trade as the original does, but for an unlucky figure or two."""
    figures = order_book_equivalence(tmp_path, seeds=12)
    verdicts = [
        figures[f"{preset}/{reference.figure}/fits"]
        for preset, references in REFERENCES.items()
        for reference in references
    ]
    assert sum(verdicts) >= len(verdicts) - 2
    written = json.loads((tmp_path / "order_book_equivalence.json").read_text())
    assert written["figures"] == figures
    text = (tmp_path / "order_book_equivalence.md").read_text()
    for name in ("order_book_depth", "order_book_trades", "order_book_autocorrelation"):
        assert (tmp_path / f"{name}.png").stat().st_size > 0 and f"{name}.png" in text


def test_a_report_from_one_seed_judges_nothing(tmp_path):
    figures = order_book_equivalence(tmp_path, seeds=1)
    assert not [name for name in figures if name.endswith(("/fits", "/deviation"))]
    text = (tmp_path / "order_book_equivalence.md").read_text()
    assert "| yes |" not in text
    assert "**no**" not in text
    assert "| mean spread, cents | 2.4 | 2.278 |" in text


def test_the_report_is_a_reproduction(tmp_path):
    with pytest.raises(PacesetterError, match="did you mean 'order_book_equivalence'"):
        reproduce("order_book_equivalenc", tmp_path, tmp_path)
