"""What benchmarks measure of Ray and RLlib: a session of Ray, its store and its calls."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import ray

from ..experiments.experiment import Experiment
from .backend import RLlibBackend, start_ray_here

CALLS = 50


def begin(workers: int, megabytes: int) -> None:
    """A Ray of this process alone for so many workers; one that is here is used if it has them."""
    if ray.is_initialized() and ray.cluster_resources().get("CPU", 0) < workers:
        ray.shutdown()
    if not ray.is_initialized():
        start_ray_here(workers, megabytes)


def end() -> None:
    """Stop it, with whatever still runs there."""
    ray.shutdown()


def seconds(work: Callable[[], Any], calls: int = CALLS) -> float:
    """Median over calls, by the clock on the wall."""
    took = []
    for _ in range(calls):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return median(took)


def through_store(value: Any) -> tuple[Any, float]:
    """A value as another process finds it in Ray's store, and the seconds to read it."""
    stored = ray.put(value)
    return ray.get(stored), seconds(lambda: ray.get(stored))


def store(value: Any) -> None:
    """Put a value into Ray's store."""
    ray.put(value)


class RunnerCosts(NamedTuple):
    """Bytes and seconds of one remote env runner.

    Attributes:
        weights: bytes that it gets after an iteration.
        parameters: bytes of a gradient of all modules.
        put: seconds to store the weights.
        call: seconds to ask it and take an empty answer.
    """

    weights: int
    parameters: int
    put: float
    call: float


def of_a_runner(experiment: Experiment) -> RunnerCosts:
    """Measured on the first remote env runner of an experiment."""
    backend = RLlibBackend(experiment)
    try:
        group, runners = backend.algorithm.learner_group, backend.algorithm.env_runner_group
        whole = group.get_weights()
        own = runners.local_env_runner.module.get_state()
        runner = next(iter(runners._worker_manager.actors().values()))
        put = seconds(lambda: ray.put(own))
        call = seconds(lambda: ray.get(runner.ping.remote()))
    finally:
        backend.stop()
    parameters = sum(np.asarray(v).nbytes for module in whole.values() for v in module.values())
    return RunnerCosts(len(pickle.dumps(own, protocol=5)), parameters, put, call)
