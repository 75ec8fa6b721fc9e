"""Whatever happens to the files of a run is told in one message, and nothing is made of it."""

from __future__ import annotations

import errno
import json
import re
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

from pacesetter.training.cli import main
from pacesetter.training.runs.history import History, read_history
from pacesetter.training.runs.lock import locked
from pacesetter.training.runs.machine import software_versions

PATIENCE = 600  # seconds, for another process on a busy machine


def rows(folder):
    """The history but the speed, and the results."""
    history = [
        {name: str(value) for name, value in row.items() if not name.startswith("speed/")}
        for row in read_history(folder)
    ]
    return history, json.loads((folder / "results.json").read_text())


# Checkpoints --------------------------------------------------------------------------------------


def truncate(path):
    path.write_bytes(path.read_bytes()[:-2])


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("damage", [truncate, flip, lambda path: path.unlink()])
@pytest.mark.parametrize(
    "file", ["algorithm/local.pt", "average.safetensors", "guide.json", "config.yaml", "COMPLETE"]
)
def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    file, damage, run, finished, capsys, monkeypatch
):
    damage(run / "checkpoints" / "iteration_000006" / file)
    (run / "results.json").unlink()
    # One whole resume shows that what comes out is the same; the others, where it begins.
    if file != "algorithm/local.pt":
        monkeypatch.setattr("pacesetter.training.evaluation.evaluate.evaluate", lambda run: {})
        monkeypatch.setattr("pacesetter.training.session.show", lambda run, results: None)
    assert main(["train", "--resume", str(run), "--quiet"]) == 0
    told = capsys.readouterr().out
    assert "iteration_000006 is damaged: " in told and file in told
    assert "Going on from" in told and "iteration_000003" in told
    if file == "algorithm/local.pt":
        assert rows(run) == rows(finished)


def test_a_file_too_many_is_damage(run, capsys):
    (run / "checkpoints" / "iteration_000006" / "algorithm" / "more.pkl").write_bytes(b"")
    shutil.rmtree(run / "checkpoints" / "iteration_000003")
    assert main(["train", "--resume", str(run), "--quiet"]) == 2
    assert "more.pkl does not belong to it" in capsys.readouterr().err


def test_a_checkpoint_of_other_software_or_another_machine_says_of_which(
    unfinished, capsys, monkeypatch
):
    def unreadable(backend, folder):
        raise RuntimeError("unknown opcode '0x95'")

    here = software_versions() | {"torch": "9.9", "platform": "a machine of another type"}
    monkeypatch.setattr("pacesetter.training.loop.stopping.software_versions", lambda: here)
    monkeypatch.setattr("pacesetter.training.ppo.backend.LocalBackend.restore", unreadable)
    before = (unfinished / "history.csv").read_bytes()
    assert main(["train", "--resume", str(unfinished), "--quiet"]) == 2
    message = capsys.readouterr().err
    assert "cannot be read (RuntimeError: unknown opcode '0x95')" in message
    assert "now a machine of another type; torch" in message and ", now 9.9" in message
    assert "Resume the run with the software that wrote it" in message
    assert "Traceback" not in message and (unfinished / "history.csv").read_bytes() == before


def test_a_run_whose_checkpoints_are_gone_does_not_begin_anew(run, unfinished, capsys):
    before = (unfinished / "history.csv").read_bytes()
    shutil.rmtree(unfinished / "checkpoints")
    assert main(["train", "--resume", str(unfinished), "--quiet"]) == 2
    message = capsys.readouterr().err
    assert "is empty, after 5 iterations" in message and "start a new run" in message
    assert (unfinished / "history.csv").read_bytes() == before


def test_a_run_without_a_checkpoint_yet_says_that_it_begins_anew(unfinished, finished, capsys):
    shutil.rmtree(unfinished / "checkpoints")
    lines = (unfinished / "history.csv").read_text().splitlines(keepends=True)
    (unfinished / "history.csv").write_text("".join(lines[:3]))
    assert main(["train", "--resume", str(unfinished), "--quiet"]) == 0
    assert "There is no checkpoint yet: training begins anew" in capsys.readouterr().out
    assert rows(unfinished) == rows(finished)


# What the commands read ---------------------------------------------------------------------------

REPORT, EVALUATE = "report", "evaluate"


def foreign(path):
    path.write_text("date,close\n2020-01-01,3.5\n")


def of_other_arrays(path):
    np.savez(path, nonsense=np.zeros(3))


