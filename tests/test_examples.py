"""The examples stand on what there is.

`make examples` runs them all, and this the quickest, one of them as a notebook.
"""

from __future__ import annotations

import ast
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import pacesetter

FOLDER = Path(__file__).parent.parent / "docs" / "examples"
QUICK = (
    ("own_array_market.py",),
    ("own_leader_and_objective.py",),
    ("../site/notebooks.py", "own_array_market"),
)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_uses_what_is_public(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "says what it shows"
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("pacesetter"):
            module = importlib.import_module(node.module)
            assert all(hasattr(module, name.name) for name in node.names)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            own = node.value.id == "pacesetter" and node.attr != "envs"
            assert not own or node.attr in pacesetter.__all__, node.attr


@pytest.mark.parametrize("command", QUICK, ids=" ".join)
def test_an_example_runs(command):
    above = str(Path(pacesetter.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, *command],
        cwd=FOLDER,
        env={**os.environ, "PYTHONPATH": above},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "expected" in done.stdout or "the leader's answer" in done.stdout
