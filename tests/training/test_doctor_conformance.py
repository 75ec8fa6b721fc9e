"""The doctor says what is there, and what will not work with its cure."""

from __future__ import annotations

import importlib.metadata
import shutil
from types import SimpleNamespace

import pytest

from pacesetter.training import doctor
from pacesetter.training.cli import main


def test_this_machine_is_examined_and_a_run_is_trained(capsys, tmp_path):
    assert main(["doctor", "--runs", str(tmp_path / "runs")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "all good" and not (tmp_path / "runs").exists()
    numpy = next(line for line in lines if line.split()[1] == "numpy")
    assert numpy.endswith(importlib.metadata.version("numpy"))
    for what in ("Python", "cores", "memory", "runs", "temporary", "loopback", "threads"):
        assert any(line.split()[1] == what for line in lines)
    assert any(line.split()[:2] == ["ok", "self-test"] for line in lines)


@pytest.mark.parametrize(
    ("change", "look", "says"),
    [
        (
            lambda patch, folder: patch.setattr(
                shutil, "disk_usage", lambda path: SimpleNamespace(free=1e6)
            ),
            lambda folder: doctor.folders(folder),
            ("bad", "a run needs 0.2 GB"),
        ),
        (
            lambda patch, folder: patch.setattr(doctor, "_memory", lambda: (4.0, 0.5)),
            lambda folder: doctor.hardware(),
            ("warning", "0.5 GiB free of 4.0"),
        ),
        (
            lambda patch, folder: patch.setattr(
                doctor.socket,
                "create_server",
                lambda place: (_ for _ in ()).throw(OSError(1, "no")),
            ),
            lambda folder: doctor.network(),
            ("bad", "127.0.0.1 cannot be used (no)"),
        ),
        (
            lambda patch, folder: patch.setattr(doctor, "SELF_TEST", "raise KeyError('lost')"),
            lambda folder: doctor.self_test("any"),
            ("bad", "KeyError: 'lost'"),
        ),
        (
            lambda patch, folder: patch.setenv("http_proxy", "http://proxy:1"),
            lambda folder: doctor.conflicts(),
            ("warning", "Ray may not reach itself"),
        ),
    ],
    ids=["disk", "memory", "loopback", "self-test", "proxy"],
)
def test_what_will_not_work_comes_with_the_cure(change, look, says, monkeypatch, tmp_path):
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    change(monkeypatch, tmp_path)
    outcome, text = says
    assert any(found.outcome == outcome and text in found.detail for found in look(tmp_path))
