"""Volatility clustering by thresholds (Cont 2007), made differentiable (Dyer et al. 2023).

N traders hear one piece of news a period and trade one unit each if it exceeds their threshold; now
and then a trader sets its threshold to the last absolute return:

    ε_t ~ N(0, σ²),    ρ_i = 1{ε_t > v_i} − 1{ε_t < −v_i}                          (eq. 10)
    Z_t = Σ ρ_i,    r_t = Z_t / (N η),    log S_t = log S_{t−1} + r_t               (eq. 11, 12)
    v_i ← |r_t| with probability s, after the trade                                (eq. 13)

At the start v_i ~ Gamma(shape α, rate β). Equations are those of Dyer et al., "Gradient-Assisted
Calibration for Financial Agent-Based Models", ICAIF 2023, https://doi.org/10.1145/3604237.3626857.

| characteristic | of | unit |
|---|---|---|
| `log_alpha`, `log_beta` | the distribution of thresholds at the start (see `thresholds`) | – |
| `log_sigma` | σ, deviation of the news | log of a return |
| `log_eta` | η, market depth: everybody's order moves the price by 1/η | log of 1 / return |
| `logit_s` | s, the probability that a trader sets its threshold | – |

Whoever calibrates sets those of `leader_sets`; the others stand where their prior has its middle.
A trader who has not set its threshold keeps its place in the distribution of the start, not the
number: a change of α or β within an episode moves it.

*Gradients* are straight-through: what is discrete goes forward as it is and has the derivative of
the logistic function with steepness k (see `orders`). Given who sets its threshold, that of the
thresholds is exact; there is none by s. With ``relaxed`` the logistic function goes forward too, so
that differences can confirm the gradient; nothing should be calibrated with it.

*Who learns*, if anybody (`learning_traders` > 0), orders at most a unit before the news are heard,
which goes into Z_t beside the others' and leaves all moves at 1/η or less; it is paid what it holds
times the return, in units of 1/η, and sees

| entry | unit |
|---|---|
| log S, and its moving averages over about 5 and 20 periods | 1/η, largest moves |
| its holding, over T | orders |
| θ | −1 … 1 within its bounds |

Without learning traders the same law, walked much faster, is `VolatilityClustering.paths`.

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

from ..core.arrays import Array, namespace, row_mean, row_sum
from ..core.group import Group
from ..core.market import Actions, Shocks
from ..core.random_streams import Shock
from ..core.state import State, changed
from ..core.step import Step
from .moments import second_moment_all_updating, second_moment_without_updates
from .options import LARGEST_LOG
from .orders import orders
from .thresholds import first_draws, first_thresholds, renewed
from .whole_paths import WholePaths

TRADER = "trader"
MEMORIES = (5.0, 20.0)  # periods that the averages of a learning trader reach back


@dataclass(frozen=True)
class VolatilityState(State):
    """Traders and the price.

    Attributes:
        probability: where a trader lies in the distribution of thresholds at the start, ``(B, N)``.
        draw, slope: what that distribution makes of it (see `thresholds.first_draws`), ``(B, N)``.
        shape: α that they are computed for, ``(B,)``.
        own: whether a trader has set its threshold, ``(B, N)`` bool.
        threshold: what it has set it to, ``(B, N)``.
        log_price: log S, ``(B,)``.
        demand: excess demand of the last period per trader, ``(B,)``.
        averages: of log S, that learning traders see, ``(B, 2)``; without them ``(B, 0)``.
        inventory: orders of every learning trader so far, ``(B, n)``.
    """

    probability: Array
    draw: Array
    slope: Array
    shape: Array
    own: Array
    threshold: Array
    log_price: Array
    demand: Array
    averages: Array
    inventory: Array


@dataclass(frozen=True)
class VolatilityClustering(WholePaths):
    """Threshold traders under news, one price; `VolatilityOptions` has the options."""

    state_type: ClassVar[type[State]] = VolatilityState
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"traders": 40, "periods": 20},
        {"traders": 30, "periods": 10, "relaxed": True},
        {"traders": 30, "signal": "private", "thresholds": "lognormal", "relaxed": True},
        {"traders": 1, "periods": 2, "leader_sets": ("log_sigma", "log_eta", "logit_s")},
        {"traders": 20, "periods": 10, "learning_traders": 2, "relaxed": True},
    )
    small: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "": {"traders": 8, "share_updating": 0.3},
        "learning": {"traders": 8, "share_updating": 0.3, "learning_traders": 2},
    }

    # What it declares ---------------------------------------------------------------------------

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Nobody, or learning traders."""
        if not self.learning_traders:
            return ()
        names = self.characteristics.names
        edge = np.array([np.inf] * (2 + len(MEMORIES)) + [1.0] * len(names), dtype=np.float32)
        orders = Box(-1.0, 1.0, (1,), np.float32)
        return (Group(TRADER, self.learning_traders, Box(-edge, edge), orders, names),)

    @cached_property
    def leader_observation_space(self) -> Box:
        """Excess demand of the last period per trader."""
        return Box(-1.0, 1.0, (1,), np.float32)

    @property
    def quantities(self) -> dict[str, str]:
        """Path quantities."""
        return {
            "return": "r_t = Z_t / (N η), a log return",
            "price": "S_t, of which S_0 is 1",
            "excess_demand": "Z_t, orders to buy less orders to sell",
            "active_share": "share of the traders who trade",
            "mean_threshold": "mean of v_i after the period, in units of the return",
        }

    @property
    def step_shocks(self) -> dict[str, Shock]:
        """The news, and who sets its threshold."""
        heard = () if self.signal == "common" else (self.traders,)
        return {"news": Shock("normal", heard), "updates": Shock("uniform", (self.traders,))}

    @property
    def reset_shocks(self) -> dict[str, Shock]:
        """Where each trader lies in the distribution of thresholds."""
        return {"thresholds": Shock("uniform", (self.traders,))}

    # What it computes ---------------------------------------------------------------------------

    def initial(self, theta: Array, shocks: Shocks) -> dict[str, Array]:
        """Nobody has set its threshold; the price is 1."""
        xp, probability = namespace(theta), shocks["thresholds"]
        alpha = self.parameters(theta)[0]
        shape = alpha if xp is np else alpha.detach()
        draw, slope = first_draws(self.thresholds, shape, probability)
        place = {"dtype": theta.dtype, "device": array_api_compat.device(theta)}
        none = xp.zeros_like(probability)
        nothing = xp.zeros_like(shape)
        return {
            "probability": probability,
            "draw": draw,
            "slope": slope,
            "shape": shape,
            "own": none > 0.0,
            "threshold": none,
            "log_price": nothing,
            "demand": nothing,
            "averages": xp.zeros((len(shape), len(MEMORIES) if self.groups else 0), **place),
            "inventory": xp.zeros((len(shape), self.learning_traders), **place),
        }

    def transition(self, state: VolatilityState, actions: Actions, shocks: Shocks) -> Step:
        """News, orders, the return, and who sets its threshold to it."""
        xp = namespace(state.theta)
        alpha, beta, sigma, eta, s = self.parameters(state.theta)
        draw, slope = renewed(self.thresholds, state, alpha)
        first = first_thresholds(self.thresholds, draw, slope, alpha, beta)
        thresholds = xp.where(state.own, state.threshold, first)
        heard = shocks["news"]
        news = sigma[:, None] * (heard if self.signal == "private" else heard[:, None])
        order, traded = orders(xp, news, thresholds, self.k, self.relaxed)
        total, demand = row_sum(xp, order), row_mean(xp, order)
        rewards, theirs = {}, {}
        if self.learning_traders:
            own = xp.astype(actions[TRADER][:, :, 0], state.theta.dtype)  # (B, n)
            total = total + row_sum(xp, own)
            demand = total / (self.traders + self.learning_traders)
            rewards[TRADER] = state.inventory * demand[:, None]
            theirs["inventory"] = state.inventory + own
        returned = demand / eta
        updating = shocks["updates"] < s[:, None]
        absolute = xp.abs(returned)[:, None]
        log_price = state.log_price + returned
        quantities = {
            "return": returned,
            "price": xp.exp(xp.clip(log_price, -LARGEST_LOG, LARGEST_LOG)),
            "excess_demand": total,
            "active_share": row_mean(xp, traded),
            "mean_threshold": row_mean(xp, xp.where(updating, absolute, thresholds)),
        }
        if self.learning_traders:
            away = log_price[:, None] - state.averages
            theirs["averages"] = state.averages + away / self._constant(xp, MEMORIES, away)
        after = changed(
            state,
            draw=draw,
            slope=slope,
            shape=alpha if xp is np else alpha.detach(),
            own=state.own | updating,
            threshold=xp.where(updating, absolute, state.threshold),
            log_price=log_price,
            demand=demand,
            **theirs,
        )
        return self.end_step(after, rewards, quantities)

    def observe(self, state: VolatilityState) -> dict[str, Array]:
        """Price, averages, holding and θ for learning traders, ``(B, n, 4 + d)``."""
        if not self.learning_traders:
            return {}
        xp, eta = namespace(state.theta), self.parameters(state.theta)[3][:, None]
        logs = xp.concat([state.log_price[:, None], state.averages], axis=1) * eta
        space = self.characteristics
        low = self._constant(xp, space.low, state.theta)
        span = self._constant(xp, space.high - space.low, state.theta)
        view = 2.0 * (state.theta - low) / span - 1.0
        copies, traders = state.inventory.shape

        def for_all(shared: Array) -> Array:
            return xp.broadcast_to(shared[:, None, :], (copies, traders, shared.shape[1]))

        own = (state.inventory / self.periods)[:, :, None]
        seen = xp.concat([for_all(logs), own, for_all(view)], axis=2)
        return {TRADER: xp.astype(seen, xp.float32)}

    @staticmethod
    def _constant(xp: Any, values: Any, like: Array) -> Array:
        return xp.asarray(values, dtype=like.dtype, device=array_api_compat.device(like))

    def leader_observe(self, state: VolatilityState) -> Array:
        """Excess demand of the last period per trader, ``(B, 1)``."""
        xp = namespace(state.theta)
        return xp.astype(state.demand[:, None], xp.float32)

    def benchmark(self) -> dict[str, float]:
        """E r² where nobody ever sets its threshold, and where everybody does in every period."""
        if self.signal != "common" or self.learning_traders:
            return {}
        alpha, beta, sigma, eta = np.exp(self.middle[:4]).tolist()
        figures = {"second_moment/all_updating": second_moment_all_updating(sigma, eta)}
        if self.thresholds == "gamma":
            found = second_moment_without_updates(alpha, beta, sigma, eta, self.traders)
            figures["second_moment/nobody_updating"] = found
        return figures
