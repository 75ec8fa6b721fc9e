"""How far learned households are from doing their best: what one of them would gain by it.

A few households of the learned economy are given the best decisions for the wages and transfers
that this economy makes, and play again with the same shocks; the others decide as they learned,
and are asked where they are what the best saving would have been.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ....envs.household_economy.equilibrium import best_decisions, decide, expected_paths
from ....envs.household_economy.market import HOUSEHOLD, HouseholdEconomy
from ....envs.household_economy.production import HouseholdState
from ...experiments.experiment import Experiment
from ...policies.play import Actors

COPIES, CHANGED = 64, 4  # economies, and households in each that decide anew; too few to matter
Floats = NDArray[np.float64]


class Deviation(NamedTuple):
    """What the best decisions are beside the learned ones, at given taxes.

    Attributes:
        gain: of one household that decides best, as a share of consumption in every year.
        saving: best saving share less the learned one, mean over the states in which the learned
            households are.
    """

    gain: float
    saving: float


def best_deviation(experiment: Experiment, households: Actors, theta: Floats) -> Deviation:
    """What one household gains by deciding best among learned ones, and how it would save.

    The gain is the mean over households of ``exp((1 − β) (V* − V)) − 1``, V the discounted utility
    of an episode: for log utility the share of consumption that is worth as much.

    Args:
        experiment: of a closed economy whose budget is `rebate`.
        households: how all of them decide.
        theta: taxes, constant, ``(4,)``.
    """
    market, discount = experiment.market, experiment.followers.discount
    assert isinstance(market, HouseholdEconomy)
    learned = _played(experiment, households, theta, None)
    tables = best_decisions(expected_paths(learned.paths), theta, discount)
    best = _played(experiment, households, theta, tables)
    weights = discount ** np.arange(len(learned.utilities))
    # Relative to years without end: each year's utility weighs 1 − β of all.
    more = best.utilities - learned.utilities
    gain = np.tensordot(weights / weights.sum(), more, axes=1)  # (B, k)
    return Deviation(float(np.expm1(gain.mean())), best.saving)


class _Played(NamedTuple):
    """Of the changed households utilities, ``(T, B, k)``; of the economy mean paths, name → (T,);
    of the others by how much less they save than is best."""

    utilities: Floats
    paths: dict[str, Floats]
    saving: float


def _played(
    experiment: Experiment, households: Actors, theta: Floats, tables: tuple[Floats, Floats] | None
) -> _Played:
    """An episode, greedily, in which the changed households decide by their tables, if any."""
    market, seed = experiment.market, experiment.evaluation.seed
    assert isinstance(market, HouseholdEconomy)
    state = market.set_characteristics(market.reset(seed, COPIES), np.tile(theta, (COPIES, 1)))
    generator = torch.Generator().manual_seed(seed)
    asked = slice(CHANGED, None) if market.households > CHANGED else slice(None)
    utilities, missing = [], [0.0]
    paths: dict[str, list[float]] = {
        name: [] for name in ("wage", "transfer", "consumption", "wealth")
    }
    for year in range(market.steps_per_episode):
        assert isinstance(state, HouseholdState)
        actions = dict(households.act(state, generator, greedy=True))
        if tables is not None:
            chosen = np.array(actions[HOUSEHOLD], dtype=float)
            best = decide(tables[0][year], tables[1][year], state)
            missing.append(float((best - chosen)[:, asked, 0].mean()))
            chosen[:, :CHANGED] = best[:, :CHANGED]
            actions[HOUSEHOLD] = chosen
        step = market.step(state, actions)
        utilities.append(np.asarray(step.rewards[HOUSEHOLD])[:, :CHANGED])
        for name, path in paths.items():
            path.append(float(np.mean(step.quantities[name])))
        state = step.state
    mean_paths = {name: np.array(path) for name, path in paths.items()}
    return _Played(np.array(utilities), mean_paths, sum(missing) / market.steps_per_episode)
