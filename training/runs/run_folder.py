"""The folder of one run: what was asked, with what software, results and checkpoints.

Every file appears whole or not at all, so that a run that was killed, or met a full disk, leaves
nothing behind that looks finished and is not.
"""

from __future__ import annotations

import contextlib
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

from ...envs.core.errors import PacesetterError
from ..experiments.experiment import Experiment
from ..experiments.load import load_experiment, resolved
from ..experiments.yaml_file import dump_yaml, read_yaml
from .array_file import read_arrays, write_arrays
from .checkpoints import (
    CONFIG,
    bound_sections,
    checkpoint_to_resume,
    differences,
    latest_checkpoint,
    new_checkpoint,
)
from .history import HISTORY, read_history
from .lock import locked
from .machine import software_versions
from .trust import code_elsewhere, named_code, refuse_strangers_code
from .whole_files import no_room, remove_remains, write_json, write_whole

VERSIONS, RESULTS, REFERENCE = "versions.json", "results.json", "reference.npz"
CERTIFICATE, CERTIFIED = "certificate.json", "certificate.png"  # and its picture
CHECKPOINTS, POLICIES, TRAINED_AS = "checkpoints", "policies", "experiment.yaml"
LEAST_FREE_MEGABYTES = 200
LONGEST_NAME = 200


@dataclass(frozen=True)
class RunFolder:
    """One run on disk; make one with `create` or `open`.

    Attributes:
        path: the folder.
        experiment: what the run was asked to do.
        trust: import the code that the folders of the run name, whoever wrote them.
        trust_checkpoint: go on from checkpoints that somebody else wrote.
    """

    path: Path
    experiment: Experiment
    trust: bool = False
    trust_checkpoint: bool = False

    @classmethod
    def create(
        cls, parent: str | Path, experiment: Experiment, name: str | None = None
    ) -> RunFolder:
        """Start a new folder in `parent`, called `name` or ``<experiment>_seed_<seed>``.

        Raises:
            PacesetterError: `name` is no folder's name, or the folder has something in it, cannot
                be written, or less than `LEAST_FREE_MEGABYTES` are free.
        """
        if name is not None:
            _check_name(name)
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
            code = named_code(resolved(experiment))
            write_json(path / VERSIONS, software_versions() | code)
            if experiment.samples:
                write_arrays(path / REFERENCE, experiment.samples)
            # Last, because its presence says that the folder is in order.
            write_whole(path / CONFIG, dump_yaml(resolved(experiment)))
        return folder

    @classmethod
    def open(
        cls, path: str | Path, trust: bool = False, trust_checkpoint: bool = False
    ) -> RunFolder:
        """The folder of an earlier run, to evaluate, report on or resume.

        What the run compares with is read from the folder, not from where it once came from. No
        code that the folder names is run, unless its user named it when the run was started.

        Args:
            path: of the folder.
            trust, trust_checkpoint: see the attributes.

        Raises:
            PacesetterError: the folder is missing or half-written, its configuration is not valid
                any more, or names code of somebody else's.
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
        if not trust:
            refuse_strangers_code(config, path / VERSIONS)
        try:
            samples = read_arrays(
                path / REFERENCE, "Delete this file to read the reference from its source."
            )
            experiment = load_experiment(config, samples=samples)
            return cls(path, experiment, trust, trust_checkpoint)
        except PacesetterError as error:
            if elsewhere := code_elsewhere(path / VERSIONS):
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
        return read_numbers(path, f"'pacesetter evaluate {self.path}' writes it again.")

    # Checkpoints --------------------------------------------------------------------------------

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints; it need not exist."""
        return self.path / CHECKPOINTS

    def new_checkpoint(self, iteration: int) -> AbstractContextManager[Path]:
        """An empty folder that becomes a checkpoint; see `checkpoints.new_checkpoint`."""
        return new_checkpoint(self.checkpoints, iteration, self.experiment)

    def latest_checkpoint(self) -> Path | None:
        """The last whole checkpoint or None; see `checkpoints.latest_checkpoint`."""
        return latest_checkpoint(self.checkpoints)

    def checkpoint_to_resume(self) -> tuple[Path | None, list[str]]:
        """Where to go on, and what is wrong with later checkpoints; None: the run has not got far.

        Raises:
            PacesetterError: see `checkpoints.checkpoint_to_resume`; or there is no checkpoint any
                more of a run that had some.
        """
        found, damaged = checkpoint_to_resume(
            self.checkpoints, self.experiment, self.trust_checkpoint
        )
        done = len(read_history(self.path))
        had_some = done > self.experiment.training.checkpoint_every or self.is_trained
        if found is None and (damaged or had_some):
            why = "\n".join(damaged) or f"{self.checkpoints}: is empty, after {done} iterations."
            raise PacesetterError(
                f"{why}\nThere is no checkpoint that the run could go on from. Put one back, or "
                "start a new run, in another folder, with the same experiment and seed."
            )
        return found, damaged

    def locked(self) -> AbstractContextManager[None]:
        """Keep other processes from writing into the folder; see `lock.locked`."""
        return self._locked()

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with contextlib.ExitStack() as held:
            with self._writing():
                held.enter_context(locked(self.path))
            remove_remains(self.path)
            yield

    # What was trained ---------------------------------------------------------------------------

    @property
    def is_trained(self) -> bool:
        """Whether training has come to its end here; policies are written there alone."""
        return (self.path / POLICIES).exists()

    def keep_trained(self) -> None:
        """Write beside the policies which experiment they are of."""
        with self._writing():
            path = self.path / POLICIES / TRAINED_AS
            write_whole(path, dump_yaml(bound_sections(self.experiment)))

    def check_unchanged(self) -> None:
        """Refuse a configuration that is not the one that the policies were trained with.

        Raises:
            PacesetterError: the keys that differ are named.
        """
        path = self.path / POLICIES / TRAINED_AS
        if not path.is_file():
            return
        then = read_yaml(path).values
        if differing := differences(then, self.experiment, "when it was trained"):
            raise PacesetterError(
                f"{self.path / CONFIG}: was changed after training; set these back, or train a new "
                "run with them. These differ:\n" + "\n".join(differing)
            )

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise _unwritable(self.path, error) from error


