"""What a certificate costs, before it begins, and how it is cut to a budget."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

from ...envs.core.errors import PacesetterError
from .followers import FURTHER
from .leader import Effort
from .learning import CALM, at_theta, deviating, seconds_of_an_iteration
from .market import Deviation
from .playing import SELECTION, objective_of
from .subject import Subject

SHARE = 0.1  # of the run's iterations: at one θ there is less to learn than at all of them
LEAST_ITERATIONS = 8  # a response that learned for fewer says nothing
MOST_ITERATIONS = 400
ENOUGH = 40  # iterations that everybody is given at least, if the budget allows
SIZES = ((8, 4, 3), (4, 2, 3), (2, 2, 1))
"""Points over the space, points around the answer, and seeds: as wide as the budget allows."""
PLAYS_OF_A_RESPONSE = 4.0
MARGIN = 0.8  # of a budget that is planned for: what is measured once may take longer another time


@dataclass(frozen=True)
class Plan:
    """How much is done.

    Attributes:
        response_iterations: of every best response.
        adapt_iterations: of followers at a θ that stays to the end.
        sobol, near: points over the space and around the answer.
        seeds: fresh best responses of a group, and adaptations of what is compared in the end.
        iterations: of both kinds, in all; at most.
        minutes: that they are expected to take here.
    """

    response_iterations: int
    adapt_iterations: int
    sobol: int
    near: int
    seeds: int
    iterations: int
    minutes: float

    @property
    def effort(self) -> Effort:
        """For the leader's gap."""
        return Effort(self.adapt_iterations, self.sobol, self.near, self.seeds)

    def record(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"at most {self.iterations} iterations, {self.minutes:.1f} minutes "
            f"(per group {self.seeds} fresh best responses of {self.response_iterations} "
            f"iterations; θ over the space {self.sobol}, near the answer {self.near}, each adapted "
            f"to for up to {self.adapt_iterations})"
        )


def plan(subject: Subject, budget: float | None) -> Plan:
    """The widest plan within a budget; nothing is written.

    Args:
        subject: what is certified.
        budget: in minutes; None: none.

    Raises:
        PacesetterError: the budget is too small for any statement, or a baseline, or a θ at which
            the market has to restart, is not allowed.
    """
    training = subject.experiment.training
    declared, leads = 1 + len(training.baselines) + len(training.rules), subject.chooses
    if leads:
        Effort(1, *SIZES[0]).points(subject)  # what is wrong with them is said now
    cost = _Cost.measured(subject)
    wanted = round(SHARE * (training.pretrain_iterations + training.iterations))
    wanted = min(max(ENOUGH, wanted), MOST_ITERATIONS)
    most = None if budget is None else MARGIN * 60.0 * budget
    least = 0.0
    for sobol, near, seeds in SIZES:
        full = cost.of(Effort(wanted, sobol, near, seeds), wanted, leads, declared)
        share = 1.0 if most is None else min(1.0, (most - full[1]) / max(full[2], 1e-9))
        scaled = int(share * wanted)
        if share == 1.0 or scaled >= LEAST_ITERATIONS:
            effort = Effort(scaled, sobol, near, seeds)
            iterations, plays, learning = cost.of(effort, scaled, leads, declared)
            minutes = (plays + learning) / 60.0
            return Plan(scaled, scaled, sobol, near, seeds, iterations, minutes)
        effort = Effort(LEAST_ITERATIONS, sobol, near, seeds)
        least = sum(cost.of(effort, LEAST_ITERATIONS, leads, declared)[1:])
    raise PacesetterError(
        f"--budget {budget:g}: too small for any statement; the least that says something takes "
        f"about {1.1 * least / MARGIN / 60.0:.2g} minutes here. Give that many, or leave the "
        "budget out."
    )


@dataclass(frozen=True)
class _Cost:
    """Seconds of the pieces of a certificate.

    Attributes:
        responding: of an iteration of a best response of every group, alone and together.
        adapting: of an iteration of all followers.
        playing: of an evaluation.
        groups: how many learn.
    """

    responding: float
    adapting: float
    playing: float
    groups: int

    @classmethod
    def measured(cls, subject: Subject) -> _Cost:
        """On this machine, by doing each once."""
        experiment, policies = subject.experiment, subject.at_answer
        began = time.perf_counter()
        objective_of(experiment, policies, subject.theta, SELECTION)
        playing = time.perf_counter() - began
        groups = experiment.market.groups
        if not groups:
            return cls(0.0, 0.0, playing, 0)
        asked = at_theta(experiment, subject.theta, 2, 0)
        responding = 0.0
        for group in groups:
            market = Deviation(experiment.market, rest=policies, group=group.name)
            responding += seconds_of_an_iteration(deviating(asked, market))
        return cls(responding, seconds_of_an_iteration(asked), playing, len(groups))

    def of(
        self, effort: Effort, response: int, leads: bool, declared: int
    ) -> tuple[int, float, float]:
        """Iterations, seconds of playing and seconds of learning."""
        responses = (effort.seeds + 2 + FURTHER) * response
        learning = (responses + (CALM - 1) * response) * self.responding
        adapting = effort.most_iterations(declared) if leads and self.groups else 0
        points = (2 + declared + effort.sobol + effort.near) if leads else 0
        plays = 3.0 * points + PLAYS_OF_A_RESPONSE * (effort.seeds + 2 + FURTHER) * self.groups
        return (
            responses * self.groups + adapting,
            plays * self.playing,
            learning + adapting * self.adapting,
        )
