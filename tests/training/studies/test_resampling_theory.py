"""Resampled intervals: how often they hold the truth, and what they are by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.special import ndtr

from pacesetter.training.studies import resampling
from pacesetter.training.studies.cobweb.study import variance_interval
from pacesetter.training.studies.resampling import (
    bootstrap_interval,
    interquartile_mean,
    probability_of_improvement,
)
from pacesetter.training.studies.statistics import half_width

DRAWS, AT_ONCE = 1000, 100


def mean(values, axis):
    return values.mean(axis=axis)


def coverage(truth, drawn, statistic=mean):
    """How often `bootstrap_interval` of samples ``(DRAWS, n)`` holds the truth."""
    held = []
    for some in np.split(drawn, len(drawn) // AT_ONCE):
        low, high = bootstrap_interval(statistic, some)
        held.append((low <= truth) & (truth <= high))
    return np.mean(held)


def episodes(generator, *shape, length=20):
    """Values that follow on each other within an episode, mean 0, variance 1; ``(…, T)``."""
    paths = [generator.standard_normal(shape)]
    for _ in range(length - 1):
        paths.append(0.8 * paths[-1] + 0.6 * generator.standard_normal(shape))
    return np.stack(paths, axis=-1)


def test_resampled_episodes_hold_the_mean_in_95_of_100_cases_and_their_intervals_do_not():
    values = episodes(np.random.default_rng(0), DRAWS, 40)
    assert 0.92 <= coverage(0.0, values.mean(axis=-1)) <= 0.98
    assert coverage(0.0, values[:300, :10].reshape(300, -1)) < 0.7


def test_resampled_episodes_hold_what_is_no_mean():
    """The variance of all prices, of which those of one episode are alike."""
    values = 5.0 + episodes(np.random.default_rng(1), 300, 60)
    held = [low <= 1.0 <= high for low, high in map(prices_of, values)]
    assert 0.92 <= np.mean(held) <= 0.98


def prices_of(values):
    return variance_interval(values.T[None])  # (E, T, B)


def test_of_five_seeds_a_mean_is_better_held_by_student():
    """Resampled intervals would be far narrower still if they were not widened."""
    five = np.random.default_rng(2).normal(size=(DRAWS, 5))
    student = np.mean([abs(values.mean()) <= half_width(values) for values in five])
    resampled = coverage(0.0, five)
    assert 0.92 <= student <= 0.98
    assert 0.88 <= resampled < student
    assert narrow(five, mean) == pytest.approx(0.83, abs=0.025)


def narrow(drawn, statistic):
    """Coverage of what is not widened."""
    held = []
    for some in np.split(drawn, len(drawn) // AT_ONCE):
        low, high = resampling._interval(statistic, [some], 0.95, 0)
        held.append((low <= 0.0) & (high >= 0.0))
    return np.mean(held)


@pytest.mark.parametrize(("runs", "expected"), [(4, 0.87), (5, 0.93), (10, 0.97)])
def test_interquartile_means_are_held_as_often_as_documented(runs, expected):
    drawn = np.random.default_rng(3).normal(size=(DRAWS, runs))
    assert coverage(0.0, drawn, resampling._middle) == pytest.approx(expected, abs=0.02)
    if runs == 5:
        assert narrow(drawn, resampling._middle) == pytest.approx(0.88, abs=0.025)


@pytest.mark.parametrize("shift", [0.0, 0.7, 1.5, 3.0])
def test_improvements_of_five_runs_are_held_even_where_no_run_is_lost(shift):
    generator = np.random.default_rng(4)
    truth = ndtr(shift / np.sqrt(2.0))
    found = [
        probability_of_improvement(generator.normal(shift, size=5), generator.normal(size=5))
        for _ in range(400)
    ]
    assert np.mean([one.value for one in found]) == pytest.approx(truth, abs=0.02)
    assert np.mean([one.low <= truth <= one.high for one in found]) >= 0.94


# By hand ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4,), (5,), (11,), (5, 3)])
def test_the_interquartile_mean_leaves_a_quarter_out_at_either_end(shape):
    scores = np.random.default_rng(5).normal(size=shape)
    out = scores.size // 4
    expected = np.sort(scores.ravel())[out : scores.size - out].mean()
    assert interquartile_mean(scores).value == pytest.approx(expected)


def test_improvement_counts_pairs():
    ours, theirs = np.array([3.0, 1.0, 2.0]), np.array([2.0, 0.0, 5.0, 1.0])
    pairs = list(itertools.product(ours, theirs))
    won = sum(x > y for x, y in pairs) + 0.5 * sum(x == y for x, y in pairs)
    assert probability_of_improvement(ours, theirs).value == won / 12
    over_tasks = probability_of_improvement(
        np.stack([ours, ours + 9], axis=1), np.stack([theirs, theirs], axis=1)
    )
    assert over_tasks.value == (won / 12 + 1.0) / 2


def test_runs_that_were_never_beaten_are_not_certain_to_win():
    """That five independent pairs are all won has chance 0.025 at 0.478 each."""
    won = probability_of_improvement(np.arange(5) + 10.0, np.arange(6))
    lost = probability_of_improvement(np.arange(6), np.arange(5) + 10.0)
    assert won == (1.0, pytest.approx(0.025**0.2), 1.0)
    assert lost == (0.0, 0.0, pytest.approx(1.0 - 0.025**0.2))
    assert str(won) == "1 [0.48, 1]"
    twice = probability_of_improvement(np.ones((5, 2)), np.zeros((6, 2)))
    assert twice.low == pytest.approx(0.025**0.1)


def test_tasks_are_strata():
    """Runs of one task agree, tasks differ: resampling runs within tasks changes nothing."""
    found = interquartile_mean(np.tile([0.0, 1.0], (5, 1)))
    assert found == (0.5, 0.5, 0.5)


def test_intervals_are_the_same_whenever_they_are_asked_for():
    values = np.random.default_rng(6).normal(size=12)
    assert bootstrap_interval(mean, values) == bootstrap_interval(mean, values)
    assert bootstrap_interval(mean, values) != bootstrap_interval(mean, values, seed=1)
    low, high = bootstrap_interval(mean, values, level=0.5)
    assert bootstrap_interval(mean, values)[0] < low < high < bootstrap_interval(mean, values)[1]


def test_one_value_and_equal_values():
    assert np.isnan(bootstrap_interval(mean, [1.0])).all()
    assert bootstrap_interval(mean, [2.0, 2.0, 2.0]) == (2.0, 2.0)
    assert interquartile_mean(np.full(5, 0.25)).named("x") == {
        "x": 0.25,
        "x_low": 0.25,
        "x_high": 0.25,
    }
