"""What a certificate says of one gap: how large, how sure, and whether that is too much."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..studies.resampling import LEAST_RUNS, Estimate, interquartile_mean
from ..studies.statistics import half_width

Floats = NDArray[np.float64]
Verdict = Literal["holds", "does not hold", "cannot tell"]
HOLDS: Verdict = "holds"
FAILS: Verdict = "does not hold"
UNSURE: Verdict = "cannot tell"
ROUNDING = 1e-9  # of a gap that is none


def clustered(differences: Floats, level: float = 0.95) -> Estimate:
    """Mean of paired differences, with an interval by seed of training and by episode.

    Seeds and episodes are crossed: every seed is measured in the same episodes. The half-widths
    of the means over either, each by its own Student's t, are added as squares. What is left over
    of both counts twice, so that the interval errs on the wide side; with one number of degrees of
    freedom for the sum, after Satterthwaite, it would hold the truth in 92 % where three seeds
    differ a little. Of three seeds resampling would tell less still.

    Args:
        differences: ``(seeds, episodes)``; of one seed, the interval is over episodes alone.
        level: chance that the interval holds the true mean.
    """
    values = np.atleast_2d(differences)
    mean = float(values.mean())
    if values.shape[1] < 2:
        return Estimate(mean, math.nan, math.nan)
    squares = half_width(values.mean(axis=0), level) ** 2
    if len(values) > 1:
        squares += half_width(values.mean(axis=1), level) ** 2
    half = float(np.sqrt(squares))
    return Estimate(mean, mean - half, mean + half)


@dataclass(frozen=True)
class Gap:
    """By how much somebody could do better, in its own unit and in percent of what is at stake.

    Attributes:
        gain: mean and interval of 95 %.
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
            return cls(clustered(difference), stake)
        return cls(
            clustered(difference),
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
    mean, low, high = clustered(share)
    return Estimate(mean, max(low, 0.0), min(high, 1.0))


def together(verdicts: list[Verdict]) -> Verdict:
    """Of several: the worst that is sure, else the unsure one."""
    if FAILS in verdicts:
        return FAILS
    return HOLDS if verdicts and set(verdicts) == {HOLDS} else UNSURE
