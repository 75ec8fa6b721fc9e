"""Remote env runners that die, raise or fall silent, and how sampling goes on after it.

A runner that dies is started again by Ray; one whose market raises stands half-way in a step. Both
get θ as it is commanded and the state of the last checkpoint (a new beginning before the first).
What was sampled in the iteration at fault is done again, and counted once. Who fails in the same
way three times, or does not answer at all, ends the run.
"""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import ray
import torch
from ray.exceptions import RayActorError, RayError, RayTaskError
from ray.rllib.algorithms.ppo import PPO
from ray.rllib.utils.metrics import ENV_RUNNER_SAMPLING_TIMER, TIMERS

from ....envs.core.dotted import place_of
from ...backend import SampleReport
from ...policies.step_limit import HangingStepError
from ...ppo.rollout import ArrayRollout
from ...runs.whole_files import whole_file
from ..own_session import why_silent

FILE = "runners.pt"
ATTEMPTS = 3
FIRST_SAMPLE = 10.0  # times `step_timeout_seconds`: workers import, and loops may be compiled
SLOWER = 5.0  # times the longest sample so far, which a busy machine may well take
RESTART = 120.0  # seconds for Ray to start a process again


class SilentRunnerError(RuntimeError):
    """An env runner neither answers nor dies."""


class RunnerFailedError(RuntimeError):
    """An env runner has died, or what was asked of it raised there.

    Attributes:
        error: as Ray raised it.
    """

    def __init__(self, error: RayError):
        super().__init__(str(error))
        self.error = error


