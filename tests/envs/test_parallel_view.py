"""The PettingZoo views play what the arrays play, and refuse what is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from pettingzoo.test import parallel_api_test, parallel_seed_test

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.parallel import parallel_env
from pacesetter.envs.registry import MARKETS, make
from pacesetter.leaders.game import StackelbergGame
from pacesetter.leaders.objectives.general import QuantityObjective, Welfare
from pacesetter.leaders.parallel import parallel_game

WITH_AGENTS = [name for name in MARKETS if make(name).groups]


def batch_actions(market, actions):
    """Actions by agent as arrays, written out once more for the comparison."""
    return {
        group.name: np.array([[actions[f"{group.name}_{i}"] for i in range(group.size)]])
        for group in market.groups
    }


def sampled(view, seed):
    for i, agent in enumerate(view.possible_agents):
        view.action_space(agent).seed(seed + i)
    while True:
        yield {agent: view.action_space(agent).sample() for agent in view.possible_agents}


@pytest.mark.parametrize("name", WITH_AGENTS)
def test_market_view_equals_the_batch(name):
    market = make(name)
    view = parallel_env(market)
    observations, infos = view.reset(seed=3)
    state = market.reset(3)
    assert infos == {agent: {} for agent in view.agents}
    draws = sampled(view, 0)
    for _ in range(2 * market.steps_per_episode + 1):
        for group in market.groups:
            for i in range(group.size):
                seen = observations[f"{group.name}_{i}"]
                np.testing.assert_array_equal(seen, market.observe(state)[group.name][0, i])
                assert seen in view.observation_space(f"{group.name}_{i}")
        actions = next(draws)
        observations, rewards, terminations, truncations, infos = view.step(actions)
        step = market.step(state, batch_actions(market, actions))
        state = step.state
        for group in market.groups:
            own = [rewards[f"{group.name}_{i}"] for i in range(group.size)]
            assert own == step.rewards[group.name][0].tolist()
        assert set(terminations.values()) == {bool(step.terminated[0])}
        assert set(truncations.values()) == {bool(step.truncated[0])}
        first = infos[view.possible_agents[0]]
        assert set(first) == set(market.quantities)
        for quantity, value in step.quantities.items():
            np.testing.assert_array_equal(first[quantity], value[0])
        if step.terminated[0] or step.truncated[0]:
            assert view.agents == []
            observations, _ = view.reset()
            state = market.restart(state, np.array([True]))


@pytest.mark.parametrize("name", WITH_AGENTS)
@pytest.mark.filterwarnings("error::UserWarning")
def test_pettingzoo_s_own_tests(name, capsys):
    market = make(name)

    def views():
        yield lambda: parallel_env(name)
        for acts in (True, False):
            yield lambda acts=acts: parallel_game(market, Welfare(), 1, leader_acts=acts)

    for build in views():
        parallel_api_test(build(), num_cycles=60)
        parallel_seed_test(build, num_cycles=60)
    assert "Passed" in capsys.readouterr().out


def test_characteristics_stand_until_they_are_set_again():
    view = parallel_env("duopoly", theta={"leader_quantity": 6.0})
    observations, _ = view.reset(seed=0)
    assert observations["follower_0"].tolist() == [0.0]
    view.set_characteristics([12.0])
    assert view.theta == {"leader_quantity": 12.0}
    assert view.reset(seed=1)[0]["follower_0"].tolist() == [1.0]
    assert view.reset(options={"theta": [0.0]})[0]["follower_0"].tolist() == [-1.0]
    for _ in range(20):
        view.set_characteristics(view.characteristics_space.sample())
    with pytest.raises(PacesetterError, match="leader_quantity"):
        view.set_characteristics([13.0])


def test_every_member_of_the_characteristics_space_is_allowed():
    market = make("duopoly", demand_slope=0.7)
    view = parallel_env(market)
    for theta in (view.characteristics_space.low, view.characteristics_space.high):
        view.set_characteristics(theta)


@pytest.mark.parametrize(
    ("name", "action"),
    [
        ("duopoly", np.array([np.nan], dtype=np.float32)),
        ("duopoly", np.array([12.5], dtype=np.float32)),
        ("duopoly", np.array([1.0, 2.0], dtype=np.float32)),
        ("duopoly", 3.0),
        ("duopoly", "much"),
        ("duopoly", None),
        ("cobweb", 101),
        ("cobweb", -1),
        ("cobweb", 2.5),
        ("cobweb", float("nan")),
        ("cobweb", np.array([3])),
        ("cobweb", None),
    ],
)
def test_refuses_actions_outside_their_space(name, action):
    view = parallel_env(name)
    view.reset(seed=0)
    actions = next(sampled(view, 0))
    agent = view.agents[0]
    with pytest.raises(PacesetterError, match=f"action of agent '{agent}' must be"):
        view.step(actions | {agent: action})


def test_refuses_steps_outside_an_episode_and_unknown_agents():
    view = parallel_env("duopoly")
    action = {"follower_0": np.array([1.0], dtype=np.float32)}
    with pytest.raises(PacesetterError, match="no episode has begun"):
        view.step(action)
    view.reset(seed=0)
    with pytest.raises(PacesetterError, match="unknown agent 'follower_1'; did you mean"):
        view.step(action | {"follower_1": action["follower_0"]})
    with pytest.raises(PacesetterError, match="no action for agent 'follower_0'"):
        view.step({})
    view.step(action)
    with pytest.raises(PacesetterError, match="the episode has ended"):
        view.step(action)
    with pytest.raises(PacesetterError, match="unknown agent"):
        view.observation_space("nobody")
    with pytest.raises(PacesetterError, match="already built"):
        parallel_env(make("duopoly"), followers=2)


def test_the_leader_moves_first_and_followers_see_its_move():
    view = parallel_game(make("duopoly"), QuantityObjective("leader_profit"))
    _, infos = view.reset(seed=0)
    assert infos["leader"]["turn"] and not infos["follower_0"]["turn"]
    quantity = np.array([3.0], dtype=np.float32)
    moves = {"leader": np.zeros(1, dtype=np.float32), "follower_0": quantity}
    observations, rewards, terminations, _, infos = view.step(moves)
    assert observations["follower_0"].tolist() == [0.0]  # sees q_L = 6
    assert rewards == {"leader": 0.0, "follower_0": 0.0}
    assert not any(terminations.values())
    assert not infos["leader"]["turn"] and infos["follower_0"]["turn"]
    _, rewards, terminations, _, infos = view.step({"follower_0": quantity})
    assert rewards["leader"] == 18.0  # (12 − 6 − 3) · 6
    assert rewards["follower_0"] == 1.0
    assert all(terminations.values()) and view.agents == []
    assert not infos["leader"]["turn"]


@pytest.mark.parametrize("interval", [2, 3, "episode"])
def test_game_view_equals_the_batch(interval):
    market = make("cobweb", periods=7)
    view = parallel_game(market, Welfare(), interval)
    game = StackelbergGame(market, Welfare(), interval)
    _, infos = view.reset(seed=2)
    game.reset(2, 1)
    draws, turns = sampled(view, 5), 0
    for _ in range(2):
        while view.agents:
            actions = next(draws)
            turn = infos["leader"]["turn"]
            observations, rewards, _, truncations, infos = view.step(actions)
            if turn:
                assert game.leader_turn()[0]
                theta = market.characteristics.from_action(actions["leader"][None])
                game.set_theta(theta, np.array([True]))
                turns += 1
            else:
                step = game.step(batch_actions(market, actions))
                assert rewards["leader"] == step.leader_reward[0]
                assert rewards["producer_3"] == step.rewards["producer"][0, 3]
                assert truncations["leader"] == step.truncated[0]
            seen = market.observe(game.market_state)["producer"][0, 5]
            np.testing.assert_array_equal(observations["producer_5"], seen)
            np.testing.assert_array_equal(
                observations["leader"], market.leader_observe(game.market_state)[0]
            )
        _, infos = view.reset()
        game.restart(np.array([True]))
    assert turns == 2 * {2: 4, 3: 3, "episode": 1}[interval]


def test_a_search_leader_sets_characteristics_from_outside():
    market = make("cobweb", periods=4)
    view = parallel_game(market, Welfare(), leader_acts=False)
    assert "leader" not in view.possible_agents
    view.set_characteristics({"mean_information_cost": 0.5})
    observations, _ = view.reset(seed=0)
    assert observations["producer_0"][-1] == np.float32(0.5 / 0.7)
    total = 0.0
    for actions, _ in zip(sampled(view, 1), range(4), strict=False):
        _, rewards, _, _, infos = view.step(actions)
        total += np.mean(list(rewards.values()))
    assert infos["producer_0"]["leader_reward"] == pytest.approx(total, rel=1e-12)
    assert view.agents == []


def test_leader_actions_span_the_bounds():
    characteristics = make("cobweb").characteristics
    corners = np.array([[-1.0, -1.0], [1.0, 1.0], [0.0, 0.0]], dtype=np.float32)
    theta = characteristics.from_action(corners)
    np.testing.assert_allclose(theta, [[0, 0], [1, 0.5], [0.5, 0.25]])


def test_reset_in_the_middle_of_an_interval_begins_a_new_one():
    view = parallel_game(make("cobweb"), Welfare(), 5)
    draws = sampled(view, 0)
    view.reset(seed=0)
    for _ in range(3):
        view.step(next(draws))
    _, infos = view.reset()
    assert infos["leader"]["turn"]
