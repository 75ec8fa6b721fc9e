"""What measured figures depend on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path


def machine() -> dict[str, str | int]:
    """What the figures depend on: processor, cores, versions."""
    return {"processor": processor(), "cores": os.cpu_count() or 1, **software_versions()}


def cores_here() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor() -> str:
    """The processor's name as the system gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def software_versions() -> dict[str, str]:
    """Versions of what decides the numbers of a run; ``not installed`` where that is so."""
    versions = {"python": platform.python_version(), "platform": platform.platform()}
    for package in ("pacesetter", "ray", "torch", "numpy"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return versions
