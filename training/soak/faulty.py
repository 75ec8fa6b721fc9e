"""Markets in which faults of the soak test happen: ``pacesetter.training.soak.faulty:NAME``.

Every market of the library is here by its name, and plays as it does there until a step at which a
fault is due. Which, and when, is read in every process, the driver's and remote workers', from the
folder that `PLAN` names in their environment; what happens is noted there.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ...envs.core.market import Market
from ...envs.registry import MARKETS

PLAN, DRIVER = "PACESETTER_SOAK_PLAN", "PACESETTER_SOAK_DRIVER"
STEP_FAULTS, EVENTS = "steps_{}.json", "events.txt"
RAISED = "a fault of the soak test"


def note(event: str, detail: object = "") -> None:
    """Add a line to what has happened in this attempt: when, what."""
    line = f"{time.monotonic()} {event} {detail}\n".encode()
    descriptor = os.open(Path(os.environ[PLAN]) / EVENTS, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, line)
    os.close(descriptor)


class _Faulty:
    """What makes a market fail; it stands before the market's own class."""

    steps = 0  # of this process, in all markets

    def transition(self, state: Any, actions: Any, shocks: Any) -> Any:
        """The market's own, unless a fault is due."""
        _Faulty.steps += 1
        kind = _due(_Faulty.steps)
        if kind:
            _happen(kind)
        step = super().transition(state, actions, shocks)  # type: ignore[misc]
        if kind == "nan":
            return replace(step, rewards={k: r * np.nan for k, r in step.rewards.items()})
        if kind == "wrong shape":
            twice = {k: np.concatenate([r, r], axis=-1) for k, r in step.rewards.items()}
            return replace(step, rewards=twice)
        return step


@cache
def _planned(folder: str) -> list[tuple[Path, dict[str, Any]]]:
    """The faults that are due here, each with its file."""
    files = sorted(Path(folder).glob(STEP_FAULTS.format("*")))
    planned = [(file, json.loads(file.read_text())) for file in files]
    here = "worker" if "default_worker" in sys.argv[0] else "driver"
    if here == "driver" and os.environ.get(DRIVER) != str(os.getpid()):
        return []  # where a market is tried beforehand, its errors are told otherwise
    return [(file, plan) for file, plan in planned if plan["where"] == here]


def _due(step: int) -> str:
    """The kind of fault that is due at a step; empty: none."""
    folder = os.environ.get(PLAN)
    planned = _planned(folder) if folder else []
    for file, plan in planned:
        if step < plan["step"]:
            continue
        if plan["once"]:
            planned.remove((file, plan))
            try:
                file.unlink()  # whoever removes it has the fault
            except FileNotFoundError:
                return ""  # the next one, a step later
        note("fired", plan["name"])
        return str(plan["kind"])
    return ""


def _happen(kind: str) -> None:
    if kind == "raises":
        raise ZeroDivisionError(RAISED)
    if kind == "exits":
        sys.exit(0)
    if kind == "hangs":
        time.sleep(1e6)
    if kind == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "is stopped":
        os.kill(os.getpid(), signal.SIGSTOP)
    if kind == "node dies":
        os.kill(os.getppid(), signal.SIGKILL)  # Ray's server of this machine starts its workers


def __getattr__(name: str) -> type[Market]:
    if name not in MARKETS:
        raise AttributeError(name)
    inside = {"__module__": __name__, "__qualname__": name}
    made = type(name, (_Faulty, MARKETS[name]), inside)
    globals()[name] = made
    return made
