"""Several remote learners: every batch is shared out among them, and all must answer.

RLlib starts them and their process group. Its own way to divide a batch knows episodes of agents
and takes no notice of modules: learners whose shares of a small module differ then wait for each
other for ever.
"""

from __future__ import annotations

import time
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError
from ray.rllib.algorithms.ppo import PPO
from ray.rllib.core.learner.training_data import TrainingData

from ...ppo.peers import PeerLostError
from ...ppo.rollout import ArrayRollout
from ...ppo.shares import share_out
from ..own_session import why_silent
from .runners import original

FIRST_UPDATE = 600.0  # seconds: loops may be compiled, and nobody knows yet how long one takes
LEAST_PATIENCE, SLOWER = 30.0, 10.0  # seconds, and times the longest update so far
OTHERS = 2.0  # seconds in which the learner at fault follows one that has lost it


class SilentLearnerError(RuntimeError):
    """A learner neither answers nor dies."""


class LearnerDiedError(RuntimeError):
    """The process of a learner has ended."""


class RemoteLearners:
    """The learners of an algorithm, two or more.

    Args:
        algorithm: that they learn for.
        copies: of the market in every rollout.
        minibatches: module name -> rows of a minibatch; None: all.
    """

    def __init__(self, algorithm: PPO, copies: int, minibatches: dict[str, int | None]):
        self._algorithm, self._copies, self._minibatches = algorithm, copies, minibatches
        self._group = algorithm.learner_group
        self._group.update = self._update  # which RLlib's training step calls
        self._patience = FIRST_UPDATE

    def _update(
        self, *, episodes: list[ArrayRollout], timesteps: dict[str, Any], **options: Any
    ) -> list[dict[str, Any]]:
        """RLlib's own way to update, but that shares are equal and an error ends the wait."""
        actors = self._group._workers
        turn = self._algorithm.iteration
        shares = share_out(episodes, self._copies, len(actors), turn, self._minibatches)
        began = time.monotonic()
        asked = [
            actor.update.remote(training_data=TrainingData(episodes=[share]), timesteps=timesteps)
            for actor, share in zip(actors, shares, strict=True)
        ]
        answers = self._answers(asked)
        longest = max(LEAST_PATIENCE, SLOWER * (time.monotonic() - began))
        first = self._patience == FIRST_UPDATE
        self._patience = longest if first else max(self._patience, longest)
        return answers

    def _answers(self, asked: list[Any]) -> list[dict[str, Any]]:
        """What all learners say.

        Raises:
            SilentLearnerError: one of them says nothing.
            ServerDiedError: none can, as Ray's server on this machine is gone.
            Exception: what was raised in the learner that failed first.
        """
        waiting = asked
        while waiting:
            done, waiting = ray.wait(waiting, timeout=self._patience)
            if not done:
                raise why_silent(
                    SilentLearnerError(
                        f"{len(waiting)} of {len(asked)} learners did not answer within "
                        f"{self._patience:.0f} s: a process is stopped, or a machine is gone"
                    )
                )
            if any(_error(one) for one in done):
                ended, _ = ray.wait(asked, num_returns=len(asked), timeout=OTHERS)
                _raise_original([error for one in ended if (error := _error(one))])
        return ray.get(asked)

    def end(self) -> None:
        """Kill all learners: one that waits for another would be waited for."""
        for actor in self._group._workers:
            ray.kill(actor)
        self._group._backend_executor.shutdown(graceful_termination=False)


def _error(answer: Any) -> RayError | None:
    try:
        ray.get(answer)
    except RayError as error:
        return error
    return None


def _raise_original(errors: list[RayError]) -> None:
    """Raise what is at fault: not that somebody has lost another."""
    causes = [(original(error), error) for error in errors]
    causes.sort(
        key=lambda pair: (isinstance(pair[0], PeerLostError), isinstance(pair[1], RayActorError))
    )
    cause, error = causes[0]
    if isinstance(error, RayActorError):
        raise LearnerDiedError(
            "a learner has died: its process was killed, ended itself or ran out of memory, or its "
            "machine is gone"
        ) from error
    raise cause from error
