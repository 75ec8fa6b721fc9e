"""The training loop: followers first, then leader and followers on two time-scales."""

from __future__ import annotations

import json
import math
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from torch.utils.tensorboard import SummaryWriter

from ...envs.core.errors import PacesetterError
from ..backend import SampleReport
from ..experiments.experiment import Experiment
from ..experiments.rules import leader_copies
from ..policies.policies import Policies, Trained
from ..policies.specification import module_spaces
from ..rllib.backend import (
    Algorithm,
    build,
    check_sampled,
    command_runners,
    live_modules,
    start_ray,
    take_reports,
)
from ..rllib.learner import NonFiniteTrainingError
from ..runs.history import History
from ..runs.run_folder import RunFolder
from ..runs.whole_files import write_whole
from .averaging import WeightAverage
from .guides import Guide, guide_for
from .progress import Progress

ERROR_LOG = "error.log"
GUIDE_FILE, AVERAGE_FILE = "guide.json", "average.safetensors"
LEARNING_SCALARS = (
    "policy_loss",
    "vf_loss",
    "entropy",
    "mean_kl_loss",
    "clipped_share",
    "gradient_norm",
    "value_explained_variance",
)


Watch = Callable[[Trained, SummaryWriter, int], None]
"""What looks at policies that are still learning: policies, TensorBoard's writer and iteration."""


@dataclass(frozen=True)
class Outcome:
    """What training ended with.

    Attributes:
        theta: the leader's answer, ``(d,)``; None if the run was interrupted and can be resumed.
        iterations: done so far.
        seconds: of training in this call.
    """

    theta: np.ndarray | None
    iterations: int
    seconds: float


def train(
    run: RunFolder, address: str | None = None, quiet: bool = False, watch: Watch | None = None
) -> Outcome:
    """Train the run's experiment, from its last checkpoint if it has one.

    Phase 1 trains followers under θ drawn from the prior, so that a leader never chases untrained
    behaviour. In phase 2 the leader sets θ in most copies, and learns more slowly than the
    followers; the other copies stay on random θ, so that followers stay good everywhere.

    Args:
        run: where everything is written.
        address: of a Ray cluster; None runs on this machine.
        quiet: no progress display.
        watch: called every `evaluate_every` iterations with the policies as they are.

    Raises:
        PacesetterError: training failed; the message names the last good checkpoint.
    """
    experiment, settings = run.experiment, run.experiment.training
    checkpoint = run.latest_checkpoint(experiment)
    start_ray(experiment, address)
    algorithm = build(experiment)
    modules = live_modules(algorithm)
    guide, average = guide_for(experiment, modules), WeightAverage(modules)
    first = 0
    if checkpoint:
        first = restore(algorithm, guide, average, checkpoint)
        if reason := inexact_resume(algorithm, experiment):
            print(
                f"This resume is not exact: the episodes under way begin anew, because {reason}.",
                flush=True,
            )
    total = settings.pretrain_iterations + settings.iterations
    history = History(run.path, first)
    started, iteration = time.monotonic(), first
    try:
        with interruptible() as interrupted, Progress(experiment, first, quiet) as progress:
            while iteration < total and not interrupted:
                leading = iteration >= settings.pretrain_iterations
                command(algorithm, experiment, guide, leading)
                began = time.perf_counter()
                result = algorithm.train()
                seconds = time.perf_counter() - began
                reports = take_reports(algorithm)
                check_sampled(result, reports)
                if leading:
                    guide.learn(reports, last=iteration == total - 1)
                scalars = summarise(experiment, result, reports, guide, leading, seconds)
                history.add(iteration, scalars)
                iteration += 1
                if iteration > total - settings.averaged_share * total:
                    average.add()
                progress.show(iteration, scalars)
                due = settings.evaluate_every and not iteration % settings.evaluate_every
                if watch and leading and due:
                    now = Trained(experiment, Policies(experiment, modules), guide.answer())
                    watch(now, history.events, iteration)
                if iteration % settings.checkpoint_every == 0 or iteration == total:
                    save(algorithm, guide, average, run, iteration)
            if interrupted and iteration % settings.checkpoint_every:
                save(algorithm, guide, average, run, iteration)
        theta = None
        if iteration == total:
            policies = Policies(experiment, average.modules())
            policies.save(run.path / "policies")
            theta = guide.answer(policies)
    except Exception as error:  # whatever a user's market, an objective or a worker may raise
        raise failure(error, run) from error
    finally:
        history.close()
        algorithm.stop()
    return Outcome(theta, iteration, time.monotonic() - started)


# One iteration -----------------------------------------------------------------------------------


