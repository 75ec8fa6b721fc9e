"""Market maker and zero-intelligence liquidity takers (ADAGE, arXiv:2501.09429, section 4.4).

One market maker quotes a bid and an ask around an exogenous price; N takers trade one unit each, or
nothing:

    p_t = max(0, κ p0 + (1 − κ) p_{t−1} + N(0, σ²))                                (eq. 15)
    bid_t, ask_t = p_t ∓ h_t                                                       (eq. 20)
    PnL_t = q_bid (p_{t−1} − bid_t) + q_ask (ask_t − p_{t−1})                      (eq. 17)
    m_t = q_bid + q_ask                                                            (eq. 18)
    r_t = ω PnL_t / N + (1 − ω) m_t / N                                            (eq. 16)

A taker is a buyer or a seller with equal probability and values the good at v ~ N(p0, ζ²): a buyer
buys if v exceeds the ask, a seller sells if v is below the bid. The maker buys q_bid and sells
q_ask. The characteristic is the maker's preference ω between profit and market share.

| what | entries |
|---|---|
| maker's observation | (p_t − p0) / its stationary deviation; view of ω, from −1 to 1 (eq. 22) |
| maker's action | half-spread h, [0, 2ζ] (Box), in units of the price |
| leader's observation | (p_t − p0) / its stationary deviation |
| maker's reward | r_t; profit per taker in units of the price, market share from 0 to 1 |

The view of ω is 2.4 ω / (ω + 0.2) − 1: near ω = 0 the best spread widens fast, and on this view it
changes evenly. Nothing that the maker does moves the price, so that a discount of 0 loses nothing;
its best half-spread is computed in `optimum`.

*The start.* The paper leaves it open. With ``initial_price="reference"`` the price is p0 before the
first step; 100 steps are too few for it to settle. With ``"stationary"`` it starts from the
distribution that it would settle in, N(p0, σ² / (1 − (1 − κ)²)).

*Takers* are drawn anew in every step. One uniform w is one taker: a buyer if w < ½, who values the
good at p0 + ζ Φ⁻¹(1 − 2w), or else a seller, who does at p0 + ζ Φ⁻¹(2 − 2w). Those who value it
most are at the lower end, so that a share f_ask = ½ Φ̄((ask − p0) / ζ) from there buys, and a share
f_bid = ½ Φ((bid − p0) / ζ) from the upper end sells.

Version history: v1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Le
from gymnasium.spaces import Box

from ..core.arrays import Array, at_least, namespace, row_count
from ..core.characteristics import Characteristic, Characteristics
from ..core.deviations.best_response import BestResponse, Followers
from ..core.group import Group
from ..core.kernels.steps import CompiledSteps
from ..core.market import Actions, Market, Shocks
from ..core.random_streams import Shock
from ..core.state import State, changed
from ..core.step import Step
from . import kernels
from .laws import PriceProcess
from .optimum import OptimalQuotes

MARKET_MAKER = "market_maker"
DRAWS = 64  # of the quote, for what it is worth on average
HALF_VIEW = 0.2  # c in the view of ω, 2 (1 + c) ω / (ω + c) − 1
PREFERENCES = (0.0, 0.25, 0.5, 0.75, 1.0)  # the paper's ω


@dataclass(frozen=True)
class MarketMakerState(State):
    """The two prices that a step needs.

    Attributes:
        price: p_t, at which the next quotes are made, ``(B,)``.
        previous_price: p_{t−1}, at which the next trades are valued, ``(B,)``.
    """

    price: Array
    previous_price: Array


@dataclass(frozen=True)
class MarketMaker(Market):
    """One market maker who learns what spread to quote, and takers with fixed rules.

    Attributes:
        takers: their number, N.
        reference_price: p0, to which the price returns and around which takers value the good.
        mean_reversion: κ, share of the way back to p0 per step.
        price_deviation: σ, standard deviation of the price's shock, in units of the price.
        valuation_deviation: ζ, standard deviation of takers' valuations, in units of the price.
            The price strays σ / √(1 − (1 − κ)²) from p0; much beyond ζ, all takers trade on one
            side.
        initial_price: where the price comes from at the start of an episode: ``reference``, p0, or
            ``stationary``, the distribution that it settles in.
        periods: steps of an episode.
        theta_visible: False hides ω from the maker, who then has one rule whatever ω is.
    """

    takers: Annotated[int, Ge(1)] = 100
    reference_price: Annotated[float, Gt(0)] = 100.0
    mean_reversion: Annotated[
        float, Gt(0), Le(1), "at 0 the price never settles, and at 1 it forgets everything"
    ] = 0.01
    price_deviation: Annotated[float, Gt(0), "the paper's price strays by 3.5, with 0.5"] = 0.5
    valuation_deviation: Annotated[
        float, Gt(0), "with equal valuations no spread would bring a profit; try 5"
    ] = 5.0
    initial_price: Literal["reference", "stationary"] = "reference"
    periods: Annotated[int, Ge(1)] = 100
    theta_visible: bool = True

    name: ClassVar[str] = "market_maker"
    state_type: ClassVar[type[State]] = MarketMakerState
    differentiable: ClassVar[bool] = False  # trades are counts of takers
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {},
        {"takers": 20, "initial_price": "stationary"},
        {"takers": 1, "mean_reversion": 1.0, "periods": 7},
        # A price that often lies on its floor.
        {"takers": 3, "reference_price": 1.0, "price_deviation": 2.0, "valuation_deviation": 1.0},
        {"takers": 20, "theta_visible": False},
    )
    small: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "": {"takers": 8, "initial_price": "stationary"}
    }

    @cached_property
    def prices(self) -> PriceProcess:
        """The price and the takers around it."""
        return PriceProcess(
            self.reference_price,
            self.mean_reversion,
            self.price_deviation,
            self.valuation_deviation,
        )

    @cached_property
    def characteristics(self) -> Characteristics:
        """θ = ω, the weight of profit against market share."""
        entry = Characteristic("profit_weight", 0.0, 1.0, 0.5, description="ω")
        return Characteristics([entry])

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """One market maker per copy, who sees the price and its preference."""
        low = np.array([-np.inf, -1.0], dtype=np.float32)
        widest = np.float32(2.0 * self.valuation_deviation)
        return (
            Group(
                name=MARKET_MAKER,
                size=1,
                observation_space=Box(low, -low, dtype=np.float32),
                action_space=Box(np.float32(0.0), widest, (1,), np.float32),
                view=("profit_weight",),
            ),
        )

    @property
    def steps_per_episode(self) -> int:
        """Periods; trading goes on beyond them, so the last step truncates."""
        return self.periods

    @cached_property
    def leader_observation_space(self) -> Box:
        """The price."""
        return Box(-np.inf, np.inf, (1,), np.float32)

    @property
    def quantities(self) -> dict[str, str]:
        """Path quantities."""
        return {
            "price": "p_t, at which the maker quotes",
            "half_spread": "h_t, in units of the price; the spread is twice that",
            "bought": "q_bid, units that the maker buys",
            "sold": "q_ask, units that the maker sells",
            "market_share": "(q_bid + q_ask) / N, share of the takers who trade",
            "profit": "PnL_t / N, per taker, in units of the price",
        }

    @property
    def step_shocks(self) -> dict[str, Shock]:
        """One uniform per taker, and the noise of the next price."""
        return {"takers": Shock("uniform", (self.takers,)), "price": Shock("normal")}

    @property
    def reset_shocks(self) -> dict[str, Shock]:
        """The price before the first, and the noise of the first."""
        return {"previous_price": Shock("normal"), "price": Shock("normal")}

    def initial(self, theta: Array, shocks: Shocks) -> dict[str, Array]:
        """The first price and the one before it."""
        xp = namespace(theta)
        stray = self.prices.stationary_deviation if self.initial_price == "stationary" else 0.0
        previous = at_least(xp, self.reference_price + stray * shocks["previous_price"], 0.0)
        return {
            "previous_price": previous,
            "price": self.prices.next_price(xp, previous, shocks["price"]),
        }

    def transition(self, state: MarketMakerState, actions: Actions, shocks: Shocks) -> Step:
        """Takers meet the quotes; their trades are valued at the last price; the price moves on."""
        xp = namespace(state.theta)
        p, p_before, w = state.price, state.previous_price, shocks["takers"]
        h = xp.astype(actions[MARKET_MAKER][:, 0, 0], state.theta.dtype)  # (B,)
        f_bid, f_ask = self.prices.trading_shares(xp, p - self.reference_price, h)
        q_ask = row_count(xp, w < f_ask[:, None])
        q_bid = row_count(xp, w >= 1.0 - f_bid[:, None])
        share = (q_bid + q_ask) / self.takers
        profit = share * h + (q_ask - q_bid) * ((p - p_before) / self.takers)
        omega = state.theta[:, 0]
        reward = share + omega * (profit - share)
        after = changed(
            state, price=self.prices.next_price(xp, p, shocks["price"]), previous_price=p
        )
        quantities = {
            "price": p,
            "half_spread": h,
            "bought": q_bid,
            "sold": q_ask,
            "market_share": share,
            "profit": profit,
        }
        return self.end_step(after, {MARKET_MAKER: reward[:, None]}, quantities)

    def observe(self, state: MarketMakerState) -> dict[str, Array]:
        """The price and ω, ``(B, 1, 2)``; 0 instead of ω if it is hidden."""
        xp = namespace(state.theta)
        omega = state.theta[:, 0]
        view = 2.0 * (1.0 + HALF_VIEW) * omega / (omega + HALF_VIEW) - 1.0
        view = view if self.theta_visible else 0.0 * view
        seen = xp.stack([self._scaled_price(state), view], axis=-1)
        return {MARKET_MAKER: xp.astype(seen, xp.float32)[:, None, :]}

    def leader_observe(self, state: MarketMakerState) -> Array:
        """The price, ``(B, 1)``."""
        xp = namespace(state.theta)
        return xp.astype(self._scaled_price(state), xp.float32)[:, None]

    def _scaled_price(self, state: MarketMakerState) -> Array:
        return (state.price - self.reference_price) / self.prices.stationary_deviation

    @cached_property
    def compiled_steps(self) -> CompiledSteps:
        """Steps of few copies, in which NumPy's calls would take longer than the arithmetic."""
        prices = self.prices
        constants = np.array(
            [
                *(self.reference_price, 1.0 - self.mean_reversion),
                *(self.mean_reversion * self.reference_price, self.price_deviation),
                *(self.valuation_deviation, prices.stationary_deviation),
                *(float(self.theta_visible), HALF_VIEW),
            ]
        )
        return CompiledSteps(
            *(kernels.observe, kernels.step, constants, tuple(self.quantities)),
            packed=lambda state: np.stack([state.price, state.previous_price], axis=1),
            unpacked=lambda memory: {"price": memory[:, 0], "previous_price": memory[:, 1]},
        )

    @cached_property
    def best_quotes(self) -> OptimalQuotes:
        """The best half-spread for every price and ω.

        Raises:
            PacesetterError: the price would reach its floor at 0.
        """
        return OptimalQuotes(self.prices, self.initial_price, self.periods)

    def best_response_value(
        self, state: MarketMakerState, followers: Followers
    ) -> dict[str, BestResponse]:
        """The best quote for every price and ω, from `optimum`; quotes do not move the price."""
        optimum = self.best_quotes
        d, omega = state.price - self.reference_price, state.theta[:, 0]
        drawn = followers.draws(state, DRAWS)[MARKET_MAKER][:, :, 0, 0].astype(np.float64)
        best = optimum.expected_reward(optimum.half_spread(d, omega), d, omega)
        own = optimum.expected_reward(drawn, d, omega).mean(axis=0)
        return {MARKET_MAKER: BestResponse(best[:, None], own[:, None], self.theta_visible)}

    def benchmark(self) -> dict[str, float]:
        """Means under the optimal policy at the paper's five ω, over the prices of an episode."""
        optimum = self.best_quotes
        figures = {"widest_preference_without_spread": optimum.widest_preference_without_spread}
        for omega in PREFERENCES:
            means = optimum.means(optimum.half_spread(optimum.deviations, omega), omega)
            figures |= {f"{name}/{omega:g}": value for name, value in means.items()}
        return figures
