"""The vectorised views play what the PettingZoo view plays, copy by copy."""

from __future__ import annotations

import numpy as np
import pytest

import pacesetter
from pacesetter.envs.registry import MARKETS, make

WITH_AGENTS = [name for name in MARKETS if make(name).groups]


@pytest.mark.parametrize("name", WITH_AGENTS)
def test_every_copy_is_the_pettingzoo_view_of_its_seed(name):
    market = make(name)
    env = pacesetter.vector_parallel_env(market, copies=2)
    singles = [pacesetter.parallel_env(market) for _ in range(2)]
    seen, _ = env.reset(seed=3)
    by_agent = [single.reset(seed=3 + b)[0] for b, single in enumerate(singles)]
    spaces = {name: env.batched_action_space(name) for name in env.possible_agents}
    for space in spaces.values():
        space.seed(1)
    for _ in range(min(market.steps_per_episode, 20) + 2):
        _compare(seen, by_agent)
        actions = {name: space.sample() for name, space in spaces.items()}
        seen, rewards, terminated, truncated, infos = env.step(actions)
        for b, single in enumerate(singles):
            alone = {
                agent: actions[name][b, i]
                for name, agents in env.possible_agents.items()
                for i, agent in enumerate(agents)
            }
            by_agent[b], paid, ends, cuts, told = single.step(alone)
            for name, agents in env.possible_agents.items():
                # Sums over all copies may be rounded otherwise than those of one.
                own = [paid[agent] for agent in agents]
                np.testing.assert_allclose(rewards[name][b], own, rtol=1e-12, atol=1e-12)
                assert terminated[name][b].tolist() == [ends[agent] for agent in agents]
                assert truncated[name][b].tolist() == [cuts[agent] for agent in agents]
            first = told[single.possible_agents[0]]
            for quantity, values in infos["quantities"].items():
                np.testing.assert_allclose(values[b], first[quantity], rtol=1e-12, atol=1e-12)
            if not single.agents:
                for name, agents in env.possible_agents.items():
                    for i, agent in enumerate(agents):
                        final = infos["final_observations"][name][b, i]
                        np.testing.assert_allclose(final, by_agent[b][agent], rtol=1e-6)
                by_agent[b], _ = single.reset()


def _compare(seen, by_agent):
    for name, values in seen.items():
        for b, dictionary in enumerate(by_agent):
            for i, row in enumerate(values[b]):
                np.testing.assert_allclose(row, dictionary[f"{name}_{i}"], rtol=1e-6)


def test_rows_of_the_vector_view_are_copies_and_agents():
    rows = pacesetter.vector_env("cobweb", copies=3, periods=4)
    arrays = pacesetter.vector_parallel_env("cobweb", copies=3, periods=4)
    seen, _ = rows.reset(seed=0)
    of_group, _ = arrays.reset(seed=0)
    rows.action_space.seed(0)
    for time in range(9):
        np.testing.assert_array_equal(seen, of_group["producer"].reshape(18, -1))
        actions = rows.action_space.sample()
        seen, rewards, _, truncated, infos = rows.step(actions)
        of_group, paid, _, cut, told = arrays.step({"producer": actions.reshape(3, 6)})
        np.testing.assert_array_equal(rewards, paid["producer"].reshape(-1))
        np.testing.assert_array_equal(truncated, cut["producer"].reshape(-1))
        price = told["quantities"]["price"]
        np.testing.assert_array_equal(infos["price"], np.repeat(price, 6))
        assert ("final_obs" in infos) == (time % 4 == 3) == bool(truncated.all())


def test_theta_is_fixed_given_or_drawn():
    market = make("duopoly")
    fixed = pacesetter.vector_env(market, copies=3, theta=[[1.0], [2.0], [3.0]])
    seen, _ = fixed.reset(seed=0)
    assert seen.ravel().tolist() == pytest.approx([1 / 6 - 1, 2 / 6 - 1, 3 / 6 - 1])
    seen, _ = fixed.reset(options={"theta": {"leader_quantity": 12.0}})
    assert seen.ravel().tolist() == [1.0] * 3 and fixed.theta.tolist() == [[12.0]] * 3
    fixed.set_characteristics([0.0])  # in the midst of an episode, and over the next ones
    assert fixed.step(np.zeros((3, 1)))[0].ravel().tolist() == [-1.0] * 3

    drawn = pacesetter.vector_env(market, copies=500, theta="drawn")
    episodes = []
    for _ in range(2):
        drawn.reset(seed=4)
        episodes.append([drawn.theta[:, 0]])
        for _ in range(3):
            drawn.step(np.zeros((500, 1)))  # an episode each
            episodes[-1].append(drawn.theta[:, 0])
    np.testing.assert_array_equal(*episodes)  # the seed decides
    values = np.concatenate(episodes[0])
    assert len(np.unique(values)) == 2000
    # Uniform on [0, 12]: four standard errors of the mean, and the whole range.
    assert abs(values.mean() - 6.0) < 4 * (12 / 12**0.5) / 2000**0.5
    assert values.min() < 0.1 and values.max() > 11.9


def test_stable_baselines3_view_tells_what_was_seen_last():
    env = pacesetter.sb3_env("cobweb", copies=2, periods=3)
    env.seed(7)
    view = pacesetter.vector_env("cobweb", copies=2, periods=3)
    np.testing.assert_array_equal(env.reset(), view.reset(seed=7)[0])
    view.action_space.seed(0)
    for time in range(6):
        actions = view.action_space.sample()
        seen, rewards, _, truncated, infos = view.step(actions)
        rows, paid, done, told = env.step(actions)
        np.testing.assert_array_equal(rows, seen)
        np.testing.assert_array_equal(paid, rewards.astype(np.float32))
        assert done.tolist() == truncated.tolist() == [time % 3 == 2] * 12
        for row, info in enumerate(told):
            assert bool(info) == done[row]
            if info:
                assert info["TimeLimit.truncated"]
                np.testing.assert_array_equal(info["terminal_observation"], infos["final_obs"][row])
