"""RLlib's PPO, configured from an experiment through public options alone."""

from __future__ import annotations

import logging
import math
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import ray
import torch
from numpy.typing import NDArray
from ray._private import ray_constants
from ray.rllib.algorithms.ppo import PPO
from torch import Tensor

from ...envs.core.dotted import IMPORTED
from ...envs.core.errors import PacesetterError
from ..backend import Iteration, SampleReport
from ..experiments.experiment import Experiment
from ..experiments.place import cores_here
from ..policies.policies import OF_CRITIC
from ..policies.threads import limit_threads
from .cluster import connect
from .config import array_config, module_options
from .own_session import end_in_silence, last_words, leave_session, own_session
from .remote.learners import RemoteLearners
from .remote.runners import RemoteRunners

Algorithm: TypeAlias = PPO
"""What trains the modules: opaque to the loop, which hands it to the functions here."""

QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}
"""Ray counts its users, and its servers log onto the driver's screen, at length where one dies."""

ABORTS = "RAY_DISABLE_FAILURE_SIGNAL_HANDLER"
"""A driver that is told to end prints the stack of Ray's C++ code, and aborts after three seconds,
unless this is set (ray pull request 64830)."""

STARTS = 2  # attempts to start Ray here


def start_ray(experiment: Experiment, address: str | None = None) -> None:
    """Connect to a cluster, or start Ray here, without a dashboard and with a small store.

    A Ray that runs in this process already is used, if it has a core for every worker: without
    one Ray would wait for ever.

    Args:
        experiment: says how many workers are wanted.
        address: of a running cluster, or ``auto``; None starts Ray here.

    Raises:
        PacesetterError: the cluster cannot be reached or has too few cores, or Ray does not start.
    """
    limit_threads(experiment.training.torch_threads)
    if ABORTS not in os.environ:  # which Ray has read when it was imported
        setattr(ray_constants, ABORTS, True)
    if not ray.is_initialized():
        with _nothing_reported():
            _initialise_ray(experiment, address)
    workers = experiment.training.env_runners + experiment.training.learners
    cores = int(ray.cluster_resources().get("CPU", 0))
    if cores < workers:
        raise PacesetterError(
            f"training.env_runners and training.learners ask for {workers} workers, one core each, "
            f"but Ray has {cores} core(s). Lower them, add machines to the cluster, or call "
            "ray.shutdown() if an earlier run in this process started Ray for fewer."
        )


