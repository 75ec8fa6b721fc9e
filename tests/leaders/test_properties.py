"""What every search leader keeps at all times: bounds, constraints, determinism, resume, errors."""

from __future__ import annotations

import dataclasses
import itertools
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from timing import least_processor_seconds

from pacesetter.envs.core.characteristics import Characteristic, Characteristics
from pacesetter.envs.core.errors import PacesetterError
from pacesetter.leaders.leader import Measured
from pacesetter.leaders.objectives.target import Target
from pacesetter.leaders.policy.ppo import PPOLeader
from pacesetter.leaders.registry import LEADERS
from pacesetter.leaders.search.analytic import AnalyticLeader
from pacesetter.leaders.search.bayesian import BayesianLeader
from pacesetter.leaders.search.feasible import LinearConstraint
from pacesetter.leaders.search.fixed import FixedLeader
from pacesetter.leaders.search.grid import GridLeader
from pacesetter.leaders.search.measurements import Observations
from pacesetter.leaders.search.random_search import RandomLeader

MARKET = Characteristics(
    [
        Characteristic("tax", -1.0, 3.0, 0.0, "EUR"),
        Characteristic("speed", 0.0, 10.0, 5.0),
        Characteristic("frozen", 2.0, 2.0, 2.0),
    ]
)
BUDGET = LinearConstraint({"tax": 1.0, "speed": 0.4}, upper=2.0)
SETTINGS = [
    FixedLeader({"tax": 1.5}),
    GridLeader(points_per_characteristic=3),
    RandomLeader(),
    AnalyticLeader(grid={"speed": [1.0, 4.0]}),
    AnalyticLeader(
        distribution="discrete", points=[{"tax": 1.0}, {"tax": 2.0}], probabilities=[0.25, 0.75]
    ),
    BayesianLeader(initial_points=6),
    BayesianLeader(initial_points=6, most_points=20, constraints=(BUDGET,)),
]


def disc(theta):
    """A rule that no linear constraint can express: a disc around (1, 5)."""
    return ((theta[:, 0] - 1.0) / 4) ** 2 + ((theta[:, 1] - 5.0) / 10) ** 2 < 0.04


def nowhere(theta):
    return np.zeros(len(theta), dtype=bool)


def wrong_type(theta):
    return theta[:, 0]


def triangular(generator, number, names):
    theta = np.full((number, len(names)), 2.0)
    theta[:, :2] = generator.triangular(0.0, 1.0, 2.0, size=(number, 2))
    return theta


def wrong_shape(generator, number, names):
    return np.zeros(len(names))


def too_large(generator, number, names):
    return np.full((number, len(names)), 99.0)


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """The functions above under a module name, whatever name pytest gives this file."""
    monkeypatch.setitem(sys.modules, "rules_of_a_user", sys.modules[__name__])


def rounds(search, seed, numbers):
    generator = np.random.default_rng(seed)
    for size in numbers:
        theta = search.propose(size)
        search.learn(theta, -(theta[:, 0] ** 2) + generator.standard_normal(size))
        yield theta


def play(search, seed, numbers=(4, 7, 3)):
    return np.concatenate(list(rounds(search, seed, numbers)))


@pytest.mark.parametrize("options", SETTINGS, ids=lambda options: options.name)
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), numbers=st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_bounds_determinism_and_resume(options, seed, numbers):
    search, twin = options.search(MARKET, seed), options.search(MARKET, seed)
    theta = play(search, seed, numbers)
    assert theta.shape == (sum(numbers), 3)
    assert (theta >= MARKET.low).all() and (theta <= MARKET.high).all()
    np.testing.assert_array_equal(theta, play(twin, seed, numbers))
    resumed = options.search(MARKET, seed)
    resumed.restore(json.loads(json.dumps(search.state())))
    best = search.best()
    assert (best >= MARKET.low).all() and (best <= MARKET.high).all()
    np.testing.assert_array_equal(resumed.best(), best)
    # `twin` was not asked for its answer: asking must change nothing.
    after = play(twin, 1, (5, 5))
    np.testing.assert_array_equal(play(search, 1, (5, 5)), after)
    np.testing.assert_array_equal(play(resumed, 1, (5, 5)), after)


