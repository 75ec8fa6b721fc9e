"""Where an experiment is trained: on Ray, or in one process without it."""

from __future__ import annotations

import importlib.util
import os

import cloudpickle

from ...envs.core.errors import PacesetterError
from .experiment import Experiment
from .settings import TrainingSettings

WAIT = 60.0  # seconds that a cluster has to answer
RUNNERS_PER_CORE = 4


def cores_here() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def parsed_address(address: str) -> tuple[str, int] | None:
    """Host and port of a cluster; None for ``auto``, the one that this machine belongs to.

    Raises:
        PacesetterError: it is no address of a cluster.
    """
    if address == "auto":
        return None
    wanted = (
        f"--address {address!r}: give HOST:PORT of the head node, such as 10.0.0.1:6379, or 'auto' "
        "for the cluster that this machine belongs to"
    )
    if "://" in address:
        other = "pacesetter submit takes http:// addresses" if "http" in address else ""
        raise PacesetterError(f"{wanted}{f'; {other}' if other else ''}.")
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    named = host and not any(c.isspace() or c in "/\\@,;" or not c.isprintable() for c in host)
    if not named or not (port.isascii() and port.isdigit()) or not 0 < int(port[:6]) < 2**16:
        raise PacesetterError(f"{wanted}.")
    return host, int(port)


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
        PacesetterError: the address is none, Ray is needed and not installed, a cluster is named
            for an experiment that does without, or there are more threads than cores.
    """
    training = experiment.training
    for name in ("learner_threads", "sampler_threads"):
        _check_threads(name, getattr(training, name), address)
    _check_runners(training, address)
    _check_learners(training, address)
    if address is not None:
        parsed_address(address)
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
    if training.env_runners or training.learners or address:
        _refuse_unpicklable(experiment)


def _refuse_unpicklable(experiment: Experiment) -> None:
    """Workers in other processes get the experiment as a pickle."""
    try:
        cloudpickle.dumps(experiment.bound())
    except Exception as error:  # whatever an object or its own methods raise
        raise PacesetterError(
            f"remote workers get the experiment as a pickle, and this one with market "
            f"{experiment.market.name!r} cannot be pickled ({type(error).__name__}: {error}). Make "
            "what is at fault when it is first used, or set training.env_runners=0 "
            "training.learners=0."
        ) from error


def _check_threads(name: str, threads: int, address: str | None) -> None:
    """More threads than cores only wait for each other; what a cluster has is not known here."""
    cores = cores_here()
    if address is None and threads > cores:
        raise PacesetterError(
            f"training.{name} is {threads}, and this process may use {cores} cores; set "
            f"it to {cores} or less (1 suits a busy machine)."
        )


def _check_runners(training: TrainingSettings, address: str | None) -> None:
    """A few runners may take turns on a core; many are processes that take minutes to begin."""
    most = RUNNERS_PER_CORE * (cores := cores_here())
    if address is None and training.env_runners > most:
        raise PacesetterError(
            f"training.env_runners is {training.env_runners}, and this machine has {cores} "
            f"core(s), of which none bears more than {RUNNERS_PER_CORE}. Set it to {most} or less "
            f"({cores} would be as fast), or name a larger cluster with --address."
        )


def _check_learners(training: TrainingSettings, address: str | None) -> None:
    """Who shares a minibatch waits for the slowest; what a cluster has is not known here."""
    cores, threads, learners = cores_here(), training.learner_threads, max(1, training.learners)
    if address is None and learners * threads > cores:
        each = f" of {threads} threads each" if threads > 1 else ""
        raise PacesetterError(
            f"training.learners is {learners}{each}, and this machine has {cores} core(s); they "
            "share every minibatch and would wait for each other. Set it to "
            f"{cores // threads} or less, or name a larger cluster with --address."
        )
