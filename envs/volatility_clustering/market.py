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

The same law, walked much faster, is `VolatilityClustering.paths`.

Version history: v1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from annotated_types import Ge, Gt, Le, MinLen
from gymnasium.spaces import Box
from numpy.typing import ArrayLike, NDArray

from ..core.arrays import Array, namespace, row_mean, row_sum
from ..core.characteristics import Characteristic, Characteristics
from ..core.errors import PacesetterError
from ..core.group import Group
from ..core.market import Actions, Market, Shocks
from ..core.paths import Paths
from ..core.random_streams import Shock
from ..core.state import State, changed
from ..core.step import Step
from .moments import second_moment_all_updating, second_moment_without_updates
from .orders import orders, sigmoid
from .paths import Crowd, Returns, walked
from .thresholds import Law, first_draws, first_thresholds, renewed

Name = Literal["log_alpha", "log_beta", "log_sigma", "log_eta", "logit_s"]
Log = Annotated[float, Ge(-20), Le(20), "beyond e^±20 no path is walked"]
Width = Annotated[float, Gt(0), Le(5)]
NAMES: tuple[Name, ...] = ("log_alpha", "log_beta", "log_sigma", "log_eta", "logit_s")
PAPER: tuple[Name, ...] = NAMES[:4]
DESCRIPTIONS = ("log α", "log β", "log σ", "log η", "log s / (1 − s)")
TRUTH = {"log_alpha": 0.1, "log_beta": 0.5, "log_sigma": 0.5, "log_eta": 0.2}
"""θ* of the paper's observation, natural logarithms."""
DEVIATIONS = 4.0  # of the prior, to the bounds
LARGEST_LOG = 700.0  # of a price, beyond which floating-point numbers end


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
    """

    probability: Array
    draw: Array
    slope: Array
    shape: Array
    own: Array
    threshold: Array
    log_price: Array
    demand: Array


@dataclass(frozen=True)
class VolatilityClustering(Market):
    """Threshold traders under news, of whom nobody learns.

    Attributes:
        traders: N.
        periods: steps of an episode, T; trading goes on beyond them.
        share_updating: s, the probability that a trader sets its threshold in a period. Where s is
            calibrated, the middle of its prior.
        leader_sets: the characteristics that are θ.
        prior_mean, prior_deviation: of the normal prior of log α, log β, log σ and log η; θ is
            bounded by 4 deviations. That of `logit_s` has deviation 1.
        thresholds: distribution of thresholds at the start.
        signal: whether all traders hear the same news, as in the paper, or each its own.
        steepness: k of the gradient, per threshold: in units of one over the mean threshold (of
            `lognormal`, the median) in the middle of the prior. The paper's is 5.
        relaxed: trade by the logistic function; for tests of gradients alone.
    """

    traders: Annotated[int, Ge(1)] = 1000
    periods: Annotated[int, Ge(2)] = 100
    share_updating: Annotated[float, Ge(0), Le(1)] = 0.1
    leader_sets: Annotated[tuple[Name, ...], MinLen(1)] = PAPER
    prior_mean: tuple[Log, Log, Log, Log] = (0.0, 0.0, 0.0, 0.0)
    prior_deviation: tuple[Width, Width, Width, Width] = (1.0, 1.0, 1.0, 1.0)
    thresholds: Law = "gamma"
    signal: Literal["common", "private"] = "common"
    steepness: Annotated[float, Gt(0), "the gradient of an order is a bump of width 1/k"] = 10.0
    relaxed: bool = False

    name: ClassVar[str] = "volatility_clustering"
    state_type: ClassVar[type[State]] = VolatilityState
    gradient: ClassVar[Literal["exact", "straight-through"]] = "straight-through"
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"traders": 40, "periods": 20},
        {"traders": 30, "periods": 10, "relaxed": True},
        {"traders": 30, "signal": "private", "thresholds": "lognormal", "relaxed": True},
        {"traders": 1, "periods": 2, "leader_sets": ("log_sigma", "log_eta", "logit_s")},
    )
    small: ClassVar[Mapping[str, Mapping[str, Any]]] = {"": {"traders": 8, "share_updating": 0.3}}

    def __post_init__(self) -> None:
        """Refuse characteristics that are named twice, and an s that a logit cannot reach."""
        super().__post_init__()
        if len(set(self.leader_sets)) < len(self.leader_sets):
            raise PacesetterError(
                f"market {self.name!r}: leader_sets names a characteristic twice: "
                f"{', '.join(self.leader_sets)}. Name each once."
            )
        if "logit_s" in self.leader_sets and not 0.0 < self.share_updating < 1.0:
            raise PacesetterError(
                f"market {self.name!r}: share_updating is the middle of the prior of 'logit_s' and "
                f"must lie between 0 and 1, got {self.share_updating:g}. Leave 'logit_s' out of "
                "leader_sets to hold s at it."
            )

    def smooth(self) -> Self:
        """The same market, traded by the logistic function: what its gradients are exact for."""
        return replace(self, relaxed=True)

    @property
    def differentiable(self) -> bool:  # type: ignore[override]  # other markets are or are not
        """Unless s is in θ: who sets its threshold is drawn, which no gradient flows through."""
        return "logit_s" not in self.leader_sets

    # What it declares ---------------------------------------------------------------------------

    @cached_property
    def middle(self) -> NDArray[np.float64]:
        """The middle of the prior of all that could be θ, in the order of `NAMES`."""
        s = self.share_updating
        with np.errstate(divide="ignore"):
            return np.array([*self.prior_mean, np.log(s) - np.log1p(-s)])

    @cached_property
    def k(self) -> float:
        """Steepness of the logistic function, in units of one over a threshold."""
        alpha, beta = self.prior_mean[:2]
        typical = alpha if self.thresholds == "lognormal" else alpha - beta
        return float(self.steepness * math.exp(-typical))

    @cached_property
    def characteristics(self) -> Characteristics:
        """θ with its normal prior, cut off at the bounds."""
        deviation = np.array([*self.prior_deviation, 1.0])
        columns = [NAMES.index(name) for name in self.leader_sets]
        mean, spread = self.middle[columns], deviation[columns]
        entries = [
            Characteristic(
                NAMES[column],
                low=float(middle - DEVIATIONS * width),
                high=float(middle + DEVIATIONS * width),
                default=float(middle),
                description=DESCRIPTIONS[column],
            )
            for column, middle, width in zip(columns, mean, spread, strict=True)
        ]

        return Characteristics(entries, partial(_prior, mean, spread))

    @property
    def groups(self) -> tuple[Group, ...]:
        """Nobody learns."""
        return ()

    @property
    def steps_per_episode(self) -> int:
        """T."""
        return self.periods

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

    def parameters(self, theta: Array) -> tuple[Array, Array, Array, Array, Array]:
        """α, β, σ, η and s of θ, ``(B, d)``: each ``(B,)``."""
        xp, alike = namespace(theta), theta[:, 0] * 0.0
        found = []
        for name, middle in zip(NAMES, self.middle, strict=True):
            if name in self.leader_sets:
                entry = theta[:, self.leader_sets.index(name)]
                found.append(sigmoid(xp, entry) if name == "logit_s" else xp.exp(entry))
            else:
                held = self.share_updating if name == "logit_s" else math.exp(middle)
                found.append(alike + held)
        alpha, beta, sigma, eta, s = found
        return alpha, beta, sigma, eta, s

    def initial(self, theta: Array, shocks: Shocks) -> dict[str, Array]:
        """Nobody has set its threshold; the price is 1."""
        xp, probability = namespace(theta), shocks["thresholds"]
        alpha = self.parameters(theta)[0]
        shape = alpha if xp is np else alpha.detach()
        draw, slope = first_draws(self.thresholds, shape, probability)
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
        demand = row_mean(xp, order)
        returned = demand / eta
        updating = shocks["updates"] < s[:, None]
        absolute = xp.abs(returned)[:, None]
        log_price = state.log_price + returned
        quantities = {
            "return": returned,
            "price": xp.exp(xp.clip(log_price, -LARGEST_LOG, LARGEST_LOG)),
            "excess_demand": row_sum(xp, order),
            "active_share": row_mean(xp, traded),
            "mean_threshold": row_mean(xp, xp.where(updating, absolute, thresholds)),
        }
        after = changed(
            state,
            draw=draw,
            slope=slope,
            shape=alpha if xp is np else alpha.detach(),
            own=state.own | updating,
            threshold=xp.where(updating, absolute, state.threshold),
            log_price=log_price,
            demand=demand,
        )
        return self.end_step(after, {}, quantities)

    def observe(self, state: VolatilityState) -> dict[str, Array]:
        """Nobody looks."""
        return {}

    def leader_observe(self, state: VolatilityState) -> Array:
        """Excess demand of the last period per trader, ``(B, 1)``."""
        xp = namespace(state.theta)
        return xp.astype(state.demand[:, None], xp.float32)

    def simulate(
        self,
        theta: ArrayLike,
        seed: int = 0,
        shocks: Mapping[str, NDArray[np.float64]] | None = None,
        tangents: bool = True,
    ) -> Returns:
        """Returns under many θ, with their derivatives by θ: the same law in far less time.

        Memory does not grow with the number of traders, nor time with their number times that of
        periods. θ need not keep its bounds; where α, β, σ or η lies beyond e^±20, the path is not
        a number.

        Args:
            theta: ``(J, d)``, one per path.
            seed: path j is drawn from ``(seed, j)``.
            shocks: common random numbers in place of drawn ones: ``news``, ``(J, T)`` standard
                normal, and ``thresholds``, ``(J, N)`` uniform; either or both.
            tangents: whether derivatives are wanted, which takes about as long again.

        Raises:
            PacesetterError: θ or shocks of another shape, private news, or derivatives by s.
        """
        values, names = np.asarray(theta, dtype=np.float64), self.leader_sets
        if values.ndim != 2 or values.shape[1] != len(names):
            raise PacesetterError(
                f"paths need θ of shape (J, {len(names)}), one row of {', '.join(names)} per path; "
                f"got shape {values.shape}."
            )
        if self.signal != "common":
            raise PacesetterError(
                f"market {self.name!r}: with signal 'private' traders with the same threshold hear "
                "different news, and cannot be counted as one. Choose signal: common, or step the "
                "market itself."
            )
        if tangents and not self.differentiable:
            raise PacesetterError(
                f"market {self.name!r}: who sets its threshold is drawn, and returns have no "
                "derivative by 'logit_s' along a path. Leave it out of leader_sets, ask for "
                "tangents=False, or take differences."
            )
        with np.errstate(over="ignore"):
            parameters = np.stack(self.parameters(values), axis=1)
        crowd = Crowd(self.traders, self.periods, self.thresholds, self.k, self.relaxed)
        found = walked(crowd, parameters, seed, shocks or {}, tangents)
        if found.tangents is None:
            return found
        columns = [NAMES.index(name) for name in names]
        return Returns(found.returns, found.tangents[:, :, columns])

    def paths(self, theta: Array, seed: int) -> Paths | None:
        """Returns and prices with their tangents; None with private news or s in θ."""
        if self.signal != "common" or not self.differentiable:
            return None
        found = self.simulate(theta, seed)
        assert found.tangents is not None
        tangents, prices = found.tangents, np.exp(found.log_prices)

        def pull_back(gradients: Mapping[str, Array]) -> Array:
            slopes = np.array(gradients.get("return", np.zeros_like(prices)))
            if "price" in gradients:  # a return moves its own price and all that follow
                moved = gradients["price"] * prices
                slopes += np.cumsum(moved[:, ::-1], axis=1)[:, ::-1]
            return np.einsum("jt,jtd->jd", slopes, tangents)

        return Paths({"return": found.returns, "price": prices}, pull_back)

    def planted_sample(
        self, theta: Any, number: int, seed: int, quantity: str = "price"
    ) -> NDArray[np.float64]:
        """A path quantity under a known θ, episode after episode, ``(number,)``."""
        copies = -(-number // self.periods)
        state = self.reset(seed, copies, theta)
        series = []
        for _ in range(self.periods):
            step = self.step(state, {})
            state = step.state
            series.append(step.quantities[quantity])
        return np.stack(series, axis=1).reshape(-1)[:number]

    def benchmark(self) -> dict[str, float]:
        """E r² where nobody ever sets its threshold, and where everybody does in every period."""
        if self.signal != "common":
            return {}
        alpha, beta, sigma, eta = np.exp(self.middle[:4]).tolist()
        figures = {"second_moment/all_updating": second_moment_all_updating(sigma, eta)}
        if self.thresholds == "gamma":
            found = second_moment_without_updates(alpha, beta, sigma, eta, self.traders)
            figures["second_moment/nobody_updating"] = found
        return figures


def _prior(
    mean: NDArray[np.float64], spread: NDArray[np.float64], uniforms: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Normal draws within the bounds, ``(n, d)``."""
    from scipy.special import ndtr, ndtri  # a slow import

    lowest = ndtr(-DEVIATIONS)
    return mean + spread * ndtri(lowest + uniforms * (1.0 - 2.0 * lowest))
