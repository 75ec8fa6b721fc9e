"""Gradients from θ to the leader's reward, against central differences with the same luck."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box

from pacesetter.envs.check.play import ActionSource
from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.registry import MARKETS, make
from pacesetter.leaders.game import StackelbergGame
from pacesetter.leaders.objectives.calibration import Calibration, StylisedFacts
from pacesetter.leaders.objectives.distances import DISTANCES, SortedSample
from pacesetter.leaders.objectives.entropy import Entropy
from pacesetter.leaders.objectives.general import (
    Adversarial,
    CallableObjective,
    QuantityObjective,
    Volatility,
    Welfare,
)
from pacesetter.leaders.objectives.limited import Limited
from pacesetter.leaders.objectives.references import CsvFile, Moments

SEED, COPIES, STEPS, INTERVAL = 5, 3, 5, 3
DIFFERENTIABLE = [
    (name, options)
    for name, found in MARKETS.items()
    for options in found.variants
    if (market := make(name, **options)).differentiable
    and market.characteristics.high.max() > market.characteristics.low.max()
]
IDS = [f"{name}-{number}" for number, (name, _) in enumerate(DIFFERENTIABLE)]


def inner_theta(space, copies=COPIES):
    """θ from the inside of its range, ``(copies, d)``, away from all constraints."""
    generator = np.random.default_rng(0)
    theta = space.from_unit(0.25 + 0.5 * generator.random((1000, len(space))))
    margin = space.from_unit(np.full(len(space), 0.05)) - space.low
    fits = [space.allows(theta + sign * row) for row in np.diag(margin) for sign in (-1, 1)]
    return theta[np.all(fits, axis=0)][:copies]


def actions(market):
    source = ActionSource(market, range(SEED, SEED + COPIES))
    return [source.draw() for _ in range(STEPS)]


def answers(market, state):
    """Followers whose actions are a smooth function of what they observe."""
    chosen = {}
    for group, seen in market.observe(state).items():
        space = next(g for g in market.groups if g.name == group).action_space
        assert isinstance(space, Box)
        shape = (seen.shape[-1], *space.shape)
        weights = np.random.default_rng(1).normal(size=shape) / seen.shape[-1]
        middle, half = (space.high + space.low) / 2.0, (space.high - space.low) / 2.0
        if isinstance(seen, np.ndarray):
            chosen[group] = middle + 0.5 * half * np.tanh(seen.astype(float) @ weights)
        else:
            weights, middle, half = (
                torch.tensor(x, dtype=seen.dtype) for x in (weights, middle, half)
            )
            chosen[group] = middle + 0.5 * half * torch.tanh(seen @ weights)
    return chosen


def paid(market, objective, theta, chosen=None):
    """All that the leader is paid in a game of a few intervals, ``(B,)``; θ comes in everywhere."""
    game = StackelbergGame(market, objective, min(INTERVAL, market.steps_per_episode))
    game.reset(SEED, COPIES, theta)
    everywhere = theta if theta.ndim == 2 else theta + 0.0 * game.market_state.theta
    total = 0.0
    for time in range(STEPS):
        if time and (turn := game.leader_turn()).any():
            game.set_theta(everywhere, turn)
        step = game.step(answers(market, game.market_state) if chosen is None else chosen[time])
        for flag in (step.interval_ended, step.terminated, step.truncated):
            assert isinstance(flag, np.ndarray) and flag.dtype == bool
        total = total + step.leader_reward
        game.restart(step.terminated | step.truncated)
    return total


def derivatives(market, objective, theta, chosen=None):
    leaf = torch.tensor(theta, requires_grad=True)
    found = paid(market, objective, leaf, chosen)
    assert found.dtype == torch.float64 and found.shape == (COPIES,)
    np.testing.assert_allclose(
        found.detach(), paid(market, objective, theta, chosen), rtol=1e-6, atol=1e-9
    )
    return torch.autograd.grad(found.sum(), leaf)[0].numpy()


def differences(market, objective, theta, chosen=None, step=1e-7, order=2):
    """Central differences of second or fourth order, by entries of all copies at once."""
    space = market.characteristics
    found = np.zeros_like(theta)
    stencil = {2: {1: 1 / 2}, 4: {1: 2 / 3, 2: -1 / 12}}[order]
    for column in np.flatnonzero(space.high > space.low):
        move = step * np.diag(space.high - space.low)[column]
        for number, weight in stencil.items():
            up, down = (
                paid(market, objective, theta + sign * number * move, chosen) for sign in (1, -1)
            )
            rise = (up - down) if theta.ndim == 2 else (up - down).sum()
            found[..., column] += weight * rise / move[column]
    return found


def assert_close(market, found, expected):
    """Relative to the steepest slope; entries of θ that are fixed have none to compare."""
    free = market.characteristics.high > market.characteristics.low
    assert np.isfinite(found).all() and found.shape == expected.shape
    allowed = 1e-4 * np.abs(expected) + 1e-5 * np.abs(expected).max() + 1e-7
    assert (np.abs(found - expected) <= allowed)[..., free].all(), (found, expected)


@pytest.fixture(autouse=True, scope="module")
def callables():
    module = types.ModuleType("objectives_of_a_user")
    module.in_torch = lambda path: torch.log1p(path["reward"] ** 2).sum(axis=1)
    module.in_numpy = lambda path: np.log1p(np.asarray(path["reward"]) ** 2).sum(axis=1)
    module.of_numbers = lambda path: path["reward"].detach().numpy().sum(axis=1)
    module.on_both = lambda path: (path["reward"] ** 2).sum(axis=1)
    sys.modules["objectives_of_a_user"] = module
    yield module
    del sys.modules["objectives_of_a_user"]


def moved_by_theta(market, chosen):
    """Path quantities that θ moves, and their values in a few plays, name -> ``(n,)``."""
    theta = inner_theta(market.characteristics, 2)
    plays = []
    for one in theta:
        state, play = market.reset(SEED, COPIES, one), []
        for time in range(STEPS):
            step = market.step(state, chosen[time])
            play.append({k: np.asarray(v).ravel() for k, v in step.quantities.items()})
            state = market.restart(step.state, step.terminated | step.truncated)
        plays.append({name: np.concatenate([step[name] for step in play]) for name in play[0]})
    return {
        name: np.concatenate([play[name] for play in plays])
        for name in plays[0]
        if not np.allclose(plays[0][name], plays[1][name])
    }


def objectives(market, chosen):
    """Every objective that is written in array operations, on quantities that θ moves."""
    if market.groups:
        yield from (Welfare(), Adversarial())
        yield CallableObjective("objectives_of_a_user:on_both")
    samples = moved_by_theta(market, chosen)
    names = sorted(samples)
    assert names
    limited = names[-1]
    wide, narrow = (float(x) for x in np.quantile(samples[limited], (0.6, 0.4)) * STEPS)
    several = market.steps_per_episode > 1
    for name in names[:: max(1, len(names) // 2)]:
        moments = Moments(float(samples[name].mean()), float(samples[name].var()))
        yield QuantityObjective(name, -1)
        yield Limited(name, limited, at_most=wide, at_least=narrow, price=2.0)
        yield Calibration(moments, name, "absolute_error")
        if several:
            yield Volatility(name)
            yield Limited(name, limited, statistic="deviation", at_most=narrow)
            for distance in ("energy", "kernel", "quantile"):
                yield Calibration(moments, name, distance)
            yield StylisedFacts(moments, (name,), "quantile")


@pytest.mark.parametrize(("name", "options"), DIFFERENTIABLE, ids=IDS)
def test_every_objective_passes_the_gradient_on(name, options):
    market = make(name, **options).smooth()
    chosen, theta = actions(market), inner_theta(market.characteristics)
    moving = set()
    for objective in objectives(market, chosen):
        expected = differences(market, objective, theta, chosen)
        assert_close(market, derivatives(market, objective, theta, chosen), expected)
        if np.abs(expected).max() > 1e-3:
            moving.add(type(objective))
    of_rewards = {Welfare, Adversarial, CallableObjective} if market.groups else set()
    assert moving >= {QuantityObjective, Calibration, *of_rewards}


def test_entropy_passes_the_gradient_on():
    """A copy's θ moves its own share and that of its nearest."""
    market, space = make("household_economy"), make("household_economy").characteristics
    chosen, theta = actions(market), 0.3 * inner_theta(space)
    expected = np.zeros_like(theta)
    for place in np.ndindex(theta.shape):
        up, down = theta.copy(), theta.copy()
        up[place], down[place] = up[place] + 1e-6, down[place] - 1e-6
        ends = (paid(market, Entropy(), moved, chosen).sum() for moved in (up, down))
        expected[place] = (next(ends) - next(ends)) / 2e-6
    assert np.abs(expected).max() > 1
    assert_close(market, derivatives(market, Entropy(), theta, chosen), expected)


