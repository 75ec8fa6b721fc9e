"""Run folders at a URL: they change on this machine, and are copied to where they are kept.

Whatever pyarrow's file systems read will do, such as ``s3://bucket/runs`` or ``file:///disk/runs``.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from ...envs.core.errors import PacesetterError
from .checkpoints import CONFIG

SECONDS_BETWEEN_COPIES = 60.0
MARK = ".pacesetter"  # written and deleted again, to see that one may


def is_url(place: str) -> bool:
    """Whether a place for runs is one of another file system."""
    return "://" in str(place)


@contextlib.contextmanager
def stored(url: str, name: str) -> Iterator[Path]:
    """A folder of this machine whose content is copied to the URL, now and then and at the end.

    Args:
        url: of a folder for run folders.
        name: of the run folder that will be made.

    Raises:
        PacesetterError: nothing can be written there, or there is such a run folder.
    """
    storage = Storage(url)
    storage.require_writable()
    if storage.holds(name):
        raise PacesetterError(
            f"{storage.url}/{name}: is there already; go on with 'pacesetter train --resume "
            f"{storage.url}/{name}', or choose another --name."
        )
    with tempfile.TemporaryDirectory(prefix="pacesetter-runs-") as folder:
        with storage.mirrored(Path(folder)):
            yield Path(folder)
        print(f"run folder: {storage.url}/{name}", flush=True)


@contextlib.contextmanager
def fetched(url: str) -> Iterator[Path]:
    """A copy of a run folder at a URL, which is copied back like `stored`.

    Raises:
        PacesetterError: there is none.
    """
    parent, _, name = url.rstrip("/").rpartition("/")
    storage = Storage(parent)
    with tempfile.TemporaryDirectory(prefix="pacesetter-runs-") as folder:
        storage.fetch(name, Path(folder))
        with storage.mirrored(Path(folder)):
            yield Path(folder) / name


class Storage:
    """A folder of some file system.

    Args:
        url: of it.

    Raises:
        PacesetterError: no file system reads such a URL.
    """

    def __init__(self, url: str):
        from pyarrow import fs  # a slow import

        self.url = url.rstrip("/")
        self._kinds = fs
        try:
            self._files, path = fs.FileSystem.from_uri(self.url)
        except Exception as error:  # of Arrow's kinds, and of what a driver lacks
            reason = " ".join(str(error).split())[:200]
            raise PacesetterError(
                f"{url}: is no place for run folders ({reason}). Give a folder, or a URL that "
                "pyarrow's file systems read, such as s3://bucket/runs or file:///disk/runs."
            ) from error
        self._path = PurePosixPath(path)
        self._copied: dict[str, tuple[int, int]] = {}
        self._one_at_a_time = threading.Lock()

    def require_writable(self) -> None:
        """See that files can be written.

        Raises:
            PacesetterError: they cannot.
        """
        mark = str(self._path / MARK)
        try:
            self._files.create_dir(str(self._path), recursive=True)
            with self._files.open_output_stream(mark) as stream:
                stream.write(b"")
            self._files.delete_file(mark)
        except OSError as error:
            raise PacesetterError(
                f"{self.url}: cannot be written ({' '.join(str(error).split())[:200]}); check its "
                "name and your rights there."
            ) from error

    def holds(self, name: str) -> bool:
        """Whether there is a folder of that name."""
        info: Any = self._files.get_file_info(str(self._path / name))
        return bool(info.type != self._kinds.FileType.NotFound)

    def fetch(self, name: str, folder: Path) -> None:
        """Copy a folder from there.

        Raises:
            PacesetterError: there is none, or it cannot be read.
        """
        try:
            if not self.holds(f"{name}/{CONFIG}"):
                raise PacesetterError(
                    f"{self.url}/{name}: is not the folder of a run: it has no {CONFIG}; check the "
                    "URL."
                )
            self._kinds.copy_files(
                str(self._path / name),
                str(folder / name),
                source_filesystem=self._files,
                destination_filesystem=self._kinds.LocalFileSystem(),
            )
        except OSError as error:
            raise PacesetterError(f"{self.url}/{name}: cannot be read ({error}).") from error
        self._copied = _state(folder)

    @contextlib.contextmanager
    def mirrored(self, folder: Path) -> Iterator[None]:
        """Copy what changes in a folder, from time to time and, whatever happens, at the end."""
        over = threading.Event()

        def now_and_then() -> None:
            while not over.wait(SECONDS_BETWEEN_COPIES):
                with contextlib.suppress(OSError):  # the last copy says so
                    self.copy(folder)

        thread = threading.Thread(target=now_and_then, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            try:
                self.copy(folder)
            except OSError as error:
                kept = folder.with_name(f"{folder.name}-kept")
                folder.rename(kept)
                folder.mkdir()
                raise PacesetterError(
                    f"{self.url}: cannot be written ({error}); the runs are in {kept}."
                ) from error

    def copy(self, folder: Path) -> None:
        """Copy every file that is new or has changed, and delete those that are gone."""
        with self._one_at_a_time:
            found = _state(folder)
            for name, state in found.items():
                if self._copied.get(name) == state:
                    continue
                target = self._path / name
                self._files.create_dir(str(target.parent), recursive=True)
                try:
                    content = (folder / name).read_bytes()
                except FileNotFoundError:  # replaced meanwhile, and copied next time
                    continue
                with self._files.open_output_stream(str(target)) as stream:
                    stream.write(content)
                self._copied[name] = state
            for name in [name for name in self._copied if name not in found]:
                with contextlib.suppress(FileNotFoundError):
                    self._files.delete_file(str(self._path / name))
                del self._copied[name]


def _state(folder: Path) -> dict[str, tuple[int, int]]:
    """Relative path -> time of change and size, of every file that is not a temporary one."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if any(part.startswith(".") for part in name.parts):
            continue
        with contextlib.suppress(FileNotFoundError):
            if path.is_file():
                status = path.stat()
                found[name.as_posix()] = (status.st_mtime_ns, status.st_size)
    return found