def command(algorithm: Algorithm, experiment: Experiment, guide: Guide, leading: bool) -> None:
    """Tell the runners which copies the leader leads, and a search leader's candidates."""
    led = leader_copies(experiment.training) if leading else 0
    slots = led * max(1, experiment.training.env_runners)
    command_runners(algorithm, led, guide.next_theta(slots) if led else None)


def summarise(
    experiment: Experiment,
    result: dict[str, Any],
    reports: list[SampleReport],
    guide: Guide,
    leading: bool,
    seconds: float,
) -> dict[str, float]:
    """The scalars of one iteration, ``group/name`` -> number."""
    scalars: dict[str, float] = {}
    for name in reports[0].returns:
        scalars[f"followers/{name}_reward"] = _mean(r.returns[name] for r in reports)
        scalars[f"followers/{name}_net_reward"] = _mean(r.net_returns[name] for r in reports)
    led = np.concatenate([r.led_values for r in reports])
    for name, over_copies in (("", np.mean), ("_least", np.min), ("_largest", np.max)):
        scalars[f"leader/objective{name}"] = float(over_copies(led)) if len(led) else math.nan
    random = np.concatenate([r.random_values for r in reports])
    scalars["leader/objective_under_random_theta"] = (
        float(random.mean()) if len(random) else math.nan
    )
    answer = (
        guide.answer() if leading else np.full(len(experiment.market.characteristics), math.nan)
    )
    for name, value in zip(experiment.market.characteristics.names, answer, strict=True):
        scalars[f"theta/{name}"] = float(value)
    for name in reports[0].quantities:
        scalars[f"market/{name}"] = _mean(r.quantities[name] for r in reports)
    for module in module_spaces(experiment):
        # A leader learns in some iterations only; the columns are the same in all.
        learned = result["learners"].get(module, {})
        for key in LEARNING_SCALARS:
            scalars[f"learning/{module}_{key}"] = float(learned.get(key, math.nan))
    training = experiment.training
    env_steps = training.copies * training.rollout_steps * max(1, training.env_runners)
    agents = sum(group.size for group in experiment.market.groups)
    scalars["speed/env_steps_per_second"] = env_steps / seconds
    scalars["speed/agent_steps_per_second"] = env_steps * agents / seconds
    return scalars


def _mean(values: Iterator[float]) -> float:
    return float(np.mean(list(values)))


# Stopping and going on ---------------------------------------------------------------------------


def save(
    algorithm: Algorithm, guide: Guide, average: WeightAverage, run: RunFolder, iteration: int
) -> None:
    """Write a checkpoint of everything."""
    with run.new_checkpoint(iteration) as folder:
        average.save(folder / AVERAGE_FILE)
        # Ray takes a relative path for an address of some file system.
        algorithm.save_to_path((folder / "algorithm").resolve())
        state = {"iteration": iteration, "guide": guide.state()}
        write_whole(folder / GUIDE_FILE, json.dumps(state))


def restore(algorithm: Algorithm, guide: Guide, average: WeightAverage, checkpoint: Path) -> int:
    """Go on from a checkpoint; returns the iterations done."""
    average.restore(checkpoint / AVERAGE_FILE)
    algorithm.restore_from_path((checkpoint / "algorithm").resolve())
    state = json.loads((checkpoint / GUIDE_FILE).read_text())
    guide.restore(state["guide"])
    return int(state["iteration"])


def inexact_resume(algorithm: Algorithm, experiment: Experiment) -> str:
    """Why a run that was restored does not go on as if it had not stopped; empty if it does."""
    if experiment.training.route == "stock":
        return "RLlib's stock route does not save its environments"
    if experiment.training.env_runners:
        return "remote env runners do not save theirs; training.env_runners=0 does"
    return str(algorithm.env_runner_group.local_env_runner.lost)


@contextmanager
def interruptible() -> Iterator[list[int]]:
    """Ctrl-C, or a scheduler that ends the job, fills the list and lets the iteration finish.

    A second signal stops at once.
    """
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)

    if threading.current_thread() is not threading.main_thread():  # which alone gets signals
        yield received
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def failure(error: Exception, run: RunFolder) -> PacesetterError:
    """What went wrong, where the traceback is, and what is left to go on from."""
    if isinstance(error, PacesetterError) and not isinstance(error, NonFiniteTrainingError):
        return error
    cause = getattr(error, "cause", None) or error
    log = run.path / ERROR_LOG
    write_whole(log, "".join(traceback.format_exception(error)))
    last = run.latest_checkpoint()
    left = (
        f"The last good checkpoint is {last}; go on with 'pacesetter train --resume {run.path}'"
        if last
        else "There is no checkpoint yet"
    )
    return PacesetterError(
        f"training stopped: {type(cause).__name__}: {cause}\n{left}. The traceback is in {log}."
    )
