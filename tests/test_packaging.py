"""The package holds every folder and file it needs, and its public face works as documented."""

from __future__ import annotations

import doctest
import tomllib
from pathlib import Path

import pacesetter
from pacesetter.training.experiment import load_experiment
from pacesetter.training.shipped import shipped_experiments

ROOT = Path(__file__).parent.parent


def test_no_sub_package_is_missing_from_the_list():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    listed = set(project["tool"]["setuptools"]["packages"])
    hidden = {".venv", "build", "dist", "tests", "docs", "runs"}
    found = {
        ".".join(("pacesetter", *path.parent.relative_to(ROOT).parts))
        for path in ROOT.rglob("__init__.py")
        if not hidden & set(path.relative_to(ROOT).parts)
    }
    assert found == listed, f"add to [tool.setuptools] packages: {found - listed}"


def test_the_version_is_one():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["version"] == pacesetter.__version__
    assert f"## {pacesetter.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_every_file_that_is_read_is_listed_for_installation():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["*"]
    for package in ("configs", "envs", "leaders", "training"):
        for path in (ROOT / package).iterdir():
            if path.is_file() and path.suffix != ".py":
                assert any(path.match(pattern) for pattern in patterns), path


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
