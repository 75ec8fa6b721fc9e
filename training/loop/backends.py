"""Which backend trains an experiment."""

from __future__ import annotations

import importlib.util

from ...envs.core.errors import PacesetterError
from ..backend import Backend
from ..experiments.experiment import Experiment
from ..ppo.backend import LocalBackend


def backend_for(experiment: Experiment, address: str | None = None) -> Backend:
    """RLlib where followers learn and Ray is installed; otherwise this process alone.

    Args:
        experiment: what is trained.
        address: of a Ray cluster; None runs on this machine.

    Raises:
        PacesetterError: the experiment needs Ray, which is not installed or cannot be reached, or
            a cluster is named for an experiment that does not use one.
    """
    training = experiment.training
    if training.route == "local" or not experiment.market.groups:
        if address is not None:
            raise PacesetterError(
                f"--address {address}: this experiment runs in this process alone, because "
                + (
                    "training.route is local"
                    if training.route == "local"
                    else f"nobody in market {experiment.market.name!r} learns"
                )
                + "; leave the address out."
            )
        return LocalBackend(experiment)
    if importlib.util.find_spec("ray") is None:
        if training.route == "stock" or training.env_runners or training.learners or address:
            raise PacesetterError(
                "Ray is not installed, and this experiment needs it (training.route: stock, remote "
                "workers or a cluster). Install it with pip install 'ray[rllib]', or set "
                "training.route=array training.env_runners=0 training.learners=0."
            )
        print("Ray is not installed: training in this process, with the same numbers.", flush=True)
        return LocalBackend(experiment)
    from ..rllib.backend import RLlibBackend  # Ray takes seconds to import

    return RLlibBackend(experiment, address)
