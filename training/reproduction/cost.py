"""What a table costs: time, processor time and memory, measured while it is made.

A run keeps its cost in its folder, so that a table made from finished runs can still say it. Memory
is that of a run's process and of all that it starts, pages that several share counted once, looked
up four times a second; where the system does not tell, it is the most that one of them held.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from ..runs.whole_files import write_json, write_whole

FILE = "cost.json"
LOOK_EVERY = 0.25  # seconds
RSS_UNIT = 1.0 if sys.platform == "darwin" else 1024.0  # bytes, of `ru_maxrss`
PROC = Path("/proc")


@dataclass(frozen=True)
class Cost:
    """Of one run, or of several together.

    Attributes:
        seconds: from beginning to end; of several, the sum.
        processor_seconds: of the process and those that it started and waited for.
        megabytes: the most in use at a time; of several, that of the largest.
    """

    seconds: float
    processor_seconds: float
    megabytes: float

    def and_then(self, other: Cost) -> Cost:
        """Both, one after the other."""
        return Cost(
            self.seconds + other.seconds,
            self.processor_seconds + other.processor_seconds,
            max(self.megabytes, other.megabytes),
        )


def run_measured(command: Sequence[str], folder: Path) -> tuple[int, str]:
    """Run a command to its end, and add what it costs to that of the run in `folder`.

    Returns:
        Exit code, and what it wrote to standard error.
    """
    began, most = time.monotonic(), 0.0
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        while True:
            time.sleep(LOOK_EVERY)  # first: a process that has just begun is a copy of this one
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            most = max(most, tree_megabytes(process.pid))
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        said = errors.read().decode(errors="replace")
    used = usage.ru_utime + usage.ru_stime
    # What the system keeps of a process counts the moment in which it was a copy, too.
    megabytes = most or usage.ru_maxrss * RSS_UNIT / 1e6
    cost = Cost(time.monotonic() - began, used, megabytes)
    if folder.is_dir():
        before = read_cost(folder)
        write_json(folder / FILE, asdict(before.and_then(cost) if before else cost))
    return process.returncode, said


def read_cost(folder: Path) -> Cost | None:
    """What a run cost; None if it was not measured."""
    try:
        return Cost(**json.loads((folder / FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def tree_megabytes(root: int) -> float:
    """Memory of a process and all that descend from it; 0 where the system does not tell."""
    children: dict[int, list[int]] = {}
    for entry in PROC.glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            # The name in brackets may hold spaces; the parent is the second field after it.
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
    family, total = [root], 0.0
    while family:
        pid = family.pop()
        family += children.get(pid, [])
        with suppress(OSError, ValueError):
            for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total / 1e6


def cost_of_runs(folders: Iterable[Path]) -> tuple[Cost | None, str]:
    """All of them together, and in words."""
    found = [read_cost(folder) for folder in folders]
    costs = [cost for cost in found if cost]
    if not costs:
        return None, "Time and memory: not measured when these runs were made."
    total = costs[0]
    for cost in costs[1:]:
        total = total.and_then(cost)
    number = f"{len(costs)} runs" if len(costs) == len(found) else f"{len(costs)} of {len(found)}"
    longest = max(cost.processor_seconds for cost in costs)
    text = (
        f"Time and memory: {_minutes(total.processor_seconds)} of processor time for {number} "
        f"({longest:.0f} s for the longest), {total.megabytes:.0f} MB for the largest."
    )
    return total, text


def measured_here(make: Callable[[], dict[str, float]], written: Path) -> dict[str, float]:
    """Make a table in this process, and put its cost under it.

    Args:
        make: makes and writes it, and returns its figures.
        written: its file.
    """
    began, before = time.monotonic(), _used()
    figures = make()
    held = max(resource.getrusage(who).ru_maxrss for who in _WHOSE) * RSS_UNIT / 1e6
    text = (
        f"Time and memory, without runs kept from before: {_minutes(_used() - before)} of "
        "processor time, "
        f"{_minutes(time.monotonic() - began)} in all, {held:.0f} MB for the largest process."
    )
    with suppress(OSError):
        write_whole(written, f"{written.read_text(encoding='utf-8')}\n{text}\n")
    return figures


_WHOSE = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def _used() -> float:
    usages = [resource.getrusage(who) for who in _WHOSE]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.0f} s"
