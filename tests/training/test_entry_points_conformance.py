"""How the command is started, and numbers that are none."""

from __future__ import annotations

import subprocess
import sys

import pytest

import pacesetter
from pacesetter.training.cli import main

PATIENCE = 600  # seconds, for another process on a busy machine


def test_the_package_itself_is_the_command():
    line = [sys.executable, "-m", "pacesetter", "--version"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"pacesetter {pacesetter.__version__}\n"


def test_a_reader_that_has_seen_enough_ends_the_command_without_a_traceback():
    """The pipe is closed before anything is written, as ``head -0`` would."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pacesetter", "list"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(timeout=PATIENCE) == 141


@pytest.mark.parametrize("option", ["--jobs", "--seeds"])
@pytest.mark.parametrize("number", ["0", "-1", "-5", "many", "9" * 5000])
def test_numbers_of_a_reproduction_that_are_none_are_refused(option, number, tmp_path, capsys):
    line = ["reproduce", "cobweb", f"{option}={number}", "--out", str(tmp_path / "out")]
    assert main([*line, "--runs", str(tmp_path / "runs")]) == 2
    message = capsys.readouterr().err
    assert "must be a whole number >= 1" in message and len(message) < 500
    assert not list(tmp_path.iterdir())


def test_a_number_of_five_thousand_digits_is_refused(tmp_path, capsys):
    line = ["train", "duopoly_ppo", f"seed={'9' * 5000}", "--runs", str(tmp_path / "runs")]
    assert main(line) == 2
    assert "seed: '9999" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
