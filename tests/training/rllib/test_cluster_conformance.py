"""Joining a cluster: what is no cluster, or lacks something, is one message within the time."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import numpy
import pytest

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.rllib import cluster

THERE = {"node": "10.0.0.2", "modules": {}}


@pytest.fixture
def listener():
    """The address of something that listens and never speaks."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_what_listens_and_is_no_cluster_is_not_waited_for_long(listener):
    with pytest.raises(PacesetterError, match="did not answer as a Ray cluster within 1 s"):
        cluster.connect(load_experiment("duopoly_ppo"), listener, wait=1.0)


@pytest.mark.parametrize(
    ("answer", "log", "says"),
    [
        ({"error": "Version mismatch: the cluster has\nRay: 2.9.0"}, "", "use the same on all"),
        ({"error": "Could not find any running Ray instance."}, "", "ray start --head"),
        ({"error": "Failed to connect"}, "Unauthenticated: InvalidAuthToken", "RAY_AUTH_MODE"),
        (None, "", "ended with exit code 0"),
        ({"nodes": [THERE | {"versions": {"torch": None}}]}, "", "10.0.0.2 of the cluster lacks t"),
    ],
)
def test_what_the_cluster_says_comes_with_the_cure(monkeypatch, answer, log, says):
    said = "" if answer is None else json.dumps(answer)
    program = f"import sys; print({said!r}); print({log!r}, file=sys.stderr)"
    start = subprocess.Popen
    monkeypatch.setattr(
        cluster.subprocess,
        "Popen",
        lambda command, **o: start([sys.executable, "-c", program], **o),
    )
    with pytest.raises(PacesetterError, match=says) as caught:
        cluster.connect(load_experiment("duopoly_ppo"), "auto", wait=30.0)
    assert "\n" not in str(caught.value)


def test_the_package_and_the_users_modules_are_sent_whole(tmp_path):
    fishery = tmp_path / "fishery.yaml"
    fishery.write_text(
        "{market: {name: 'user_environment:Fishery'}, objective: {name: welfare}, "
        "leader: {name: bayesian}}"
    )
    modules = cluster.own_modules(load_experiment(str(fishery)))
    assert modules == ["user_environment"]
    assert not cluster.own_modules(load_experiment("duopoly_ppo"))  # it names none
    for name in ("pacesetter", "user_environment"):
        cluster.stage(name, tmp_path)
    program = (
        "import pacesetter, user_environment; from pacesetter.envs.registry import make; "
        "print(make('duopoly').name, pacesetter.__file__, user_environment.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    name, *files = done.stdout.split()
    assert name == "duopoly" and all(file.startswith(str(tmp_path)) for file in files)


def test_a_node_that_has_everything_installed_is_sent_nothing():
    here = {"modules": {"numpy": str(Path(numpy.__file__).resolve())}}
    assert not cluster._is_to_be_sent("numpy", [here])
    assert cluster._is_to_be_sent("numpy", [here, {"modules": {"numpy": None}}])
