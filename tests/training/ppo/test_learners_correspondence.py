"""Several learners that share a batch learn what one learner would."""

from __future__ import annotations

import multiprocessing
import os
import sys
from datetime import timedelta

import numpy as np
import pytest
import torch
import torch.distributed

from pacesetter.envs.registry import make
from pacesetter.leaders.objectives.general import Welfare
from pacesetter.leaders.policy.ppo import PPOLeader
from pacesetter.training.experiments.experiment import Experiment
from pacesetter.training.experiments.settings import FollowerSettings, TrainingSettings
from pacesetter.training.policies.network import ActorCritic
from pacesetter.training.policies.policies import Policies
from pacesetter.training.policies.specification import LEADER, model_config, module_spaces
from pacesetter.training.ppo import shares
from pacesetter.training.ppo.advantages import share_columns, training_columns
from pacesetter.training.ppo.gradients import LossOptions
from pacesetter.training.ppo.peers import PeerLostError, Peers
from pacesetter.training.ppo.sampler import Sampler
from pacesetter.training.ppo.shares import share_out
from pacesetter.training.ppo.update import FlatParameters, Trainee, UpdateOptions

LEARNERS = 2
COPIES, RUNNERS, EPOCHS = 5, 2, 3  # so that learners have copies of both runners, and not as many
PATIENCE = 300  # seconds: on a busy machine torch alone may take a while to be imported
MINIBATCHES = {"producer": 150, LEADER: 8}
ADVANTAGES = (0.97, 0.9)


def experiment():
    return Experiment(
        name="shared",
        market=make("cobweb", periods=6),
        objective=Welfare(),
        leader=PPOLeader(interval=3),
        followers=FollowerSettings(hidden_layers=(16, 16)),
        training=TrainingSettings(copies=COPIES, rollout_steps=11),
    )


def rollouts(number):
    """Of two env runners; the leader leads in three copies of each."""
    one, policies = experiment(), Policies.untrained(experiment())
    samplers = [Sampler(one.bound(), worker) for worker in range(1, RUNNERS + 1)]
    for sampler in samplers:
        sampler.lead(3)
    return [[s.sample(policies.modules) for s in samplers] for _ in range(number)]


def trainees(through_torch):
    one, made = experiment(), {}
    for name, (observation, action) in module_spaces(one).items():
        torch.manual_seed(7)
        module = ActorCritic(observation, action, model_config(one, name)).eval()
        flat = FlatParameters(module)
        made[name] = Trainee(name, module, flat, flat.optimizer())
        if through_torch:
            made[name].through_torch()
    return made


def options(name):
    return UpdateOptions(EPOCHS, MINIBATCHES[name], 0.5, LossOptions(0.2, 1.0, 0.01, None))


def alone(batches, through_torch):
    """Parameters and reported terms after one learner has learned from all batches."""
    learners, shuffle, terms = trainees(through_torch), torch.Generator().manual_seed(3), {}
    for batch in batches:
        modules = {name: trainee.module for name, trainee in learners.items()}
        columns, explained = training_columns(modules, batch, dict.fromkeys(modules, ADVANTAGES))
        for name, part in columns.items():
            terms[name] = learners[name].update(part, options(name), shuffle)
            terms[name]["explained"] = explained[name]
    return {n: t.flat.buffer.detach().numpy() for n, t in learners.items()}, terms


def together(peers, batches, through_torch, worth_sharing):
    """The same by one of several learners, and what it held the whole of."""
    shares.WORTH_SHARING = worth_sharing
    learners, shuffle = trainees(through_torch), torch.Generator().manual_seed(3)
    terms, whole = {}, {}
    for turn, batch in enumerate(batches):
        own = share_out(batch, COPIES, peers.count, turn, MINIBATCHES)[peers.number]
        for name, share in own.modules.items():
            trainee = learners[name]
            columns, explained, held = share_columns(trainee.module, share, peers, *ADVANTAGES)
            terms[name] = trainee.update(columns, options(name), shuffle, held)
            terms[name]["explained"], whole[name] = explained, share.whole
    return {n: t.flat.buffer.detach().numpy() for n, t in learners.items()}, terms, whole


CASES = {
    "the leader's rows by turns, some minibatches without any": (False, 1),
    "the leader's batch by all": (False, 8),
    "in torch": (True, 1),
    "everything by all": (False, 1000),
}
"""Whether in torch, and from how many rows per learner and minibatch a batch is shared out."""


def learner(number, count, place, batches, answers):
    """A process: all cases, and the last learner then goes without a word."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo",
        init_method=f"file://{place}",
        rank=number,
        world_size=count,
        timeout=timedelta(seconds=PATIENCE),
    )
    peers = Peers()
    answers.put({case: together(peers, batches, *how) for case, how in CASES.items()})
    answers.close()
    answers.join_thread()
    if number == count - 1:
        os._exit(0)
    try:
        peers.add_up(torch.ones(3))
    except PeerLostError:
        sys.exit(17)


@pytest.fixture(scope="module")
def batches():
    return rollouts(3)


@pytest.fixture(scope="module")
def found(batches, tmp_path_factory):
    """What every learner has learned in every case, and how its process ended."""
    place = tmp_path_factory.mktemp("learners") / "meet"
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    processes = [
        context.Process(target=learner, args=(number, LEARNERS, place, batches, answers))
        for number in range(LEARNERS)
    ]
    for process in processes:
        process.start()
    learned = [answers.get(timeout=PATIENCE) for _ in processes]
    for process in processes:
        process.join(timeout=PATIENCE)
    return learned, [process.exitcode for process in processes]


@pytest.mark.parametrize("case", CASES)
def test_learners_that_share_minibatches_learn_what_one_learns(batches, found, case):
    through_torch, worth_sharing = CASES[case]
    expected, expected_terms = alone(batches, through_torch)
    for of_all in found[0]:
        learned, terms, whole = of_all[case]
        assert whole == {
            name: size < LEARNERS * worth_sharing for name, size in MINIBATCHES.items()
        }
        for name, parameters in learned.items():
            np.testing.assert_allclose(parameters, expected[name], atol=1e-5)
            assert terms[name] == pytest.approx(expected_terms[name], rel=1e-3, abs=1e-5)
    first = found[0][0][case][0]
    for other, _, _ in (of_all[case] for of_all in found[0][1:]):
        for name, parameters in other.items():
            np.testing.assert_array_equal(parameters, first[name])


def test_a_learner_that_has_gone_is_noticed_by_the_others(found):
    assert sorted(found[1]) == [0, *[17] * (LEARNERS - 1)]
