"""The arithmetic of many runners: what a driver can feed, against cases that are known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pacesetter.training.bench import scale
from pacesetter.training.bench.scale import Costs

COSTS = Costs(
    weights=40_000,
    theta=500,
    rollout=9_000_000,
    rows=128_000,
    parameters=560_000,
    minibatches=32.0,
    rows_per_minibatch=8192,
    sample=0.5,
    learn=30e-6,
    call=1e-3,
    receive=5e-3,
    share=20e-3,
    put_weights=1e-3,
)


def test_one_learner_sends_no_messages_and_many_cannot_beat_their_messages():
    assert scale.learning_seconds(COSTS, 1, 1) == pytest.approx(128_000 * 30e-6)
    two = scale.learning_seconds(COSTS, 1, 2)
    assert two == pytest.approx(1.92 * (1 + 0.0130) + 32 * 2 * (100e-6 + 224e-6), rel=1e-3)
    slow = replace(COSTS, parameters=10**9)
    assert scale.learning_seconds(slow, 1, 8) > 32 * 2 * 7 / 8 * 0.8


def test_the_play_is_the_arithmetic_where_all_runners_are_alike(monkeypatch):
    monkeypatch.setattr(scale, "SPREAD", 0.0)
    # One runner: asked, it samples, is read and told; the third call comes with the weights.
    one = scale.play(COSTS, 1)
    assert one == pytest.approx(0.5 + COSTS.driver_per_runner + COSTS.put_weights)
    # A driver that is never idle once the first sample is there.
    slow = replace(COSTS, receive=0.1)
    expected = 0.001 + 0.5 + 100 * (0.1 + 0.001) + 100 * 0.021 + 0.001
    assert scale.play(slow, 100) == pytest.approx(expected)


def test_a_driver_that_works_while_others_sample_is_faster_than_the_sum():
    found = scale.iteration(COSTS, 100)
    assert found.whole == pytest.approx(found.sampling + found.driver + found.learning)
    assert found.learning + found.sampling < found.played < found.whole


def test_calls_take_half_the_time_at_saturation():
    runners = scale.saturation(COSTS)
    rest = 0.5 + scale.learning_seconds(COSTS, 1, 8) + 0.025
    assert 3 * runners * COSTS.call == pytest.approx(rest)


def test_the_page_says_what_was_measured_and_what_follows():
    page = scale.markdown({"a_cores": COSTS}, {"a_cores": "some copies"}, 0.0)
    assert "| a runner's sample | 9.00 MB, 128,000 rows |" in page
    assert "| 1,000 | " in page and "from 137 learners on the driver" in page
