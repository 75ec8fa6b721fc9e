"""The path of a run, one row per iteration: as CSV in the run folder and as TensorBoard scalars."""

from __future__ import annotations

import contextlib
import csv
import io
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...envs.core.errors import PacesetterError
from .whole_files import write_whole

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

HISTORY = "history.csv"
EVENTS = "tensorboard"
ITERATION = "iteration"


class History:
    """Writes what every iteration brings; a resumed run goes on where its checkpoint stands.

    The file is whole after every row: one that the disk has no room for is taken back.

    Args:
        folder: of the run.
        first_iteration: rows and events from this iteration on are dropped: they are of a part of
            the run that will be done again.

    Raises:
        PacesetterError: there is a history that is damaged, or is none.
    """

    def __init__(self, folder: Path, first_iteration: int = 0):
        path = folder / HISTORY
        kept = [row for row in _read_rows(path) if float(row[ITERATION]) < first_iteration]
        self._columns: list[str] = list(kept[0]) if kept else []
        write_whole(path, _lines(self._columns, kept, header=True) if kept else "")
        self._file = path.open("ab", buffering=0)
        self.events = event_writer(folder, first_iteration)

    def add(self, iteration: int, values: Mapping[str, float]) -> None:
        """Record ``group/name`` -> number for one iteration."""
        row = {ITERATION: iteration, **values}
        new = not self._columns
        self._columns = self._columns or list(row)
        self._append(_lines(self._columns, [row], header=new).encode())
        for name, value in values.items():
            if math.isnan(value):
                continue
            self.events.add_scalar(name, value, iteration)

    def close(self) -> None:
        """Flush both."""
        self._file.close()
        # Events that a full disk has no room for are lost; the run is not.
        with contextlib.suppress(OSError):
            self.events.close()

    def _append(self, text: bytes) -> None:
        end = self._file.seek(0, io.SEEK_END)
        try:
            while text:
                text = text[self._file.write(text) :]
        except OSError:
            self._file.truncate(end)
            raise


def event_writer(folder: Path, first_iteration: int = 0) -> SummaryWriter:
    """What writes TensorBoard events into a run folder.

    Raises:
        PacesetterError: a file is where their folder should be.
    """
    from torch.utils.tensorboard import SummaryWriter  # imports torch

    path = folder / EVENTS
    if path.exists() and not path.is_dir():
        raise PacesetterError(
            f"{path}: is a file, and TensorBoard's events need a folder there; move it elsewhere."
        )
    return SummaryWriter(str(path), purge_step=first_iteration or None, flush_secs=10)


def read_history(folder: Path) -> list[dict[str, float]]:
    """The rows of a run, oldest first; empty if it has none. Missing values are NaN.

    Raises:
        PacesetterError: the file is damaged, or is no history of a run.
    """
    rows = _read_rows(folder / HISTORY)
    return [{k: float(v) if v else float("nan") for k, v in row.items()} for row in rows]


def _read_rows(path: Path) -> list[dict[str, str]]:
    """The whole rows of a file, as texts that are numbers; a killed run may leave half a last."""
    if not path.exists():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            text = file.read()
        text = text[: text.rfind("\n") + 1]
        rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
        whole = [row for row in rows if None not in row.values()]
        for row in whole:
            float(row[ITERATION])
            for value in row.values():
                float(value or "nan")
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        reason = f"no column {error}" if isinstance(error, KeyError) else str(error)
        raise PacesetterError(
            f"{path}: is not the history of a run, or is damaged ({reason}). Put the right file "
            "there, or move this one elsewhere to go on without the curves of training."
        ) from error
    return whole


def _lines(columns: list[str], rows: Iterable[Mapping[str, Any]], header: bool) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", extrasaction="ignore")
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
