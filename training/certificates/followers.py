"""The followers' gap: what one of them, or a whole group, could gain by behaving otherwise.

From below, best responses are trained against the frozen rest at the leader's answer alone:
networks of the group's own shape, fresh ones, and one that goes on from what it knows, which finds
small improvements in a large space of actions. From above, or exactly, a market may say what the
next step is worth at best (`Market.best_response_value`).

What is at stake is the difference between the best and acting by chance; or, where that is less, as
among players whom an equilibrium leaves indifferent, how much it matters what one does: the mean
difference, without its sign, between rewards of a step of two who act by chance in the same
episodes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..experiments.experiment import Experiment
from ..policies.policies import Policies
from ..studies.resampling import Estimate
from .gaps import FAILS, HOLDS, ROUNDING, UNSURE, Gap, Verdict
from .learning import at_theta, deviating, gently, learned
from .market import Deviation, Led
from .playing import JUDGEMENT, SELECTION, Behaviour, net_rewards, net_steps, visited
from .subject import Subject
from .work import Arrays, Work

Floats = NDArray[np.float64]
STATES = 5  # of an episode, in which a market says what is best


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

    def verdict(self, tolerance: float) -> Verdict:
        """From both sides: what either is sure of, and nothing where they do not meet."""
        if not self.finite or not self.moves:
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
    experiment, policies, theta = subject.experiment, subject.at_answer, subject.theta
    leader, market = subject.leader, experiment.market

    def against(alone: bool) -> Deviation:
        return Deviation(
            market, leader, experiment.interval_steps, rest=policies, group=group, alone=alone
        )

    # Who pays for information trembles because that is best, and not to explore.
    pays = against(True).groups[0].information_cost
    hows = ("drawn",) if pays else ("drawn", "greedy")

    def response(seed: int, alone: bool, fresh: bool = True) -> Callable[[], Arrays]:
        asked = deviating(at_theta(experiment, theta, iterations, seed), against(alone))

        def make() -> Arrays:
            found = learned(asked) if fresh else learned(gently(asked), policies.modules)
            return {
                f"{episodes}_{how}": net_rewards(asked, found, theta, offset, how == "greedy")
                for episodes, offset in (("chosen", SELECTION), ("judged", JUDGEMENT))
                for how in hows
            }

        return make

    def standing(alone: bool) -> Callable[[], Arrays]:
        asked = deviating(at_theta(experiment, theta, 1, 0), against(alone))

        def make() -> Arrays:
            frozen = Policies(asked, {group: policies.modules[group]})
            chance, other = (net_steps(asked, None, theta, JUDGEMENT, luck=n) for n in (0, 1))
            return {
                "own": net_rewards(asked, frozen, theta, JUDGEMENT, greedy=False),
                "chance": net_rewards(asked, None, theta, JUDGEMENT, greedy=False),
                "swing": np.abs(chance - other).mean(keepdims=True).ravel(),
            }

        return make

    place = f"followers/{group}"
    base = work.arrays(f"{place}/standing", standing(alone=True))
    if not all(np.isfinite(values).all() for values in base.values()):
        nothing = Gap(Estimate(*[math.nan] * 3), math.nan)
        return FollowersGap(nothing, nothing, None, exact=False, finite=False, moves=True)
    base_of_all = work.arrays(f"{place}/standing_group", standing(alone=False))
    tried = [
        work.arrays(f"{place}/response_{seed}", response(seed, alone=True)) for seed in range(seeds)
    ]
    tried.append(work.arrays(f"{place}/response_on", response(seeds + 1, True, fresh=False)))
    best = _best_of(tried)
    of_all = _best_of([work.arrays(f"{place}/group", response(seeds, alone=False))])
    bounds = work.arrays(
        f"{place}/bound", lambda: _bound(experiment, policies, theta, against(True), leader)
    )
    reached = max(float(base["own"].mean()), float(best.mean()))
    if bounds:
        reached = max(reached, float(base["own"].mean() + (bounds["best"] - bounds["own"]).mean()))
    swing = float(base["swing"][0])
    stake = max(reached - float(base["chance"].mean()), swing)
    everything = [best, of_all]
    bound = None
    if bounds:
        gains = Gap.between(bounds["best"], bounds["own"], stake)
        bound = Gap(Estimate(*gains.gain), stake, gains.middle, gains.improvement)
    return FollowersGap(
        alone=Gap.between(best, base["own"], stake),
        together=Gap.between(of_all, base_of_all["own"], stake),
        bound=bound,
        exact=bool(bounds and bounds["exact"].all()),
        finite=all(bool(np.isfinite(one).all()) for one in everything),
        moves=swing > ROUNDING,
    )


def _best_of(tried: list[Arrays]) -> Floats:
    """What the best response nets where it is judged; it is chosen in other episodes."""
    found = [
        (float(one[f"chosen_{how}"].mean()), one[f"judged_{how}"])
        for one in tried
        for how in ("drawn", "greedy")
        if f"chosen_{how}" in one
    ]
    return max(found, key=lambda pair: np.nan_to_num(pair[0], nan=-np.inf))[1]


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
