"""The best ladder and hedge of one dealer in the market's own steps: one hedge, one request each.

A dealer who holds q hedges ξ, holds q' = q + ξ while the price moves, and meets a request:

    h(q) + g dt = max_ξ { k q ξ − ψ |ξ| − η ξ² / dt − γ σ² q'² dt / 2 + h(q')
                          + Σ (λ / Λ) z max_δ F(δ)(δ − p) },   p = [h(q') − h(q' ± z)] / z,    (1)

the sum over tiers, sizes and sides: given ξ, quotes are best for a shadow price as in continuous
time. Policy iteration: h is a cubic spline through its values on a grid, so that an inventory need
not lie on it, and the value of a policy is a linear system. That of a learned policy is one, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from ..core.errors import PacesetterError
from .hjb import Dealer, Solution

Floats = NDArray[np.float64]
MOST_HEDGE = 10.0  # M per step
TRIED = 201  # hedges, evenly over the whole range, before the best of them is refined
REFINED = 41
MOST_ROUNDS = 25
EXACT = 1e-7


@dataclass(frozen=True)
class StepGame:
    """One dealer's problem, step by step.

    Attributes:
        dealer: the same in continuous time, which gives the first policy.
        thin: how many points of its grid there are for one of this one's.
    """

    dealer: Dealer
    thin: int = 1

    @cached_property
    def inventory(self) -> Floats:
        """Grid of q, ``(n,)``."""
        return self.dealer.inventory[:: self.thin]

    @property
    def _dt(self) -> float:
        return self.dealer.pair.dt

    @cached_property
    def _chance(self) -> Floats:
        """Of a request of a tier and size on one side, ``(T, Z)``."""
        return self.dealer.rates / (2.0 * self.dealer.rates.sum())

    @cached_property
    def _basis(self) -> Any:
        """From inventories to the weights of the grid's values in the spline, ``(…, n)``."""
        return CubicSpline(self.inventory, np.eye(len(self.inventory)))

    def _risk(self, x: Floats) -> Floats:
        pair = self.dealer.pair
        return 0.5 * self.dealer.risk_aversion * pair.volatility**2 * self._dt * x * x

    def _costs(self, hedge: Floats) -> Floats:
        pair = self.dealer.pair
        return pair.spread_cost * np.abs(hedge) + pair.depth_cost * hedge**2 / self._dt

    def _limited(self, x: Floats) -> Floats:
        return np.clip(x, self.inventory[0], self.inventory[-1])

    def _answers(self, value: Floats, q: Floats, hedge: Floats) -> tuple[Floats, Floats, Floats]:
        """Best mark-ups and shares ``(*S, T, Z, 2)`` and the value (1) ``(*S,)``."""
        pair, spline = self.dealer.pair, CubicSpline(self.inventory, value)
        held = self._limited(q + hedge)
        moved = held - q
        kept = spline(held)
        total = kept + pair.impact * q * moved - self._costs(moved) - self._risk(held)
        shape = (*q.shape, *self.dealer.rates.shape, 2)
        markup, dealt = np.zeros(shape), np.zeros(shape)
        for z, size in enumerate(pair.sizes):
            for side, sign in enumerate((1.0, -1.0)):
                after = held + sign * size
                inside = np.abs(after) <= pair.most_inventory
                p = (kept - spline(self._limited(after))) / size
                for t in range(shape[-3]):
                    best, share = self.dealer.clients[t][z].best(p)
                    share = share * inside
                    markup[..., t, z, side], dealt[..., t, z, side] = best, share
                    total = total + self._chance[t, z] * size * share * (best - p)
        return markup, dealt, total

    def _improved(self, value: Floats) -> tuple[Floats, Floats, Floats]:
        """The best mark-ups, shares and hedge for a value of the grid."""
        q = self.inventory
        tried = np.linspace(-MOST_HEDGE, MOST_HEDGE, TRIED)
        width = tried[1] - tried[0]
        hedge = tried[np.argmax(self._over(value, np.tile(tried, (len(q), 1))), axis=1)]
        near = hedge[:, None] + np.linspace(-width, width, REFINED)
        near = np.concatenate([np.zeros((len(q), 1)), near.clip(-MOST_HEDGE, MOST_HEDGE)], axis=1)
        places = np.argmax(self._over(value, near), axis=1)
        hedge = near[np.arange(len(q)), places]
        markup, dealt, _ = self._answers(value, q, hedge)
        return markup, dealt, hedge

    def _over(self, value: Floats, hedges: Floats) -> Floats:
        """The value (1) of hedges ``(n, m)``."""
        q = np.broadcast_to(self.inventory[:, None], hedges.shape)
        return self._answers(value, q, hedges)[2]

    def evaluate(self, markup: Floats, hedge: Floats) -> Solution:
        """What comes of mark-ups ``(n, T, Z, 2)`` and hedges ``(n,)`` in M per step.

        The hedge of what is returned is in M per day.
        """
        pair = self.dealer.pair
        dealt = np.zeros_like(markup)
        held = self._limited(self.inventory + hedge)
        for t in range(markup.shape[1]):
            for z, size in enumerate(pair.sizes):
                for side, sign in enumerate((1.0, -1.0)):
                    inside = np.abs(held + sign * size) <= pair.most_inventory
                    share = self.dealer.clients[t][z].dealt(markup[:, t, z, side])
                    dealt[:, t, z, side] = share * inside
        return self._solution(markup, dealt, hedge)

    def _solution(self, markup: Floats, dealt: Floats, hedge: Floats) -> Solution:
        pair, q = self.dealer.pair, self.inventory
        n = len(q)
        held = self._limited(q + hedge)
        weights = np.einsum("ntzs,tz->nzs", dealt, self._chance)
        outcomes = [(1.0 - weights.sum(axis=(1, 2)), held)]
        for z, size in enumerate(pair.sizes):
            for side, sign in enumerate((1.0, -1.0)):
                outcomes.append((weights[:, z, side], self._limited(held + sign * size)))
        smooth, flow = np.zeros((n, n)), np.zeros((n, n))
        for chance, after in outcomes:
            smooth += chance[:, None] * self._basis(after)
            _split(flow, chance, (after - q[0]) / (q[1] - q[0]))
        moved = held - q
        earned = pair.impact * q * moved - self._costs(moved) - self._risk(held)
        earned += np.einsum("ntzs,tz,z->n", dealt * markup, self._chance, np.array(pair.sizes))
        middle = n // 2
        system = smooth - np.eye(n)
        system[:, middle] = -1.0
        found = np.linalg.solve(system, -earned)
        gain, value = float(found[middle]) / self._dt, np.asarray(found, dtype=np.float64)
        value[middle] = 0.0
        balance = np.vstack([(flow - np.eye(n)).T[:-1], np.ones(n)])
        law = np.linalg.solve(balance, np.append(np.zeros(n - 1), 1.0)).clip(0.0, None)
        return Solution(
            q, value, markup, hedge / self._dt, gain, law / law.sum(), dealt,
            self.dealer.rates, np.array(pair.sizes),
        )  # fmt: skip

    def solve(self) -> Solution:
        """The best policy.

        Raises:
            PacesetterError: the iteration does not settle.
        """
        value = self.dealer.solve().value[:: self.thin]
        before = -np.inf
        for _ in range(MOST_ROUNDS):
            markup, dealt, hedge = self._improved(value)
            found = self._solution(markup, dealt, hedge)
            value = found.value
            if abs(found.gain - before) <= EXACT * abs(found.gain):
                return found
            before = found.gain
        raise PacesetterError(
            f"the best policy of the step game does not settle within {MOST_ROUNDS} rounds."
        )


def _split(flow: Floats, chance: Floats, place: Floats) -> None:
    """Add chances to the two grid points on either side of places, so that the mean is kept."""
    rows, n = np.arange(len(place)), len(flow)
    low = np.clip(np.floor(place).astype(np.int64), 0, n - 2)
    part = place - low
    np.add.at(flow, (rows, low), chance * (1.0 - part))
    np.add.at(flow, (rows, low + 1), chance * part)
