"""Remote env runners: what a kill leaves behind, exact resumes, and how their failures are told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pacesetter.training.cli import main
from pacesetter.training.rllib.watch import of_session
from pacesetter.training.runs.history import read_history

PATIENCE = 600  # seconds: on a busy machine Ray alone may take a minute to start
TINY = (
    "market.name=market_with_faults:Faulty",
    "training.copies=8",
    "training.rollout_steps=8",
    "training.pretrain_iterations=3",
    "training.iterations=7",
    "training.checkpoint_every=3",
    "training.env_runners=1",
    "training.step_timeout_seconds=3",
    "followers.minibatch_size=32",
    "evaluation.copies=4",
    "evaluation.episodes=2",
)
MODULE = '''
import os, sys, time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from pacesetter.envs.duopoly.market import Duopoly

PLACE = Path(__file__).parent


@dataclass(frozen=True)
class Faulty(Duopoly):
    """Fails, in a worker, at a step of its process, in the way that the file ``fault`` says."""

    steps: ClassVar[int] = 0

    def transition(self, state, actions, shocks):
        Faulty.steps += 1
        fault = PLACE / "fault"
        if "default_worker" in sys.argv[0]:
            (PLACE / "pid").write_text(str(os.getpid()))
            if Faulty.steps >= 37 and fault.exists():  # within the fifth sample
                kind = fault.read_text()
                if "once" in kind:
                    fault.unlink()
                if "dies" in kind:
                    os._exit(3)
                if "raises" in kind:
                    raise ZeroDivisionError("a bug in the market")
                if "hangs" in kind:
                    time.sleep(1e6)
        return super().transition(state, actions, shocks)
'''


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The folder of the market, from where all commands are given, here and in other processes."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "market_with_faults.py").write_text(MODULE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(str(folder))
        yield folder


def train(place, name, fault=""):
    (place / "fault").unlink(missing_ok=True)
    if fault:
        (place / "fault").write_text(fault)
    line = ["train", "duopoly_ppo", *TINY, "--runs", str(place / "runs"), "--name", name, "--quiet"]
    return main(line)


def resume(folder):
    return main(["train", "--resume", str(folder), "--quiet"])


@pytest.fixture(scope="module")
def undisturbed(place):
    assert train(place, "undisturbed") == 0
    return place / "runs" / "undisturbed"


def path_of(folder):
    return [
        {name: str(value) for name, value in row.items() if not name.startswith("speed/")}
        for row in read_history(folder)
    ]


def started(runs, name):
    """A command that has come to its fifth iteration; what it says is in a file ``NAME.txt``."""
    with (runs.parent / f"{name}.txt").open("w") as said:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "pacesetter", "train", "duopoly_ppo", *TINY),
                *("--runs", str(runs), "--name", name, "--quiet"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
    deadline = time.monotonic() + PATIENCE
    while len(read_history(runs / name)) < 5:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    return process


def test_a_killed_driver_leaves_nothing_alive_and_goes_on_exactly(place, undisturbed):
    runs = place / "runs"
    process = started(runs, "killed")
    folder = folder_of_ray(process.pid)
    assert len(of_session(folder)) > 2  # Ray's servers, agents and workers
    process.kill()
    process.wait(timeout=PATIENCE)
    deadline = time.monotonic() + 60
    while os.path.exists(folder) or of_session(folder):
        assert time.monotonic() < deadline, of_session(folder)
        time.sleep(0.2)

    said = (place / "killed.txt").read_text()  # and nothing of samples that are not writable
    assert said.startswith("pacesetter: training was ended") and len(said.splitlines()) == 1
    goes_on_exactly(runs / "killed", undisturbed)


def goes_on_exactly(folder, undisturbed):
    assert resume(folder) == 0
    assert path_of(folder) == path_of(undisturbed)
    results = [(one / "results.json").read_bytes() for one in (folder, undisturbed)]
    assert results[0] == results[1]


def test_a_machine_that_dies_is_one_message_and_the_run_goes_on_exactly(place, undisturbed):
    process = started(place / "runs", "alone")
    folder = folder_of_ray(process.pid)
    [server] = [pid for pid in of_session(folder) if command_of(pid)[0].endswith("/raylet")]
    os.kill(server, signal.SIGKILL)
    assert process.wait(timeout=PATIENCE) in (1, 2)
    said = place / "alone.txt"
    deadline = time.monotonic() + PATIENCE
    while os.path.exists(folder):  # the last words are said by who cleans up
        assert time.monotonic() < deadline
        time.sleep(0.2)
    message = said.read_text()
    assert message.startswith("pacesetter: ") and len(message.splitlines()) <= 3, message
    # Said by Ray's end of the driver, or by the driver if its wait ends before that.
    assert "Ray's server on this machine (raylet) died" in message
    assert f"o on with 'pacesetter train --resume {place / 'runs' / 'alone'}'" in message
    goes_on_exactly(place / "runs" / "alone", undisturbed)


def command_of(pid):
    """The words of a process's command; none, if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")
    except OSError:
        return [""]


def folder_of_ray(driver):
    """The folder that the watch over a driver was given."""
    for number in filter(str.isdigit, os.listdir("/proc")):
        words = command_of(number)
        if len(words) > 3 and words[-2] == str(driver) and words[-4].endswith("watch.py"):
            return words[-3]
    raise AssertionError("nobody watches over the driver")


def test_a_runner_that_dies_is_started_again_and_goes_on_from_the_last_checkpoint(
    place, undisturbed, capsys
):
    assert train(place, "dies", "dies once") == 0
    assert "An env runner failed, 1 of at most 3 times" in capsys.readouterr().out
    rows = path_of(place / "runs" / "dies")
    assert [float(row["iteration"]) for row in rows] == list(range(10))
    before = path_of(undisturbed)
    assert rows[:4] == before[:4]
    assert rows[4] != before[4]  # its games went back to the third iteration


def test_a_runner_that_fails_in_the_same_way_ends_the_run_with_the_original_error(place, capsys):
    assert train(place, "raises", "raises") == 2
    told = capsys.readouterr()
    assert told.out.count("An env runner failed") == 2
    assert "ZeroDivisionError: a bug in the market" in told.err
    assert "iteration_000003; go on with 'pacesetter train --resume" in told.err
    log = (place / "runs" / "raises" / "error.log").read_text()
    assert "market_with_faults.py" in log and "no env runner delivered" not in told.err + log


def test_a_remote_step_that_hangs_ends_the_run_with_its_place(place, capsys):
    began = time.monotonic()
    assert train(place, "hangs", "hangs") == 2
    message = capsys.readouterr().err
    assert "a step has not ended after 3 s" in message and "market_with_faults.py:" in message
    assert "raise training.step_timeout_seconds" in message
    assert time.monotonic() - began < PATIENCE / 2


def test_a_runner_that_is_stopped_is_not_waited_for(place, capsys, monkeypatch):
    from pacesetter.training.runs.history import History

    add = History.add

    def add_and_stop(history, iteration, values):
        add(history, iteration, values)
        if iteration == 4:
            os.kill(int((place / "pid").read_text()), signal.SIGSTOP)

    monkeypatch.setattr(History, "add", add_and_stop)
    assert train(place, "stopped") == 2
    message = capsys.readouterr().err
    assert "1 of 1 env runners did not answer within" in message
    assert "iteration_000003; go on with" in message
