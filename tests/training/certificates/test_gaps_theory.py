"""Intervals of gaps hold what they say, and verdicts follow from them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pacesetter.training.certificates.followers import FollowersGap
from pacesetter.training.certificates.gaps import FAILS, HOLDS, UNSURE, Gap, together
from pacesetter.training.studies.resampling import Estimate, crossed_mean


@pytest.mark.parametrize(("seeds", "of_seed"), [(1, 0.0), (3, 0.0), (3, 0.5), (5, 2.0)])
def test_intervals_over_seeds_and_episodes_hold_the_truth(seeds, of_seed):
    generator, held = np.random.default_rng(0), 0
    for _ in range(400):
        of_training = of_seed * generator.standard_normal((seeds, 1))
        values = 1.0 + of_training + generator.standard_normal((1, 40))
        values = values + generator.standard_normal((seeds, 40))
        _, low, high = crossed_mean(values)
        held += low <= 1.0 <= high
    assert 365 <= held <= 399


def test_taking_seeds_for_episodes_would_not():
    generator, held = np.random.default_rng(1), 0
    for _ in range(200):
        values = generator.standard_normal((3, 1)) + generator.standard_normal((3, 40))
        _, low, high = crossed_mean(values.reshape(1, -1))
        held += low <= 0.0 <= high
    assert held < 100


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(-1.0, 0.9, HOLDS), (1.1, 3.0, FAILS), (0.5, 1.5, UNSURE), (math.nan, math.nan, UNSURE)],
)
def test_a_verdict_needs_the_whole_interval(low, high, verdict):
    """In percent of a stake of 50: a tolerance of 2 % is a gain of 1."""
    gap = Gap(Estimate((low + high) / 2, low, high), 50.0)
    assert gap.verdict(2.0) == verdict
    assert Gap(gap.gain, 0.0).verdict(2.0) == UNSURE  # nothing is at stake


def gap(low: float, high: float) -> Gap:
    """In percent of what is at stake."""
    return Gap(Estimate((low + high) / 2, low, high), 100.0)


@pytest.mark.parametrize(
    ("alone", "bound", "exact", "later", "verdict"),
    [
        ((0.1, 0.3), (0.2, 0.4), False, False, HOLDS),
        ((29.0, 72.0), (0.3, 0.4), False, True, UNSURE),
        ((29.0, 72.0), (0.3, 0.4), True, True, UNSURE),
        ((29.0, 72.0), (20.0, 80.0), False, False, FAILS),
        ((0.5, 3.0), (0.3, 0.4), False, False, HOLDS),
        ((0.1, 0.3), (0.2, 4.0), False, False, UNSURE),
    ],
)
def test_what_no_step_gains_an_episode_may(alone, bound, exact, later, verdict):
    """Who commits itself to a position moves the others, which is no matter of one step."""
    found = FollowersGap(gap(*alone), gap(0.0, 0.0), gap(*bound), exact, finite=True, moves=True)
    assert found.later(1.0) == later
    assert found.verdict(1.0) == verdict


def test_the_worst_that_is_sure_decides():
    assert together([HOLDS, UNSURE, FAILS]) == FAILS
    assert together([HOLDS, UNSURE]) == UNSURE
    assert together([HOLDS, HOLDS]) == HOLDS
    assert together([]) == UNSURE


def test_a_gap_names_its_figures():
    ours = np.array([[3.0, 2.0, 4.0, 3.0, 1.0]])
    found = Gap.between(ours, ours - np.array([1.0, 0.0, 1.0, 1.0, 1.0]), 8.0).figures("gap")
    assert found["gap/gain"] == pytest.approx(0.8)
    assert found["gap/percent"] == pytest.approx(10.0)
    assert found["gap/iqm"] == pytest.approx(1.0)
    assert found["gap/improvement"] == pytest.approx(0.9)  # a tie counts half
    assert found["gap/gain_low"] < 0.8 < found["gap/gain_high"]
