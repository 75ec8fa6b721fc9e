"""What a certificate has done so far, piece by piece, so that an interrupted one goes on.

It stands beside the run, in ``RUN.certificate``: a certificate that fails leaves the run as it was.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ...envs.core.errors import PacesetterError
from ..experiments.experiment import Experiment
from ..policies.policies import Policies
from ..runs.array_file import read_arrays, write_arrays
from ..runs.run_folder import prepare_folder
from ..runs.whole_files import write_json

SUBJECT, DONE = "subject.json", "policies.json"
VERSION = 3  # of what is kept; a certificate of another version cannot be gone on with
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Work:
    """A folder of finished pieces.

    Attributes:
        path: the folder.
        say: is told what is being done; a line each.
    """

    path: Path
    say: Callable[[str], None]

    @classmethod
    def begin(
        cls,
        path: Path,
        subject: dict[str, Any],
        say: Callable[[str], None],
        anew: bool = False,
        replaces: bool = False,
    ) -> Work:
        """The folder of a certificate of this subject: a new one, or the one to go on in.

        Args:
            path: the folder.
            subject: what is certified and how; plain values.
            say: see `Work`.
            anew: throw away what is there, whatever it is of.
            replaces: throw it away where it is of another subject.

        Raises:
            PacesetterError: the folder is of another subject or version, or something else.
        """
        subject = json.loads(json.dumps(subject | {"version": VERSION}))
        if path.exists():
            before = cls.subject(path)
            if before == subject and not anew:
                return cls(path, say)
            if not (anew or replaces):
                raise PacesetterError(f"{path}: {_difference(before, subject)}")
            shutil.rmtree(path)
        prepare_folder(path)
        write_json(path / SUBJECT, subject)
        return cls(path, say)

    @staticmethod
    def subject(path: Path) -> dict[str, Any] | None:
        """What the work in a folder is about; None if there is none.

        Raises:
            PacesetterError: the folder holds something else.
        """
        if not path.exists():
            return None
        try:
            found = json.loads((path / SUBJECT).read_text(encoding="utf-8"))
            if isinstance(found, dict) and "version" in found:
                return found
        except (OSError, ValueError):
            pass
        raise PacesetterError(
            f"{path}: is where the work on a certificate is kept, and holds something else (no "
            f"{SUBJECT} that can be read); move it elsewhere or delete it."
        )

    def arrays(self, name: str, make: Callable[[], Arrays]) -> Arrays:
        """The arrays of a piece: kept ones, or made and kept."""
        path = self.path / f"{name}.npz"
        kept = read_arrays(path, "Delete this file to have it made again.")
        if kept is None:
            self.say(name)
            kept = make()
            path.parent.mkdir(parents=True, exist_ok=True)
            write_arrays(path, kept)
        return kept

    def policies(self, name: str, experiment: Experiment, make: Callable[[], Policies]) -> Policies:
        """The policies of a piece: kept ones, or learned and kept."""
        folder = self.path / name
        if (folder / DONE).exists():
            return Policies.load(experiment, folder)
        self.say(name)
        found = make()
        found.save(folder)
        return Policies.load(experiment, folder)


def _difference(before: dict[str, Any] | None, now: dict[str, Any]) -> str:
    """In what the work that is there differs from what is asked for, and what to do."""
    before = before or {}
    names = [name for name in now if before.get(name) != now[name]]
    cure = "--anew throws it away and begins again"
    if "version" in names:
        return (
            f"the certificate there is of version {before.get('version')}, and this software makes "
            f"version {now['version']}; {cure}."
        )
    if "answer" in names:
        return (
            f"the certificate there is of another answer ({_shown(before.get('answer'))} and not "
            f"{_shown(now['answer'])}); {cure}."
        )
    return (
        f"the certificate there was begun with another {' and '.join(names)}; give the same, or "
        f"{cure}."
    )


def _shown(answer: Any) -> str:
    if not isinstance(answer, dict):
        return str(answer)
    return ", ".join(f"{name} = {value:.6g}" for name, value in answer.items())
