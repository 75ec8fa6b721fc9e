"""Imports run only downwards: training may import leaders and envs, leaders envs, envs neither."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

import pacesetter

ROOT = Path(pacesetter.__file__).parent
LAYERS = ["envs", "leaders", "training"]
ONLY_IN_TRAINING = {"ray", "tensorboard", "rich", "matplotlib", "pydantic"}
ALLOWED_IN_ENVS = {
    "annotated_types",
    "array_api_compat",
    "cloudpickle",
    "gymnasium",
    "llvmlite",
    "numba",
    "numpy",
    "pettingzoo",
    "scipy",
}


def files(layer):
    return sorted((ROOT / layer).rglob("*.py"))


def imports(path, everywhere=True):
    """(top-level package, layer or None) of every import; `everywhere`: also inside functions."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if everywhere else tree.body
    depth = len(path.relative_to(ROOT).parts) - 1
    for node in nodes:
        if isinstance(node, ast.Import):
            for name in node.names:
                parts = name.name.split(".")
                yield parts[0], layer_of(parts)
        elif isinstance(node, ast.ImportFrom):
            parts = (node.module or "").split(".")
            if node.level:
                within = list(path.relative_to(ROOT).parts[: depth - node.level + 1])
                parts = ["pacesetter", *within, *filter(None, parts)]
                parts += [name.name for name in node.names]
            yield parts[0], layer_of(parts)


def layer_of(parts):
    return parts[1] if parts[0] == "pacesetter" and len(parts) > 1 else None


@pytest.mark.parametrize("layer", LAYERS)
def test_imports_run_downwards(layer):
    assert files(layer)
    allowed = set(LAYERS[: LAYERS.index(layer) + 1]) | {None}
    for path in files(layer):
        for package, target in imports(path):
            if target in LAYERS:
                assert target in allowed, f"{path} imports {target}"
            if package in ONLY_IN_TRAINING:
                assert layer == "training", f"{path} imports {package}"


def test_envs_need_few_packages():
    import sys

    for path in files("envs"):
        for package, _ in imports(path, everywhere=False):
            known = package in sys.stdlib_module_names or package == "pacesetter"
            assert known or package in ALLOWED_IN_ENVS, f"{path} imports {package}"
        for package, _ in imports(path):
            known = package in sys.stdlib_module_names or package == "pacesetter"
            assert known or package in ALLOWED_IN_ENVS | {"torch"}, f"{path} imports {package}"


def test_relative_imports_are_resolved_by_this_test():
    found = {target for path in files("leaders") for _, target in imports(path)}
    assert {"envs", "leaders"} <= found


def test_every_package_is_listed_for_installation():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    listed = set(project["tool"]["setuptools"]["packages"])
    hidden = re.compile(r"\.|build|dist|runs|tests|__pycache__|.*egg-info")
    packages = {"pacesetter"}
    for init in ROOT.rglob("__init__.py"):
        parts = init.relative_to(ROOT).parts[:-1]
        if parts and not any(hidden.match(part) for part in parts):
            packages.add(".".join(("pacesetter", *parts)))
    assert listed == packages
