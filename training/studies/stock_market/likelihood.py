"""What the likelihood of price paths says about θ: the most that any statistic could.

Given the fundamental value, what noise and fundamental traders order is a sum of independent
numbers, so that the density of e = y − D₂ is an inverse Fourier transform. The value itself is
hidden: a particle filter follows it. As its law does not depend on θ, the score of a path is the
mean over the hidden paths of the sum of ∂ log f(e | P* − P) / ∂θ (Fisher's identity). Two filters
with independent particles give two estimates s, s′ of it, and E s s′ is the information of one path
without the filters' own noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ....envs.stock_market.market import StockMarket

PERIOD = 24.0  # of the Fourier series in e, wider than all ten orders together
FREQUENCIES = 200
DEMANDS = np.linspace(-10.5, 10.5, 421)
GAPS = np.linspace(-12.0, 12.0, 241)
STEP = 0.02  # of differences by b and c
PARTICLES = 300
LEAST = 1e-12  # density, of what quadrature makes zero
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Density:
    """f(e | gap) and its derivatives on a grid, each ``(demands, gaps)``.

    Attributes:
        value: the density of e given P* − P(t−1).
        by_theta: its derivatives by b, c and e.
    """

    value: Floats
    by_theta: tuple[Floats, Floats, Floats]


def density(market: StockMarket, theta: Floats) -> Density:
    """The density of what noise and fundamental traders order together."""
    omega: Floats = np.arange(FREQUENCIES, dtype=np.float64) * (2 * np.pi / PERIOD)
    fundamental = _of_fundamental(market, omega)

    def table(b: float, c: float) -> Floats:
        product = _of_noise(market, omega, b, c)[:, None] * fundamental  # (frequencies, gaps)
        product[0] *= 0.5
        waves = np.exp(-1j * DEMANDS[:, None] * omega)
        return (2.0 / PERIOD) * (waves @ product).real

    b, c = theta[:2]
    value = np.maximum(table(b, c), LEAST)
    by_b = (table(b + STEP, c) - table(b - STEP, c)) / (2 * STEP)
    by_c = (table(b, c + STEP) - table(b, c - STEP)) / (2 * STEP)
    return Density(value, (by_b, by_c, np.gradient(value, DEMANDS, axis=0)))


def _of_noise(market: StockMarket, omega: Floats, b: float, c: float) -> Floats:
    """Characteristic function of D₁ at ω, ``(frequencies,)``; it is real, as D₁ is symmetric."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    nodes, weights = nodes[20:], weights[20:]  # the others have the same real part
    public = b * market.public_variance**0.5 * nodes
    chance, normal = _normal(1601)
    own = c * market.private_variance**0.5 * normal
    orders = np.tanh(0.5 * (public[:, None] + own))  # (nodes, private signals)
    each = np.array([np.exp(1j * w * orders) @ chance for w in omega])
    return ((each**market.noise_traders) @ weights).real / weights.sum()


def _of_fundamental(market: StockMarket, omega: Floats) -> NDArray[np.complex128]:
    """Characteristic function of D₃ at ω for every gap, ``(frequencies, gaps)``."""
    chance, normal = _normal(801)
    orders = np.tanh(0.5 * (GAPS[:, None] + market.valuation_variance**0.5 * normal))
    each = np.array([np.exp(1j * w * orders) @ chance for w in omega])
    return each**market.fundamental_traders


def _normal(points: int) -> tuple[Floats, Floats]:
    """Chances and places of a standard normal on an even grid."""
    places = np.linspace(-7.0, 7.0, points)
    chances = np.exp(-0.5 * places**2)
    return chances / chances.sum(), places


def information(market: StockMarket, theta: Floats, number: int, seed: int) -> Floats:
    """Fisher information of one path about (b, c, d), ``(3, 3)``, estimated on `number` paths."""
    paths = market.planted_paths(theta, number, seed)
    table = density(market, theta)
    one, other = (scores(market, theta, paths, table, seed + 1 + k) for k in (0, 1))
    product = one.T @ other / number
    return (product + product.T) / 2


def scores(market: StockMarket, theta: Floats, paths: Floats, table: Density, seed: int) -> Floats:
    """Derivatives of the log-likelihood of every path by (b, c, d), ``(n, 3)``."""
    generator = np.random.default_rng(seed)
    of = market.path_statistics
    sensitivity = np.array([theta[2]])
    e = of.unexplained(paths, sensitivity)
    step = 1e-4
    ends = [of.unexplained(paths, sensitivity + sign * step) for sign in (1, -1)]
    by_sensitivity = (ends[0] - ends[1]) / (2 * step)
    shape = (len(paths), PARTICLES)
    value = np.full(shape, float(market.initial_price))
    variance = np.full(shape, float(market.initial_variance))
    found = np.zeros((*shape, 3))
    for period in range(market.horizon):
        draws = generator.standard_normal((2, *shape))
        value, variance = market.value_process.next(np, value, variance, *draws)
        gap = value - paths[:, period, None]
        chance, by_b, by_c, by_e = _looked_up(table, e[:, period], gap)
        chance = np.maximum(chance, LEAST)
        slopes = (by_b, by_c, by_e * by_sensitivity[:, period, None])
        found += np.stack(slopes, axis=2) / chance[:, :, None]
        kept = _resampled(chance, generator)
        value, variance = (np.take_along_axis(a, kept, axis=1) for a in (value, variance))
        found = np.take_along_axis(found, kept[:, :, None], axis=1)
    return found.mean(axis=1)


def _looked_up(table: Density, demand: Floats, gap: Floats) -> list[Floats]:
    """The density and its derivatives at demands ``(n,)`` and gaps ``(n, particles)``."""
    low, share = _place(DEMANDS, demand)
    column, within = _place(GAPS, gap)
    found = []
    for grid in (table.value, *table.by_theta):
        row = grid[low] * (1 - share)[:, None] + grid[low + 1] * share[:, None]  # (n, gaps)
        left = np.take_along_axis(row, column, axis=1)
        right = np.take_along_axis(row, column + 1, axis=1)
        found.append(left + within * (right - left))
    return found


def _place(grid: Floats, points: Floats) -> tuple[NDArray[np.int64], Floats]:
    scaled = np.clip((points - grid[0]) / (grid[1] - grid[0]), 0, len(grid) - 1.000001)
    low = scaled.astype(np.int64)
    return low, scaled - low


def _resampled(weights: Floats, generator: np.random.Generator) -> NDArray[np.int64]:
    """Systematic resampling of every row, ``(n, particles)``."""
    rows, particles = weights.shape
    shares = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)
    shares[:, -1] = 1.0
    spots = (np.arange(particles) + generator.random((rows, 1))) / particles
    offset = np.arange(rows)[:, None] * 2.0
    found = np.searchsorted((shares + offset).ravel(), (spots + offset).ravel())
    return found.reshape(rows, particles) - np.arange(rows)[:, None] * particles
