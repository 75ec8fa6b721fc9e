"""Files appear whole or not at all, and nothing in training/ writes them by other means."""

from __future__ import annotations

import ast
import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

import pacesetter
from pacesetter.training.evaluation.evaluate import evaluate
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.loop.averaging import WeightAverage
from pacesetter.training.policies.policies import Policies
from pacesetter.training.runs.run_folder import RESULTS, RunFolder
from pacesetter.training.runs.whole_files import (
    full_disk_is_told_once,
    no_room,
    remove_remains,
    whole_file,
    write_json,
    write_whole,
)
from pacesetter.training.studies import charts

TRAINING = Path(pacesetter.__file__).parent / "training"
WRITERS = {"savefig", "save_file", "savez", "savez_compressed", "tofile", "to_csv"}
"""Calls that write to a path that they are given."""
PLAIN_WRITERS = {"write_text", "write_bytes"}
APPENDED = {"history.py"}  # one line after the other, while a run goes on


def test_a_writer_that_fails_half_way_leaves_the_old_content(tmp_path):
    path = tmp_path / "table.json"
    write_json(path, {"a": 1})
    old = path.read_bytes()
    with pytest.raises(KeyboardInterrupt), whole_file(path) as temporary:
        assert temporary.suffix == ".json"
        temporary.write_text('{"a": ')
        raise KeyboardInterrupt
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"a": float("nan")})
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "half \ud800")
    with pytest.raises(FileNotFoundError), whole_file(path):
        pass  # nothing was written
    assert path.read_bytes() == old
    assert [child.name for child in tmp_path.iterdir()] == ["table.json"]


def half(*arguments):
    """A library that fails after the first bytes; the last argument is the path."""
    arguments[-1].write_bytes(b"half")
    raise OSError(28, "No space left on device")


def test_half_a_picture_is_not_left_behind(tmp_path, monkeypatch):
    figure, _ = charts.chart(1, 1, width=2, height=2)
    charts.save(figure, tmp_path / "curve.png")
    old = (tmp_path / "curve.png").read_bytes()
    assert old.startswith(b"\x89PNG")
    monkeypatch.setattr(figure, "savefig", half)
    with pytest.raises(OSError, match="No space left"):
        charts.save(figure, tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes() == old
    assert len(list(tmp_path.iterdir())) == 1


def test_half_a_policy_is_not_left_behind(tmp_path, monkeypatch):
    policies = Policies.untrained(load_experiment("duopoly_ppo"))
    policies.save(tmp_path)
    average = WeightAverage({"follower": torch.nn.Linear(1, 1)})
    average.add()
    average.save(tmp_path / "average.safetensors")
    old = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for module in ("policies.policies", "loop.averaging"):
        monkeypatch.setattr(f"pacesetter.training.{module}.save_file", half)
    with pytest.raises(OSError, match="No space left"):
        policies.save(tmp_path)
    with pytest.raises(OSError, match="No space left"):
        average.save(tmp_path / "average.safetensors")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == old


@pytest.mark.parametrize("broken", ["numpy.savez", "matplotlib.figure.Figure.savefig"])
def test_an_evaluation_that_is_cut_short_has_no_results(broken, tmp_path, monkeypatch):
    """Results are what says that a run is complete: they come last."""
    experiment = load_experiment("duopoly_fixed", ["leader.theta.leader_quantity=6.0"])
    run = RunFolder.create(tmp_path, experiment, "run")
    Policies.untrained(experiment).save(run.path / "policies")
    write_json(run.path / "answer.json", {"leader_quantity": 6.0})

    def fails(*arguments, **more):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(broken, fails)
        with pytest.raises(OSError, match="No space left"):
            evaluate(run)
    assert not (run.path / RESULTS).exists()
    results = evaluate(run)
    assert run.read_results() == results
    with np.load(run.path / "evaluation.npz") as stored:
        assert stored.files


def test_a_thread_that_meets_a_full_disk_prints_no_traceback(monkeypatch):
    seen = []
    monkeypatch.setattr(threading, "excepthook", lambda thrown: seen.append(thrown.exc_value))

    def write(number):
        raise OSError(number, "cannot be written")

    with full_disk_is_told_once():
        for number in (errno.ENOSPC, errno.EIO):
            thread = threading.Thread(target=write, args=(number,))
            thread.start()
            thread.join()
    assert [error.errno for error in seen] == [errno.EIO]


def calls(node, within=False):
    """Every call below a node, and whether it stands within `whole_file`."""
    if isinstance(node, ast.With):
        within = within or any(
            isinstance(item.context_expr, ast.Call) and name_of(item.context_expr) == "whole_file"
            for item in node.items
        )
    if isinstance(node, ast.Call):
        yield node, within
    for child in ast.iter_child_nodes(node):
        yield from calls(child, within)


def name_of(call):
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def mode_of(call):
    """The mode of a call of open, as far as it stands in the text."""
    given = [*call.args, *(word.value for word in call.keywords if word.arg == "mode")]
    texts = [one.value for one in given if isinstance(one, ast.Constant)]
    return "".join(text for text in texts if isinstance(text, str) and len(text) <= 3)


def test_nothing_in_training_writes_a_file_by_other_means():
    found = 0
    for path in sorted(TRAINING.rglob("*.py")):
        for call, within in calls(ast.parse(path.read_text(encoding="utf-8"))):
            name, place = name_of(call), f"{path.name}:{call.lineno}"
            if name in WRITERS:
                found += 1
                assert within, f"{place} calls {name} outside of whole_file"
            if name in PLAIN_WRITERS:
                assert path.name == "whole_files.py", f"{place}: use write_whole"
            if name == "open" and set(mode_of(call)) & set("wax+"):
                assert path.name in APPENDED, f"{place} opens a file to write: use whole_file"
    assert found >= 4


def test_remains_of_killed_processes_are_removed(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / "figures").mkdir()
    remains = tmp_path / "figures" / f".curve.{ended.pid}.partial.png"
    kept = (tmp_path / f".history.{os.getpid()}.partial.csv", tmp_path / "a.1.partial")
    for file in (remains, *kept):
        file.write_text("half")
    remove_remains(tmp_path)
    assert not remains.exists() and all(file.exists() for file in kept)


def test_a_limit_on_the_size_of_files_is_told_as_such(tmp_path):
    """Also by torch, whose error does not say why it could not write."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (512, before[1]))
        with pytest.raises(RuntimeError) as failed:
            torch.save(torch.zeros(10_000), tmp_path / "weights.pt")
        assert "ulimit -f" in no_room(failed.value, tmp_path)
        with pytest.raises(OSError, match="too large") as failed:
            write_whole(tmp_path / "text", "x" * 10_000)
        assert "ulimit -f" in no_room(failed.value, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.glob(".*"))
    assert no_room(ValueError("a bug"), tmp_path) == ""


def test_errors_that_are_each_others_causes_are_looked_through_once(tmp_path):
    bug, hidden = ValueError("a bug"), RuntimeError()
    bug.__context__, hidden.__cause__ = hidden, bug
    assert no_room(bug, tmp_path) == ""
    rust = ValueError("I/O error: No space left on device (os error 28)")
    assert "disk of" in no_room(rust, tmp_path)