def refuse_strangers_file(path: Path) -> None:
    """Refuse an experiment file that is the configuration of somebody else's run, and names code.

    Raises:
        PacesetterError: see `refuse_strangers_code`.
    """
    beside = (VERSIONS, RESULTS, HISTORY, POLICIES, CHECKPOINTS)
    if path.name == CONFIG and any((path.parent / name).exists() for name in beside):
        refuse_strangers_code(path, path.parent / VERSIONS)


def read_numbers(path: Path, cure: str) -> dict[str, float]:
    """A table of finite numbers, name -> number, as JSON.

    Raises:
        PacesetterError: the file is damaged, or is something else; `cure` ends the message.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        is_table = isinstance(found, dict) and all(
            type(value) in (int, float) and math.isfinite(value) for value in found.values()
        )
    except (OSError, ValueError, RecursionError, OverflowError) as error:
        raise PacesetterError(f"{path}: cannot be read ({error}). {cure}") from error
    if not is_table:
        raise PacesetterError(f"{path}: is not a table of finite numbers. {cure}")
    return dict(found)


def _check_name(name: str) -> None:
    """Refuse a name that would lead elsewhere than into the folder of the runs."""
    bad = [c for c in name if c in "/\\" or not c.isprintable()]
    if not name or name.startswith(".") or bad or len(name.encode()) > LONGEST_NAME:
        shown = name if len(name) <= 60 else f"{name[:57]}…"
        raise PacesetterError(
            f"--name: {shown!r} cannot name a folder; use letters, digits, '_' and '-', at most "
            f"{LONGEST_NAME} bytes, and give the folder that it lies in with --runs."
        )


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
    cure = no_room(error, path) or "check its permissions"
    return PacesetterError(
        f"{path}: cannot be written ({error.strerror}); {cure}, or choose another folder."
    )
