"""``pacesetter doctor``: what this machine has, what will not work on it, and the cure."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .experiments.place import cores_here
from .runs.machine import processor

PACKAGES = ("pacesetter", "ray", "torch", "numpy", "numba", "gymnasium", "pettingzoo", "scipy")
OPTIONAL = {
    "ray": "remote workers, clusters and sweeps: pip install 'ray[rllib]'",
    "aiohttp": "pacesetter submit: pip install 'pacesetter[cluster]'",
    "arch": "references of real indices: pip install 'pacesetter[data]'",
}
LEAST_MEMORY, LEAST_SHARED = 2.0, 0.25  # GiB
LEAST_FREE = 0.2  # GB
SECONDS_OF_SELF_TEST = 60.0
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
NETWORK_FILE_SYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "lustre", "beegfs"}
SELF_TEST = """
import tempfile
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.loop.trainer import train
from pacesetter.training.runs.run_folder import RunFolder
tiny = ["training.copies=4", "training.rollout_steps=8", "training.pretrain_iterations=1",
        "training.iterations=1", "followers.minibatch_size=16", "training.route=local"]
with tempfile.TemporaryDirectory() as folder:
    run = RunFolder.create(folder, load_experiment("{experiment}", tiny))
    assert train(run, quiet=True).theta is not None
"""


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        what: was looked at.
        outcome: ``bad`` where something will not work.
        detail: what was found, and the cure where it is needed.
    """

    what: str
    outcome: Literal["ok", "warning", "bad"]
    detail: str


def doctor(runs: Path, experiment: str) -> int:
    """Look at everything and print it; returns an exit code, 1 where something will not work.

    Args:
        runs: folder in which runs would be kept.
        experiment: a shipped one, for the self-test.
    """
    bad = 0
    looks: tuple[Callable[[], Iterator[Finding]], ...] = (
        versions,
        hardware,
        lambda: folders(runs),
        network,
        conflicts,
        lambda: self_test(experiment),
    )
    for look in looks:
        for found in look():
            print(f"  {found.outcome:<8} {found.what:<16} {found.detail}", flush=True)
            bad += found.outcome == "bad"
    print(f"{bad} thing(s) will not work" if bad else "all good")
    return 1 if bad else 0