@settings(max_examples=25, deadline=None)
@given(
    weights=st.lists(st.floats(-3, 3).filter(lambda w: abs(w) > 0.1), min_size=4, max_size=4),
    slack=st.floats(0.05, 0.95),
    seed=st.integers(0, 1000),
)
def test_constraints_hold_for_every_proposal(weights, slack, seed):
    market = Characteristics(
        [
            Characteristic(name, low, low + 5.0, low)
            for name, low in zip("abcd", range(4), strict=True)
        ]
    )
    row = np.array(weights)
    smallest, largest = (
        np.minimum(row * market.low, row * market.high).sum(),
        np.maximum(row * market.low, row * market.high).sum(),
    )
    upper = smallest + slack * (largest - smallest)
    constraint = LinearConstraint(dict(zip("abcd", weights, strict=True)), upper)
    search = BayesianLeader(initial_points=5, constraints=(constraint,)).search(market, seed)
    theta = np.concatenate([play(search, seed, (5, 8)), search.best()[None]])
    for order in itertools.permutations(range(4)):  # whatever the order of summation
        total = sum(theta[:, column] * row[column] for column in order)
        assert (total <= upper).all()
    assert (theta.astype(np.float32).astype(float) @ row <= upper).all()


@pytest.mark.parametrize(
    "options",
    [
        BayesianLeader(feasible="rules_of_a_user:disc"),
        BayesianLeader(feasible="rules_of_a_user:disc", constraints=(BUDGET,)),
        BayesianLeader(constraints=(LinearConstraint({"tax": 1.0, "speed": 0.4}, -0.9),)),
    ],
)
def test_small_feasible_sets(options):
    search = options.search(MARKET, 0)
    theta = np.concatenate([play(search, 0, (16, 64)), search.best()[None]])
    if options.feasible:
        assert disc(theta).all()
    for constraint in options.constraints:
        assert (theta[:, 0] + 0.4 * theta[:, 1] <= constraint.upper).all()
    assert len(np.unique(theta[16:80], axis=0)) == 64


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 1000), number=st.integers(1, 64))
def test_a_batch_is_distinct(seed, number):
    market = Characteristics([Characteristic("only", 0.0, 1.0, 0.5)])
    search = BayesianLeader(initial_points=4).search(market, seed)
    search.learn(np.array([[0.5], [1.0], [1.0]]), np.array([0.0, 3.0, 2.0]))  # best at a bound
    assert len(np.unique(search.propose(number))) == number


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 1000),
    number=st.integers(1, 60),
    size=st.integers(1, 4),
    most=st.integers(2, 30),
)
def test_observations_stay_bounded_and_keep_their_mean(seed, number, size, most):
    generator = np.random.default_rng(seed)
    points = generator.integers(0, 4, size=(number, size)) / 3
    values = generator.standard_normal(number)
    data = Observations.none(size)
    for part in np.array_split(np.arange(number), 3):
        data = data.add(points[part], values[part], most)
    assert len(data) <= most and data.counts.sum() == number
    assert data.counts @ data.means == pytest.approx(values.sum(), abs=1e-9)


@given(
    values=arrays(np.float64, st.integers(1, 30), elements=st.floats(-1e12, 1e12)),
)
@example(values=np.array([6.7e-181, 0.0]))
@example(values=np.array([1e-90] + [0.0] * 3 + [-1e12]))
def test_a_logarithm_of_shortfalls_keeps_the_order(values):
    points = np.arange(len(values))[:, None] / len(values)
    data = Observations.none(1).add(points, values, 50)
    found = data.log_shortfalls()
    assert np.isfinite(found.means).all()
    assert (np.diff(found.means[np.argsort(data.means, kind="stable")]) >= 0).all()


