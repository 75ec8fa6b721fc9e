"""Standard errors and intervals held to what they promise: how often they hold the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pacesetter.training.evaluation import evaluate
from pacesetter.training.evaluation.retrain import compare
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.policies.play import play
from pacesetter.training.policies.policies import Trained
from pacesetter.training.studies.cobweb.study import PRICES_PER_SAMPLE, blocks
from pacesetter.training.studies.statistics import (
    clustered_standard_error,
    deviation,
    finite,
    half_width,
    mean_text,
    paired_standard_error,
    standard_error,
)

CLUSTERS, DRAWS = 60, 2000


def clustered(generator, sizes, shared):
    """Values with a part that their cluster has in common, mean zero, and their clusters."""
    clusters = np.repeat(np.arange(len(sizes)), sizes)
    return shared[clusters] + generator.standard_normal(len(clusters)), clusters


def coverage(errors, estimates):
    """How often the truth, zero, lies within 1.96 standard errors."""
    return float(np.mean(np.abs(estimates) <= 1.96 * np.array(errors)))


@pytest.mark.parametrize("least", [10, 1])
def test_the_interval_of_clustered_values_holds_the_truth_as_often_as_it_says(least):
    generator = np.random.default_rng(0)
    means, errors, naive = [], [], []
    for _ in range(DRAWS):
        sizes = generator.integers(least, 11, CLUSTERS)
        values, clusters = clustered(generator, sizes, generator.standard_normal(CLUSTERS))
        means.append(values.mean())
        errors.append(clustered_standard_error(values, clusters))
        naive.append(standard_error(values))
    assert coverage(errors, means) == pytest.approx(0.95, abs=0.025)
    assert coverage(naive, means) < 0.7


@pytest.mark.parametrize(("episodes", "intervals"), [(12, 10), (60, 30)])
def test_an_interval_over_episodes_holds_the_truth_in_95_of_100_cases(episodes, intervals):
    """Intervals of an episode follow on each other: each keeps 0.9 of the one before."""
    shocks = np.random.default_rng(5).standard_normal((intervals, DRAWS, episodes))
    paths = [shocks[0]]
    for shock in shocks[1:]:
        paths.append(0.9 * paths[-1] + np.sqrt(1 - 0.9**2) * shock)
    values = np.stack(paths, axis=-1).reshape(DRAWS, -1)
    clusters = np.repeat(np.arange(episodes), intervals)
    held = [abs(one.mean()) <= half_width(one, clusters=clusters) for one in values]
    assert 0.92 <= np.mean(held) <= 0.98
    as_if_independent = [abs(one.mean()) <= half_width(one) for one in values]
    assert np.mean(as_if_independent) < 0.7


def test_the_interval_of_paired_clusters_holds_the_truth_as_often_as_it_says():
    """Both sides share what is drawn for a cluster, and have other numbers of values in it."""
    generator = np.random.default_rng(1)
    gaps, errors, apart = [], [], []
    for _ in range(DRAWS):
        shared = 3.0 * generator.standard_normal(CLUSTERS)
        own = shared + generator.standard_normal(CLUSTERS)
        sizes = np.full(CLUSTERS, 6)
        one, of_one = clustered(generator, sizes, shared)
        other, of_other = clustered(generator, sizes - generator.integers(0, 2, CLUSTERS), own)
        gaps.append(one.mean() - other.mean())
        errors.append(paired_standard_error(one, of_one, other, of_other))
        apart.append(
            np.hypot(
                clustered_standard_error(one, of_one), clustered_standard_error(other, of_other)
            )
        )
    assert coverage(errors, gaps) == pytest.approx(0.95, abs=0.025)
    assert np.mean(errors) < 0.6 * np.mean(apart)


def test_clusters_of_one_size_count_as_their_means():
    values = np.random.default_rng(2).normal(size=(7, 5))
    clusters = np.repeat(np.arange(7), 5)
    expected = values.mean(axis=1).std(ddof=1) / np.sqrt(7)
    assert clustered_standard_error(values.ravel(), clusters) == pytest.approx(expected)
    shuffled = np.random.default_rng(3).permutation(35)
    found = clustered_standard_error(values.ravel()[shuffled], 10 * clusters[shuffled])
    assert found == pytest.approx(expected)
    alone = clustered_standard_error(values[:, 0], np.arange(7))
    assert alone == pytest.approx(standard_error(values[:, 0]))


def test_half_of_an_interval_over_few_seeds_is_of_student():
    values = np.array([1.0, 2.0, 4.0, 4.5, 7.0])
    low, high = stats.t.interval(0.95, 4, loc=values.mean(), scale=stats.sem(values))
    assert half_width(values) == pytest.approx((high - low) / 2)
    assert half_width(values) == pytest.approx(2.776 * standard_error(values), rel=1e-3)
    drawn = np.random.default_rng(4).normal(size=(DRAWS, 5))
    held = [abs(five.mean()) <= half_width(five) for five in drawn]
    assert 0.92 <= np.mean(held) <= 0.98
    skew = np.random.default_rng(5).exponential(size=(DRAWS, 5))
    held = [abs(five.mean() - 1.0) <= half_width(five) for five in skew]
    assert np.mean(held) == pytest.approx(0.88, abs=0.02)
    too_narrow = [abs(five.mean()) <= standard_error(five) for five in drawn]
    assert np.mean(too_narrow) < 0.7


def test_one_value_has_no_interval():
    one = np.array([3.0])
    assert np.isnan(standard_error(one))
    assert np.isnan(half_width(one))
    together = np.array([5, 5])
    assert np.isnan(clustered_standard_error(np.array([1.0, 2.0]), together))
    assert np.isnan(half_width(np.array([1.0, 2.0]), clusters=together))
    assert finite({"error": standard_error(one), "mean": 3.0}) == {"mean": 3.0}
    assert deviation(np.full(3, 0.1)) == 0.0
    assert mean_text(one, 3) == "3"
    assert mean_text(np.array([2.0, 4.0]), 3) == "3 ± 13"


class Crowd:
    """Traders of whom all or none enter, by a coin that is thrown once per episode and copy."""

    has_leader = False

    def __init__(self, seed):
        self.generator = np.random.default_rng(seed)
        self.enters = None

    def act(self, state, generator, greedy=False):
        starts = np.asarray(state.clock) == 0
        if self.enters is None:
            self.enters = np.zeros(len(starts), dtype=int)
        drawn = self.generator.integers(0, 2, len(starts))
        self.enters = np.where(starts, drawn, self.enters)
        return {"trader": np.repeat(self.enters[:, None], 20, axis=1)}


OVERRIDES = (
    "objective={name: quantity, quantity: attendance}",
    "leader={name: fixed, interval: 10}",
    "evaluation.copies=4",
    "evaluation.episodes=3",
)


def test_an_evaluation_counts_episodes_and_not_intervals(monkeypatch):
    monkeypatch.setattr(evaluate, "study_of", lambda experiment: None)  # asks for probabilities
    experiment = load_experiment("market_entry_untaxed", OVERRIDES)
    played = play(experiment, Crowd(0), np.array([0.0]))
    np.testing.assert_array_equal(np.bincount(played.episode), np.full(12, 10))
    attendance = np.moveaxis(played.quantities["attendance"], 1, 2).reshape(12, 10, 10)
    by_interval = played.objective[np.argsort(played.episode, kind="stable")].reshape(12, 10)
    scale = by_interval.max() / attendance.mean(axis=2).max()
    np.testing.assert_allclose(by_interval, scale * attendance.mean(axis=2))
    of_episodes = standard_error(by_interval.mean(axis=1))
    assert of_episodes > 3 * standard_error(by_interval.ravel())
    results = evaluate.measure(Trained(experiment, Crowd(0), np.array([0.0]))).results
    assert results["objective/answer"] == pytest.approx(by_interval.mean())
    assert results["objective/answer_standard_error"] == pytest.approx(of_episodes)
    half = stats.t.ppf(0.975, 11) * of_episodes
    assert results["objective/answer_half_width_95"] == pytest.approx(half)
    _, shown, _ = evaluate.result_lines(experiment, results)[1]
    assert shown == f"{by_interval.mean():.5g} ± {half:.2g}"


@pytest.mark.parametrize("periods", [7, 50, 120, 200, 300, 600])
def test_samples_of_prices_are_independent_where_they_share_no_episode(periods):
    found = blocks(40, periods)
    last = (PRICES_PER_SAMPLE * np.arange(1, 41) - 1) // periods  # episode of its last price
    first = PRICES_PER_SAMPLE * np.arange(40) // periods
    np.testing.assert_array_equal(np.diff(found) == 0, first[1:] == last[:-1])


def test_a_certificate_counts_episodes_and_not_intervals():
    experiment = load_experiment("market_entry_untaxed", OVERRIDES)
    one, other = (Trained(experiment, Crowd(seed), np.array([0.0])) for seed in (0, 1))
    gap = compare(one, other)["leader_gap/standard_error"]
    first, second = (play(experiment, Crowd(seed), np.array([0.0])) for seed in (0, 1))
    means = [
        np.bincount(of.episode, weights=of.objective) / np.bincount(of.episode)
        for of in (first, second)
    ]
    assert gap == pytest.approx(standard_error(means[0] - means[1]))
    assert gap > 3 * standard_error(first.objective - second.objective)
