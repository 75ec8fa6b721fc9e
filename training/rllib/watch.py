"""Ends what is left of a Ray once the process that started it has ended, however it ended.

Ray's agents outlive a driver that was killed (each holds the pipe by which the other would learn of
it), and its folder of sessions is never removed. This file is run on its own, with the standard
library alone: ``watch.py FOLDER PID``, with a pipe from the driver as its standard input. The last
line that comes through it is said where the driver ends; an empty one is not.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time

PATIENCE, PAUSE = 30.0, 0.25  # seconds
QUIET = 4  # looks in a row that find nothing


def main() -> None:
    """Wait for the driver's end of the pipe to close, then clean up."""
    folder, driver = sys.argv[1], int(sys.argv[2])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # meant for the driver, whose end is waited for
    words = sys.stdin.buffer.read().splitlines()
    if words and words[-1]:  # the driver has ended within a run, and could not say so itself
        with contextlib.suppress(OSError):
            os.write(2, words[-1] + b"\n")
    end_processes(folder, {driver, os.getpid()})
    shutil.rmtree(folder, ignore_errors=True)


def end_processes(folder: str, spared: set[int]) -> None:
    """Kill Ray's processes of a session until none has been seen for a while."""
    deadline, quiet = time.monotonic() + PATIENCE, 0
    while quiet < QUIET and time.monotonic() < deadline:
        found = [pid for pid in of_session(folder) if pid not in spared]
        quiet = 0 if found else quiet + 1
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue
        time.sleep(PAUSE)


def of_session(folder: str) -> list[int]:
    """Processes of Ray that were started in a folder or hold files of it open."""
    found = []
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        try:
            words = words_of(name)
            ours = words[0].startswith("ray::") or any("/ray/" in word for word in words)
            if name.isdigit() and ours and (_named(words, folder) or _holds(name, folder)):
                found.append(int(name))
        except OSError:  # it has ended, or is somebody else's
            continue
    return found


def words_of(pid: int | str) -> list[str]:
    """The words of a process's command; one empty word, if it has ended and was not waited for.

    Raises:
        OSError: there is no such process.
    """
    with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
        return file.read().split("\0")


def _named(words: list[str], folder: str) -> bool:
    return any(folder in word for word in words)


def _holds(pid: str, folder: str) -> bool:
    for number in os.listdir(f"/proc/{pid}/fd"):
        try:
            if os.readlink(f"/proc/{pid}/fd/{number}").startswith(f"{folder}/"):
                return True
        except OSError:
            continue
    return False


if __name__ == "__main__":
    main()
