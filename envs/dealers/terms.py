"""Who makers and investors are, as options and θ say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from ..core.arrays import Array, converted, namespace
from ..core.characteristics import Characteristic, Characteristics
from ..core.populations import By, Population, Trait, reached
from .quoting import MOST_RISK_AVERSION

LEAST_CONNECTIVITY = 0.2
MAKER_TRAITS = (
    Trait("risk_aversion", 0.0, MOST_RISK_AVERSION, 0.05, "per price unit", "makers' γ"),
    Trait("connectivity", LEAST_CONNECTIVITY, 1.0, 0.5, "", "share of takers in a maker's reach"),
)
INVESTOR_TRAITS = (Trait("profit_weight", 0.0, 1.0, 0.5, "", "investors' w, weight of P&L"),)
TRAITS = (*MAKER_TRAITS, *INVESTOR_TRAITS)


def each(given: tuple[float, ...], number: int) -> tuple[float, ...]:
    """An option, one value for each agent."""
    return given * number if len(given) == 1 else given


@dataclass(frozen=True)
class Terms:
    """Reads types and reach off θ and a state.

    Attributes:
        makers, investors: their numbers; 0 where they are not in the scenario.
        by: how types are distributed.
        given: traits that options say, the same for everybody.
        spreads: half-widths of distributions by trait, where they are no characteristics.
        exactly: whether every maker reaches as many takers as its connectivity says.
    """

    makers: int
    investors: int
    by: By
    given: Mapping[str, float]
    spreads: Mapping[str, float]
    exactly: bool

    def _free(self, traits: tuple[Trait, ...], size: int) -> Population | None:
        own = tuple(trait for trait in traits if trait.name not in self.given)
        if not own or not size:
            return None
        # Investors are many: an entry of θ each would be no characteristic of a market.
        by = "distribution" if self.by == "individual" and traits is INVESTOR_TRAITS else self.by
        spreads = {t.name: self.spreads[t.name] for t in own if t.name in self.spreads}
        return Population(own, size, by, spreads)

    @cached_property
    def populations(self) -> tuple[Population | None, Population | None]:
        """Makers and investors whose types θ says; None: none of them."""
        return (
            self._free(MAKER_TRAITS, self.makers),
            self._free(INVESTOR_TRAITS, self.investors),
        )

    @cached_property
    def characteristics(self) -> Characteristics:
        """θ; followers meet small risk aversions more often, as quotes go with the root."""
        found = (p.characteristics for p in self.populations if p is not None)
        entries = [entry for own in found for entry in own]
        return Characteristics(entries, prior=partial(_prior, entries))

    @cached_property
    def widths(self) -> tuple[int, int]:
        """Quantiles that each maker and investor keeps for an episode."""
        makers, investors = self.populations
        return (len(makers.traits) if makers else 0), (len(investors.traits) if investors else 0)

    def makers_of(self, state: Any) -> dict[str, Array]:
        """Risk aversion and connectivity, ``(B, M)`` each."""
        population = self.populations[0]
        count = len(population.characteristics) if population else 0
        like = state.maker_inventory
        return self._types(MAKER_TRAITS, population, state.theta[:, :count], state, like)

    def investors_of(self, state: Any) -> dict[str, Array]:
        """Weight of P&L, ``(B, N)``."""
        before, population = self.populations
        count = len(before.characteristics) if before else 0
        return self._types(INVESTOR_TRAITS, population, state.theta[:, count:], state, state.buys)

    def _types(
        self,
        traits: tuple[Trait, ...],
        population: Population | None,
        columns: Array,
        state: Any,
        like: Array,
    ) -> dict[str, Array]:
        shared = 0.0 * like
        found = {t.name: shared + self.given[t.name] for t in traits if t.name in self.given}
        if population is None:
            return found
        makers = traits is MAKER_TRAITS
        quantiles = state.maker_quantiles if makers else state.investor_quantiles
        return found | population.types(columns, quantiles)

    def edges(self, state: Any, connectivity: Array) -> Array:
        """Whom each maker reaches, ``(B, J, M)`` bool."""
        uniforms = state.edge_uniforms
        if self.exactly:  # uniforms are ranks, so that a share of them is an exact number
            J = uniforms.shape[1]
            connectivity = namespace(uniforms).round(connectivity * J) / J
        return reached(uniforms, connectivity[:, None, :])


def looked_up(xp: Any, table: np.ndarray, risk: Array, number: Array, inventory: Array) -> Array:
    """Quotes off a table (see `quoting.quote_table`), interpolated over √γ, ``(B, M, 2)``.

    Args:
        xp: array namespace.
        table: by number reached, √γ and inventory, ``(n, G, Q, 2)``.
        risk: γ, ``(B, M)``.
        number: of takers reached, at least 1, ``(B, M)``.
        inventory: ``(B, M)``, whole.
    """
    values = converted(table, risk)
    _, G, Q, _ = table.shape
    place = (G - 1) * xp.sqrt(xp.clip(risk / MOST_RISK_AVERSION, 0.0, 1.0))
    low = xp.clip(xp.floor(place), 0.0, G - 2.0)
    part = (place - low)[..., None]
    row = xp.astype(number - 1.0, xp.int64)
    column = xp.astype(low, xp.int64)
    state = xp.astype(xp.clip(xp.round(inventory) + Q // 2, 0, Q - 1), xp.int64)
    below, above = values[row, column, state], values[row, column + 1, state]
    return (1.0 - part) * below + part * above


def _prior(entries: Sequence[Characteristic], uniforms: np.ndarray) -> np.ndarray:
    """Anything alike, but small risk aversions more often, ``(n, d)``."""
    low, high = np.array([(entry.low, entry.high) for entry in entries]).T
    averse = [e.name.startswith("risk_aversion") and "spread" not in e.name for e in entries]
    return low + (high - low) * np.where(averse, uniforms**1.5, uniforms)
