"""Comparison with the original's runs: its statistics and tests against what is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pacesetter.envs.order_book.background.market import SECOND, BackgroundMarket
from pacesetter.envs.order_book.background.simulation import Markets
from pacesetter.training.studies.order_book import comparison, facts
from pacesetter.training.studies.order_book.day import days, impacts
from pacesetter.training.studies.order_book.original import (
    SECONDS,
    START,
    book_of,
    original_runs,
)


def test_books_are_rebuilt_from_events():
    market = BackgroundMarket(close_ns=comparison.CLOSE)
    markets = Markets.opened(market, [5], events=comparison.ROOM_FOR_EVENTS)
    found = []
    for second in range(0, SECONDS, 300):
        markets.advance(START + second * SECOND)
        found.append(markets.levels(10)[0])
    markets.advance(comparison.CLOSE)
    book = book_of(markets.events(0))
    for levels, row in zip(found, range(0, SECONDS, 300), strict=True):
        np.testing.assert_array_equal(np.nan_to_num(book.bid_prices[row]), levels[0])
        np.testing.assert_array_equal(book.ask_sizes[row], levels[3])


def test_permutations_agree_with_a_t_test_and_holm_with_hand():
    generator = np.random.default_rng(0)
    one, other = generator.normal(0.0, 1.0, (40, 3)), generator.normal(0.0, 1.0, (40, 3))
    other[:, 1] += 0.5
    other[:, 2] += 2.0
    levels = comparison.permutation_levels(one, other, 10_000)
    exact = stats.ttest_ind(one, other).pvalue
    assert levels[:2] == pytest.approx(exact[:2], abs=0.02)
    assert levels[2] == pytest.approx(1 / 10_001)
    np.testing.assert_allclose(comparison.holm(np.array([0.01, 0.04, 0.03])), [0.03, 0.06, 0.06])


def test_effects_are_differences_in_deviations():
    values = np.array([-1.0, 0.0, 1.0] * 40)
    assert comparison.effect(values + 0.5, values) == pytest.approx(
        0.5 / values.std(ddof=1), rel=0.01
    )
    assert comparison.effect(values * 0, values * 0) == 0.0


def test_the_original_is_followed_where_it_is_asked_for():
    """Forty runs a side: exact markets are alike in all but a statistic or two."""
    theirs = {name: values[:40] for name, values in original_runs().items()}
    ours = comparison.our_runs(True, 40)
    assert set(ours) == set(theirs)
    levels = comparison.permutation_levels(
        *(np.stack([runs[name] for name in theirs], axis=1) for runs in (ours, theirs)), 5000
    )
    assert (comparison.holm(levels) < 0.05).sum() <= 1
    assert 0 < ours["market makers asleep"].mean() < 1


@pytest.mark.parametrize(("preset", "number"), [("rmsc04", 80), ("rmsc03", 9)])
def test_a_run_that_is_stored_has_every_statistic(preset, number):
    stored = original_runs(preset)
    found = comparison.our_runs(True, 2, preset)
    assert set(found) == set(stored)
    assert all(np.isfinite(values).all() for values in found.values())
    assert {len(values) for values in stored.values()} == {number}


def test_what_a_comparison_can_see():
    """Two groups of 80 show .45 deviations in four of five cases."""
    generator = np.random.default_rng(3)
    effect = comparison.detectable(80, 80)
    one, other = generator.normal(effect, 1, (80, 4000)), generator.normal(0.0, 1.0, (80, 4000))
    assert (stats.ttest_ind(one, other).pvalue < 0.05).mean() == pytest.approx(0.8, abs=0.03)


def test_facts_of_series_that_are_known():
    generator = np.random.default_rng(1)
    normal = generator.normal(size=60_000)
    found = facts.facts_of_returns(normal, np.abs(normal) + generator.normal(size=60_000))
    assert found["kurtosis"] == pytest.approx(0.0, abs=0.1)
    assert found["returns"] == pytest.approx(0.0, abs=0.02)
    assert found["volume"] == pytest.approx(np.sqrt(0.363 / 1.363), abs=0.02)
    pareto = generator.pareto(3.0, 60_000) + 1
    assert facts.tail_index(pareto * generator.choice([-1, 1], 60_000)) == pytest.approx(3, rel=0.1)
    assert facts.exponent(0.4 * np.arange(1, 101) ** -0.6) == pytest.approx(-0.6)


def test_the_realistic_background_has_the_facts_that_rmsc04_lacks():
    """Four days of each; the whole table is `pacesetter reproduce order_book_facts`."""
    mean = {}
    for preset in ("rmsc04", "realistic"):
        found = [facts.facts_of(day) for day in days(preset, 4)]
        mean[preset] = {name: np.mean([one[name] for one in found]) for name in found[0]}
    ours, theirs = mean["realistic"], mean["rmsc04"]
    assert abs(ours["returns"]) < 0.1 < theirs["returns"]
    assert ours["volume"] > 0.1 > theirs["volume"]
    assert ours["clustering/10"] > 0.03 > theirs["clustering/10"]
    assert ours["signs/1"] > 0.1 and 0 < ours["signs/100"] < ours["signs/1"] / 2
    paths = impacts("realistic", 60)
    ends = {children: path[:, -1].mean() for children, path in paths.items()}
    assert 0 < ends[20] < ends[80] < 4 * ends[20]
