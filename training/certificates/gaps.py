"""What a certificate says of one gap: how large, how sure, and whether that is too much."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..studies.resampling import LEAST_RUNS, Estimate, crossed_mean, interquartile_mean

Floats = NDArray[np.float64]
Verdict = Literal["holds", "does not hold", "cannot tell"]
HOLDS: Verdict = "holds"
FAILS: Verdict = "does not hold"
UNSURE: Verdict = "cannot tell"
ROUNDING = 1e-9  # of a gap that is none


@dataclass(frozen=True)
class Gap:
    """By how much somebody could do better, in its own unit and in percent of what is at stake.

    Attributes:
        gain: mean and interval of 95 %, resampled by seed of training and by episode.
        stake: what is at stake, in the same unit; not positive: nothing.
        middle: interquartile mean of the gains over episodes; None: of too few.
        improvement: chance that an episode of who deviates is the better one; None likewise.
    """

    gain: Estimate
    stake: float
    middle: Estimate | None = None
    improvement: Estimate | None = None

    @classmethod
    def between(cls, ours: Floats, theirs: Floats, stake: float) -> Gap:
        """Of what a deviation brings, ``(seeds, episodes)``, over what stands in its place."""
        ours, theirs = np.atleast_2d(ours), np.atleast_2d(theirs)
        difference = ours - theirs
        by_episode = difference.mean(axis=0)
        if len(by_episode) < LEAST_RUNS:
            return cls(crossed_mean(difference), stake)
        return cls(
            crossed_mean(difference),
            stake,
            interquartile_mean(by_episode),
            _share_above_zero(by_episode),
        )

    @property
    def percent(self) -> Estimate:
        """In percent of what is at stake; NaN where nothing is."""
        scale = 100.0 / self.stake if self.stake > ROUNDING else math.nan
        return Estimate(*(value * scale for value in self.gain))

    def verdict(self, tolerance: float) -> Verdict:
        """Whether the gap is within a tolerance, in percent of what is at stake, for sure."""
        _, low, high = self.percent
        if not math.isfinite(low + high):
            return UNSURE
        if low > tolerance + ROUNDING:
            return FAILS
        return HOLDS if high <= tolerance + ROUNDING else UNSURE

    def figures(self, name: str) -> dict[str, float]:
        """Flat and finite, under a name."""
        found = self.gain.named(f"{name}/gain") | self.percent.named(f"{name}/percent")
        found[f"{name}/stake"] = self.stake
        for label, estimate in (("iqm", self.middle), ("improvement", self.improvement)):
            if estimate is not None:
                found |= estimate.named(f"{name}/{label}")
        return {key: float(value) for key, value in found.items() if math.isfinite(value)}


def _share_above_zero(differences: Floats) -> Estimate:
    """Chance that an episode is better, of pairs of the same episode, a tie counting half."""
    share = (1.0 + np.sign(differences)) / 2.0
    mean, low, high = crossed_mean(share)
    return Estimate(mean, max(low, 0.0), min(high, 1.0))


def together(verdicts: list[Verdict]) -> Verdict:
    """Of several: the worst that is sure, else the unsure one."""
    if FAILS in verdicts:
        return FAILS
    return HOLDS if verdicts and set(verdicts) == {HOLDS} else UNSURE
