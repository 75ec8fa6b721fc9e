"""Requests for quote: a client asks N dealers and takes the lowest offer if it is below her value.

One step is one request to buy. A mid price and its half-spread Δ drop out: everything is in units
of Δ around the mid. With EP the exponential power law (see `power`), as in GAN-MAS ("A Generative
Adversarial Network Approach to Calibrate Multi-Agent Simulators", section 3.2):

    client's value V ~ EP(μ0, σ0, α0);   a trade at the lowest offer O_(1) if O_(1) < V

*Exogenous dealers* quote at random, ``O_i ~ EP(μ1, σ1, α1)``; nobody learns, and θ = (μ1, σ1, α1).
*Learning dealers* have costs C_i of their own, see them and quote ``O_i = C_i + m``; the winner
earns O_i − C_i. Of N dealers the first n of a random order are asked; the others are idle. Then
θ = (n, μ0, σ0), or n alone for one given client: how many to ask is her question, or a platform's.

| what | entries |
|---|---|
| dealer's observation | own cost, whether asked; view: 1 / n, and μ0 − 1, σ0 − 1 if θ has them |
| dealer's action | mark-up m, [0, 2.5] (Box) |
| leader's observation | running acceptance rate, mean gap |

The request is drawn one step ahead, so that costs are seen before quoting. The client buys: the
paper's text opens with a request to sell, but its offers and "lowest price" are those of a buyer.

Version history: v1; v2: dealers see 1 / n in place of n / N, few are asked as often as it takes for
as many offers from each n, and those who are not asked do not learn from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Le
from gymnasium.spaces import Box
from numpy.typing import ArrayLike, NDArray

from ..core.arrays import Array, at_least, converted, namespace, row_sum
from ..core.characteristics import Characteristic, Characteristics
from ..core.errors import PacesetterError
from ..core.group import Group
from ..core.market import Actions, Market, Shocks
from ..core.random_streams import Shock
from ..core.state import State
from ..core.step import Step
from .auction import Auction, Costs, cost_law
from .power import distribution, quantile
from .quotes import Quotes

DEALER = "dealer"
HIGHEST_MARKUP = 2.5
CLIENT = (0.5, 1.0, 1.5)  # where dealers quote at random: between mid and ask
CLIENT_SHAPE = 1.5  # where they learn
NOBODY = 1e9  # an offer that is not made


@dataclass(frozen=True)
class RequestState(State):
    """The request that stands, and what has been.

    Attributes:
        value_quantile: of the client's value, ``(B,)``.
        cost_quantile: of each dealer's cost, or of its offer where it quotes at random, ``(B, N)``.
        order: the dealers with the smallest are asked first, ``(B, N)``.
        accepted_sum, gap_sum: of this episode, ``(B,)``.
    """

    value_quantile: Array
    cost_quantile: Array
    order: Array
    accepted_sum: Array
    gap_sum: Array


@dataclass(frozen=True)
class RequestForQuote(Market):
    """A client, N dealers, and one trade at most per request.

    Attributes:
        dealers: N.
        dealers_are: quoting at random, or learning.
        design: what θ is where dealers learn: how many are asked and who the client is, or the
            former alone.
        client: mean and scale of the client's value in the latter case, μ0 and σ0.
        costs: law of a learning dealer's costs: uniform on [0, 1], or EP(.4, .3, 1.5) cut at its
            .001 and .999 quantiles.
        requests: of an episode, T.
        asking_cost: what the client loses per dealer who is asked (information that leaks), in the
            path quantity `client_surplus_net`.
        paid: what a learning dealer's reward is: its profit, or its profit times the number asked.
            The best answers are the same; but where nine are asked a dealer earns a thirtieth of
            what one alone does, and one policy for all learns little from so little.
        request_pnl: whether a reward is what the lowest quote has earned, or what it earns in the
            mean over the client's value: the same best answers, and less noise. Path quantities
            are of what was traded.
    """

    dealers: Annotated[int, Ge(2), "a gap needs a second offer"] = 5
    dealers_are: Literal["exogenous", "learning"] = "exogenous"
    design: Literal["asked_and_client", "asked"] = "asked_and_client"
    client: tuple[Annotated[float, Ge(0), Le(10)], Annotated[float, Ge(0), Le(10)]] = (1.0, 0.5)
    costs: Costs = "uniform"
    requests: Annotated[int, Ge(1)] = 100
    asking_cost: Annotated[float, Ge(0)] = 0.0
    paid: Literal["profit", "profit_by_number"] = "profit"
    request_pnl: Literal["realised", "expected"] = "realised"

    name: ClassVar[str] = "otc_rfq"
    state_type: ClassVar[type[State]] = RequestState
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {},
        {"dealers_are": "learning", "dealers": 9, "request_pnl": "expected"},
        {"dealers_are": "learning", "dealers": 6, "costs": "power", "asking_cost": 0.05},
        {"dealers_are": "learning", "design": "asked", "paid": "profit_by_number"},
    )
    small: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "": {"dealers": 3},
        "learning": {"dealers": 3, "dealers_are": "learning"},
    }

    def __post_init__(self) -> None:
        """Refuse a client who is none.

        Raises:
            PacesetterError: not two numbers, or a scale that is not positive.
        """
        super().__post_init__()
        if len(self.client) != 2 or not self.client[1] > 0.0:
            raise PacesetterError(
                f"market.client is the mean and the scale of her value, got {self.client}: give "
                "two numbers, the second above 0, e.g. [1.0, 0.5]."
            )

    @property
    def _learning(self) -> bool:
        return self.dealers_are == "learning"

    @cached_property
    def characteristics(self) -> Characteristics:
        """Who quotes, or how many are asked and by whom."""
        unit = "half-spreads"
        if not self._learning:
            return Characteristics(
                [
                    Characteristic("offer_mean", -1.0, 3.0, 1.0, unit, "μ1"),
                    Characteristic("offer_scale", 0.1, 2.0, 0.6, unit, "σ1"),
                    Characteristic("offer_shape", 0.6, 4.0, 1.2, "", "α1; Laplace 1, normal 2"),
                ]
            )
        most = float(self.dealers)
        entries = [
            Characteristic("dealers_asked", 1.0, most, min(3.0, most), "dealers", "n, rounded"),
            Characteristic("value_mean", 0.0, 2.0, 1.0, unit, "μ0"),
            Characteristic("value_scale", 0.3, 1.5, 0.5, unit, "σ0"),
        ]
        if self.design == "asked":
            entries = entries[:1]
        return Characteristics(entries, prior=partial(_prior, entries))

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Dealers, if they learn."""
        if not self._learning:
            return ()
        view = np.ones(1 + len(self.characteristics), dtype=np.float32)
        seen = np.append(np.float32(np.inf), view)
        return (
            Group(
                name=DEALER,
                size=self.dealers,
                observation_space=Box(-seen, seen),
                action_space=Box(np.float32(0.0), np.float32(HIGHEST_MARKUP), (1,), np.float32),
                view=self.characteristics.names,
            ),
        )

    @property
    def steps_per_episode(self) -> int:
        """Requests; they go on, so the last one truncates."""
        return self.requests

    @cached_property
    def leader_observation_space(self) -> Box:
        """Running acceptance rate and mean gap."""
        return Box(np.zeros(2, np.float32), np.array([1.0, np.inf], np.float32))

    @property
    def quantities(self) -> dict[str, str]:
        """Path quantities."""
        return {
            "accepted": "1 for a trade, 0 for none",
            "gap": "second best less best offer, half-spreads; 0 if one dealer is asked",
            "gap_square": "its square",
            "gap_traded": "the gap where there was a trade, else 0",
            "best_offer": "lowest offer, half-spreads from the mid",
            "price_paid": "traded price where there was a trade, else 0",
            "client_surplus": "V − O of a trade, 0 without one",
            "client_surplus_net": "the same less asking_cost for every dealer asked",
            "offer": "of each dealer who is asked, else 0",
            "won": "1 for the dealer who trades",
            "profit": "of each dealer: offer less cost of a trade, 0 where offers are random",
        }

    @property
    def step_shocks(self) -> dict[str, Shock]:
        """The next request."""
        return self._request_shocks()

    @property
    def reset_shocks(self) -> dict[str, Shock]:
        """The first request."""
        return self._request_shocks()

    def _request_shocks(self) -> dict[str, Shock]:
        shocks = {"value": Shock("uniform"), "cost": Shock("uniform", (self.dealers,))}
        if self._learning:
            shocks["order"] = Shock("uniform", (self.dealers,))
        return shocks

    def initial(self, theta: Array, shocks: Shocks) -> dict[str, Array]:
        """The first request; nothing has been."""
        nothing = 0.0 * theta[:, 0]
        return {**self._request(shocks), "accepted_sum": nothing, "gap_sum": nothing}

    def _request(self, shocks: Shocks) -> dict[str, Array]:
        cost = shocks["cost"]
        return {
            "value_quantile": shocks["value"],
            "cost_quantile": cost,
            "order": shocks.get("order", 0.0 * cost),
        }

    def transition(self, state: RequestState, actions: Actions, shocks: Shocks) -> Step:
        """Offers, the best two of them, and the client's decision."""
        xp = namespace(state.theta)
        asked = self._asked(state)  # (B, N)
        cost = self._cost(state)
        offers = cost
        if self._learning:
            offers = cost + xp.astype(actions[DEALER], state.theta.dtype)[:, :, 0]
        V = self._value(state)
        in_order = xp.sort(xp.where(asked > 0, offers, xp.zeros_like(offers) + NOBODY), axis=-1)
        best, second = in_order[:, 0], in_order[:, 1]
        accepted = xp.astype(best < V, best.dtype)
        gap = xp.where(second < NOBODY / 2, second - best, xp.zeros_like(best))
        lowest = xp.astype(offers <= best[:, None], best.dtype) * asked
        won = lowest * accepted[:, None]
        profit = won * (offers - cost)
        surplus = accepted * (V - best)
        after = RequestState(
            theta=state.theta,
            clock=state.clock,
            step_stream=state.step_stream,
            reset_stream=state.reset_stream,
            **self._request(shocks),
            accepted_sum=state.accepted_sum + accepted,
            gap_sum=state.gap_sum + gap,
        )
        quantities = {
            "accepted": accepted,
            "gap": gap,
            "gap_square": gap * gap,
            "gap_traded": gap * accepted,
            "best_offer": best,
            "price_paid": best * accepted,
            "client_surplus": surplus,
            "client_surplus_net": surplus - self.asking_cost * row_sum(xp, asked),
            "offer": offers * asked,
            "won": won,
            "profit": profit,
        }
        reward = profit
        if self.request_pnl == "expected" and self._learning:
            mean, scale = (entry[:, None] for entry in self._client(state))
            kept = 1.0 - distribution(offers, mean, scale, CLIENT_SHAPE)
            reward = lowest * (offers - cost) * kept
        if self.paid == "profit_by_number":
            reward = reward * row_sum(xp, asked)[:, None]
        return self.end_step(after, {DEALER: reward} if self._learning else {}, quantities)

    def _asked(self, state: RequestState) -> Array:
        """1 for the dealers who are asked, ``(B, N)``."""
        if not self._learning:
            return 0.0 * state.cost_quantile + 1.0
        xp = namespace(state.theta)
        place = xp.argsort(xp.argsort(state.order, axis=-1), axis=-1)
        return xp.astype(place < xp.floor(state.theta[:, :1] + 0.5), state.theta.dtype)

    def _cost(self, state: RequestState) -> Array:
        """Costs of learning dealers, or offers at random, ``(B, N)``."""
        u, theta = state.cost_quantile, state.theta
        if not self._learning:
            return quantile(u, theta[:, :1], theta[:, 1:2], theta[:, 2:])
        if self.costs == "uniform":
            return u
        c, H = cost_law(self.costs)
        return _interpolated(namespace(u), u, converted(H, u), converted(c, u))

    def _value(self, state: RequestState) -> Array:
        """The client's value of the trade, ``(B,)``."""
        u = state.value_quantile
        shared = 0.0 * u
        if not self._learning:
            return quantile(u, *(shared + value for value in CLIENT))
        return quantile(u, *self._client(state), shared + CLIENT_SHAPE)

    def _client(self, state: RequestState) -> tuple[Array, Array]:
        """Mean and scale of the client's value where dealers learn, ``(B,)`` each."""
        if self.design == "asked_and_client":
            return state.theta[:, 1], state.theta[:, 2]
        mean, scale = (0.0 * state.value_quantile + value for value in self.client)
        return mean, scale

    def observe(self, state: RequestState) -> dict[str, Array]:
        """Own cost, whether asked, and θ, ``(B, N, 2 + d)``."""
        if not self._learning:
            return {}
        xp, theta = namespace(state.theta), state.theta
        shared = 0.0 * state.cost_quantile
        columns = [
            self._cost(state),
            self._asked(state),
            1.0 / xp.floor(theta[:, :1] + 0.5) + shared,  # as mark-ups go
            *(theta[:, k : k + 1] - 1.0 + shared for k in range(1, theta.shape[1])),
        ]
        return {DEALER: xp.astype(xp.stack(columns, axis=-1), xp.float32)}

    def deciding(self, state: RequestState) -> dict[str, Array]:
        """The dealers who are asked, ``(B, N)``."""
        return {DEALER: self._asked(state)} if self._learning else {}

    def leader_observe(self, state: RequestState) -> Array:
        """Running acceptance rate and mean gap, ``(B, 2)``; 0 at the start."""
        xp = namespace(state.theta)
        past = at_least(xp, xp.astype(state.clock, state.theta.dtype), 1.0)
        seen = [state.accepted_sum / past, state.gap_sum / past]
        return xp.astype(xp.stack(seen, axis=-1), xp.float32)

    # What is computed ---------------------------------------------------------------------------

    def quotes(self, theta: ArrayLike | None = None) -> Quotes:
        """Dealers who quote at random under θ, ``(d,)``."""
        if self._learning:
            raise PacesetterError("dealers_are: learning: their quotes are those of `auction`.")
        mean, scale, shape = self.characteristics.validate(theta, 1)[0].tolist()
        return Quotes(mean, scale, shape, CLIENT, self.dealers)

    def auction(self, theta: ArrayLike | None = None) -> Auction:
        """The game of learning dealers under θ, ``(d,)``."""
        if not self._learning:
            raise PacesetterError("dealers_are: exogenous: their quotes are those of `quotes`.")
        asked, *client = self.characteristics.validate(theta, 1)[0].tolist()
        mean, scale = client or self.client
        return Auction(int(asked + 0.5), (mean, scale, CLIENT_SHAPE), self.costs)

    def benchmark(self) -> dict[str, float]:
        """Acceptance, gap, prices and surplus, computed, at the default θ."""
        return self.auction().figures() if self._learning else self.quotes().figures()


def _prior(entries: Sequence[Characteristic], uniforms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Few asked as often as it takes for as many offers from each n, the client anywhere."""
    low, high = np.array([(entry.low, entry.high) for entry in entries]).T
    theta = low + uniforms * (high - low)
    weights = np.cumsum(1.0 / np.arange(1.0, high[0] + 1.0))
    theta[:, 0] = 1.0 + np.searchsorted(weights / weights[-1], uniforms[:, 0], side="right")
    return theta


def _interpolated(xp: Any, u: Array, H: Array, c: Array) -> Array:
    """c where the distribution function H, ``(C,)``, is u."""
    if xp is np:
        return np.interp(u, H, c)
    above = xp.clip(xp.searchsorted(H, u + 0.0), 1, H.shape[0] - 1)
    low, high = H[above - 1], H[above]
    return c[above - 1] + (c[above] - c[above - 1]) * (u - low) / (high - low)
