"""What dealers who quote at random bring about, by quadrature, and how well it tells who they are.

With g, G the law of an offer, f0, F0 that of the client's value and N dealers

    P(accept)  = ∫ N g (1 − G)^{N−1} (1 − F0)
    P(gap > d) = N ∫ g(x) (1 − G(x + d))^{N−1} dx,    E gap = N ∫ G (1 − G)^{N−1} dx

where the gap is that between the best and the second best offer; a trade weighs x by 1 − F0(x).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .power import density, distribution

Floats = NDArray[np.float64]
POINTS = 4001
TAIL = 1e-13  # chance of values beyond the grid, about
GAP_POINTS = 1201
CELLS = 120  # of the gap, in the information of accepted and gap
STEP = 1e-4


@dataclass(frozen=True)
class Quotes:
    """Dealers who quote at random, and a client.

    Attributes:
        mean, scale, shape: of an offer, in half-spreads around the mid.
        client: mean, scale and shape of her value.
        dealers: N, at least 2.
    """

    mean: float
    scale: float
    shape: float
    client: tuple[float, float, float] = (0.5, 1.0, 1.5)
    dealers: int = 5

    def _grid(self) -> tuple[Floats, Floats, Floats]:
        """Offers that have any chance, the chance density of the best of them, and trade there."""
        reach = self.scale * (self.shape * -np.log(TAIL)) ** (1.0 / self.shape)
        x = np.linspace(self.mean - reach, self.mean + reach, POINTS)
        g, G = density(x, *self._law), distribution(x, *self._law)
        best = self.dealers * g * (1.0 - G) ** (self.dealers - 1)
        return x, best, 1.0 - distribution(x, *self.client)

    @property
    def _law(self) -> tuple[float, float, float]:
        return self.mean, self.scale, self.shape

    def figures(self) -> dict[str, float]:
        """Acceptance, gap, best and traded prices, and the client's surplus, all in the mean."""
        x, best, trade = self._grid()
        accepted = float(np.trapezoid(best * trade, x))
        offers, chance, traded = self._gap_law(x, trade)
        mean_gap = float(np.trapezoid(chance, offers))  # E gap = ∫ P(gap > d) dd
        square = float(np.trapezoid(2.0 * offers * chance, offers))
        # Surplus (V − O)⁺ given the best offer x: the integral of 1 − F0 from x on.
        above = np.append(np.cumsum((trade[1:] + trade[:-1])[::-1])[::-1] / 2.0, 0.0)
        tail = above * (x[1] - x[0]) + self._beyond(x[-1])
        return {
            "acceptance": accepted,
            "mean_gap": mean_gap,
            "gap_deviation": float(np.sqrt(max(square - mean_gap**2, 0.0))),
            "mean_gap_traded": float(np.trapezoid(traded, offers)) / accepted,
            "mean_best_offer": float(np.trapezoid(best * x, x)),
            "mean_traded_price": float(np.trapezoid(best * trade * x, x)) / accepted,
            "client_surplus": float(np.trapezoid(best * tail, x)),
        }

    def _beyond(self, start: float) -> float:
        """∫ 1 − F0 from the end of the grid on."""
        y = np.linspace(start, start + 12.0 * self.client[1] + 1.0, POINTS)
        return float(np.trapezoid(1.0 - distribution(y, *self.client), y))

    def _gap_law(self, x: Floats, trade: Floats) -> tuple[Floats, Floats, Floats]:
        """Gaps d, the chance of a larger one, and that with a trade, ``(D,)`` each."""
        d = np.linspace(0.0, x[-1] - x[0], GAP_POINTS)
        g = self.dealers * density(x, *self._law)
        above = (1.0 - distribution(x[None] + d[:, None], *self._law)) ** (self.dealers - 1)
        chance, traded = (np.trapezoid(g * by * above, x, axis=1) for by in (1.0, trade))
        return d, np.asarray(chance), np.asarray(traded)

    def cells(self, edges: Floats) -> Floats:
        """Chance of every gap between edges with a trade, then of those without, ``(2 C,)``."""
        x, _, trade = self._grid()
        g = self.dealers * density(x, *self._law)
        above = (1.0 - distribution(x[None] + edges[:, None], *self._law)) ** (self.dealers - 1)
        above[np.isinf(edges)] = 0.0
        with_trade = -np.diff(np.trapezoid(g * trade * above, x, axis=1))
        without = -np.diff(np.trapezoid(g * (1.0 - trade) * above, x, axis=1))
        return np.concatenate([with_trade, without])

    def standard_errors(self, requests: int) -> Floats:
        """Least errors of mean, scale and shape told by `requests` acceptances and gaps, ``(3,)``.

        From the Fisher information of one request, gaps in cells.
        """
        x, _, trade = self._grid()
        d, chance, _ = self._gap_law(x, trade)
        # Evenly by chance, and finer in the tail, which tells the shape.
        wanted = np.concatenate(
            [np.linspace(1.0, 0.0, CELLS + 1)[1:-1], np.geomspace(0.02, 1e-9, CELLS)]
        )
        wanted = np.unique(wanted)[::-1]
        edges = np.concatenate([[0.0], np.interp(-wanted, -chance, d), [np.inf]])
        middle = self.cells(edges)
        law = np.array(self._law, dtype=np.float64)
        slopes = []
        for k in range(3):
            moved = [law.copy(), law.copy()]
            moved[0][k] += STEP
            moved[1][k] -= STEP
            ends = [
                Quotes(one[0], one[1], one[2], self.client, self.dealers).cells(edges)
                for one in moved
            ]
            slopes.append((ends[0] - ends[1]) / (2.0 * STEP))
        slope = np.array(slopes)
        seen = middle > 1e-14
        information = (slope[:, seen] / middle[seen]) @ slope[:, seen].T
        return np.sqrt(np.diag(np.linalg.inv(information)) / requests)
