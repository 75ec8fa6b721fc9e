"""Calibration of posteriors: those that are right pass, and each way of being wrong is seen."""

from __future__ import annotations

import numpy as np
import pytest

from pacesetter.leaders.gradient.trust import (
    BINS,
    Trials,
    coverage,
    rank_counts,
    ranks,
    scores,
    share_error,
    tarp,
    uniform_band,
    uniform_chance,
)

TRIALS, DRAWS, NOISE = 2000, 499, 0.6


def normal_trials(width=1.0, shift=0.0, blind=False, seed=0):
    """Truths N(0, I) in two dimensions, each seen once in noise; the posterior is exact.

    Args:
        width: factor on its deviation.
        shift: added to its mean, in deviations.
        blind: correlations of the posterior are left out.
    """
    generator = np.random.default_rng(seed)
    mixing = np.array([[1.0, 0.9], [0.0, 0.5]])  # observed: M θ + noise
    precision = np.eye(2) + mixing.T @ mixing / NOISE**2
    covariance = np.linalg.inv(precision)
    truths = generator.standard_normal((TRIALS, 2))
    seen = truths @ mixing.T + NOISE * generator.standard_normal((TRIALS, 2))
    means = seen @ mixing / NOISE**2 @ covariance
    deviation = np.sqrt(np.diag(covariance))
    root = np.diag(deviation) if blind else np.linalg.cholesky(covariance)
    noise = generator.standard_normal((TRIALS, DRAWS, 2)) @ root.T
    draws = means[:, None] + shift * deviation + width * noise
    return truths, draws


def chances(truths, draws):
    return uniform_chance(rank_counts(ranks(truths, draws), DRAWS))


def test_exact_posteriors_pass():
    truths, draws = normal_trials()
    assert (chances(truths, draws) > 0.01).all()
    credibility = tarp(truths, draws, np.ones(2), seed=0)
    for level in (0.5, 0.8, 0.95):
        share, error = coverage(truths, draws, level)
        assert (np.abs(share - level) < 3.5 * error).all()
        of_balls = (credibility <= level).mean()
        assert of_balls == pytest.approx(level, abs=3.5 * share_error(level, TRIALS))
    np.testing.assert_allclose(scores(truths, draws).std(axis=0), 1.0, atol=0.06)


@pytest.mark.parametrize("wrong", [{"width": 0.7}, {"width": 1.4}, {"shift": 0.3}])
def test_posteriors_of_wrong_width_or_place_fail(wrong):
    truths, draws = normal_trials(**wrong)
    assert (chances(truths, draws) < 1e-6).all()
    covered = coverage(truths, draws, 0.8)[0]
    assert (covered > 0.85).all() if wrong.get("width", 0) > 1 else (covered < 0.79).all()


def test_tarp_sees_a_correlation_that_is_left_out():
    """Each characteristic is covered as it should be, the pair is not."""
    truths, draws = normal_trials(blind=True)
    share, error = coverage(truths, draws, 0.8)
    assert (np.abs(share - 0.8) < 3.5 * error).all()
    credibility = tarp(truths, draws, np.ones(2), seed=0)
    counts = np.histogram(credibility, BINS, (0.0, 1.0))[0]
    assert uniform_chance(counts[None])[0] < 0.01
    right = tarp(*normal_trials(), np.ones(2), seed=0)
    assert uniform_chance(np.histogram(right, BINS, (0.0, 1.0))[0][None])[0] > 0.05


def test_ranks_fill_bins_of_equal_size():
    """500 ranks in 10 bins; a band that holds nineteen bins of twenty."""
    truths = np.linspace(-0.5, DRAWS - 0.5, DRAWS + 1)[:, None]
    draws = np.repeat(np.arange(DRAWS, dtype=float)[None, :, None], DRAWS + 1, axis=0)
    counts = rank_counts(ranks(truths, draws), DRAWS)
    assert counts.tolist() == [[50] * BINS]
    low, high = uniform_band(200)
    found = np.random.default_rng(0).multinomial(200, [1 / BINS] * BINS, size=5000)
    inside = ((found >= low) & (found <= high)).mean()
    assert 0.95 <= inside < 0.98


def test_a_share_has_an_error_even_at_its_ends():
    assert share_error(1.0, 30) > 0.02
    assert share_error(0.5, 10_000) == pytest.approx(0.005, rel=1e-3)


def test_all_figures_by_name():
    truths, draws = normal_trials()
    with_fixed = (np.insert(truths[:50], 1, 2.0, axis=1), np.insert(draws[:50], 1, 2.0, axis=2))
    trials = Trials(
        ("a", "fixed", "b"), *with_fixed, np.array([1.0, 0.0, 1.0]), -np.ones(50), -np.ones(50) * 3
    )
    found = trials.figures()
    assert (
        found["trials"] == 50
        and found["log_density"] == -1
        and np.isfinite([*found.values()]).all()
    )
    assert {"coverage_80/a", "coverage_80/b", "tarp_95", "rank_chance/b"} <= set(found)
    assert not any("fixed" in name for name in found)
    assert found["coverage_80/b"] == coverage(truths[:50], draws[:50], 0.8)[0][1]
