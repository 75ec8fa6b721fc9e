"""Many steps in one compiled loop against the same steps one by one."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.core.random_streams import ShockLayout
from pacesetter.envs.market_maker.market import MARKET_MAKER
from pacesetter.envs.registry import MARKETS, make
from pacesetter.leaders.objectives.general import CallableObjective
from pacesetter.leaders.registry import LEADERS
from pacesetter.training.bench.contenders import followers_alone
from pacesetter.training.compiled.crew import Crew
from pacesetter.training.experiments.place import check_place
from pacesetter.training.policies import inference
from pacesetter.training.policies.network import ActorCritic
from pacesetter.training.policies.specification import model_config
from pacesetter.training.ppo.advantages import advantages
from pacesetter.training.ppo.backend import LocalBackend
from pacesetter.training.ppo.quiet import QuietLoop

COMPILED = [
    (name, options)
    for name, made in MARKETS.items()
    for options in made.variants
    if make(name, **options).compiled_steps is not None
]


def reward_and_theta(path):
    return (path["reward"] * path["theta"][:, :, 0]).sum(axis=1)


def experiment_of(copies, interval="episode", leader="random", **options):
    market = make("market_maker", periods=30, takers=20, **options)
    alone = followers_alone(market, "local", copies, 50, hidden_layers=(8,), epochs=1)
    own = CallableObjective(f"{__name__}:reward_and_theta", ("reward", "theta"))
    return replace(
        alone, objective=own, leader=replace(LEADERS[leader](), interval=interval), seed=3
    )


def one_by_one(monkeypatch):
    monkeypatch.setattr(QuietLoop, "of", classmethod(lambda cls, experiment: None))


def both_ways(monkeypatch, experiment):
    """A backend that samples in one call, and then one that goes step by step."""
    for compiled in (True, False):
        if not compiled:
            one_by_one(monkeypatch)
        backend = LocalBackend(experiment)
        assert (backend._sampler._loop is not None) == compiled
        yield backend


@pytest.mark.parametrize(("name", "options"), COMPILED)
def test_compiled_steps_are_those_of_the_market(name, options):
    market, copies, generator = make(name, **options), 5, np.random.default_rng(1)
    steps, layout = market.compiled_steps, ShockLayout(market.step_shocks)
    (group,) = market.groups
    theta = market.characteristics.draw(generator, copies)
    state = market.reset(4, copies, theta)
    low, high = group.action_space.low, group.action_space.high
    alike = partial(np.testing.assert_allclose, rtol=steps.rounding, atol=steps.rounding)
    for _ in range(min(6, market.steps_per_episode - 1)):
        shape = (copies, group.size, *group.action_space.shape)
        actions = generator.uniform(low, high, shape).astype(np.float32)
        draws, at, _ = state.step_stream.ahead(layout, 1)
        memory = steps.packed(state)
        seen = np.empty((copies, group.size, *group.observation_space.shape), np.float32)
        steps.observe(memory, theta, steps.constants, seen)
        last_digit = 2e-7 * (steps.rounding > 0.0)
        np.testing.assert_allclose(seen, market.observe(state)[group.name], last_digit, last_digit)
        rewards = np.empty((copies, group.size))
        quantities = steps.room((copies,), group.size)
        steps.step(memory, theta, actions, draws, at, steps.constants, rewards, quantities)
        step = market.step(state, {group.name: actions})
        state = step.state
        alike(rewards, step.rewards[group.name])
        named = steps.named(quantities)
        assert named.keys() == step.quantities.keys()
        for name, value in named.items():
            alike(value, step.quantities[name])
        for name, value in steps.unpacked(memory).items():
            alike(value, getattr(state, name))


@pytest.mark.parametrize(
    ("copies", "interval", "leader", "options"),
    [
        (3, "episode", "random", {}),
        (16, 7, "random", {"theta_visible": False}),
        (5, 10, "ppo", {"initial_price": "stationary"}),
    ],
)
def test_training_is_the_same(monkeypatch, copies, interval, leader, options):
    experiment = experiment_of(copies, interval, leader, **options)
    rounds = []
    for backend in both_ways(monkeypatch, experiment):
        backend.command(copies // 2 if leader == "ppo" else 0, None)
        rounds.append(([backend.iterate() for _ in range(3)], backend._sampler.state()))
    (fast, left), (slow, stayed) = rounds
    for one, other in zip(fast, slow, strict=True):
        assert one.learned == other.learned
        mine, theirs = vars(one.reports[0]), vars(other.reports[0])
        for name, value in mine.items():
            assert np.array_equal(value, theirs[name]) if hasattr(value, "shape") else True
        assert mine["quantities"] == theirs["quantities"]
        assert mine["returns"] == theirs["returns"]
    assert np.array_equal(left["generator"], stayed["generator"])
    assert np.array_equal(left["game"]["market_state"].price, stayed["game"]["market_state"].price)
    paths = left["game"]["path"], stayed["game"]["path"]
    assert all(np.array_equal(paths[0][name], paths[1][name]) for name in paths[1])


@pytest.mark.parametrize("bounds", ["clipped", "smooth"])
def test_households_sample_the_same_up_to_rounding(monkeypatch, bounds):
    market = make("household_economy", households=7, periods=30)
    alone = followers_alone(market, "local", 5, 40, hidden_layers=(16,), epochs=1)
    followers = replace(alone.followers, action_bounds=bounds)
    experiment = replace(alone, followers=followers, seed=3)
    rounds = []
    for backend in both_ways(monkeypatch, experiment):
        rollout = backend._sampler.sample(backend.modules)
        rounds.append((rollout.modules["household"], backend._sampler.take_report()))
    (fast, mine), (slow, theirs) = rounds
    for name in ("observations", "actions", "rewards", "log_probability"):
        np.testing.assert_allclose(getattr(fast, name), getattr(slow, name), rtol=1e-4, atol=1e-5)
    assert mine.quantities == pytest.approx(theirs.quantities, rel=1e-4, abs=1e-5)


def test_what_the_loop_does_not_know_goes_step_by_step():
    experiment = experiment_of(2)
    assert QuietLoop.of(experiment) is not None
    followers = experiment.followers_of("market_maker")
    for option in ({"action_bounds": "proportional"}, {"kl_coefficient": 0.2}):
        assert QuietLoop.of(replace(experiment, followers=replace(followers, **option))) is None
    unknown = replace(experiment, followers=replace(followers, activation="silu"))
    backend = LocalBackend(unknown)
    assert backend._sampler._loop is not None
    assert np.isfinite(backend.iterate().reports[0].returns["market_maker"])


def test_a_sum_in_order_is_that_of_single_steps():
    generator = torch.Generator().manual_seed(0)
    rewards, values, after = torch.randn((3, 40, 7), generator=generator)
    ended = torch.rand((40, 7), generator=generator) < 0.1
    found = advantages(rewards, values, after, ended, 0.9, 0.8)
    running = torch.zeros(7)
    for time in range(39, -1, -1):
        decay = (0.9 * 0.8) * (~ended[time]).float()
        running = rewards[time] + 0.9 * after[time] - values[time] + decay * running
        assert torch.equal(found[time], running)


@pytest.mark.parametrize("rows", [100, 5000])
def test_threads_share_a_forward_pass_and_leave_the_result(rows):
    module = ActorCritic(
        Box(-1.0, 1.0, (6,), np.float32), Discrete(9), model_config(experiment_of(2), MARKET_MAKER)
    )
    seen = torch.randn((rows, 6), generator=torch.Generator().manual_seed(1))
    alone = inference.outputs_of(module.actor, seen)
    crew = Crew(3)
    for _ in range(6):  # it looks at both ways of working
        assert torch.equal(inference.outputs_of(module.actor, seen, crew), alone)


def test_sampling_with_threads_is_the_same():
    rounds = []
    for threads in (1, 2):
        alone = followers_alone(make("duopoly"), "local", 1200, 2, hidden_layers=(8,), epochs=1)
        training = replace(alone.training, sampler_threads=threads)
        backend = LocalBackend(replace(alone, training=training))
        rounds.append([backend.iterate().learned for _ in range(2)])
    assert rounds[0] == rounds[1]


def test_more_threads_than_cores_are_refused():
    experiment = experiment_of(2)
    many = replace(experiment, training=replace(experiment.training, sampler_threads=5000))
    with pytest.raises(PacesetterError, match=r"training\.sampler_threads is 5000, and this proc"):
        check_place(many, None)
