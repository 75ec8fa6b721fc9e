"""Errors of answers whose true value is known."""

from __future__ import annotations

import pytest

from pacesetter.training.studies.planted import Planted

PLANTED = Planted("shops_planted", "try", {"a": 1.0, "b": 2.0}, observations=2, episodes=50)
RESULTS = {
    "try 0": [{"theta/a": 1.3, "theta/b": 2.0, "theta_standard_error/a": 0.1}],
    "try 1": [{"theta/a": 0.6, "theta/b": 2.1, "theta_standard_error/a": 0.3}],
    "of another table": [{"theta/a": 9.0, "theta/b": 9.0, "theta_standard_error/a": 9.0}],
}


def test_observations_share_no_episode():
    assert [trial.overrides for trial in PLANTED.trials] == [
        ("objective.reference.seed=0",), ("objective.reference.seed=50",)
    ]  # fmt: skip
    assert {trial.name for trial in PLANTED.trials} < set(RESULTS)


def test_errors_are_of_these_trials_alone():
    assert PLANTED.error(RESULTS, "a") == pytest.approx([0.125**0.5])
    assert PLANTED.error(RESULTS, "b", 0.1) == pytest.approx([0.5**0.5])
    assert PLANTED.covered(RESULTS, "a") == pytest.approx([0.5])
    claims = PLANTED.over_least(1.5, {"a": 0.5, "b": 0.1})
    assert [claim.high for claim in claims] == [float("inf"), 1.5] * 2
    assert claims[1].value(RESULTS) == pytest.approx([0.5**0.5])
    (only,) = PLANTED.within(0.2, names=("b",))
    assert only.label == "root mean square error of b"
    assert only.value(RESULTS) == pytest.approx([0.1 * 0.5**0.5])
