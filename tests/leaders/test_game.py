"""The slow clock: when θ changes, what the leader is paid for, and exact resumption."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.registry import make
from pacesetter.leaders.game import StackelbergGame
from pacesetter.leaders.objectives.calibration import Calibration
from pacesetter.leaders.objectives.entropy import Entropy
from pacesetter.leaders.objectives.general import QuantityObjective, Volatility, Welfare
from pacesetter.leaders.objectives.references import Moments

PERIODS, COPIES = 7, 3


def game(interval, objective=None):
    market = make("cobweb", periods=PERIODS)
    return StackelbergGame(market, objective or QuantityObjective("price"), interval)


def choices(generator, copies=COPIES):
    return {"producer": generator.integers(0, 101, (copies, 6))}


def play(played, steps, generator, lead=True):
    """Step, with new θ on every turn; (turns, θ in force, game step) of every step."""
    history = []
    for _ in range(steps):
        turns = played.leader_turn()
        if lead and turns.any():
            theta = played.market.characteristics.draw(generator, COPIES)
            played.set_theta(theta, turns)
        theta = played.market_state.theta.copy()
        step = played.step(choices(generator))
        history.append((turns, theta, step))
        played.restart(step.terminated | step.truncated)
    return history


@pytest.mark.parametrize(
    ("interval", "turns"),
    [
        (1, [0, 1, 2, 3, 4, 5, 6, 7]),
        (3, [0, 3, 6, 7, 10, 13]),
        (7, [0, 7]),
        ("episode", [0, 7]),
    ],
)
def test_theta_changes_on_turns_only(interval, turns):
    played = game(interval)
    played.reset(0, COPIES)
    history = play(played, max(turns) + 1, np.random.default_rng(0))
    assert [t for t, (turn, _, _) in enumerate(history) if turn.all()] == turns
    for t in range(1, len(history)):
        same = np.array_equal(history[t][1], history[t - 1][1])
        assert same == (t not in turns)


@pytest.mark.parametrize("interval", [1, 3, "episode"])
def test_the_leader_is_paid_the_objective_of_each_interval(interval):
    played = game(interval)
    played.reset(0, COPIES)
    owed = np.zeros(COPIES)
    for _, _, step in play(played, 2 * PERIODS, np.random.default_rng(1)):
        owed += step.quantities["price"]
        paid = np.where(step.interval_ended, owed, 0.0)
        np.testing.assert_allclose(step.leader_reward, paid, rtol=1e-12)
        owed[step.interval_ended] = 0.0
    assert not owed.any()


def test_an_interval_ends_with_its_episode():
    played = game(3)
    played.reset(0, COPIES)
    ends = [step.interval_ended.all() for *_, step in play(played, 7, np.random.default_rng(2))]
    assert ends == [False, False, True, False, False, True, True]


def test_a_distance_is_taken_over_the_interval_alone():
    objective = Calibration(Moments(6.0, 1.0))
    played = game(3, objective)
    played.reset(0, COPIES)
    history = play(played, 6, np.random.default_rng(3))
    prices = np.stack([step.quantities["price"] for *_, step in history[3:]], axis=1)
    expected = objective.measure(played.market, 3).value({"price": prices})
    np.testing.assert_allclose(history[5][2].leader_reward, expected, rtol=1e-12)


def test_restarting_some_copies_begins_their_intervals_anew():
    played = game(3)
    played.reset(0, COPIES)
    generator = np.random.default_rng(4)
    first = np.array([True, False, False])
    play(played, 2, generator)
    played.restart(first)
    assert played.market_state.clock.tolist() == [0, 2, 2]
    assert played.leader_turn().tolist() == first.tolist()
    before = played.market_state.theta.copy()
    played.set_theta(played.market.characteristics.draw(generator, COPIES), played.leader_turn())
    assert (before != played.market_state.theta).any(axis=1).tolist() == first.tolist()
    paid = np.zeros((4, COPIES))
    prices = np.zeros((4, COPIES))
    for t in range(4):
        step = played.step(choices(generator))
        prices[t], paid[t] = step.quantities["price"], step.leader_reward
    all_but_first = [False, True, True]
    expected = [all_but_first, [False] * 3, first.tolist(), all_but_first]
    assert (paid != 0).tolist() == expected
    assert paid[2, 0] == pytest.approx(prices[:3, 0].sum(), rel=1e-12)
    assert paid[3, 1] == pytest.approx(prices[1:, 1].sum(), rel=1e-12)


@pytest.mark.parametrize("objective", [Welfare(), Entropy(), Calibration(Moments(6.0, 1.0))])
def test_state_and_restore_are_exact(objective):
    played = game(3, objective)
    played.reset(0, COPIES)
    generator = np.random.default_rng(5)
    play(played, 5, generator)
    kept = pickle.loads(pickle.dumps((played.state(), generator)))
    expected = play(played, 9, generator)
    other = game(3, objective)
    other.restore(kept[0])
    found = play(other, 9, kept[1])
    for (_, theta, step), (_, other_theta, other_step) in zip(expected, found, strict=True):
        np.testing.assert_array_equal(theta, other_theta)
        np.testing.assert_array_equal(step.leader_reward, other_step.leader_reward)
        np.testing.assert_array_equal(step.quantities["price"], other_step.quantities["price"])


def test_stepping_on_does_not_change_a_state_taken_before():
    played = game("episode")
    played.reset(0, COPIES)
    generator = np.random.default_rng(6)
    play(played, 3, generator)
    state = played.state()
    before = pickle.dumps(state)
    play(played, 3, generator)
    assert pickle.dumps(state) == before


@pytest.mark.parametrize("interval", [0, 8, -1])
def test_refuses_an_interval_outside_an_episode(interval):
    with pytest.raises(PacesetterError, match="between 1 and the 7 steps"):
        game(interval)


def test_a_leader_is_not_paid_for_keeping_away_from_random_theta():
    """Entropy compares the copies that the leader leads with each other, and nobody else."""
    paid = []
    for elsewhere in (0.05, 0.9):
        played = StackelbergGame(make("cobweb", periods=PERIODS), Entropy(), 1)
        played.reset(0, 4)
        played.led = np.array([True, True, False, False])
        theta = np.array([[0.1, 0.0], [0.2, 0.0], [elsewhere, 0.0], [elsewhere, 0.1]])
        theta = theta * played.market.characteristics.high
        played.set_theta(theta, np.ones(4, dtype=bool))
        paid.append(played.step(choices(np.random.default_rng(0), 4)).leader_reward)
    np.testing.assert_array_equal(paid[0][:2], paid[1][:2])
    np.testing.assert_allclose(paid[0][:2], 2 * np.log(0.1))


def rewards_of(played, theta, steps, seed=0):
    """What the leader is paid at every step, in copies that are put out of phase."""
    played.reset(seed, COPIES, theta)
    generator = np.random.default_rng(7)
    paid = []
    for _ in range(steps):
        step = played.step(choices(generator))
        paid.append(step.leader_reward)
        early = generator.random(COPIES) < 0.15
        played.restart(step.terminated | step.truncated | early)
    return paid


@pytest.mark.parametrize("interval", [1, 3, 5, "episode"])
@pytest.mark.parametrize(
    "objective",
    [QuantityObjective("price"), Volatility("forecast"), Calibration(Moments(6.0, 1.0))],
)
def test_a_game_in_torch_pays_what_one_in_numpy_pays(interval, objective):
    if interval == 1 and not isinstance(objective, QuantityObjective):
        interval = 2
    theta = np.full((COPIES, 2), 0.2)
    expected = rewards_of(game(interval, objective), theta, 4 * PERIODS)
    found = rewards_of(game(interval, objective), torch.tensor(theta), 4 * PERIODS)
    assert all(isinstance(reward, torch.Tensor) for reward in found)
    np.testing.assert_allclose(torch.stack(found), np.stack(expected), rtol=1e-9, atol=1e-12)


def unled(played, steps, generator):
    for _ in range(steps):
        step = played.step(choices(generator))
        played.restart(step.terminated | step.truncated)
        yield step


def test_a_game_in_torch_goes_on_from_its_state():
    played, theta = game(3), torch.full((COPIES, 2), 0.2, dtype=torch.float64)
    played.reset(0, COPIES, theta)
    generator = np.random.default_rng(5)
    list(unled(played, 5, generator))
    kept = pickle.loads(pickle.dumps((played.state(), generator)))
    other = game(3)
    expected = [step.leader_reward for step in unled(played, 9, generator)]
    other.restore(kept[0])
    found = [step.leader_reward for step in unled(other, 9, kept[1])]
    assert torch.equal(torch.stack(found), torch.stack(expected))


def test_a_tensor_takes_a_game_into_torch_within_an_interval():
    """What NumPy has recorded of the interval counts on, in copies at different places."""
    paid = []
    for later in (np.full((COPIES, 2), 0.3), torch.full((COPIES, 2), 0.3, requires_grad=True)):
        played, generator = game(5), np.random.default_rng(3)
        played.reset(0, COPIES)
        played.step(choices(generator))
        played.restart(np.array([True, False, True]))
        played.step(choices(generator))
        played.set_theta(later, np.array([False, True, True]))
        steps = [played.step(choices(generator)) for _ in range(4)]
        paid.append([step.leader_reward for step in steps])
        theta = played.market_state.theta
    assert isinstance(paid[1][-1], torch.Tensor) and theta.requires_grad
    np.testing.assert_allclose(theta.detach()[:, 0], [0.25, 0.3, 0.3], rtol=1e-7)
    np.testing.assert_allclose(torch.stack(paid[1]).detach(), np.stack(paid[0]), rtol=1e-12)


def test_theta_gets_the_gradient_of_the_rows_that_it_is_set_in():
    played = StackelbergGame(make("duopoly"), Welfare())
    played.reset(0, 3)
    theta = torch.full((3, 1), 2.0, dtype=torch.float64, requires_grad=True)
    played.set_theta(theta, np.array([True, False, True]))
    step = played.step({"follower": np.full((3, 1, 1), 3.0)})
    step.leader_reward.sum().backward()
    assert theta.grad[:, 0].tolist() == pytest.approx([-1 / 3, 0.0, -1 / 3])
    played.set_theta(np.full((3, 1), 5.0), np.ones(3, dtype=bool))
    assert isinstance(played.market_state.theta, torch.Tensor)
