"""The folder of one run: what was asked, with what software, results and checkpoints.

Every file appears whole or not at all, so that a run that was killed, or met a full disk, leaves
nothing behind that looks finished and is not.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import json
import math
import numbers
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...envs.core.dotted import IMPORTED
from ...envs.core.errors import PacesetterError
from ..experiments.experiment import Experiment
from ..experiments.load import load_experiment, resolved
from ..experiments.yaml_file import dump_yaml
from .array_file import read_arrays, write_arrays
from .checkpoints import CONFIG, latest_checkpoint, new_checkpoint
from .machine import software_versions
from .whole_files import is_disk_full, write_json, write_whole

VERSIONS, RESULTS, REFERENCE = "versions.json", "results.json", "reference.npz"
CODE = "imported_from"  # key of VERSIONS: user's module -> folder
LEAST_FREE_MEGABYTES = 200


@dataclass(frozen=True)
class RunFolder:
    """One run on disk; make one with `create` or `open`.

    Attributes:
        path: the folder.
        experiment: what the run was asked to do.
    """

    path: Path
    experiment: Experiment

    @classmethod
    def create(
        cls, parent: str | Path, experiment: Experiment, name: str | None = None
    ) -> RunFolder:
        """Start a new folder in `parent`, called `name` or ``<experiment>_seed_<seed>``.

        Raises:
            PacesetterError: the folder has something in it, cannot be written, or less than
                `LEAST_FREE_MEGABYTES` are free.
        """
        path = Path(parent).expanduser() / (name or f"{experiment.name}_seed_{experiment.seed}")
        prepare_folder(path)
        if any(path.iterdir()):
            raise _not_empty(path)
        free = shutil.disk_usage(path).free / 1e6
        if free < LEAST_FREE_MEGABYTES:
            raise PacesetterError(
                f"{path}: only {free:.0f} MB are free, a run needs {LEAST_FREE_MEGABYTES} MB; "
                "free some space or choose a folder on another disk."
            )
        experiment = experiment.bound()
        folder = cls(path, experiment)
        with folder._writing():
            write_json(path / VERSIONS, software_versions() | _own_code(experiment))
            if experiment.samples:
                write_arrays(path / REFERENCE, experiment.samples)
            # Last, because its presence says that the folder is in order.
            write_whole(path / CONFIG, dump_yaml(resolved(experiment)))
        return folder

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """The folder of an earlier run, to evaluate, report on or resume.

        What the run compares with is read from the folder, not from where it once came from.

        Raises:
            PacesetterError: the folder is missing or half-written, or its configuration is not
                valid any more.
        """
        path = Path(path).expanduser()
        if not os.path.exists(path):  # also where the system refuses the name
            raise PacesetterError(f"{path}: there is no such folder; check the path.")
        if not path.is_dir():
            raise PacesetterError(f"{path}: is a file; give the folder of a run.")
        config = path / CONFIG
        if not config.exists():
            raise PacesetterError(
                f"{path}: is not the folder of a run, or one whose start was interrupted: it has "
                f"no {CONFIG}. Check the path, or delete the folder and start the run again."
            )
        try:
            samples = read_arrays(
                path / REFERENCE, "Delete this file to read the reference from its source."
            )
            return cls(path, load_experiment(config, samples=samples))
        except PacesetterError as error:
            if elsewhere := _code_elsewhere(path):
                raise PacesetterError(f"{path}: {elsewhere}\n{error}") from error
            raise PacesetterError(
                f"{path}: the run cannot be opened:\n{error}\n"
                f"If its {CONFIG} was changed, or is of another version of the software (see "
                f"{VERSIONS}), correct it. If a file or module of yours is missing, start the "
                "command in the folder that the run was started in."
            ) from error

    # Results ------------------------------------------------------------------------------------

    def write_results(self, results: Mapping[str, float]) -> None:
        """Write ``results.json``, name -> number, in place of an earlier one.

        Raises:
            PacesetterError: a value is not a finite number; nothing is written then.
        """
        checked = {}
        for name, value in results.items():
            is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
            if not is_number or not math.isfinite(value):
                raise PacesetterError(
                    f"result {name!r} is {value!r}, which is not a finite number; results are "
                    "numbers, and one that cannot be computed is left out."
                )
            checked[name] = int(value) if isinstance(value, numbers.Integral) else float(value)
        with self._writing():
            write_json(self.path / RESULTS, checked)

    def read_results(self) -> dict[str, float]:
        """What `write_results` wrote.

        Raises:
            PacesetterError: there are no results yet, or the file is damaged.
        """
        path = self.path / RESULTS
        if not path.exists():
            raise PacesetterError(
                f"{self.path}: there are no results yet (no {RESULTS}); resume the run to its end, "
                "or evaluate it."
            )
        try:
            results = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise PacesetterError(f"{path}: cannot be read ({error}); evaluate again.") from error
        if not isinstance(results, dict) or not all(
            type(value) in (int, float) and math.isfinite(value) for value in results.values()
        ):
            raise PacesetterError(f"{path}: is not a table of finite numbers; evaluate again.")
        return results

    # Checkpoints --------------------------------------------------------------------------------

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints; it need not exist."""
        return self.path / "checkpoints"

    def new_checkpoint(self, iteration: int) -> AbstractContextManager[Path]:
        """An empty folder that becomes a checkpoint; see `checkpoints.new_checkpoint`."""
        return new_checkpoint(self.checkpoints, iteration, self.experiment)

    def latest_checkpoint(self, experiment: Experiment | None = None) -> Path | None:
        """The last complete checkpoint or None; see `checkpoints.latest_checkpoint`."""
        return latest_checkpoint(self.checkpoints, experiment)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise _unwritable(self.path, error) from error


