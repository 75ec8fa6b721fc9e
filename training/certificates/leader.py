"""The leader's gap: what it would get at another θ, once followers have adapted to that one.

Followers who know many θ a little go on from there at each θ alone. All points get a little of the
budget, the better half twice as much again, and so on (successive halving, Jamieson & Talwalkar
2016, arXiv:1502.07943); what somebody declared is never dropped. Where the objective bends, the top
of a parabola through the first values joins the points. In the end followers of several seeds adapt
anew to the answer, its best rival and the baselines, in episodes that chose nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..experiments.experiment import Experiment
from ..policies.policies import Policies
from .gaps import UNSURE, Gap, Verdict
from .learning import at_theta, gently, learned
from .market import Led
from .playing import JUDGEMENT, SELECTION, objective_of
from .points import ANSWER, Point, check_restarts, points_around, ruled, top_of_parabola
from .subject import Subject
from .work import Arrays, Work

Floats = NDArray[np.float64]
ROUNDS = 3
SHARES = (0.25, 0.25, 0.5)  # of the iterations of a point that stays to the end
KEPT = 0.5
TOP = "top"


@dataclass(frozen=True)
class LeadersGap:
    """What the leader could gain, and where its answer stands.

    Attributes:
        best: gain of the best rival.
        rival: that point.
        baselines: gain of every declared point over the answer, by name.
        beside_rival: gain of every declared point but the answer over the best rival, by name; a
            rule, which a leader cannot choose, is among them.
        points: all of the set.
        before: the objective with followers as they were, by name; NaN for one that came later.
        after: with adapted followers, after the last round that the point was in, by name.
        adapted: followers of the answer and of its rival, by name.
    """

    best: Gap
    rival: Point
    baselines: dict[str, Gap]
    beside_rival: dict[str, Gap]
    points: tuple[Point, ...]
    before: dict[str, float]
    after: dict[str, float]
    adapted: dict[str, Policies]

    @property
    def place(self) -> int:
        """1 for an answer that no point of the set beats, …."""
        return 1 + sum(value > self.after[ANSWER] for value in self.after.values())

    def verdict(self, tolerance: float) -> Verdict:
        """Whether no rival is better by more than a tolerance; unsure where nothing is finite."""
        finite = np.isfinite(list(self.after.values())).all()
        return self.best.verdict(tolerance) if finite else UNSURE

    def figures(self, name: str) -> dict[str, float]:
        """Flat, under a name."""
        found = self.best.figures(f"{name}/rival")
        for label, gap in self.baselines.items():
            found |= gap.figures(f"{name}/{label}")
        found |= {f"{name}/place": float(self.place), f"{name}/points": float(len(self.points))}
        return found


@dataclass(frozen=True)
class Effort:
    """How much is done for the leader's gap.

    Attributes:
        iterations: that followers adapt at a θ that stays to the end.
        sobol, near: points over the space and around the answer.
        seeds: adaptations of those that are compared in the end.
    """

    iterations: int
    sobol: int
    near: int
    seeds: int

    def points(self, subject: Subject) -> list[Point]:
        """The set around an answer, at which the market is known to restart."""
        market, training = subject.experiment.market, subject.experiment.training
        found = points_around(
            market.characteristics,
            subject.theta,
            training.baselines,
            self.sobol,
            self.near,
            subject.experiment.seed,
        )
        found += ruled(market, training.rules)
        check_restarts(market, found)
        return found

    def rounds(self) -> list[int]:
        """Iterations of every round."""
        return [max(1, round(share * self.iterations)) for share in SHARES]

    def most_iterations(self, declared: int) -> int:
        """At most so many over all points, with so many of them declared besides the answer."""
        points, total = 1 + declared + self.sobol + self.near, 0
        for number, iterations in enumerate(self.rounds()):
            total += iterations * (points + (number == 0))
            points = max(2 + declared, int(np.ceil(points * KEPT)))
        return total + self.iterations * self.seeds * (2 + declared)


def leaders_gap(subject: Subject, effort: Effort, work: Work) -> LeadersGap:
    """Adapt followers at every θ of the set, in rounds, and compare.

    Args:
        subject: what is certified.
        effort: how much is done.
        work: where pieces are kept.
    """
    return _Search(subject, effort, work).run()


class _Search:
    """One search; see `leaders_gap`."""

    def __init__(self, subject: Subject, effort: Effort, work: Work):
        self.subject, self.effort, self.work = subject, effort, work
        self.experiment, self.points = subject.experiment, effort.points(subject)
        self.before: dict[str, float] = {}
        self.after: dict[str, float] = {}

    def run(self) -> LeadersGap:
        """All rounds, and the comparison."""
        for point in self.points:
            self.before[point.name] = self._mean(point, "as_trained", self._known(point))
        staying = list(self.points)
        followers = {point.name: self._known(point) for point in staying}
        for number in range(ROUNDS):
            for point in staying:
                followers[point.name] = self._adapted(point, number, followers[point.name])
                name = f"adapted_{number}"
                self.after[point.name] = self._mean(point, name, followers[point.name])
            if number == 0 and (top := self._top()) is not None:
                self.points.append(top)
                self.before[top.name] = self._mean(top, "as_trained", self._known(top))
                followers[top.name] = self._adapted(top, 0, self._known(top))
                self.after[top.name] = self._mean(top, "adapted_0", followers[top.name])
                staying.append(top)
            if number < ROUNDS - 1:
                staying = self._better_half(staying)
        return self._compared(staying, followers)

    def _better_half(self, staying: list[Point]) -> list[Point]:
        """Those that go on: what is declared, the best rival, and the better half."""
        ranked = sorted(staying, key=self._worth, reverse=True)
        number = max(2, int(np.ceil(len(staying) * KEPT)))
        return [point for place, point in enumerate(ranked) if place < number or point.declared]

    def _worth(self, point: Point) -> float:
        """What was measured at a point last; what is no number is worth nothing."""
        return float(np.nan_to_num(self.after[point.name], nan=-np.inf))

    def _compared(self, staying: list[Point], followers: Mapping[str, Policies]) -> LeadersGap:
        """The answer against its best rival and against what is declared, with several seeds."""
        rivals = [point for point in staying if point.name != ANSWER]
        rival = max((point for point in rivals if point.market is None), key=self._worth)
        compared = [point for point in staying if point.declared or point.name == rival.name]
        judged = {point.name: self._judged(point, followers[point.name]) for point in compared}
        values = np.array(list(self.after.values()))
        stake = float(np.nanmax(values) - np.nanmin(values)) if np.isfinite(values).any() else 0.0
        gaps = {
            name: Gap.between(found, judged[ANSWER], stake)
            for name, found in judged.items()
            if name != ANSWER
        }
        return LeadersGap(
            best=gaps[rival.name],
            rival=rival,
            baselines={point.name: gaps[point.name] for point in rivals if point.name in gaps},
            beside_rival={
                name: Gap.between(found, judged[rival.name], stake)
                for name, found in judged.items()
                if name not in (ANSWER, rival.name)
            },
            points=tuple(self.points),
            before=self.before,
            after=self.after,
            adapted={name: followers[name] for name in (ANSWER, rival.name)},
        )

    def _judged(self, point: Point, last: Policies) -> Floats:
        """The objective with followers of every seed, ``(seeds, episodes)``.

        Followers of all seeds adapt anew: those with whom a rival was found to be the best are
        likely to be lucky ones, and what seeds have in common no interval could tell.
        """
        if not self.experiment.market.groups:
            return self._values(point, "judged", last, JUDGEMENT)[None]
        found = []
        for seed in range(self.effort.seeds):
            start, name = self._known(point), f"anew_{seed}"
            anew = self._learned(point, self.effort.iterations, 10 * ROUNDS + seed, name, start)
            found.append(self._values(point, f"judged_{name}", anew, JUDGEMENT))
        return np.stack(found)

    def _top(self) -> Point | None:
        """Where the first values say that the best may be, if nobody has been there."""
        known = [
            point
            for point in self.points
            if point.market is None and np.isfinite(self.after[point.name])
        ]
        theta = np.stack([point.theta for point in known])
        values = np.array([self.after[point.name] for point in known])
        space = self.experiment.market.characteristics
        found = top_of_parabola(space, theta, values)
        if found is None or any(np.allclose(found, point.theta) for point in self.points):
            return None
        top = Point(TOP, found)
        check_restarts(self.experiment.market, [top])
        return top

    # One point ----------------------------------------------------------------------------------

    def _known(self, point: Point) -> Policies:
        """Followers who have not adapted to a point yet; at the answer some may have."""
        return self.subject.at_answer if point.name == ANSWER else self.subject.policies

    def _experiment(self, point: Point) -> Experiment:
        """The run's, in the market of the point."""
        if point.market is None:
            return self.experiment
        return replace(self.experiment, market=point.market)

    def _leader(self, point: Point) -> Policies | None:
        return self.subject.leader if point.name == ANSWER else None

    def _adapted(self, point: Point, number: int, start: Policies) -> Policies:
        """Followers after a round at a point."""
        if not self.experiment.market.groups:
            return self.subject.policies
        iterations = self.effort.rounds()[number]
        return self._learned(point, iterations, 10 * number, f"round_{number}", start)

    def _learned(
        self, point: Point, iterations: int, seed: int, name: str, start: Policies
    ) -> Policies:
        """Followers who have gone on at a point."""
        asked = gently(at_theta(self._experiment(point), point.theta, iterations, seed))
        if (leader := self._leader(point)) is not None:
            led = Led(self.experiment.market, leader, self.experiment.interval_steps)
            asked = replace(asked, market=led)
        return self.work.policies(
            f"leader/{point.name}/{name}", asked, lambda: learned(asked, start.modules)
        )

    def _values(self, point: Point, label: str, policies: Policies, offset: int) -> Floats:
        leader = self._leader(point)

        def make() -> Arrays:
            theta = point.theta if leader is None else leader.theta
            experiment = self._experiment(point)
            followers = Policies(experiment, policies.modules)
            return {"objective": objective_of(experiment, followers, theta, offset)}

        return self.work.arrays(f"leader/{point.name}/{label}", make)["objective"]

    def _mean(self, point: Point, label: str, policies: Policies) -> float:
        return float(self._values(point, label, policies, SELECTION).mean())
