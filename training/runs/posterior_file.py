"""A posterior on disk: weights as safetensors, all else as JSON; nothing is ever unpickled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from ...envs.core.errors import PacesetterError
from ...leaders.leader import Distribution
from .whole_files import whole_file, write_json

if TYPE_CHECKING:
    from ...leaders.gradient.posterior import Posterior

WEIGHTS, RECORD = "posterior.safetensors", "posterior.json"


def save_posterior(folder: Path, posterior: Distribution) -> None:
    """Write a posterior into a folder; the record comes last and says that it is whole."""
    with whole_file(folder / WEIGHTS) as temporary:
        save_file(posterior.tensors(), temporary)
    write_json(folder / RECORD, posterior.record())


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
    except (OSError, ValueError, SafetensorError) as error:
        raise PacesetterError(
            f"{folder}: the posterior cannot be read ({error}); resume the run from its last "
            "checkpoint, or train it again."
        ) from error
