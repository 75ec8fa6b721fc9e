"""Two groups in one market, each with its own network, rate and epochs."""

from __future__ import annotations

import json

import pytest

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.training.cli import main
from pacesetter.training.experiments.load import load_experiment, resolved
from pacesetter.training.experiments.yaml_file import dump_yaml
from pacesetter.training.ppo.backend import LocalBackend
from pacesetter.training.rllib.backend import RLlibBackend

HEAD = """
market: {name: "small_markets:TwoGroups"}
objective: {name: quantity, quantity: choice}
leader: {name: random}
training: {copies: 32, rollout_steps: 4, pretrain_iterations: 20, iterations: 2}
evaluation: {copies: 50, episodes: 2}
"""
OPTIONS = """
followers:
  default: {learning_rate: 0.01, minibatch_size: 64, discount: 0.0, epochs: 4}
  shop: {hidden_layers: [16], final_learning_rate: 0.001}
  customer: {hidden_layers: [24, 8], learning_rate: 0.02}
"""


@pytest.fixture
def write(tmp_path):
    def write(followers):
        path = tmp_path / "two.yaml"
        path.write_text(HEAD + followers)
        return path

    return write


def test_options_of_a_group_stand_over_those_of_all(write):
    experiment = load_experiment(write(OPTIONS))
    shop, customer = map(experiment.followers_of, ("shop", "customer"))
    assert (shop.learning_rate, customer.learning_rate) == (0.01, 0.02)
    assert (shop.hidden_layers, customer.hidden_layers) == ((16,), (24, 8))
    assert (shop.final_learning_rate, customer.final_learning_rate) == (0.001, 1e-4)
    assert shop.epochs == customer.epochs == experiment.followers.epochs == 4


def test_a_resolved_file_gives_the_same_experiment(write, tmp_path):
    experiment = load_experiment(write(OPTIONS))
    again = tmp_path / "again.yaml"
    again.write_text(dump_yaml(resolved(experiment)))
    assert load_experiment(again) == experiment


def test_an_override_reaches_a_group(write):
    overrides = ["followers.customer.epochs=7", "followers.default.clip=0.3"]
    experiment = load_experiment(write(OPTIONS), overrides)
    assert (experiment.followers_of("customer").epochs, experiment.followers.epochs) == (7, 4)
    assert experiment.followers_of("shop").clip == 0.3


@pytest.mark.parametrize(
    ("followers", "line", "said"),
    [
        ("followers: {custmer: {epochs: 2}}", 7, "no group 'custmer'; did you mean 'customer'?"),
        ("followers: {shop: {epoch: 2}}", 7, "unknown key 'epoch'; did you mean 'epochs'?"),
        ("followers:\n  shop: {}\n  customer: {clip: 0}", 9, "customer.clip: must be > 0"),
        ("followers: {shop: 3}", 7, "followers.shop: must be a mapping"),
        ("followers: {epochs: 2, default: {epochs: 3}}", 7, "stands in followers.epochs too"),
        ("followers: {customer: {initial_action: [0.5]}}", 7, "leave initial_action out"),
        ("followers: [1]", 7, "followers: must be a mapping"),
    ],
)
def test_errors_name_the_group(write, followers, line, said):
    with pytest.raises(PacesetterError) as error:
        load_experiment(write(followers))
    assert f"two.yaml:{line}: " in str(error.value)
    assert said in str(error.value)


def test_what_the_stock_route_shares_must_be_the_same(write):
    with pytest.raises(PacesetterError, match="one discount for all policies"):
        load_experiment(write(OPTIONS), ["training.route=stock", "followers.shop.discount=0.5"])


@pytest.mark.parametrize("route", ["array", "local", "stock"])
def test_both_groups_learn(route, write, tmp_path):
    """What is left of the best play, 0, is the noise of exploration."""
    own = ["followers.shop.epochs=8", "followers.shop.minibatch_size=32"]
    line = ["train", str(write(OPTIONS)), f"training.route={route}", *own]
    line += ["--runs", str(tmp_path), "--name", "run"]
    assert main([*line, "--quiet"]) == 0
    run = tmp_path / "run"
    shapes = json.loads((run / "policies" / "policies.json").read_text())
    assert shapes["shop"]["actor.0.weight"] == [16, 1]
    assert shapes["customer"]["actor.2.weight"] == [8, 24]
    results = json.loads((run / "results.json").read_text())
    assert results["reward/answer/shop"] > -0.1
    assert results["reward/answer/customer"] > -0.05


def test_every_group_has_its_own_rate_and_epochs(write):
    """Counted in the steps of the optimisers, and read from them."""
    backend = LocalBackend(load_experiment(write(OPTIONS), ["followers.shop.epochs=8"]))
    trainees = {name: student._trainee for name, student in backend._students.items()}
    optimizers = {name: trainee.optimizer for name, trainee in trainees.items()}
    rates = {name: optimizer.param_groups[0]["lr"] for name, optimizer in optimizers.items()}
    assert rates == pytest.approx({"shop": 0.01, "customer": 0.02})
    taken = dict.fromkeys(optimizers, 0)
    for name, trainee in trainees.items():

        def counted(optimizer, name=name, follow=trainee.flat.follow):
            taken[name] += 1
            follow(optimizer)

        trainee.flat.follow = counted
    backend.command(0, None)
    backend.iterate()
    # 32 copies, 4 steps; 2 shops and 3 customers; minibatches of 64.
    assert taken == {"shop": 8 * 4, "customer": 4 * 6}


def test_on_the_stock_route_too_every_group_has_its_own_epochs(write):
    """Counted in steps with a gradient: RLlib steps every optimiser, most without one."""
    overrides = ["training.route=stock", "followers.shop.epochs=8"]
    backend = RLlibBackend(load_experiment(write(OPTIONS), overrides))
    learner = backend.algorithm.learner_group._learner
    taken = {"shop": 0, "customer": 0}

    def count(name, optimizer):
        moved = any(p.grad is not None for p in optimizer.param_groups[0]["params"])
        taken[name] += moved

    for name in taken:
        ((_, optimizer),) = learner.get_optimizers_for_module(name)
        optimizer.register_step_post_hook(lambda one, *_, name=name: count(name, one))
    backend.command(0, None)
    backend.iterate()
    backend.stop()
    # 2 shops go 8 times through their rows, 3 customers 4 times through theirs.
    assert taken["shop"] * (4 * 3) == taken["customer"] * (8 * 2) > 0
