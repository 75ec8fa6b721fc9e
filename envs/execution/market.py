"""Optimal execution in a limit order book full of background traders (INTAGS; Byrd et al. 2020).

Executors have a parent order of q₀ shares each, to buy or to sell, and T decisions to fill it by
child orders of at most ten shares; whoever is late pays for every share left. They compete in one
book with the background market (`order_book.background`), which answers their orders: nothing is
replayed. The characteristics are the design of the market, or what calibration looks for: how many
noise agents come, how well value agents see, how market makers quote, and a fee for taking.

    reward = Σ_fills ± (p₀ − p) q / (p₀ q₀) − fee · p q / (p₀ q₀) − penalty · unfilled / q₀

in basis points of the arrival mid p₀, over `reward_unit_bp`; + for buyers, − for sellers; the
penalty falls due with the last decision (INTAGS, appendix C.2, with P per share).

| what | entries |
|---|---|
| executor's action | cancel, market order of a child; cancel, limit order at the near touch; hold |
| executor's observation | t/T, remaining/q₀, the difference, imbalance of the whole book, of 5 |
| | levels, spread, price impact, last trade, side; view of the fee or of all θ |
| leader's observation | t/T, spread, imbalance, price impact, shares traded, mean remaining/q₀ |

The book opens at 09:30 under the preset's own parameters; θ is in force from the first decision on,
so that every θ meets the same book. Imbalances, impact and last trade are seen from an executor's
own side: the same for a buyer in a market and a seller in its mirror image.

Version history: v1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from gymnasium.spaces import Box, Discrete

from ..core.arrays import Array
from ..core.group import Group
from ..core.market import Actions, Shocks
from ..core.random_streams import Shock
from ..core.state import State
from ..core.step import Step
from ..order_book.background.market import SECOND
from ..order_book.background.simulation import levels_of
from ..order_book.layout import NONE
from .beside_play import BesidePlay
from .design import DESIGN, FEE, background_parameters
from .kernels import (
    MARKET,
    NEAR_ASKS,
    NEAR_BIDS,
    SEEN,
    TEN_VOLUME,
    TRADED_SHARES,
    act,
    read_books,
    read_touch,
)
from .state import ExecutionState, accounts_of, left_of, with_spare_orders
from .view import (
    EXECUTOR_ENTRIES,
    LEADER_ENTRIES,
    executors_see,
    leader_sees,
    makers_worth,
    quote,
    share,
)

EXECUTOR = "executor"
BASIS_POINTS = 1e4
SEEDS = 2.0**52  # of background markets: so many, drawn from a uniform shock


@dataclass(frozen=True)
class Execution(BesidePlay):
    """Traders who work large orders in a limit order book; `ExecutionOptions` has the options."""

    name: ClassVar[str] = "execution"
    state_type: ClassVar[type[State]] = ExecutionState
    namespaces: ClassVar[tuple[str, ...]] = ("numpy",)
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {},
        {"background": "rmsc03", "decisions": 4, "parent_size": 30, "view": "all"},
        {"buyers": 2, "sellers": 1, "seconds_per_decision": 20.0, "decisions": 6},
        {"background": "realistic", "latency_seconds": 0.02, "decisions": 5, "sellers": 1},
        {"experimental": True, "decisions": 5},
    )
    has_laboratory: ClassVar[bool] = True

    small: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "": {},
        "realistic": {"background": "realistic", "latency_seconds": 0.02},
    }

    @cached_property
    def _viewed(self) -> tuple[str, ...]:
        return (FEE,) if self.view == "fee" else DESIGN

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Executors of both sides share one policy, which is told its side."""
        if self.experimental:
            return ()
        entries = EXECUTOR_ENTRIES + len(self._viewed)
        low, high = np.full(entries, -np.inf, np.float32), np.full(entries, np.inf, np.float32)
        low[[0, 1]], high[[0, 1]] = 0.0, 1.0
        low[[2, 3, 4, 8]], high[[2, 3, 4, 8]] = -1.0, 1.0
        low[5], low[EXECUTOR_ENTRIES:], high[EXECUTOR_ENTRIES:] = 0.0, -1.0, 1.0
        return (
            Group(
                name=EXECUTOR,
                size=self.executors,
                observation_space=Box(low, high, dtype=np.float32),
                action_space=Discrete(3),
                view=self._viewed,
            ),
        )

    @property
    def steps_per_episode(self) -> int:
        """Decisions."""
        return self.decisions

    @property
    def ends_at_horizon(self) -> bool:
        """After the last decision there is nothing left to do."""
        return True

    @cached_property
    def leader_observation_space(self) -> Box:
        """Six entries."""
        return Box(-np.inf, np.inf, (LEADER_ENTRIES,), np.float32)

    @property
    def quantities(self) -> dict[str, str]:
        """Path quantities."""
        return {
            "price": "mid, dollars",
            "log_return_bp": "return of the mid over the step, bp",
            "spread": "cents",
            "imbalance": "share of bids in the best 5 levels",
            "book_volume": "shares in the best 10 levels of both sides",
            "volume": "shares traded by all in the step",
            "maker_profit": "profit of all market makers in the step, marked to the mid, dollars",
            "cost_bp": "implementation shortfall of the step with fee and penalty, bp of parent",
            "filled": "share of the parent order filled in the step",
            "unfilled": "share of the parent order not yet filled",
        }

    @property
    def reset_shocks(self) -> dict[str, Shock]:
        """Which background market an episode plays in; its own streams are part of the state."""
        return {"seed": Shock("uniform")}

    @property
    def step_shocks(self) -> dict[str, Shock]:
        """Whose turn comes first."""
        return {"turns": Shock("uniform", (self.executors,))}

    def initial(self, theta: Array, shocks: Shocks) -> dict[str, Array]:
        """Open a background market and let it run until the first decision."""
        seeds = (shocks["seed"] * SEEDS).astype(np.int64)
        memory, reals = self.traders.opened(seeds, int(self._time(0)))
        copies = len(seeds)
        seen = self._seen(memory)
        mean = np.full(copies, self.preset.mean_price)
        mid, spread = quote(seen, mean, np.zeros(copies))
        return {
            "memory": memory,
            "reals": reals,
            "arrival_mid": mid,
            "mid": mid,
            "spread": spread,
            "traded": np.zeros(copies),
            "remaining": np.full((copies, self.executors), self.parent_size, dtype=np.int64),
            "standing": np.full((copies, self.executors), NONE, dtype=np.int64),
        }

    def _seen(self, memory: Array) -> Array:
        seen = np.zeros((len(memory), SEEN))
        read_books(memory, self.traders.makers, seen)
        return seen

    @cached_property
    def _parameters(self) -> Any:
        return self.preset.parameters()

    def levels(self, state: ExecutionState, count: int) -> Array:
        """The best levels of the books, ``(B, 4, count)``; see `Markets.levels`."""
        return levels_of(state.memory, count)

    def transition(self, state: ExecutionState, actions: Actions, shocks: Shocks) -> Step:
        """Executors act in turns, then the background trades until the next decision."""
        memory, reals = with_spare_orders(state.memory, self.executors), state.reals.copy()
        parameters = background_parameters(self._parameters, state.theta)
        standing, remaining = state.standing.copy(), state.remaining
        taken = np.zeros_like(remaining)
        before = self._seen(memory)
        accounts = accounts_of(memory, self.preset.agents, self.executors)
        touch = np.full((len(memory), 2), NONE, dtype=np.int64)
        if self.latency_seconds > 0:
            read_touch(memory, touch)
            arrival = self._time(state.clock) + int(self.latency_seconds * SECOND)
            memory = self.traders.advance(memory, reals, parameters, arrival)
            memory = with_spare_orders(memory, self.executors)
            remaining = left_of(accounts, memory, state, self._signs, self.preset.agents)
        act(
            *(memory, parameters, self._decisions(actions, len(memory))),
            *(np.argsort(shocks["turns"], axis=1), self.sides, remaining, standing),
            *(self.child_size, self.preset.agents, touch, taken),
        )
        until = self._time(state.clock + 1)
        memory = self.traders.advance(memory, reals, parameters, until)
        seen = self._seen(memory)
        mid, spread = quote(seen, state.mid, state.spread)
        fills = accounts_of(memory, self.preset.agents, self.executors) - accounts
        shares = (self._signs * fills[:, :, 0]).astype(np.int64)
        after = ExecutionState(
            theta=state.theta,
            clock=state.clock,
            step_stream=state.step_stream,
            reset_stream=state.reset_stream,
            memory=memory,
            reals=reals,
            arrival_mid=state.arrival_mid,
            mid=mid,
            spread=spread,
            traded=seen[:, TRADED_SHARES] - before[:, TRADED_SHARES],
            remaining=state.remaining - shares,
            standing=standing,
        )
        cost = self._cost(after, fills, taken)
        quantities = {
            "price": mid / 100,
            "log_return_bp": BASIS_POINTS * np.log(mid / state.mid),
            "spread": spread,
            "imbalance": share(seen[:, NEAR_BIDS], seen[:, NEAR_ASKS]),
            "book_volume": seen[:, TEN_VOLUME],
            "volume": after.traded,
            "maker_profit": (makers_worth(seen, mid) - makers_worth(before, state.mid)) / 100,
            "cost_bp": cost,
            "filled": shares / self.parent_size,
            "unfilled": after.remaining / self.parent_size,
        }
        rewards = {} if self.experimental else {EXECUTOR: -cost / self.reward_unit_bp}
        return self.end_step(after, rewards, quantities)

    def _decisions(self, actions: Actions, copies: int) -> Array:
        """What executors do, ``(B, N)``."""
        if self.experimental:
            return np.full((copies, self.executors), MARKET)
        return actions[EXECUTOR].astype(np.int64)

    def _cost(self, after: ExecutionState, fills: Array, taken: Array) -> Array:
        """Shortfall of a step against the arrival mid, bp of the parent order, ``(B, N)``."""
        arrival = after.arrival_mid[:, None]
        shares, paid = fills[:, :, 0], fills[:, :, 1]
        fee = after.theta[:, [DESIGN.index(FEE)]] / BASIS_POINTS
        last = (after.clock + 1 >= self.decisions)[:, None]
        penalty = self.unfilled_penalty_bp / BASIS_POINTS * after.remaining * last
        # A seller's shares and money are negative: what it receives too little is its cost.
        shortfall = (paid - arrival * shares + fee * taken) / arrival + penalty
        return BASIS_POINTS * shortfall / self.parent_size

    def observe(self, state: ExecutionState) -> dict[str, Array]:
        """What executors see, ``(B, N, D)``; nothing where nobody decides."""
        if self.experimental:
            return {}
        remaining = state.remaining / self.parent_size
        seen = executors_see(
            state, self._seen(state.memory), self._signs, self._elapsed(state), remaining
        )
        unit = 2.0 * self.characteristics.to_unit(state.theta) - 1.0
        view = unit[:, None, [DESIGN.index(name) for name in self._viewed]]
        shape = (*remaining.shape, len(self._viewed))
        both = np.concatenate([seen, np.broadcast_to(view, shape)], axis=-1)
        return {EXECUTOR: both.astype(np.float32)}

    def leader_observe(self, state: ExecutionState) -> Array:
        """What a leader sees, ``(B, 6)``."""
        seen, remaining = self._seen(state.memory), state.remaining / self.parent_size
        return leader_sees(state, seen, self._elapsed(state), remaining).astype(np.float32)

    def _elapsed(self, state: ExecutionState) -> Array:
        """t/T, ``(B, 1)``."""
        return (state.clock / self.decisions)[:, None]
