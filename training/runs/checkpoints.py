"""Checkpoints of one run: complete ones count, incomplete ones are as if they were not there."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from ...envs.core.errors import PacesetterError
from ..experiments.conversion import plain
from ..experiments.experiment import Experiment
from ..experiments.load import resolved
from ..experiments.yaml_file import dump_yaml, read_yaml
from .intact import COMPLETE, is_mine, read_marker, write_marker
from .whole_files import flush_folder, no_room, write_whole

CONFIG = "config.yaml"
KEPT = 2
FREE_TRAINING_KEYS = (
    "iterations",
    "learners",
    "checkpoint_every",
    "evaluate_every",
    "learner_threads",
    "sampler_threads",
    "step_timeout_seconds",
    "torch_threads",
    "object_store_megabytes",
)
"""Keys of the section ``training`` that may change when a run goes on; all others must stand."""
SECTIONS = ("market", "objective", "leader", "followers", "training")


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
        write_marker(partial, {"iteration": iteration, "digest": digest(bound)})
        flush_folder(partial)
        # Those of later iterations were damaged, and their part of the run has been done again.
        older = [p for p in complete_checkpoints(parent) if _number(p) < iteration and _is_whole(p)]
        for stale in set(parent.glob("iteration_*")) - set(older[1 - KEPT :]):
            shutil.rmtree(stale, ignore_errors=True)  # also what a kill left half removed
        partial.rename(target)
    except BaseException as error:
        shutil.rmtree(partial, ignore_errors=True)
        full = no_room(error, parent.parent)
        if not full:
            raise
        last = latest_checkpoint(parent)
        raise PacesetterError(
            f"the checkpoint of iteration {iteration} was not written: {full}, and resume the run. "
            f"{f'The last good one is {last}' if last else f'There is no earlier one in {parent}'}."
        ) from error


def latest_checkpoint(parent: Path) -> Path | None:
    """The last checkpoint that is whole; None if there is none."""
    return next(filter(_is_whole, reversed(complete_checkpoints(parent))), None)


def checkpoint_to_resume(
    parent: Path, experiment: Experiment, trusted: bool = False
) -> tuple[Path | None, list[str]]:
    """The last checkpoint that is whole, and what is wrong with those after it, in sentences.

    Args:
        parent: folder of the checkpoints.
        experiment: what the run is to go on with.
        trusted: go on from a checkpoint that somebody else wrote.

    Raises:
        PacesetterError: it was made by another experiment, and the keys that differ are named
            (``name``, ``description``, ``evaluation`` and `FREE_TRAINING_KEYS` may differ); or it
            was written by somebody else, and reading it would run what its author likes.
    """
    damaged = []
    for path in sorted(_checkpoints(parent), key=_number, reverse=True):
        try:
            marker = read_marker(path)
        except ValueError as error:
            damaged.append(f"{path} is damaged: {error}.")
            continue
        if not trusted and not is_mine(marker):
            raise PacesetterError(
                f"{path}: was not written by you on this machine, and a checkpoint can hold code "
                "that runs when it is read. If you trust whoever wrote it, give --trust-checkpoint."
            )
        _check_same(path, marker, experiment)
        return path, damaged
    return None, damaged


def complete_checkpoints(parent: Path) -> list[Path]:
    """Checkpoints that were written to their end, oldest first; a file may be damaged since."""
    complete = [path for path in _checkpoints(parent) if (path / COMPLETE).is_file()]
    return sorted(complete, key=_number)


def _checkpoints(parent: Path) -> list[Path]:
    return [path for path in parent.glob("iteration_*") if re.fullmatch(r"\w+_\d+", path.name)]


def _is_whole(checkpoint: Path) -> bool:
    try:
        read_marker(checkpoint)
    except ValueError:
        return False
    return True


def _number(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("_")[2])


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


def _check_same(checkpoint: Path, marker: dict[str, Any], experiment: Experiment) -> None:
    if marker.get("digest") == digest(bound_sections(experiment)):
        return
    then = read_yaml(checkpoint / CONFIG).values
    differing = differences(then, experiment, "in the checkpoint")
    if differing:
        raise PacesetterError(
            f"{checkpoint}: was made by another experiment; resume with the same values, or start "
            "a new run. These differ:\n" + "\n".join(differing)
        )


def differences(then: dict[str, Any], experiment: Experiment, when: str) -> list[str]:
    """A line for every key whose value is another now; `when` says where the old one stands.

    What the software of then did not know has its default, unless somebody has set it since.
    """
    then, now = _flat(then), _flat(bound_sections(experiment))
    before = _flat(_defaults(experiment)) | then
    return [
        f"  {key}: {then.get(key, 'absent')} {when}, {now.get(key, 'absent')} now"
        for key in {**then, **now}
        if before.get(key, ...) != now.get(key, ...)
    ]


def _defaults(experiment: Experiment) -> dict[str, Any]:
    """Options of an experiment's sections by dotted key, as they are where nobody sets them."""
    found = {}
    for section in SECTIONS:
        options = getattr(experiment, section)
        for option in fields(options):
            if option.default is not MISSING:
                found[f"{section}.{option.name}"] = plain(option.default)
    return found


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict) and value:
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
