"""Stackelberg duopoly (von Stackelberg 1934): a leader sets its quantity, followers answer it.

Inverse demand ``P = a − b Q`` and unit cost ``c``; the leader's quantity is the characteristic
θ = q_L, and n followers each choose a quantity q_i on seeing it. It is the smallest game in which
"the leader anticipates its followers" has a number: with n = 1, a = 12, b = 1, c = 0 the leader
produces 6 (Stackelberg) and not 4 (Cournot).

| quantity | symbol | unit |
|---|---|---|
| leader's quantity | θ = q_L | units of the good, [0, (a − c) / b], or less |
| follower's quantity | q_i | units of the good, [0, (a − c) / b] |
| follower's reward | (P − c) q_i | its profit at the Stackelberg point |

Version history: v1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Gt
from gymnasium.spaces import Box

from ..core.arrays import Array, namespace
from ..core.characteristics import Characteristic, Characteristics
from ..core.deviations.best_response import BestResponse, Followers
from ..core.errors import PacesetterError
from ..core.group import Group
from ..core.market import Actions, Market, Shocks
from ..core.state import State
from ..core.step import Step

FOLLOWER = "follower"
DRAWS = 512  # of everybody's quantities, of which a best response needs the mean


@dataclass(frozen=True)
class DuopolyState(State):
    """A one-shot game remembers nothing but θ."""


@dataclass(frozen=True)
class Duopoly(Market):
    """One leader quantity, n follower quantities, one price.

    Attributes:
        followers: number of followers, n.
        demand_intercept: a, price at zero supply.
        demand_slope: b, price fall per unit supplied.
        unit_cost: c, the same for everybody.
        largest_leader_quantity: upper bound of θ; None: (a − c) / b, the most there can be. The
            leader's best answer is the middle of that range, where many a search begins; another
            bound tells searching from standing still. Followers see θ over (a − c) / b all the
            same.
        theta_visible: False hides θ from the followers: an ablation, whose outcome is Cournot.
    """

    followers: Annotated[int, Ge(1)] = 1
    demand_intercept: Annotated[float, Gt(0)] = 12.0
    demand_slope: Annotated[float, Gt(0)] = 1.0
    unit_cost: Annotated[float, Ge(0)] = 0.0
    largest_leader_quantity: Annotated[float, Gt(0)] | None = None
    theta_visible: bool = True

    name: ClassVar[str] = "duopoly"
    state_type: ClassVar[type[State]] = DuopolyState
    differentiable: ClassVar[bool] = True
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"followers": 1},
        {"followers": 5, "demand_slope": 0.7, "unit_cost": 1.0},
        {"theta_visible": False},
    )

    def __post_init__(self) -> None:
        """Refuse a market in which nobody would produce, or a leader beyond all profit."""
        super().__post_init__()
        if self.demand_intercept <= self.unit_cost:
            raise PacesetterError(
                f"demand_intercept ({self.demand_intercept:g}) must exceed unit_cost "
                f"({self.unit_cost:g}): otherwise no quantity is ever sold at a profit."
            )

        most = self.largest_leader_quantity
        if most is not None and most > self.largest_quantity:
            raise PacesetterError(
                f"market 'duopoly': largest_leader_quantity must be at most (demand_intercept − "
                f"unit_cost) / demand_slope = {self.largest_quantity:g}, got {most:g}: beyond it "
                "the price lies below cost whatever followers do."
            )

    @cached_property
    def largest_quantity(self) -> float:
        """The quantity that drives the price down to cost, (a − c) / b."""
        return (self.demand_intercept - self.unit_cost) / self.demand_slope

    @cached_property
    def reward_unit(self) -> float:
        """A follower's profit at the Stackelberg point; rewards are measured in it."""
        quantity = self.largest_quantity / (2 * (self.followers + 1))
        return self.demand_slope * quantity**2

    @cached_property
    def characteristics(self) -> Characteristics:
        """θ = the leader's quantity; Cournot's by default."""
        high, cournot = self.largest_leader_quantity, self.largest_quantity / 3
        high = self.largest_quantity if high is None else float(high)
        default = min(cournot, high)
        return Characteristics(
            [Characteristic("leader_quantity", 0.0, high, default, "units", "quantity q_L")]
        )

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """One type of follower, which sees θ / largest quantity, from −1 to 1."""
        return (
            Group(
                name=FOLLOWER,
                size=self.followers,
                observation_space=Box(-1.0, 1.0, (1,), np.float32),
                action_space=Box(0.0, np.float32(self.largest_quantity), (1,), np.float32),
                view=("leader_quantity",),
            ),
        )

    @property
    def steps_per_episode(self) -> int:
        """A one-shot game."""
        return 1

    @property
    def ends_at_horizon(self) -> bool:
        """Nothing follows the one play."""
        return True

    @cached_property
    def leader_observation_space(self) -> Box:
        """Nothing precedes the leader's move: a constant."""
        return Box(-1.0, 1.0, (1,), np.float32)

    @property
    def quantities(self) -> dict[str, str]:
        """Path quantities."""
        return {
            "leader_profit": "(P − c) q_L, currency",
            "price": "P = a − b Q, currency per unit; negative if supply exceeds a / b",
            "follower_quantity": "mean follower quantity, units",
            "follower_profit": "mean follower profit, currency",
        }

    def initial(self, theta: Array, shocks: Shocks) -> dict[str, Array]:
        """Nothing beyond θ."""
        return {}

    def transition(self, state: DuopolyState, actions: Actions, shocks: Shocks) -> Step:
        """Price and profits of one play."""
        xp = namespace(state.theta)
        a, b, c = self.demand_intercept, self.demand_slope, self.unit_cost
        q_leader = state.theta[:, 0]  # (B,)
        q = xp.astype(actions[FOLLOWER][:, :, 0], state.theta.dtype)  # (B, N)
        price = a - b * (q_leader + xp.sum(q, axis=1))
        profits = (price - c)[:, None] * q
        quantities = {
            "leader_profit": (price - c) * q_leader,
            "price": price,
            "follower_quantity": xp.mean(q, axis=1),
            "follower_profit": xp.mean(profits, axis=1),
        }
        return self.end_step(state, {FOLLOWER: profits / self.reward_unit}, quantities)

    def observe(self, state: DuopolyState) -> dict[str, Array]:
        """θ̂ = θ for every follower, ``(B, N, 1)``; zero if hidden."""
        xp = namespace(state.theta)
        view = xp.astype(2 * state.theta / self.largest_quantity - 1, xp.float32)
        if not self.theta_visible:
            view = xp.zeros_like(view)
        return {FOLLOWER: xp.broadcast_to(view[:, None, :], (view.shape[0], self.followers, 1))}

    def leader_observe(self, state: DuopolyState) -> Array:
        """A constant, ``(B, 1)``."""
        xp = namespace(state.theta)
        return xp.zeros_like(xp.astype(state.theta, xp.float32))

    def benchmark(self) -> dict[str, float]:
        """Closed forms of Stackelberg and Cournot play with n followers.

        ``q_L = (a − c) / 2b``, ``q_F = (a − c) / (2b (n + 1))``, leader profit
        ``(a − c)² / (4b (n + 1))``; Cournot ``(a − c) / (b (n + 2))`` each.
        """
        n, size = self.followers, self.largest_quantity
        cournot = size / (n + 2)
        return {
            "stackelberg_leader_quantity": size / 2,
            "stackelberg_follower_quantity": size / (2 * (n + 1)),
            "stackelberg_leader_profit": self.demand_slope * size**2 / (4 * (n + 1)),
            "cournot_quantity": cournot,
            "cournot_leader_profit": self.demand_slope * cournot**2,
            "follower_answer_slope": -1.0 / (n + 1),
        }

    def best_response(self, leader_quantity: Array) -> Array:
        """Each follower's equilibrium answer to q_L, ``(a − c − b q_L) / (b (n + 1))``."""
        return (self.largest_quantity - leader_quantity) / (self.followers + 1)

    def best_response_value(
        self, state: DuopolyState, followers: Followers
    ) -> dict[str, BestResponse]:
        """Against a mean quantity m of the others the best is ``q = (a − c − b (q_L + m)) / 2b``.

        Exact for a lone follower; among several, m is a mean of draws, and θ is taken as seen.
        """
        drawn = followers.draws(state, DRAWS)[FOLLOWER][..., 0].astype(np.float64)  # (K, B, n)
        others = drawn.mean(axis=0).sum(axis=1, keepdims=True) - drawn.mean(axis=0)
        room = self.largest_quantity - state.theta - others  # (B, n)
        q = np.clip(room / 2.0, 0.0, self.largest_quantity)
        unit = self.demand_slope / self.reward_unit
        own = np.mean((room - drawn) * drawn, axis=0)
        exact = self.theta_visible and self.followers == 1
        return {FOLLOWER: BestResponse(unit * (room - q) * q, unit * own, exact)}
