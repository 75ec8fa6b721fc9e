"""Dealers with costs of their own: the equilibrium of a first-price auction with a random reserve.

n dealers are asked. Each knows its cost c ~ H on [c̲, c̄] and quotes β(c); the client takes the
lowest quote if it is below her value V ~ F0. The symmetric Bayes–Nash equilibrium satisfies

    β'(c) = (n − 1) h(c) / (1 − H(c)) / [ 1 / (β − c) − f0(β) / (1 − F0(β)) ],   β(c̄) = c̄,     (1)

for n = 1 ``(β − c) f0(β) / (1 − F0(β)) = 1``. (Riley and Samuelson, AER 1981, with a reserve that
bidders do not know.) Without a reserve and with costs on [0, 1] it is ``c + (1 − c) / n``.

It is found by best answers on a grid of costs: a dealer with cost c wins with a quote b if the
client's value and all other quotes are above, ``(1 − F0(b)) (1 − H(β⁻¹(b)))^{n−1}``. The envelope
theorem turns (1) into a fixed point that converges without a stiff end:

    (β(c) − c) (1 − F0(β(c))) (1 − H(c))^{n−1} = ∫_c^{c̄} (1 − F0(β(t))) (1 − H(t))^{n−1} dt.   (2)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..core.errors import PacesetterError
from .power import density, distribution, quantile

Floats = NDArray[np.float64]
Costs = Literal["uniform", "power"]
POWER_COSTS = (0.4, 0.3, 1.5)
POWER_CUT = 0.001  # quantiles at which power costs are cut, on either side
POINTS = 2001
ROUNDS, EXACT = 500, 1e-12


def cost_law(costs: Costs) -> tuple[Floats, Floats]:
    """Costs on a grid and H there, ``(C,)`` each."""
    if costs == "uniform":
        c = np.linspace(0.0, 1.0, POINTS)
        return c, c
    ends = quantile(np.array([POWER_CUT, 1.0 - POWER_CUT]), *map(np.array, POWER_COSTS))
    c = np.linspace(ends[0], ends[1], POINTS)
    inside = distribution(c, *POWER_COSTS) - POWER_CUT
    return c, np.clip(inside / (1.0 - 2.0 * POWER_CUT), 0.0, 1.0)


def drawn_costs(costs: Costs, uniforms: NDArray[np.float64]) -> Floats:
    """Costs by quantile, of any shape."""
    c, H = cost_law(costs)
    return np.interp(uniforms, H, c)


@dataclass(frozen=True)
class Auction:
    """The game of the dealers who are asked.

    Attributes:
        asked: n.
        client: mean, scale and shape of the client's value.
        costs: law of the dealers' costs.
    """

    asked: int
    client: tuple[float, float, float] = (1.0, 0.5, 1.5)
    costs: Costs = "uniform"

    @cached_property
    def equilibrium(self) -> tuple[Floats, Floats]:
        """Costs and the quote for each, ``(C,)`` both.

        Raises:
            PacesetterError: the fixed point is not reached.
        """
        c, H = cost_law(self.costs)
        if self.asked == 1:
            return c, self._monopoly(c)
        survival = (1.0 - H) ** (self.asked - 1)
        beta = c + (c[-1] - c) / self.asked
        for _ in range(ROUNDS):
            worth = (1.0 - distribution(beta, *self.client)) * survival
            steps = (worth[1:] + worth[:-1]) / 2.0 * np.diff(c)
            rest = np.append(np.cumsum(steps[::-1])[::-1], 0.0)
            wanted = np.where(worth > 1e-300, rest / np.maximum(worth, 1e-300), 0.0)
            new = c + wanted
            if np.abs(new - beta).max() < EXACT:
                return c, new
            beta = 0.5 * beta + 0.5 * new
        raise PacesetterError(
            f"the equilibrium of {self.asked} dealers is not found within {ROUNDS} rounds; "
            "choose a client whose values are less certain (a larger scale)."
        )

    def _monopoly(self, c: Floats) -> Floats:
        """(β − c) f0(β) = 1 − F0(β), by bisection; the left side less the right one rises."""
        low, high = c.copy(), c + 12.0 * self.client[1] + max(self.client[0], 0.0) + 1.0
        for _ in range(100):
            middle = (low + high) / 2.0
            hazard = density(middle, *self.client) / np.maximum(
                1.0 - distribution(middle, *self.client), 1e-300
            )
            above = (middle - c) * hazard > 1.0
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        return (low + high) / 2.0

    def quote(self, cost: Floats) -> Floats:
        """β of costs of any shape."""
        c, beta = self.equilibrium
        return np.interp(cost, c, beta)

    def profit(self, cost: Floats, quoted: Floats) -> Floats:
        """Expected profit of a quote against others in equilibrium, of any shape."""
        beta = self.equilibrium[1]
        H = cost_law(self.costs)[1]
        beaten = np.interp(quoted, beta, H, left=0.0, right=1.0)
        taken = 1.0 - distribution(quoted, *self.client)
        return (quoted - cost) * taken * (1.0 - beaten) ** (self.asked - 1)

    def figures(self) -> dict[str, float]:
        """Acceptance, traded price, gap, a dealer's profit per request and the client's surplus."""
        c, beta = self.equilibrium
        H, n = cost_law(self.costs)[1], self.asked
        taken = 1.0 - distribution(beta, *self.client)
        weight = -np.diff((1.0 - H) ** n)  # chance that the lowest cost lies between two points

        def mean(values: Floats) -> float:
            return float(((values[1:] + values[:-1]) / 2.0) @ weight)

        accepted = mean(taken)
        figures = {
            "acceptance": accepted,
            "mean_traded_price": mean(taken * beta) / accepted,
            "profit": mean(taken * (beta - c)) / n,
            "client_surplus": mean(self.surplus(beta)),
        }
        if n > 1:
            # E of the second lowest quote less E of the lowest.
            second = -np.diff((1.0 - H) ** n + n * H * (1.0 - H) ** (n - 1))
            figures["mean_gap"] = float(((beta[1:] + beta[:-1]) / 2.0) @ second) - mean(beta)
        return figures

    def surplus(self, offers: Floats) -> Floats:
        """E (V − o)⁺ of offers, ``(C,)``."""
        top = max(offers.max(), self.client[0]) + 14.0 * self.client[1]
        y = np.linspace(offers.min(), top, 4 * POINTS)
        survival = 1.0 - distribution(y, *self.client)
        steps = (survival[1:] + survival[:-1]) / 2.0 * (y[1] - y[0])
        rest = np.append(np.cumsum(steps[::-1])[::-1], 0.0)
        return np.interp(offers, y, rest)
