"""Environments whose state survives pickling resume exactly; the others begin new episodes."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

from pacesetter.envs.check.randomness import copy_branch_pickle, resume
from pacesetter.envs.check.report import check_market
from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.registry import make
from pacesetter.leaders.objectives.general import QuantityObjective, Welfare
from pacesetter.leaders.policy.ppo import PPOLeader
from pacesetter.leaders.search.random_search import RandomLeader
from pacesetter.training.experiments.experiment import Experiment
from pacesetter.training.experiments.settings import TrainingSettings
from pacesetter.training.rllib.config import array_config
from pacesetter.training.rllib.runner import GameRunner

HERE = "user_environment"
COPIES = 4
LEADERS = [PPOLeader(interval=4, update_every=2), RandomLeader()]


@pytest.fixture(scope="module", autouse=True)
def _importable():
    folder = str(Path(__file__).parent)
    sys.path.insert(0, folder)
    yield
    sys.path.remove(folder)
    sys.modules.pop(HERE, None)


@pytest.mark.parametrize("name", ["Fishery", "KeepsItsState", "BranchableFishery"])
def test_the_check_says_that_a_resume_is_exact(name):
    market = make(f"{HERE}:{name}")
    assert resume(market, 20, 0) == "exact"
    assert not copy_branch_pickle(market, 20, 0).startswith("skipped")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("EzFishery", "user_environment.EzFishery is an EzPickle"),
        ("Wrapped", "user_environment.EzFishery is an EzPickle"),
        ("HoldsAThread", "its state cannot be pickled (cannot pickle '_thread.lock' object)"),
    ],
)
def test_the_check_says_why_it_is_not(name, reason):
    said = resume(make(f"{HERE}:{name}"), 20, 0)
    assert said.startswith(f"skipped: not exact, because {reason}")


def test_that_is_no_failure():
    report = check_market(make(f"{HERE}:EzFishery"))
    assert report.ok, str(report)
    (found,) = (check for check in report.checks if check.name == "resume")
    assert found.outcome == "skipped" and "EzPickle" in found.detail


def test_a_copy_that_would_be_a_new_environment_is_refused():
    with pytest.raises(PacesetterError, match=r"branchable = True.*EzFishery is an EzPickle"):
        make(f"{HERE}:BranchableEzFishery").reset(0)


def test_before_the_first_step_nothing_is_lost():
    market = make(f"{HERE}:EzFishery")
    state = market.reset(0, COPIES, [0.25])
    seen = market.observe(state)["boat"]
    back = pickle.loads(pickle.dumps(state))
    assert market.lost_episodes(back) == [""] * COPIES
    np.testing.assert_array_equal(market.observe(back)["boat"], seen)
    step = market.step(back, {"boat": np.ones((COPIES, 3, 1), dtype=np.float32)})
    lost = pickle.loads(pickle.dumps(step.state))
    with pytest.raises(PacesetterError, match=r"its environment is gone, because .* EzPickle"):
        market.step(lost, {"boat": np.ones((COPIES, 3, 1), dtype=np.float32)})


def runner(name, leader):
    market = make(f"{HERE}:{name}")
    experiment = Experiment(
        name="resumed",
        market=market,
        objective=QuantityObjective("stock") if market.quantities else Welfare(),
        leader=leader,
        # Samples end in the middle of episodes (8 steps) and of intervals.
        training=TrainingSettings(copies=COPIES, rollout_steps=5, random_theta_share=0.25),
    )
    made = GameRunner(config=array_config(experiment), worker_index=0, num_workers=0)
    made.lead(3)
    return made


def sampled(runner):
    return runner.sample()[0].modules


@pytest.mark.parametrize("leader", LEADERS, ids=["ppo", "random"])
@pytest.mark.parametrize("name", ["Fishery", "KeepsItsState"])
def test_a_runner_goes_on_exactly(name, leader):
    straight = runner(name, leader)
    sampled(straight)
    state = pickle.loads(pickle.dumps(straight.get_state()))
    resumed = runner(name, leader)
    resumed.set_state(state)
    assert resumed.lost == ""
    for _ in range(3):
        expected, found = sampled(straight), sampled(resumed)
        assert found.keys() == expected.keys()
        for module in expected:
            np.testing.assert_array_equal(found[module].rewards, expected[module].rewards)
            np.testing.assert_array_equal(found[module].observations, expected[module].observations)


@pytest.mark.parametrize("leader", LEADERS, ids=["ppo", "random"])
@pytest.mark.parametrize("name", ["EzFishery", "Wrapped", "HoldsAThread"])
def test_a_runner_whose_environments_are_lost_begins_new_episodes(name, leader):
    before = runner(name, leader)
    sampled(before)
    theta = before.sampler.game.market_state.theta.copy()
    assert (before.sampler.game.interval_clock > 0).any()
    state = pickle.loads(pickle.dumps(before.get_state()))

    def restored():
        resumed = runner(name, leader)
        resumed.set_state(state)
        return resumed

    resumed = restored()
    assert resumed.lost
    market_state = resumed.sampler.game.market_state
    np.testing.assert_array_equal(market_state.theta, theta)
    assert (market_state.clock == 0).all() and (resumed.sampler.game.interval_clock == 0).all()
    seeds = [environment.seed for environment in market_state.environments]
    assert len(set(seeds)) == COPIES
    assert not set(seeds) & {e.seed for e in before.sampler.game.market_state.environments}
    if isinstance(leader, PPOLeader):
        assert not resumed.sampler._leader._open.any()
        # What was measured before the interruption is kept, and no interval spans it.
        assert len(resumed.sampler._leader._closed) == len(before.sampler._leader._closed) > 0
    again = restored()
    for _ in range(3):  # which new episodes begin depends on the checkpoint alone
        first, second = sampled(resumed), sampled(again)
        for module in first:
            assert np.isfinite(first[module].rewards).all()
            np.testing.assert_array_equal(first[module].rewards, second[module].rewards)
