"""A run on two nodes of a Ray cluster, of which one leaves while it trains, and comes back."""

from __future__ import annotations

import subprocess
import sys
import threading
from functools import partial

import numpy as np
import pytest
import ray
from ray.cluster_utils import Cluster
from ray.rllib.utils.metrics import ENV_RUNNER_RESULTS, NUM_ENV_STEPS_SAMPLED_LIFETIME

from pacesetter.training.cli import main
from pacesetter.training.rllib.backend import RLlibBackend
from pacesetter.training.rllib.remote import runners as remote
from pacesetter.training.runs.history import History, read_history

NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}
LEAVES_AFTER, AWAY = 4, 5.0  # iterations, seconds
COPIES, STEPS, ITERATIONS, RUNNERS = 8, 8, 9, 2
TINY = (
    f"training.copies={COPIES}",
    f"training.rollout_steps={STEPS}",
    "training.pretrain_iterations=2",
    f"training.iterations={ITERATIONS - 2}",
    "training.checkpoint_every=3",
    f"training.env_runners={RUNNERS}",
    "training.step_timeout_seconds=300",  # on a busy machine a lost node is noticed late
    "leader.update_every=2",
    "followers.minibatch_size=32",
    "evaluation.copies=4",
    "evaluation.episodes=2",
)


@pytest.fixture
def cluster(monkeypatch):
    monkeypatch.setenv("RAY_health_check_period_ms", "1000")
    two = Cluster(initialize_head=True, head_node_args=NODE)
    two.second = two.add_node(**NODE)
    two.wait_for_nodes(timeout=300)
    two.returned = []
    yield two
    ray.shutdown()
    for node in two.returned:
        node.terminate()
        node.wait(timeout=300)
    two.shutdown()


def comes_back(cluster):
    """A node as its owner would start it; `add_node` works in the main thread alone."""
    start = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus=1"]
    options = [
        f"--address={cluster.address}",
        f"--object-store-memory={NODE['object_store_memory']}",
    ]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    cluster.returned.append(subprocess.Popen([*start, *options], **silent))


def test_a_node_that_leaves_and_returns(cluster, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(remote, "RESTART", 600.0)
    asked, seen, counted = [], [], []
    command, iterate, add = RLlibBackend.command, RLlibBackend.iterate, History.add

    def command_and_note(backend, led, theta):
        asked.append(None if theta is None else theta.reshape(RUNNERS, led, -1))
        command(backend, led, theta)

    def where_and_theta(runner):  # a nested function is sent whole, not by its module
        assigned = runner.sampler.state()["assigned"]
        return ray.get_runtime_context().get_node_id(), assigned[runner.sampler.game.led]

    def iterate_and_look(backend):
        done = iterate(backend)
        ask = partial(backend._remote.call, where_and_theta)
        seen.append(backend._remote.attempt(ask))  # one may die just after its sample
        key = (ENV_RUNNER_RESULTS, NUM_ENV_STEPS_SAMPLED_LIFETIME)
        counted.append(backend.algorithm.metrics.peek(key))
        return done

    def add_and_leave(history, iteration, values):
        add(history, iteration, values)
        if iteration == LEAVES_AFTER:
            cluster.remove_node(cluster.second, allow_graceful=False)
            threading.Timer(AWAY, comes_back, [cluster]).start()

    monkeypatch.setattr(RLlibBackend, "command", command_and_note)
    monkeypatch.setattr(RLlibBackend, "iterate", iterate_and_look)
    monkeypatch.setattr(History, "add", add_and_leave)
    where = ["--address", cluster.address, "--wait", "300", "--runs", str(tmp_path), "--quiet"]
    code = main(["train", "duopoly_bayesian", *TINY, *where, "--name", "run"])
    told = capfd.readouterr()
    assert code == 0, told.err + told.out
    assert "An env runner failed, 1 of at most 3 times" in told.out

    rows = read_history(tmp_path / "run")
    assert [row["iteration"] for row in rows] == list(range(ITERATIONS))
    assert counted == [COPIES * STEPS * RUNNERS * (done + 1) for done in range(ITERATIONS)]
    nodes = [tuple(node for node, _ in runners) for runners in seen]
    before, after = nodes[LEAVES_AFTER], nodes[-1]
    assert len(set(before)) == len(set(after)) == RUNNERS and set(before) != set(after)
    for theta, runners in zip(asked, seen, strict=True):
        if theta is not None:
            np.testing.assert_array_equal([there for _, there in runners], theta)
