"""The folder of a Ray that is started here, which goes when this process does."""

from __future__ import annotations

import atexit
import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import ray

from .watch import of_session, words_of

LONGEST = 24  # characters of a parent: the names of Ray's sockets end at 107
SERVER = "raylet"
_watches: list[subprocess.Popen[bytes]] = []
_folders: list[str] = []  # of the session that is watched over


class ServerDiedError(RuntimeError):
    """Ray's server on this machine is gone, and with it all that it had started."""


def own_session() -> str:
    """A new folder for Ray's files; it and Ray's processes are gone soon after this process is.

    A folder of an earlier session of this process is given up, with what is left of it.
    """
    while _watches:
        _end(_watches.pop())
    _folders.clear()
    parent = os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()
    if len(parent) > LONGEST and os.path.isdir("/tmp"):
        parent = "/tmp"
    folder = os.path.realpath(tempfile.mkdtemp(prefix="pacesetter_ray_", dir=parent))
    _folders.append(folder)
    script = str(Path(__file__).with_name("watch.py"))
    # Its standard input closes when this process ends, be it by SIGKILL.
    _watches.append(
        subprocess.Popen(
            [sys.executable, "-I", "-S", script, folder, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
    )
    return folder


def leave_session() -> None:
    """From here on it is somebody else's Ray that is spoken to."""
    _folders.clear()


def end_in_silence() -> None:
    """See to it that Ray ends with this process, and says nothing of what fails in that.

    Ray's own way ends in a traceback, after what a command has said, where a disk is full: it makes
    folders to remove them. Its processes, which it then leaves, are ended by the watch.
    """
    for known in (ray.shutdown, _shut_down):
        atexit.unregister(known)
    atexit.register(_shut_down)


def _shut_down() -> None:
    with contextlib.suppress(Exception):
        ray.shutdown()


def last_words(text: str) -> None:
    """What is to be said, on standard error, if this process ends now; empty: nothing.

    Ray ends the process of a driver at once, and without a word, when its server here dies.
    """
    for watch in _watches:
        assert watch.stdin is not None
        with contextlib.suppress(OSError):  # somebody has killed the watch
            watch.stdin.write(text.encode() + b"\n")
            watch.stdin.flush()


def why_silent(otherwise: RuntimeError) -> RuntimeError:
    """Why Ray's processes do not answer: their server here is gone, or what is said otherwise.

    Ray ends a driver whose server has died when the two next speak, which may be after a wait.
    """
    if not _folders or not os.path.isdir("/proc"):  # somebody else's Ray; or it cannot be known
        return otherwise
    alive = any(_is_server(pid) for pid in of_session(_folders[-1]))
    return otherwise if alive else ServerDiedError("Ray's server on this machine (raylet) died")


def _is_server(pid: int) -> bool:
    with contextlib.suppress(OSError):  # it has ended since
        return Path(words_of(pid)[0]).name == SERVER
    return False


def _end(watch: subprocess.Popen[bytes]) -> None:
    assert watch.stdin is not None
    watch.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        watch.wait(timeout=60)
