"""A run that is killed or interrupted goes on and ends with the figures of an undisturbed one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from pacesetter.training.cli import main
from pacesetter.training.runs.history import read_history

PATIENCE = 600  # seconds: on a busy machine Ray alone may take a minute to start
TINY = (
    "training.copies=8",
    "training.rollout_steps=8",
    "training.pretrain_iterations=6",
    "training.iterations=14",
    "training.checkpoint_every=3",
    "followers.minibatch_size=32",
    "evaluation.copies=4",
    "evaluation.episodes=2",
)


def command(*arguments):
    return [sys.executable, "-m", "pacesetter.training.cli", *map(str, arguments)]


def finish(*arguments):
    """In this process, where Ray starts once for all of them."""
    assert main(list(map(str, arguments))) == 0


def wait_for_iterations(folder, number, process):
    deadline = time.monotonic() + PATIENCE
    while len(read_history(folder)) < number:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "the run never got there"
        time.sleep(0.02)


def path_of(folder):
    """Everything in the history but the speed."""
    return [
        {name: str(value) for name, value in row.items() if not name.startswith("speed/")}
        for row in read_history(folder)
    ]


@pytest.fixture(scope="module", params=["duopoly_ppo array", "duopoly_bayesian local"])
def undisturbed(request, tmp_path_factory):
    """What is trained, a leader that learns on Ray and one that searches without, and its run."""
    parent = tmp_path_factory.mktemp("undisturbed")
    experiment, route = request.param.split()
    trained = (experiment, *TINY, f"training.route={route}")
    finish("train", *trained, "--runs", parent, "--name", "run", "--quiet")
    return trained, parent / "run"


def test_a_killed_run_ends_with_the_same_figures(undisturbed, tmp_path):
    trained, reference = undisturbed
    folder = tmp_path / "run"
    # Slowed down by frequent checkpoints alone, the run would be over before it could be killed.
    process = subprocess.Popen(
        command("train", *trained, "--runs", tmp_path, "--name", "run", "--quiet"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    wait_for_iterations(folder, 10, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (folder / "results.json").exists()
    assert len(list((folder / "checkpoints").glob("iteration_*"))) in (1, 2)

    finish("train", "--resume", folder, "--quiet")

    assert path_of(folder) == path_of(reference)
    results = json.loads((folder / "results.json").read_text())
    assert results == json.loads((reference / "results.json").read_text())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl_c", "terminated"])
def test_an_interrupted_run_saves_and_says_how_to_go_on(undisturbed, tmp_path, number):
    trained, reference = undisturbed
    folder = tmp_path / "run"
    process = subprocess.Popen(
        command("train", *trained, "--runs", tmp_path, "--name", "run"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    wait_for_iterations(folder, 4, process)
    process.send_signal(number)
    printed, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, printed
    assert f"pacesetter train --resume {folder}" in printed

    done = len(read_history(folder))
    assert 4 <= done < 20
    finish("train", "--resume", folder, "--quiet")
    assert path_of(folder) == path_of(reference)