class TellsErrors:
    """A runner in which an error reaches whoever called it; RLlib's own log it and exit."""

    def apply(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function with the runner as its first argument."""
        try:
            return func(self, *args, **kwargs)
        except SystemExit as error:  # which Ray would take for the end of the runner
            raise RuntimeError(
                f"code of the market or objective called sys.exit({error.code!r}); raise an error "
                "instead"
            ) from error


class RemoteRunners:
    """The remote env runners of an algorithm.

    Args:
        algorithm: that they sample for.
        step_timeout_seconds: seconds that one step may take.
    """

    def __init__(self, algorithm: PPO, step_timeout_seconds: float):
        self._algorithm, self._step_timeout_seconds = algorithm, step_timeout_seconds
        self._group = algorithm.env_runner_group
        self._numbers = list(range(1, self._group.num_remote_workers() + 1))
        self._quiet = logging.getLogger("ray.rllib.utils.actor_manager")
        self._quiet.addFilter(_nothing)  # what it says at length is said here in a line
        # RLlib passes over errors of runners that may be restarted, and over silent ones.
        self._group._ignore_ray_errors_on_env_runners = False
        self._ask = self._group.foreach_env_runner
        self._group.foreach_env_runner = self._ask_all
        # Its time limit stands in the configuration alone, which is frozen.
        algorithm.config = algorithm.config.copy(copy_frozen=False)
        self._longest = step_timeout_seconds * FIRST_SAMPLE / SLOWER
        self._sampled = False
        self._command: Callable[[Any], None] = lambda runner: None
        self._states: dict[int, Any] = {}
        self._reported: list[tuple[int, SampleReport]] = []
        self._raised: Counter[str] = Counter()
        self._died: Counter[str] = Counter()

    # Asking ---------------------------------------------------------------------------------------

    def call(self, function: Callable[[Any], Any], only: list[int] | None = None) -> list[Any]:
        """A function of the runner on all remote runners, in order of their number.

        Raises:
            SilentRunnerError: one of them does not answer.
            ServerDiedError: none can, as Ray's server on this machine is gone.
            RunnerFailedError: one of them has died, or the function raised there.
        """
        answers = self._ask_all(
            lambda runner: (runner.worker_index, function(runner)),
            local_env_runner=False,
            healthy_only=False,
            remote_worker_ids=self._numbers if only is None else only,
            timeout_seconds=self._patience(),
        )
        return [answer for _, answer in sorted(answers, key=lambda pair: pair[0])]

    def _ask_all(self, func: Any, **options: Any) -> list[Any]:
        """RLlib's own way to ask runners, but that all of them must answer."""
        try:
            answers = self._ask(func, **options)
        except RayError as error:
            if options.get("timeout_seconds") == 0.0:  # weights, sent and not waited for:
                return []  # who has died will be noticed when it is asked for something
            raise RunnerFailedError(error) from error
        self._reported += [one.report for one in _samples(answers) if one.report]
        asked = options.get("remote_worker_ids") or self._numbers
        expected = len(asked) + bool(options.get("local_env_runner", True))
        if options.get("timeout_seconds") and len(answers) < expected:
            raise why_silent(
                SilentRunnerError(
                    f"{expected - len(answers)} of {expected} env runners did not answer within "
                    f"{options['timeout_seconds']:.0f} s: a process is stopped, a machine is gone, "
                    "or a step hangs outside Python. If the market is only slow, raise "
                    "training.step_timeout_seconds"
                )
            )
        return answers

    def command(self, function: Callable[[Any], None]) -> None:
        """Tell all runners something that those which are restarted later must know, too."""
        self._command = function
        self.attempt(lambda: self.call(function))

    def attempt(self, work: Callable[[], Any]) -> Any:
        """Do something with all runners; again, where one fails that can be brought back.

        Raises:
            Exception: what a runner raised for the third time; `SilentRunnerError`, or
                `HangingStepError`, the first time.
        """
        while True:
            try:
                return work()
            except RunnerFailedError as failure:
                self._judge(failure.error)
                self._bring_back()

    def sample(self, work: Callable[[], Any]) -> Any:
        """`attempt` at an iteration; how long its sample took says how long to wait for others."""
        # RLlib reads it anew in every iteration.
        self._algorithm.config.env_runners(sample_timeout_s=self._patience())
        found = self.attempt(work)
        timer = (TIMERS, ENV_RUNNER_SAMPLING_TIMER)
        seconds = float(self._algorithm.metrics.peek(timer, default=math.nan))
        seconds = seconds if math.isfinite(seconds) else self._step_timeout_seconds
        self._longest = max(self._longest, seconds) if self._sampled else seconds
        self._sampled = True
        return found

    def take_reports(self) -> list[SampleReport]:
        """What happened in the samples since the last call, in order of the runners' numbers.

        Reports come along with samples: a runner that dies between the two would have its sample
        learned from, and the iteration done again.
        """
        taken, self._reported = self._reported, []
        return [report for _, report in sorted(taken, key=lambda pair: pair[0])]

    # State ----------------------------------------------------------------------------------------

    def save(self, folder: Path) -> None:
        """Write the state of every runner beside RLlib's own files; all of them, or an error."""
        self._states = dict(self.attempt(lambda: self.call(_state_of)))
        with whole_file(folder / FILE) as temporary:
            torch.save(self._states, temporary)
        self._died.clear()  # the run has got on since

    def restore(self, folder: Path) -> str:
        """Give every runner its state back; why episodes had to begin anew, if they had."""
        self._states = torch.load(folder / FILE, weights_only=False)  # signed by its user
        self.attempt(lambda: self._give_back(self._numbers))
        self.attempt(self._send_weights)
        lost = self.call(lambda runner: runner.lost)
        return max(lost, default="")

    def _give_back(self, numbers: list[int]) -> None:
        for number in numbers:
            self.call(partial(_go_back, state=self._states.get(number)), only=[number])

    def _send_weights(self) -> None:
        """The learner's weights to every runner, whatever it believes to have.

        What RLlib gives a runner when it restores an algorithm is the main process's copy, under
        the number of the newest weights.
        """
        self.call(_forget_weights)
        self._group.sync_weights(
            from_worker_or_learner_group=self._algorithm.learner_group, inference_only=True
        )

    # Failures -------------------------------------------------------------------------------------

    def _judge(self, error: RayError) -> None:
        """Whether to go on after a failure; raises the original error where not."""
        cause = original(error)
        if isinstance(cause, HangingStepError):
            raise cause from error
        died = isinstance(error, RayActorError)
        said = f"{type(cause).__name__}: {cause}".splitlines()[0]
        if not died:
            said += f" ({place})" if (place := place_of(cause)) else ""
        count = self._died if died else self._raised
        kind = type(cause).__name__ if died else said
        count[kind] += 1
        if count[kind] >= ATTEMPTS:
            raise cause from error
        print(
            f"An env runner failed, {count[kind]} of at most {ATTEMPTS} times in this way: {said}. "
            "It goes on from the last checkpoint.",
            flush=True,
        )

    def _bring_back(self) -> None:
        """Wait for runners that Ray restarts, and give all that need it state and command."""
        deadline = time.monotonic() + RESTART
        while self._group.num_healthy_remote_workers() < len(self._numbers):
            with contextlib.suppress(RunnerFailedError):  # not yet
                self._algorithm.restore_env_runners(self._group)  # also sends the weights
            if time.monotonic() > deadline:
                raise why_silent(
                    SilentRunnerError(
                        f"Ray has not started an env runner again in {RESTART:g} s: its machine is "
                        "gone, or has no core free"
                    )
                )
            time.sleep(0.2)
        try:
            self._send_weights()
            whole = self.call(lambda runner: getattr(runner, "whole", True))
            self._give_back([n for n, fit in zip(self._numbers, whole, strict=True) if not fit])
            self.call(self._command)
        except RunnerFailedError as failure:  # another one, or the same again
            self._judge(failure.error)
            self._bring_back()

    def _patience(self) -> float:
        """Seconds to wait for an answer: a runner whose step hangs says so itself, before."""
        return max(1.2 * self._step_timeout_seconds + 2.0, SLOWER * self._longest)

    def release(self) -> None:
        """Let RLlib's log speak again."""
        self._quiet.removeFilter(_nothing)

    def end(self) -> None:
        """Kill all runners, whatever they are doing."""
        for actor in list(self._group._worker_manager.actors().values()):
            ray.kill(actor)


def _samples(answers: list[Any]) -> list[ArrayRollout]:
    """The samples among answers; RLlib asks for each as a list, together with counters."""
    lists = [one[0] for one in answers if isinstance(one, tuple) and one]
    found = [some for one in lists if isinstance(one, list) for some in one]
    return [some for some in found if isinstance(some, ArrayRollout)]


def _nothing(record: logging.LogRecord) -> bool:
    return False


def original(error: BaseException) -> BaseException:
    """What was raised in the worker; the error itself, if none was."""
    cause = error.cause if isinstance(error, RayTaskError) else None
    return cause if isinstance(cause, BaseException) else error


def _forget_weights(runner: Any) -> None:
    runner._weights_seq_no = 0


def _go_back(runner: Any, state: Any) -> None:
    runner.go_back(state)


def _state_of(runner: Any) -> tuple[int, Any]:
    return runner.worker_index, runner.game_state()
