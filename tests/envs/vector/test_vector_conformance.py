"""The vectorised views pass other libraries' checkers, and refuse what is wrong."""

from __future__ import annotations

import subprocess
import sys
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers.vector import ClipAction, RecordEpisodeStatistics
from small_markets import TwoGroups
from stable_baselines3 import PPO
from stable_baselines3.common.env_checker import check_env as sb3_check_env

import pacesetter
from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.registry import MARKETS, make

pacesetter.register_with_gymnasium()  # whatever was imported first in this process
WITH_ONE = [name for name in MARKETS if len(g := make(name).groups) == 1 and g[0].size == 1]
"""Markets in which a single follower acts."""


@pytest.mark.parametrize("name", WITH_ONE)
def test_gymnasium_s_and_stable_baselines3_s_checkers(name):
    env = gymnasium.make(f"pacesetter/{name}-v0", disable_env_checker=True).unwrapped
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        # Actions are in the market's own units, which both only recommend against.
        warnings.filterwarnings("ignore", message="(?s).*(symmetric and|infinity)")
        check_env(env, skip_render_check=True)
        sb3_check_env(env)


@pytest.mark.parametrize("name", WITH_ONE)
def test_make_vec_gives_the_view_of_all_copies(name):
    env = gymnasium.make_vec(f"pacesetter/{name}-v0", num_envs=3, theta="drawn")
    assert env.num_envs == 3 and env.spec.id == f"pacesetter/{name}-v0"
    wrapped = RecordEpisodeStatistics(ClipAction(env) if _box(env) else env)
    observations, infos = wrapped.reset(seed=5)
    assert observations in env.observation_space and infos == {}
    env.action_space.seed(0)
    episodes = 0
    for _ in range(2 * make(name).steps_per_episode):
        observations, rewards, terminated, truncated, infos = wrapped.step(
            env.action_space.sample()
        )
        assert observations in env.observation_space
        assert rewards.shape == terminated.shape == truncated.shape == (3,)
        ended = terminated | truncated
        episodes += int(ended.sum())
        if ended.any():
            assert infos["episode"]["l"].shape == (3,)
    assert episodes == 6


def _box(env):
    return isinstance(env.single_action_space, gymnasium.spaces.Box)


@pytest.mark.parametrize(
    "program",
    [
        "import gymnasium, pacesetter; name = 'pacesetter/duopoly-v0'",
        "import pacesetter, gymnasium; pacesetter.Market; name = 'pacesetter/duopoly-v0'",
        "import pacesetter; names = pacesetter.register_with_gymnasium(); import gymnasium; "
        "name = next(name for name in names if 'duopoly' in name)",
        "import gymnasium; name = 'pacesetter.envs.vector.registration:pacesetter/duopoly-v0'",
    ],
)
def test_gymnasium_knows_the_markets_by_name(program):
    program += "; print(gymnasium.make_vec(name, num_envs=3).reset(seed=0)[0].shape)"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == ["(3,", "1)"]


def test_a_market_of_several_agents_is_told_its_views():
    with pytest.raises(PacesetterError, match=r"6 agents of group 'producer'.*vector_env"):
        gymnasium.make_vec("pacesetter/cobweb-v0", num_envs=4)
    with pytest.raises(PacesetterError, match=r"2 groups \(.*vector_parallel_env"):
        pacesetter.vector_env(TwoGroups())
    with pytest.raises(PacesetterError, match="has no agents that act"):
        gymnasium.make_vec("pacesetter/stock_market-v0", num_envs=4)
    with pytest.raises(PacesetterError, match="unknown option"):
        gymnasium.make_vec("pacesetter/duopoly-v0", num_envs=4, demand_slop=2.0)
    with pytest.raises(PacesetterError, match="unknown group of market"):
        pacesetter.vector_env("cobweb", group="produce")
    with pytest.raises(PacesetterError, match="already built"):
        pacesetter.vector_env(make("cobweb"), periods=3)


@pytest.mark.parametrize(
    ("theta", "said"),
    [
        ({"leader_quantity": 99.0}, "must lie in"),
        ({"leader_quantiti": 1.0}, "did you mean 'leader_quantity'"),
        ([np.nan], "must lie in"),
        ("draw", "did you mean 'drawn'"),
        (np.ones((2, 1)), "shape"),
    ],
)
def test_theta_out_of_bounds_is_refused(theta, said):
    with pytest.raises(PacesetterError, match=said):
        pacesetter.vector_env("duopoly", copies=3, theta=theta)
    env = pacesetter.vector_env("duopoly", copies=3)
    with pytest.raises(PacesetterError, match=said):
        env.reset(seed=0, options={"theta": theta})
    with pytest.raises(PacesetterError, match="unknown reset option 'tetha'"):
        env.reset(options={"tetha": 1.0})


@pytest.mark.parametrize(
    ("name", "actions", "said"),
    [
        ("duopoly", np.full((3, 1), np.nan), r"must be between \[0.0\]"),
        ("duopoly", np.full((3, 1), 12.5), r"12.5 \(copy 0, agent 0\)"),
        ("duopoly", np.zeros((2, 1)), "must have 3 rows"),
        ("duopoly", np.zeros((3, 2)), "of shape"),
        ("duopoly", "much", "must have 3 rows"),
        ("cobweb", np.full(18, 101), "from 0 to 100"),
        ("cobweb", np.full(18, 1.0), "whole numbers of shape"),
    ],
)
def test_actions_outside_their_space_are_refused(name, actions, said):
    env = pacesetter.vector_env(name, copies=3)
    with pytest.raises(PacesetterError, match="no episode has begun"):
        env.step(np.array([env.single_action_space.sample()] * env.num_envs))
    env.reset(seed=0)
    with pytest.raises(PacesetterError, match=said):
        env.step(actions)


@pytest.mark.parametrize("copies", [0, -1, 1.5, True])
def test_a_number_of_copies_that_is_none_is_refused(copies):
    with pytest.raises(PacesetterError, match="copies must be a whole number"):
        pacesetter.vector_parallel_env("cobweb", copies=copies)


def test_stable_baselines3_learns_on_copies_and_agents():
    env = pacesetter.sb3_env("cobweb", copies=2, periods=5)
    assert env.num_envs == 12
    model = PPO("MlpPolicy", env, n_steps=10, batch_size=60, n_epochs=1, seed=0, device="cpu")
    model.learn(240)
    assert model.num_timesteps == 240
    env.env_method("set_characteristics", {"mean_information_cost": 0.5})
    assert env.get_attr("theta")[0][:, 0].tolist() == [0.5, 0.5]
    assert env.env_is_wrapped(gymnasium.Wrapper) == [False] * 12
