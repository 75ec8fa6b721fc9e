"""Stock market of noise, technical and fundamental traders (GAN-MAS, sections 3.1 and 4: "A
Generative Adversarial Network Approach to Calibrate Multi-Agent Simulators").

N = N₁ + N₂ + N₃ traders with fixed rules order up to one unit each; their excess demand D moves one
price. Nobody learns but the leader, who looks for their parameters in price paths.

    P(t) = (1 + ρ D(t) / N) P(t−1),    D = D₁ + D₂ + D₃,    φ(x) = tanh(x / 2)
    noise:        D₁ = Σ φ(b S(t) + c S_i(t)),   S ~ N(0, σ_P²) public, S_i ~ N(0, σ_I²) private
    technical:    D₂ = Σ φ(d M_i(t)),   M_i = short less long average of past prices
    fundamental:  D₃ = Σ φ(P*(t) + w_i(t) − P(t−1)),   w_i ~ N(0, σ_F²);  P* as in `value`

These are the smoothed rules of the paper's section 4; `rules` chooses the indicators of section 3.1
instead. Decisions at t see the prices up to P(t−1), as P(t) depends on them. Technical trader i is
silent before t = l²_i, the length of its long average.

θ = (b, c, d), one value per type. The law of prices is the same for b and −b, and for c and −c:
align signs before two θ are compared. Indicator rules see b S + c S_i through its sign alone, so
that b = 1 there and θ = (c, γ), γ the technical threshold. With ``tied=False`` every trader has
parameters of its own; only the sums over like traders reach the price, which does not tell them
apart.

| who learns, if anybody (`learning_traders` > 0) | entries |
|---|---|
| observation | log of P(t−1) and of two moving averages over μ₁, by ρ; inventory / T; θ |
| action | order in [−1, 1] (Box), which adds to D |
| reward | inventory before the order times the return, in units of ρ |

The paper prints neither ρ nor σ_F² nor which of the two variances 1 and 9 is the public one; the
defaults here are ours, and options.

Version history: v1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import array_api_compat
import numpy as np
from gymnasium.spaces import Box

from ..core.arrays import Array, namespace, row_sum
from ..core.group import Group
from ..core.market import Actions, Shocks
from ..core.random_streams import Shock
from ..core.state import State, changed
from ..core.step import Step
from .rules import by_signal, by_trend
from .whole_paths import WholePaths
from .windows import LONGEST

TRADER = "trader"
OWN_WINDOWS = (2, LONGEST)  # moving averages that a learning trader sees


@dataclass(frozen=True)
class StockMarketState(State):
    """What traders remember.

    Attributes:
        history: the last prices less the initial one, the newest last, ``(B, length)``.
        value: fundamental value P*, ``(B,)``.
        variance: V of its moves, ``(B,)``; it can lie below zero.
        inventory: of every learning trader, in units, ``(B, n)``.
        opening: shocks of the warm-up, ``(B, warm_up, k)``. The first step of an episode plays it,
            as θ may be set anew between the start and that step.
    """

    history: Array
    value: Array
    variance: Array
    inventory: Array
    opening: Array


@dataclass(frozen=True)
class StockMarket(WholePaths):
    """Traders by rule, one price; `StockMarketOptions` has the options."""

    state_type: ClassVar[type[State]] = StockMarketState
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {},
        {"learning_traders": 2},
        {"learning_traders": 1, "rules": "indicator", "horizon": 12, "variance_cut": "variance"},
        {"learning_traders": 1, "rules": "straight_through", "warm_up": 11, "horizon": 7},
        {
            "learning_traders": 1,
            "tied": False,
            "noise_traders": 2,
            "technical_traders": 1,
            "averages": "literal",
        },
    )
    small: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "": {"windows": ((2, 3), (1, 4)), "technical_traders": 2, "noise_traders": 2},
        "learning": {
            "learning_traders": 1,
            "rules": "indicator",
            "windows": ((2, 3), (1, 4)),
            "technical_traders": 2,
            "warm_up": 3,
        },
    }

    # Declarations -------------------------------------------------------------------------------

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Nobody, or learning traders."""
        if not self.learning_traders:
            return ()
        names = self.characteristics.names
        edge = np.array([np.inf] * 4 + [1.0] * len(names), dtype=np.float32)
        orders = Box(-1.0, 1.0, (1,), np.float32)
        return (Group(TRADER, self.learning_traders, Box(-edge, edge), orders, names),)

    @cached_property
    def leader_observation_space(self) -> Box:
        """The price."""
        return Box(-np.inf, np.inf, (1,), np.float32)

    @cached_property
    def _sources(self) -> dict[str, tuple[int, ...]]:
        """Every source of randomness and its shape in one period."""
        return {
            "public_signal": (),
            "private_signals": (self.noise_traders,),
            "valuations": (self.fundamental_traders,),
            "value": (),
            "value_variance": (),
        }

    @property
    def step_shocks(self) -> dict[str, Shock]:
        """Standard normals behind the signals, the valuations and the fundamental value."""
        return {name: Shock("normal", shape) for name, shape in self._sources.items()}

    @property
    def reset_shocks(self) -> dict[str, Shock]:
        """The same of every period of the warm-up, in the order of the sources."""
        width = sum(shock.size for shock in self.step_shocks.values())
        return {"opening": Shock("normal", (self.warm_up, width))} if self.warm_up else {}

    # Physics ------------------------------------------------------------------------------------

    def initial(self, theta: Array, shocks: Shocks) -> dict[str, Array]:
        """Prices and value at rest."""
        xp = namespace(theta)
        place = {"dtype": theta.dtype, "device": array_api_compat.device(theta)}
        copies, length = theta.shape[0], self.window_weights.shape[1]
        nothing = xp.zeros((copies, 0, 0), **place)
        return {
            "history": xp.zeros((copies, length), **place),
            "value": xp.full((copies,), float(self.initial_price), **place),
            "variance": xp.full((copies,), float(self.initial_variance), **place),
            "inventory": xp.zeros((copies, self.learning_traders), **place),
            "opening": xp.astype(shocks["opening"], theta.dtype) if self.warm_up else nothing,
        }

    def transition(self, state: StockMarketState, actions: Actions, shocks: Shocks) -> Step:
        """Orders of everybody, and the price that they make."""
        xp = namespace(state.theta)
        order = None
        if self.learning_traders:
            order = xp.astype(actions[TRADER][:, :, 0], state.theta.dtype)  # (B, n)
        before = {name: getattr(state, name) for name in ("history", "value", "variance")}
        if self.warm_up:
            before = self._warmed_up(state, before)
        time = self.warm_up + state.clock + 1
        after, quantities = self._period(state.theta, before, shocks, time, order)
        rewards = {}
        if order is not None:
            rewards[TRADER] = state.inventory * (quantities["demand"] / self.traders)[:, None]
            after["inventory"] = state.inventory + order
        return self.end_step(changed(state, **after), rewards, quantities)

    def _warmed_up(self, state: StockMarketState, before: dict[str, Array]) -> dict[str, Array]:
        """The fields of the state after the warm-up where an episode begins."""
        xp = namespace(state.theta)
        fresh = state.clock == 0
        if xp is np and not fresh.any():
            return before
        after = before
        for period in range(self.warm_up):
            time = xp.zeros_like(state.clock) + (period + 1)
            shocks = self.opening_shocks(state.opening, period)
            after, _ = self._period(state.theta, after, shocks, time, None)
        return {
            name: xp.where(fresh[:, None] if old.ndim > 1 else fresh, after[name], old)
            for name, old in before.items()
        }

    def opening_shocks(self, opening: Array, period: int) -> dict[str, Array]:
        """The named shocks of one period of the warm-up, from `StockMarketState.opening`."""
        found, start = {}, 0
        for name, shock in self.step_shocks.items():
            part = opening[:, period, start : start + shock.size]
            found[name] = part if shock.shape else part[:, 0]
            start += shock.size
        return found

    def _period(
        self, theta: Array, fields: dict[str, Array], shocks: Shocks, time: Array, order: Any
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """One period of trade.

        Args:
            theta: ``(B, d)``.
            fields: of the state, before.
            shocks: of this period.
            time: t, counted from the very first period, ``(B,)``.
            order: of learning traders, ``(B, n)``, or None.
        """
        xp = namespace(theta)
        history = fields["history"]
        last = history[:, -1]
        value, variance = self.value_process.next(
            xp, fields["value"], fields["variance"], shocks["value"], shocks["value_variance"]
        )
        public, private, technical = self.parameters.split(theta)
        signal = public * (self.public_variance**0.5 * shocks["public_signal"])[:, None]
        signal = signal + private * (self.private_variance**0.5 * shocks["private_signals"])
        rules, width = self.rules_in_force, self.slope_width
        noise = row_sum(xp, by_signal(xp, rules, signal, width))
        trends = by_trend(xp, rules, self._trends(xp, history), technical, width)
        heard = time[:, None] >= self._constant(xp, [w[1] for w in self.windows_in_force], time)
        trend = row_sum(xp, xp.where(heard, trends, xp.zeros_like(trends)))
        gap = (value - self.initial_price - last)[:, None]
        gap = gap + self.valuation_variance**0.5 * shocks["valuations"]
        fundamental = row_sum(xp, by_signal(xp, rules, gap, width))
        demand = noise + trend + fundamental
        if order is not None:
            demand = demand + row_sum(xp, order)
        share = demand * (self.price_impact / self.traders)
        newest = last + share * (self.initial_price + last)
        after = {
            **fields,
            "history": xp.concat([history[:, 1:], newest[:, None]], axis=1),
            "value": value,
            "variance": variance,
        }
        return after, {
            "price": self.initial_price + newest,
            "log_return": xp.log1p(share),
            "demand": demand,
            "demand_noise": noise,
            "demand_technical": trend,
            "demand_fundamental": fundamental,
            "fundamental_value": value,
        }

    def _trends(self, xp: Any, history: Array) -> Array:
        """M of every technical trader, ``(B, N₂)``; what the level of prices adds is a constant."""
        weights = self._constant(xp, self.window_weights, history)
        level = self._constant(xp, self.window_weights.sum(axis=1) * self.initial_price, history)
        return history @ weights.T + level

    @staticmethod
    def _constant(xp: Any, values: Any, like: Array) -> Array:
        return xp.asarray(values, dtype=like.dtype, device=array_api_compat.device(like))

    def observe(self, state: StockMarketState) -> dict[str, Array]:
        """Price, averages, inventory and θ̂ = θ for learning traders, ``(B, n, 4 + d)``."""
        if not self.learning_traders:
            return {}
        xp = namespace(state.theta)
        means = [xp.mean(state.history[:, -window:], axis=1) for window in (1, *OWN_WINDOWS)]
        seen = xp.stack([self._in_moves(xp, mean, self.value_mean) for mean in means], axis=-1)
        space = self.characteristics
        low = self._constant(xp, space.low, state.theta)
        span = self._constant(xp, space.high - space.low, state.theta)
        view = 2.0 * (state.theta - low) / span - 1.0
        copies, traders = state.inventory.shape

        def for_all(shared: Array) -> Array:
            return xp.broadcast_to(shared[:, None, :], (copies, traders, shared.shape[1]))

        own = (state.inventory / self.horizon)[:, :, None]
        return {
            TRADER: xp.astype(xp.concat([for_all(seen), own, for_all(view)], axis=2), xp.float32)
        }

    def leader_observe(self, state: StockMarketState) -> Array:
        """The logarithm of P(t) / P(0) in units of ρ, ``(B, 1)``."""
        xp = namespace(state.theta)
        moved = self._in_moves(xp, state.history[:, -1:], self.initial_price)
        return xp.astype(moved, xp.float32)

    def _in_moves(self, xp: Any, price: Array, base: float) -> Array:
        """log of a price, given less the initial one, over a base: in largest moves."""
        return xp.log((self.initial_price + price) / base) / self.price_impact
