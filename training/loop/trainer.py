"""The training loop: followers first, then leader and followers on two time-scales."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from torch.utils.tensorboard import SummaryWriter

from ...envs.core.errors import PacesetterError
from ...envs.core.rollouts import Laboratory
from ...leaders.leader import (
    Guide,
    GuideToSettle,
    GuideWithLaboratory,
    GuideWithPosterior,
    GuideWithScalars,
    Measured,
)
from ..backend import Backend, Iteration
from ..experiments.experiment import Experiment
from ..experiments.rules import leader_copies
from ..policies.policies import Policies, Trained
from ..policies.specification import module_spaces
from ..ppo.columns import LEARNING_SCALARS
from ..runs.history import History
from ..runs.posterior_file import save_posterior
from ..runs.run_folder import POLICIES, RunFolder
from ..runs.whole_files import full_disk_is_told_once
from ..runs.world_file import save_world
from .averaging import WeightAverage
from .backends import backend_for
from .inference import answered
from .notes import EstimatorNote, keep_warnings
from .progress import Progress
from .stopping import (
    FAILURES,
    best_world_kept,
    checkpoint_of,
    failure,
    interruptible,
    restore,
    save,
)
from .weights import Weights

Watch = Callable[[Trained, SummaryWriter, int], None]
"""What looks at policies that are still learning: policies, TensorBoard's writer and iteration."""


@dataclass(frozen=True)
class Outcome:
    """What training ended with.

    Attributes:
        theta: the leader's answer, ``(d,)``; None if the run was interrupted and can be resumed.
        iterations: done so far.
        seconds: of training in this call.
        asked: at how many θ the leader asked for derivatives in this call.
        steps: of a copy of the market that were played to answer its questions in this call.
    """

    theta: np.ndarray | None
    iterations: int
    seconds: float
    asked: int = 0
    steps: int = 0


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
        PacesetterError: training failed; the message names the last good checkpoint. Or another
            process uses the folder, or no checkpoint can be gone on from.
    """
    with run.locked(), full_disk_is_told_once():
        try:
            with contextlib.ExitStack() as held:
                return _train(run, address, quiet, watch, held)
        except FAILURES as error:
            raise failure(error, run) from error


def _train(
    run: RunFolder,
    address: str | None,
    quiet: bool,
    watch: Watch | None,
    held: contextlib.ExitStack,
) -> Outcome:
    experiment, settings = run.experiment, run.experiment.training
    checkpoint = checkpoint_of(run)
    backend = backend_for(experiment, address, _last_words(run))
    held.callback(backend.stop)
    policies = Policies(experiment, backend.modules)
    guide = experiment.guide()
    average = WeightAverage(backend.modules)
    if not checkpoint and isinstance(guide, GuideToSettle):
        guide.settle(Weights(experiment).covered)
    first = restore(backend, guide, average, checkpoint) if checkpoint else 0
    held.enter_context(best_world_kept(run, guide))
    if isinstance(guide, GuideWithLaboratory):
        guide.enter(laboratory_of(experiment))
    total = settings.pretrain_iterations + settings.iterations
    history, note = History(run.path, first), EstimatorNote(run, quiet)
    held.callback(history.close)
    started, iteration, asked, episodes = time.monotonic(), first, 0, 0
    with interruptible() as interrupted, Progress(experiment, first, quiet) as progress:
        while iteration < total and not interrupted:
            leading = iteration >= settings.pretrain_iterations
            command(backend, experiment, guide, leading)
            began = time.perf_counter()
            done = backend.iterate()
            seconds = time.perf_counter() - began
            answer, values = None, led_intervals(done)[1]
            if leading:
                told = tell(experiment, policies, guide, done, iteration)
                asked += 0 if told.gradients is None else len(told.theta)
                episodes += told.episodes
                note.add(told.note)
                guide.learn(told, last=iteration == total - 1)
                answer, values = guide.answer(policies.opening_theta), told.values
            scalars = summarise(experiment, done, values, answer, seconds)
            if isinstance(guide, GuideWithLaboratory):
                scalars |= {f"world/{name}": v for name, v in guide.scalars().items()}
            elif isinstance(guide, GuideWithScalars):
                scalars |= guide.scalars()
            history.add(iteration, scalars)
            iteration += 1
            if iteration > total - settings.averaged_share * total:
                average.add()
            progress.show(iteration, scalars)
            due = settings.evaluate_every and not iteration % settings.evaluate_every
            if watch and leading and due:
                now = guide.answer(policies.opening_theta)
                watch(Trained(experiment, policies, now), history.events, iteration)
            if iteration % settings.checkpoint_every == 0 or iteration == total:
                save(backend, guide, average, run, iteration)
        if interrupted and iteration % settings.checkpoint_every:
            save(backend, guide, average, run, iteration)
    theta = None
    if iteration == total:
        final = Policies(experiment, average.modules())
        final = final.with_critics(experiment, backend.critics())
        final.save(run.path / POLICIES)
        run.keep_trained()
        if isinstance(guide, GuideWithPosterior):
            save_posterior(run.path, guide.posterior())
        if isinstance(guide, GuideWithLaboratory):
            save_world(run.path, guide.weights())
        keep_warnings(run, guide)
        theta = guide.answer(final.opening_theta)
    steps = episodes * experiment.market.steps_per_episode
    return Outcome(theta, iteration, time.monotonic() - started, asked, steps)


def _last_words(run: RunFolder) -> str:
    return (
        "pacesetter: training was ended from outside: its process was killed, or Ray's server on "
        f"this machine (raylet) died. Go on with 'pacesetter train --resume {run.path}'."
    )


# One iteration -----------------------------------------------------------------------------------


def command(backend: Backend, experiment: Experiment, guide: Guide, leading: bool) -> None:
    """Say in which copies the leader leads, and a search leader's candidates."""
    led = leader_copies(experiment.training) if leading else 0
    slots = led * max(1, experiment.training.env_runners)
    backend.command(led, guide.next_theta(slots) if led else None)


