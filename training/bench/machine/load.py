"""How busy the machine is before anything is measured."""

from __future__ import annotations

import os
import time
from pathlib import Path

BUSY = 0.25
"""Cores in use by others from which a machine counts as busy."""


def busy_cores(seconds: float = 1.0) -> float:
    """Cores that other programs keep busy, on average over a moment."""
    cores, before = os.cpu_count() or 1, _processor_time()
    if before is None:
        return os.getloadavg()[0]
    time.sleep(seconds)
    after = _processor_time()
    assert after is not None
    idle, total = (now - then for now, then in zip(after, before, strict=True))
    return cores * (1.0 - idle / max(total, 1))


def _processor_time() -> tuple[int, int] | None:
    """Idle and whole time of all cores in the system's ticks; None where it does not say."""
    try:
        numbers = [int(n) for n in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    except (OSError, ValueError, IndexError):
        return None
    return numbers[3] + numbers[4], sum(numbers)


def load_said(load: float) -> str:
    """As tables say it."""
    if load <= BUSY:
        return "nothing else running"
    return f"a busy machine: others used {load:.1f} cores when it began"
