"""What currency dealers have learned, read off their policies: ladders and hedges by inventory.

A policy's most likely quotes and hedge on the grid of inventories are what the solvers evaluate:
what a learned ladder earns is computed, not sampled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ....envs.core.state import changed
from ....envs.fx_dealer.hjb import Solution
from ....envs.fx_dealer.market import DEALER, FxDealer
from ...policies.policies import Trained

Floats = NDArray[np.float64]
HEDGED = 0.05  # M per step: less is nothing
LIKELY = 50.0  # M: inventories beyond are hardly met
LOOSE = 0.02  # M per step: a hedge that falls by less is monotone
SKEWED = 20.0


@dataclass(frozen=True)
class Ladder:
    """Quotes and hedge by inventory.

    Attributes:
        inventory: before the hedge, M, ascending, ``(n,)``.
        markup: bp, ``(n, T, Z, 2)``.
        hedge: M per step, ``(n,)``.
    """

    inventory: Floats
    markup: Floats
    hedge: Floats

    def at(self, held: float) -> Floats:
        """Mark-ups of a dealer who holds so much once it has hedged, bp, ``(T, Z, 2)``."""
        after = np.maximum.accumulate(self.inventory + self.hedge)
        flat = self.markup.reshape(len(after), -1)
        found = [np.interp(held, after, column) for column in flat.T]
        return np.array(found).reshape(self.markup.shape[1:])

    def skew(self, held: float) -> float:
        """Half of ask less bid of the sensitive tier's smallest size, bp."""
        bid, ask = self.at(held)[0, 0]
        return float(ask - bid) / 2.0

    def spread(self, tier: int) -> float:
        """Ask and bid of the smallest size of a dealer who holds nothing, bp."""
        return float(self.at(0.0)[tier, 0].sum())

    def zone(self) -> float:
        """Half of the width of inventories that are hardly hedged, M."""
        idle = np.abs(self.hedge) < HEDGED
        middle = len(idle) // 2
        right = np.argmin(np.append(idle[middle:], False))
        left = np.argmin(np.append(idle[middle::-1], False))
        return float(right + left - 1) / 2.0 * (self.inventory[1] - self.inventory[0])

    def monotone(self) -> bool:
        """Whether who holds more hedges no less of it, among inventories that are met."""
        met = np.abs(self.inventory) <= LIKELY
        return bool(np.diff(self.hedge[met]).max() <= LOOSE)


def learned_ladder(trained: Trained, theta: Floats, dealer: int = 0) -> Ladder:
    """The most likely quotes and hedge of a dealer under θ, ``(d,)``, on the solvers' grid."""
    market = trained.experiment.market
    assert isinstance(market, FxDealer)
    most = market.pair.most_inventory
    grid = np.arange(-most, most + 1.0)
    state = market.reset(0, len(grid), theta)
    median = 0.0 * state.type_quantiles + 0.5
    inventory = np.repeat(grid[:, None], market.dealers, axis=1)
    state = changed(state, inventory=inventory, type_quantiles=median)
    actions = trained.policies.act(state, torch.Generator(), greedy=True)[DEALER]
    markup, hedge = market.ladders.of_actions(np.clip(actions, -1.0, 1.0))
    return Ladder(grid, markup[:, dealer], hedge[:, dealer])


def computed_ladder(market: FxDealer, found: Solution) -> Ladder:
    """The ladder of a solution of the step game."""
    return Ladder(found.inventory, found.markup, found.hedge * market.pair.dt)


def alone(trained: Trained, risk_aversion: float) -> tuple[dict[str, float], Ladder, Ladder]:
    """A dealer alone: what its ladder earns over the best, and how they compare.

    Returns:
        Figures, the learned ladder, the computed one.
    """
    market = trained.experiment.market
    assert isinstance(market, FxDealer)
    game = market.step_game(risk_aversion)
    best = game.solve()
    learned = learned_ladder(trained, np.array([risk_aversion]))
    own = game.evaluate(learned.markup, learned.hedge)
    exact = computed_ladder(market, best)
    figures = {
        "gain_share": own.gain / best.gain,
        "skew_error": max(
            abs(learned.skew(held) / exact.skew(held) - 1.0) for held in (SKEWED, -SKEWED)
        ),
        "zone_error": abs(learned.zone() - exact.zone()),
        "zone": learned.zone(),
        "computed/zone": exact.zone(),
        "hedge_monotone": float(learned.monotone()),
        "internalisation": own.internalisation,
        "computed/internalisation": best.internalisation,
    }
    for t, tier in enumerate(market.pair.tiers):
        figures[f"spread_{tier}"] = learned.spread(t)
        figures[f"computed/spread_{tier}"] = exact.spread(t)
    return figures, learned, exact
