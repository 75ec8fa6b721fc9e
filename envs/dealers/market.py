"""Makers who quote around a price, and investors who trade on it; both come in types.

M makers show an ask and a bid offset around a reference price and manage inventory; N investors
buy, sell or hold. Takers with fixed rules deal with makers, too. One step:

1. makers choose offsets δ in [0, 2.2]; investors buy, sell or hold one unit;
2. every taker who wants to deal does so at the lowest offset among the makers that reach it: one
   with fixed rules if that is below its reservation, an investor in any case; nobody deals who is
   not reached; without makers investors pay h = .25 to the exchange;
3. the price moves, and both are paid, with q' and y' for inventories after the trades:

    maker       δ_ask S + δ_bid D + q' (p' − p) − (γ/2) σ² q'² − w_s (m̄' − m*)²
    investor    w [y' (p' − p) − h 1{trade} − (γ_I/2) Var y'²] + (1 − w) [D_before − D_after],

   the latter over 40, D = \\|buys − 30\\| + \\|sells − 10\\|: so the day's totals are aimed at
   without a preference for when.

| what | entries |
|---|---|
| maker's observation | q / 5, x / σ_x, (m̄ − m*) / .05; γ / (γ + .02), c, w_s / (w_s + 100) |
| maker's action | ask and bid offset (Box) |
| investor's observation | x / σ_x, time left, buys and sells left, whether any are, y / 10, best |
| | ask and bid of the step before; w, γ_I / (γ_I + .1) |
| investor's action | hold, buy, sell (Discrete) |
| leader's observation | mean \\|q\\|, mean half-spread, units dealt, price − 100 |

A maker's type is its risk aversion γ and its connectivity c, an investor's its weight w. θ has them
for all (`common`), their means and spreads (`distribution`), or each maker's own (`individual`);
followers see their own type and nothing else of θ. Makers and takers are those of Avellaneda &
Stoikov (Quantitative Finance 2008), types that share a policy those of Vadori et al.
(arXiv:2210.07184).

Version history: v1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..core.arrays import Array, constant, namespace, row_mean
from ..core.errors import unknown
from ..core.market import Actions, Shocks
from ..core.populations import ranked
from ..core.state import changed
from ..core.step import Step
from . import investing, quoting
from .competition import Mixture
from .declared import DealersDeclared
from .payments import paid_to_investors, paid_to_makers
from .price import LEVEL, deviation_per_step, first_deviation, foreseen_until_the_end, moved
from .state import DealersState
from .terms import looked_up
from .trading import DECAY, HIGHEST_OFFSET, best_seen, dealt, likely, reservations, wishes
from .view import BUY, HOLD, INVESTOR, MAKER, investor_sees, maker_sees


@dataclass(frozen=True)
class Dealers(DealersDeclared):
    """Makers, investors, or both."""

    def initial(self, theta: Array, shocks: Shocks) -> dict[str, Array]:
        """Nobody holds anything; offsets shown before are those of monopolists."""
        xp = namespace(theta)
        zero = 0.0 * theta[:, 0]
        of_makers = zero[:, None] + constant(np.zeros(self._makers), zero)
        of_investors = zero[:, None] + constant(np.zeros(self._investors), zero)
        x = first_deviation(self.law, shocks["deviation"])
        edges = shocks["edges"]
        first = investing.COST if not self._makers else 1.0 / DECAY
        return {
            "price": LEVEL + x,
            "deviation": x,
            "maker_inventory": of_makers,
            "running_share": of_makers + constant(np.array(self._each("share_targets")), zero),
            "last_offsets": xp.stack([of_makers + 1.0 / DECAY] * 2, axis=-1),
            "last_volume": zero,
            "buys": of_investors,
            "sells": of_investors,
            "seen_offsets": xp.stack([of_investors + first] * 2, axis=-1),
            "maker_quantiles": shocks["maker_quantiles"],
            "investor_quantiles": shocks["investor_quantiles"],
            "edge_uniforms": ranked(xp, edges) if self.network == "fixed" else edges,
        }

    def transition(self, state: DealersState, actions: Actions, shocks: Shocks) -> Step:
        """Trades, the price's move and payments; see the three lines of the module."""
        xp = namespace(state.theta)
        x, move, foreseen = moved(self.law, state.deviation, shocks["price"])
        paid_move = self._paid(state, move, foreseen)
        variance = deviation_per_step(self.law) ** 2
        changes: dict[str, Array] = {"price": state.price + move, "deviation": x}
        quantities = {"price": changes["price"]}
        rewards: dict[str, Array] = {}
        wants, buys = self._chosen(state, actions)
        paid = 0.0 * state.buys + investing.COST
        if self._makers:
            types = self.terms.makers_of(state)
            edges = self.terms.edges(state, types["connectivity"])
            offsets = self._offsets(state, actions, types)
            wish, buying, highest = self._wanted(xp, state, shocks, wants, buys)
            sold, bought, paid = dealt(xp, offsets, edges, wish, buying, highest)
            paid = paid[:, self.takers :]
            reached = xp.clip(xp.sum(xp.astype(edges, offsets.dtype), axis=1), 1.0, None)
            risk = types["risk_aversion"] * variance
            expected = None
            if self.request_pnl == "expected":
                expected = self._expected(xp, offsets, edges, wish, buying, highest)
            target = self._target(offsets)
            reward, own, seen = paid_to_makers(
                xp, state, offsets, sold, bought, reached, paid_move, risk, target, expected
            )
            changes |= own
            quantities |= seen
            if self._learning_makers:
                rewards[MAKER] = reward
            if "edges" in shocks:
                changes["edge_uniforms"] = shocks["edges"]
            if self._investors:
                changes["seen_offsets"] = best_seen(xp, offsets, edges[:, self.takers :, :])
        if self._investors:
            deals = wants & (paid >= 0.0)
            bought, sold = (xp.astype(m, paid.dtype) for m in (deals & buys, deals & ~buys))
            weight = self.terms.investors_of(state)["profit_weight"]
            rewards[INVESTOR], own, seen = paid_to_investors(
                xp, state, bought, sold, paid, paid_move, weight, self.investor_risk * variance
            )
            changes |= own
            quantities |= seen
        return self.end_step(changed(state, **changes), rewards, quantities)

    def _paid(self, state: DealersState, move: Array, foreseen: Array) -> tuple[Array, Array]:
        """What a unit held, and a unit gained, is paid for the price, ``(B, 1)`` each."""
        nothing = 0.0 * move[:, None]
        if self.inventory_pnl == "realised":
            return move[:, None], nothing
        if self.inventory_pnl == "expected":
            return foreseen[:, None], nothing
        left = self.periods - namespace(move).astype(state.clock, move.dtype)
        return nothing, foreseen_until_the_end(self.law, state.deviation, left)[:, None]

    def _chosen(self, state: DealersState, actions: Actions) -> tuple[Array, Array]:
        """Whether each investor wants to trade, and to buy, ``(B, N)`` bool each."""
        if not self._investors:
            nobody = state.buys < 0.0
            return nobody, nobody
        return actions[INVESTOR] != HOLD, actions[INVESTOR] == BUY

    def _offsets(self, state: DealersState, actions: Actions, types: dict[str, Array]) -> Array:
        """Ask and bid of each maker, ``(B, M, 2)``."""
        xp = namespace(state.theta)
        if self.makers_are == "learning":
            return xp.astype(actions[MAKER], state.theta.dtype)
        number = xp.round(types["connectivity"] * self.takers)
        table = quoting.quote_table(self.takers)
        return looked_up(xp, table, types["risk_aversion"], number, state.maker_inventory)

    def _wanted(
        self, xp: Any, state: DealersState, shocks: Shocks, wants: Array, buys: Array
    ) -> tuple[Array, Array, Array]:
        """Who wants to deal, to buy, and up to which offset: takers, then investors, (B, J)."""
        wish, buying = wishes(shocks["wish"])
        highest = reservations(xp, shocks["reservation"])
        if not self._investors:
            return wish, buying, highest
        unlimited = 0.0 * state.buys + 2.0 * HIGHEST_OFFSET
        return (
            xp.concat([wish, wants], axis=1),
            xp.concat([buying, buys], axis=1),
            xp.concat([highest, unlimited], axis=1),
        )

    def _expected(
        self, xp: Any, offsets: Array, edges: Array, wants: Array, buys: Array, highest: Array
    ) -> Array:
        """Units that makers sell and buy, those of takers in the mean, ``(B, M, 2)``."""
        units = likely(xp, offsets, edges[:, : self.takers])
        if not self._investors:
            return units
        own = (entry[:, self.takers :] for entry in (edges, wants, buys, highest))
        sold, bought, _ = dealt(xp, offsets, *own)
        return units + xp.stack([sold, bought], axis=-1)

    def _target(self, like: Array) -> tuple[Array, Array]:
        """m* and w_s of each maker, ``(M,)``."""
        return (
            constant(np.array(self._each("share_targets")), like),
            constant(np.array(self._each("share_weights")), like),
        )

    def observe(self, state: DealersState) -> dict[str, Array]:
        """What makers and investors see; see the module."""
        xp, seen = namespace(state.theta), {}
        if self._learning_makers:
            shared = 0.0 * state.maker_inventory
            targets, weights = (shared + entry for entry in self._target(shared))
            types = self.terms.makers_of(state)
            seen[MAKER] = maker_sees(xp, state, targets, weights, types)
        if self._investors:
            weight = self.terms.investors_of(state)["profit_weight"]
            risk = 0.0 * weight + self.investor_risk
            seen[INVESTOR] = investor_sees(xp, state, self.periods, (weight, risk))
        return seen

    def leader_observe(self, state: DealersState) -> Array:
        """Mean size of inventories, mean half-spread, units dealt and price, ``(B, 4)``."""
        xp = namespace(state.theta)
        zero = 0.0 * state.price
        size, spread = zero, zero
        if self._makers:
            size = row_mean(xp, xp.abs(state.maker_inventory))
            spread = row_mean(xp, xp.mean(state.last_offsets, axis=-1))
        seen = [size, spread, state.last_volume, state.price - LEVEL]
        return xp.astype(xp.stack(seen, axis=-1), xp.float32)

    # What is computed ---------------------------------------------------------------------------

    def answered(self) -> Dealers | None:
        """One maker alone who quotes what is computed, in place of one who learns."""
        return replace(self, makers_are="computed") if self.alone else None

    def trait(self, name: str, theta: Any = None) -> float:
        """A trait of everybody at the centre of θ, ``(d,)``: given, or the mean of its entries."""
        given = getattr(self, name)
        if given is not None:
            return float(given)
        found = self.characteristics.named(self.characteristics.validate(theta, 1)[0])
        wanted = [
            value for key, value in found.items()
            if key.startswith(name) and not key.endswith("_spread")
        ]  # fmt: skip
        if not wanted:
            raise unknown("trait of this scenario", name, list(found))
        return float(np.mean(wanted))

    def quotes(self, theta: Any = None) -> tuple[np.ndarray, int, float]:
        """Best quotes of one maker alone ``(Q, 2)``, how many it reaches, and its γ, under θ."""
        number = int(np.round(self.trait("connectivity", theta) * self.takers))
        risk = self.trait("risk_aversion", theta)
        return quoting.quotes_of(number, risk), number, risk

    def mixture(self, theta: Any = None) -> Mixture:
        """Offsets of makers who are indifferent to inventory and compete, under θ."""
        return Mixture(self.makers, self.trait("connectivity", theta))

    def benchmark(self) -> dict[str, float]:
        """Computed figures at the default θ: quotes of one maker, mixed offsets, or P&L."""
        if self.alone:
            quotes, number, risk = self.quotes()
            found = quoting.worth(quotes, number, risk, self.periods)
            return {
                "takers_reached": float(number),
                "half_spread_at_0": found.half_spread,
                "skew_per_unit_at_0": found.slope,
                "inventory_deviation": found.deviation,
                "reward_per_step": found.reward,
            }
        if self.scenario == "makers" and self._mixed:
            game = self.mixture()
            return {"mean_offset": game.mean, "lowest_offset": game.lowest}
        if self.scenario == "investors":
            profit, trades = investing.for_profit(self.periods)
            return {"profit_if_nothing_else_counts": profit, "trades_a_side": trades}
        return {}

    @property
    def _mixed(self) -> bool:
        """Whether offsets in equilibrium are mixed, and known."""
        connected = self.connectivity is None or self.connectivity < 1.0
        indifferent = self.risk_aversion == 0.0 and max(self.share_weights) == 0.0
        return self.makers > 1 and self.network == "per_step" and connected and indifferent
