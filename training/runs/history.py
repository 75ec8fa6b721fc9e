"""The path of a run, one row per iteration: as CSV in the run folder and as TensorBoard scalars."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

HISTORY = "history.csv"
ITERATION = "iteration"


class History:
    """Writes what every iteration brings; a resumed run goes on where its checkpoint stands.

    Args:
        folder: of the run.
        first_iteration: rows and events from this iteration on are dropped: they are of a part of
            the run that will be done again.
    """

    def __init__(self, folder: Path, first_iteration: int = 0):
        self._path = folder / HISTORY
        kept = [r for r in read_history(folder) if r[ITERATION] < first_iteration]
        self._columns: list[str] = list(kept[0]) if kept else []
        self._file = self._path.open("w", newline="", encoding="utf-8")
        self._writer: csv.DictWriter[str] | None = None
        for row in kept:
            self._write(row)
        self.events = SummaryWriter(
            str(folder / "tensorboard"), purge_step=first_iteration or None, flush_secs=10
        )

    def add(self, iteration: int, values: Mapping[str, float]) -> None:
        """Record ``group/name`` -> number for one iteration."""
        self._write({ITERATION: iteration, **values})
        for name, value in values.items():
            if math.isnan(value):
                continue
            self.events.add_scalar(name, value, iteration)

    def close(self) -> None:
        """Flush both."""
        self._file.close()
        self.events.close()

    def _write(self, row: Mapping[str, Any]) -> None:
        if self._writer is None:
            self._columns = list(row)
            self._writer = csv.DictWriter(
                self._file, self._columns, restval="", extrasaction="ignore"
            )
            self._writer.writeheader()
        self._writer.writerow(row)
        self._file.flush()


def read_history(folder: Path) -> list[dict[str, float]]:
    """The rows of a run, oldest first; empty if it has none. Missing values are NaN."""
    path = folder / HISTORY
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    # A run that was killed may have left half a last line.
    whole = [row for row in rows if all(value is not None for value in row.values())]
    return [{k: float(v) if v else float("nan") for k, v in row.items()} for row in whole]
