"""Currency dealers: price ladders by client tier and size, skewed by inventory, and a hedge.

D dealers stream mark-ups δ for every tier, size and side. One step is one request:

1. a dealer who holds q hedges ξ in the inter-dealer market: q' = q + ξ within ±Q, and the price
   moves, S' = S + k Σ ξ + σ √dt ε;
2. a client of some tier asks for some size on one side, and reaches each dealer by chance c;
3. it deals with dealer i with probability e^(−α − β δ_i) / (1 + Σ e^(−α − β δ_j)), the sum over
   those it reaches, otherwise with nobody; a trade that leaves ±Q is not offered;
4. a dealer earns ``z δ 1{dealt} − ψ |ξ| − η ξ² / dt + q (S' − S) − γ σ² q'² dt / 2``, over what a
   dealer without aversion to risk earns per step.

A dealer hedges knowing the last request, and quotes knowing its hedge.

| what | entries |
|---|---|
| dealer's observation | q / 20; arsinh(q / 2) / arsinh(10); c; ln γ from −1 to 1 over its range |
| dealer's action | from −1 to 1: mark-ups, tiers × sizes × (bid, ask), to [−.4, 2] bp; hedge u |
| leader's observation | shares of volume, internalisation of each dealer, share of requests dealt |

ξ = 10 sgn(u) max(|u| − .1, 0)² / .81 M: fine near 0, and exactly 0 in reach. A dealer sees its own
type, and never θ where θ distributes types. The bid is the mark-up at which q rises.

The model is that of Barzykin, Bergault and Guéant (see `presets` and `hjb`); several dealers of
types are our extension, after the multi-dealer markets of Vadori et al. (arXiv:2006.13085).

Version history: v1; v2: dealers see their inventory by its magnitude, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Le
from gymnasium.spaces import Box
from numpy.typing import ArrayLike, NDArray

from ..core.arrays import Array
from ..core.characteristics import Characteristics
from ..core.group import Group
from ..core.market import Actions, Market, Shocks
from ..core.random_streams import Shock
from ..core.state import State, changed
from ..core.step import Step
from .composition import Composition
from .curve import fitted
from .design import Design, Types, scaled_aversion
from .hjb import Dealer, alone, stationary_deviation
from .kernels import advance
from .ladders import Ladders
from .presets import Pair, pair_of
from .quantities import CURVE, OFFSETS, Measures
from .rules import check_options
from .state import DealerState
from .step_game import StepGame

DEALER = "dealer"
SEEN_INVENTORY, SMALL_INVENTORY = 20.0, 2.0  # M, at which either scale is 1, and bends
OPTIONS = (
    "sizes", "rates", "alphas", "betas", "volatility", "spread_cost", "depth_cost", "impact",
    "most_inventory",
)  # fmt: skip
"""Of the market, that replace those of the preset."""


@dataclass(frozen=True)
class FxDealer(Market):
    """Dealers who quote and hedge one currency pair.

    Attributes:
        preset: sizes, tiers, price and costs; see `presets`. The options below that are None are
            the preset's.
        dealers: D.
        design: what θ is; see `design.Types`.
        dealers_are: learning, or quoting by the closed form of their own type, and nobody learns.
        inventory_pnl: whether q (S' − S) is in the mean over the price's noise.
        request_pnl: whether what a request earns is in the mean over requests, given who is in
            reach: the same optimum, and less noise.
        potential: what inventories are worth while dealers learn: nothing, or −A q² / 2 as in the
            closed form, whose rise is paid, in the mean over requests where these are. Where
            dealers are patient the optimum is the same, and what is far off need not be learned.
        connectivity: chance to be in reach, where θ does not say.
        risk_aversions: γ, one for all dealers or one for each, where θ does not say; empty: the
            preset's.
        target_shares: of the volume, one for each dealer and 1 in sum: what `share_loss` is held
            to; empty: nothing is.
        target_flow: share dealt of the requests shown a mark-up of -.2, -.1, …, .5 bp, of both
            tiers: what `curve_loss` is held to; empty: nothing is.
        start: inventories that an episode starts with: none, or normal, with the stationary
            deviation of the closed form at the preset's γ, times `start_spread`.
        start_spread: more than 1 meets large inventories more often.
        days: of an episode.
        flow_curve: CSV file with the columns ``tier``, ``offset`` and ``share``, what clients are
            known to deal at which mark-up: replaces α and β; see `curve`.
        sizes, rates: M and requests per day by side and tier.
        alphas, betas: of each tier, the sensitive one first.
        volatility: σ, bp per √day.
        spread_cost, depth_cost, impact: ψ, η and k of a hedge.
        most_inventory: Q, M.
    """

    preset: Literal["usdcnh", "eurusd_2022", "eurusd_2021"] = "eurusd_2022"
    dealers: Annotated[int, Ge(1)] = 1
    design: Design = "single"
    dealers_are: Literal["learning", "closed_form"] = "learning"
    inventory_pnl: Literal["expected", "realised"] = "expected"
    request_pnl: Literal["expected", "realised"] = "realised"
    potential: Literal["none", "closed_form"] = "none"
    connectivity: Annotated[float, Gt(0), Le(1)] = 1.0
    risk_aversions: tuple[float, ...] = ()
    target_shares: tuple[float, ...] = ()
    target_flow: tuple[float, ...] = ()
    start: Literal["flat", "stationary"] = "flat"
    start_spread: Annotated[float, Gt(0)] = 1.0
    days: Annotated[float, Gt(0)] = 0.05
    flow_curve: str = ""
    sizes: tuple[float, ...] | None = None
    rates: tuple[float, ...] | None = None
    alphas: tuple[float, ...] | None = None
    betas: tuple[float, ...] | None = None
    volatility: Annotated[float, Gt(0)] | None = None
    spread_cost: Annotated[float, Ge(0)] | None = None
    depth_cost: Annotated[float, Gt(0)] | None = None
    impact: Annotated[float, Ge(0)] | None = None
    most_inventory: Annotated[float, Gt(0)] | None = None

    name: ClassVar[str] = "fx_dealer"
    state_type: ClassVar[type[State]] = DealerState
    namespaces: ClassVar[tuple[str, ...]] = ("numpy",)
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {},
        {"preset": "usdcnh", "inventory_pnl": "realised"},
        {"preset": "eurusd_2021", "request_pnl": "expected", "potential": "closed_form",
         "start": "stationary", "days": 0.01},
        {"dealers": 3, "design": "composition", "request_pnl": "expected"},
        {"dealers": 2, "design": "supertypes"},
        {
            "dealers": 2, "design": "connectivity", "risk_aversions": (0.002, 0.01),
            "target_shares": (0.4, 0.6), "days": 0.005,
        },
        {
            "dealers": 2, "design": "connectivity_and_tiers", "days": 0.002,
            "target_flow": (1.0, 0.9, 0.8, 0.6, 0.4, 0.3, 0.2, 0.1), "dealers_are": "closed_form",
        },
        {"dealers": 3, "design": "composition", "dealers_are": "closed_form"},
    )  # fmt: skip
    small: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "": {"preset": "usdcnh"},
        "composition": {"dealers": 2, "design": "composition", "sizes": (1.0, 50.0),
                        "rates": (900.0, 900.0)},
    }  # fmt: skip

    def __post_init__(self) -> None:
        """Refuse markets that contradict themselves."""
        super().__post_init__()
        check_options(self)
        self.pair  # noqa: B018 - what it is made of is checked

    @cached_property
    def pair(self) -> Pair:
        """What is dealt with: the preset and what replaces it."""
        given = {name: getattr(self, name) for name in OPTIONS if getattr(self, name) is not None}
        pair = pair_of(self.preset, given)
        if not self.flow_curve:
            return pair
        alphas, betas = fitted(self.flow_curve, pair.tiers)
        return pair_of(self.preset, given | {"alphas": alphas, "betas": betas})

    @cached_property
    def types(self) -> Types:
        """Who the dealers are under θ."""
        given = self.risk_aversions or (self.pair.risk_aversion,)
        each = given * self.dealers if len(given) == 1 else given
        return Types(self.design, self.dealers, self.pair, self.connectivity, each)

    @cached_property
    def characteristics(self) -> Characteristics:
        """As `design` says."""
        return self.types.characteristics

    @cached_property
    def ladders(self) -> Ladders:
        """What actions stand for, and the closed form."""
        return Ladders(self.pair)

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The dealers, if they learn."""
        if self.dealers_are != "learning":
            return ()
        seen = np.array([np.inf, np.inf, 1.0, 1.0], dtype=np.float32)
        actions = int(np.prod(self.ladders.shape)) + 1
        return (
            Group(
                name=DEALER,
                size=self.dealers,
                observation_space=Box(-seen, seen),
                action_space=Box(-1.0, 1.0, (actions,), np.float32),
                view=self.characteristics.names if self.design == "single" else (),
            ),
        )

    @property
    def steps_per_episode(self) -> int:
        """Requests of so many days; they go on, so the last one truncates."""
        return max(1, round(self.days * self.pair.total_rate))

    @cached_property
    def leader_observation_space(self) -> Box:
        """Shares of volume, internalisation, share dealt."""
        return Box(-np.inf, np.inf, (2 * self.dealers + 1,), np.float32)

    @property
    def quantities(self) -> dict[str, str]:
        """Path quantities."""
        return self._measures.descriptions

    @cached_property
    def _measures(self) -> Measures:
        return Measures(self.pair, self.dealers, self.target_shares, self.target_flow)

    @property
    def step_shocks(self) -> dict[str, Shock]:
        """The request, who is in reach, the choice, and the price."""
        return {
            "price": Shock("normal"),
            "request": Shock("uniform", (3,)),
            "reach": Shock("uniform", (self.dealers,)),
        }

    @property
    def reset_shocks(self) -> dict[str, Shock]:
        """Types, and first inventories."""
        return {
            "inventory": Shock("normal", (self.dealers,)),
            "type_quantiles": Shock("uniform", (self.dealers, 2)),
        }

    def initial(self, theta: Array, shocks: Shocks) -> dict[str, Array]:
        """Inventories as `start` says."""
        Q, Z = self.pair.most_inventory, len(self.pair.sizes)
        nothing = np.zeros((len(theta), self.dealers))
        inventory = nothing
        if self.start == "stationary":
            # Of the pair's own aversion to risk: where an episode starts does not depend on θ.
            deviation = stationary_deviation(self.pair) * self.pair.risk_aversion**-0.25
            inventory = np.clip(self.start_spread * deviation * shocks["inventory"], -Q, Q)
        return {
            "inventory": inventory,
            "price": np.zeros(len(theta)),
            "volume": nothing,
            "hedged": nothing,
            "won": np.zeros((len(theta), self.dealers, Z)),
            "asked": np.zeros((len(theta), Z)),
            "shown": np.zeros((len(theta), len(OFFSETS))),
            "dealt": np.zeros((len(theta), len(OFFSETS))),
            "type_quantiles": shocks["type_quantiles"],
        }

    @cached_property
    def _terms(self) -> NDArray[np.float64]:
        pair = self.pair
        return np.array(
            [
                pair.most_inventory,
                pair.spread_cost,
                pair.depth_cost / pair.dt,
                pair.impact,
                pair.volatility * np.sqrt(pair.dt),
                0.5 * pair.volatility**2 * pair.dt,
                self.ladders.neutral_per_step,
            ]
        )

    @cached_property
    def _fixed(self) -> tuple[NDArray[Any], ...]:
        pair = self.pair
        flags = np.array([self.inventory_pnl == "realised", self.request_pnl == "realised"])
        return np.array(pair.sizes), np.array(pair.alphas), np.array(pair.betas), flags

    def transition(self, state: DealerState, actions: Actions, shocks: Shocks) -> Step:
        """Hedges, the price, a request and its choice."""
        B, D = state.inventory.shape
        T, Z, _ = self.ladders.shape
        gamma = self.types.aversion(state.theta, state.type_quantiles)
        reach = self.types.reach(state.theta, state.type_quantiles)
        if self.groups:
            markup, hedge = self.ladders.of_actions(actions[DEALER])
        else:
            markup, hedge = self.ladders.closed_form(state.inventory, gamma, reach)
        bend = 0.0 * gamma if self.potential == "none" else self.ladders.bend(gamma, reach)
        sizes, alphas, betas, flags = self._fixed
        inventory, price = state.inventory.copy(), state.price.copy()
        volume, hedged = state.volume.copy(), state.hedged.copy()
        won, asked = state.won.copy(), state.asked.copy()
        reward, won_now = np.empty((B, D)), np.zeros((B, D, Z))
        shown, dealt = np.zeros((2, B, T, len(OFFSETS)))
        advance(
            markup, hedge, inventory, price, gamma, reach, bend, self.types.chances(state.theta),
            sizes, alphas, betas, self._terms, flags, shocks["request"], shocks["reach"],
            shocks["price"], CURVE, volume, hedged, won, asked, reward, won_now, shown, dealt,
        )  # fmt: skip
        after = changed(
            state,
            inventory=inventory,
            price=price,
            volume=volume,
            hedged=hedged,
            won=won,
            asked=asked,
            shown=state.shown + shown.sum(axis=1),
            dealt=state.dealt + dealt.sum(axis=1),
        )
        quantities = {
            "inventory": inventory,
            "hedged": np.abs(hedge),
            "volume": won_now @ sizes,
            "requests_won": won_now.sum(axis=2),
            **self._measures.so_far(after),
            **self._measures.of_requests(won_now, shown, dealt),
        }
        ends = state.clock + 1 >= self.steps_per_episode
        quantities |= self._measures.losses(after, quantities["market_share"], ends)
        for t, tier in enumerate(self.pair.tiers):
            quantities[f"markup_{sizes[0]:g}M_{tier}"] = markup[:, :, t, 0].mean(axis=-1)
        return self.end_step(after, {DEALER: reward} if self.groups else {}, quantities)

    def observe(self, state: DealerState) -> dict[str, Array]:
        """Inventory, evenly and by magnitude, and own type, ``(B, D, 4)``."""
        if not self.groups:
            return {}
        seen = np.empty((*state.inventory.shape, 4), dtype=np.float32)
        seen[..., 0] = state.inventory / SEEN_INVENTORY
        # Hedges rise steeply among small inventories, which an even scale hardly tells apart.
        unit = np.arcsinh(SEEN_INVENTORY / SMALL_INVENTORY)
        seen[..., 1] = np.arcsinh(state.inventory / SMALL_INVENTORY) / unit
        seen[..., 2] = self.types.reach(state.theta, state.type_quantiles)
        aversion = self.types.aversion(state.theta, state.type_quantiles)
        seen[..., 3] = np.clip(scaled_aversion(aversion), -1.0, 1.0)
        return {DEALER: seen}

    def leader_observe(self, state: DealerState) -> Array:
        """Shares of volume, internalisation and share dealt so far, ``(B, 2 D + 1)``."""
        found = self._measures.so_far(state)
        seen = [found["market_share"], found["internalisation"], found["dealt_share"][:, None]]
        return np.concatenate(seen, axis=1).astype(np.float32)

    # What is computed ---------------------------------------------------------------------------

    def dealer(self, risk_aversion: float) -> Dealer:
        """The problem of a dealer alone, in continuous time."""
        return alone(self.pair, risk_aversion, self.connectivity)

    def step_game(self, risk_aversion: float) -> StepGame:
        """The same in this market's steps: the regret oracle of a dealer alone."""
        return StepGame(self.dealer(risk_aversion))

    def composition(self, theta: ArrayLike | None = None) -> Composition:
        """Dealers who share the flow, of the types that θ ``(d,)`` gives at the median."""
        row = self.characteristics.validate(theta, 1)
        median = np.full((1, self.dealers, 2), 0.5)
        share = None
        if "sensitive_share" in self.characteristics.names:
            share = float(row[0, -1])
        return Composition(
            self.pair,
            tuple(self.types.reach(row, median)[0].tolist()),
            tuple(self.types.aversion(row, median)[0].tolist()),
            share,
        )

    def benchmark(self) -> dict[str, float]:
        """The best ladder of a dealer alone, or the oblivious equilibrium, at the default θ."""
        if self.dealers == 1 and self.design == "single":
            gamma = float(self.characteristics.default[0])
            dealer = self.dealer(gamma)
            best = dealer.solve()
            middle = best.at(0.0)
            figures = {
                "gain": best.gain,
                "gain_of_the_step_game": self.step_game(gamma).solve().gain,
                "no_hedge_zone": dealer.zone(best.value),
                "internalisation": best.internalisation,
                "inventory_deviation": best.deviation,
                "client_volume": best.client_volume,
            }
            for t, tier in enumerate(self.pair.tiers):
                spread = float(best.markup[middle, t, 0].sum())
                figures[f"spread_{self.pair.sizes[0]:g}M_{tier}"] = spread
            return figures
        found = self.composition().equilibrium()
        figures = {"dealt_share": float(found.request_share.sum())}
        for i in range(self.dealers):
            figures[f"market_share_{i + 1}"] = float(found.volume_share[i])
            figures[f"internalisation_{i + 1}"] = float(found.internalisation[i])
        return figures
