"""Imports run only downwards: training may import leaders and envs, leaders envs, envs neither."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
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

BUNDLED = {"psutil": "ray"}
"""Packages without a distribution of their own: import name -> the distribution they come in."""


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


def test_every_package_that_is_imported_is_declared():
    """What only comes along with another dependency goes when that one changes its mind."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {plain(re.split(r"[\[<>=!~; ]", text)[0]) for text in project["dependencies"]}
    installed = importlib.metadata.packages_distributions()
    for layer in LAYERS:
        for path in files(layer):
            for package, _ in imports(path):
                if package in sys.stdlib_module_names or package == "pacesetter":
                    continue
                sources = [*installed.get(package, ()), BUNDLED.get(package, "")]
                assert declared & set(map(plain, sources)), f"{path} imports {package}"


def plain(distribution):
    """A distribution's name as the packaging standards compare it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def test_the_search_uses_nothing_private_of_other_packages():
    """What starts with an underscore may change with any version of them."""
    for name in ("batch.py", "surrogate.py"):
        tree = ast.parse((ROOT / "leaders" / name).read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and re.match("_(?!_)", node.attr):
                own = isinstance(node.value, ast.Name) and node.value.id == "self"
                assert own, f"leaders/{name}:{node.lineno} uses {node.attr}"
