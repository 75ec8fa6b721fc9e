"""Compiled loops: kept, never stale, wherever there is room, and no concern of a user's process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import pacesetter
from pacesetter.envs.core.kernels.cache import COMPILING, NOT_KEPT, PREFIX, user_cache_folder
from pacesetter.envs.core.kernels.compiled import kernel
from pacesetter.envs.core.kernels.sources import digest_of, kernel_sources

ROOT = Path(pacesetter.__file__).parent
ENVS = str(ROOT / "envs")
# `draw_shock` stands in one file, `exponential`, which it calls, in another.
DRAW = """
import numpy as np
from pacesetter.envs.order_book.background import layout as at
from pacesetter.envs.order_book.background.fundamental import draw_shock
from pacesetter.envs.order_book.layout import EXTRA
memory, reals = np.zeros(1000, np.int64), np.zeros(50)
memory[EXTRA] = 100
parameters = np.zeros(50)
parameters[at.SHOCK_RATE] = 1e-9
draw_shock(memory, reals, parameters, 0)
print(memory[100 + at.SHOCK_TIME], len(draw_shock.stats.cache_hits))
"""


@pytest.fixture
def copy(tmp_path):
    """A copy of the package that may be edited; gives the folder of its environments."""
    package = tmp_path / "copy" / "pacesetter"
    package.mkdir(parents=True)
    for name in ("envs", "leaders"):
        shutil.copytree(ROOT / name, package / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "__init__.py", package)
    return package / "envs"


def start(copy, code=DRAW, **environment):
    known = {k: v for k, v in os.environ.items() if k not in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")}
    known |= {"PYTHONPATH": str(copy.parent.parent), "HOME": str(copy.parent.parent / "home")}
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=copy.parent.parent,
        env=known | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def played(process):
    """The time that was drawn, whether the loop came from disk, and the lines on the terminal."""
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    time, hits = out.split()
    return int(time), hits == "1", err.splitlines()


def folders(place):
    return sorted(path.name for path in place.glob(f"{PREFIX}*"))


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_an_edit_of_a_function_that_a_loop_calls_is_seen_at_once(copy):
    first, from_disk, said = played(start(copy))
    assert not from_disk
    assert said == [COMPILING]
    assert played(start(copy)) == (first, True, [])  # compiled once, and nothing is said
    (before,) = folders(copy / "__pycache__")
    edit(
        copy / "order_book/background/random_numbers.py",
        "return -mean * math.log",
        "return -2.0 * mean * math.log",
    )
    second, from_disk, said = played(start(copy))
    assert second == pytest.approx(2 * first, abs=2)
    assert not from_disk
    assert said == [COMPILING]
    (after,) = folders(copy / "__pycache__")  # the old one is gone
    assert after != before


def test_an_edit_of_a_constant_of_another_file_is_seen_at_once(copy):
    """Layouts hold no kernels, but numbers that are compiled in."""
    first, _, _ = played(start(copy))
    edit(
        copy / "order_book/background/layout.py",
        "SHOCK_TIME = 0, 1, 2, 3, 4",
        "SHOCK_TIME = 0, 1, 4, 3, 2",
    )
    second, from_disk, _ = played(start(copy))
    assert not from_disk
    assert second == first


def test_processes_that_start_at_once_do_not_disturb_each_other(copy):
    together = [start(copy) for _ in range(3)]
    times = {played(process)[0] for process in together}
    assert times == {played(start(copy))[0]}
    left = [path for path in (copy / "__pycache__").rglob("*") if path.name.startswith(".writing")]
    assert not left


def read_only(copy):
    """Root may write anywhere; nobody can make a folder below a file."""
    shutil.rmtree(copy / "__pycache__", ignore_errors=True)
    (copy / "__pycache__").write_text("", encoding="utf-8")


def test_a_read_only_installation_keeps_loops_in_the_users_cache(copy, tmp_path):
    read_only(copy)
    cache = tmp_path / "cache"
    first, from_disk, said = played(start(copy, XDG_CACHE_HOME=str(cache)))
    assert not from_disk
    assert said == [COMPILING]
    assert played(start(copy, XDG_CACHE_HOME=str(cache))) == (first, True, [])
    (mine,) = cache.iterdir()
    assert len(folders(mine)) == 1


def test_another_installation_in_the_same_cache_is_left_alone(copy, tmp_path):
    other = tmp_path / "other" / "pacesetter"
    shutil.copytree(copy.parent, other)
    loops = other / "envs" / "order_book/background/random_numbers.py"
    edit(loops, "return -mean * math.log", "return -mean*math.log")
    cache = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    first, _, _ = played(start(copy, **cache))
    played(start(other / "envs", **cache))
    assert played(start(copy, **cache)) == (first, True, [])
    assert not folders(copy / "__pycache__")


def test_what_a_read_only_installation_holds_already_is_used(copy, tmp_path):
    first, _, _ = played(start(copy))
    elsewhere = {"NUMBA_CACHE_DIR": str(tmp_path / "empty")}
    assert played(start(copy, **elsewhere)) == (first, True, [])


def test_without_any_writable_folder_loops_run_and_the_cure_is_said(copy, tmp_path):
    read_only(copy)
    (tmp_path / "file").write_text("", encoding="utf-8")
    nowhere = {"XDG_CACHE_HOME": str(tmp_path / "file" / "x")}
    time, from_disk, said = played(start(copy, **nowhere))
    assert time > 0
    assert not from_disk
    assert said == [COMPILING, NOT_KEPT]


def test_a_file_that_a_crash_cut_off_is_made_again(copy):
    first, _, _ = played(start(copy))
    kept = list((copy / "__pycache__").glob(f"{PREFIX}*/*.nbc"))
    assert kept
    for path in kept:
        path.write_bytes(path.read_bytes()[:100])
    assert played(start(copy)) == (first, False, [COMPILING])
    assert played(start(copy)) == (first, True, [])


def test_a_users_own_kernels_and_settings_are_let_be(copy):
    code = """
