"""The matrix of faults: what can happen, to whom, and how a run must end of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

KILLED, TOLD, SAVED, DONE = -9, 2, 130, 0
"""How a command ends: by SIGKILL, with an error a user can act on, interrupted, and well."""


@dataclass(frozen=True)
class Kind:
    """One kind of fault.

    Attributes:
        where: who meets it: ``driver`` or ``worker`` (a step of the market there), ``outside`` (a
            signal at a moment), ``learner`` (the same, to one of several), ``system`` (what the
            driver asks of the operating system) or ``folder`` (between two commands).
        ends: how the command may end of it; empty: it has to go on.
        says: what its message must hold.
    """

    where: str
    ends: tuple[int, ...] = ()
    says: str = ""


DRIVER = {
    "killed": Kind("outside", (KILLED,)),
    "killed while writing": Kind("system", (KILLED,)),
    "told to end": Kind("outside", (SAVED, DONE, -15, TOLD), "told to end"),
    "disk full": Kind("system", (TOLD,), "the disk"),
}
"""What may happen to the driver of any run."""

IN_THE_DRIVER = {
    "file size limit": Kind("system", (TOLD,), "ulimit -f"),  # Ray itself does not bear it
    "raises": Kind("driver", (TOLD,), "ZeroDivisionError: a fault of the soak test"),
    "exits": Kind("driver", (TOLD,), "sys.exit(0)"),
    "hangs": Kind("driver", (TOLD,), "a step has not ended after"),
    "nan": Kind("driver", (TOLD,), "finite"),
    "wrong shape": Kind("driver", (TOLD,)),
}
"""What a market may do in the driver, and what may happen to it where there is no Ray."""

REMOTE_STEPS = {
    "raises": Kind("worker", (TOLD,), "ZeroDivisionError: a fault of the soak test"),
    "exits": Kind("worker", (TOLD,), "sys.exit(0)"),
    "hangs": Kind("worker", (TOLD,), "a step has not ended after"),
    "nan": Kind("worker", (TOLD,), "finite"),
    "wrong shape": Kind("worker", (TOLD,)),
    "is stopped": Kind("worker", (TOLD,), "did not answer"),
    "node dies": Kind("worker", (TOLD, 1), "(raylet) died"),
}
"""What a market, its worker or its machine may do in a remote runner."""

BESIDE = {
    "clock jumps": Kind("system"),
    "checkpoint damaged": Kind("folder", (), "is damaged"),
    "two resumes": Kind("outside", (), "is in use by"),
}
"""What a command has to live with; comes along with one of the others."""

LEARNERS = {"learner dies": Kind("learner", (TOLD,), "a learner has died")}
"""What may happen to one of several learners, at any moment after the first iteration."""

RECOVERED = {"dies": Kind("worker"), "raises once": Kind("worker")}
"""What a run with remote runners recovers from within the command."""

BESIDE_SHARE, LATEST = 0.3, 0.6
BESIDE_SHARE_OF_SLOW = 0.7  # of commands that start Ray, to which a second fault adds little time
RECOVERIES = 3  # within a command


@dataclass(frozen=True)
class Fault:
    """One fault that is to happen.

    Attributes:
        kind: its name.
        what: its kind.
        share: when, of what is left of the run, from 0 to 1.
        detail: a number for whatever else there is to choose.
    """

    kind: str
    what: Kind
    share: float
    detail: int

    @property
    def name(self) -> str:
        """What it is called among those of one command; what is recovered from may come twice."""
        return f"{self.kind} #{self.detail}" if self.kind in RECOVERED else self.kind


def draw(place: str, resumed: bool, rng: np.random.Generator) -> list[Fault]:
    """The faults of one command: one that ends it, and perhaps one beside it.

    Args:
        place: ``local``, ``remote``, ``learners`` or ``stock``.
        resumed: whether there is something to go on with.
        rng: what is drawn from.
    """
    ending = DRIVER | (REMOTE_STEPS if place in ("remote", "stock") else IN_THE_DRIVER)
    if place == "learners":
        ending = ending | LEARNERS
        del ending["file size limit"]
    faults = [_one(ending, rng, LATEST)]
    beside = {k: v for k, v in BESIDE.items() if resumed or k == "clock jumps"}
    if rng.random() < (BESIDE_SHARE if place == "local" else BESIDE_SHARE_OF_SLOW):
        faults.append(_one(beside, rng, 0.3 * LATEST))
    return faults


def draw_recovered(rng: np.random.Generator) -> list[Fault]:
    """Faults that one command recovers from, none of them in the same way three times."""
    kinds = rng.permutation([*sorted(RECOVERED)] * 2)[:RECOVERIES]
    return [_one({kind: RECOVERED[kind]}, rng, 0.9 / RECOVERIES) for kind in map(str, kinds)]


def _one(kinds: dict[str, Kind], rng: np.random.Generator, latest: float) -> Fault:
    name = str(rng.choice(sorted(kinds)))
    return Fault(name, kinds[name], float(latest * rng.random()), int(rng.integers(2**31)))