def versions() -> Iterator[Finding]:
    """Python and packages, and what optional ones are for."""
    yield Finding("Python", "ok", f"{platform.python_version()}, {sys.executable}")
    for name in PACKAGES:
        try:
            yield Finding(name, "ok", importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            if name not in OPTIONAL:
                detail = f"not installed: pip install {name}"
                yield Finding(name, "warning" if name == "pacesetter" else "bad", detail)
    for name, use in OPTIONAL.items():
        if importlib.util.find_spec(name) is None:
            yield Finding(name, "ok", f"not installed, needed for {use}")


def hardware() -> Iterator[Finding]:
    """Processor, cores, memory and accelerators."""
    cores, there = cores_here(), os.cpu_count() or 1
    of = f" of {there}" if cores < there else ""
    yield Finding("cores", "ok", f"{cores}{of}, {processor()}")
    memory = _memory()
    if memory is not None:
        total, free = memory
        enough = free >= LEAST_MEMORY
        cure = "" if enough else f"; training with remote workers needs {LEAST_MEMORY:g} GiB"
        detail = f"{free:.1f} GiB free of {total:.1f}{cure}"
        yield Finding("memory", "ok" if enough else "warning", detail)
    shared = Path("/dev/shm")
    if shared.is_dir():
        free = shutil.disk_usage(shared).free / 2**30
        enough = free >= LEAST_SHARED
        cure = "" if enough else "; Ray's store goes to disk and is slow: docker run --shm-size=1g"
        detail = f"{free:.1f} GiB free in /dev/shm{cure}"
        yield Finding("shared memory", "ok" if enough else "warning", detail)
    if importlib.util.find_spec("torch") is not None:
        import torch

        built = (
            f"torch is built for {f'CUDA {torch.version.cuda}' if torch.version.cuda else 'CPU'}"
        )
        devices = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
        detail = f"{', '.join(devices)}; {built}" if devices else f"none; {built}"
        use = "training.device: cuda trains on it" if devices else "training needs none"
        yield Finding("GPU", "ok", f"{detail}; {use}")


def _memory() -> tuple[float, float] | None:
    """GiB in all and free, within the limit of a container; None: unknown."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    found = {line.split(":")[0]: int(line.split()[1]) / 2**20 for line in lines}
    total, free = found["MemTotal"], found["MemAvailable"]
    try:
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text()) / 2**30
        used = int(Path("/sys/fs/cgroup/memory.current").read_text()) / 2**30
    except (OSError, ValueError):
        return total, free
    return min(total, limit), min(free, limit - used)


def folders(runs: Path) -> Iterator[Finding]:
    """Where runs and temporary files go: writable, with room, and of which kind."""
    for what, path in (("runs", runs), ("temporary", Path(tempfile.gettempdir()))):
        there = next(place for place in (path, *path.resolve().parents) if place.exists())
        try:
            with tempfile.TemporaryFile(dir=there):
                pass
        except OSError as error:
            yield Finding(what, "bad", f"{there} cannot be written ({error.strerror})")
            continue
        free, kind = shutil.disk_usage(there).free / 1e9, _file_system(there)
        detail = f"{path}, {free:.1f} GB free, {kind or 'unknown file system'}"
        if free < LEAST_FREE:
            yield Finding(what, "bad", f"{detail}; a run needs {LEAST_FREE:g} GB")
        elif kind in NETWORK_FILE_SYSTEMS and what == "temporary":
            yield Finding(
                what, "warning", f"{detail}; Ray is slow there: set TMPDIR to a local one"
            )
        else:
            yield Finding(what, "ok", detail)


def _file_system(path: Path) -> str:
    """Its kind, by the mount that the path lies in; empty if unknown."""
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return ""
    resolved = path.resolve()
    within = [(len(m), kind) for m, kind in mounts if resolved.is_relative_to(m)]
    return max(within)[1] if within else ""


def network() -> Iterator[Finding]:
    """The loopback interface that Ray's processes talk over, and who else is there."""
    try:
        with (
            socket.create_server(("127.0.0.1", 0)) as server,
            socket.create_connection(server.getsockname(), timeout=5.0),
        ):
            yield Finding("loopback", "ok", "ports can be bound and reached at 127.0.0.1")
    except OSError as error:
        detail = f"127.0.0.1 cannot be used ({error.strerror}), and Ray needs it"
        yield Finding("loopback", "bad", detail)
    name = socket.gethostname()
    try:
        address = socket.gethostbyname(name)
        yield Finding("host name", "ok", f"{name} is {address}")
    except OSError:
        detail = f"{name} has no address; a cluster needs 'ray start --node-ip-address'"
        yield Finding("host name", "warning", detail)
    for port, what in ((6379, "a Ray cluster or Redis"), (8265, "a dashboard of Ray")):
        with socket.socket() as probe:
            probe.settimeout(1.0)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                yield Finding(f"port {port}", "ok", f"{what} is there")


def conflicts() -> Iterator[Finding]:
    """Settings and packages that are known to spoil runs."""
    threads = {name: os.environ[name] for name in THREADS if name in os.environ}
    if cores_here() > 1 and not threads:
        detail = "not set: what does not train takes all cores; set OMP_NUM_THREADS=1"
        yield Finding("threads", "warning", detail)
    else:
        said = ", ".join(f"{name}={value}" for name, value in threads.items())
        yield Finding("threads", "ok", said or "one core")
    for name in ("RAY_ADDRESS", "PYTHONSTARTUP", "PYTHONHASHSEED"):
        if name in os.environ:
            note = "runs here do not join it without --address" if name == "RAY_ADDRESS" else "set"
            yield Finding(name, "ok", f"{os.environ[name]}: {note}")
    if importlib.util.find_spec("gym") is not None:
        detail = "the old package 'gym' is installed beside gymnasium; environments need gymnasium"
        yield Finding("gym", "warning", detail)
    if proxies := [n for n in ("http_proxy", "HTTP_PROXY") if n in os.environ]:
        hidden = os.environ.get("no_proxy", os.environ.get("NO_PROXY", ""))
        if "127.0.0.1" not in hidden and "localhost" not in hidden:
            detail = f"{proxies[0]} is set and no_proxy names neither 127.0.0.1 nor localhost"
            yield Finding("proxy", "warning", f"{detail}; Ray may not reach itself")


def self_test(experiment: str) -> Iterator[Finding]:
    """Train a tiny experiment in a process of its own."""
    began = time.monotonic()
    here = str(Path(__file__).parents[2])
    path = os.pathsep.join([here, os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    try:
        done = subprocess.run(
            [sys.executable, "-c", SELF_TEST.format(experiment=experiment)],
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=SECONDS_OF_SELF_TEST,
        )
    except subprocess.TimeoutExpired:
        detail = f"did not end within {SECONDS_OF_SELF_TEST:g} s; is the machine busy?"
        yield Finding("self-test", "bad", detail)
        return
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        yield Finding("self-test", "bad", f"exit code {done.returncode}: {last}")
    else:
        yield Finding("self-test", "ok", f"trained in {time.monotonic() - began:.1f} s")
