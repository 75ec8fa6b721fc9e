"""A user's PettingZoo environment as a market."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from gymnasium.spaces import Box

from pacesetter.envs.adapter.market import adapted
from pacesetter.envs.check.report import check_market
from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.core.group import Group
from pacesetter.envs.parallel import parallel_env
from pacesetter.envs.registry import make, market_class
from pacesetter.leaders.game import StackelbergGame
from pacesetter.leaders.objectives.general import QuantityObjective
from pacesetter.leaders.search.fixed import FixedLeader
from pacesetter.training.cli import main
from pacesetter.training.experiments.experiment import Experiment
from pacesetter.training.experiments.settings import EvaluationSettings
from pacesetter.training.policies.play import play

HERE = "user_environment"


@pytest.fixture(scope="module", autouse=True)
def _importable():
    folder = str(Path(__file__).parent)
    sys.path.insert(0, folder)
    yield
    sys.path.remove(folder)
    sys.modules.pop(HERE, None)


def user(name, **options):
    return make(f"{HERE}:{name}", **options)


@pytest.mark.parametrize(
    "name", ["Fishery", "BranchableFishery", "Mixed", "EndsBySurprise", "CutBySurprise", "fishery"]
)
def test_conforms(name):
    report = check_market(user(name))
    assert report.ok, str(report)


def test_equals_the_environment_itself_over_one_episode():
    market = user("Fishery", boats=2)
    state = market.reset(seed=5, copies=3, theta=[[0.0], [0.5], [1.0]])
    efforts = np.random.default_rng(0).random((8, 3, 2, 1)).astype(np.float32)
    alone = [market.environment() for _ in range(3)]
    for b, environment in enumerate(alone):
        environment.set_characteristics(state.theta[b])
        environment.reset(seed=5 + b)
    for t in range(8):
        step = market.step(state, {"boat": efforts[t]})
        state = step.state
        seen = market.observe(state)["boat"]
        for b, environment in enumerate(alone):
            acts = {"boat_0": efforts[t, b, 0], "boat_1": efforts[t, b, 1]}
            observations, rewards, *_ = environment.step(acts)
            np.testing.assert_array_equal(seen[b, 1, :2], observations["boat_1"])
            assert step.rewards["boat"][b].tolist() == list(rewards.values())
            assert step.quantities["stock"][b] == environment.stock
            assert seen[b, 0, 2] == 2 * state.theta[b, 0] - 1  # θ̂
    assert step.truncated.all() and not step.terminated.any()


def played(name, episodes=3, copies=5):
    """A market played out at full effort, as every evaluation does it."""
    market = user(name)

    class FullEffort:
        def act(self, state, generator, greedy=False):
            return {"boat": np.ones((copies, 3, 1), dtype=np.float32)}

    experiment = Experiment(
        name="early",
        market=market,
        objective=QuantityObjective("stock"),
        leader=FixedLeader(),
        evaluation=EvaluationSettings(copies=copies, episodes=episodes),
    )
    return play(experiment, FullEffort(), market.characteristics.default)


def test_an_evaluation_leaves_out_what_follows_an_early_end():
    cut, died = played("CutBySurprise"), played("DiesBySurprise")
    there = np.isfinite(cut.quantities["stock"])
    lasted = there.sum(axis=1)  # (E, B)
    assert 2 <= lasted.min() < lasted.max() <= 7
    assert (there == (np.arange(8)[None, :, None] < lasted[:, None, :])).all()
    assert np.isfinite(cut.rewards["boat"]).sum() == lasted.sum()
    # One payment per episode and copy, and which of them it is, so that two plays can be paired.
    sums = np.nansum(cut.quantities["stock"], axis=1)
    assert sorted(cut.episode) == list(range(15))
    np.testing.assert_allclose(cut.objective, sums.ravel()[cut.episode])
    np.testing.assert_array_equal(cut.quantities["stock"], died.quantities["stock"])
    np.testing.assert_array_equal(cut.rewards["boat"], died.rewards["boat"])
    np.testing.assert_array_equal(cut.objective, died.objective)


def test_declares_groups_quantities_and_characteristics():
    market = user("Mixed")
    assert [(g.name, g.size) for g in market.groups] == [("small", 2), ("large", 1)]
    assert market.groups[0].view == ()
    assert market.groups[1].action_space.n == 3
    assert market.leader_observe(market.reset(0, 2)).shape == (2, 1)
    plain = user("Fishery")
    assert plain.characteristics.names == ("tax",)
    assert plain.groups[0].observation_space.shape == (3,)
    assert user("EndsBySurprise").steps_per_episode == 8


def test_an_early_end_is_a_termination():
    market = user("EndsBySurprise")
    state = market.reset(0)
    for _ in range(3):
        step = market.step(state, {"boat": np.zeros((1, 3, 1), dtype=np.float32)})
        state = step.state
    assert step.terminated.all() and not step.truncated.any()


def test_constructor_parameters_are_options():
    assert user("Fishery", boats=5).groups[0].size == 5
    assert user("fishery").groups[0].size == 2
    assert user("Fishery", boats=5) == user("Fishery", boats=5) != user("Fishery", boats=4)
    with pytest.raises(PacesetterError, match=r"unknown option.*'boots'; did you mean 'boats'"):
        user("Fishery", boots=5)
    market = pickle.loads(pickle.dumps(user("Fishery", boats=4)))
    assert market == user("Fishery", boats=4)
    assert market_class(f"{HERE}:Fishery").__qualname__ == "Fishery"


def test_a_state_is_used_up_unless_branchable():
    actions = {"boat": np.zeros((1, 3, 1), dtype=np.float32)}
    market = user("Fishery")
    state = market.reset(0)
    market.step(state, actions)
    with pytest.raises(PacesetterError, match="stepped before"):
        market.step(state, actions)
    market = user("BranchableFishery")
    state = market.reset(0).take(np.array([0, 0]))
    actions = {"boat": np.array([np.zeros((3, 1)), np.ones((3, 1))], dtype=np.float32)}
    first, second = (market.step(state, actions).quantities["stock"] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first[0] > first[1]


def test_plays_under_a_leader():
    game = StackelbergGame(user("Fishery"), QuantityObjective("stock"), interval=4)
    game.reset(0, 2)
    sums = np.zeros(2)
    for _ in range(4):
        step = game.step({"boat": np.full((2, 3, 1), 0.5, dtype=np.float32)})
        sums += step.quantities["stock"]
    np.testing.assert_allclose(step.leader_reward, sums, rtol=1e-12)


def test_the_view_of_a_market_adapts_back():
    def view():
        return parallel_env("cobweb", treatment="stable", periods=4)

    native, back = make("cobweb", treatment="stable", periods=4), adapted(view, "view")()
    theta = np.array([0.25, 0.125])
    state, again = native.reset(3, 1, theta), back.reset(3, 1, theta)
    for _ in range(4):
        np.testing.assert_array_equal(
            native.observe(state)["producer"], back.observe(again)["producer"][..., :4]
        )
        actions = {"producer": np.arange(6)[None] * 10}
        step, other = native.step(state, actions), back.step(again, actions)
        np.testing.assert_array_equal(step.rewards["producer"], other.rewards["producer"])
        state, again = step.state, other.state
    assert other.truncated.all()


def test_refuses_what_lacks_members():
    with pytest.raises(PacesetterError, match="lacks set_characteristics") as caught:
        user("Nothing")
    assert "def set_characteristics(self, theta)" in str(caught.value)
    with pytest.raises(PacesetterError, match="lacks max_steps"):
        user("Endless").groups  # noqa: B018
    with pytest.raises(PacesetterError, match="neither a market"):
        user("NUMBER")
    with pytest.raises(PacesetterError, match=r"unknown attribute.*did you mean 'Fishery'"):
        user("Fishary")


def test_refuses_agents_that_leave_early():
    market = user("OneLeavesEarly")
    state = market.reset(0)
    actions = {"boat": np.zeros((1, 3, 1), dtype=np.float32)}
    state = market.step(state, actions).state
    with pytest.raises(PacesetterError, match=r"'boat_0' came to its end after 2 step.*supported"):
        market.step(state, actions)


def changed(**attributes):
    base = getattr(__import__(HERE), "Fishery")  # noqa: B009
    return adapted(type("Changed", (base,), attributes), "here:Changed")


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"characteristics_names": ("a", "b")}, "one entry for each of the 1"),
        ({"groups": {"boat": ["boat_0"]}}, "every agent of possible_agents once"),
        ({"max_steps": 0}, "max_steps must be a whole number >= 1"),
        ({"leader_observe": lambda self: 0}, "define both or neither"),
        ({"quantities": {"fish": ""}}, "quantity 'fish' is declared, but .* holds stock"),
    ],
)
def test_refuses_unfit_declarations(attributes, message):
    with pytest.raises(PacesetterError, match=message):
        market = changed(**attributes)()
        market.step(market.reset(0), {"boat": np.zeros((1, 3, 1))})


@pytest.mark.parametrize("name", ["leader", "a/b", "two.firms", "", "line\nbreak"])
def test_refuses_a_group_whose_name_is_taken_or_names_no_file(name):
    boats = ["boat_0", "boat_1", "boat_2"]
    with pytest.raises(PacesetterError, match=r"(the name of whoever sets|letters, digits)") as no:
        changed(groups={name: boats})().reset(0)
    assert "groups = {" in str(no.value) and "here:Changed" in str(no.value)
    space = Box(0.0, 1.0, (1,), np.float32)
    with pytest.raises(PacesetterError, match="group"):
        Group(name, 1, space, space, ())


def test_a_group_called_leader_is_refused_before_training(tmp_path, capsys):
    path = tmp_path / "led.yaml"
    text = (
        'market: {name: "user_environment:Led"}\nobjective: {name: welfare}\nleader: {name: ppo}\n'
    )
    path.write_text(text)
    assert main(["train", str(path)]) == 2
    assert "led.yaml:1: market: user_environment:Led: a group is called 'leader'" in (
        capsys.readouterr().err
    )
    assert main(["check", "user_environment:Led"]) == 2
    assert "a group is called 'leader'" in capsys.readouterr().err


def test_refuses_unequal_spaces_in_one_group():
    def action_space(self, agent):
        from gymnasium.spaces import Discrete

        return Discrete(2) if agent == "boat_1" else self._efforts

    with pytest.raises(PacesetterError, match="different spaces") as caught:
        changed(action_space=action_space)().groups  # noqa: B018
    assert "groups = {" in str(caught.value)


def test_refuses_a_parameter_with_a_market_s_own_name():
    with pytest.raises(PacesetterError, match="'quantities' has the name of a member"):
        adapted(lambda quantities: None, "here:factory")
