"""Market-entry game with a Tobin tax (ADAGE, arXiv:2501.09429, section 4.3).

Every period N traders enter a market of limited capacity C or stay out of it. With D entrants a
trader's utility is (eq. 13)

    out: β        in: β + v (C − D)        β = 1, v = 2

and whoever changes position pays a share of it, ``τ |utility|``, in tax (Tobin 1978); θ = τ. Every
attendance D ∈ {C − 1, C} is an equilibrium, but without a tax somebody in it is indifferent, and
all entering with chance (C − 1) / (N − 1) is an equilibrium as well. A tax breaks the indifference:
then nobody moves once D ∈ {C − 1, C}.

| what | entries |
|---|---|
| trader's observation | last attendance, mean past attendance, own last position; view of τ |
| trader's action | 0 stays out, 1 enters (Discrete) |
| leader's observation | running standard deviation of attendance, τ |

When all traders toss coins, attendance deviates by √N / 2 and the utility of entering by v √N / 2:
attendance is observed as (D − C) / (√N / 2), its deviation in the same unit, and rewards are
utilities divided by v √N / 2. Positions are observed as −1 (out) and 1, τ as 2τ / 0.1 − 1. An
episode begins without a past: everybody is out, last and mean attendance are 0, and the first move
is untaxed.

Version history: v1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge
from gymnasium.spaces import Box, Discrete

from ..core.arrays import Array, at_least, namespace, row_mean, row_sum
from ..core.characteristics import Characteristic, Characteristics
from ..core.deviations.best_response import BestResponse, Followers, priced
from ..core.errors import PacesetterError
from ..core.group import Group
from ..core.market import Actions, Market, Shocks
from ..core.state import State
from ..core.step import Step
from .deviation import entry_utilities
from .equilibrium import symmetric_entry
from .laws import ENTRY_STRENGTH, OUTSIDE_UTILITY

TRADER = "trader"
HIGHEST_TAX = 0.1


@dataclass(frozen=True)
class MarketEntryState(State):
    """The market's memory.

    Attributes:
        positions: 1 for traders who are in, 0 for those who are out, ``(B, N)``.
        attendance_sum, attendance_square_sum: sums of D and D² over this episode, ``(B,)``.
        last_attendance: ``(B,)``.
    """

    positions: Array
    attendance_sum: Array
    attendance_square_sum: Array
    last_attendance: Array


@dataclass(frozen=True)
class MarketEntry(Market):
    """Traders who want to be where few others are; a tax on changing one's mind.

    Attributes:
        traders: number of traders, N.
        capacity: entrants C at which entering is worth as much as staying out.
        periods: steps of an episode.
        information_cost: price λ of a trader's information, in utility per nat: it maximises
            utility minus λ KL(π ‖ coin). The same tremble with and without a tax; 0: none.
        memory: False hides attendance and the own position from the traders, who then can only
            enter by chance: the symmetric equilibrium, which has a computed answer.
        tax_visible: False shows traders no tax whatever it is: those who learned without one go on
            as ever when one comes.
    """

    traders: Annotated[int, Ge(2)] = 20
    capacity: Annotated[int, Ge(0)] = 12
    periods: Annotated[int, Ge(2), "the deviation of a single attendance is not defined"] = 100
    information_cost: Annotated[float, Ge(0)] = 0.0
    memory: bool = True
    tax_visible: bool = True

    name: ClassVar[str] = "market_entry"
    state_type: ClassVar[type[State]] = MarketEntryState
    differentiable: ClassVar[bool] = False  # a trader's action is a choice between two
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"information_cost": 0.05},
        {"traders": 3, "capacity": 0, "periods": 7},
        {"memory": False},
        {"tax_visible": False},
    )
    small: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "": {"traders": 5, "capacity": 3, "information_cost": 0.1}
    }

    def __post_init__(self) -> None:
        """Refuse a market with room for more than there are."""
        super().__post_init__()
        if self.capacity > self.traders:
            raise PacesetterError(
                f"capacity must lie between 0 and the {self.traders} traders, got {self.capacity}; "
                f"choose one of 0 to {self.traders}, or change traders."
            )

    @cached_property
    def attendance_unit(self) -> float:
        """Standard deviation of attendance when all traders toss coins, √N / 2."""
        return float(np.sqrt(self.traders) / 2)

    @cached_property
    def reward_unit(self) -> float:
        """Utility per unit of reward, v √N / 2."""
        return ENTRY_STRENGTH * self.attendance_unit

    @cached_property
    def characteristics(self) -> Characteristics:
        """θ = τ; there is none by default."""
        unit = "share of the utility"
        text = "τ, on changes of position"
        return Characteristics([Characteristic("tobin_tax", 0.0, HIGHEST_TAX, 0.0, unit, text)])

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """One type of trader, which sees τ."""
        high = np.array([np.inf, np.inf, 1.0, 1.0], dtype=np.float32)
        return (
            Group(
                name=TRADER,
                size=self.traders,
                observation_space=Box(-high, high, dtype=np.float32),
                action_space=Discrete(2),
                view=("tobin_tax",),
                information_cost=self.information_cost > 0,
            ),
        )

    @property
    def steps_per_episode(self) -> int:
        """Periods; the market goes on beyond them, so the last step truncates."""
        return self.periods

    @cached_property
    def leader_observation_space(self) -> Box:
        """Running deviation of attendance and τ."""
        return Box(np.array([0.0, -1.0], np.float32), np.array([np.inf, 1.0], np.float32))

    @property
    def quantities(self) -> dict[str, str]:
        """Path quantities."""
        return {
            "attendance": "traders in the market, D",
            "volatility_rise": "by how much the standard deviation of this episode's attendance "
            "(divisor t − 1) has risen; sums to that of the whole episode",
            "position_changes": "share of the traders who changed position, the first move left "
            "out",
            "utility": "mean over traders after tax, β = 1",
            "tobin_tax": "τ in force, share of the utility",
            "tax_paid": "mean over traders, in units of utility",
        }

    def initial(self, theta: Array, shocks: Shocks) -> dict[str, Array]:
        """Everybody is out, and nothing has been."""
        xp = namespace(theta)
        nothing = xp.zeros_like(theta[:, 0])
        return {
            "positions": xp.repeat(xp.zeros_like(theta), self.traders, axis=1),
            "attendance_sum": nothing,
            "attendance_square_sum": nothing,
            "last_attendance": nothing,
        }

    def transition(self, state: MarketEntryState, actions: Actions, shocks: Shocks) -> Step:
        """Who enters pays for crowding (eq. 13), and who changes position pays the tax."""
        xp = namespace(state.theta)
        tau, beta, v = state.theta, OUTSIDE_UTILITY, ENTRY_STRENGTH  # (B, 1)
        entered = xp.astype(actions[TRADER], state.theta.dtype)  # (B, N)
        D = row_sum(xp, entered)
        utility = beta + (v * (self.capacity - D))[:, None] * entered
        begun = xp.astype(state.clock > 0, state.theta.dtype)[:, None]
        changed_position = xp.abs(entered - state.positions) * begun
        tax = tau * xp.abs(utility) * changed_position
        after = MarketEntryState(
            theta=state.theta,
            clock=state.clock,
            step_stream=state.step_stream,
            reset_stream=state.reset_stream,
            positions=entered,
            attendance_sum=state.attendance_sum + D,
            attendance_square_sum=state.attendance_square_sum + D * D,
            last_attendance=D,
        )
        deviation_after = running_deviation(xp, after, state.clock + 1)
        quantities = {
            "attendance": D,
            "volatility_rise": deviation_after - running_deviation(xp, state, state.clock),
            "position_changes": row_mean(xp, changed_position),
            "utility": row_mean(xp, utility - tax),
            "tobin_tax": state.theta[:, 0],
            "tax_paid": row_mean(xp, tax),
        }
        return self.end_step(after, {TRADER: (utility - tax) / self.reward_unit}, quantities)

    def observe(self, state: MarketEntryState) -> dict[str, Array]:
        """Attendance, the own position and τ, ``(B, N, 4)``; zeros for a past that is hidden."""
        xp = namespace(state.theta)
        shared = xp.zeros_like(state.positions)
        past = at_least(xp, xp.astype(state.clock, state.theta.dtype), 1.0)
        columns = [
            self._scaled(state.last_attendance)[:, None] + shared,
            self._scaled(state.attendance_sum / past)[:, None] + shared,
            2.0 * state.positions - 1.0,
            (2.0 / HIGHEST_TAX) * state.theta - 1.0 + shared,
        ]
        if not self.memory:
            columns[:3] = [shared, shared, shared]
        if not self.tax_visible:
            columns[3] = shared - 1.0
        return {TRADER: xp.astype(xp.stack(columns, axis=-1), xp.float32)}

    def _scaled(self, attendance: Array) -> Array:
        return (attendance - self.capacity) / self.attendance_unit

    def leader_observe(self, state: MarketEntryState) -> Array:
        """Running deviation of attendance and τ, ``(B, 2)``."""
        xp = namespace(state.theta)
        deviation = running_deviation(xp, state, state.clock) / self.attendance_unit
        seen = xp.stack([deviation, (2.0 / HIGHEST_TAX) * state.theta[:, 0] - 1.0], axis=-1)
        return xp.astype(seen, xp.float32)

    def information_costs(self, state: MarketEntryState) -> dict[str, Array]:
        """λ in units of reward, the same for all, ``(B, N)``."""
        if not self.information_cost:
            return {}
        xp = namespace(state.theta)
        cost = self.information_cost / self.reward_unit
        return {TRADER: xp.zeros_like(state.positions) + cost}

    def best_response_value(
        self, state: MarketEntryState, followers: Followers
    ) -> dict[str, BestResponse]:
        """Of a trader that knows everybody's chance of entering, from the law of the crowd.

        Exact where nobody pays a tax and all enter by one chance, which `memory` off makes so.
        """
        chances = followers.probabilities(TRADER, state)  # (B, N, 2)
        tax = state.theta * (state.clock > 0)[:, None]
        values = entry_utilities(self, chances[..., 1], state.positions, tax) / self.reward_unit
        cost = np.full(state.positions.shape, self.information_cost / self.reward_unit)
        best, own = priced(values, chances, cost)
        exact = not self.memory and not state.theta.any()
        return {TRADER: BestResponse(best, own, exact)}

    def benchmark(self) -> dict[str, float]:
        """Attendance of the pure equilibria, and the equilibrium in which all enter by chance.

        Pure: D ∈ {C − 1, C}, deviation 0. Symmetric mixed: ``p = (C − 1) / (N − 1)``, deviation
        ``√(N p (1 − p))``. With a price of information the symmetric equilibrium is the logit one,
        untaxed.
        """
        N, C = self.traders, self.capacity
        p = min(max((C - 1) / (N - 1), 0.0), 1.0)
        figures = {
            "lowest_equilibrium_attendance": float(max(C - 1, 0)),
            "highest_equilibrium_attendance": float(C),
            "mixed_entry_probability": p,
            "mixed_attendance_deviation": float(np.sqrt(N * p * (1 - p))),
        }
        if self.information_cost:
            q = symmetric_entry(self, 0.0)
            figures["logit_entry_probability"] = q
            figures["logit_attendance_deviation"] = float(np.sqrt(N * q * (1 - q)))
        return figures


def running_deviation(xp: Any, state: MarketEntryState, clock: Array) -> Array:
    """Standard deviation of the attendances so far (divisor t − 1, eq. 14), ``(B,)``; 0 for one.

    Attendances are whole numbers and their sums exact, so that a constant one has deviation 0.
    """
    t = xp.astype(clock, state.attendance_sum.dtype)
    spread = t * state.attendance_square_sum - state.attendance_sum * state.attendance_sum
    return xp.sqrt(spread / at_least(xp, t * (t - 1.0), 1.0))