@pytest.mark.parametrize("modelled", ["values", "log_shortfall"])
def test_equal_values_are_no_trouble(modelled):
    search = BayesianLeader(initial_points=2, modelled=modelled).search(MARKET, 0)
    theta = search.propose(8)
    search.learn(theta, np.full(8, 7.0))
    assert np.isfinite(search.propose(4)).all() and np.isfinite(search.best()).all()


def test_answers_before_any_measurement():
    for options in SETTINGS[1:3]:
        np.testing.assert_array_equal(options.search(MARKET, 0).best(), MARKET.default)
    tight = LinearConstraint({"tax": 1.0, "speed": 0.4}, upper=1.0)  # forbids the default
    best = BayesianLeader(constraints=(tight,)).search(MARKET, 0).best()
    assert best[0] + 0.4 * best[1] <= 1.0


def test_proposals_before_any_measurement_exceed_the_initial_points():
    theta = BayesianLeader(initial_points=4).search(MARKET, 0).propose(20)
    assert len(np.unique(theta, axis=0)) == 20


def test_a_large_batch_from_many_observations_is_quick():
    market = Characteristics([Characteristic(f"x{number}", 0, 1, 0) for number in range(6)])
    search = BayesianLeader(initial_points=1).search(market, 0)
    generator = np.random.default_rng(0)
    theta = generator.random((500, 6))
    search.propose(1)
    search.learn(theta, -theta.sum(axis=1) + generator.standard_normal(500))
    # Four times what one quiet core needs, so that a busy one does not fail.
    assert least_processor_seconds(lambda: search.propose(16), 4.0) < 4.0


def test_a_sampler_is_used_and_has_no_entropy():
    options = AnalyticLeader(distribution="sampler", sampler="rules_of_a_user:triangular")
    search = options.search(MARKET, 0)
    assert search.propose(5).shape == (5, 3)
    assert search.entropy() is None
    np.testing.assert_allclose(search.best(), [1.0, 1.0, 2.0], atol=0.05)


def test_rounding_through_float32_is_forgiven():
    market = Characteristics([Characteristic("tax", 0.0, 0.1, 0.1)])
    search = RandomLeader().search(market, 0)
    search.learn(np.array([[0.1]], dtype=np.float32), np.array([1.0]))
    assert search.best() == [0.1]


GRADIENT = {"gradient", "moments", "adversarial"}


def test_registry_and_ppo():
    plain = {"fixed", "grid", "random", "analytic", "bayesian", "ppo"}
    assert set(LEADERS) == plain | GRADIENT | {"variational", "world"}
    for name, leader in LEADERS.items():
        options = leader()
        assert options.name == name and options.interval == "episode"
        assert options.update_every == 1 and options.candidates is None
        with pytest.raises(dataclasses.FrozenInstanceError):
            options.interval = 3
        assert (options.policy is None) == (name != "ppo")
        assert (options.drawn_answer(MARKET, 0) is None) == (name != "analytic")


def test_a_policy_answers_for_its_leader():
    guide = PPOLeader().guide(MARKET, 0, 1)
    assert guide.next_theta(3) is None
    np.testing.assert_array_equal(guide.answer(lambda: MARKET.high), MARKET.high)


def test_a_round_goes_on_until_something_was_measured():
    """Rollouts may be shorter than the leader's intervals."""
    guide = RandomLeader(candidates=2).guide(MARKET, 0, 4)
    first = guide.next_theta(4)
    nothing = np.empty((0, len(MARKET)))
    guide.learn(Measured(nothing, np.empty(0)), last=False)
    np.testing.assert_array_equal(guide.next_theta(4), first)
    guide.learn(Measured(first[:1], np.ones(1)), last=False)
    np.testing.assert_array_equal(guide.answer(lambda: MARKET.high), first[0])
    assert (guide.next_theta(4) != first).any()


