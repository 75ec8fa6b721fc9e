"""Several remote learners: they learn what one learns, go on exactly, and fail as one."""

from __future__ import annotations

import os
import time
import traceback
from dataclasses import replace

import numpy as np
import pytest
import ray

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.registry import make
from pacesetter.leaders.objectives.general import Welfare
from pacesetter.leaders.policy.ppo import PPOLeader
from pacesetter.training.experiments import place
from pacesetter.training.experiments.experiment import Experiment
from pacesetter.training.experiments.rules import check_together
from pacesetter.training.experiments.settings import FollowerSettings, TrainingSettings
from pacesetter.training.policies.specification import LEADER
from pacesetter.training.rllib.backend import RLlibBackend, start_ray
from pacesetter.training.rllib.remote.learners import (
    LearnerDiedError,
    RemoteLearners,
    SilentLearnerError,
)

LEARNERS, MANY = 2, 4
ITERATIONS = 3
PATIENCE = 60


def experiment(learners):
    """Producers' minibatches are shared out; the leader's few rows are learned by everybody."""
    return Experiment(
        name="several",
        market=make("cobweb", periods=6),
        objective=Welfare(),
        leader=PPOLeader(interval=3),
        followers=FollowerSettings(hidden_layers=(16, 16), minibatch_size=256, epochs=2),
        training=TrainingSettings(copies=9, rollout_steps=11, learners=learners),
    )


@pytest.fixture(scope="module")
def session():
    start_ray(experiment(MANY))  # which may have more than this machine has cores
    yield
    ray.shutdown()


def trained(backend, iterations):
    """What every iteration reports, and the weights at its end."""
    for _ in range(iterations):
        learned = backend.iterate().learned
    weights = backend.algorithm.learner_group.get_weights()
    return learned, {name: dict(module) for name, module in weights.items()}


def same(weights, others, tolerance):
    assert set(weights) == {"producer", LEADER}
    for name, module in weights.items():
        for key, values in module.items():
            np.testing.assert_allclose(others[name][key], values, rtol=0, atol=tolerance)


def in_the_last_learner(backend, function):
    number = backend.algorithm.learner_group._worker_manager.healthy_actor_ids()[-1]
    backend.algorithm.learner_group.foreach_learner(function, remote_actor_ids=[number])


def fails(name, columns, held=None):
    raise ZeroDivisionError("a bug in a loss")


def dies(name, columns, held=None):
    os._exit(3)


@pytest.mark.usefixtures("session")
def test_learners_learn_what_one_learns_go_on_exactly_and_fail_as_one(tmp_path):
    one = RLlibBackend(experiment(0))
    one.command(7, None)
    expected, weights = trained(one, ITERATIONS)
    one.stop()

    first = RLlibBackend(experiment(LEARNERS))
    first.command(7, None)
    found, shared = trained(first, ITERATIONS)
    same(weights, shared, 1e-5)
    for name in weights:
        for key in ("policy_loss", "vf_loss", "gradient_norm", "value_explained_variance"):
            assert found[name][key] == pytest.approx(expected[name][key], rel=1e-3, abs=1e-5)
        steps = "num_module_steps_trained"
        assert found[name][steps] == expected[name][steps]
    held = first.modules["producer"].state_dict()["actor.0.weight"]
    np.testing.assert_array_equal(held, shared["producer"]["actor.0.weight"])

    first.save(tmp_path / "checkpoint")
    _, later = trained(first, 1)
    in_the_last_learner(first, lambda learner: setattr(learner, "_train_module", fails))
    began = time.monotonic()
    with pytest.raises(ZeroDivisionError, match="a bug in a loss") as caught:
        first.iterate()
    assert "in fails" in "".join(traceback.format_exception(caught.value))
    first.stop()
    assert time.monotonic() - began < 30

    second = RLlibBackend(experiment(LEARNERS))
    second.command(7, None)
    assert second.restore(tmp_path / "checkpoint") == ""
    same(later, trained(second, 1)[1], 0)
    in_the_last_learner(second, lambda learner: setattr(learner, "_train_module", dies))
    began = time.monotonic()
    with pytest.raises(LearnerDiedError, match="a learner has died"):
        second.iterate()
    second.stop()
    assert time.monotonic() - began < 30


@pytest.mark.usefixtures("session")
def test_four_learners_with_unequal_batches_learn_what_one_learns():
    """Nine copies are shared out as 3, 2, 2 and 2, and the leader's 14 rows are few."""
    one, many = RLlibBackend(experiment(0)), RLlibBackend(experiment(MANY))
    for backend in (one, many):
        backend.command(7, None)
    _, weights = trained(one, ITERATIONS)
    _, shared = trained(many, ITERATIONS)
    one.stop()
    many.stop()
    same(weights, shared, 1e-5)


@pytest.mark.usefixtures("session")
def test_a_learner_that_says_nothing_is_not_waited_for():
    learners = object.__new__(RemoteLearners)
    learners._patience = 0.2
    sleep = ray.remote(lambda: time.sleep(PATIENCE))
    silent = [sleep.remote() for _ in range(2)]
    with pytest.raises(SilentLearnerError, match="2 of 2 learners did not answer within"):
        learners._answers(silent)
    for one in silent:
        ray.cancel(one, force=True)


def test_more_learners_than_copies_are_refused():
    few = replace(experiment(0).training, copies=3, learners=4)
    [(path, message)] = check_together(replace(experiment(0), training=few))
    assert path == ("training", "learners") and "set it to 3 or less" in message
    two = replace(few, env_runners=2)
    assert check_together(replace(experiment(0), training=two)) == []


@pytest.mark.parametrize(("learners", "threads"), [(5, 1), (3, 2)])
def test_more_learners_than_cores_are_refused_before_ray_starts(monkeypatch, learners, threads):
    monkeypatch.setattr(place, "cores_here", lambda: 4)
    many = replace(experiment(learners).training, learner_threads=threads)
    with pytest.raises(PacesetterError, match=f"Set it to {4 // threads} or less"):
        place.check_place(replace(experiment(learners), training=many), None)
    assert place.check_place(replace(experiment(learners), training=many), "10.0.0.1:6379") is None
