"""Price ladders and hedges: what actions stand for, and those of the closed form.

The closed form is that of a worth −A q² / 2 of inventories: with it quotes and the hedge are those
of `hjb` to within a thousandth of the gain.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..core.arrays import Array
from .clients import Alone
from .hjb import riccati
from .kernels import best_quotes
from .presets import Pair
from .step_game import MOST_HEDGE

LOWEST_MARKUP, HIGHEST_MARKUP = -0.4, 2.0
DEAD_ZONE = 0.1


@dataclass(frozen=True)
class Ladders:
    """Ladders of one currency pair.

    Attributes:
        pair: what is dealt with.
    """

    pair: Pair

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        """Tiers, sizes and sides."""
        return len(self.pair.alphas), len(self.pair.sizes), 2

    def of_actions(self, actions: Array) -> tuple[Array, Array]:
        """Mark-ups, bp, ``(…, T, Z, 2)``, and hedges, M, ``(…)``, of actions in [−1, 1]."""
        actions = np.asarray(actions, dtype=np.float64)
        span = (HIGHEST_MARKUP - LOWEST_MARKUP) / 2.0
        markup = LOWEST_MARKUP + span * (actions[..., :-1] + 1.0)
        u = actions[..., -1]
        beyond = np.maximum(np.abs(u) - DEAD_ZONE, 0.0) / (1.0 - DEAD_ZONE)
        return markup.reshape(*actions.shape[:-1], *self.shape), MOST_HEDGE * np.sign(u) * beyond**2

    def bend(self, aversion: Array, reach: Array) -> Array:
        """A of the closed form, bp / M, of the shape of both."""
        return self._riccati * np.sqrt(aversion / reach)

    @cached_property
    def _riccati(self) -> float:
        return riccati(self.pair)

    def closed_form(self, inventory: Array, aversion: Array, reach: Array) -> tuple[Array, Array]:
        """Mark-ups ``(…, T, Z, 2)`` and hedges of the value −A q² / 2; all else ``(…)``."""
        pair = self.pair
        sizes = np.array(pair.sizes)
        A = self.bend(aversion, reach)
        s = (pair.impact - A) * inventory
        hedge = np.sign(s) * np.maximum(np.abs(s) - pair.spread_cost, 0.0)
        hedge = np.clip(hedge / (2.0 * pair.depth_cost) * pair.dt, -MOST_HEDGE, MOST_HEDGE)
        held = (inventory + hedge)[..., None]
        shadow = A[..., None, None] * np.stack([held + sizes / 2.0, sizes / 2.0 - held], axis=-1)
        shadow = np.repeat(shadow[..., None, :, :], self.shape[0], axis=-3)
        found = np.empty_like(shadow)
        flat = (-1, *self.shape)
        alphas, betas = np.array(pair.alphas), np.array(pair.betas)
        best_quotes(shadow.reshape(flat), alphas, betas, found.reshape(flat))
        return found, hedge

    @cached_property
    def neutral_per_step(self) -> float:
        """What a dealer without aversion to risk earns per step, bp·M."""
        pair, zero = self.pair, np.zeros(1)
        best = [Alone(a, b).best(zero) for a, b in zip(pair.alphas, pair.betas, strict=True)]
        earned = np.array([float(markup[0] * share[0]) for markup, share in best])
        rates = pair.tier_rates()
        return float(2.0 * np.einsum("tz,t,z->", rates, earned, pair.sizes) / pair.total_rate)
