"""Derivatives through followers' answers, held to closed forms and to each other."""

from __future__ import annotations

import sys
import types
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_markets import RuleBased, TwoGroups

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.registry import make
from pacesetter.leaders.leader import Question
from pacesetter.leaders.objectives.calibration import Calibration
from pacesetter.leaders.objectives.entropy import Entropy
from pacesetter.leaders.objectives.general import (
    CallableObjective,
    QuantityObjective,
    Volatility,
    Welfare,
)
from pacesetter.leaders.objectives.references import Moments
from pacesetter.leaders.registry import LEADERS
from pacesetter.training.derivatives.choose import choose
from pacesetter.training.derivatives.derive import derive
from pacesetter.training.derivatives.implicit import with_implicit_slope
from pacesetter.training.experiments.experiment import Experiment
from pacesetter.training.experiments.settings import FollowerSettings
from pacesetter.training.policies.policies import Policies

LEADER_PROFIT = QuantityObjective("leader_profit")


def experiment_on(market, objective, **followers):
    return Experiment(
        name="derived",
        market=market,
        objective=objective,
        leader=LEADERS["gradient"](),
        followers=FollowerSettings(**followers),
    )


def asked(experiment, theta, **question):
    theta = np.atleast_2d(theta)
    return derive(experiment, Policies.untrained(experiment), Question(theta, **question), 7)


def answering(monkeypatch, market):
    """Followers who give the closed-form answer of the duopoly."""
    from pacesetter.training.derivatives.followers import Followers

    def act(followers, state):
        answer = market.best_response(state.theta[:, 0])
        stack = torch.stack if isinstance(answer, torch.Tensor) else np.stack
        return {"follower": stack([answer] * market.followers, 1)[:, :, None]}

    monkeypatch.setattr(Followers, "act", act)


@pytest.mark.parametrize("followers", [1, 5])
@pytest.mark.parametrize("how", ["pathwise", "forward", "differences"])
def test_the_total_derivative_of_the_duopoly(how, followers, monkeypatch):
    """R = θ (12 − θ) / (n + 1) under best answers, so that dR/dθ = (12 − 2 θ) / (n + 1)."""
    market = make("duopoly", followers=followers)
    answering(monkeypatch, market)
    theta = np.array([[1.0], [4.0], [6.0], [11.0]])
    experiment = experiment_on(market, LEADER_PROFIT, activation="silu")
    measured = asked(experiment, theta, how=how, slope="network", copies=2, width=1e-3)
    exact = (12.0 - 2.0 * theta) / (followers + 1)
    np.testing.assert_allclose(measured.gradients, exact, atol=1e-6)
    np.testing.assert_allclose(measured.values, theta[:, 0] * (12 - theta[:, 0]) / (followers + 1))


@pytest.mark.parametrize("slope", ["network", "implicit", "none"])
def test_the_judge_is_the_total_derivative_whatever_it_judges(slope, monkeypatch):
    """Central differences of a parabola are exact at any width; episodes are counted with them."""
    market = make("duopoly")
    answering(monkeypatch, market)
    theta = np.array([[3.0], [5.0]])
    experiment = experiment_on(market, LEADER_PROFIT, activation="silu")
    measured = asked(experiment, theta, how="pathwise", slope=slope, copies=2, judge=True)
    np.testing.assert_allclose(measured.judged, (12.0 - 2.0 * theta) / 2)
    assert measured.judge_rules == (slope == "network")
    assert np.allclose(measured.judged, measured.gradients) == (slope != "none")
    assert measured.episodes == 4 * (1 + 2)


@pytest.mark.parametrize("followers", [1, 5])
def test_the_implicit_slope_is_that_of_the_best_answer(followers, monkeypatch):
    market = make("duopoly", followers=followers, unit_cost=1.0, demand_slope=0.7)
    theta = torch.tensor([[2.0], [5.0]], dtype=torch.float64, requires_grad=True)
    state = market.reset(0, 2, theta)
    actions = {"follower": torch.full((2, followers, 1), 1.3)}
    sloped = with_implicit_slope(market, state, actions)["follower"]
    torch.testing.assert_close(sloped.detach().float(), actions["follower"])
    (slope,) = torch.autograd.grad(sloped.sum(), theta)
    np.testing.assert_allclose(slope, -followers / (followers + 1))


