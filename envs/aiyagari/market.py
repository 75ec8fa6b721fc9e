"""Households that save against bad years, at a constant interest rate (Aiyagari 1994, QJE).

N households earn w e, with e from a Markov chain that nobody can insure, and save at a net interest
rate r; nobody can borrow. There is no aggregate shock: prices stand for the whole episode.

    m = (1 + r) a + w e,   a' = p m,   c = (1 − p) m                               (1)
    u = (c^(1 − μ) − 1) / (1 − μ),   ln c at μ = 1                                 (2)

Firms pay capital and labour what they are worth at constant returns, so that r says everything:

    K / L = (α / (r + δ))^(1 / (1 − α)),   w = (1 − α) (K / L)^α,   L = E[e] = 1   (3)

The leader is the market itself: it sets r, and has found the equilibrium where households hold
just the capital that firms employ at it. As an objective take the quantity ``clearing``, which is
largest there. Households that know every r are the supply curve of capital; `equilibrium` computes
both.

| what | entries |
|---|---|
| household's observation | ln(1 + a) / 2 − 1, ln m, ln e / σ / 2; view of r, from −1 to 1 |
| household's action | saving share p, [−0.3, 0.99] (Box); who asks for less than none saves none |
| leader's observation | ln(1 + mean wealth) − 1 |
| household's reward | u |

Households begin with wealth from a Pareto law, whose mean is what firms employ at r = 0.04: many
have next to nothing, where the best rule bends at the borrowing limit, and a few have what hardly
anybody keeps. Without these a rule is learned that may keep the rich rich for ever. α = 0.36 and
δ = 0.08 are Aiyagari's, as are the defaults of ρ, σ and μ, among others in his Table II.

Version history: v1; v2: shares may be asked for below 0, so that an output of a policy need not be
infinite for nothing to be saved; initial wealth has a thick tail, and was exponential.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Le, Lt
from gymnasium.spaces import Box

from ..core.arrays import Array, at_least, convert, namespace
from ..core.characteristics import Characteristic, Characteristics
from ..core.errors import PacesetterError
from ..core.group import Group
from ..core.market import Actions, Market, Shocks
from ..core.random_streams import Shock
from ..core.state import State, changed
from ..core.step import Step
from .earnings import SCORES, Earnings
from .firms import CAPITAL_SHARE, DEPRECIATION, intensity, wage

HOUSEHOLD, RATE = "household", "interest_rate"
LEAST_SHARE, LARGEST_SHARE, LEAST_CONSUMPTION = -0.3, 0.99, 1e-6
TAIL = 1.5  # exponent of initial wealth's law, as of the United States' (Vermeulen 2018)
USUAL_RATE = 0.04


@dataclass(frozen=True)
class AiyagariState(State):
    """What households own and earn.

    Attributes:
        wealth: a, ``(B, N)``.
        earnings: state of each household's earnings, an index, ``(B, N)``.
    """

    wealth: Array
    earnings: Array


@dataclass(frozen=True)
class Aiyagari(Market):
    """A stationary economy with incomplete markets and idiosyncratic shocks.

    Attributes:
        households: number of households, N.
        periods: years of an episode; the economy goes on beyond the last one.
        risk_aversion: μ, relative.
        persistence: ρ, of ln e.
        earnings_deviation: σ, stationary standard deviation of ln e.
        discount_factor: β, of the computed equilibrium; households who learn must have the same.
        lowest_rate: lower bound of r; the upper one is just below 1 / β − 1, where nobody would
            ever stop saving.
    """

    households: Annotated[int, Ge(2)] = 100
    periods: Annotated[int, Ge(1)] = 50
    risk_aversion: Annotated[float, Gt(0), Le(10)] = 1.0
    persistence: Annotated[float, Ge(0), Lt(1)] = 0.6
    earnings_deviation: Annotated[float, Gt(0), Le(1)] = 0.2
    discount_factor: Annotated[float, Gt(0), Lt(1)] = 0.96
    lowest_rate: Annotated[float, Gt(-DEPRECIATION), "capital is worth less than it wears off"] = (
        0.035
    )

    name: ClassVar[str] = "aiyagari"
    state_type: ClassVar[type[State]] = AiyagariState
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"households": 12},
        {"households": 3, "risk_aversion": 3.0, "persistence": 0.9, "lowest_rate": 0.0},
    )
    small: ClassVar[Mapping[str, Mapping[str, Any]]] = {"": {"households": 4, "periods": 10}}

    def __post_init__(self) -> None:
        """Refuse bounds of r that leave nothing between them."""
        super().__post_init__()
        if self.lowest_rate >= self.highest_rate:
            raise PacesetterError(
                f"lowest_rate {self.lowest_rate:g} must be below 1 / discount_factor − 1 = "
                f"{1.0 / self.discount_factor - 1.0:.4g}, at which nobody would ever stop saving."
            )

    @cached_property
    def chain(self) -> Earnings:
        """The chain of earnings."""
        return Earnings.of(self.persistence, self.earnings_deviation)

    @property
    def highest_rate(self) -> float:
        """Upper bound of r."""
        return 1.0 / self.discount_factor - 1.0 - 1e-4

    @cached_property
    def characteristics(self) -> Characteristics:
        """θ = r."""
        high = self.highest_rate
        default = min(max(USUAL_RATE, self.lowest_rate), high)
        return Characteristics(
            [Characteristic(RATE, self.lowest_rate, high, default, "net, a year", "r")]
        )

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """One type of household, who sees r."""
        return (
            Group(
                name=HOUSEHOLD,
                size=self.households,
                observation_space=Box(-np.inf, np.inf, (4,), np.float32),
                action_space=Box(
                    np.float32(LEAST_SHARE), np.float32(LARGEST_SHARE), (1,), np.float32
                ),
                view=(RATE,),
            ),
        )

    @property
    def steps_per_episode(self) -> int:
        """Years of an episode."""
        return self.periods

    @property
    def ends_at_horizon(self) -> bool:
        """It goes on beyond the last year."""
        return False

    @cached_property
    def leader_observation_space(self) -> Box:
        """Mean wealth."""
        return Box(-np.inf, np.inf, (1,), np.float32)

    @property
    def quantities(self) -> dict[str, str]:
        """Path quantities; a unit is a year's mean earnings over w."""
        return {
            "wealth": "next year's wealth a' of every household",
            "consumption": "mean consumption",
            "saving_share": "mean share of resources saved, p",
            "welfare": "mean utility of the year",
            "excess_capital": "mean wealth a' over what firms employ at r, less 1",
            "clearing": "−(ln of mean wealth over what firms employ)², largest in equilibrium: 0",
        }

    @property
    def step_shocks(self) -> dict[str, Shock]:
        """Who earns what next year."""
        return {"earnings": Shock("uniform", (self.households,))}

    @property
    def reset_shocks(self) -> dict[str, Shock]:
        """Each household's place in the distribution of wealth, and its first earnings."""
        return {"wealth": Shock("uniform", (self.households,)), **self.step_shocks}

    def initial(self, theta: Array, shocks: Shocks) -> dict[str, Array]:
        """Wealth from a Pareto law that begins at 0 (Lomax), earnings from their stationary one."""
        xp = namespace(theta)
        shares = convert(np.cumsum(self.chain.shares)[:-1], shocks["earnings"])
        scale = (TAIL - 1.0) * intensity(USUAL_RATE)
        return {
            "wealth": scale * ((1.0 - shocks["wealth"]) ** (-1.0 / TAIL) - 1.0),
            "earnings": _above(xp, shocks["earnings"], shares[None, None, :]),
        }

    def resources(self, state: AiyagariState) -> Array:
        """m, by (1), ``(B, N)``."""
        xp = namespace(state.theta)
        e = self._looked_up(xp, self.chain.values, state)
        return (1.0 + state.theta) * state.wealth + wage(state.theta) * e

    def transition(self, state: AiyagariState, actions: Actions, shocks: Shocks) -> Step:
        """Households consume and save; then next year's earnings are drawn."""
        xp = namespace(state.theta)
        asked = xp.astype(actions[HOUSEHOLD][:, :, 0], state.theta.dtype)  # (B, N)
        p = at_least(xp, asked, 0.0)
        m = self.resources(state)
        wealth = p * m
        c = m - wealth
        utility = self.utility(xp, at_least(xp, c, LEAST_CONSUMPTION))
        thresholds = self._looked_up(xp, self.chain.thresholds, state)  # (B, N, 6)
        after = changed(state, wealth=wealth, earnings=_above(xp, shocks["earnings"], thresholds))
        supplied = xp.mean(wealth, axis=1) / intensity(state.theta[:, 0])
        quantities = {
            "wealth": wealth,
            "consumption": xp.mean(c, axis=1),
            "saving_share": xp.mean(p, axis=1),
            "welfare": xp.mean(utility, axis=1),
            "excess_capital": supplied - 1.0,
            "clearing": -(xp.log(at_least(xp, supplied, LEAST_CONSUMPTION)) ** 2),
        }
        return self.end_step(after, {HOUSEHOLD: utility}, quantities)

    def utility(self, xp: Any, consumption: Array) -> Array:
        """u, by (2), of any shape."""
        if self.risk_aversion == 1.0:
            return xp.log(consumption)
        power = 1.0 - self.risk_aversion
        return (consumption**power - 1.0) / power

    def observe(self, state: AiyagariState) -> dict[str, Array]:
        """Own wealth, resources and earnings, and r, ``(B, N, 4)``."""
        xp = namespace(state.theta)
        columns = [
            0.5 * xp.log1p(state.wealth) - 1.0,
            xp.log(self.resources(state)),
            0.5 * self._looked_up(xp, SCORES, state),
            self.rate_seen(state.theta) + xp.zeros_like(state.wealth),
        ]
        return {HOUSEHOLD: xp.astype(xp.stack(columns, axis=-1), xp.float32)}

    def rate_seen(self, rate: Any) -> Any:
        """r as a share of its bounds, from −1 to 1, of any shape."""
        low, high = self.lowest_rate, self.highest_rate
        return 2.0 * (rate - low) / (high - low) - 1.0

    def leader_observe(self, state: AiyagariState) -> Array:
        """``(B, 1)``."""
        xp = namespace(state.theta)
        mean = xp.mean(state.wealth, axis=1)[:, None]
        return xp.astype(xp.log1p(mean) - 1.0, xp.float32)

    def benchmark(self) -> dict[str, float]:
        """The equilibrium by the endogenous grid method; see `equilibrium`."""
        from .equilibrium import equilibrium

        found = equilibrium(self)
        return {
            RATE: found.rate,
            "interest_rate_percent": 100.0 * found.rate,
            "capital": found.capital,
            "saving_rate_percent": 100.0 * DEPRECIATION * found.capital ** (1.0 - CAPITAL_SHARE),
        }

    def _looked_up(self, xp: Any, table: Any, state: AiyagariState) -> Array:
        """Rows of a table over the states of earnings, for every household."""
        shape = state.earnings.shape
        flat = xp.astype(xp.reshape(state.earnings, (-1,)), xp.int64)
        rows = xp.take(convert(np.asarray(table), state.theta), flat, axis=0)
        return xp.reshape(rows, (*shape, *rows.shape[1:]))


def _above(xp: Any, drawn: Array, thresholds: Array) -> Array:
    """How many thresholds ``(…, k)`` a number ``(…)`` reaches: the state that is drawn."""
    reached = xp.astype(drawn[..., None] >= thresholds, drawn.dtype)
    return xp.sum(reached, axis=-1)
