"""Which backend trains an experiment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..experiments.experiment import Experiment
from ..experiments.place import check_place, has_ray, in_one_process

if TYPE_CHECKING:
    from ..backend import Backend


def backend_for(
    experiment: Experiment, address: str | None = None, last_words: str = ""
) -> Backend:
    """RLlib where followers learn and Ray is installed; otherwise this process alone.

    Args:
        experiment: what is trained.
        address: of a Ray cluster; None runs on this machine.
        last_words: to be said if Ray ends this process, which it does where its own server dies.

    Raises:
        PacesetterError: see `check_place`; or Ray cannot be reached.
    """
    check_place(experiment, address)
    if experiment.training.device is not None:
        from ..ppo.device.place import device_of

        device_of(experiment)
    if not in_one_process(experiment):
        if has_ray():
            from ..rllib.backend import RLlibBackend  # Ray takes seconds to import

            return RLlibBackend(experiment, address, last_words)
        print(
            "Ray is not installed: training in this process, with the same numbers. "
            "More processes or a cluster: pip install 'pacesetter[train]'.",
            flush=True,
        )
    from ..ppo.backend import LocalBackend

    return LocalBackend(experiment)