@pytest.mark.parametrize(("name", "options"), DIFFERENTIABLE, ids=IDS)
def test_a_theta_that_all_copies_share_collects_the_gradients_of_all(name, options):
    market = make(name, **options).smooth()
    chosen, theta = actions(market), inner_theta(market.characteristics)[0]
    moved = min(moved_by_theta(market, chosen))
    objective = Welfare() if market.groups else QuantityObjective(moved)
    found = derivatives(market, objective, theta, chosen)
    assert found.shape == theta.shape
    assert_close(market, found, differences(market, objective, theta, chosen))


@pytest.mark.parametrize(
    ("name", "options"), [(name, o) for name, o in DIFFERENTIABLE if make(name, **o).groups]
)
def test_a_gradient_flows_through_what_followers_see_and_do(name, options):
    """Observations are float32, so differences are taken wide apart and of fourth order."""
    market = make(name, **options).smooth()
    theta = inner_theta(market.characteristics)
    expected = differences(market, Welfare(), theta, step=2e-3, order=4)
    assert_close(market, derivatives(market, Welfare(), theta), expected)


def test_several_facts_pass_the_gradient_on(tmp_path):
    market = make("household_economy", households=4)
    path = tmp_path / "facts.csv"
    path.write_text("wage,wealth\n1.0,10\n1.1,30\n1.4,50\n")
    chosen, theta = actions(market), inner_theta(market.characteristics)
    for distance in ("energy", "quantile"):
        objective = StylisedFacts(CsvFile(str(path)), ("wage", "wealth"), distance)
        expected = differences(market, objective, theta, chosen)
        assert_close(market, derivatives(market, objective, theta, chosen), expected)


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("draws", [1, 2, 25])
def test_distances_are_those_of_numpy_and_have_their_slopes(distance, draws):
    generator = np.random.default_rng(0)
    measure = DISTANCES[distance](SortedSample(generator.normal(size=300)))
    drawn = 1.5 * generator.normal(size=(4, draws))
    drawn[0, 0] = 40.0  # beyond every table
    leaf = torch.tensor(drawn, requires_grad=True)
    found = measure(leaf)
    np.testing.assert_allclose(found.detach(), measure(drawn), rtol=1e-12, atol=1e-14)
    (slopes,) = torch.autograd.grad(found.sum(), leaf)
    for place in np.ndindex(drawn.shape):
        up, down = drawn.copy(), drawn.copy()
        up[place], down[place] = up[place] + 1e-7, down[place] - 1e-7
        numeric = (measure(up) - measure(down)).sum() / 2e-7
        assert float(slopes[place]) == pytest.approx(numeric, rel=1e-4, abs=1e-7)


