"""What the width of a posterior is worth: truths drawn from the prior, and draws beside them.

Each truth θ gave an observation, and each observation a posterior. If posteriors are right, a truth
is one draw among those of its posterior: its rank is uniform (Talts et al. 2018), intervals cover
as often as they say, and so do balls around random points (TARP, Lemos et al. 2023), which see
correlations, too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LEVELS = (0.5, 0.8, 0.95)
BINS = 10
BAND = 0.95


@dataclass(frozen=True)
class Trials:
    """Posteriors of observations whose truth is known.

    Attributes:
        names: of the characteristics.
        truths: drawn from the prior, ``(n, d)``.
        draws: of the posterior of each, ``(n, S, d)``.
        scale: deviation of the prior, ``(d,)``, the unit of distances; 0: fixed, left out.
        density, prior_density: log density of the truths under posterior and prior, ``(n,)``.
        lost: further truths whose observation gave no posterior.
    """

    names: tuple[str, ...]
    truths: Floats
    draws: Floats
    scale: Floats
    density: Floats
    prior_density: Floats
    lost: int = 0

    def figures(self, seed: int = 0) -> dict[str, float]:
        """All figures by name: coverage, TARP, ranks, deviations and densities."""
        found: dict[str, float] = {"trials": len(self.truths), "trials_lost": self.lost}
        for level in LEVELS:
            share, error = coverage(self.truths, self.draws, level)
            label = f"{round(100 * level)}"
            for column in np.flatnonzero(self.scale):
                name = f"coverage_{label}/{self.names[column]}"
                found[name] = float(share[column])
                found[f"{name}_standard_error"] = float(error[column])
        credible = self.credibility(seed)
        for level in LEVELS:
            within = float((credible <= level).mean())
            found[f"tarp_{round(100 * level)}"] = within
            found[f"tarp_{round(100 * level)}_standard_error"] = share_error(within, len(credible))
        chances = uniform_chance(rank_counts(ranks(self.truths, self.draws), self.draws.shape[1]))
        distances = scores(self.truths, self.draws)
        for column in np.flatnonzero(self.scale):
            found[f"rank_chance/{self.names[column]}"] = float(chances[column])
            found[f"score_deviation/{self.names[column]}"] = float(distances[:, column].std())
        found["log_density"] = float(self.density.mean())
        found["log_density_median"] = float(np.median(self.density))
        found["log_density_of_prior"] = float(self.prior_density.mean())
        return found

    def credibility(self, seed: int) -> Floats:
        """See `tarp`; distances are in prior deviations, ``(n,)``."""
        free = self.scale > 0.0
        return tarp(self.truths[:, free], self.draws[:, :, free], self.scale[free], seed)


def ranks(truths: Floats, draws: Floats) -> NDArray[np.int64]:
    """How many draws lie below the truth, ``(n, d)`` and ``(n, S, d)`` to ``(n, d)``."""
    return (draws < truths[:, None]).sum(axis=1)


def rank_counts(found: NDArray[np.int64], draws: int, bins: int = BINS) -> NDArray[np.int64]:
    """Histogram of ranks from 0 to S, ``(n, d)`` to ``(d, bins)``.

    Bins hold equally many of the S + 1 ranks where `bins` divides that number.
    """
    place = np.minimum(found * bins // (draws + 1), bins - 1)
    return np.stack([np.bincount(column, minlength=bins) for column in place.T])


def uniform_band(trials: int, bins: int = BINS) -> tuple[float, float]:
    """Counts that one bin of a uniform histogram holds in 95 % of the cases."""
    from scipy.stats import binom  # a slow import

    low, high = binom.interval(BAND, trials, 1.0 / bins)
    return float(low), float(high)


def uniform_chance(counts: NDArray[np.int64]) -> Floats:
    """Chance of a histogram at least as uneven if ranks are uniform, χ², ``(d, bins)`` to ``(d,)``.

    Small: the posterior is too wide, too narrow or off to one side.
    """
    from scipy.stats import chi2

    expected = counts.sum(axis=1, keepdims=True) / counts.shape[1]
    statistic = ((counts - expected) ** 2 / expected).sum(axis=1)
    return chi2.sf(statistic, counts.shape[1] - 1)


def coverage(truths: Floats, draws: Floats, level: float) -> tuple[Floats, Floats]:
    """Share of truths within the central interval of their draws, and its error, ``(d,)`` each."""
    low, high = np.quantile(draws, [(1.0 - level) / 2.0, (1.0 + level) / 2.0], axis=1)
    share = ((low <= truths) & (truths <= high)).mean(axis=0)
    return share, np.array([share_error(one, len(truths)) for one in share])


def share_error(share: float, number: int) -> float:
    """Standard error of a share, which is never nothing (Agresti & Coull 1998)."""
    middle = (share * number + 2.0) / (number + 4.0)
    return float(np.sqrt(middle * (1.0 - middle) / (number + 4.0)))


def tarp(truths: Floats, draws: Floats, scale: Floats, seed: int) -> Floats:
    """Share of draws nearer to a random point than the truth is, ``(n,)``; uniform if all is right.

    The share of trials in which it is at most α is the expected coverage of credibility α. A point
    is one of the other truths, at random.
    """
    generator = np.random.default_rng(seed)
    number = len(truths)
    others = (np.arange(number) + generator.integers(1, max(2, number), number)) % number
    points = truths[others]
    of_truth = np.linalg.norm((truths - points) / scale, axis=1)
    of_draws = np.linalg.norm((draws - points[:, None]) / scale, axis=2)
    return (of_draws < of_truth[:, None]).mean(axis=1)


def scores(truths: Floats, draws: Floats) -> Floats:
    """(θ − mean) / deviation, ``(n, d)``: of deviation one if widths are right."""
    deviation = draws.std(axis=1)
    return (truths - draws.mean(axis=1)) / np.where(deviation > 0, deviation, 1.0)
