"""Checkpoints of one run: complete ones count, incomplete ones are as if they were not there."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...envs.core.errors import PacesetterError
from ..experiments.experiment import Experiment
from ..experiments.load import resolved
from ..experiments.yaml_file import dump_yaml, read_yaml
from .whole_files import flush_folder, is_disk_full, write_json, write_whole

COMPLETE = "COMPLETE"
"""Name of the file that is written last into a checkpoint."""

CONFIG = "config.yaml"
KEPT = 2
FREE_TRAINING_KEYS = (
    "iterations",
    "learners",
    "checkpoint_every",
    "evaluate_every",
    "learner_threads",
    "torch_threads",
    "object_store_megabytes",
)
"""Keys of the section ``training`` that may change when a run goes on; all others must stand."""


@contextlib.contextmanager
def new_checkpoint(parent: Path, iteration: int, experiment: Experiment) -> Iterator[Path]:
    """An empty folder to write into; it becomes a checkpoint when the block ends well.

    Whenever a run is killed, at most `KEPT` checkpoints are there, and at least one once there was
    one. If the block fails, what it wrote is removed and the earlier checkpoints stand.

    Raises:
        PacesetterError: the disk is full; the message names the last good checkpoint.
    """
    target = parent / f"iteration_{iteration:06d}"
    partial = parent / f".{target.name}.partial"
    try:
        # Remains of a run that was killed while it wrote.
        for leftover in parent.glob(".*.partial"):
            shutil.rmtree(leftover)
        partial.mkdir(parents=True)
        yield partial
        bound = bound_sections(experiment)
        write_whole(partial / CONFIG, dump_yaml(bound))
        write_json(partial / COMPLETE, {"iteration": iteration, "digest": digest(bound)})
        flush_folder(partial)
        older = [path for path in complete_checkpoints(parent) if path != target]
        for stale in set(parent.glob("iteration_*")) - set(older[1 - KEPT :]):
            shutil.rmtree(stale, ignore_errors=True)  # also what a kill left half removed
        partial.rename(target)
    except BaseException as error:
        shutil.rmtree(partial, ignore_errors=True)
        if not is_disk_full(error, parent.parent):
            raise
        last = latest_checkpoint(parent)
        raise PacesetterError(
            f"{parent}: the disk is full; the checkpoint of iteration {iteration} was not written. "
            f"{f'The last good one is {last}' if last else 'There is no earlier one'}; free some "
            "space and resume the run."
        ) from error


def latest_checkpoint(parent: Path, experiment: Experiment | None = None) -> Path | None:
    """The last complete checkpoint; None if there is none.

    Args:
        parent: folder of the checkpoints.
        experiment: what the run is to go on with; None: do not compare.

    Raises:
        PacesetterError: the checkpoint was made by another experiment; the keys that differ are
            named. ``name``, ``description``, ``evaluation`` and `FREE_TRAINING_KEYS` may differ.
    """
    complete = complete_checkpoints(parent)
    if not complete:
        return None
    if experiment is not None:
        _check_same(complete[-1], bound_sections(experiment))
    return complete[-1]


def complete_checkpoints(parent: Path) -> list[Path]:
    """The complete checkpoints, oldest first."""
    complete = [path for path in parent.glob("iteration_*") if (path / COMPLETE).is_file()]
    return sorted(complete, key=lambda path: (len(path.name), path.name))


def bound_sections(experiment: Experiment) -> dict[str, Any]:
    """What must stand for a checkpoint to go on as if it had never stopped."""
    values = resolved(experiment)
    for free in ("name", "description", "evaluation"):
        del values[free]
    for free in FREE_TRAINING_KEYS:
        del values["training"][free]
    return values


def digest(values: Any) -> str:
    """A short fingerprint of plain values."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _check_same(checkpoint: Path, now: dict[str, Any]) -> None:
    try:
        marker = json.loads((checkpoint / COMPLETE).read_text(encoding="utf-8"))
        if marker["digest"] == digest(now):
            return
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PacesetterError(
            f"{checkpoint}: is damaged ({error}); delete it to go on from the one before."
        ) from error
    then, now = _flat(read_yaml(checkpoint / CONFIG).values), _flat(now)
    differing = [
        f"  {key}: {then.get(key, 'absent')} in the checkpoint, {now.get(key, 'absent')} now"
        for key in {**then, **now}
        if then.get(key, ...) != now.get(key, ...)
    ]
    if differing:
        raise PacesetterError(
            f"{checkpoint}: was made by another experiment; resume with the same values, or start "
            "a new run. These differ:\n" + "\n".join(differing)
        )


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict) and value:
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
