"""Importing Pacesetter changes nothing of the process that imports it, nor does starting Ray."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.rllib import backend as algorithm

PROGRAM = """
import importlib, json, logging, os, pkgutil, signal, sys, warnings

def seen():
    root = logging.getLogger()
    return {
        "environment": dict(os.environ),
        "filters": [str(one) for one in warnings.filters],
        "logging": [root.level, [str(one) for one in root.handlers]],
        "threads": torch.get_num_threads(),
        "floating point": str(numpy.geterr()),
        "signals": [str(signal.getsignal(n)) for n in (signal.SIGINT, signal.SIGTERM)],
        "backend": str(matplotlib.rcParams._get("backend")),
    }

import pacesetter
names = [
    module.name
    for module in pkgutil.walk_packages(pacesetter.__path__, "pacesetter.")
    if module.name.split(".")[1] in ("envs", "leaders", "training", "configs")
    and not module.name.endswith(".jax_loop")  # which runs in another environment
]
if sys.argv[1] == "others":  # first what these import of other packages, alone
    import ast, pathlib
    for name in names:
        spec = importlib.util.find_spec(name)
        tree = ast.parse(pathlib.Path(spec.origin).read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.Import):
                for one in node.names:
                    importlib.import_module(one.name)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                importlib.import_module(node.module)
import matplotlib, numpy, torch
before = seen()
for name in names:
    importlib.import_module(name)
after = seen()
changed = {key: [before[key], after[key]] for key in before if before[key] != after[key]}
print(json.dumps({"number": len(names), "changed": changed}))
"""


def test_importing_every_module_changes_nothing_of_the_process():
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "others"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["number"] > 100
    assert found["changed"] == {}


@pytest.mark.parametrize("own", [None, "1"])
def test_ray_is_told_to_report_nothing_while_it_starts(own, monkeypatch):
    """Unless the user has said otherwise; and the environment is as before."""
    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED", raising=False)
    if own is not None:
        monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", own)
    before, told = dict(os.environ), []
    monkeypatch.setattr(algorithm.ray, "is_initialized", lambda: False)
    monkeypatch.setattr(
        algorithm.ray, "init", lambda **options: told.append(os.environ["RAY_USAGE_STATS_ENABLED"])
    )
    monkeypatch.setattr(algorithm.ray, "cluster_resources", lambda: {"CPU": 64})
    algorithm.start_ray(load_experiment("duopoly_ppo"))
    assert told == [own or "0"]
    assert dict(os.environ) == before
