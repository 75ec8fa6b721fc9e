"""What measured figures depend on."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

import threadpoolctl

from ... import __version__


def machine() -> dict[str, str | int]:
    """What the figures depend on: processor, cores, kernels of matrix products, versions."""
    return {
        "processor": processor(),
        "cores": os.cpu_count() or 1,
        "matrix_kernels": matrix_kernels(),
        **software_versions(),
    }


def matrix_kernels() -> str:
    """What compiled loops multiply matrices by, such as ``openblas Haswell``.

    Processors of one name may differ in it, and in speed by three times: a virtual machine need not
    show all instructions that there are.
    """
    import scipy.linalg.cython_blas  # noqa: F401  # their library, which must be loaded to be seen

    found = threadpoolctl.threadpool_info()
    names = {f"{f['internal_api']} {f.get('architecture', '')}".strip() for f in found if _blas(f)}
    return ", ".join(sorted(names)) or "unknown"


def _blas(library: dict[str, Any]) -> bool:
    return bool(library["user_api"] == "blas")


def code_digest() -> str:
    """Of all files of the package, 12 hexadecimal digits: what a figure was measured on."""
    root, total = Path(__file__).parents[2], hashlib.sha256()
    for part in ("envs", "leaders", "training"):
        for path in sorted((root / part).rglob("*.py")):
            total.update(path.relative_to(root).as_posix().encode())
            total.update(path.read_bytes())
    return total.hexdigest()[:12]


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
    versions["pacesetter"] = __version__  # metadata of an editable install can be of an older one
    for package in ("ray", "torch", "numpy"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return versions
