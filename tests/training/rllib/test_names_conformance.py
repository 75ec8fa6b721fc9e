"""The markets are registered with RLlib and Tune by name."""

from __future__ import annotations

import pytest
from ray.rllib.algorithms.ppo import PPOConfig
from ray.tune.registry import ENV_CREATOR, _global_registry

import pacesetter
from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.registry import MARKETS


def test_rllib_builds_a_market_by_its_name():
    names = pacesetter.register_with_rllib()
    assert names == [f"pacesetter/{name}" for name in MARKETS]
    create = _global_registry.get(ENV_CREATOR, "pacesetter/cobweb")
    env = create({"treatment": "stable", "theta": {"mean_information_cost": 0.3}})
    single = pacesetter.parallel_env("cobweb", {"mean_information_cost": 0.3}, treatment="stable")
    observations, _ = env.reset(seed=4)
    expected, _ = single.reset(seed=4)
    assert {k: v.tolist() for k, v in observations.items()} == {
        k: v.tolist() for k, v in expected.items()
    }
    actions = {agent: 50 for agent in single.agents}
    assert env.step(actions)[1] == single.step(actions)[1]
    with pytest.raises(PacesetterError, match="unknown option"):
        create({"treatmen": "stable"})
    assert PPOConfig().environment("pacesetter/cobweb").env == "pacesetter/cobweb"