def pickled(path):
    np.savez(path, own=np.array([{"a": 1}], dtype=object))


def one_array(path):
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


def in_place_of_a_folder(path):
    shutil.rmtree(path)
    path.write_text("a file")


def text(content):
    return lambda path: path.write_text(content)


BROKEN = [
    ("results.json", text('{"other": 1.0}'), REPORT, "has no theta/leader_quantity"),
    ("results.json", text("[]"), REPORT, "is not a table of finite numbers"),
    ("results.json", text('{"a": 1' + "0" * 400 + "}"), REPORT, "cannot be read"),
    ("history.csv", lambda path: path.write_bytes(bytes(range(256))), REPORT, "is not the history"),
    ("history.csv", foreign, REPORT, "is not the history of a run"),
    ("history.csv", text("iteration,leader/x\n0,1.5\n"), REPORT, "is of another run"),
    ("history.csv", foreign, "train --resume", "is not the history of a run"),
    ("evaluation.npz", text("no archive"), REPORT, "evaluation.npz: cannot be read"),
    ("evaluation.npz", pickled, REPORT, "evaluation.npz: cannot be read"),
    ("evaluation.npz", one_array, REPORT, "no .npz file"),
    ("evaluation.npz", of_other_arrays, REPORT, "is of another run"),
    ("figures", in_place_of_a_folder, REPORT, "figures is a file"),
    ("tensorboard", in_place_of_a_folder, EVALUATE, "needs? a folder there"),
    ("answer.json", text("{}"), EVALUATE, "must hold leader_quantity"),
    ("answer.json", text("null"), EVALUATE, "must hold leader_quantity"),
    ("answer.json", text('["leader_quantity"]'), EVALUATE, "must hold leader_quantity"),
    ("answer.json", text('"text"'), "certify", "must hold leader_quantity"),
    ("answer.json", text(""), "counterfactual", "is not the answer of this run"),
    ("answer.json", text('{"leader_quantity": "much"}'), EVALUATE, "is not the answer"),
    ("answer.json", text('{"leader_quantity": 1e9}'), EVALUATE, "is not the answer"),
    ("policies/follower.safetensors", text("x"), EVALUATE, "the policy cannot be read"),
]


@pytest.mark.parametrize(
    ("file", "damage", "command", "said"), BROKEN, ids=[f"{b[0]}-{n}" for n, b in enumerate(BROKEN)]
)
def test_a_broken_file_is_one_message(file, damage, command, said, run, capsys):
    damage(run / file)
    results = (run / "results.json").read_bytes()
    more = ["theta.leader_quantity=5"] if command == "counterfactual" else []
    assert main([*command.split(), str(run), *more]) == 2
    message = capsys.readouterr().err
    assert file.partition(".")[0].partition("/")[0] in message
    assert re.search(said, message), message
    assert "Traceback" not in message
    assert (run / "results.json").read_bytes() == results


@pytest.mark.parametrize("command", ["report", "evaluate", "certify", "train --resume"])
def test_a_configuration_that_was_changed_after_training_is_refused(command, run, capsys):
    config = run / "config.yaml"
    changed = config.read_text().replace("followers: 1", "followers: 3")
    assert changed != config.read_text()
    config.write_text(changed)
    results = (run / "results.json").read_bytes()
    assert main([*command.split(), str(run)]) == 2
    message = capsys.readouterr().err
    assert "market.followers: 1 " in message and "3 now" in message
    assert (run / "results.json").read_bytes() == results


@pytest.mark.parametrize("name", ["../../escaped", "a/b", "..", ".hidden", "x" * 300, "a\nb", ""])
def test_a_name_that_leads_elsewhere_is_refused(name, tmp_path, capsys):
    runs = tmp_path / "runs"
    assert main(["train", "duopoly_ppo", "--runs", str(runs), "--name", name]) == 2
    assert "cannot name a folder" in capsys.readouterr().err
    assert not runs.exists() and not list(tmp_path.iterdir())


# One process at a time ----------------------------------------------------------------------------

