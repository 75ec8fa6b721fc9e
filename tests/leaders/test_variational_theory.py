"""The variational leader against posteriors that are known, and what flows must keep to."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from pacesetter.envs.core.characteristics import (
    Characteristic,
    Characteristics,
    LinearConstraint,
)
from pacesetter.envs.core.errors import PacesetterError
from pacesetter.leaders.gradient.flows import (
    MASKS,
    CouplingFlow,
    NormalFamily,
    balanced_masks,
    standard_normal,
)
from pacesetter.leaders.gradient.posterior import Posterior, make_family
from pacesetter.leaders.gradient.recipes import NormalPrior
from pacesetter.leaders.gradient.variational import VariationalLeader
from pacesetter.leaders.leader import GuideToSettle, GuideWithPosterior, Measured

GOAL = np.array([0.7, -0.3, 1.2])
SPACE = Characteristics([Characteristic(f"x{n}", -4.0, 4.0, 0.0) for n in range(3)])
WITH_FIXED = Characteristics(
    [
        Characteristic("tax", -1.0, 3.0, 0.0),
        Characteristic("frozen", 2.0, 2.0, 2.0),
        Characteristic("speed", 0.0, 10.0, 5.0),
    ]
)


def measured(question, goal=GOAL, scale=1.0):
    """The loss |θ − goal|² / 2."""
    apart = (question.theta - goal) * scale
    gradients = -apart * scale if "gradients" in question.wants else None
    return Measured(question.theta, -0.5 * (apart**2).sum(axis=1), gradients)


def fitted(settings, iterations, space=SPACE, seed=0, tell=measured, guide=None, first=0):
    guide = guide or settings.guide(space, seed, iterations)
    for iteration in range(first, iterations):
        guide.learn(tell(guide.question()), last=iteration == iterations - 1)
    return guide


@pytest.mark.parametrize(
    ("options", "iterations", "w"),
    [
        ({"draws": 256}, 400, 4.0),
        ({"draws": 256}, 400, 40.0),
        ({"draws": 256, "family": "normal"}, 400, 40.0),
        ({"draws": 256, "estimator": "score"}, 500, 4.0),
        ({"draws": 1024, "estimator": "score", "family": "normal"}, 500, 4.0),
    ],
)
def test_a_quadratic_loss_gives_the_normal_posterior(options, iterations, w):
    """N(w m / (1 + w), 1 / (1 + w)) under the prior N(0, I)."""
    posterior = fitted(VariationalLeader(w=w, **options), iterations).posterior()
    draws = posterior.sample(100_000, seed=1)
    deviation = (1.0 + w) ** -0.5
    np.testing.assert_allclose(posterior.mean(), w * GOAL / (1 + w), atol=0.02 * deviation)
    np.testing.assert_allclose(draws.std(axis=0), deviation, rtol=0.02)
    np.testing.assert_allclose(np.corrcoef(draws.T), np.eye(3), atol=0.03)
    exact = standard_normal(torch.tensor((GOAL - w * GOAL / (1 + w)) / deviation)) - 3 * np.log(
        deviation
    )
    assert posterior.log_prob(GOAL[None])[0] == pytest.approx(float(exact), abs=0.08)


def test_few_draws_an_iteration_are_enough():
    """The shipped defaults: ten draws, three hundred iterations."""
    for seed in range(3):
        guide = fitted(VariationalLeader(w=4.0), 300, seed=seed)
        deviation = 5.0**-0.5
        draws = guide.posterior().sample(20_000, seed=1)
        np.testing.assert_allclose(draws.mean(axis=0), 0.8 * GOAL, atol=0.12 * deviation)
        np.testing.assert_allclose(draws.std(axis=0), deviation, rtol=0.08)
        np.testing.assert_allclose(guide.answer(None), 0.8 * GOAL, atol=0.12 * deviation)


def test_a_weight_of_thousands_is_fitted_in_three_hundred_iterations():
    """The posterior is thirty times narrower than the prior."""
    for family in ("flow", "normal"):
        guide = fitted(VariationalLeader(w=1000.0, family=family), 300)
        draws = guide.posterior().sample(20_000, seed=1)
        np.testing.assert_allclose(draws.std(axis=0), 1001.0**-0.5, rtol=0.1)
        assert not guide.warnings()


def test_a_fit_that_is_not_at_its_end_says_so():
    times = iter(range(100))

    def tell(question):
        zero = np.zeros_like(question.theta)
        return Measured(question.theta, np.full(10, 0.01 * next(times)), zero)

    guide = fitted(VariationalLeader(w=40.0), 100, tell=tell)
    assert "not at its end" in guide.warnings()[0]


def test_a_correlated_posterior_of_one_sum_is_found():
    """Loss (x + y − 1)² / 2 alone: precision I + w 11ᵀ."""

    def tell(question):
        apart = question.theta.sum(axis=1) - 1.0
        return Measured(question.theta, -0.5 * apart**2, -np.repeat(apart[:, None], 2, axis=1))

    space = Characteristics([Characteristic(n, -4.0, 4.0, 0.0) for n in "xy"])
    exact = np.linalg.inv(np.eye(2) + 10.0 * np.ones((2, 2)))
    for family in ("flow", "normal"):
        settings = VariationalLeader(w=10.0, draws=128, family=family)
        draws = fitted(settings, 400, space, tell=tell).posterior().sample(50_000, seed=1)
        np.testing.assert_allclose(np.cov(draws.T), exact, atol=0.03)


@pytest.mark.parametrize("masks", sorted(MASKS))
@pytest.mark.parametrize("number", [2, 3, 4, 5, 7, 9])
def test_every_output_depends_on_every_base_coordinate(number, masks):
    """Whatever the seed: no coordinate is left as it came."""
    for seed in range(3):
        flow = CouplingFlow(number, masks, seed)
        generator = torch.Generator().manual_seed(seed)
        for parameter in flow.parameters():
            parameter.data += 0.2 * torch.randn(
                parameter.shape, generator=generator, dtype=torch.float64
            )
        points = torch.randn((40, number), generator=generator, dtype=torch.float64)
        jacobians = torch.func.vmap(torch.func.jacrev(lambda u, n=flow: n(u[None])[0][0]))(points)
        reached = jacobians.abs().amax(dim=0) > 1e-9
        assert reached.all(), f"{masks}, seed {seed}: {reached}"


def test_after_training_every_output_depends_on_every_base_coordinate():
    space = Characteristics([Characteristic(n, -4.0, 4.0, 0.0) for n in "abcd"])
    goal = np.array([0.5, -0.5, 1.0, 0.0])

    def tell(question):
        apart = question.theta - goal
        both = apart @ (np.eye(4) + 0.5)
        return Measured(question.theta, -0.5 * (apart * both).sum(axis=1), -both)

    for seed in range(3):
        guide = fitted(VariationalLeader(w=5.0), 120, space, seed, tell)
        network = guide.posterior()._network
        base = torch.randn((20, 4), dtype=torch.float64)
        jacobians = torch.func.vmap(torch.func.jacrev(lambda u, n=network: n(u[None])[0][0]))(base)
        assert (jacobians.abs().amax(dim=0) > 1e-6).all()


def test_masks_of_four_coordinates():
    shown = ["".join(str(int(held)) for held in mask) for mask in balanced_masks(4)]
    assert shown == ["1100", "0011", "1010", "0101", "1001"]
    for number in range(2, 12):
        masks = np.array(balanced_masks(number))
        assert ((~masks).sum(axis=0) >= 2).all()
        for a in range(number):
            for b in range(a):
                assert (masks[:, a] != masks[:, b]).any()


@pytest.mark.parametrize("family", ["flow", "normal"])
def test_densities_inverses_and_divergence(family):
    generator = torch.Generator().manual_seed(1)
    base = torch.randn((500, 4), generator=generator, dtype=torch.float64)
    network = make_family(family, 4, seed=3)
    points, density = network(base)
    torch.testing.assert_close(points, base)
    assert network.divergence(points, density).item() == 0.0
    for parameter in network.parameters():
        noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        parameter.data += 0.15 * noise
    points, density = network(base)
    torch.testing.assert_close(network.log_prob(points), density, atol=1e-5, rtol=0)
    if isinstance(network, CouplingFlow):
        torch.testing.assert_close(network.base(points)[0], base, atol=1e-5, rtol=0)
    jacobian = torch.func.vmap(torch.func.jacrev(lambda u: network(u[None])[0][0]))(base[:20])
    stretched = torch.linalg.slogdet(jacobian)[1]
    torch.testing.assert_close(standard_normal(base[:20]) - stretched, density[:20])
    many = torch.randn((200_000, 4), generator=generator, dtype=torch.float64)
    points, density = network(many)
    estimate = (density - standard_normal(points)).mean().item()
    assert network.divergence(points, density).item() == pytest.approx(estimate, abs=0.02)


def test_the_density_of_theta_is_per_unit_of_theta():
    posterior = Posterior(
        ("a", "b", "c"),
        np.array([1.0, 2.0, 5.0]),
        np.array([0.5, 0.0, 2.0]),
        NormalFamily(2),
        {"family": "normal"},
    )
    theta = posterior.sample(1000, seed=0)
    assert (theta[:, 1] == 2.0).all()
    np.testing.assert_allclose(posterior.log_prob(theta), posterior.prior_log_prob(theta))
    at_mean = posterior.log_prob(np.array([[1.0, 2.0, 5.0]]))[0]
    assert at_mean == pytest.approx(-np.log(2 * np.pi) - np.log(0.5) - np.log(2.0))
    np.testing.assert_array_equal(theta, posterior.sample(1000, seed=0))
    again = Posterior.from_parts(posterior.tensors(), json.loads(json.dumps(posterior.record())))
    np.testing.assert_array_equal(again.sample(5, seed=1), posterior.sample(5, seed=1))
    with pytest.raises(PacesetterError, match="do not fit"):
        Posterior.from_parts({}, posterior.record())


@pytest.mark.parametrize(
    "options", [{}, {"recipe": "paper", "kl_draws": 200}, {"family": "normal"}]
)
def test_resume_is_exact(options):
    settings = VariationalLeader(w=4.0, **options)
    whole = fitted(settings, 30)
    half = settings.guide(SPACE, 0, 30)
    for _ in range(13):
        half.next_theta(2)
        half.learn(measured(half.question()), last=False)
    resumed = settings.guide(SPACE, 0, 30)
    resumed.restore(json.loads(json.dumps(half.state())))
    np.testing.assert_array_equal(resumed.answer(None), half.answer(None))
    np.testing.assert_array_equal(resumed.next_theta(3), half.next_theta(3))
    fitted(settings, 30, guide=resumed, first=13)
    np.testing.assert_array_equal(resumed.answer(None), whole.answer(None))
    for seed in (1, 2):
        np.testing.assert_array_equal(
            resumed.posterior().sample(9, seed), whole.posterior().sample(9, seed)
        )


def test_the_papers_recipe_keeps_the_best_iteration():
    guide = fitted(VariationalLeader(w=4.0, recipe="paper", kl_draws=500), 40)
    record = guide.posterior().record()
    total = np.array(record["losses"]) + np.array(record["divergences"]) / 4.0
    best = int(np.argmin(total))
    again = VariationalLeader(w=4.0, recipe="paper", kl_draws=500).guide(SPACE, 0, 40)
    for _ in range(best):
        again.learn(measured(again.question()), last=False)
    weights = {n: p.detach().numpy() for n, p in again._fit.network.named_parameters()}
    for name, kept in guide.posterior().tensors().items():
        if name in weights:
            np.testing.assert_array_equal(kept, weights[name])


def test_fixed_characteristics_and_other_priors():
    prior = NormalPrior(mean={"tax": 0.5}, deviation={"speed": 2.0})
    settings = VariationalLeader(w=1.0, draws=64, family="normal", prior=prior)

    def tell(question):
        assert (question.theta[:, 1] == 2.0).all()
        zero = np.zeros_like(question.theta)
        return Measured(question.theta, zero[:, 0], zero)

    posterior = fitted(settings, 50, WITH_FIXED, tell=tell).posterior()
    np.testing.assert_allclose(posterior.mean(), [0.5, 2.0, 5.0], atol=1e-3)
    np.testing.assert_allclose(posterior.sample(50_000, 0).std(axis=0), [0.5, 0, 2.0], rtol=0.02)


def test_draws_beyond_the_bounds_are_measured_at_them():
    """A loss that falls without end: the market stops at its bounds, and q in view of them."""
    narrow = Characteristics([Characteristic(n, -1.0, 1.0, 0.0) for n in "xy"])
    settings = VariationalLeader(w=50.0, prior=NormalPrior(deviation={"x": 1.0, "y": 1.0}))

    def tell(question):
        assert (np.abs(question.theta) <= 1.0).all()
        return Measured(question.theta, question.theta.sum(axis=1), np.ones((10, 2)))

    guide = fitted(settings, 200, narrow, tell=tell)
    assert (guide.answer(None) <= 1.0).all()
    assert "outside the market's bounds" in " ".join(guide.warnings())


def test_losses_that_are_no_numbers_are_left_out_and_counted():
    def tell(question):
        told = measured(question)
        told.values[0], told.gradients[1] = np.nan, np.inf
        return told

    guide = fitted(VariationalLeader(w=4.0, draws=64), 300, tell=tell)
    assert f"{2 * 300} of {64 * 300} draws" in guide.warnings()[0]
    deviation = 5.0**-0.5
    np.testing.assert_allclose(guide.posterior().mean(), 0.8 * GOAL, atol=0.1 * deviation)

    def nothing(question):
        told = measured(question)
        told.values[:6] = np.nan
        return told

    with pytest.raises(PacesetterError, match=r"6 of the 10 draws .* diverges"):
        fitted(VariationalLeader(w=4.0), 3, tell=nothing)


def test_a_fit_that_diverges_is_stopped():
    guide = VariationalLeader(w=4.0, family="normal").guide(SPACE, 0, 10)
    guide.learn(measured(guide.question()), last=False)
    guide._fit.network.mean.data[:] = np.inf
    with pytest.raises(PacesetterError, match=r"10 of the 10 draws .*leader\.learning_rate"):
        guide.question()


def test_the_weight_is_chosen_by_coverage():
    asked = []

    def covered(w, number):
        asked.append((w, number))
        return 0.99 - 0.1 * np.log2(w / 125.0)

    guide = VariationalLeader(w="calibrated").guide(SPACE, 0, 5)
    guide.settle(covered)
    # From the middle down to the first that covers as it should, but for the error of a share.
    assert asked == [(1000, 32), (500, 32)]
    guide.learn(measured(guide.question()), last=True)
    record = guide.posterior().record()
    assert (record["w"], record["w_chosen"]) == (500.0, True)
    given = VariationalLeader(w=7).guide(SPACE, 0, 5)
    given.settle(covered)
    assert len(asked) == 2
    assert isinstance(guide, GuideWithPosterior) and isinstance(guide, GuideToSettle)


@pytest.mark.parametrize(
    ("options", "space", "said"),
    [
        ({"interval": 3}, SPACE, "leader.interval"),
        ({"update_every": 2}, SPACE, "leader.update_every"),
        ({"prior": NormalPrior(mean={"x9": 1.0})}, SPACE, "did you mean 'x"),
        ({"prior": NormalPrior(deviation={"x1": 0.0})}, SPACE, "x1 must be > 0"),
        ({}, Characteristics([Characteristic("a", 1.0, 1.0, 1.0)]), "nothing to infer"),
        (
            {},
            Characteristics(
                [Characteristic(n, 0.0, 1.0, 0.0) for n in "ab"],
                constraints=[LinearConstraint({"a": 1.0, "b": 1.0}, 1.0)],
            ),
            "bayesian",
        ),
    ],
)
def test_what_cannot_be_inferred_is_refused(options, space, said):
    with pytest.raises(PacesetterError, match=said):
        VariationalLeader(**options).guide(space, 0, 10)


PROGRAM = """
import importlib, pkgutil, sys
import pacesetter.leaders
from pacesetter.leaders.registry import LEADERS, OBJECTIVES
from pacesetter.envs.core.characteristics import Characteristic, Characteristics
leaders = dict(LEADERS.items())
space = Characteristics([Characteristic("a", 0.0, 1.0, 0.5)])
leaders["variational"]().guide(space, 0, 10)
assert "torch" not in sys.modules and "zuko" not in sys.modules
for module in pkgutil.walk_packages(pacesetter.leaders.__path__, "pacesetter.leaders."):
    importlib.import_module(module.name)
assert "zuko" not in sys.modules
"""


def test_importing_leaders_imports_neither_torch_nor_zuko():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
