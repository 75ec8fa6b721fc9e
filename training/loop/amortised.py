"""An amortised posterior of a market: simulations under the prior, statistics, one network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ...leaders.gradient.amortised import Amortised, Given
from ...leaders.gradient.summaries import series_statistics
from ...leaders.objectives.references import Samples
from ..experiments.experiment import Experiment
from ..ppo.seeds import SEEDS_PER_EXPERIMENT
from .inference import episodes_of, observe, observed_lengths, prior_draws, prior_of

Floats = NDArray[np.float64]
Statistics = Callable[[Floats], Floats]
"""From series ``(n, T)`` to statistics ``(n, m)``."""
SIMULATIONS, AT_ONCE = 10_000, 500
SIMULATION_SEED = 900_000  # away from those of observations


def amortise(
    experiment: Experiment,
    simulations: int = SIMULATIONS,
    statistics: Statistics = series_statistics,
) -> Amortised:
    """Learn the posterior of everything that the experiment's objective might have observed.

    Args:
        experiment: its market has no learning groups, its objective a sample that says what is
            observed and how much; the prior is that of its leader, if it is variational.
        simulations: each under one θ of the prior.
        statistics: of every observed path quantity; they are put side by side.

    Raises:
        PacesetterError: nothing is observed, or too few simulations can be used.
    """
    lengths = observed_lengths(experiment)
    theta = prior_draws(experiment, simulations, np.random.default_rng((experiment.seed, 4)))
    seed, parts = SIMULATION_SEED + experiment.seed * SEEDS_PER_EXPERIMENT, []
    episodes = episodes_of(experiment.market, lengths)
    for first in range(0, simulations, AT_ONCE):
        rows = theta[first : first + AT_ONCE]
        seen = observe(experiment.market, rows, lengths, seed + first * episodes)
        parts.append(summarised(seen, statistics))
    names, prior = experiment.market.characteristics.names, prior_of(experiment)
    return Amortised.fit(names, prior, theta, np.concatenate(parts), experiment.seed)


def given(
    amortised: Amortised, samples: Samples, statistics: Statistics = series_statistics
) -> Given:
    """The posterior of what was observed, path quantity -> ``(n,)``."""
    seen = {name: np.asarray(sample)[None] for name, sample in samples.items()}
    return amortised.given(summarised(seen, statistics)[0])


def summarised(seen: dict[str, Floats], statistics: Statistics) -> Floats:
    """Statistics of all quantities side by side, ``(n, m)``."""
    return np.concatenate([statistics(seen[name]) for name in sorted(seen)], axis=1)
