"""One command of the soak test, in a process that is forked from one that has imported all.

A fork costs milliseconds where a new Python costs seconds. The forked process leads a session of
its own, writes into files, and ends as a command does.
"""

from __future__ import annotations

import atexit
import errno
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..cli import main
from ..runs.history import History
from . import faulty
from .faults import Fault

OUT, ERR = "out.txt", "err.txt"
DAY = 86400.0
SOFT_ERROR = 70


def start(arguments: Sequence[str], folder: Path, faults: Sequence[Fault], calls: int) -> int:
    """Fork a command ``pacesetter …``; returns its process.

    Args:
        arguments: of the command.
        folder: of this attempt: the plan of its faults, what happens, and what it prints.
        faults: those of the operating system are set up in the new process.
        calls: of the operating system that the rest of the run may take.
    """
    for name in (OUT, ERR):  # it may be killed before it does anything
        (folder / name).touch()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    code = SOFT_ERROR
    try:
        _become(folder)
        _count_and_disturb(faults, calls)
        code = main(list(arguments))
    except BaseException:
        traceback.print_exc()
    finally:
        try:
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)


def _become(folder: Path) -> None:
    """A process of its own, whose output and events are kept in the folder."""
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler if number == 2 else signal.SIG_DFL)
    for name, descriptor in ((os.devnull, 0), (str(folder / OUT), 1), (str(folder / ERR), 2)):
        opened = os.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.environ[faulty.PLAN], os.environ[faulty.DRIVER] = str(folder), str(os.getpid())
    add = History.add

    def add_and_note(self: History, iteration: int, values: Mapping[str, float]) -> None:
        add(self, iteration, values)
        faulty.note("row", iteration)

    History.add = add_and_note  # type: ignore[method-assign]


def _count_and_disturb(faults: Sequence[Fault], calls: int) -> None:
    """Count what is asked of the operating system in writing files, and fail where that is due."""
    count, disturb = 0, next((f for f in faults if f.what.where == "system" and f.what.ends), None)
    due = 1 + int(disturb.share * calls) if disturb else -1
    command = os.getpid()

    def wrapped(function: Callable[..., Any], name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            if os.getpid() != command:  # what it has forked would be killed in its stead
                return function(*args, **kwargs)
            count += 1
            if disturb and count >= due:
                _fail(disturb, name, count == due)
            if disturb and count == due and disturb.kind == "killed while writing":
                try:  # half of the kills come just after, though it fail: a folder may be there
                    function(*args, **kwargs)
                finally:
                    os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **kwargs)

        return call

    for name in ("fsync", "replace", "rename", "mkdir"):
        setattr(os, name, wrapped(getattr(os, name), name))
    atexit.register(lambda: faulty.note("calls", count))
    for jump in (fault for fault in faults if fault.kind == "clock jumps"):
        _jump(jump)


def _fail(fault: Fault, name: str, first: bool) -> None:
    """What a due fault does to a call; disks stay full."""
    if first:
        faulty.note("fired", fault.kind)
    if fault.kind == "killed while writing" and fault.detail % 2:
        os.kill(os.getpid(), signal.SIGKILL)
    if fault.kind == "disk full" and name in ("fsync", "mkdir"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if fault.kind == "file size limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))


def _jump(fault: Fault) -> None:
    """The clock of the day goes forward or back by up to a day, a little later."""
    real, began = time.time, time.monotonic()
    far = DAY * (2.0 * fault.share - 0.5) * (1 if fault.detail % 2 else -1)
    faulty.note("fired", fault.kind)
    time.time = lambda: real() + (far if time.monotonic() - began > fault.share else 0.0)