def test_a_calm_path_has_no_slope():
    """The root of a variance has none at zero; the leader gets 0, and nothing that is no number."""
    market = make("household_economy", households=3)
    value = Volatility("wage").measure(market, 3).value
    leaf = torch.ones((2, 3), dtype=torch.float64, requires_grad=True)
    (slopes,) = torch.autograd.grad(value({"wage": leaf}).sum(), leaf)
    assert not slopes.any()


def test_equal_theta_have_a_finite_entropy_gradient():
    market = make("duopoly")
    value = Entropy().measure(market, 1).value
    leaf = torch.full((3, 1, 1), 4.0, dtype=torch.float64, requires_grad=True)
    (slopes,) = torch.autograd.grad(value({"theta": leaf}).sum(), leaf)
    assert torch.isfinite(slopes).all()


def test_a_gradient_that_cannot_be_is_refused():
    market = make("duopoly")
    path = {"theta": torch.full((3, 1, 1), 4.0, dtype=torch.float64, requires_grad=True)}
    value = Entropy(bins=4).measure(market, 1).value
    with pytest.raises(PacesetterError, match=r"zero wherever .*Leave objective\.bins out"):
        value(path)
    found = value({"theta": path["theta"].detach()})
    assert torch.equal(found, torch.zeros(3, dtype=torch.float64))
    with torch.no_grad():
        assert torch.equal(value(path), found)


@pytest.mark.parametrize("function", ["in_numpy", "of_numbers"])
def test_a_callable_in_numpy_says_that_it_cuts_the_gradient(function):
    market = make("duopoly")
    chosen, theta = actions(market), inner_theta(market.characteristics)
    objective = CallableObjective(f"objectives_of_a_user:{function}")
    message = rf"objectives_of_a_user:{function}.*cuts it.*Write it in torch.*theta\.detach\(\)"
    with pytest.raises(PacesetterError, match=message):
        paid(market, objective, torch.tensor(theta, requires_grad=True), chosen)
    found = paid(market, objective, torch.tensor(theta), chosen)
    assert isinstance(found, torch.Tensor)
    expected = theta if function == "in_numpy" else torch.tensor(theta)
    np.testing.assert_allclose(found, paid(market, objective, expected, chosen), rtol=1e-12)


def test_a_callable_in_torch_passes_the_gradient_on():
    market = make("labour_tax", households=4)
    chosen, theta = actions(market), inner_theta(market.characteristics)
    in_torch, in_numpy = (
        CallableObjective(f"objectives_of_a_user:{name}") for name in ("in_torch", "in_numpy")
    )
    leaf = torch.tensor(theta, requires_grad=True)
    paid(market, in_torch, leaf, chosen).sum().backward()
    assert_close(market, leaf.grad.numpy(), differences(market, in_numpy, theta, chosen))


def test_a_fault_of_a_callable_is_told_as_it_is(callables):

    def broken(path):
        raise RuntimeError("a fault of the user's")

    callables.broken = broken
    objective = CallableObjective("objectives_of_a_user:broken")
    market = make("duopoly")
    with pytest.raises(RuntimeError, match="a fault of the user's"):
        paid(market, objective, inner_theta(market.characteristics), actions(market))
    leaf = torch.tensor(inner_theta(market.characteristics), requires_grad=True)
    with pytest.raises(PacesetterError, match="a fault of the user's"):
        paid(market, objective, leaf, actions(market))
