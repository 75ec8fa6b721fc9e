"""Cobweb market with boundedly rational producers (Hommes et al. 2007; Evans & Ganesh 2024).

Producers forecast the next price; their forecasts set supply, supply sets the price:

    p_t = (a − Σ_j S(p̂_j,t)) / b + ε_t,    S(x) = tanh(ψ (x − x₀)) + 1,    ε_t ~ N(0, 0.5²)

(ADAGE, arXiv:2501.09429, eq. 8; six producers, a = 13.8, b = 1.5, x₀ = 6). The paper writes ``n``
in S both for the number of producers and for x₀; here the two have names of their own. A producer
is paid ``max(0, 1300 − 260 (p_t − p̂_i,t)²)`` (eq. 12), here in units of 1300, and pays
``λ_i KL(π(·|o) ‖ uniform)`` for information (eq. 10). The characteristics are the distribution of
λ_i (or the λ_i themselves); a producer sees its own λ_i alone.

| what | entries |
|---|---|
| producer's observation | mean past price, mean own past forecast, last price; view of λ_i |
| producer's action | one of 101 forecasts 0, 0.1, …, 10 (Discrete) |
| leader's observation | last forecast of every producer, last price |

Prices and forecasts are observed as (x − 5) / 5, λ as λ / (λ + 0.2).

Version history: v1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Le
from gymnasium.spaces import Box, Discrete

from ..core.arrays import Array, namespace
from ..core.characteristics import Characteristic, Characteristics
from ..core.deviations.best_response import BestResponse, Followers, priced
from ..core.errors import PacesetterError, unknown
from ..core.group import Group
from ..core.market import Actions, Market, Shocks
from ..core.random_streams import Shock
from ..core.state import State
from ..core.step import Step
from .deviation import expected_rewards
from .equilibrium import LogitEquilibrium
from .laws import (
    HIGHEST_FORECAST,
    NOISE_DEVIATION,
    SUPPLY_SLOPES,
    reward_of_error,
    supply,
    truncated_normal,
)

PRODUCER = "producer"
DRAWS = 256  # of all forecasts, for a best response to them
HALF_VIEW = 0.2  # the λ at which its view λ / (λ + HALF_VIEW) is one half


@dataclass(frozen=True)
class CobwebState(State):
    """The market's memory.

    Attributes:
        cost_quantiles: each producer's quantile in the distribution of λ, ``(B, N)``; λ itself
            follows from it and θ, so that a change of θ changes λ.
        price_sum: sum of this episode's prices, ``(B,)``.
        last_price: ``(B,)``.
        forecast_sum: sum of each producer's own forecasts, ``(B, N)``.
        last_forecasts: ``(B, N)``.
    """

    cost_quantiles: Array
    price_sum: Array
    last_price: Array
    forecast_sum: Array
    last_forecasts: Array


@dataclass(frozen=True)
class Cobweb(Market):
    """Producers who forecast a price that their forecasts make.

    Attributes:
        treatment: slope ψ of the supply curve: stable 0.22, unstable 0.5, strongly_unstable 2.
        parameterisation: what θ is: ``distribution``, the mean and deviation of λ_i ~ N(μ, σ)
            truncated at zero; ``common``, one λ for all; ``individual``, the λ_i, one entry each.
        producers: their number, N.
        supply_slope: ψ; None: the treatment's. Where both are given, this one holds.
        inflection_price: x₀, where supply is 1 and steepest.
        demand_intercept: a, demand at a price of zero; in the published market 2.3 per producer.
        demand_slope: b, fall of demand per unit of price.
        periods: steps of an episode.
        forecast_points: number of forecasts a producer can choose from, evenly over [0, 10].
        prior_exponent: random μ (or λ) is drawn as u ** prior_exponent, u uniform; the larger, the
            more followers train where information is cheap and behaviour changes most.
    """

    treatment: Literal["stable", "unstable", "strongly_unstable"] = "unstable"
    parameterisation: Literal["distribution", "common", "individual"] = "distribution"
    producers: Annotated[int, Ge(1), Le(1000)] = 6
    supply_slope: Annotated[float, Gt(0)] | None = None
    inflection_price: Annotated[float, Ge(0), Le(HIGHEST_FORECAST)] = 6.0
    demand_intercept: Annotated[float, Gt(0)] = 13.8
    demand_slope: Annotated[float, Gt(0)] = 1.5
    periods: Annotated[int, Ge(1)] = 50
    forecast_points: Annotated[int, Ge(2), Le(1001)] = 101
    prior_exponent: Annotated[float, Ge(1)] = 1.5

    name: ClassVar[str] = "cobweb"
    state_type: ClassVar[type[State]] = CobwebState
    differentiable: ClassVar[bool] = False  # a producer's action is a choice among forecasts
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"treatment": "stable"},
        {"treatment": "unstable"},
        {"treatment": "strongly_unstable"},
        {"parameterisation": "individual", "periods": 7, "forecast_points": 11},
        {"producers": 1, "parameterisation": "individual"},
        {"producers": 2, "parameterisation": "individual", "supply_slope": 1.0},
        {"producers": 12, "demand_intercept": 27.6, "demand_slope": 3.0, "inflection_price": 5.0},
    )

    def __post_init__(self) -> None:
        """Refuse a market whose price nobody could forecast."""
        super().__post_init__()
        lowest, highest = (self._excess_demand(x) for x in (0.0, HIGHEST_FORECAST))
        if not lowest > 0 > highest:
            where = "above" if highest >= 0 else "below"
            cure = "lower" if highest >= 0 else "raise"
            raise PacesetterError(
                f"market 'cobweb': the price that {self.producers} producers would foresee lies "
                f"{where} all forecasts, 0 to {HIGHEST_FORECAST:g}; {cure} demand_intercept "
                f"({self.demand_intercept:g}), or change producers, demand_slope or "
                "inflection_price. The published market has 2.3 of demand_intercept and 0.25 of "
                "demand_slope for each producer."
            )

    @property
    def slope(self) -> float:
        """ψ in force."""
        return SUPPLY_SLOPES[self.treatment] if self.supply_slope is None else self.supply_slope

    def supply(self, xp: Any, forecast: Array) -> Array:
        """S of forecasts of any shape, units of the good."""
        return supply(xp, forecast, self.slope, self.inflection_price)

    def _excess_demand(self, price: float) -> float:
        """Demand less supply at a price that all producers foresee."""
        total = self.producers * float(self.supply(np, np.float64(price)))
        return self.demand_intercept - total - self.demand_slope * price

    @cached_property
    def forecasts(self) -> Any:
        """The forecasts a producer can choose from, ``(forecast_points,)``."""
        return np.linspace(0.0, HIGHEST_FORECAST, self.forecast_points)

    @cached_property
    def characteristics(self) -> Characteristics:
        """θ = (μ, σ), λ or (λ_1, …, λ_N), in units of reward / 1300 per nat."""
        unit = "reward/1300 per nat"
        if self.parameterisation == "common":
            entry = Characteristic("information_cost", 0.0, 1.0, 0.25, unit, "λ of every producer")
            return Characteristics([entry], prior=lambda unit: unit**self.prior_exponent)
        if self.parameterisation == "individual":
            names = [f"information_cost_{i}" for i in range(self.producers)]
            return Characteristics(
                [Characteristic(n, 0.0, 1.0, 0.25, unit, "λ of one producer") for n in names],
                prior=self._individual_prior,
            )
        return Characteristics(
            [
                Characteristic("mean_information_cost", 0.0, 1.0, 0.25, unit, "μ"),
                Characteristic("deviation_information_cost", 0.0, 0.5, 0.0, unit, "σ"),
            ],
            prior=self._distribution_prior,
        )

    def _distribution_prior(self, unit: Any) -> Any:
        """μ is denser where it is small, where behaviour changes most."""
        return np.stack([unit[:, 0] ** self.prior_exponent, _mostly_alike(unit[:, 1])], axis=1)

    def _individual_prior(self, unit: Any) -> Any:
        """λ around a common level, as producers of one market tend to be alike."""
        if self.producers == 1:
            return unit**self.prior_exponent
        if self.producers == 2:  # how far apart they are, and to which side, in one number
            side = 2.0 * unit[:, 1:] - 1.0
            around = np.hstack([0.0 * side, np.sign(side) * _mostly_alike(np.abs(side))])
        else:
            spread = _mostly_alike(unit[:, 1:2])
            around = spread * (2.0 * np.roll(unit, -2, axis=1) - 1.0)
        return np.clip(unit[:, :1] ** self.prior_exponent + around, 0.0, 1.0)

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Producers, who see their own λ alone."""
        low = np.array([-np.inf, -1.0, -np.inf, 0.0], dtype=np.float32)
        high = np.array([np.inf, 1.0, np.inf, 1.0], dtype=np.float32)
        return (
            Group(
                name=PRODUCER,
                size=self.producers,
                observation_space=Box(low, high, dtype=np.float32),
                action_space=Discrete(self.forecast_points),
                view=("information_cost",),
                information_cost=True,
                ordered=True,
            ),
        )

    @property
    def steps_per_episode(self) -> int:
        """Periods; the market goes on beyond them, so the last step truncates."""
        return self.periods

    @cached_property
    def leader_observation_space(self) -> Box:
        """Last forecasts and last price."""
        return Box(-np.inf, np.inf, (self.producers + 1,), np.float32)

    @property
    def quantities(self) -> dict[str, str]:
        """Path quantities."""
        return {
            "price": "market price p_t",
            "forecast": "each producer's forecast of it",
            "squared_forecast_error": "mean over producers of (p_t − p̂_i,t)²",
        }

    @property
    def step_shocks(self) -> dict[str, Shock]:
        """Noise of demand."""
        return {"demand": Shock("normal")}

    @property
    def reset_shocks(self) -> dict[str, Shock]:
        """Each producer's place in the distribution of λ."""
        return {"cost_quantiles": Shock("uniform", (self.producers,))}

    def initial(self, theta: Array, shocks: Shocks) -> dict[str, Array]:
        """An episode starts without a past."""
        quantiles = shocks["cost_quantiles"]
        xp = namespace(theta)
        return {
            "cost_quantiles": quantiles,
            "price_sum": xp.zeros_like(quantiles[:, 0]),
            "last_price": xp.zeros_like(quantiles[:, 0]) + HIGHEST_FORECAST / 2,
            "forecast_sum": xp.zeros_like(quantiles),
            "last_forecasts": xp.zeros_like(quantiles) + HIGHEST_FORECAST / 2,
        }

    def transition(self, state: CobwebState, actions: Actions, shocks: Shocks) -> Step:
        """Forecasts make supply, supply makes the price (eq. 8), the price pays the forecasts."""
        xp = namespace(state.theta)
        chosen = xp.astype(actions[PRODUCER], state.theta.dtype)  # (B, N) indices
        forecasts = chosen * (HIGHEST_FORECAST / (self.forecast_points - 1))
        total_supply = xp.sum(self.supply(xp, forecasts), axis=1)
        price = (self.demand_intercept - total_supply) / self.demand_slope
        price = price + NOISE_DEVIATION * shocks["demand"]
        error = price[:, None] - forecasts
        after = CobwebState(
            theta=state.theta,
            clock=state.clock,
            step_stream=state.step_stream,
            reset_stream=state.reset_stream,
            cost_quantiles=state.cost_quantiles,
            price_sum=state.price_sum + price,
            last_price=price,
            forecast_sum=state.forecast_sum + forecasts,
            last_forecasts=forecasts,
        )
        quantities = {
            "price": price,
            "forecast": forecasts,
            "squared_forecast_error": xp.mean(error * error, axis=1),
        }
        return self.end_step(after, {PRODUCER: reward_of_error(xp, error)}, quantities)

    def observe(self, state: CobwebState) -> dict[str, Array]:
        """Past means, last price and the own λ, ``(B, N, 4)``."""
        xp = namespace(state.theta)
        half = HIGHEST_FORECAST / 2
        # Before the first price there is nothing to average: the middle of the range stands in.
        past = xp.astype(state.clock, state.theta.dtype)
        begun = xp.minimum(past, xp.ones_like(past))
        periods = past + 1.0 - begun
        cost = self.information_costs(state)[PRODUCER]
        shared = xp.zeros_like(cost)
        columns = [
            ((state.price_sum / periods / half - 1.0) * begun)[:, None] + shared,
            (state.forecast_sum / periods[:, None] / half - 1.0) * begun[:, None],
            (state.last_price / half - 1.0)[:, None] + shared,
            cost / (cost + HALF_VIEW),
        ]
        return {PRODUCER: xp.astype(xp.stack(columns, axis=-1), xp.float32)}

    def leader_observe(self, state: CobwebState) -> Array:
        """Last forecasts and last price, ``(B, N + 1)``."""
        xp = namespace(state.theta)
        seen = xp.concat([state.last_forecasts, state.last_price[:, None]], axis=1)
        return xp.astype(seen / (HIGHEST_FORECAST / 2) - 1.0, xp.float32)

    def information_costs(self, state: CobwebState) -> dict[str, Array]:
        """λ of every producer, ``(B, N)``: from θ alone or from θ and its quantile."""
        if self.parameterisation == "individual":
            return {PRODUCER: state.theta}
        if self.parameterisation == "common":
            return {PRODUCER: state.theta + 0.0 * state.cost_quantiles}
        mean, deviation = state.theta[:, :1], state.theta[:, 1:]
        xp = namespace(state.theta)
        return {PRODUCER: truncated_normal(xp, mean, deviation, state.cost_quantiles)}

    @cached_property
    def equilibrium_price(self) -> float:
        """p*, where all producers forecast the price they make: b p* = a − N S(p*)."""
        from scipy.optimize import brentq

        return float(brentq(self._excess_demand, 0.0, HIGHEST_FORECAST, xtol=1e-12))

    def planted_sample(self, theta: Any, number: int, seed: int, quantity: str = "price") -> Any:
        """Prices of the computed logit equilibrium under θ, ``(number,)``."""
        if quantity != "price":
            raise unknown("planted path quantity of market 'cobweb'", quantity, ("price",))
        solver = LogitEquilibrium(self)
        if self.parameterisation == "distribution":
            equilibrium = solver.for_theta(float(theta[0]), float(theta[1]))
        else:
            equilibrium = solver.solve(np.maximum(theta, 5e-3))
        return equilibrium.sample(np.random.default_rng(seed), number)

    def best_response_value(
        self, state: CobwebState, followers: Followers
    ) -> dict[str, BestResponse]:
        """Of a producer that knows the others' past forecasts; see `deviation`."""
        rewards = expected_rewards(self, followers.draws(state, DRAWS)[PRODUCER])
        chances = followers.probabilities(PRODUCER, state)
        best, own = priced(rewards, chances, self.information_costs(state)[PRODUCER])
        return {PRODUCER: BestResponse(best, own, False)}

    def benchmark(self) -> dict[str, float]:
        """Rational expectations; the logit equilibrium is in `equilibrium`."""
        return {
            "equilibrium_price": self.equilibrium_price,
            "equilibrium_price_variance": NOISE_DEVIATION**2,
        }


def _mostly_alike(unit: Any) -> Any:
    """Half of the markets hold identical producers, the others are spread up to a half.

    A producer infers the others' λ from its own; without markets of equals it would answer a
    blurred crowd even where θ says that all are alike.
    """
    return 0.5 * np.maximum(0.0, 2.0 * unit - 1.0) ** 2
