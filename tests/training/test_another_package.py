"""A market, a leader and an objective of another package work by entry point alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import pacesetter

TOY = Path(__file__).parents[1] / "toy_package"
METADATA = "Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n"
ENTRY_POINTS = """\
[pacesetter.markets]
subsidy = toy_market:Subsidy

[pacesetter.leaders]
generous = toy_leader:Generous

[pacesetter.objectives]
laziness = toy_leader:Laziness
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder in which the toy package is installed as pip would leave it."""
    site = tmp_path_factory.mktemp("site")
    shutil.copytree(TOY, site, dirs_exist_ok=True)
    (site / "toy-1.0.dist-info").mkdir()
    (site / "toy-1.0.dist-info" / "METADATA").write_text(METADATA)
    (site / "toy-1.0.dist-info" / "entry_points.txt").write_text(ENTRY_POINTS)
    return site


@pytest.fixture
def run(installed, tmp_path):
    """The command, with the toy package on the path."""

    def command(*arguments, code=0):
        above = str(Path(pacesetter.__file__).parents[1])
        done = subprocess.run(
            [sys.executable, "-m", "pacesetter.training.cli", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(installed), above])},
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    return command


def test_it_is_listed_and_checked(run):
    listed = run("list")
    for text in ("Firms answer a subsidy.", "A leader that gives all it may.", "Little effort."):
        assert text in listed
    assert "all good" in run("check", "subsidy", "firms=3")
    assert "did you mean 'subsidy'" in run("check", "subsidi", code=2)


def test_it_is_trained_evaluated_reproduced_and_timed(run, installed, tmp_path):
    run("train", installed / "toy.yaml", "--name", "toy", "--quiet")
    assert json.loads((tmp_path / "runs/toy/results.json").read_text())["subsidy"] == 1.0
    assert "exact" in run("evaluate", "runs/toy")
    assert (tmp_path / "runs/toy/figures/curve.png").stat().st_size > 1000

    table = ("reproduce", "subsidy_table", "--seeds", 1, "--jobs", 1, "--out", "tables")
    assert "| toy | subsidy in [0, 1] | yes |" in run(*table)
    assert "subsidy_alone/figure" in run("bench", "subsidy_alone", "--quick")
    assert "subsidy_race/iteration_speedup_over_stock" in run("bench", "subsidy_race", "--quick")


def test_classes_by_dotted_path(run):
    named = ("objective.name=toy_leader:Laziness", "leader.name=toy_leader:Generous")
    small = ("training.iterations=1", "training.pretrain_iterations=1", "training.copies=2")
    run("train", "duopoly_ppo", "market.name=toy_market:Subsidy", *named, *small, "--quiet")
    wrong = run("train", "duopoly_ppo", "leader.name=toy_leader:Laziness", code=2)
    assert "is no leader" in wrong and "Traceback" not in wrong