def tell(
    experiment: Experiment, policies: Policies, guide: Guide, done: Iteration, iteration: int
) -> Measured:
    """What the leader is told of an iteration: its intervals, or the answer to its question."""
    if isinstance(guide, GuideWithLaboratory):
        return guide.iterate()
    question = guide.question()
    if question is None:
        return Measured(*led_intervals(done))
    return answered(experiment, policies, question, iteration)


def laboratory_of(experiment: Experiment) -> Laboratory:
    """Where a leader that learns who trades plays."""
    laboratory = experiment.leader.laboratory(experiment.market, experiment.seed)
    if laboratory is None:
        raise PacesetterError(
            f"leader {experiment.leader.name!r} has a guide that plays in a laboratory, but names "
            "none: return market.laboratory(…) from its method `laboratory`."
        )
    return laboratory


def led_intervals(done: Iteration) -> tuple[np.ndarray, np.ndarray]:
    """θ ``(k, d)`` and objective ``(k,)`` of the leader's intervals, of all env runners."""
    return (
        np.concatenate([report.led_theta for report in done.reports]),
        np.concatenate([report.led_values for report in done.reports]),
    )


def summarise(
    experiment: Experiment,
    done: Iteration,
    led: np.ndarray,
    answer: np.ndarray | None,
    seconds: float,
) -> dict[str, float]:
    """The scalars of one iteration, ``group/name`` -> number.

    Args:
        experiment: what is trained.
        done: the iteration.
        led: what the objective was worth to the leader, ``(k,)``.
        answer: its θ so far; None before it leads.
        seconds: that the iteration took.
    """
    scalars: dict[str, float] = {}
    reports = done.reports
    for name in reports[0].returns:
        scalars[f"followers/{name}_reward"] = _mean(r.returns[name] for r in reports)
        scalars[f"followers/{name}_net_reward"] = _mean(r.net_returns[name] for r in reports)
    for name, over_copies in (("", np.mean), ("_least", np.min), ("_largest", np.max)):
        scalars[f"leader/objective{name}"] = float(over_copies(led)) if len(led) else math.nan
    random = np.concatenate([r.random_values for r in reports])
    scalars["leader/objective_under_random_theta"] = (
        float(random.mean()) if len(random) else math.nan
    )
    names = experiment.market.characteristics.names
    theta = np.full(len(names), math.nan) if answer is None else answer
    for name, value in zip(names, theta, strict=True):
        scalars[f"theta/{name}"] = float(value)
    for name in reports[0].quantities:
        scalars[f"market/{name}"] = _mean(r.quantities[name] for r in reports)
    for module in module_spaces(experiment):
        # A leader learns in some iterations only; the columns are the same in all.
        learned = done.learned.get(module, {})
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
