"""What measured figures depend on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from .run_folder import software_versions


def machine() -> dict[str, str | int]:
    """What the figures depend on: processor, cores, versions."""
    return {"processor": processor(), "cores": os.cpu_count() or 1, **software_versions()}


def processor() -> str:
    """The processor's name as the system gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
