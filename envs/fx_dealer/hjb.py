"""The best ladder and hedge of one dealer in continuous time: an ergodic HJB equation, solved.

With θ(q) the value of holding q, a request of size z that would raise q has the shadow price
p = (θ(q) − θ(q + z)) / z, and one that would lower it (θ(q) − θ(q − z)) / z. The gain g solves

    g = Σ λ z max_δ F(δ)(δ − p) − γ σ² q² / 2 + max_v [v (θ' + k q) − ψ |v| − η v²],        (1)

the sum over tiers, sizes and sides; the best hedge is v = sgn(s)(|s| − ψ)⁺ / (2 η) with s = θ' + kq
(Barzykin, Bergault, Guéant, arXiv 2106.06974). Policy iteration on a grid, with the derivative of θ
taken upwind, so that every iterate is a Markov chain and the scheme is monotone.

Near 0 the value is −A q² / 2 with A = √(γ σ² / (2 Σ λ z H''(0))), the Riccati equation of small q:
ladder and hedge that follow from it are the *closed form*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..core.errors import PacesetterError
from .clients import Alone, Clients
from .presets import Pair

Floats = NDArray[np.float64]
MOST_ROUNDS = 60
EXACT = 1e-10
LADDER, HEDGE = "ladder", "hedge"


@dataclass(frozen=True)
class Solution:
    """A policy on the grid of inventories, and what comes of it.

    Attributes:
        inventory: q, M, ``(n,)``.
        value: θ(q) − θ(0), bp·M, ``(n,)``.
        markup: bp, by inventory, tier, size and side, ``(n, T, Z, 2)``; side 0 raises q (bid).
        hedge: v, M per day, ``(n,)``.
        gain: g, bp·M per day.
        law: stationary distribution of q, ``(n,)``.
        dealt: requests dealt of those of a tier, size and side, by inventory, ``(n, T, Z, 2)``.
        rates: requests per day and side, ``(T, Z)``.
        sizes: ``(Z,)``.
    """

    inventory: Floats
    value: Floats
    markup: Floats
    hedge: Floats
    gain: float
    law: Floats
    dealt: Floats
    rates: Floats
    sizes: Floats

    @cached_property
    def client_volume(self) -> float:
        """M per day."""
        by_inventory = np.einsum("ntzs,tz,z->n", self.dealt, self.rates, self.sizes)
        return float(self.law @ by_inventory)

    @property
    def internalisation(self) -> float:
        """1 − hedged / client volume."""
        return 1.0 - float(self.law @ np.abs(self.hedge)) / self.client_volume

    @property
    def deviation(self) -> float:
        """Standard deviation of q, M."""
        mean = self.law @ self.inventory
        return float(np.sqrt(self.law @ (self.inventory - mean) ** 2))

    @property
    def curvature(self) -> float:
        """−θ''(0), bp / M."""
        middle, h = len(self.value) // 2, self.inventory[1] - self.inventory[0]
        reach = round(1.0 / h)
        return float(-(self.value[middle + reach] + self.value[middle - reach]) / (reach * h) ** 2)

    def at(self, inventory: float) -> int:
        """Place of an inventory on the grid."""
        return int(np.argmin(np.abs(self.inventory - inventory)))


@dataclass(frozen=True)
class Dealer:
    """One dealer's problem.

    Attributes:
        pair: what is dealt with.
        risk_aversion: γ.
        clients: by tier, each by size.
        rates: requests per day and side, ``(T, Z)``.
        step: of the grid, M; the sizes are multiples of it.
    """

    pair: Pair
    risk_aversion: float
    clients: Sequence[Sequence[Clients]]
    rates: Floats
    step: float = 1.0

    @cached_property
    def inventory(self) -> Floats:
        """Grid of q, ``(n,)``."""
        half = round(self.pair.most_inventory / self.step)
        return self.step * np.arange(-half, half + 1.0)

    def _slopes(self, value: Floats) -> tuple[Floats, Floats]:
        """s = θ' + k q by differences to the right and to the left; the ends have one of them."""
        steps = np.diff(value) / self.step
        bent = self.pair.impact * self.inventory
        return np.append(steps, -np.inf) + bent, np.insert(steps, 0, np.inf) + bent

    def _hedge(self, value: Floats) -> Floats:
        """v, ``(n,)``: upwind."""
        right, left = self._slopes(value)
        psi, eta = self.pair.spread_cost, self.pair.depth_cost
        buy, sell = np.maximum(right - psi, 0.0), np.maximum(-left - psi, 0.0)
        return np.where(buy >= sell, buy, -sell) / (2.0 * eta)

    def zone(self, value: Floats) -> float:
        """Largest q that is not hedged, M: where −s crosses ψ, by central differences."""
        slope = (value[2:] - value[:-2]) / (2.0 * self.step)
        q = self.inventory[1:-1]
        excess = -slope - self.pair.impact * q - self.pair.spread_cost
        right = q > 0.0
        q, excess = q[right], excess[right]
        if not (excess > 0.0).any():
            return float("inf")
        first = int(np.argmax(excess > 0.0))
        if first == 0:
            return float(q[0])
        low, high = excess[first - 1], excess[first]
        return float(q[first - 1] - low * self.step / (high - low))

    def _ladder(self, value: Floats) -> tuple[Floats, Floats]:
        """Best mark-ups and shares dealt, ``(n, T, Z, 2)``; nothing is dealt beyond the limit."""
        n, (T, Z) = len(value), self.rates.shape
        markup, dealt = np.zeros((n, T, Z, 2)), np.zeros((n, T, Z, 2))
        for t in range(T):
            for z, size in enumerate(self.pair.sizes):
                for side, moved in enumerate(self._moved(size)):
                    inside = (moved >= 0) & (moved < n)
                    p = (value - value[moved.clip(0, n - 1)]) / size
                    p[~inside] = p[inside][0 if side else -1]
                    markup[:, t, z, side], share = self.clients[t][z].best(p)
                    dealt[:, t, z, side] = share * inside
        return markup, dealt

    def _moved(self, size: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Places on the grid after a request, by side."""
        places, by = np.arange(len(self.inventory)), round(size / self.step)
        return places + by, places - by

    def _chain(self, markup: Floats, dealt: Floats, hedge: Floats) -> tuple[Floats, Floats]:
        """Generator ``(n, n)`` and earnings per day ``(n,)`` of a policy."""
        n, q, pair = len(self.inventory), self.inventory, self.pair
        A = np.zeros((n, n))
        places = np.arange(n)
        for z, size in enumerate(pair.sizes):
            for side, moved in enumerate(self._moved(size)):
                rate = np.einsum("nt,t->n", dealt[:, :, z, side], self.rates[:, z])
                inside = (moved >= 0) & (moved < n)
                A[places[inside], moved[inside]] += rate[inside]
        for sign in (1, -1):
            speed = np.maximum(sign * hedge, 0.0) / self.step
            speed[-1 if sign > 0 else 0] = 0.0
            A[places, (places + sign).clip(0, n - 1)] += speed
        A[places, places] -= A.sum(axis=1)
        earned = np.einsum("ntzs,tz,z->n", dealt * markup, self.rates, np.array(pair.sizes))
        risk = 0.5 * self.risk_aversion * pair.volatility**2 * q * q
        cost = pair.spread_cost * np.abs(hedge) + pair.depth_cost * hedge**2
        return A, earned - risk - cost + pair.impact * q * hedge

    def evaluate(self, markup: Floats, hedge: Floats) -> Solution:
        """What comes of mark-ups ``(n, T, Z, 2)`` and a hedge ``(n,)``."""
        n, (T, Z) = len(self.inventory), self.rates.shape
        dealt = np.zeros((n, T, Z, 2))
        for t in range(T):
            for z, size in enumerate(self.pair.sizes):
                for side, moved in enumerate(self._moved(size)):
                    share = self.clients[t][z].dealt(markup[:, t, z, side])
                    dealt[:, t, z, side] = share * ((moved >= 0) & (moved < n))
        return self._solution(markup, dealt, hedge)

    def _solution(self, markup: Floats, dealt: Floats, hedge: Floats) -> Solution:
        A, earned = self._chain(markup, dealt, hedge)
        n = len(earned)
        middle = n // 2
        # A θ + earned = g, with θ(0) = 0: g takes the place of θ(0) among the unknowns.
        system = A.copy()
        system[:, middle] = -1.0
        found = np.linalg.solve(system, -earned)
        gain, value = float(found[middle]), np.asarray(found, dtype=np.float64)
        value[middle] = 0.0
        flow = np.vstack([A.T[:-1], np.ones(n)])
        law = np.linalg.solve(flow, np.append(np.zeros(n - 1), 1.0))
        return Solution(
            self.inventory, value, markup, hedge, gain, law.clip(0.0, None) / law.sum(), dealt,
            self.rates, np.array(self.pair.sizes),
        )  # fmt: skip

    def solve(self) -> Solution:
        """The best policy.

        Raises:
            PacesetterError: the iteration does not settle.
        """
        value = -0.5 * 0.01 * self.inventory**2
        before = np.inf
        for _ in range(MOST_ROUNDS):
            found = self._solution(*self._ladder(value), self._hedge(value))
            value = found.value
            if abs(found.gain - before) <= EXACT * max(1.0, abs(found.gain)):
                return found
            before = found.gain
        raise PacesetterError(
            f"the best ladder does not settle within {MOST_ROUNDS} rounds; try a smaller "
            "volatility or risk aversion."
        )

    def finite(self, horizon: float, steps: int) -> tuple[Floats, Floats]:
        """θ(q) and v(q) with `horizon` days left and nothing after them, ``(n,)`` each.

        Implicit steps in time, each with the policy of the one before.
        """
        n, dt = len(self.inventory), horizon / steps
        value: Floats = np.zeros(n)
        for _ in range(steps):
            A, earned = self._chain(*self._ladder(value), self._hedge(value))
            solved = np.linalg.solve(np.eye(n) - dt * A, value + dt * earned)
            value = np.asarray(solved, dtype=np.float64)
        return value, self._hedge(value)


def alone(pair: Pair, risk_aversion: float, reach: float = 1.0, step: float = 1.0) -> Dealer:
    """A dealer whom no other competes with."""
    clients = [
        [Alone(alpha, beta, reach)] * len(pair.sizes)
        for alpha, beta in zip(pair.alphas, pair.betas, strict=True)
    ]
    return Dealer(pair, risk_aversion, clients, pair.tier_rates(), step)


def riccati(pair: Pair) -> float:
    """A / √γ of the closed form: A = √(γ σ² / (2 Σ λ z H''(0))), both sides counted."""
    return float(pair.volatility / np.sqrt(2.0 * _bend(pair)))


def _bend(pair: Pair) -> float:
    """Σ λ z H''(0) over tiers and sizes."""
    bends = [Alone(a, b).bend() for a, b in zip(pair.alphas, pair.betas, strict=True)]
    return float(np.einsum("tz,t,z->", pair.tier_rates(), bends, np.array(pair.sizes)))


def stationary_deviation(pair: Pair) -> float:
    """γ^¼ times the standard deviation of q under the closed form's ladder, M.

    Near 0 the ladder draws q back at the rate 2 A Σ λ z H''(0), and requests stir it by the
    variance 2 Σ λ z² F(δ*(0)) per day.
    """
    zero = np.zeros(1)
    shares = [
        float(Alone(a, b).best(zero)[1][0]) for a, b in zip(pair.alphas, pair.betas, strict=True)
    ]
    stirred = 2.0 * np.einsum("tz,t,z->", pair.tier_rates(), shares, np.array(pair.sizes) ** 2)
    drawn = 2.0 * riccati(pair) * _bend(pair)
    return float(np.sqrt(stirred / (2.0 * drawn)))