def test_an_action_on_its_bound_does_not_move():
    market = make("duopoly", followers=2)
    theta = torch.tensor([[2.0]], dtype=torch.float64, requires_grad=True)
    actions = {"follower": torch.tensor([[[0.0], [1.0]]])}
    sloped = with_implicit_slope(market, market.reset(0, 1, theta), actions)["follower"]
    (slope,) = torch.autograd.grad(sloped[0, 0, 0], theta, retain_graph=True)
    assert slope == 0.0
    (slope,) = torch.autograd.grad(sloped[0, 1, 0], theta)
    assert slope == pytest.approx(-0.5)


def test_without_the_followers_term_it_is_cournots(monkeypatch):
    """R = θ (12 − θ − q) at the q played: zero at θ = 4 if the follower answers with 4."""
    market = make("duopoly")
    answering(monkeypatch, market)
    experiment = experiment_on(market, LEADER_PROFIT, activation="relu")
    measured = asked(experiment, [4.0], slope="none", how="pathwise")
    np.testing.assert_allclose(measured.gradients, 0.0, atol=1e-9)


def test_labour_tax_follows_the_derivative_of_its_closed_form(monkeypatch):
    """Hours by (4), many households: dW/dξ within three standard errors of that of (5)."""
    from pacesetter.training.derivatives.followers import Followers

    market = make("labour_tax", households=20_000)

    def act(followers, state):
        hours = market.hours(state.theta)
        return {"household": (hours + 0.0 * state.productivity_scores)[:, :, None]}

    monkeypatch.setattr(Followers, "act", act)
    experiment = experiment_on(market, QuantityObjective("welfare"))
    theta = np.array([[0.2], [0.4514], [0.7]])
    measured = asked(experiment, theta, how="pathwise", slope="network", copies=12)
    step = 1e-5
    exact = (market.welfare(theta + step) - market.welfare(theta - step)) / (2 * step)
    assert (np.abs(measured.gradients - exact) < 3 * measured.gradient_errors + 1e-6).all()


@pytest.mark.parametrize(
    ("market", "objective"),
    [
        (RuleBased(), Volatility("price")),
        (RuleBased(), Calibration(Moments(0.0, 1.0), distance="kernel")),
        (make("labour_tax", households=5), QuantityObjective("welfare")),
        (make("household_economy", households=3, periods=6), QuantityObjective("welfare")),
    ],
    ids=["volatility", "calibration", "labour_tax", "household"],
)
def test_estimators_agree_under_common_random_numbers(market, objective):
    experiment = experiment_on(market, objective, hidden_layers=(8,))
    theta = market.characteristics.draw(np.random.default_rng(1), 3)
    low, high = market.characteristics.low, market.characteristics.high
    theta = low + (0.1 + 0.8 * market.characteristics.to_unit(theta)) * (high - low)
    answers = {
        how: asked(experiment, theta, how=how, slope="network", copies=4, width=width)
        for how, width in (("pathwise", 0.1), ("forward", 0.1), ("differences", 2e-5))
    }
    reverse, forward, differences = answers.values()
    np.testing.assert_allclose(forward.gradients, reverse.gradients, rtol=1e-6, atol=1e-9)
    scale = np.abs(reverse.gradients).max()
    # Policies see θ in single precision, which a difference divides by its width.
    np.testing.assert_allclose(differences.gradients, reverse.gradients, atol=2e-2 * scale)
    np.testing.assert_allclose(reverse.values, differences.values, rtol=1e-6)


def test_choices_by_likelihood_and_by_order_are_unbiased():
    """Both within four standard errors of differences, for customers with five choices."""
    market = with_groups(TwoGroups(shops=1, customers=3), ordered=True)
    experiment = experiment_on(market, QuantityObjective("choice"), hidden_layers=(8,))
    policies = Policies.untrained(experiment)
    first, _, last = policies.modules["customer"].actor
    with torch.no_grad():  # the larger θ, the higher the choice
        first.weight.fill_(1.0)
        last.weight.copy_((torch.arange(5.0) - 2.0)[:, None].expand(5, 8) / 8.0)
    question = Question(np.array([[0.4]]), copies=40_000, width=0.02)
    found = {
        how: derive(experiment, policies, replace(question, how=how), 7)
        for how in ("score", "ordered", "differences")
    }
    exact = found["differences"]
    for how in ("score", "ordered"):
        error = np.hypot(found[how].gradient_errors, exact.gradient_errors)
        assert abs(found[how].gradients - exact.gradients) < 4 * error, how
        assert abs(exact.gradients) > 8 * error


