"""Pictures of posteriors of the volatility market: what they say of paths, and of themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ....envs.registry import make
from ....envs.volatility_clustering.market import VolatilityClustering
from ....leaders.gradient.trust import LEVELS, Trials
from ....leaders.leader import Distribution
from ..charts import EXACT_COLOUR, TRAINED_COLOUR, chart
from ..posterior_figures import COLOURS, PRIOR, corner, losses, rank_histograms
from .figures import fan
from .posterior_claims import NAMES
from .posterior_fits import AMORTISED, DEFAULT, PATHWISE, SCORE, TRUE, Found

Floats = NDArray[np.float64]
PATHS, SEED = 300, 11
SIMULATIONS = 10  # of an epoch


def pictures(found: Found) -> dict[str, Figure]:
    """Name -> figure."""
    return {
        "corner": _corner(found),
        "losses": _losses({label: found.fits[label][0].losses for label in (PATHWISE, SCORE)}),
        "starts": _losses(found.starts),
        "predictive": _predictive(found),
        "common_noise": _common_noise(found),
        "ranks": _ranks(next(iter(found.by_weight.values()))),
        "amortised_ranks": _ranks(found.amortised),
        "coverage": _coverage(found),
    }


def _corner(found: Found) -> Figure:
    first = {label: fits[0].posterior for label, fits in found.fits.items()}
    draws = {PRIOR: _of_the_prior(20_000)}
    for label in (SCORE, PATHWISE, DEFAULT, AMORTISED):
        draws[label] = first[label].sample(20_000, SEED)
    return corner(draws, NAMES, TRUE)


def _of_the_prior(number: int) -> Floats:
    return np.random.default_rng(SEED).standard_normal((number, len(NAMES)))


def _losses(curves: Mapping[str, Floats]) -> Figure:
    shown = {}
    for label, values in curves.items():
        number = len(values)
        shown[label] = np.linspace(SIMULATIONS, SIMULATIONS * number, number), values
    return losses(shown)


def _predictive(found: Found) -> Figure:
    """Log prices under draws of θ, beside the observed ones."""
    observed = found.observations[0]
    market = _market(len(observed))
    shown = {"prior": _of_the_prior(PATHS)}
    for label in (DEFAULT, AMORTISED):
        shown[label] = found.fits[label][0].posterior.sample(PATHS, SEED)
    figure, axes = chart(1, len(shown), width=9.6, height=3.0)
    periods = 1.0 + np.arange(len(observed))
    for axis, (label, theta) in zip(axes, shown.items(), strict=True):
        fan(axis, periods, market.simulate(theta, SEED, tangents=False).log_prices, label)
        axis.plot(periods, np.cumsum(observed), color="black", linewidth=1.0)
        axis.set_title(label, fontsize=9)
        axis.set_xlabel("period")
    axes[0].set_ylabel("log price")
    return figure


def _common_noise(found: Found) -> Figure:
    """Log prices under the truth and under means of posteriors, with the same shocks."""
    market = _market(found.observations.shape[1])
    generator = np.random.default_rng(SEED)
    shocks = {
        "news": generator.standard_normal((1, market.periods)),
        "thresholds": generator.random((1, market.traders)),
    }

    def walked(theta: Floats) -> Floats:
        prices: Floats = market.simulate(theta[None], SEED, shocks, tangents=False).log_prices[0]
        return prices

    figure, (above, below) = _stacked()
    truth, periods = walked(TRUE), 1.0 + np.arange(market.periods)
    above.plot(periods, truth, color=EXACT_COLOUR, label="truth")
    for colour, label in zip(COLOURS[1:], (DEFAULT, AMORTISED), strict=False):
        posterior: Distribution = found.fits[label][0].posterior
        path = walked(posterior.mean())
        above.plot(periods, path, color=colour, label=f"mean of {label}")
        errors = np.stack([walked(theta) - truth for theta in posterior.sample(PATHS, SEED)])
        edges = np.quantile(errors, (0.05, 0.95), axis=0)
        below.fill_between(periods, *edges, color=colour, alpha=0.15, linewidth=0)
        below.plot(periods, path - truth, color=colour)
    below.axhline(0.0, color="0.4", linewidth=0.8)
    above.set_ylabel("log price")
    below.set_ylabel("error")
    below.set_xlabel("period")
    above.legend(fontsize=8)
    return figure


def _stacked() -> tuple[Figure, Any]:
    figure, axes = chart(2, 1, width=7.2, height=4.6)
    return figure, (axes[0][0], axes[1][0])


def _ranks(trials: Trials) -> Figure:
    return rank_histograms(trials.truths, trials.draws, NAMES)


def _coverage(found: Found) -> Figure:
    """Coverage of central intervals by characteristic, over w, for every level."""
    weights = sorted(found.by_weight)
    figure, axes = chart(1, len(NAMES), width=10.0, height=2.9)
    places, shades = np.arange(len(weights)), (COLOURS[2], TRAINED_COLOUR, COLOURS[3])
    for axis, name in zip(axes, NAMES, strict=True):
        for colour, level in zip(shades, LEVELS, strict=True):
            key = f"coverage_{round(100 * level)}/{name}"
            figures = [found.by_weight[w].figures() for w in weights]
            share = [one[key] for one in figures]
            bars = [1.96 * one[f"{key}_standard_error"] for one in figures]
            look = {"marker": "o", "markersize": 4, "capsize": 2, "color": colour}
            axis.errorbar(places, share, bars, label=f"{level:.0%}", **look)
            axis.axhline(level, color=colour, linestyle="--", linewidth=0.9)
        axis.set_xticks(places, [f"{w:g}" for w in weights])
        axis.set_xlim(-0.3, len(weights) - 0.7)
        axis.set_ylim(0.0, 1.05)
        axis.set_title(name, fontsize=9)
        axis.set_xlabel("w")
    axes[0].set_ylabel("coverage")
    axes[-1].legend(fontsize=8, loc="lower left")
    return figure


def _market(periods: int) -> VolatilityClustering:
    made = make("volatility_clustering", periods=periods)
    assert isinstance(made, VolatilityClustering)
    return made
