"""Critics that a run keeps are those it learned, and whoever learns on begins with them."""

from __future__ import annotations

import pytest
import ray
import torch

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.training.certificates.learning import at_theta, learned
from pacesetter.training.evaluation.evaluate import load_trained, write_answer
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.loop.trainer import train
from pacesetter.training.policies.policies import Policies, critic_weights
from pacesetter.training.ppo.backend import LocalBackend
from pacesetter.training.rllib.backend import RLlibBackend
from pacesetter.training.runs.run_folder import RunFolder

TINY = (
    "training.copies=8",
    "training.rollout_steps=8",
    "training.pretrain_iterations=1",
    "training.iterations=2",
    "followers.minibatch_size=32",
)


def tiny(*more):
    return load_experiment("duopoly_ppo", (*TINY, *more))


def assert_same(one, other):
    assert one.keys() == other.keys()
    for key, value in one.items():
        torch.testing.assert_close(value, other[key], rtol=0, atol=0)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    found = RunFolder.create(folder, tiny("training.route=local"))
    outcome = train(found, quiet=True)
    write_answer(found, outcome.theta)
    return found


def test_a_run_keeps_the_critics_of_its_last_iteration(run):
    backend = LocalBackend(run.experiment)
    backend.restore(run.latest_checkpoint() / "algorithm")
    kept = Policies.load(run.experiment, run.path / "policies")
    for name, critic in backend.critics().items():
        assert_same(critic_weights(kept.modules[name]), critic)


def test_critics_of_the_rllib_learner_are_those_of_the_local_one():
    local = LocalBackend(tiny("training.route=local"))
    remote = RLlibBackend(tiny("training.route=array"))
    try:
        for backend in (local, remote):
            backend.command(0, None)
            backend.iterate()
        found = remote.critics()
        for name, critic in local.critics().items():
            assert_same(critic, found[name])
    finally:
        remote.stop()
        ray.shutdown()


def test_who_learns_on_begins_with_them(run):
    experiment = run.experiment
    theta = experiment.market.characteristics.default
    asked = at_theta(experiment, theta, 1, 0)
    known = Policies.load(experiment, run.path / "policies")
    backend = LocalBackend(asked)
    backend.begin_at(known.modules)
    assert_same(backend.critics()["follower"], critic_weights(known.modules["follower"]))
    after = learned(asked, known.modules)
    assert critic_weights(after.modules["follower"]).keys() == backend.critics()["follower"].keys()


def test_a_folder_without_critics_is_read_and_a_damaged_critic_is_told(run, tmp_path):
    trained = load_trained(run)
    acting = Policies.untrained(run.experiment)
    acting.save(tmp_path / "acting")
    bare = Policies.load(run.experiment, tmp_path / "acting")
    assert all(module.critic is None for module in bare.modules.values())
    trained.policies.save(tmp_path / "whole")
    (tmp_path / "whole" / "critics" / "follower.safetensors").write_bytes(b"\0" * 9)
    with pytest.raises(PacesetterError, match=r"critics/follower.*cannot be read"):
        Policies.load(run.experiment, tmp_path / "whole")
