"""Logit equilibrium of the cobweb market, computed, not learned: what producers must match.

A producer with price of information λ that maximises E[reward] − λ KL(π ‖ uniform) plays
``π(a) ∝ exp(u(a) / λ)``, where u is its expected reward against the others, its own weight in the
price included. The fixed point is found by damped iteration on the distribution of the summed
supply of the other producers (a convolution) and the reward averaged over the noise (one matrix).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from .cobweb import (
    DEMAND_INTERCEPT,
    DEMAND_SLOPE,
    NOISE_DEVIATION,
    PRODUCERS,
    Cobweb,
    reward_of_error,
    supply,
    truncated_normal,
)

BINS_PER_PRODUCER = 800  # resolution of the summed supply; each producer supplies 0 to 2
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Equilibrium:
    """A symmetric equilibrium for a distribution of λ over producers.

    Attributes:
        information_costs: the values λ may take, ``(m,)``.
        weights: their probabilities, ``(m,)``.
        policy: forecast probabilities for each λ, ``(m, actions)``.
        prices: price grid, ``(g,)``.
        price_density: probability density of the price on that grid, ``(g,)``.
        mean, variance: of the price.
    """

    information_costs: Floats
    weights: Floats
    policy: Floats
    prices: Floats
    price_density: Floats
    mean: float
    variance: float

    def sample(self, generator: np.random.Generator, number: int) -> Floats:
        """Independent prices from the equilibrium, ``(number,)``."""
        cumulative = np.cumsum(self.price_density)
        return np.interp(generator.random(number), cumulative / cumulative[-1], self.prices)


class LogitEquilibrium:
    """Solver for one treatment; the expensive reward matrix is built once.

    Args:
        market: the cobweb market whose treatment and forecasts are used.
    """

    def __init__(self, market: Cobweb):
        self.forecasts = market.forecasts
        self.slope = market.supply_slope
        self.width = 2.0 / BINS_PER_PRODUCER
        nodes, weights = np.polynomial.hermite_e.hermegauss(41)
        noise, weights = NOISE_DEVIATION * nodes, weights / weights.sum()
        others = np.arange((PRODUCERS - 1) * BINS_PER_PRODUCER + 1) * self.width
        own = supply(np, self.forecasts, self.slope)
        price = (DEMAND_INTERCEPT - others[None, :] - own[:, None]) / DEMAND_SLOPE
        error = price - self.forecasts[:, None]
        # Expected reward of each forecast (rows) at each total supply of the others (columns).
        self.rewards = sum(
            weight * reward_of_error(np, error + shift)
            for shift, weight in zip(noise, weights, strict=True)
        )

    def solve(
        self,
        information_costs: Floats | float,
        weights: Floats | None = None,
        damping: float = 0.1,
        tolerance: float = 1e-7,
        most_iterations: int = 20_000,
    ) -> Equilibrium:
        """The symmetric equilibrium when each producer's λ is drawn from the given values.

        Args:
            information_costs: λ > 0, one value or ``(m,)``.
            weights: probabilities, ``(m,)``; equal if None.
            damping: step of the fixed-point iteration; small λ needs a small one.
            tolerance: largest change of a probability at which iteration stops.
            most_iterations: bound on the iterations.
        """
        costs = np.atleast_1d(np.asarray(information_costs, dtype=float))
        shares = np.full(len(costs), 1 / len(costs)) if weights is None else np.asarray(weights)
        policy = np.full((len(costs), len(self.forecasts)), 1.0 / len(self.forecasts))
        for _ in range(most_iterations):
            utility = self.rewards @ self._total_supply(shares @ policy, PRODUCERS - 1)
            answer = softmax(utility[None, :] / costs[:, None], axis=1)
            change = np.abs(answer - policy).max()
            policy = policy + damping * (answer - policy)
            if change < tolerance:
                break
        return self._describe(costs, shares, policy)

    def for_theta(self, mean: float, deviation: float, quantiles: int = 31) -> Equilibrium:
        """The equilibrium for λ ~ N(mean, deviation) truncated at zero, by its quantiles."""
        levels = (np.arange(quantiles) + 0.5) / quantiles
        costs = truncated_normal(np, np.float64(mean), np.float64(deviation), levels)
        return self.solve(np.maximum(costs, 5e-3), damping=0.1, tolerance=1e-5)

    def _total_supply(self, probabilities: Floats, producers: int) -> Floats:
        """Distribution of the summed supply of several producers on the grid."""
        position = supply(np, self.forecasts, self.slope) / self.width
        low = np.minimum(position.astype(int), BINS_PER_PRODUCER - 1)
        share = position - low
        one = np.zeros(producers * BINS_PER_PRODUCER + 1)
        np.add.at(one, low, probabilities * (1 - share))
        np.add.at(one, low + 1, probabilities * share)
        return np.maximum(np.fft.irfft(np.fft.rfft(one) ** producers, len(one)), 0.0)

    def _describe(self, costs: Floats, shares: Floats, policy: Floats) -> Equilibrium:
        total = self._total_supply(shares @ policy, PRODUCERS)
        total = total / total.sum()
        price = (DEMAND_INTERCEPT - np.arange(len(total)) * self.width) / DEMAND_SLOPE
        mean = float(total @ price)
        variance = float(total @ (price - mean) ** 2) + NOISE_DEVIATION**2
        grid = np.linspace(-2.0, 12.0, 2801)
        # Gather near-equal prices first: the noise is far wider than the supply grid.
        mass, edges = np.histogram(price, bins=700, range=(-1.0, 10.0), weights=total)
        centre = (edges[1:] + edges[:-1]) / 2
        kernel = np.exp(-0.5 * ((grid[:, None] - centre[None, :]) / NOISE_DEVIATION) ** 2)
        density = kernel @ mass / (NOISE_DEVIATION * np.sqrt(2 * np.pi))
        return Equilibrium(costs, shares, policy, grid, density, mean, variance)
