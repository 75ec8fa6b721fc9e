"""Joining a Ray cluster: within a time, with the package and the user's modules on every node."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from ...envs.core.dotted import IMPORTED
from ...envs.core.errors import PacesetterError
from ..experiments.experiment import Experiment
from ..experiments.load import resolved
from ..experiments.place import WAIT, parsed_address
from ..runs.trust import dotted_names

NEEDED = ("ray", "torch", "numpy", "gymnasium", "pettingzoo")
"""Distributions that every node must have; the rest of ours is asked for by what uses it."""
SAME_NUMBERS = ("torch", "numpy")
OURS = Path(__file__).parents[2]
SHIPPED = ("*.py", "*.yaml", "*.json", "py.typed")
PARTS = ("envs", "leaders", "training", "configs")
JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""Set by Ray in what a job runs."""
WORD = 10.0  # seconds between words while waiting


def connect(experiment: Experiment, address: str, wait: float = WAIT) -> None:
    """Connect to a cluster, with everything that its nodes need to run the experiment.

    Args:
        experiment: what is to be trained there.
        address: ``host:port`` or ``auto``.
        wait: seconds for the cluster to answer, and again for it to have the cores that are asked.

    Raises:
        PacesetterError: nothing answers, versions differ, something is missing on a node, or the
            cores are not there in time.
    """
    if ray.is_initialized():
        return
    if (place := parsed_address(address)) is not None:
        require_an_answer(address, place, wait)
    modules = ["pacesetter", *own_modules(experiment)]
    nodes = _asked(address, modules, wait)
    _require_packages(nodes)
    # A job that was submitted has been sent with everything.
    submitted = JOB in os.environ
    sent = [] if submitted else [name for name in modules if _is_to_be_sent(name, nodes)]
    options: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="pacesetter-") as folder:
        if sent:
            for name in sent:
                stage(name, Path(folder))
            options["runtime_env"] = {"working_dir": folder}
            print(f"sent to the nodes of the cluster: {', '.join(sent)}", flush=True)
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False, **options)
    try:
        _require_modules(modules, wait)
        _await_cores(experiment, wait)
    except PacesetterError:
        ray.shutdown()
        raise


def require_an_answer(address: str, place: tuple[str, int], wait: float) -> None:
    """See that somebody listens there, before Ray asks, which gives up late or never.

    Raises:
        PacesetterError: nobody does within so many seconds.
    """
    deadline, word = time.monotonic() + wait, time.monotonic() + WORD
    while True:
        try:
            left = max(0.1, deadline - time.monotonic())
            socket.create_connection(place, timeout=min(left, WORD)).close()
            return
        except OSError as error:
            reason = error.strerror or str(error)
        if time.monotonic() >= deadline:
            raise PacesetterError(
                f"no Ray cluster answers at {address} within {wait:g} s ({reason}). Check the "
                "address and the firewall, start one with 'ray start --head', or leave out "
                "--address to run on this machine; --wait SECONDS waits longer."
            )
        if time.monotonic() >= word:
            word += WORD
            print(f"waiting for a Ray cluster at {address} ({reason})", flush=True)
        time.sleep(min(1.0, max(0.0, deadline - time.monotonic())))


def _asked(address: str, modules: list[str], wait: float) -> list[dict[str, Any]]:
    """What every node says that it has; see `probe`."""
    question = json.dumps([address, NEEDED, modules])
    command = [sys.executable, "-m", f"{__package__}.probe", question]
    path = os.pathsep.join([str(OURS.parent), *filter(None, sys.path)])
    process = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": path, "RAY_USAGE_STATS_ENABLED": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        answer, log = process.communicate(timeout=max(wait, 1.0))
    except subprocess.TimeoutExpired:
        process.kill()
        log = process.communicate()[1]
        raise PacesetterError(
            f"what listens at {address} did not answer as a Ray cluster within {wait:g} s. "
            f"{_cure(log)}"
        ) from None
    try:
        said = json.loads(answer.strip().rpartition("\n")[2])
    except ValueError:
        said = {"error": f"the process that asked ended with exit code {process.returncode}"}
    if "error" in said:
        reason = " ".join(said["error"].split())
        raise PacesetterError(
            f"the Ray cluster at {address} cannot be joined: {reason[:600]} {_cure(reason + log)}"
        )
    nodes: list[dict[str, Any]] = said["nodes"]
    return nodes


def _cure(log: str) -> str:
    if "Unauthenticated" in log or "InvalidAuthToken" in log:
        return (
            "It wants a token: set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN_PATH to the file that "
            "holds the cluster's token if it is not where Ray keeps its own."
        )
    if "ersion mismatch" in log:
        here = f"Python {sys.version.split()[0]} and Ray {ray.__version__}"
        return f"Here are {here}; use the same on all machines."
    return (
        "Start one with 'ray start --head' and name the port of the head node (6379 unless chosen "
        "otherwise) from a machine that is one of the cluster's, or leave out --address to run on "
        "this machine; --wait SECONDS waits longer."
    )


