"""Search leaders against formulas: optima under noise, distributions, entropies, posteriors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

from pacesetter.envs.core.characteristics import Characteristic, Characteristics
from pacesetter.leaders.search.analytic import AnalyticLeader
from pacesetter.leaders.search.bayesian import BayesianLeader
from pacesetter.leaders.search.feasible import FeasibleSet, LinearConstraint
from pacesetter.leaders.search.fixed import FixedLeader
from pacesetter.leaders.search.grid import GridLeader
from pacesetter.leaders.search.measurements import Observations
from pacesetter.leaders.search.random_search import RandomLeader

MARKET = Characteristics(
    [Characteristic("tax", -1.0, 3.0, 0.0, "EUR"), Characteristic("speed", 0.0, 10.0, 5.0)]
)
OPTIMUM = np.array([1.7, 3.5])
SCALE = np.array([1.0, 2.5])


def objective(theta):
    """A quadratic with value 0 at the optimum and about -7 in the far corners."""
    return -(((theta - OPTIMUM) / SCALE) ** 2).sum(axis=1)


def steep(theta):
    """Minus 1 at the optimum and about minus a million in the far corners."""
    return -np.exp(-2.0 * objective(theta))


def run(settings, seed, noise, rounds=8, number=16, replications=1, of=objective):
    search = settings.search(MARKET, seed)
    generator = np.random.default_rng(seed)
    for _ in range(rounds):
        theta = np.repeat(search.propose(number), replications, axis=0)
        search.learn(theta, of(theta) + noise * generator.standard_normal(len(theta)))
    return search


@pytest.fixture(scope="module")
def regrets():
    """Regret of the answer after 128 measurements with noise as large as the range: paired."""
    leaders = {"bayesian": BayesianLeader(), "random": RandomLeader()}
    return {
        name: np.array([-objective(run(leader, seed, 2.0).best()[None])[0] for seed in range(10)])
        for name, leader in leaders.items()
    }


def test_bayesian_finds_the_optimum_of_a_noisy_quadratic(regrets):
    # Regret is the squared distance in units where the box is 4 by 4.
    assert np.median(regrets["bayesian"]) < 0.2
    assert regrets["bayesian"].max() < 1.0


def test_bayesian_beats_random_search_at_equal_budget(regrets):
    difference = regrets["random"] - regrets["bayesian"]
    assert difference.mean() > 0
    assert (difference > 0).sum() >= 7


@pytest.mark.parametrize(
    "settings",
    [
        BayesianLeader(acquisition="upper_confidence_bound"),
        BayesianLeader(acquisition="probability_of_improvement"),
        BayesianLeader(exploration=0.5, initial_points=5, most_points=48),
    ],
)
def test_every_acquisition_finds_the_optimum(settings):
    regret = [-objective(run(settings, seed, 1.0).best()[None])[0] for seed in range(3)]
    assert np.median(regret) < 0.25


def test_without_noise_the_answer_is_sharp():
    best = run(BayesianLeader(), 0, 0.0, rounds=6).best()
    assert np.abs((best - OPTIMUM) / SCALE).max() < 0.05


def test_what_runs_over_orders_of_magnitude_is_found_by_its_logarithm():
    off = {
        modelled: [
            -objective(run(BayesianLeader(modelled=modelled), seed, 0.1, of=steep).best()[None])[0]
            for seed in range(4)
        ]
        for modelled in ("values", "log_shortfall")
    }
    assert np.max(off["log_shortfall"]) < 0.05
    assert np.median(off["values"]) > 4 * np.median(off["log_shortfall"])


def test_a_logarithm_of_shortfalls_is_the_formula():
    data = Observations.none(1).add(np.arange(11)[:, None] / 10, -(np.arange(11.0) ** 2), 50)
    repeated = data.add(np.array([[0.5]]), np.array([-23.0]), 50)
    found = repeated.log_shortfalls()
    unit = np.quantile(-repeated.means, 0.1)
    np.testing.assert_allclose(found.means, -np.log((unit - repeated.means) / unit))
    [row] = np.flatnonzero(repeated.squares)
    slope = 1.0 / (unit - repeated.means[row])
    assert found.squares[row] == pytest.approx(repeated.squares[row] * slope**2)


def test_replications_help():
    single = [-objective(run(BayesianLeader(), seed, 4.0, 4).best()[None])[0] for seed in range(5)]
    many = [
        -objective(run(BayesianLeader(), seed, 4.0, 4, replications=32).best()[None])[0]
        for seed in range(5)
    ]
    assert np.mean(many) < np.mean(single)
    assert np.max(many) < 0.5


def test_constrained_optimum_lies_on_the_constraint():
    constraint = LinearConstraint({"tax": 1.0, "speed": 0.4}, upper=2.0)
    best = run(BayesianLeader(constraints=(constraint,)), 1, 0.3).best()
    # Lagrange: in units of SCALE the nearest point of the plane to the optimum.
    normal = np.array([1.0, 0.4]) * SCALE
    excess = OPTIMUM @ [1.0, 0.4] - 2.0
    expected = OPTIMUM - SCALE * normal * excess / (normal @ normal)
    assert best @ [1.0, 0.4] <= 2.0
    assert np.abs((best - expected) / SCALE).max() < 0.3


def test_a_batch_equals_conditioning_on_its_believed_points():
    from pacesetter.leaders.search.proposals import Batch, acquisition_function
    from pacesetter.leaders.search.surrogate import Surrogate

    generator = np.random.default_rng(3)
    points = generator.random((30, 2))
    data = Observations.none(2).add(points, generator.standard_normal(30), 100)
    surrogate, feasible = Surrogate(data), FeasibleSet(MARKET)
    acquisition = acquisition_function("expected_improvement", 0.01)
    batch = Batch(surrogate, acquisition, feasible, generator, np.empty((0, 2)), 5)
    chosen = np.stack([batch.next() for _ in range(5)])
    known = np.concatenate([surrogate.points, chosen])
    noise = np.r_[np.full(30, surrogate.noise + 1e-8), np.zeros(5)]
    cross = surrogate.covariance(batch._candidates, known)
    covariance = surrogate.covariance(known, known) + np.diag(noise)
    variance = surrogate.signal - (cross * np.linalg.solve(covariance, cross.T).T).sum(axis=1)
    np.testing.assert_allclose(batch._variance, variance, atol=1e-6)


def test_noise_is_learned_also_from_repetitions():
    from pacesetter.leaders.search.surrogate import Surrogate

    generator = np.random.default_rng(0)
    points = np.repeat(generator.random((40, 2)), 10, axis=0)
    values = np.sin(4 * points[:, 0]) + 2.0 * generator.standard_normal(400)
    surrogate = Surrogate(Observations.none(2).add(points, values, 512))
    assert len(surrogate.points) == 40
    assert surrogate.noise == pytest.approx(4.0 / values.var(), rel=0.15)


def test_averaging_keeps_count_mean_and_spread():
    generator = np.random.default_rng(1)
    points, values = generator.random((300, 3)), generator.standard_normal(300)
    pooled = Observations.none(3).add(points, values, 50)
    assert len(pooled) == 50 and pooled.counts.sum() == 300
    mean = pooled.counts @ pooled.means / 300
    assert mean == pytest.approx(values.mean())
    spread = pooled.squares.sum() + pooled.counts @ (pooled.means - mean) ** 2
    assert spread == pytest.approx(300 * values.var())
    np.testing.assert_allclose(pooled.counts @ pooled.points / 300, points.mean(axis=0))


@pytest.mark.parametrize("upper", [2.0, -0.4])  # two thirds and one in a hundred of the box
def test_feasible_draws_are_uniform(upper):
    feasible = FeasibleSet(MARKET, (LinearConstraint({"tax": 1.0, "speed": 0.4}, upper),))
    draws = feasible.draw(np.random.default_rng(0), 4000)
    reference = np.random.default_rng(1).random((400_000, 2))
    reference = reference[feasible.contains(reference)]
    for column in range(2):
        assert kstest(draws[:, column], reference[:, column]).pvalue > 1e-3


def test_box_distribution_is_uniform_with_known_entropy_and_mean():
    search = AnalyticLeader().search(MARKET, 0)
    draws = np.concatenate([search.propose(16) for _ in range(250)])
    for column in range(2):
        unit = MARKET.to_unit(draws)[:, column]
        assert kstest(unit, "uniform").pvalue > 1e-3
        # One draw in each of 16 slices, in every call.
        assert (np.sort((unit * 16).astype(int).reshape(250, 16)) == np.arange(16)).all()
    assert abs(np.corrcoef(draws.T)[0, 1]) < 0.06
    assert search.entropy() == pytest.approx(np.log(4.0 * 10.0))
    np.testing.assert_allclose(search.best(), [1.0, 5.0])


def test_grid_distribution_is_balanced_with_shannon_entropy():
    grid = {"tax": [0.0, 1.0, 3.0], "speed": [2.0, 4.0]}
    search = AnalyticLeader(grid=grid).search(MARKET, 1)
    counts = np.unique(search.propose(20), axis=0, return_counts=True)[1]
    assert len(counts) == 6 and set(counts) == {3, 4}
    first = np.concatenate([search.propose(4)[:1] for _ in range(3000)])
    counts = np.unique(first, axis=0, return_counts=True)[1]
    np.testing.assert_allclose(counts / 3000, 1 / 6, atol=0.03)
    assert search.entropy() == pytest.approx(np.log(6))
    np.testing.assert_allclose(search.best(), [4 / 3, 3.0])


def test_grid_and_box_mix():
    search = AnalyticLeader(grid={"tax": [0.0, 1.0]}).search(MARKET, 1)
    draws = search.propose(64)
    assert (draws[:, 0] == 0).sum() == 32 and len(np.unique(draws[:, 1])) == 64
    assert search.entropy() == pytest.approx(np.log(2) + np.log(10.0))
    np.testing.assert_allclose(search.best(), [0.5, 5.0])


def test_discrete_distribution_has_its_frequencies_entropy_and_mean():
    settings = AnalyticLeader(
        distribution="discrete",
        points=[{"tax": 1.0}, {"tax": 2.0, "speed": 1.0}, {"tax": 1.0, "speed": 5.0}, {"tax": 3.0}],
        probabilities=[0.5, 0.3, 0.2, 0.0],
    )
    search = settings.search(MARKET, 2)
    theta = np.concatenate([search.propose(7) for _ in range(1000)])
    share = (theta[:, 0] == 2.0).mean()  # first and third point are the same
    assert share == pytest.approx(0.3, abs=0.01)
    assert set(map(tuple, theta.tolist())) == {(1.0, 5.0), (2.0, 1.0)}
    assert search.entropy() == pytest.approx(-0.7 * np.log(0.7) - 0.3 * np.log(0.3))
    np.testing.assert_allclose(search.best(), [1.3, 0.7 * 5 + 0.3 * 1])


def test_fixed_leader_keeps_its_theta():
    search = FixedLeader({"speed": 2.0}).search(MARKET, 0)
    np.testing.assert_array_equal(search.propose(3), [[0.0, 2.0]] * 3)
    np.testing.assert_array_equal(search.best(), [0.0, 2.0])


def test_grid_leader_visits_all_and_takes_the_highest_mean():
    search = GridLeader(points_per_characteristic=3).search(MARKET, 0)
    np.testing.assert_array_equal(search.best(), MARKET.default)
    theta = np.concatenate([search.propose(5), search.propose(4)])
    assert len(np.unique(theta, axis=0)) == 9
    np.testing.assert_array_equal(search.propose(9), theta)
    search.learn(theta, np.arange(9.0))
    search.learn(theta[-1:], [-100.0])  # the lucky point turns out badly
    np.testing.assert_array_equal(search.best(), theta[7])


def test_grid_leader_breaks_ties_by_the_smallest_characteristics():
    search = GridLeader(points_per_characteristic=3).search(MARKET, 0)
    theta = search.propose(9)
    search.learn(theta, np.zeros(9))
    np.testing.assert_array_equal(search.best(), MARKET.low)


def test_random_leader_prefers_a_good_neighbourhood_to_one_lucky_draw():
    search = RandomLeader().search(MARKET, 0)
    theta = search.propose(400)
    values = objective(theta)
    values[objective(theta).argmin()] = 5.0  # luck, far from the optimum
    search.learn(theta, values)
    assert np.abs((search.best() - OPTIMUM) / SCALE).max() < 0.5
