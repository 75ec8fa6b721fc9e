"""Ray on a machine where another Ray runs, and on one that is too busy to start it in time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.rllib import backend as algorithm

TINY = (
    "training.copies=4",
    "training.rollout_steps=4",
    "training.pretrain_iterations=1",
    "training.iterations=1",
    "followers.minibatch_size=16",
    "evaluation.copies=2",
    "evaluation.episodes=2",
)
BESIDE = """
import ray, sys
options = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 2**27}
address = ray.init("local", logging_level=50, **options)
print(address.address_info["address"], flush=True)
sys.stdin.read()
"""


@pytest.fixture
def ray_beside():
    """The address of a Ray of somebody else on this machine."""
    other = subprocess.Popen(
        [sys.executable, "-c", BESIDE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    lines = iter(other.stdout.readline, "")
    yield next(line.strip() for line in lines if ":" in line)
    other.communicate("", timeout=600)


def test_a_run_without_an_address_does_not_join_another_ray(ray_beside, tmp_path):
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pacesetter.training.cli", "train", "duopoly_ppo", *TINY),
            *("--runs", str(tmp_path), "--name", "run", "--quiet"),
        ],
        env={**os.environ, "RAY_ADDRESS": ray_beside},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "run" / "results.json").exists()


FULL = """
import errno, os, sys
from pacesetter.training.rllib.backend import start_ray_here
start_ray_here(0)
def mkdir(*args, **kwargs):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
os.mkdir = mkdir
print("a message", file=sys.stderr)
"""


def test_nothing_is_said_after_a_message_where_a_disk_is_full():
    done = subprocess.run(
        [sys.executable, "-c", FULL], capture_output=True, text=True, timeout=600, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "a message\n")


TOLD_TO_END = """
import os, signal
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.rllib.backend import start_ray
start_ray(load_experiment("duopoly_ppo"))
os.kill(os.getpid(), signal.SIGTERM)
signal.pause()
"""


def test_a_command_that_is_told_to_end_after_ray_has_started_does_not_abort():
    done = subprocess.run(
        [sys.executable, "-c", TOLD_TO_END],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode not in (0, -signal.SIGABRT) and "***" not in done.stderr, done.stderr


SILENT = """
import subprocess, time
from pacesetter.training.rllib.own_session import (
    ServerDiedError, leave_session, own_session, why_silent
)
otherwise = RuntimeError("no answer")
assert why_silent(otherwise) is otherwise  # nothing was started here
folder = own_session()
with open(folder + "/log", "w") as log:  # as Ray's server is called, and with a file of its own
    server = subprocess.Popen(["/made/up/ray/raylet", "600"], executable="sleep", stdout=log)
deadline = time.monotonic() + 600
while why_silent(otherwise) is not otherwise:  # its name may be told a moment after it has begun
    assert time.monotonic() < deadline, "lives"
    time.sleep(0.01)
server.kill()  # and nobody has waited for it: what it was is no longer told
while not isinstance(why_silent(otherwise), ServerDiedError):
    assert time.monotonic() < deadline, "has died"
    time.sleep(0.01)
leave_session()
assert why_silent(otherwise) is otherwise, "somebody else's"
"""


def test_silence_is_explained_by_a_server_that_has_died():
    """Whoever waited for a runner, when the server here died, does not look for a slow market."""
    done = subprocess.run(
        [sys.executable, "-c", SILENT], capture_output=True, text=True, timeout=1200, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


class Late:
    """A Ray that misses its time limit so many times."""

    def __init__(self, times):
        self.times, self.calls, self.stopped = times, [], 0

    def init(self, **options):
        self.calls.append(options)
        if len(self.calls) <= self.times:
            raise Exception("The current node timed out during startup.\nMore lines.")

    def shutdown(self):
        self.stopped += 1


@pytest.fixture
def late(monkeypatch):
    def start(times):
        ray = Late(times)
        monkeypatch.setattr(algorithm.ray, "init", ray.init)
        monkeypatch.setattr(algorithm.ray, "shutdown", ray.shutdown)
        monkeypatch.setattr(algorithm.ray, "is_initialized", lambda: False)
        monkeypatch.setattr(algorithm.ray, "cluster_resources", lambda: {"CPU": 1.0})
        return ray

    return start


def test_a_late_start_is_tried_once_more(late):
    ray = late(times=1)
    algorithm.start_ray(load_experiment("duopoly_ppo"))
    assert [options["address"] for options in ray.calls] == ["local", "local"]
    assert ray.stopped == 1


def test_a_second_failure_is_one_message(late):
    ray = late(times=2)
    with pytest.raises(PacesetterError, match=r"2 attempts \(The current node timed out") as caught:
        algorithm.start_ray(load_experiment("duopoly_ppo"))
    assert len(ray.calls) == 2
    assert "\n" not in str(caught.value) and "--address" in str(caught.value)


def test_more_workers_than_cores_is_said(late, monkeypatch, capsys):
    monkeypatch.setattr(algorithm, "cores_here", lambda: 2)
    late(times=0)
    monkeypatch.setattr(algorithm.ray, "cluster_resources", lambda: {"CPU": 4.0})
    algorithm.start_ray(load_experiment("duopoly_ppo", ["training.env_runners=2"]))
    assert not capsys.readouterr().out
    algorithm.start_ray(load_experiment("duopoly_ppo", ["training.env_runners=3"]))
    assert "3 workers of training.env_runners and training.learners share the 2 core(s)" in (
        capsys.readouterr().out
    )
