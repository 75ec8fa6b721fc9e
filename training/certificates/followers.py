"""The followers' gap: what one of them, or a whole group, could gain by behaving otherwise.

From below, best responses are trained against the frozen rest at the leader's answer alone:
networks of the group's own shape, fresh ones, and one that goes on from what it knows, which finds
small improvements in a large space of actions, from more decisions at a time. The best of them goes
on for as long as that brings much, so that a response that is found to gain has not merely begun
to. From above, or exactly, a market may say what the next step is worth at best
(`Market.best_response_value`).

What is at stake is the difference between the best and acting by chance; or, where that is less, as
among players whom an equilibrium leaves indifferent, how much it matters what one does: the mean
difference, without its sign, between rewards of a step of two who act by chance in the same
episodes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..experiments.experiment import Experiment
from ..policies.policies import Policies
from ..studies.resampling import Estimate
from .gaps import FAILS, HOLDS, ROUNDING, UNSURE, Gap, Verdict
from .learning import CALM, ROWS, at_theta, deviating, gently, learned
from .market import Deviation, Led
from .playing import JUDGEMENT, SELECTION, Behaviour, net_rewards, net_steps, visited
from .subject import Subject
from .work import Arrays, Work

Floats = NDArray[np.float64]
STATES = 5  # of an episode, in which a market says what is best
FURTHER = 4  # times that the best response goes on, at most
SETTLED = 0.005  # of what is at stake: a response that gained less by going on does so no more


@dataclass(frozen=True)
class FollowersGap:
    """What followers of a group could gain at the answer.

    Attributes:
        alone: of the best of the trained responses, one follower against the rest.
        together: of the whole group learning anew; no equilibrium forbids it, and none is judged.
        bound: of what the market says is best, from above; None: it does not say.
        exact: whether the bound is reached by who sees what followers see.
        finite: whether all rewards were numbers.
        moves: whether the reward depends on what the follower does.
    """

    alone: Gap
    together: Gap
    bound: Gap | None
    exact: bool
    finite: bool
    moves: bool

    def later(self, tolerance: float) -> bool:
        """Whether a response gains for sure what no step of it could: by what later steps bring.

        Followers who think of a step alone do not count that, and the market's word on a step does
        not either; over an episode they lose it all the same.
        """
        if self.bound is None or self.bound.verdict(tolerance) != HOLDS:
            return False
        return self.alone.verdict(tolerance) == FAILS

    def verdict(self, tolerance: float) -> Verdict:
        """From both sides: what either is sure of, and nothing where they do not meet."""
        if not self.finite or not self.moves or self.later(tolerance):
            return UNSURE
        below = self.alone.verdict(tolerance)
        if self.bound is None:
            return below
        above = self.bound.verdict(tolerance)
        if above == HOLDS or self.exact:
            return above
        return FAILS if below == FAILS else UNSURE

    def figures(self, name: str) -> dict[str, float]:
        """Flat, under a name."""
        found = self.alone.figures(f"{name}/one") | self.together.figures(f"{name}/group")
        if self.bound is not None:
            found |= self.bound.figures(f"{name}/{'exact' if self.exact else 'bound'}")
        return found


def followers_gap(
    subject: Subject, group: str, iterations: int, seeds: int, work: Work
) -> FollowersGap:
    """The gap of one group.

    Args:
        subject: what is certified.
        group: whose.
        iterations: how long a best response learns.
        seeds: how many fresh ones are trained; the best of all is taken.
        work: where pieces are kept.
    """
    return _Deviators(subject, group, iterations, work).gap(seeds)


class _Deviators:
    """Those who deviate from one group; see `followers_gap`."""

    def __init__(self, subject: Subject, group: str, iterations: int, work: Work):
        self.subject, self.group, self.iterations, self.work = subject, group, iterations, work
        self.place = f"followers/{group}"
        # Who pays for information trembles because that is best, and not to explore.
        pays = self._against(alone=True).groups[0].information_cost
        self.hows = ("drawn",) if pays else ("drawn", "greedy")

    def gap(self, seeds: int) -> FollowersGap:
        """From below with so many fresh responses, and from above."""
        base = self._standing("standing", alone=True)
        if not all(np.isfinite(values).all() for values in base.values()):
            nothing = Gap(Estimate(*[math.nan] * 3), math.nan)
            return FollowersGap(nothing, nothing, None, exact=False, finite=False, moves=True)
        base_of_all = self._standing("standing_group", alone=False)
        own, chance, swing = (float(base[name].mean()) for name in ("own", "chance", "swing"))
        best = self._best(seeds, float(base["own_chosen"].mean()), chance, swing)
        of_all = _best_of([self._response("group", seeds, alone=False)[1]])[1]
        bounds = self.work.arrays(f"{self.place}/bound", self._bound)
        reached = max(own, float(best.mean()))
        if bounds:
            reached = max(reached, own + float((bounds["best"] - bounds["own"]).mean()))
        stake = max(reached - chance, swing)
        return FollowersGap(
            alone=Gap.between(best, base["own"], stake),
            together=Gap.between(of_all, base_of_all["own"], stake),
            bound=Gap.between(bounds["best"], bounds["own"], stake) if bounds else None,
            exact=bool(bounds and bounds["exact"].all()),
            finite=bool(np.isfinite(best).all() and np.isfinite(of_all).all()),
            moves=swing > ROUNDING,
        )

    def _best(self, seeds: int, own: float, chance: float, swing: float) -> Floats:
        """What the best of all responses nets, ``(episodes,)``."""
        tried = [self._response(f"response_{seed}", seed) for seed in range(seeds)]
        known = self.subject.at_answer
        tried.append(self._response("response_on", seeds + 1, known, calm=True))
        before = own
        for number in range(FURTHER):
            policies, netted = max(tried, key=lambda pair: _best_of([pair[1]])[0])
            reached = _best_of([netted])[0]
            if not reached - before > SETTLED * max(reached - chance, swing):
                break
            before, name = reached, f"response_further_{number}"
            tried.append(self._response(name, seeds + 2 + number, policies))
        return _best_of([netted for _, netted in tried])[1]

    def _response(
        self,
        name: str,
        seed: int,
        start: Policies | None = None,
        alone: bool = True,
        calm: bool = False,
    ) -> tuple[Policies, Arrays]:
        """One that learned, afresh or on from others, and what it nets where."""
        rows, theta = ROWS * (CALM if calm else 1), self.subject.theta
        asked = self._asked(self.iterations, seed, alone, rows)
        asked = gently(asked) if calm else asked
        modules = None if start is None else start.modules
        place = f"{self.place}/{name}"
        found = self.work.policies(place, asked, lambda: learned(asked, modules))
        netted = self.work.arrays(
            f"{place}/netted",
            lambda: {
                f"{episodes}_{how}": net_rewards(asked, found, theta, offset, how == "greedy")
                for episodes, offset in (("chosen", SELECTION), ("judged", JUDGEMENT))
                for how in self.hows
            },
        )
        return found, netted

    def _standing(self, name: str, alone: bool) -> Arrays:
        """What followers net as they are, what chance would, and how much it matters."""
        asked, theta = self._asked(1, 0, alone), self.subject.theta

        def make() -> Arrays:
            frozen = Policies(asked, {self.group: self.subject.at_answer.modules[self.group]})
            chance, other = (net_steps(asked, None, theta, JUDGEMENT, luck=n) for n in (0, 1))
            return {
                "own": net_rewards(asked, frozen, theta, JUDGEMENT, greedy=False),
                "own_chosen": net_rewards(asked, frozen, theta, SELECTION, greedy=False),
                "chance": net_rewards(asked, None, theta, JUDGEMENT, greedy=False),
                "swing": np.abs(chance - other).mean(keepdims=True).ravel(),
            }

        return self.work.arrays(f"{self.place}/{name}", make)

    def _bound(self) -> Arrays:
        """What the market says of a step: best and own by episode; empty if nothing."""
        subject = self.subject
        return _bound(
            subject.experiment,
            subject.at_answer,
            subject.theta,
            self._against(alone=True),
            subject.leader,
        )

    def _asked(self, iterations: int, seed: int, alone: bool, rows: int = ROWS) -> Experiment:
        at = at_theta(self.subject.experiment, self.subject.theta, iterations, seed)
        return deviating(at, self._against(alone), rows)

    def _against(self, alone: bool) -> Deviation:
        experiment = self.subject.experiment
        return Deviation(
            experiment.market,
            self.subject.leader,
            experiment.interval_steps,
            rest=self.subject.at_answer,
            group=self.group,
            alone=alone,
        )


def _best_of(tried: list[Arrays]) -> tuple[float, Floats]:
    """What the best response nets: where it is chosen, and in the episodes where it is judged."""
    found = [
        (float(np.nan_to_num(one[f"chosen_{how}"].mean(), nan=-np.inf)), one[f"judged_{how}"])
        for one in tried
        for how in ("drawn", "greedy")
        if f"chosen_{how}" in one
    ]
    return max(found, key=lambda pair: pair[0])


def _bound(
    experiment: Experiment,
    policies: Policies,
    theta: Floats,
    market: Deviation,
    leader: Policies | None,
) -> Arrays:
    """What the market says of the deviator's step: best and own by episode; empty if nothing."""
    settings = experiment.followers_of(market.group)
    if settings.discount > 0.0 and experiment.market.steps_per_episode > 1:
        return {}  # a step is not all that such followers think of
    if market.groups[0].information_cost and not settings.information_cost:
        return {}  # the market prices what these followers do not pay
    best, own, exact = [], [], []
    everybody = Led(experiment.market, leader, experiment.interval_steps)
    states = visited(experiment, everybody, policies, theta, STATES)
    for number, state in enumerate(states):
        behaviour = Behaviour(policies, experiment.evaluation.seed + number)
        found = experiment.market.best_response_value(state, behaviour)
        if market.group not in found:
            return {}
        said = found[market.group]
        best.append(said.best.mean(axis=1))
        own.append(said.own.mean(axis=1))
        exact.append(said.exact)
    return {
        "best": np.mean(best, axis=0),
        "own": np.mean(own, axis=0),
        "exact": np.array(exact),
    }
