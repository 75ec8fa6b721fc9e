"""Where an experiment is trained: on Ray, or in one process without it."""

from __future__ import annotations

import importlib.util

from ...envs.core.errors import PacesetterError
from .experiment import Experiment


def has_ray() -> bool:
    """Whether Ray is installed."""
    return importlib.util.find_spec("ray") is not None


def in_one_process(experiment: Experiment) -> bool:
    """Whether an experiment does without Ray even where it is installed."""
    return experiment.training.route == "local" or not experiment.market.groups


def check_place(experiment: Experiment, address: str | None) -> None:
    """Refuse what cannot be trained here, before any work.

    Args:
        experiment: what is to be trained.
        address: of a Ray cluster; None: this machine.

    Raises:
        PacesetterError: Ray is needed and not installed, or a cluster is named for an experiment
            that does without.
    """
    training = experiment.training
    if in_one_process(experiment):
        if address is None:
            return
        nobody = f"nobody in market {experiment.market.name!r} learns"
        why = "training.route is local" if training.route == "local" else nobody
        raise PacesetterError(
            f"--address {address}: this experiment is trained in one process without Ray, because "
            f"{why}; leave the address out."
        )
    elsewhere = training.route == "stock" or training.env_runners or training.learners or address
    if elsewhere and not has_ray():
        raise PacesetterError(
            "Ray is not installed, and remote workers, clusters and training.route: stock need it. "
            "Install it with pip install 'pacesetter[train]', or set training.route=array "
            "training.env_runners=0 training.learners=0."
        )
