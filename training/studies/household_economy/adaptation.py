"""How far learned households are from doing their best: what one of them would gain by it.

A few households of the learned economy are given the best decisions for the wages and transfers
that this economy makes, and play again with the same shocks; the others decide as they learned.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ....envs.household_economy.equilibrium import best_decisions, decide, expected_paths
from ....envs.household_economy.market import HOUSEHOLD, HouseholdEconomy
from ....envs.household_economy.production import HouseholdState
from ...policies.policies import Trained

COPIES, CHANGED = 64, 4  # economies, and households in each that decide anew; too few to matter
Floats = NDArray[np.float64]


def best_response_gain(trained: Trained, theta: Floats) -> float:
    """Gain of deciding best among learned households, as a share of consumption in every year.

    The mean over households of ``exp((1 − β) (V* − V)) − 1``, V the discounted utility of an
    episode: for log utility the share of consumption that is worth as much.

    Args:
        trained: policies of a closed economy whose budget is `rebate`.
        theta: taxes, constant, ``(4,)``.
    """
    market, discount = trained.experiment.market, trained.experiment.followers.discount
    assert isinstance(market, HouseholdEconomy)
    learned, paths = _played(trained, theta, None)
    shares, hours = best_decisions(expected_paths(paths), theta, discount)
    best, _ = _played(trained, theta, (shares, hours))
    weights = discount ** np.arange(len(learned))
    # Relative to years without end: each year's utility weighs 1 − β of all.
    gain = np.tensordot(weights / weights.sum(), best - learned, axes=1)  # (B, k)
    return float(np.expm1(gain.mean()))


def _played(
    trained: Trained, theta: Floats, tables: tuple[Floats, Floats] | None
) -> tuple[Floats, dict[str, Floats]]:
    """Utilities of the changed households, ``(T, B, k)``, and mean paths of the economy."""
    market, seed = trained.experiment.market, trained.experiment.evaluation.seed
    state = market.set_characteristics(market.reset(seed, COPIES), np.tile(theta, (COPIES, 1)))
    generator = torch.Generator().manual_seed(seed)
    utilities: list[Floats] = []
    paths: dict[str, list[float]] = {
        name: [] for name in ("wage", "transfer", "consumption", "wealth")
    }
    for year in range(market.steps_per_episode):
        assert isinstance(state, HouseholdState)
        actions = dict(trained.policies.act(state, generator, greedy=True))
        if tables is not None:
            chosen = np.array(actions[HOUSEHOLD], dtype=float)
            chosen[:, :CHANGED] = decide(tables[0][year], tables[1][year], state)[:, :CHANGED]
            actions[HOUSEHOLD] = chosen
        step = market.step(state, actions)
        utilities.append(np.asarray(step.rewards[HOUSEHOLD])[:, :CHANGED])
        for name, path in paths.items():
            path.append(float(np.mean(step.quantities[name])))
        state = step.state
    return np.array(utilities), {name: np.array(path) for name, path in paths.items()}