def with_groups(market, ordered):
    """The same market, differentiable, with choices that are points of a line or are not."""
    groups = tuple(replace(g, ordered=ordered and g.name == "customer") for g in market.groups)
    kind = type("Declared", (type(market),), {"groups": groups, "differentiable": True})
    return kind(market.shops, market.customers)


def test_an_objective_without_a_slope_is_told_from_one_with(monkeypatch):
    """In NumPy, by counting, or of the user's own in torch."""
    module = types.ModuleType("objectives_of_theirs")
    module.in_numpy = lambda path: np.asarray(path["reward"]).sum(axis=1)
    module.in_torch = lambda path: path["reward"].sum(axis=1)
    monkeypatch.setitem(sys.modules, "objectives_of_theirs", module)
    question = Question(np.array([[4.0]]))
    for objective, how in (
        (CallableObjective("objectives_of_theirs:in_numpy"), "differences"),
        (Entropy(bins=4), "differences"),
        (CallableObjective("objectives_of_theirs:in_torch"), "pathwise"),
        (LEADER_PROFIT, "pathwise"),
    ):
        experiment = experiment_on(make("duopoly"), objective, activation="silu")
        chosen = choose(experiment, question)
        assert chosen.how == how
        assert ("passes no gradient on" in chosen.why) == (how == "differences")
        if how == "differences":
            with pytest.raises(PacesetterError, match="Use differences, or leader 'bayesian'"):
                choose(experiment, replace(question, how="pathwise"))


def test_what_cannot_work_is_refused_with_what_can():
    duopoly = experiment_on(make("duopoly"), LEADER_PROFIT, activation="relu")
    theta = np.array([[4.0]])
    with pytest.raises(PacesetterError, match=r"activation 'relu' has kinks.*silu"):
        choose(duopoly, Question(theta, how="pathwise", slope="network"))
    with pytest.raises(PacesetterError, match="nobody chooses at random; use pathwise"):
        choose(duopoly, Question(theta, how="score"))
    book = experiment_on(make("execution"), QuantityObjective("cost_bp"))
    with pytest.raises(PacesetterError, match="not differentiable; use differences"):
        choose(book, Question(theta, how="pathwise"))
    cobweb = experiment_on(make("cobweb"), QuantityObjective("price"))
    with pytest.raises(PacesetterError, match=r"a choice has no derivative\. Use ordered, score"):
        choose(cobweb, Question(theta, how="pathwise"))
    two = experiment_on(with_groups(TwoGroups(), ordered=False), QuantityObjective("price"))
    with pytest.raises(PacesetterError, match="group 'customer' are no points of a line"):
        choose(two, Question(theta, how="ordered"))
    with pytest.raises(PacesetterError, match="one decision per episode"):
        choose(cobweb, Question(theta, how="ordered", slope="implicit"))


@pytest.mark.parametrize(
    ("market", "how", "slope"),
    [
        ("duopoly", "pathwise", "implicit"),
        ("labour_tax", "differences", "network"),
        ("cobweb", "ordered", "network"),
        ("execution", "differences", "network"),
    ],
)
def test_the_first_estimator_that_fits(market, how, slope):
    experiment = experiment_on(make(market), Welfare())
    chosen = choose(experiment, Question(np.zeros((1, 1))))
    assert (chosen.how, chosen.slope) == (how, slope)
    assert chosen.why


@pytest.mark.parametrize(
    ("market", "objective"),
    [
        (make("volatility_clustering", relaxed=True, share_updating=0.0), Volatility("return")),
        (make("stock_market"), Volatility("log_return")),
        (make("stock_market"), Volatility("demand")),
        (make("stock_market"), Calibration(Moments(100.0, 4.0), "price", "kernel")),
    ],
    ids=["volatility_clustering", "stock_market", "stock_market_demand", "stock_market_price"],
)
def test_a_markets_fast_way_gives_the_law_of_its_steps(market, objective, monkeypatch):
    """Both within four standard errors: they use random numbers otherwise."""
    experiment = experiment_on(market, objective)
    theta = market.characteristics.default[None]
    fast = asked(experiment, theta, how="pathwise", copies=400)
    monkeypatch.setattr(type(market), "paths", lambda *_: None)
    slow = asked(experiment, theta, how="pathwise", copies=400)
    apart = np.abs(fast.gradients - slow.gradients)
    assert (apart < 4 * np.hypot(fast.gradient_errors, slow.gradient_errors) + 1e-9).all()
    assert fast.values == pytest.approx(slow.values, rel=0.1)
