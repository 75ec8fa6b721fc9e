"""RLlib's stock route plays the same game: whose turn it is, whose θ, what the trainer learns."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import ray
from ray.rllib.core.learner.training_data import TrainingData

from pacesetter.envs.core.errors import UnusableRewardError
from pacesetter.envs.duopoly.market import Duopoly
from pacesetter.envs.registry import make
from pacesetter.leaders.objectives.general import QuantityObjective, Welfare
from pacesetter.leaders.policy.ppo import PPOLeader
from pacesetter.leaders.registry import LEADERS
from pacesetter.training.experiments.experiment import Experiment
from pacesetter.training.experiments.route_rules import information_can_be_priced
from pacesetter.training.experiments.rules import check_together
from pacesetter.training.experiments.settings import FollowerSettings, TrainingSettings
from pacesetter.training.loop.trainer import train
from pacesetter.training.rllib.backend import build, start_ray
from pacesetter.training.rllib.stock import StockRunner, TurnGame, merged, stock_config
from pacesetter.training.runs.run_folder import RunFolder

LEADER = "leader"


@pytest.fixture(scope="module")
def duopoly() -> Experiment:
    return Experiment(
        name="duopoly",
        market=Duopoly(),
        objective=QuantityObjective("leader_profit"),
        leader=PPOLeader(),
        followers=FollowerSettings(minibatch_size=16),
        training=TrainingSettings(
            route="stock", copies=4, rollout_steps=8, pretrain_iterations=1, iterations=1
        ),
    )


@pytest.fixture(scope="module", autouse=True)
def _end_ray():
    yield
    ray.shutdown()


def turn_game(experiment: Experiment) -> TurnGame:
    class Context(dict):
        worker_index = 0

    return TurnGame(Context(experiment=experiment))


def cobweb(leader) -> Experiment:
    return Experiment(
        name="cobweb",
        market=make("cobweb", periods=6),
        objective=Welfare(),
        leader=leader,
        followers=FollowerSettings(information_cost=False),
        training=TrainingSettings(route="stock"),
    )


# The game ----------------------------------------------------------------------------------------


def test_before_the_leader_learns_nobody_sees_it():
    game = turn_game(cobweb(PPOLeader(interval=3)))
    observations, _ = game.reset(seed=0)
    seen = []
    while True:
        assert LEADER not in observations
        seen.append(game._view.game.market_state.theta[0, 0])
        observations, rewards, terminated, truncated, _ = game.step(dict.fromkeys(observations, 50))
        assert LEADER not in rewards
        if truncated["__all__"]:
            break
    assert set(truncated) == {*game.par_env.possible_agents, "__all__"} - {LEADER}
    assert not terminated["__all__"]
    # Two intervals of three steps, each under a θ of its own.
    assert seen[:3] == [seen[0]] * 3
    assert seen[3:] == [seen[3]] * 3
    assert seen[0] != seen[3]
    assert len(game.account.closed) == 2


def test_a_policy_leader_moves_first_and_is_paid_at_the_end_of_its_interval():
    game = turn_game(cobweb(PPOLeader(interval=3)))
    game.lead(True, None)
    observations, _ = game.reset(seed=0)
    assert set(observations) == {LEADER}
    action = np.array([0.5, -1.0], dtype=np.float32)
    paid, moves = [], 0
    while True:
        if LEADER in observations:
            assert set(observations) == {LEADER}
            observations, rewards, _, truncated, _ = game.step({LEADER: action})
            moves += 1
            assert rewards == {}
            continue
        np.testing.assert_allclose(game._view.game.market_state.theta[0], [0.75, 0.0])
        observations, rewards, _, truncated, _ = game.step(dict.fromkeys(observations, 50))
        paid.append(rewards[LEADER])
        if truncated["__all__"]:
            break
    assert moves == 2
    assert [p != 0.0 for p in paid] == [False, False, True] * 2
    assert LEADER in observations, "the last observation closes the leader's episode"
    assert [value for value, _, led in game.account.closed if led] == [paid[2], paid[5]]


def test_a_search_leaders_candidate_is_set_and_reported_exactly():
    game = turn_game(cobweb(LEADERS["random"]()))
    theta = np.array([0.123456789, 0.3])
    game.lead(True, theta)
    observations, _ = game.reset(seed=1)
    np.testing.assert_allclose(game._view.game.market_state.theta[0], theta, atol=1e-7)
    for _ in range(6):
        observations, *_ = game.step(dict.fromkeys(observations, 50))
    report = merged([game.account], [game.led])
    np.testing.assert_array_equal(report.led_theta, theta[None])
    assert report.led_values.shape == (1,)
    assert set(report.quantities) == set(game.par_env.market.quantities)


def test_copies_and_runners_have_random_streams_of_their_own():
    experiment = cobweb(PPOLeader())
    prices = set()
    for worker in (1, 2):
        for copy in (0, 1):
            context = type("Context", (dict,), {"worker_index": worker})(experiment=experiment)
            game = TurnGame(context)
            observations, _ = game.reset(seed=experiment.seed + worker + copy)
            game.step(dict.fromkeys(observations, 50))
            prices.add(float(game._view.game.market_state.last_price[0]))
    assert len(prices) == 4


@pytest.mark.parametrize(
    ("spoiled", "said"),
    [
        (lambda rewards: rewards * np.nan, "reward of 'follower_0' is nan"),
        (lambda rewards: np.tile(rewards, 2), r"have the shape \(1, 2\)"),
    ],
    ids=["not a number", "too many"],
)
def test_rewards_that_are_none_end_the_run(duopoly, monkeypatch, spoiled, said):
    def transition(market, *rest):
        step = own(market, *rest)
        return replace(step, rewards={name: spoiled(r) for name, r in step.rewards.items()})

    own = Duopoly.transition
    monkeypatch.setattr(Duopoly, "transition", transition)
    game = turn_game(replace(duopoly, objective=QuantityObjective("leader_profit")))
    observations, _ = game.reset(seed=0)
    with pytest.raises(UnusableRewardError, match=said):
        game.step({agent: np.zeros(1, np.float32) for agent in observations})


def test_a_runner_whose_market_fails_once_begins_new_episodes(duopoly, monkeypatch):
    runner = StockRunner(config=stock_config(duopoly), worker_index=0, num_workers=0)
    runner.lead(2)
    runner.sample()
    runner.take_report()
    assert runner.whole
    with monkeypatch.context() as patch:
        patch.setattr(TurnGame, "step", lambda game, actions: 1 / 0)
        with pytest.raises(ZeroDivisionError):  # and not what RLlib makes of it
            runner.apply(lambda runner: runner.sample())
    assert not runner.whole
    runner.go_back(None)
    episodes = runner.sample()
    assert runner.whole and runner.take_report() is not None
    assert sum(map(len, episodes)) >= duopoly.training.copies * duopoly.training.rollout_steps


# Training ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("leader", ["ppo", "bayesian"])
def test_the_trainer_runs_on_it(duopoly, tmp_path, leader):
    experiment = replace(duopoly, leader=LEADERS[leader]())
    run = RunFolder.create(tmp_path, experiment)
    outcome = train(run, quiet=True)
    assert outcome.theta is not None
    assert outcome.iterations == 2
    low, high = experiment.market.characteristics.low, experiment.market.characteristics.high
    assert ((low <= outcome.theta) & (outcome.theta <= high)).all()
    history = (run.path / "history.csv").read_text().splitlines()
    columns = dict(zip(history[0].split(","), history[2].split(","), strict=True))
    for name in ("followers/follower_reward", "leader/objective", "market/leader_profit"):
        assert np.isfinite(float(columns[name]))
    assert run.latest_checkpoint() is not None


def test_the_leaders_decisions_alone_train_the_leader(duopoly):
    experiment = replace(cobweb(PPOLeader(interval=3)), training=duopoly.training)
    start_ray(experiment)
    algorithm = build(experiment)
    try:
        runner = algorithm.env_runner_group.local_env_runner
        runner.lead(3)
        episodes = [part for _ in range(2) for part in runner.sample()]
        decisions = sum(
            len(episode.agent_episodes[LEADER])
            for episode in episodes
            if LEADER in episode.agent_episodes
        )
        played = sum(len(episode.agent_episodes["producer_0"]) for episode in episodes)
        assert 0 < decisions <= played / 3 + 4
    finally:
        algorithm.stop()


# What it cannot do -------------------------------------------------------------------------------


def test_information_costs_need_the_array_route():
    experiment = cobweb(PPOLeader())
    assert check_together(experiment) == []
    paying = replace(experiment, followers=FollowerSettings())
    [(path, message)] = check_together(paying)
    assert path == ("training", "route")
    assert "followers.information_cost: false" in message


def test_a_slower_leader_needs_the_array_route():
    [(path, _)] = check_together(cobweb(PPOLeader(update_every=2)))
    assert path == ("leader", "update_every")


def test_a_scheduled_deviation_needs_the_array_route():
    [(path, message)] = check_together(cobweb(PPOLeader(final_action_deviation=0.1)))
    assert path == ("training", "route")
    assert "leader.final_action_deviation" in message


def test_a_shard_of_stock_rllib_may_lack_a_policy_so_that_its_learners_are_not_used():
    few = TrainingSettings(route="stock", copies=5, rollout_steps=11)
    experiment = replace(cobweb(PPOLeader(interval=4)), market=make("cobweb"), training=few)
    runner = StockRunner(config=stock_config(experiment), worker_index=0, num_workers=0)
    runner.lead(3)
    shards = TrainingData(episodes=runner.sample()).shard(num_shards=4, len_lookback_buffer=1)
    policies = [
        {episode.module_for(agent) for episode in shard.episodes for agent in episode.agent_ids}
        for shard, _ in shards
    ]
    assert {"producer"} in policies and {"producer", LEADER} in policies

    several = replace(experiment, training=replace(few, learners=4))
    [(path, message)] = check_together(several)
    assert path == ("training", "learners") and "training.route: array" in message
    assert check_together(replace(several, training=replace(few, learners=4, route="array"))) == []
    alone = cobweb(LEADERS["random"]())
    assert check_together(replace(alone, training=replace(few, learners=4))) == []


def test_information_costs_need_a_choice_among_finitely_many():
    group = replace(Duopoly().groups[0], information_cost=True)
    experiment = Experiment(
        name="paid",
        market=SimpleNamespace(groups=(group,)),
        objective=Welfare(),
        leader=PPOLeader(),
    )
    [(path, message)] = information_can_be_priced(experiment)
    assert path == ("market",)
    assert "Discrete" in message
