"""Several dealers of different types: an oblivious equilibrium, computed.

Every dealer solves its own problem (see `hjb`) as if the others' quotes were drawn anew for each
request, from the stationary law of their inventories; laws and ladders are iterated until they
agree. With many rivals, or slow ones, that is close to the truth; with three, what is lost is
measured by playing it. Without risk aversion all mark-ups are those of the *static* game, which
has no inventories: δ_i solves F_i + δ_i F_i' = 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..core.errors import PacesetterError
from .clients import Clients, Shared
from .hjb import Dealer, Solution, alone
from .presets import Pair

Floats = NDArray[np.float64]
ATOMS = 12  # values that a rival's quotes are summed up by
MOST_ROUNDS = 40
EXACT = 1e-5  # bp: summing quotes up moves mark-ups by a tenth of it


@dataclass(frozen=True)
class Outcome:
    """What comes of several dealers.

    Attributes:
        by_size: share of the requests of a size that each dealer wins, ``(D, Z)``.
        weights: of the sizes among requests, ``(Z,)``.
        sizes: ``(Z,)``.
        internalisation, deviation, gain: of each dealer, ``(D,)``.
        dealers: their policies.
    """

    by_size: Floats
    weights: Floats
    sizes: Floats
    internalisation: Floats
    deviation: Floats
    gain: Floats
    dealers: tuple[Solution, ...]

    @property
    def request_share(self) -> Floats:
        """Share of all requests that each dealer wins, ``(D,)``."""
        return self.by_size @ self.weights

    @property
    def volume_share(self) -> Floats:
        """Share of the volume dealt, ``(D,)``."""
        volume = self.by_size @ (self.weights * self.sizes)
        return volume / volume.sum()


@dataclass(frozen=True)
class Composition:
    """Dealers who share the flow.

    Attributes:
        pair: what they deal with.
        connectivity: chance that a request reaches each dealer.
        risk_aversion: γ of each dealer; all 0: the static game.
        sensitive_share: of the requests; None: as the pair says.
    """

    pair: Pair
    connectivity: tuple[float, ...]
    risk_aversion: tuple[float, ...]
    sensitive_share: float | None = None

    @cached_property
    def rates(self) -> Floats:
        """Requests per day and side, ``(T, Z)``."""
        return self.pair.tier_rates(self.sensitive_share)

    def _clients(
        self, dealer: int, quotes: list[list[list[tuple[Floats, Floats]]]]
    ) -> list[list[Clients]]:
        """Those that a dealer meets, given what the others quote: values and chances of e^(−α−βδ).

        Args:
            dealer: which.
            quotes: of all dealers, by tier and size.
        """
        found: list[list[Clients]] = []
        for t, (alpha, beta) in enumerate(zip(self.pair.alphas, self.pair.betas, strict=True)):
            row: list[Clients] = []
            for z in range(len(self.pair.sizes)):
                total, chance = np.zeros(1), np.ones(1)
                for other, reach in enumerate(self.connectivity):
                    if other == dealer:
                        continue
                    value, weight = quotes[other][t][z]
                    value = np.append(0.0, value)
                    weight = np.append(1.0 - reach, reach * weight)
                    total = (total[:, None] + value).ravel()
                    chance = (chance[:, None] * weight).ravel()
                    if len(total) > ATOMS**2 * 4:
                        total, chance = _summed_up(total, chance, ATOMS)
                row.append(Shared(alpha, beta, self.connectivity[dealer], total, chance))
            found.append(row)
        return found

    def _quotes(self, solution: Solution) -> list[list[tuple[Floats, Floats]]]:
        """Values and chances of a dealer's e^(−α − βδ), by tier and size, both sides alike."""
        found = []
        for t, (alpha, beta) in enumerate(zip(self.pair.alphas, self.pair.betas, strict=True)):
            row = []
            for z, size in enumerate(self.pair.sizes):
                value = np.exp(-alpha - beta * solution.markup[:, t, z, 0])
                # Beyond its limit a dealer deals with nobody.
                value = value * (solution.inventory + size <= self.pair.most_inventory)
                row.append(_summed_up(value, solution.law, ATOMS))
            found.append(row)
        return found

    def equilibrium(self) -> Outcome:
        """The oblivious equilibrium.

        Raises:
            PacesetterError: ladders and laws do not come to agree.
        """
        D = len(self.connectivity)
        solutions = [
            replace(alone(self.pair, gamma, reach), rates=self.rates).solve()
            for gamma, reach in zip(self.risk_aversion, self.connectivity, strict=True)
        ]
        for _ in range(MOST_ROUNDS):
            moved = 0.0
            for i in range(D):
                quotes = [self._quotes(solution) for solution in solutions]
                dealer = Dealer(
                    self.pair, self.risk_aversion[i], self._clients(i, quotes), self.rates
                )
                found = dealer.solve()
                likely = found.law > 1e-6
                moved = max(moved, float(np.abs(found.markup - solutions[i].markup)[likely].max()))
                solutions[i] = found
            if moved < EXACT:
                return self._outcome(solutions)
        raise PacesetterError(
            f"the dealers' ladders do not agree within {MOST_ROUNDS} rounds; the last one moved a "
            f"mark-up by {moved:.2g} bp."
        )

    def _outcome(self, solutions: list[Solution]) -> Outcome:
        rates = self.rates
        weights = rates.sum(axis=0) / rates.sum()
        by_size = np.array(
            [
                np.einsum("n,ntzs,tz->z", one.law, one.dealt, rates) / 2.0 / rates.sum(axis=0)
                for one in solutions
            ]
        )
        return Outcome(
            by_size,
            weights,
            np.array(self.pair.sizes),
            np.array([one.internalisation for one in solutions]),
            np.array([one.deviation for one in solutions]),
            np.array([one.gain for one in solutions]),
            tuple(solutions),
        )

    def static(self) -> tuple[Floats, Floats]:
        """Mark-ups and shares of requests of the game without inventories, ``(D, T)`` each.

        Raises:
            PacesetterError: best mark-ups do not settle.
        """
        D, T = len(self.connectivity), len(self.pair.alphas)
        markup = np.full((D, T), 0.2)
        zero = np.zeros(1)
        share = np.zeros((D, T))
        for _ in range(500):
            before = markup.copy()
            for i in range(D):
                quotes = [
                    [
                        [(np.exp(-a - b * markup[j, t : t + 1]), np.ones(1))] * len(self.pair.sizes)
                        for t, (a, b) in enumerate(
                            zip(self.pair.alphas, self.pair.betas, strict=True)
                        )
                    ]
                    for j in range(D)
                ]
                for t, row in enumerate(self._clients(i, quotes)):
                    best, dealt = row[0].best(zero)
                    markup[i, t], share[i, t] = best[0], dealt[0]
            if np.abs(markup - before).max() < 1e-10:
                return markup, share
        raise PacesetterError("best mark-ups do not settle within 500 rounds.")


def _summed_up(value: Floats, weight: Floats, atoms: int) -> tuple[Floats, Floats]:
    """A distribution with few values, each the mean of neighbours of about equal weight."""
    kept = weight > 1e-12
    value, weight = value[kept], weight[kept]
    if len(value) <= atoms:
        return value, weight
    order = np.argsort(value)
    value, weight = value[order], weight[order]
    share = np.cumsum(weight) - weight / 2.0
    group = np.minimum((share * atoms / weight.sum()).astype(np.int64), atoms - 1)
    mass, total = (
        np.bincount(group, w, atoms).astype(np.float64) for w in (weight, weight * value)
    )
    some = mass > 0.0
    return total[some] / mass[some], mass[some]
