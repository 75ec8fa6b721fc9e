"""A posterior on disk: weights as safetensors, all else as JSON; nothing is ever unpickled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from ...envs.core.errors import PacesetterError
from ...leaders.leader import KeptDistribution
from .whole_files import whole_file, write_json

if TYPE_CHECKING:
    from ...leaders.gradient.amortised import Amortised
    from ...leaders.gradient.posterior import Posterior

UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError)
"""What reading a file raises that is damaged, or is of something else."""

WEIGHTS, RECORD = "posterior.safetensors", "posterior.json"
AMORTISED_WEIGHTS, AMORTISED_RECORD = "amortised.safetensors", "amortised.json"


def save_posterior(folder: Path, posterior: KeptDistribution) -> None:
    """Write a posterior into a folder; the record comes last and says that it is whole."""
    _save(folder / WEIGHTS, folder / RECORD, posterior)


def save_amortised(folder: Path, amortised: Amortised) -> None:
    """Write an amortised posterior into a folder, beside that of the run."""
    _save(folder / AMORTISED_WEIGHTS, folder / AMORTISED_RECORD, amortised)


def _save(weights: Path, record: Path, parts: KeptDistribution | Amortised) -> None:
    with whole_file(weights) as temporary:
        save_file(parts.tensors(), temporary)
    write_json(record, parts.record())


def has_posterior(folder: Path) -> bool:
    """Whether the answer in a run folder is a distribution."""
    return (folder / RECORD).exists()


def load_posterior(folder: Path) -> Posterior:
    """The posterior of a finished run.

    Raises:
        PacesetterError: there is none, or its files are damaged.
    """
    from ...leaders.gradient.posterior import Posterior  # torch takes a second to import

    if not has_posterior(folder):
        raise PacesetterError(
            f"{folder}: there is no posterior (no {RECORD}); train with leader.name=variational to "
            "the end, or resume the run."
        )
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return Posterior.from_parts(load_file(folder / WEIGHTS), record)
    except UNREADABLE as error:
        raise PacesetterError(
            f"{folder}: the posterior cannot be read ({error}); resume the run from its last "
            "checkpoint, or train it again."
        ) from error


def load_amortised(folder: Path) -> Amortised:
    """The amortised posterior that an evaluation left in a run folder.

    Raises:
        PacesetterError: there is none, or its files are damaged.
    """
    from ...leaders.gradient.amortised import Amortised

    try:
        record = json.loads((folder / AMORTISED_RECORD).read_text(encoding="utf-8"))
        return Amortised.from_parts(load_file(folder / AMORTISED_WEIGHTS), record)
    except UNREADABLE as error:
        raise PacesetterError(
            f"{folder}: there is no amortised posterior that can be read ({error}); set "
            "leader.amortised_simulations and evaluate again."
        ) from error
