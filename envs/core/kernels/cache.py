"""Where compiled loops are kept on disk, and under which name.

Numba's own cache looks at the file of the outermost function alone: after an edit of a function
that it calls, the old loop would go on. Here all files that loops are made of share one digest, and
a folder of that name holds what was compiled from them, in the first writable one of these places:

1. ``NUMBA_CACHE_DIR``, where it is set;
2. ``__pycache__`` beside the sources;
3. the user's cache folder: ``XDG_CACHE_HOME``, or what the platform calls it.

Folders of other digests are removed when one is made. There is one file per function and types of
its arguments, written whole under another name and then renamed, so that processes that start at
once do each other's work again at worst.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numba
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from .sources import digest_of, kernel_sources

PREFIX = "kernels-"
COMPILING = "compiling loops (once per installation)…"
NOT_KEPT = (
    "compiled loops cannot be kept, and are compiled again in every run; set NUMBA_CACHE_DIR to a "
    "folder that can be written to."
)
_said: set[str] = set()


def say_once(text: str) -> None:
    """Print a line on the terminal, but never twice in a process."""
    if text not in _said:
        _said.add(text)
        print(text, file=sys.stderr, flush=True)


class Kept:
    """Folders of compiled loops of one package.

    Attributes:
        package: its folder.
        sources: files that loops are made of (see `sources.kernel_sources`).
        name: of the folder in each of the places.
    """

    def __init__(self, package: Path) -> None:
        self.package = package
        texts = kernel_sources(str(package))
        self.sources = frozenset(package / name for name in texts)
        self.name = PREFIX + digest_of(texts)

    def places(self) -> Iterator[Path]:
        """Folders that may hold a folder of compiled loops, the best first."""
        # Installations share the last two kinds of place, and must leave each other alone.
        mine = "pacesetter-" + hashlib.sha256(str(self.package).encode()).hexdigest()[:12]
        if numba.config.CACHE_DIR:
            yield Path(numba.config.CACHE_DIR) / mine
        yield self.package / "__pycache__"
        shared = user_cache_folder()
        if shared is not None:
            yield shared / mine

    def read(self, file: str) -> bytes | None:
        """What was kept under that name, in any place: a read-only one may have been filled."""
        for place in self.places():
            try:
                return (place / self.name / file).read_bytes()
            except OSError:
                continue
        return None

    def write(self, file: str, data: bytes) -> None:
        """Keep it in the first place that is writable."""
        # Sources that were edited after this process read them are not what it has compiled.
        if PREFIX + digest_of(kernel_sources(str(self.package))) != self.name:
            return
        for place in self.places():
            try:
                _write_whole(place / self.name / file, data)
            except OSError:
                continue
            self._remove_others(place)
            return
        say_once(NOT_KEPT)

    def _remove_others(self, place: Path) -> None:
        for other in place.glob(f"{PREFIX}*"):
            if other.name != self.name:
                shutil.rmtree(other, ignore_errors=True)


def user_cache_folder() -> Path | None:
    """Where this platform keeps what can be made again; None without a home."""
    named = os.environ.get("XDG_CACHE_HOME")
    if named and Path(named).is_absolute():
        return Path(named)
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    return home / "Library" / "Caches" if sys.platform == "darwin" else home / ".cache"


def _write_whole(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(data)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


class KernelCache:
    """What numba asks of a dispatcher's cache, for one function of `Kept`.

    Args:
        function: the function that is compiled.
        kept: where its results lie; None: nothing is kept.
        parts: what tells it from others of its name: kernels that it was made for.
    """

    def __init__(self, function: Any, kept: Kept | None, parts: tuple[Any, ...] = ()) -> None:
        self._function = function
        self._kept = kept
        self._parts = parts

    @property
    def cache_path(self) -> str | None:
        """Shown in the statistics of a dispatcher."""
        return self._kept.name if self._kept else None

    def load_overload(self, signature: Any, target: Any) -> Any:
        """What was compiled for these types, or None: then numba compiles, which takes a while."""
        target.refresh()
        data = self._kept.read(self._file(signature, target.codegen())) if self._kept else None
        if data is not None:
            try:
                return CompileResult._rebuild(target, *pickle.loads(data))
            except (EOFError, pickle.UnpicklingError):
                pass  # what a full disk or a crash left of it is made again
        say_once(COMPILING)
        return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keep what was compiled for these types."""
        # Code with addresses of this process in it is of no use to another.
        if self._kept and not result.lifted and not result.library.has_dynamic_globals:
            self._kept.write(self._file(signature, result.library.codegen), dumps(result._reduce()))

    def _file(self, signature: Any, codegen: Any) -> str:
        """Of a function, the types of its arguments, this processor, Python and numba."""
        code = self._function.__code__
        what = (
            *(str(signature), codegen.magic_tuple(), code.co_firstlineno, numba.__version__),
            *self._parts,
        )
        who = f"{self._function.__module__.rpartition('.')[2]}.{self._function.__qualname__}"
        types = hashlib.sha256(repr(what).encode()).hexdigest()[:16]
        return f"{who}-{sys.implementation.cache_tag}{getattr(sys, 'abiflags', '')}-{types}.nbc"

    def flush(self) -> None:
        """Files are named by what they hold: none is ever out of date."""

    def enable(self) -> None:
        """Always so."""

    def disable(self) -> None:
        """Never."""