import os
from numba import config, njit
from numba.core import event
before = dict(os.environ), config.CACHE_DIR
import pacesetter, pacesetter.envs.order_book.book
assert (dict(os.environ), config.CACHE_DIR) == before
assert not any(event._registered.values()), event._registered
@njit
def double(x):
    return 2 * x
print(double(21), 1)
"""
    assert played(start(copy, code)) == (42, True, [])


def test_loops_of_other_packages_are_not_kept():
    """Their sources are not known, so that nobody could tell when they are stale."""

    def triple(x):
        return 3 * x

    compiled = kernel(triple)
    assert compiled(14) == 42
    assert compiled.stats.cache_path is None


def test_sources_are_all_with_kernels_and_what_they_import():
    sources = kernel_sources(ENVS)
    using = {
        path.relative_to(ENVS).as_posix()
        for path in Path(ENVS).rglob("*.py")
        if "@kernel" in path.read_text(encoding="utf-8")
    }
    assert using
    assert using <= set(sources)
    assert {"order_book/layout.py", "order_book/background/layout.py"} <= set(sources)  # constants
    assert "duopoly/market.py" not in sources  # which no loop needs


def test_sources_are_found_in_folders(tmp_path):
    """Relative imports from any depth, of modules and of names in them."""
    package = tmp_path / "suite" / "envs"
    files = {
        "compiled.py": "",
        "constants.py": "ONE = 1\n",
        "far.py": "from suite.envs.deep import layout\n",
        "alone.py": "X = 1\n",
        "deep/__init__.py": "",
        "deep/layout.py": "A = 2\n",
        "deep/loops.py": "from ..compiled import kernel\nfrom .. import (\n    far,\n)\n"
        "def f():\n    from ..constants import ONE\n",
    }
    for name, text in files.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    sources = kernel_sources(str(package))
    assert set(sources) == set(files) - {"alone.py"}
    digest = digest_of(sources)
    (package / "constants.py").write_text("ONE = 2\n", encoding="utf-8")
    assert digest_of(kernel_sources(str(package))) != digest


def test_the_users_cache_folder_follows_the_platform(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert user_cache_folder() == tmp_path
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # to be ignored, says its specification
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    assert user_cache_folder() == tmp_path / ".cache"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert user_cache_folder() == tmp_path / "Library" / "Caches"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert user_cache_folder() == tmp_path / "local"