@contextmanager
def _nothing_reported() -> Iterator[None]:
    """Ray, and the processes that it starts within, report nothing to the outside or on the screen.

    They look at the environment once, when they start. What the user has set there holds.
    """
    added = {name: value for name, value in QUIET.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


@contextmanager
def _without_line(text: str) -> Iterator[None]:
    """Keep lines with a text off standard error, which code outside Python writes to as well."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        before = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(before, 2)
            os.close(before)
            held.seek(0)
            for line in held:
                if text.encode() not in line:
                    os.write(2, line)


def _initialise_ray(experiment: Experiment, address: str | None) -> None:
    if address is not None:
        leave_session()
        connect(experiment, address)
        return
    workers = experiment.training.env_runners + experiment.training.learners
    if workers > (cores := cores_here()):
        print(
            f"{workers} workers of training.env_runners and training.learners share the {cores} "
            "core(s) of this machine and take turns; fewer would be as fast.",
            flush=True,
        )
    start_ray_here(workers, experiment.training.object_store_megabytes)


def start_ray_here(workers: int, megabytes: int = 128) -> None:
    """Start a Ray on this machine, for so many workers and with a store of that size."""
    common: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if workers and (folders := sorted(filter(None, set(IMPORTED.values())))):
        # Workers have the current folder on their import path, but not what this process added.
        path = os.pathsep.join([*folders, "${PYTHONPATH}"])
        common["runtime_env"] = {"env_vars": {"PYTHONPATH": path}}
    _start_here(
        # Without an address Ray looks for one in RAY_ADDRESS and in its folder of sessions.
        address="local",
        num_cpus=workers + 1,
        include_dashboard=False,
        object_store_memory=megabytes * 2**20,
        _node_ip_address="127.0.0.1",
        **common,
    )


def _start_here(**options: Any) -> None:
    """Start Ray on this machine; a busy one may miss Ray's time limits once."""
    for attempt in range(STARTS):
        folder = own_session()
        try:
            with _without_line("Set ray log level from environment variable"):
                ray.init(_temp_dir=folder, **options)
            end_in_silence()
            return
        except ValueError:  # an option at fault, which is so again
            raise
        except Exception as error:  # Ray raises that very class where a process is late
            ray.shutdown()
            if attempt == STARTS - 1:
                reason = (str(error) or type(error).__name__).splitlines()[0]
                raise PacesetterError(
                    f"Ray did not start on this machine, in {STARTS} attempts ({reason}). It needs "
                    "a few seconds of processor time, a gigabyte of memory and room in /tmp; end "
                    "what keeps the machine busy and start again, or name a running cluster with "
                    "--address."
                ) from error


def build(experiment: Experiment) -> Algorithm:
    """The algorithm, ready to train."""
    if experiment.training.route == "stock":
        from .stock import stock_config

        config = stock_config(experiment)
    else:
        config = array_config(experiment)
    with _errors_of_runners() as said:
        try:
            return config.build_algo()
        except Exception:
            if not said:
                raise
            # RLlib logs why a runner could not be built, and then fails for want of it.
            whole, last = RuntimeError(said[0]), said[0].strip().splitlines()[-1]
            raise RuntimeError(f"no env runner could be built: {last}") from whole


@contextmanager
def _errors_of_runners() -> Iterator[list[str]]:
    """Collect what RLlib says of runners that could not be built, and keep it off the screen."""
    said: list[str] = []
    logger = logging.getLogger("ray.rllib.env.env_runner_group")

    def note(record: logging.LogRecord) -> bool:
        if record.levelno < logging.ERROR:
            return True
        said.append(record.getMessage())
        return False

    logger.addFilter(note)
    try:
        yield said
    finally:
        logger.removeFilter(note)


class RLlibBackend:
    """A `Backend` on RLlib: its training step, workers and checkpoints.

    Args:
        experiment: what is trained.
        address: of a Ray cluster; None runs on this machine.
        words: to be said if Ray ends this process.
    """

    def __init__(self, experiment: Experiment, address: str | None = None, words: str = ""):
        start_ray(experiment, address)
        last_words(words)
        self._experiment = experiment
        self.algorithm = build(experiment)
        self.modules = live_modules(self.algorithm)
        training = experiment.training
        self._remote: RemoteRunners | None = None
        if training.env_runners:
            self._remote = RemoteRunners(self.algorithm, training.step_timeout_seconds)
        self._learners: RemoteLearners | None = None
        if training.learners > 1 and training.route == "array":
            options = module_options(experiment)
            minibatches = {name: one["minibatch_size"] for name, one in options.items()}
            self._learners = RemoteLearners(self.algorithm, training.copies, minibatches)
        self._failed = False

    def command(self, led: int, theta: NDArray[np.float64] | None) -> None:
        """See `Backend.command`."""

        def command(runner: Any) -> None:
            runner.lead(led)
            if theta is not None:
                part = max(0, (runner.worker_index or 1) - 1)
                runner.assign(theta[part * led : (part + 1) * led])

        if not self._remote:
            on_runners(self.algorithm, command)
            return
        with self._noting_failure():
            self._remote.command(command)

    def iterate(self) -> Iteration:
        """See `Backend.iterate`."""
        with self._noting_failure():
            return self._remote.sample(self._iterate) if self._remote else self._iterate()

    def critics(self) -> dict[str, dict[str, Tensor]]:
        """See `Backend.critics`."""
        with self._noting_failure():
            weights = self.algorithm.learner_group.get_weights()
        critics: dict[str, dict[str, Tensor]] = {name: {} for name in self.modules}
        for name, critic in critics.items():
            for key, value in weights[name].items():
                if key.startswith(OF_CRITIC):
                    critic[key] = torch.as_tensor(value)
        return critics

    @contextmanager
    def _noting_failure(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._failed = True
            raise

    def _iterate(self) -> Iteration:
        if self._remote:
            self._remote.take_reports()  # of a sample that was lost
        result = self.algorithm.train()
        if self._remote and self._experiment.training.route != "stock":
            reports = self._remote.take_reports()
        elif self._remote:
            reports = list(filter(None, self._remote.call(lambda runner: runner.take_report())))
        else:
            reports = take_reports(self.algorithm)
        check_sampled(result, reports)
        return Iteration(reports, result["learners"])

    def save(self, folder: Path) -> None:
        """See `Backend.save`."""
        # Ray takes a relative path for an address of some file system.
        with self._noting_failure():
            self.algorithm.save_to_path(folder.resolve())
            if self._remote and self._keeps_games:
                self._remote.save(folder)

    def restore(self, folder: Path) -> str:
        """See `Backend.restore`."""
        self.algorithm.restore_from_path(folder.resolve())
        if not self._keeps_games:
            return "RLlib's stock route does not save its environments"
        if self._remote:
            return self._remote.restore(folder)
        return str(self.algorithm.env_runner_group.local_env_runner.lost)

    @property
    def _keeps_games(self) -> bool:
        return self._experiment.training.route != "stock"

    def stop(self) -> None:
        """See `Backend.stop`."""
        try:
            if self._failed and self._learners:  # what hangs would be waited for
                self._learners.end()
            if self._failed and self._remote:
                self._remote.end()
                self.algorithm.learner_group.shutdown()
            else:
                self.algorithm.stop()
        finally:  # until here Ray may end this process
            last_words("")
        if self._remote:
            self._remote.release()


def take_reports(algorithm: Algorithm) -> list[SampleReport]:
    """The reports of all runners that answered."""
    reports = on_runners(algorithm, lambda runner: runner.take_report())
    return [report for report in reports if report]


def on_runners(algorithm: Algorithm, function: Any) -> list[Any]:
    """Call a function of the runner on every runner that samples."""
    group = algorithm.env_runner_group
    local = algorithm.config.num_env_runners == 0
    return group.foreach_env_runner(function, local_env_runner=local)


def check_sampled(result: dict[str, Any], reports: list[SampleReport]) -> None:
    """A remote runner that keeps failing shows as an iteration without samples, not as an error."""
    steps = result["env_runners"].get("num_env_steps_sampled", 0)
    if not reports or not math.isfinite(steps) or steps <= 0:
        raise RuntimeError("no env runner delivered a sample")


def live_modules(algorithm: Algorithm) -> dict[str, Any]:
    """The actors in the main process, which RLlib keeps in step with the learner."""
    module = algorithm.env_runner_group.local_env_runner.module
    return {name: module[name] for name in module.keys()}  # noqa: SIM118
