"""The package holds every folder and file it needs, and its public face works as documented."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from zipfile import ZipFile

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

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


def test_every_version_that_an_installation_brings_is_pinned():
    """Of the project and all its extras, and of what these need on this machine."""
    pinned = {canonicalize_name(name): version for name, version in pins("constraints.txt")}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    waiting = [Requirement(line) for line in sum(extras, project["dependencies"])]
    seen = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        assert requirement.specifier.contains(pinned[name]), requirement
        asked = frozenset(requirement.extras)
        if (name, asked) in seen:
            continue
        seen.add((name, asked))
        try:
            needed = [Requirement(line) for line in requires(name) or ()]
        except PackageNotFoundError:  # of an extra that is not installed here
            continue
        waiting += [
            other
            for other in needed
            if other.marker is None
            or any(other.marker.evaluate({"extra": extra}) for extra in (asked or {""}))
        ]


def test_the_lock_says_the_same_with_hashes():
    """All but torch, which has another build, and so other hashes, for every kind of machine."""
    locked = dict(pins("requirements.lock"))
    assert "torch" not in locked
    assert {**locked, "torch": dict(pins("constraints.txt"))["torch"]} == dict(
        pins("constraints.txt")
    )
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    kept = "\n".join(line for line in lines if not line.startswith("#"))
    assert all("--hash=sha256:" in block for block in kept.split("==")[1:])


def pins(name):
    """Name and version of every line."""
    return re.findall(r"^([\w.-]+)==([\w.!+]+)", (ROOT / name).read_text(), flags=re.MULTILINE)
