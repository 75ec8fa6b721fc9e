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

from ..core.errors import PacesetterError
from .laws import NOISE_DEVIATION, Producing, reward_of_error, truncated_normal

BINS_PER_PRODUCER = 800  # resolution of the summed supply; each producer supplies 0 to 2
MOST_BINS, FEWEST_BINS = 9600, 50  # of all, and of one where there are many
NEGLIGIBLE = 1e-12  # probability of a summed supply whose price needs no place on the grid
GRID_PART = 2801  # prices whose density is computed at once
PATIENCE = 500  # iterations without progress before steps are halved
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
    """Solver for one market; the expensive reward matrix is built once.

    Args:
        market: the cobweb market whose demand, supply, producers and forecasts are used.
    """

    def __init__(self, market: Producing):
        self.forecasts = market.forecasts
        self.market = market
        fair = MOST_BINS // market.producers
        self.bins = min(BINS_PER_PRODUCER, max(FEWEST_BINS, fair))
        self.width = 2.0 / self.bins
        self.supplied = market.supply(np, self.forecasts)
        nodes, weights = np.polynomial.hermite_e.hermegauss(41)
        noise, weights = NOISE_DEVIATION * nodes, weights / weights.sum()
        others = np.arange((market.producers - 1) * self.bins + 1) * self.width
        total = others[None, :], self.supplied[:, None]
        price = (market.demand_intercept - total[0] - total[1]) / market.demand_slope
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

        Raises:
            PacesetterError: λ is not positive, or the iteration does not settle.
        """
        from scipy.special import softmax  # a slow import

        costs = np.atleast_1d(np.asarray(information_costs, dtype=float))
        if not (costs > 0).all():
            raise PacesetterError(
                f"a logit equilibrium needs prices of information above 0, got {costs.min():g}; "
                "for rational producers take a small one, such as 0.005."
            )
        shares = np.full(len(costs), 1 / len(costs)) if weights is None else np.asarray(weights)
        policy = np.full((len(costs), len(self.forecasts)), 1.0 / len(self.forecasts))
        others, least, since = self.market.producers - 1, np.inf, 0
        for _ in range(most_iterations):
            utility = self.rewards @ self._total_supply(shares @ policy, others)
            answer = softmax(utility[None, :] / costs[:, None], axis=1)
            change = np.abs(answer - policy).max()
            policy = policy + damping * (answer - policy)
            if change < tolerance:
                return self._describe(costs, shares, policy)
            since = 0 if change < least else since + 1
            least = min(least, change)
            if since == PATIENCE:  # producers overshoot: the more of them, the smaller the steps
                damping, since, least = damping / 2, 0, np.inf
        raise PacesetterError(
            f"the logit equilibrium did not settle within {most_iterations} iterations: "
            f"probabilities still change by {change:.1g}. Take a larger price of information than "
            f"{costs.min():g}, a smaller damping or more iterations."
        )

    def for_theta(self, mean: float, deviation: float, quantiles: int = 31) -> Equilibrium:
        """The equilibrium for λ ~ N(mean, deviation) truncated at zero, by its quantiles."""
        levels = (np.arange(quantiles) + 0.5) / quantiles
        costs = truncated_normal(np, np.float64(mean), np.float64(deviation), levels)
        return self.solve(np.maximum(costs, 5e-3), damping=0.1, tolerance=1e-5)

    def _total_supply(self, probabilities: Floats, producers: int) -> Floats:
        """Distribution of the summed supply of several producers on the grid."""
        if producers == 0:
            return np.ones(1)
        position = self.supplied / self.width
        low = np.minimum(position.astype(int), self.bins - 1)
        share = position - low
        one = np.zeros(producers * self.bins + 1)
        np.add.at(one, low, probabilities * (1 - share))
        np.add.at(one, low + 1, probabilities * share)
        return np.maximum(np.fft.irfft(np.fft.rfft(one) ** producers, len(one)), 0.0)

    def _describe(self, costs: Floats, shares: Floats, policy: Floats) -> Equilibrium:
        market = self.market
        total = self._total_supply(shares @ policy, market.producers)
        total = total / total.sum()
        price = (market.demand_intercept - np.arange(len(total)) * self.width) / market.demand_slope
        mean = float(total @ price)
        variance = float(total @ (price - mean) ** 2) + NOISE_DEVIATION**2
        likely = price[total > NEGLIGIBLE]
        low, high = min(-1.0, np.floor(likely.min())), max(10.0, np.ceil(likely.max()))
        # Gather near-equal prices first: the noise is far wider than the supply grid.
        bins = round((high - low) * 700 / 11)
        mass, edges = np.histogram(price, bins=bins, range=(low, high), weights=total)
        centre = (edges[1:] + edges[:-1]) / 2
        low, high = low - 1.0, high + 2.0
        grid = np.linspace(low, high, round(200 * (high - low)) + 1)
        density = np.concatenate(
            [
                np.exp(-0.5 * ((part[:, None] - centre[None, :]) / NOISE_DEVIATION) ** 2) @ mass
                for part in np.split(grid, range(GRID_PART, len(grid), GRID_PART))
            ]
        ) / (NOISE_DEVIATION * np.sqrt(2 * np.pi))
        return Equilibrium(costs, shares, policy, grid, density, mean, variance)
