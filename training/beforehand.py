"""What can be known to be wrong with an experiment before anything is written."""

from __future__ import annotations

from ..envs.core.errors import PacesetterError
from .experiments.experiment import Experiment
from .experiments.place import WAIT, check_place


def check_beforehand(experiment: Experiment, address: str | None, wait: float = WAIT) -> None:
    """Refuse what could not be trained, or not be measured afterwards.

    Args:
        experiment: as loaded.
        address: of a Ray cluster; None: this machine.
        wait: seconds that a cluster has to answer and to have free cores.

    Raises:
        PacesetterError: Ray is needed and is not installed, the leader asks what its market cannot
            answer, a user's market fails, what was trained could not be measured, or the cluster
            does not answer.
    """
    check_place(experiment, address)
    check_market(experiment)  # in a fork, which is best made before torch is imported
    _check_question(experiment)
    _check_evaluation(experiment)
    if experiment.training.device is not None:
        from .ppo.device.place import device_of  # imports torch

        device_of(experiment)
    join(experiment, address, wait)


def join(experiment: Experiment, address: str | None, wait: float = WAIT) -> None:
    """Join the cluster that is named, if one is."""
    if address is not None:
        from .rllib.cluster import connect  # imports Ray

        connect(experiment, address, wait)


def check_market(experiment: Experiment) -> None:
    """Refuse a user's market that fails within a few steps, or does not keep to its spaces."""
    from ..envs.check.apart import TRIAL_STEPS, is_of_a_user, try_apart

    if is_of_a_user(experiment.market):
        limit = TRIAL_STEPS * experiment.training.step_timeout_seconds
        try_apart(experiment.market, limit)


def _check_question(experiment: Experiment) -> None:
    """Refuse a leader whose question about derivatives cannot be answered in its market.

    And files of a real market that a world cannot be learned from: they are read here.
    """
    experiment.leader.laboratory(experiment.market, experiment.seed)
    question = experiment.guide().question()
    if question is not None and question.wants:
        from .derivatives.choose import choose  # imports torch

        choose(experiment, question)


def _check_evaluation(experiment: Experiment) -> None:
    """Refuse what could be trained and not be measured afterwards."""
    from .studies.catalogue import study_of  # imports torch

    study = study_of(experiment.market)
    if problems := list(study.unfit(experiment) if study else ()):
        raise PacesetterError("\n".join(problems))
