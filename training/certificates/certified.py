"""What a certificate says: gaps, verdicts, and what is wrong with the game itself.

An answer *holds* where no follower gains by deviating and no other θ, with followers who have
adapted to it, gives the leader more: each by less than a tolerance, in percent of what is at stake,
for sure. It *does not hold* where a gap exceeds the tolerance beyond its interval; else one *cannot
tell*. What is at stake is for a follower the difference between its best and acting by chance (see
`followers`), and for the leader that between the best and the worst θ of the set.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from .followers import FollowersGap
from .gaps import HOLDS, UNSURE, Verdict, together
from .leader import LeadersGap
from .plan import Plan
from .subject import Subject
from .work import VERSION

HIDDEN, NOT_FINITE, NOTHING_AT_STAKE = "hidden theta", "not finite", "nothing at stake"
LATER = "gains in later steps"


@dataclass(frozen=True)
class Certificate:
    """What was found.

    Attributes:
        subject: what is certified.
        tolerance: in percent of what is at stake.
        followers: the gap of every group, by name.
        leader: its gap; None where nothing else could be chosen, or nothing was chosen for a value.
        flags: what is wrong with the game itself, in sentences, by kind.
        plan: what it cost.
    """

    subject: Subject
    tolerance: float
    followers: dict[str, FollowersGap]
    leader: LeadersGap | None
    flags: dict[str, str]
    plan: Plan

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """Of every part."""
        found = {f"followers/{n}": g.verdict(self.tolerance) for n, g in self.followers.items()}
        if self.leader is not None:
            found["leader"] = self.leader.verdict(self.tolerance)
        return found

    @property
    def verdict(self) -> Verdict:
        """Of the whole; a game in which something is wrong does not hold for sure."""
        whole = together(list(self.verdicts.values()))
        return UNSURE if whole == HOLDS and self.flags else whole

    def figures(self) -> dict[str, float]:
        """All numbers, flat and finite."""
        found: dict[str, float] = {}
        for name, gap in self.followers.items():
            found |= gap.figures(f"followers/{name}")
        if self.leader is not None:
            found |= self.leader.figures("leader")
        return found

    def record(self) -> dict[str, Any]:
        """As plain values, for ``certificate.json``."""
        return {
            "verdict": self.verdict,
            "tolerance_percent": self.tolerance,
            "verdicts": self.verdicts,
            "flags": self.flags,
            "answer": self.subject.answer,
            "figures": self.figures(),
            "rival": None if self.leader is None else self.leader.rival.name,
            "points": _points(self.leader),
            "plan": self.plan.record(),
            "version": VERSION,
        }


def _points(leader: LeadersGap | None) -> list[dict[str, Any]]:
    """The set of θ, as plain values; what is not finite is left out."""
    if leader is None:
        return []
    found = []
    for point in leader.points:
        row: dict[str, Any] = {"name": point.name, "theta": point.theta.tolist()}
        for label, values in (("before", leader.before), ("after", leader.after)):
            if math.isfinite(value := values[point.name]):
                row[label] = value
        found.append(row)
    return found
