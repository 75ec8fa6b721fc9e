"""The rooms of the house: who may import whom, no circles, and no market named in generic code."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
import tomllib
from functools import cache
from pathlib import Path, PurePosixPath

import pacesetter
from pacesetter.envs.registry import MARKETS

ROOT = Path(pacesetter.__file__).parent
PARTS = ("envs", "leaders", "training")
"""From the ground up: a part may import those before it."""

FLOORS = (
    {"experiments"},
    {"runs"},
    {"compiled"},
    {"policies"},
    {"backend"},
    {"ppo"},
    {"rllib", "derivatives"},
    {"loop"},
    {"studies"},
    {"evaluation", "bench"},
    {"certificates"},
    {"beforehand", "course"},
    {"api"},
    {"reproduction", "session", "demo", "completion", "sweep", "doctor"},
    {"quickstart"},
    {"commands"},
    {"options"},
    {"cli"},
    {"soak"},
)
"""Rooms of training, from the ground up."""

ENGINES = {"order_book": {"execution"}}
"""What is no market itself, and the markets that stand on it."""

LEADER_ROOMS = {"objectives", "search", "policy", "gradient", "world"}
SHARED_BY_LEADERS = {"objectives"}
MAY_NAME_A_MARKET = {"envs/registry.py", "training/demo.py"}
ONLY_IN = {
    "ray": ("training/rllib/",),
    "torch": ("training/", "leaders/gradient/", "leaders/world/"),
    "matplotlib": ("training/studies/", "training/evaluation/", "training/certificates/"),
    "rich": ("training/",),
    "tensorboard": ("training/",),
    "stable_baselines3": (
        *("envs/vector/stable_baselines.py", "training/studies/views.py"),
        "training/bench/stable_baselines.py",
    ),
    "supersuit": ("training/studies/views.py",),
    "onnx": ("training/policies/",),
}
"""Package -> where it may be imported; in envs torch may be, inside functions, as a namespace."""

ALLOWED_IN_ENVS = {
    "annotated_types",
    "array_api_compat",
    "cloudpickle",
    "gymnasium",
    "llvmlite",
    "numba",
    "numpy",
    "pettingzoo",
    "safetensors",
    "scipy",
    "stable_baselines3",
}
USED_EXTRAS = ("train", "zoo", "sb3", "onnx", "dev")
MOST_FILES = 16
ELSEWHERE = {("training/bench/jax_loop.py", "jax")}
"""What runs in a process of another environment, and is imported nowhere."""
BUNDLED = {"psutil": "ray"}
"""Packages without a distribution of their own: import name -> the distribution they come in."""


@cache
def sources():
    """Path -> syntax tree, of every file of the package."""
    return {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text("utf-8"))
        for part in PARTS
        for path in (ROOT / part).rglob("*.py")
    }


@cache
def graph():
    """Path -> the files of ours that it imports, at the top or inside functions."""
    return {path: set(targets(path, tree)) for path, tree in sources().items()}


def targets(path, tree):
    here = PurePosixPath(path).parts[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            within = here[: len(here) - node.level + 1]
            base = "/".join([*within, *filter(None, (node.module or "").split("."))])
            for name in node.names:
                # Of a package either one of its modules is imported, or what it offers itself.
                places = (f"{base}/{name.name}", base)
                found = (f for p in places for f in (f"{p}.py", f"{p}/__init__.py"))
                yield from [f for f in found if f in sources() and f != path][:1]


def packages(tree):
    """Top-level packages that are imported, and whether at the top of the file."""
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module]
        for name in names:
            yield name.partition(".")[0], node in tree.body


def circles(edges):
    """Sets of files that reach each other."""

    def reach(start):
        seen, waiting = set(), [start]
        while waiting:
            for other in edges[waiting.pop()] - seen:
                seen.add(other)
                waiting.append(other)
        return seen

    reached = {path: reach(path) for path in edges}
    return {frozenset(o for o in reached[p] if p in reached[o]) for p in edges if p in reached[p]}


def room(path):
    """The folder or file that a path lies in, within its part."""
    return PurePosixPath(path).parts[1].removesuffix(".py")


def part(path):
    return PurePosixPath(path).parts[0]


def test_there_are_no_circles():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == {frozenset("bc")}
    assert not circles(graph())


def test_imports_run_downwards():
    for path, imported in graph().items():
        for other in imported:
            assert PARTS.index(part(other)) <= PARTS.index(part(path)), f"{path} imports {other}"


def test_floors_of_training():
    floor = {name: number for number, names in enumerate(FLOORS) for name in names}
    for path, imported in graph().items():
        for other in filter(lambda other: part(other) == part(path) == "training", imported):
            same = room(path) == room(other)
            assert same or floor[room(other)] < floor[room(path)], f"{path} imports {other}"


def test_rooms_of_leaders_share_objectives_alone():
    for path, imported in graph().items():
        for other in imported:
            if part(path) == part(other) == "leaders" and room(path) in LEADER_ROOMS:
                allowed = {room(path), "leader", *SHARED_BY_LEADERS}
                assert room(other) in allowed, f"{path} imports {other}"


def test_the_core_imports_nothing_of_ours():
    for path, imported in graph().items():
        if path.startswith("envs/core/"):
            outside = [other for other in imported if not other.startswith("envs/core/")]
            assert not outside, f"{path} imports {outside}"


def test_markets_and_studies_do_not_know_each_other():
    markets = {*MARKETS, *ENGINES}
    for path, imported in graph().items():
        for other in imported:
            if other.startswith("training/studies/"):
                name = PurePosixPath(other).parts[2]
                rooms = (name, *ENGINES.get(name, ()))
                inside = path.startswith(tuple(f"training/studies/{one}/" for one in rooms))
                assert name not in markets or inside or path == "training/demo.py", (
                    f"{path} imports {other}"
                )
            if not other.startswith("envs/") or room(other) not in markets:
                continue
            market = room(other)
            owners = {market, *ENGINES.get(market, ())}
            own = path.startswith("envs/") and room(path) in owners
            studied = any(path.startswith(f"training/studies/{owner}/") for owner in owners)
            assert own or studied, f"{path} imports {other}"


def test_generic_code_names_no_market():
    markets = set(MARKETS)
    for path, tree in sources().items():
        if path in MAY_NAME_A_MARKET or {*PurePosixPath(path).parts} & {*markets, *ENGINES}:
            continue
        for node in ast.walk(tree):
            named = isinstance(node, ast.Constant) and isinstance(node.value, str)
            assert not named or node.value not in markets, f"{path}:{node.lineno} {node.value!r}"


def test_packages_stay_in_their_rooms():
    for path, tree in sources().items():
        for package, at_the_top in packages(tree):
            allowed = ONLY_IN.get(package)
            as_namespace = package == "torch" and part(path) == "envs" and not at_the_top
            assert allowed is None or path.startswith(allowed) or as_namespace, f"{path}: {package}"


def test_envs_need_few_packages():
    for path, tree in sources().items():
        if part(path) == "envs":
            for package, at_the_top in packages(tree):
                known = package in sys.stdlib_module_names or package in ALLOWED_IN_ENVS
                assert known or (package == "torch" and not at_the_top), f"{path}: {package}"


def test_no_folder_is_crowded():
    for folder in {path.rpartition("/")[0] for path in sources()}:
        files = [path for path in sources() if path.rpartition("/")[0] == folder]
        assert len(files) <= MOST_FILES, f"{folder} holds {len(files)} files"


def test_the_law_can_be_broken():
    """The test sees what it is to see: an import inside a function, of a module of a package."""
    tree = ast.parse("def f():\n    from ..core import errors\n    import torch")
    assert list(targets("envs/cobweb/market.py", tree)) == ["envs/core/errors.py"]
    assert list(packages(tree)) == [("torch", False)]


def test_every_package_that_is_imported_is_declared():
    """What only comes along with another dependency goes when that one changes its mind."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    needed = [*project["dependencies"], *(t for n in USED_EXTRAS for t in extras[n])]
    declared = {plain(re.split(r"[\[<>=!~; ]", text)[0]) for text in needed}
    installed = importlib.metadata.packages_distributions()
    for path, tree in sources().items():
        for package, _ in packages(tree):
            if package in sys.stdlib_module_names or (path, package) in ELSEWHERE:
                continue
            names = [*installed.get(package, ()), BUNDLED.get(package, "")]
            assert declared & set(map(plain, names)), f"{path} imports {package}"


def plain(distribution):
    """A distribution's name as the packaging standards compare it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def test_the_search_uses_nothing_private_of_other_packages():
    """What starts with an underscore may change with any version of them."""
    for name in ("proposals.py", "surrogate.py"):
        tree = ast.parse((ROOT / "leaders" / "search" / name).read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and re.match("_(?!_)", node.attr):
                own = isinstance(node.value, ast.Name) and node.value.id == "self"
                assert own, f"{name}:{node.lineno} uses {node.attr}"
