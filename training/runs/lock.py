"""One process at a time writes into a run folder.

The lock is the operating system's (`flock`): it ends with the process that holds it, however that
ends, so that a killed run leaves no stale one. The file says who holds it.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...envs.core.errors import PacesetterError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"
_held: set[Path] = set()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep all other processes from writing into a run folder while the block lasts.

    Raises:
        PacesetterError: another process does; the message says which.
        OSError: the lock cannot be written.
    """
    folder = folder.resolve()
    if folder in _held or fcntl is None:
        yield
        return
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PacesetterError(
                f"{folder}: is in use by {_holder(descriptor)}, which writes into it. Wait until "
                "that has ended, or stop it (Ctrl-C saves a run); 'pacesetter report' shows what "
                "is there meanwhile."
            ) from None
        except OSError as error:
            # A file system without locks: then nobody is kept out, as nothing else can be done.
            if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
                raise
        _write_holder(descriptor)
        _held.add(folder)
        yield
    finally:
        _held.discard(folder)
        os.close(descriptor)


def _write_holder(descriptor: int) -> None:
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode(), 0)
    except OSError as error:  # on a full disk the lock holds as well, without a name
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise


def _holder(descriptor: int) -> str:
    return os.pread(descriptor, 200, 0).decode(errors="replace") or "another process"