MIXING = np.array([[1.0, 0.3, 0.0], [0.0, 0.2, 0.0], [0.5, -0.4, 0.0], [1.0, 0.0, 1.0]])
WANTED = np.array([0.5, 4.0, 2.0])
FOUR_ERRORS = np.array([0.25, 0.6, 0.0])  # of least squares on 200 paths


def answered(question, seed):
    """What a market would tell whose four statistics are linear in θ, and normal."""
    generator = np.random.default_rng(seed if question.fresh else 0)
    copies = question.copies
    noise = generator.normal(size=(len(question.theta), copies, len(MIXING)))
    rows = (question.theta @ MIXING.T)[:, None] + noise
    real = WANTED @ MIXING.T + np.random.default_rng(99).normal(size=(200, len(MIXING)))
    target = Target(tuple("abcd"), real.mean(axis=0), np.cov(real.T), len(real), 0.0, real)
    gradients = 2.0 * (WANTED - question.theta)
    if question.score is not None:
        leaf = torch.from_numpy(rows.reshape(-1, len(MIXING))).requires_grad_()
        (slopes,) = torch.autograd.grad(question.score(leaf).sum(), leaf)
        gradients = (slopes.numpy() @ MIXING).reshape(*rows.shape[:2], -1).mean(axis=1)
    return Measured(
        question.theta,
        -((question.theta - WANTED) ** 2).sum(axis=1),
        gradients=gradients,
        gradient_errors=np.ones_like(gradients),
        judged=gradients if question.judge else None,
        judged_errors=np.ones_like(gradients) if question.judge else None,
        statistics=rows.mean(axis=1),
        rows=rows,
        jacobians=np.broadcast_to(MIXING, (len(question.theta), *MIXING.shape)),
        jacobian_rows=np.broadcast_to(MIXING, (len(question.theta), copies // 2, *MIXING.shape)),
        target=target,
    )


def guided(guide, first, last, iterations):
    """Every θ of copies in some iterations of a run."""
    seen = []
    for iteration in range(first, last):
        theta = guide.next_theta(6)
        seen.append(theta)
        question = guide.question()
        told = answered(question, iteration) if question else None
        values = -((theta - WANTED) ** 2).sum(axis=1)
        guide.learn(told or Measured(theta, values), last=iteration == iterations - 1)
    return np.concatenate(seen)


@pytest.mark.parametrize("name", sorted(set(LEADERS) - {"ppo", "world"}))
def test_every_guide_keeps_bounds_is_determined_by_its_seed_and_resumes(name):
    make = LEADERS[name]
    options = make(points_per_characteristic=3) if name == "grid" else make()
    guide, twin, resumed = (options.guide(MARKET, 3, 12) for _ in range(3))
    theta = guided(guide, 0, 7, 12)
    assert (theta >= MARKET.low).all() and (theta <= MARKET.high).all()
    np.testing.assert_array_equal(theta, guided(twin, 0, 7, 12))
    resumed.restore(json.loads(json.dumps(guide.state())))
    for other in (twin, resumed):
        np.testing.assert_array_equal(other.answer(None), guide.answer(None))
        assert other.warnings() == guide.warnings() and other.figures() == guide.figures()
    after = guided(guide, 7, 12, 12)
    np.testing.assert_array_equal(after, guided(resumed, 7, 12, 12))
    np.testing.assert_array_equal(guide.answer(None), resumed.answer(None))
    assert guide.warnings() == resumed.warnings()
    assert all(np.isfinite(value) for value in guide.figures().values())


@pytest.mark.parametrize(("name", "iterations"), [("moments", 12), ("adversarial", 600)])
def test_leaders_of_statistics_find_what_they_come_from(name, iterations):
    guide = LEADERS[name]().guide(MARKET, 3, iterations)
    guided(guide, 0, iterations, iterations)
    assert (np.abs(guide.answer(None) - WANTED) <= FOUR_ERRORS).all()


@pytest.mark.parametrize("name", sorted(GRADIENT))
def test_leaders_that_ask_set_theta_once_per_episode(name):
    with pytest.raises(PacesetterError, match=r"leader\.interval: .* once per episode"):
        LEADERS[name](interval=3).guide(MARKET, 0, 1)
    with pytest.raises(PacesetterError, match="unknown characteristic 'taxi'"):
        LEADERS[name](initial_theta={"taxi": 1.0}).guide(MARKET, 0, 1)


def no_numbers(question):
    told = answered(question, 0)
    rows = np.full_like(told.rows, np.nan)
    gradients = np.full_like(told.gradients, np.nan)
    return dataclasses.replace(
        told, rows=rows, gradients=gradients, statistics=rows.mean(axis=1), judged=None
    )


@pytest.mark.parametrize("name", sorted(GRADIENT))
def test_what_is_no_number_is_refused_in_the_end(name):
    guide = LEADERS[name]().guide(MARKET, 0, 100)
    with pytest.raises(PacesetterError, match="no number"):
        for _ in range(20):
            guide.learn(no_numbers(guide.question()), last=False)


def test_one_lost_simulation_is_left_out_and_counted():
    guide = LEADERS["moments"]().guide(MARKET, 0, 12)
    told = answered(guide.question(), 0)
    told.statistics[1] = np.nan
    guide.learn(told, last=False)
    guided(guide, 1, 12, 12)
    assert (np.abs(guide.answer(None) - WANTED) <= FOUR_ERRORS).all()
    assert "1 simulations gave no numbers and were left out." in guide.warnings()


def test_the_registry_imports_no_slow_package():
    code = (
        "import sys, pacesetter.leaders.registry; "
        "print([name for name in ('bayes_opt', 'sklearn', 'scipy.stats', 'torch', 'ray') "
        "if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def bayesian(**options):
    return BayesianLeader(**options)


def linear(upper, **coefficients):
    return BayesianLeader(constraints=(LinearConstraint(coefficients, upper),))


def discrete(points, probabilities):
    return AnalyticLeader(distribution="discrete", points=points, probabilities=probabilities)


def sampled(path):
    return AnalyticLeader(distribution="sampler", sampler=path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (FixedLeader({"taxi": 1.0}), r"unknown characteristic 'taxi'; did you mean 'tax'\?"),
        (FixedLeader({"tax": 9.0}), r"'tax' must lie in \[-1, 3\] EUR, got 9"),
        (GridLeader(points_per_characteristic=2000), r"has 4000000 points.*Lower"),
        (AnalyticLeader(distribution="discreet"), r"did you mean 'discrete'\?"),
        (AnalyticLeader(sampler="a:b"), r"'sampler', which belongs to distribution 'sampler'"),
        (AnalyticLeader(grid={"taxi": [1.0]}), r"unknown characteristic 'taxi'"),
        (AnalyticLeader(grid={"tax": []}), r"lists no values for 'tax'"),
        (AnalyticLeader(grid={"tax": [1.0, 1.0]}), r"lists a value twice for 'tax'"),
        (AnalyticLeader(grid={"tax": [1.0, 0.5]}), r"'tax' out of order: \[1.0, 0.5\]. Sort them"),
        (AnalyticLeader(grid={"tax": [1.0, 9.0]}), r"'tax' must lie in"),
        (
            AnalyticLeader(
                grid={
                    "tax": np.linspace(0, 1, 2000).tolist(),
                    "speed": np.linspace(0, 1, 2000).tolist(),
                }
            ),
            r"has 4000000 points.*List fewer values",
        ),
        (discrete([], []), r"at least one point"),
        (discrete([{"tax": 1.0}], [0.5, 0.5]), r"1 point\(s\) and 2 probability"),
        (discrete([{"tax": 1.0}, {}], [1.5, -0.5]), r"probability -0.5"),
        (discrete([{"tax": 1.0}], [float("nan")]), r"probability nan"),
        (discrete([{"tax": 1.0}, {}], [0.5, 0.5001]), r"sum to 1.0001.*Divide"),
        (discrete([{"tax": 9.0}], [1.0]), r"'tax' must lie in"),
        (sampled("no_colon"), r"'module:attribute'"),
        (sampled(""), r"'module:attribute'"),
        (sampled("no_such_module_here:draw"), r"cannot import"),
        (sampled("rules_of_a_user:triangula"), r"did you mean 'triangular'\?"),
        (sampled("rules_of_a_user:wrong_shape"), r"returned shape \(3,\)"),
        (sampled("rules_of_a_user:too_large"), r"'tax' must lie in"),
        (bayesian(acquisition="expected_improvment"), r"did you mean 'expected_improvement'\?"),
        (linear(1.0, taxi=1.0), r"unknown characteristic in the constraint.*did you mean 'tax'\?"),
        (linear(1.0), r"at least one finite coefficient"),
        (linear(float("inf"), tax=1.0), r"needs a finite upper value"),
        (linear(-2.0, tax=1.0), r"leaves no room.*at least -1\. Raise upper"),
        (linear(-1.0, tax=1.0), r"leaves no room"),  # a single θ, too thin to search
        (
            bayesian(
                constraints=(
                    LinearConstraint({"tax": 1.0}, 0.0),
                    LinearConstraint({"tax": -1.0}, -1.0),
                )
            ),
            r"leave no room.*not all at once: relax one",
        ),
        (bayesian(feasible="rules_of_a_user:nowhere"), r"allows none of \d+ θ"),
        (bayesian(feasible="rules_of_a_user:wrong_type"), r"returned float64 of shape \(4096,\)"),
        (bayesian(feasible="rules_of_a_user:dics"), r"unknown attribute.*did you mean 'disc'\?"),
    ],
)
def test_ill_defined_options_are_refused(options, message):
    with pytest.raises(PacesetterError, match=message):
        options.search(MARKET, 0)


def test_a_market_without_free_characteristics_cannot_be_searched():
    market = Characteristics([Characteristic("frozen", 2.0, 2.0, 2.0)])
    with pytest.raises(PacesetterError, match=r"nothing to search[.] Choose leader 'fixed'"):
        BayesianLeader().search(market, 0)


@pytest.mark.parametrize("options", SETTINGS, ids=lambda options: options.name)
@pytest.mark.parametrize(
    ("theta", "values", "message"),
    [
        (np.zeros((2, 2)), np.zeros(2), r"shape \(n, 3\) and values of shape \(n,\)"),
        (np.full((2, 3), 2.0), np.zeros(3), r"got \(2, 3\) and \(3,\)"),
        (np.full((2, 3), 2.0), np.array([0.0, np.nan]), r"is nan \(row 1\)"),
        (np.array([[4.0, 1.0, 2.0]]), np.zeros(1), r"'tax' must lie in \[-1, 3\]"),
    ],
)
def test_bad_measurements_are_refused(options, theta, values, message):
    with pytest.raises(PacesetterError, match=message):
        options.search(MARKET, 0).learn(theta, values)


@pytest.mark.parametrize("options", SETTINGS, ids=lambda options: options.name)
def test_no_proposals_are_refused(options):
    with pytest.raises(PacesetterError, match="asked for 0 proposals"):
        options.search(MARKET, 0).propose(0)


def test_the_grid_refuses_other_theta():
    search = GridLeader(points_per_characteristic=3).search(MARKET, 0)
    with pytest.raises(PacesetterError, match="no point of its grid of 3×3×1"):
        search.learn(np.array([[0.3, 5.0, 2.0]]), np.zeros(1))