def _require_packages(nodes: Iterable[dict[str, Any]]) -> None:
    """Libraries are not sent: they are large, and made for one kind of machine."""
    for node in nodes:
        if missing := [name for name, version in node["versions"].items() if version is None]:
            wanted = " ".join(f"{n}=={importlib.metadata.version(n)}" for n in missing)
            raise PacesetterError(
                f"node {node['node']} of the cluster lacks {', '.join(missing)}. Install there: "
                f"pip install {wanted}, or the whole package: pip install pacesetter."
            )
        for name in SAME_NUMBERS:
            here, there = importlib.metadata.version(name), node["versions"][name]
            if here != there:
                print(
                    f"node {node['node']} has {name} {there}, and this machine {here}: numbers may "
                    "differ in the last digits.",
                    flush=True,
                )


def own_modules(experiment: Experiment) -> list[str]:
    """Top-level modules outside of Pacesetter that a pickled experiment is made of."""
    parts = (experiment.market, experiment.leader, experiment.objective)
    names = {type(part).__module__.partition(".")[0] for part in parts}
    named = {name.partition(":")[0] for name in dotted_names(resolved(experiment))}
    names |= {name.partition(".")[0] for name in named & set(IMPORTED)}
    return sorted(names - {__package__.partition(".")[0], "builtins", "__main__"})


def _is_to_be_sent(name: str, nodes: list[dict[str, Any]]) -> bool:
    """Whether a node lacks a module, or may: what is not installed is found by folders alone."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.origin:
        return True
    here = str(Path(spec.origin).resolve())
    installed = here.startswith(str(Path(sysconfig.get_path("purelib")).resolve()))
    return not installed or any(node["modules"][name] != here for node in nodes)


def _require_modules(modules: list[str], wait: float) -> None:
    """Import everything on every node, so that what fails is told before workers need it."""

    def failed(names: list[str]) -> str:  # a nested function is sent whole, not by its module
        import importlib

        for name in names:
            try:
                importlib.import_module(name)
            except BaseException as error:
                return f"module {name!r} cannot be imported ({type(error).__name__}: {error})"
        return ""

    task = ray.remote(num_cpus=0, max_retries=0)(failed)
    nodes = [node for node in ray.nodes() if node["Alive"]]
    answers = [
        task.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        ).remote(modules)
        for node in nodes
    ]
    for node, answer in zip(nodes, answers, strict=True):
        try:
            reason = ray.get(answer, timeout=wait)
        except ray.exceptions.RayError as error:
            reason = " ".join(str(error).split())[:400] or type(error).__name__
        if reason:
            raise PacesetterError(
                f"node {node['NodeManagerAddress']} of the cluster cannot run the experiment: "
                f"{reason}. Install there what is missing, in the Python that Ray runs in."
            )


def stage(name: str, folder: Path) -> None:
    """Copy a top-level module into a folder that is sent; its neighbours go with a single file.

    Raises:
        PacesetterError: it is not made of Python files.
    """
    if name == __package__.partition(".")[0]:
        (folder / name).mkdir()
        shutil.copy(OURS / "__init__.py", folder / name)
        for part in PARTS:
            for pattern in SHIPPED:
                for file in (OURS / part).rglob(pattern):
                    target = folder / name / file.relative_to(OURS)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(file, target)
        return
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        raise PacesetterError(
            f"module {name!r} cannot be sent to the nodes of the cluster, as it is not made of "
            "Python files; install it there."
        )
    origin = Path(spec.origin)
    if spec.submodule_search_locations:
        skipped = shutil.ignore_patterns("__pycache__", ".git", ".venv")
        shutil.copytree(origin.parent, folder / name, ignore=skipped, dirs_exist_ok=True)
        return
    for file in origin.parent.glob("*.py"):
        shutil.copy(file, folder)


def _await_cores(experiment: Experiment, wait: float) -> None:
    """Wait until the cluster has a free core for every worker."""
    workers = experiment.training.env_runners + experiment.training.learners
    deadline, word = time.monotonic() + wait, time.monotonic()
    while (free := int(ray.available_resources().get("CPU", 0))) < workers:
        cores, now = int(ray.cluster_resources().get("CPU", 0)), time.monotonic()
        short = f"{workers} workers need a core each, and {free} of the {cores} are free"
        if now >= deadline:
            raise PacesetterError(
                f"the cluster is too small or too busy: {short} after {wait:g} s. Lower "
                "training.env_runners and training.learners, add machines, or wait longer with "
                "--wait SECONDS."
            )
        if now >= word:
            word = now + WORD
            print(f"waiting for cores: {short}", flush=True)
        time.sleep(0.5)