HOLD = """
import sys
from pathlib import Path
from pacesetter.training.runs.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_folder_has_one_writer_and_a_killed_one_leaves_no_lock(run, capsys):
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout.readline() == "held\n"
    try:
        for command in ("train --resume", "evaluate", "certify"):
            assert main([*command.split(), str(run)]) == 2
            message = capsys.readouterr().err
            assert f"is in use by process {other.pid} on " in message
        assert main(["report", str(run)]) == 0
    finally:
        other.kill()
        other.wait(timeout=PATIENCE)
        other.stdout.close()
    assert main(["evaluate", str(run)]) == 0


def test_a_lock_may_be_taken_twice_by_who_holds_it(tmp_path):
    with locked(tmp_path), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass


# A full disk --------------------------------------------------------------------------------------


class FullDisk:
    """A file that takes half a row and then has no room."""

    def __init__(self, file):
        self.file, self.full = file, False

    def write(self, data):
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.full = True
        return self.file.write(data[: len(data) // 2])

    def __getattr__(self, name):
        return getattr(self.file, name)


def test_a_row_without_room_is_taken_back(tmp_path):
    history = History(tmp_path)
    history.add(0, {"a": 1.0})
    whole = (tmp_path / "history.csv").read_bytes()
    history._file = FullDisk(history._file)
    with pytest.raises(OSError, match="No space left"):
        history.add(1, {"a": 2.0})
    history.close()
    assert (tmp_path / "history.csv").read_bytes() == whole
    assert [row["a"] for row in read_history(tmp_path)] == [1.0]


def no_room(*given):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_half_a_last_row_is_none(run):
    path = run / "history.csv"
    whole = read_history(run)
    path.write_bytes(path.read_bytes()[:-5])  # the last number is one still, but another
    assert str(read_history(run)) == str(whole[:-1])


def test_a_full_disk_ends_a_run_with_a_word_and_it_goes_on_later(
    unfinished, finished, capsys, monkeypatch
):
    add = History.add

    def full(history, iteration, values):
        if iteration == 4:
            no_room()
        add(history, iteration, values)

    with monkeypatch.context() as patch:
        patch.setattr(History, "add", full)
        patch.setattr(
            "pacesetter.training.loop.stopping.write_whole", lambda *given: full(*"xx", 0)
        )
        assert main(["train", "--resume", str(unfinished), "--quiet"]) == 2
    message = capsys.readouterr().err
    assert "the disk of" in message and "is full; free some space" in message
    assert "iteration_000003; go on with 'pacesetter train --resume" in message
    assert main(["train", "--resume", str(unfinished), "--quiet"]) == 0
    assert rows(unfinished) == rows(finished)


def test_what_training_brought_is_kept_when_its_evaluation_fails(
    unfinished, finished, capsys, monkeypatch
):
    def fails(trained):
        sys.exit(0)

    with monkeypatch.context() as patch:
        patch.setattr("pacesetter.training.evaluation.evaluate.measure", fails)
        assert main(["train", "--resume", str(unfinished), "--quiet"]) == 2
    message = capsys.readouterr().err
    assert "evaluation stopped" in message and "sys.exit(0)" in message
    assert f"pacesetter evaluate {unfinished}" in message
    assert "SystemExit" in (unfinished / "error.log").read_text()
    assert main(["evaluate", str(unfinished)]) == 0
    assert rows(unfinished) == rows(finished)


def test_a_market_that_calls_exit_ends_no_run_well(unfinished, capsys, monkeypatch):
    from pacesetter.envs.duopoly.market import Duopoly

    with monkeypatch.context() as patch:
        patch.setattr(Duopoly, "transition", lambda *given: sys.exit(0))
        assert main(["train", "--resume", str(unfinished), "--quiet"]) == 2
    message = capsys.readouterr().err
    assert "sys.exit(0)" in message and "iteration_000003" in message
    assert "SystemExit" in (unfinished / "error.log").read_text()


def test_a_step_that_hangs_ends_with_its_place(unfinished, capsys, monkeypatch):
    from pacesetter.envs.duopoly.market import Duopoly

    config = unfinished / "config.yaml"
    config.write_text(
        config.read_text().replace("step_timeout_seconds: 20.0", "step_timeout_seconds: 0.2")
    )
    began = time.monotonic()
    with monkeypatch.context() as patch:
        patch.setattr(Duopoly, "transition", lambda *given: time.sleep(PATIENCE))
        assert main(["train", "--resume", str(unfinished), "--quiet"]) == 2
    assert time.monotonic() - began < PATIENCE / 2
    message = capsys.readouterr().err
    assert (
        "a step has not ended after 0.2 s" in message and "training.step_timeout_seconds" in message
    )
    assert "test_broken_folders" in message  # where it hangs
    assert "iteration_000003" in message
