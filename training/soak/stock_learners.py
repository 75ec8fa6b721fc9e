"""Several learners of RLlib's own, with one policy and with two: whether an iteration ends.

    python -m pacesetter.training.soak.stock_learners

With two policies of which a learner's part has rows of one only, a learner waits for a sum that the
other never begins (github.com/ray-project/ray/issues/63819), or its sum is met by one of another
size, and a process dies. What is asked here is refused in an experiment. Bounded: an iteration that
has not ended after `PATIENCE` times what one learner takes, and `LEAST` seconds, is given up.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import dataclass, replace
from typing import Literal

from ...leaders.policy.ppo import PPOLeader
from ..experiments.experiment import Experiment
from ..experiments.load import load_experiment
from ..experiments.settings import FollowerSettings, TrainingSettings
from ..rllib import backend

LEARNERS, COPIES, STEPS = 2, 4, 12
PATIENCE, LEAST = 20.0, 60.0
SHIPPED = load_experiment("cobweb_unstable_ppo")
PART = COPIES * STEPS // LEARNERS * SHIPPED.market.groups[0].size
"""Rows of followers that a learner gets."""
WARM = 1  # iterations before the one that is timed


@dataclass(frozen=True)
class Case:
    """What is tried.

    Attributes:
        route: of the experiment.
        learners: 0 is one, in the driver.
        led: copies that the leader's policy leads; the others' θ is drawn.
        minibatch: rows of it; all of a learner's part is one minibatch.
    """

    route: Literal["array", "stock"]
    learners: int
    led: int
    minibatch: int = STEPS * COPIES // 4

    @property
    def text(self) -> str:
        """For a line of the answer."""
        policies = "two policies" if self.led else "one policy"
        rows = f", {self.led} of {COPIES} copies led" if self.led else ""
        several = "several minibatches" if self.minibatch < PART else "one minibatch"
        who = f"{self.route} route, {max(1, self.learners)} learner(s)"
        return f"{who}, {policies}{rows}, {several}"


CASES = (
    Case("stock", 0, 1),
    Case("stock", LEARNERS, 0),
    Case("array", LEARNERS, 1),
    Case("stock", LEARNERS, 1),
    Case("stock", LEARNERS, 1, PART),
)


def experiment_of(case: Case) -> Experiment:
    """A leader with few rows beside followers with many."""
    return replace(
        SHIPPED,
        leader=PPOLeader(interval=4),
        followers=FollowerSettings(information_cost=False, minibatch_size=case.minibatch, epochs=1),
        training=TrainingSettings(
            route=case.route, learners=case.learners, copies=COPIES, rollout_steps=STEPS
        ),
    )


def told(case: Case, patience: float) -> tuple[str, float | None]:
    """What became of an iteration after the first, and its seconds if it has ended well.

    Raises:
        Exception: an iteration raised it, and it is none of Ray's or of a process under it.
    """
    experiment = experiment_of(case)
    trained = backend.RLlibBackend(experiment)
    trained.command(case.led, None)
    took: list[float] = []
    failed: list[Exception] = []

    def iterate() -> None:
        try:
            for _ in range(WARM + 1):
                began = time.monotonic()
                trained.iterate()
                took.append(time.monotonic() - began)
        except Exception as error:  # raised where it is waited for, or told if it is Ray's
            failed.append(error)

    worker = threading.Thread(target=iterate, daemon=True)
    worker.start()
    for number in range(WARM + 1):
        deadline = time.monotonic() + patience
        while worker.is_alive() and len(took) <= number:
            if time.monotonic() > deadline:
                return f"no iteration within {patience:.0f} s, given up", None
            time.sleep(0.05)
    worker.join()
    if failed and type(failed[0]).__module__.split(".")[0] != "ray":
        raise failed[0]  # ours, which tells nothing of RLlib's learners
    if failed:
        return f"fails: {type(failed[0]).__name__}: {str(failed[0]).splitlines()[0]}", None
    trained.stop()
    return f"{took[-1]:.2f} s an iteration", took[-1]


def main() -> int:
    """Print a line per case; 0 whether or not an iteration ends."""
    backend.start_ray(experiment_of(replace(CASES[0], learners=2 * LEARNERS)))
    patience = 10 * LEAST  # the first, which compiles and imports
    for case in CASES:
        text, seconds = told(case, patience)
        print(f"{case.text}: {text}", flush=True)
        if seconds is not None:
            patience = max(LEAST, PATIENCE * seconds)
    sys.stdout.flush()
    os._exit(0)  # threads that wait for ever would be waited for


if __name__ == "__main__":
    sys.exit(main())
