"""The package holds every folder and file it needs, and its public face works as documented."""

from __future__ import annotations

import doctest
import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pacesetter
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.experiments.shipped import shipped_experiments

ROOT = Path(__file__).parent.parent


def test_a_wheel_holds_every_folder_and_file(tmp_path):
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir"]
    subprocess.run([*command, tmp_path, ROOT], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    held = {name for name in ZipFile(wheel).namelist() if not name.startswith(("pacesetter-",))}
    missing = {
        f"pacesetter/{path.relative_to(ROOT).as_posix()}"
        for part in ("configs", "envs", "leaders", "training")
        for path in (ROOT / part).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    } - held
    assert not missing
    assert not [name for name in held if name.startswith(("pacesetter/tests", "pacesetter/docs"))]


def test_the_version_is_one():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["version"] == pacesetter.__version__
    assert f"## {pacesetter.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_public_face_works_as_documented():
    assert doctest.testmod(pacesetter).failed == 0


def test_every_shipped_experiment_is_valid():
    for name in shipped_experiments():
        assert load_experiment(name).description, name


def test_pinned_versions_satisfy_the_project():
    pinned = dict(
        line.split("==") for line in (ROOT / "constraints.txt").read_text().split() if "==" in line
    )
    assert pinned["torch"] == "2.13.0"
    assert pinned["ray"].startswith("2.60.")
