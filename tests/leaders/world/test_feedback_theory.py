"""Estimators of an effect, distances and the witness gradient against their closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.core.rollouts import Decisions, Rollouts
from pacesetter.leaders.objectives.discrepancy import Discrepancy
from pacesetter.leaders.world.distances import (
    absolute,
    area_under_curve,
    bands,
    distance,
    gaussian,
    gram,
    mostly_constant,
    squashed,
    width_of,
)
from pacesetter.leaders.world.feedback import (
    EPISODE_REWARD,
    Feedback,
    Propensity,
    estimate,
    feedback,
    pooled,
)
from pacesetter.leaders.world.witness import (
    FlowCost,
    Witness,
    costs_to_go,
    standardised,
    witness,
    witness_gradient,
)


def numbers(*values):
    return Feedback.of_numbers(np.array(values, dtype=np.float64))


def normal(generator, number, mean=0.0, scale=1.0):
    return Feedback.of_numbers(mean + scale * generator.standard_normal(number))


def rollouts(outcome, treated=None, context=None):
    copies, steps = outcome.shape
    treated = np.ones(outcome.shape, dtype=bool) if treated is None else treated
    context = np.zeros((copies, steps, 1)) if context is None else context
    outcomes = {"reward": outcome, "return": outcome}
    return Rollouts(outcomes, treated, context, {}, np.full(copies, 100.0))


# Distances ----------------------------------------------------------------------------------------


def test_small_samples_by_hand():
    world, real = numbers(0, 1), numbers(0, 2)
    assert distance(world, real, "mmd", width=1.0) == pytest.approx(-0.43233, abs=1e-5)
    assert distance(world, real, "energy") == pytest.approx(-1.0)
    assert distance(world, real, "earth_mover") == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("mean", "scale", "name", "exact"),
    [
        (1.0, 1.0, "mmd", 2 / math.sqrt(3) * (1 - math.exp(-1 / 6))),
        (0.0, 2.0, "mmd", 3**-0.5 + 9**-0.5 - 2 * 6**-0.5),
        (1.0, 1.0, "energy", 0.54181),
    ],
)
def test_distances_of_normal_laws(mean, scale, name, exact):
    """Unbiased: the mean over samples is the distance of the laws."""
    generator = np.random.default_rng(1)
    found = [
        distance(normal(generator, 60), normal(generator, 60, mean, scale), name, width=1.0)
        for _ in range(400)
    ]
    error = np.std(found) / math.sqrt(len(found))
    assert abs(np.mean(found) - exact) < 3.5 * error < 0.05
    published = {("mmd", 1.0): 0.17727, ("mmd", 0.0): 0.09419, ("energy", 1.0): 0.54181}
    assert exact == pytest.approx(published[name, mean], abs=2e-5)


def test_the_discrepancy_of_the_objective_is_the_same():
    """Its kernel is exp(−d² / m), m the median squared distance: σ is smaller by √2."""
    generator = np.random.default_rng(2)
    real, world = generator.standard_normal(50), 1.0 + generator.standard_normal(40)
    theirs = Discrepancy(real)
    ours = distance(
        Feedback.of_numbers(world),
        Feedback.of_numbers(real),
        width=math.sqrt(theirs.scales[0] / 2),
    )
    assert ours == pytest.approx(float(theirs(world[None])[0]))
    assert width_of(Feedback.of_numbers(real)) == pytest.approx(
        math.sqrt(theirs.scales[0]), rel=0.02
    )


def test_a_constant_real_sample_has_no_scale():
    with pytest.raises(PacesetterError, match="constant in the real sample"):
        width_of(numbers(2, 2, 2))
    mostly = numbers(2, 2, 2, 2, 3)
    assert width_of(mostly) == pytest.approx(0.4)  # the mean where the median is 0
    assert mostly_constant(mostly)
    assert not mostly_constant(numbers(1, 2, 3))


def test_bags_are_compared_by_the_mean_over_pairs():
    """A bag of equal values is that value; K of two bags is the mean of k."""
    generator = np.random.default_rng(3)
    values = generator.standard_normal((3, 4))
    even = Feedback(values, np.full((3, 4), 0.25))
    kernel = gaussian(0.7)
    slow = [[kernel(a[:, None], b[None, :]).mean() for b in values] for a in values]
    assert np.allclose(gram(even, even, kernel), slow)
    equal = Feedback(np.repeat(values[:, :1], 4, axis=1), np.full((3, 4), 0.25))
    assert np.allclose(gram(equal, equal, kernel), gram(*[numbers(*values[:, 0])] * 2, kernel))


def test_bands_part_where_laws_do():
    generator = np.random.default_rng(4)
    real = normal(generator, 200)
    other, same = normal(generator, 200, 2.0), normal(generator, 200)
    for name in ("mmd", "energy", "earth_mover"):
        found, of_same, of_other = bands(other, real, (5, 20, 50), name)
        assert found.first_apart <= 20
        assert area_under_curve(of_same[1], of_other[1]) > 0.99
        assert bands(same, real, (5, 20, 50), name)[0].first_apart == np.inf
    tied = np.array([1.0, 1.0])
    assert area_under_curve(tied, tied) == 0.5


# Estimators ---------------------------------------------------------------------------------------


def test_estimators_under_a_confounder():
    """s ~ Bernoulli(½), e = .8 or .2, y = A + 2 s: E[y(1)] = 2."""
    generator = np.random.default_rng(5)
    state = generator.random((4000, 20)) < 0.5
    chance = np.where(state, 0.8, 0.2)
    treated = generator.random(state.shape) < chance
    outcome = treated + 2.0 * state
    exact = {"naive": 2.6, "literal": 4.0, "horvitz_thompson": 2.0, "hajek": 2.0, "contrast": 1.0}
    for name, value in exact.items():
        assert pooled(outcome, treated, chance, name) == pytest.approx(value, abs=0.02), name
        one = estimate(outcome[:1], treated[:1], chance[:1], name)
        assert one[0] == pytest.approx(pooled(outcome[:1], treated[:1], chance[:1], name))


def test_propensities_are_found():
    generator = np.random.default_rng(6)
    context = generator.standard_normal((400, 20, 2))
    true = 1 / (1 + np.exp(-(0.3 + context @ [1.0, -0.5])))
    treated = generator.random(true.shape) < true
    found = Propensity.fitted(context, treated)(context)
    assert np.abs(found - np.clip(true, 0.05, 0.95)).mean() < 0.02
    assert found.min() >= 0.05


def test_an_agent_that_always_acts_needs_no_propensity():
    """Its naive, weighted and Hájek estimates are one number."""
    outcome = np.random.default_rng(7).standard_normal((6, 5))
    always = rollouts(outcome)
    for name in ("naive", "literal", "horvitz_thompson", "hajek"):
        assert np.allclose(feedback(always, "return", name).numbers, outcome.mean(axis=1))
    assert np.allclose(feedback(always, EPISODE_REWARD).numbers, outcome.mean(axis=1))
    with pytest.raises(PacesetterError, match="steps without"):
        feedback(always, "return", "contrast")
    with pytest.raises(PacesetterError, match="acts in none"):
        feedback(rollouts(outcome, np.zeros(outcome.shape, dtype=bool)), "return")
    with pytest.raises(PacesetterError, match="did you mean 'return'"):
        feedback(always, "returns")


def test_how_many_rollouts_a_drift_needs():
    """z of the mean return, mean impact and mean reward of five steps: √5, 3/√2.2, 2/√1.2."""
    generator = np.random.default_rng(8)
    returns = 1.0 + generator.standard_normal((200_000, 5))
    impact = np.cumsum(returns, axis=1)
    # A child bought at a decision has paid for what the mid had moved before it.
    before = impact - returns
    for values, exact in (
        (returns, math.sqrt(5)),
        (impact, 3 / math.sqrt(2.2)),
        (before, 2 / math.sqrt(1.2)),
    ):
        mean = values.mean(axis=1)
        assert mean.mean() / mean.std() == pytest.approx(exact, rel=0.01)


# The witness --------------------------------------------------------------------------------------


def test_the_witness_gradient_is_that_of_the_distance():
    """World N(θ, 1), real N(0, 1), at θ = σ = 1."""
    theta, width, number = 1.0, 1.0, 1000
    exact = (
        2 * width / math.sqrt(width**2 + 2) * theta / (width**2 + 2)
        * math.exp(-(theta**2) / (2 * (width**2 + 2)))
    )  # fmt: skip
    assert exact == pytest.approx(0.3258, abs=1e-4)
    generator = np.random.default_rng(9)
    found = []
    for _ in range(20):
        world = theta + generator.standard_normal(number)
        real = generator.standard_normal(number)
        scores = (world - theta)[:, None]
        found.append(
            [
                witness_gradient(world, real, scores, gaussian(width), baseline)[0]
                for baseline in (True, False)
            ]
        )
    mean, error = np.mean(found, axis=0), np.std(found, axis=0) / math.sqrt(len(found))
    assert (np.abs(mean - exact) < 3.5 * error).all()
    assert (error < 0.01).all()


def test_a_witness_leaves_its_own_rollout_out():
    world, real = numbers(0, 1, 3), numbers(0, 2)
    values = [0.0, 1.0, 3.0]
    slow = [
        np.mean([-abs(x - y) for j, y in enumerate(values) if j != i])
        - np.mean([-abs(x - g) for g in (0.0, 2.0)])
        for i, x in enumerate(values)
    ]
    assert np.allclose(witness(world, real, absolute)[:, 0], slow)


def test_a_world_too_wide_is_drawn_together():
    """What is seen far out costs more, also 80 times too far."""
    generator = np.random.default_rng(10)
    real = rollouts(generator.standard_normal((100, 5)))
    seen = generator.standard_normal((40, 5)) * 80
    costs = standardised(Witness(real, ("return",)).raw_costs(rollouts(seen)))
    assert np.corrcoef(costs.ravel(), np.abs(seen).ravel())[0, 1] > 0.5
    assert costs.mean(axis=0) == pytest.approx(np.zeros(5))
    assert costs.std() == pytest.approx(1.0)
    far = squashed(1.0)(np.array([80.0]), np.array([0.0]))
    assert -6 < far[0] < -4


def test_too_many_and_too_few_orders_cost():
    world = rollouts(np.zeros((3, 2)))
    rollout, step = np.repeat([0, 1, 2], [20, 200, 2]), np.zeros(222, dtype=int)
    decisions = Decisions(np.zeros((222, 1)), np.zeros((222, 1)), rollout, step)
    usual, many, few = FlowCost(40.0, 1.0)(decisions, world, share=0.5)[:, 0]
    assert usual == 0.0 < few < many
    assert FlowCost(40.0, 0.0)(decisions, world, share=0.5).max() == 0.0


def test_a_decision_pays_for_what_is_seen_later():
    costs = np.array([[1.0, 2.0, 4.0]])
    assert costs_to_go(costs, 0.5).tolist() == [[3.0, 4.0, 4.0]]
    assert costs_to_go(costs, 0.0).tolist() == costs.tolist()
