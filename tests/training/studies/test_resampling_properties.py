"""What holds of interquartile means and of improvements whatever the scores are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacesetter.training.studies.resampling import (
    interquartile_mean,
    probability_of_improvement,
)

FEW = settings(max_examples=40, deadline=None)
RUNS = st.lists(st.integers(-6, 6), min_size=4, max_size=9)  # small numbers, so that some tie


@FEW
@given(scores=RUNS)
def test_an_interquartile_mean_lies_among_the_scores(scores):
    value, low, high = interquartile_mean(scores)
    assert min(scores) <= low <= high <= max(scores)
    assert min(scores) <= value <= max(scores)


@FEW
@given(scores=RUNS, data=st.data(), times=st.sampled_from([0.5, 2.0, 4.0]), more=st.integers(-3, 3))
def test_an_interquartile_mean_moves_with_the_scores_and_ignores_their_order(
    scores, data, times, more
):
    value = interquartile_mean(scores).value
    shuffled = data.draw(st.permutations(scores))
    assert interquartile_mean(shuffled).value == pytest.approx(value)
    moved = interquartile_mean(times * np.array(scores) + more)
    assert moved.value == pytest.approx(times * value + more)
    assert interquartile_mean(-np.array(scores)).value == pytest.approx(-value)


@FEW
@given(ours=RUNS, theirs=RUNS)
def test_improvements_of_the_two_make_one(ours, theirs):
    """A tie counts half on either side."""
    value, low, high = probability_of_improvement(ours, theirs)
    assert 0.0 <= low <= high <= 1.0
    assert 0.0 <= value <= 1.0
    assert value + probability_of_improvement(theirs, ours).value == pytest.approx(1.0)
    assert probability_of_improvement(ours, ours).value == pytest.approx(0.5)


@FEW
@given(ours=RUNS, theirs=RUNS, data=st.data())
def test_improvements_are_of_ranks(ours, theirs, data):
    """No order of the runs matters, and no scale that keeps theirs."""
    found = probability_of_improvement(ours, theirs)
    scaled = probability_of_improvement(np.exp(ours), np.exp(theirs))
    assert scaled == pytest.approx(found)
    shuffled = data.draw(st.permutations(ours))
    assert probability_of_improvement(shuffled, theirs).value == pytest.approx(found.value)


@FEW
@given(ours=RUNS, theirs=RUNS, more=st.integers(1, 5))
def test_better_runs_improve_more_often(ours, theirs, more):
    better = probability_of_improvement(np.array(ours) + more, theirs).value
    assert better >= probability_of_improvement(ours, theirs).value