def prepare_folder(path: Path) -> None:
    """Make a folder where there is none, and see before any work that files can be written there.

    Raises:
        PacesetterError: they cannot.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except (FileExistsError, NotADirectoryError):
        there = (place for place in (path, *path.parents) if place.exists())
        raise PacesetterError(
            f"{path}: cannot be written, because {next(there)} is a file; choose another folder."
        ) from None
    except OSError as error:
        raise _unwritable(path, error) from error


def _own_code(experiment: Experiment) -> dict[str, dict[str, str]]:
    """The user's modules that an experiment names, and where they were imported from."""

    def texts(value: Any) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        elif isinstance(value, (dict, list)):
            for entry in value.values() if isinstance(value, dict) else value:
                yield from texts(entry)

    named = {text.partition(":")[0] for text in texts(resolved(experiment)) if ":" in text}
    code = {module: IMPORTED[module] for module in sorted(named & set(IMPORTED))}
    return {CODE: code} if code else {}


def _code_elsewhere(path: Path) -> str:
    """Where the user's code of a run was imported from, if it is not found from here."""
    try:
        code = json.loads((path / VERSIONS).read_text(encoding="utf-8"))[CODE]
        folders = {
            folder
            for module, folder in code.items()
            if folder and importlib.util.find_spec(module.partition(".")[0]) is None
        }
    except (OSError, ValueError, KeyError, AttributeError):
        return ""
    if not folders:
        return ""
    return (
        f"the run uses code from {' and '.join(sorted(folders))}, which is not on the import path "
        "here. Run the command in that folder, or with "
        f"PYTHONPATH={os.pathsep.join(sorted(folders))}."
    )


def _not_empty(path: Path) -> PacesetterError:
    if (path / CONFIG).exists():
        return PacesetterError(
            f"{path}: holds a run already; resume it, or choose another folder or seed."
        )
    return PacesetterError(
        f"{path}: is not empty, and holds no run that could be resumed; choose another folder, or "
        "delete this one."
    )


def _unwritable(path: Path, error: OSError) -> PacesetterError:
    cure = "free some space" if is_disk_full(error, path) else "check its permissions"
    return PacesetterError(
        f"{path}: cannot be written ({error.strerror}); {cure}, or choose another folder."
    )
