"""Wald's test keeps the chances of error that it is given, and needs few values to do so."""

from __future__ import annotations

import numpy as np
import pytest

from pacesetter.training.soak.sequential import sequential_test

MARGIN, SPREAD, TRIALS, LONGEST = 0.01, 0.02, 300, 400


@pytest.mark.parametrize(
    ("mean", "right"), [(0.0, "not different"), (MARGIN, "different"), (-MARGIN, "different")]
)
def test_chances_of_error(mean, right):
    rng = np.random.default_rng(0)
    found = [
        sequential_test(list(rng.normal(mean, SPREAD, LONGEST)), MARGIN) for _ in range(TRIALS)
    ]
    wrong = np.mean([verdict.text != right for verdict in found])
    # Somewhat above the nominal .05, as the variance is estimated.
    assert wrong < 0.09
    assert np.mean([verdict.used for verdict in found]) < 60


def test_few_values_tell_nothing():
    assert sequential_test([], MARGIN).text == "cannot tell yet"
    assert sequential_test([0.0, 0.0], MARGIN).text == "cannot tell yet"
    assert sequential_test([0.0] * 10, MARGIN).text == "not different"
    assert sequential_test([0.02, 0.021] * 5, MARGIN).text == "different"
