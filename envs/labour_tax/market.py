"""Static labour-tax game: a leader sets how progressive an income tax is, households set hours.

N households of productivity ``ln e_i ~ N(−v / 2, v)``, so that E[e] = 1, choose hours h_i once. A
household earns y_i = e_i h_i, keeps c_i, and enjoys u_i:

    c_i = λ y_i^(1 − ξ)                     (1)   Σ_i c_i = Σ_i y_i                (2)
    u_i = ln c_i − h_i^(1 + ζ) / (1 + ζ)    (3)

The leader sets the progressivity ξ; the level λ follows from the balanced budget (2), so that the
tax only redistributes. The schedule is that of Bénabou (Econometrica 2002) and of Heathcote,
Storesletten and Violante (Quarterly Journal of Economics 2017), without government purchases: at
ξ = 0 everybody keeps what it earns, and ξ → 1 makes everybody's consumption equal.

| what | entries |
|---|---|
| household's observation | own productivity (ln e_i + v / 2) / √v; view of ξ, from −1 to 1 |
| household's action | hours, [0.01, 2] (Box); 1 is what everybody works untaxed |
| leader's observation | a constant: nothing precedes its move |
| household's reward | u_i |

The view of ξ is 2 ln(1 − ξ) / ln 0.05 − 1, on which hours change evenly.

*Many households.* One of them hardly moves λ. With λ given, the best answer to (1) and (3) is

    h = (1 − ξ)^(1 / (1 + ζ)), whatever e_i,                                       (4)

and mean utility, with x = 1 − ξ and integrating over e, is

    W(ξ) = (ln x − x) / (1 + ζ) − v x² / 2.                                        (5)

It is largest where v (1 + ζ) x² + x = 1. Differences of W are log points of consumption: a gain of
G is worth as much as e^G − 1 more consumption for everybody.

*Few households.* One of N moves λ by O(1 / N): see `equilibrium`, where the mean of
h^(1 + ζ) is found to be 1 − ξ + ξ / N. Hours therefore exceed (4), most where ξ is high.

*Hours* have a floor of 0.01 because ln c has none; it binds no answer, as (4) is at least 0.05 for
every ξ ≤ 0.95. Nor does the ceiling of 2: no answer exceeds it, however few households there are.

Version history: v1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Le
from gymnasium.spaces import Box

from ..core.arrays import Array, namespace
from ..core.characteristics import Characteristic, Characteristics
from ..core.deviations.best_response import BestResponse, Followers
from ..core.group import Group
from ..core.market import Actions, Market, Shocks
from ..core.random_streams import Shock
from ..core.state import State
from ..core.step import Step
from .deviation import best_hours

HOUSEHOLD = "household"
LEAST_HOURS, MOST_HOURS = 0.01, 2.0
MOST_PROGRESSIVITY = 0.95  # at 1 nobody would work at all
REFERENCE_PROGRESSIVITY = 0.5
LEAST_LOG_KEPT = float(np.log(1.0 - MOST_PROGRESSIVITY))
MOST_VARIANCE = 4.0  # beyond, mean income is that of a handful of households, whatever N
MOST_INVERSE_ELASTICITY = 10.0
DRAWS = 8  # of all hours, for a best response to them


@dataclass(frozen=True)
class LabourTaxState(State):
    """Who the households of this episode are.

    Attributes:
        productivity_scores: standard scores of ln e_i, ``(B, N)``.
    """

    productivity_scores: Array


@dataclass(frozen=True)
class LabourTax(Market):
    """One progressive tax, N households who choose their hours.

    Attributes:
        households: their number, N.
        productivity_variance: v, of the logarithm of productivity; up to 4.
        inverse_frisch_elasticity: ζ, how steeply the burden of work rises with hours; up to 10.
    """

    households: Annotated[int, Ge(2), "the tax returns to a lone household whatever it pays"] = 100
    productivity_variance: Annotated[float, Gt(0), Le(MOST_VARIANCE)] = 0.5
    inverse_frisch_elasticity: Annotated[float, Gt(0), Le(MOST_INVERSE_ELASTICITY)] = 2.0

    name: ClassVar[str] = "labour_tax"
    state_type: ClassVar[type[State]] = LabourTaxState
    differentiable: ClassVar[bool] = True
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {},
        {"households": 2, "productivity_variance": 1.0, "inverse_frisch_elasticity": 1.0},
    )
    small: ClassVar[Mapping[str, Mapping[str, Any]]] = {"": {"households": 3}}

    @cached_property
    def characteristics(self) -> Characteristics:
        """θ = ξ; no tax by default."""
        unit = "elasticity of kept to earned income, below 1"
        entry = Characteristic("tax_progressivity", 0.0, MOST_PROGRESSIVITY, 0.0, unit, "ξ")
        return Characteristics([entry])

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """One type of household, which knows its own productivity and ξ."""
        low = np.array([-np.inf, -1.0], dtype=np.float32)
        return (
            Group(
                name=HOUSEHOLD,
                size=self.households,
                observation_space=Box(low, -low, dtype=np.float32),
                action_space=Box(np.float32(LEAST_HOURS), np.float32(MOST_HOURS), (1,), np.float32),
                view=("tax_progressivity",),
            ),
        )

    @property
    def steps_per_episode(self) -> int:
        """A one-shot game."""
        return 1

    @property
    def ends_at_horizon(self) -> bool:
        """Nothing follows the one year."""
        return True

    @cached_property
    def leader_observation_space(self) -> Box:
        """Nothing precedes the leader's move: a constant."""
        return Box(-1.0, 1.0, (1,), np.float32)

    @property
    def quantities(self) -> dict[str, str]:
        """Path quantities."""
        return {
            "hours": "h_i of each household, untaxed hours",
            "income": "y_i = e_i h_i of each household before tax, mean untaxed income",
            "consumption": "c_i of each household, mean untaxed income",
            "tax_level": "λ, what a household of income 1 keeps",
            "tax_revenue": "mean of y_i − c_i, mean untaxed income; zero up to rounding",
            "welfare": "mean utility, log points of consumption",
            "welfare_gain": "mean utility above the same households' under the reference tax, "
            "ξ = 0.5, log points of consumption",
        }

    @property
    def reset_shocks(self) -> dict[str, Shock]:
        """Each household's place in the distribution of productivity."""
        return {"productivity_scores": Shock("normal", (self.households,))}

    def initial(self, theta: Array, shocks: Shocks) -> dict[str, Array]:
        """Households are drawn anew for every episode."""
        return {"productivity_scores": shocks["productivity_scores"]}

    def transition(self, state: LabourTaxState, actions: Actions, shocks: Shocks) -> Step:
        """Hours make incomes, incomes make the level of the tax, both make utilities."""
        xp = namespace(state.theta)
        x = 1.0 - state.theta  # (B, 1)
        h = xp.astype(actions[HOUSEHOLD][:, :, 0], state.theta.dtype)  # (B, N)
        log_e = self.log_productivity(state.productivity_scores)
        log_y = log_e + xp.log(h)
        income, kept = xp.exp(log_y), xp.exp(x * log_y)
        level = xp.mean(income, axis=1) / xp.mean(kept, axis=1)  # λ, by (1) and (2)
        consumption = level[:, None] * kept
        utility = xp.log(level)[:, None] + x * log_y - self.burden(h)  # (3)
        welfare = xp.mean(utility, axis=1)
        quantities = {
            "hours": h,
            "income": income,
            "consumption": consumption,
            "tax_level": level,
            "tax_revenue": xp.mean(income - consumption, axis=1),
            "welfare": welfare,
            "welfare_gain": welfare - self.reference_welfare(log_e),
        }
        return self.end_step(state, {HOUSEHOLD: utility}, quantities)

    def log_productivity(self, scores: Array) -> Array:
        """ln e, with mean −v / 2 and variance v, of standard scores of any shape."""
        return self.productivity_variance**0.5 * scores - self.productivity_variance / 2

    def burden(self, hours: Array) -> Array:
        """Utility lost by work, h^(1 + ζ) / (1 + ζ), of hours of any shape."""
        power = 1.0 + self.inverse_frisch_elasticity
        return hours**power / power

    def reference_welfare(self, log_productivity: Array) -> Array:
        """Mean utility, ``(B,)``, of households ``(B, N)`` under ξ = 0.5, all working hours (4).

        It depends on who was drawn alone. Less it, the welfare of two taxes is compared as if they
        met the same households: most of the luck of the draw cancels.
        """
        xp = namespace(log_productivity)
        x, h = 1.0 - REFERENCE_PROGRESSIVITY, self.hours(REFERENCE_PROGRESSIVITY)
        log_y = log_productivity + np.log(h)
        level = xp.mean(xp.exp(log_y), axis=1) / xp.mean(xp.exp(x * log_y), axis=1)
        return xp.log(level) + x * xp.mean(log_y, axis=1) - self.burden(h)

    def observe(self, state: LabourTaxState) -> dict[str, Array]:
        """Own productivity and ξ, ``(B, N, 2)``."""
        xp = namespace(state.theta)
        # Hours are a power of 1 − ξ; over ξ itself they would fall off a cliff at its upper end.
        view = 2.0 * xp.log(1.0 - state.theta) / LEAST_LOG_KEPT - 1.0
        columns = [state.productivity_scores, view + xp.zeros_like(state.productivity_scores)]
        return {HOUSEHOLD: xp.astype(xp.stack(columns, axis=-1), xp.float32)}

    def leader_observe(self, state: LabourTaxState) -> Array:
        """A constant, ``(B, 1)``."""
        xp = namespace(state.theta)
        return xp.zeros_like(xp.astype(state.theta, xp.float32))

    def benchmark(self) -> dict[str, float]:
        """Closed forms for many households.

        ``ξ* = 1 − (√(1 + 4 v (1 + ζ)) − 1) / (2 v (1 + ζ))``; hours and welfare by (4) and (5); the
        gain is over no tax, in percent of everybody's consumption.
        """
        a = self.productivity_variance * (1.0 + self.inverse_frisch_elasticity)
        optimum = 1.0 - ((1.0 + 4.0 * a) ** 0.5 - 1.0) / (2.0 * a)
        return {
            "optimal_tax_progressivity": optimum,
            "optimal_hours": float(self.hours(optimum)),
            "optimal_welfare": float(self.welfare(optimum)),
            "untaxed_welfare": float(self.welfare(0.0)),
            "consumption_gain_percent": float(self.consumption_gain_percent(optimum)),
        }

    def hours(self, tax_progressivity: Array | float) -> Array:
        """Every household's hours if there are many, (4), at any shape of ξ."""
        return (1.0 - tax_progressivity) ** (1.0 / (1.0 + self.inverse_frisch_elasticity))

    def welfare(self, tax_progressivity: Array | float) -> Array:
        """Mean utility if there are many households, (5), at any shape of ξ (NumPy)."""
        x = 1.0 - np.asarray(tax_progressivity)
        burden = (np.log(x) - x) / (1.0 + self.inverse_frisch_elasticity)
        return burden - self.productivity_variance * x**2 / 2

    def consumption_gain_percent(self, tax_progressivity: Array | float) -> Array:
        """Consumption that everybody would have to be given untaxed to be as well off, percent."""
        return 100.0 * np.expm1(self.welfare(tax_progressivity) - self.welfare(0.0))

    def best_response_value(
        self, state: LabourTaxState, followers: Followers
    ) -> dict[str, BestResponse]:
        """Of a household that knows the others' productivity; see `deviation`."""
        drawn = followers.draws(state, DRAWS)[HOUSEHOLD][..., 0].astype(np.float64)
        best, own = best_hours(
            self.log_productivity(state.productivity_scores),
            drawn,
            1.0 - state.theta,
            self.burden,
            (LEAST_HOURS, MOST_HOURS),
        )
        return {HOUSEHOLD: BestResponse(best, own, False)}
