"""Shops and customers: prices, stock and who reaches whom.

n shops set a price and order stock; J customers choose a shop, or nothing. One step:

1. a shop sets its price and orders units: its stock becomes ``clip(left + ordered, 0, capacity)``;
2. a customer of type (w1, w2) sees price and delivery time of the shops it reaches;
3. it orders what it needs from one of them, or nothing;
4. orders, sales, shortfall and what is left follow by the rule `shortfall`;
5. a shop earns ``[(p − c) sales − w2 storage − w3 shortfall] / (J · mean need)``, a customer
   ``v − w1 p − w2 τ`` per unit that it gets; reach and needs of the next step are drawn.

| what | entries |
|---|---|
| shop's observation | own state: stock, last sales, last missed (of mean demand), price − 1; |
| | mean and lowest visible price of others, − 1; c, τ, w2, w3; view of θ, from −1 to 1 |
| shop's action | price and units ordered (Box), of these what is to be decided |
| customer's observation | reach, price − 1, τ by shop; w1, w2, λ / (λ + ¼) |
| customer's action | a shop, or nothing, the last one (Discrete) |
| leader's observation | prices − 1, shares of units sold, share who buy nothing, mean stock |

*Timing.* Customers by rule meet the price of the same step, so that pricing is a game of one step
(discount 0). Customers who learn must see prices first: what a shop decides is posted, and met one
step later (discount 0.9 or more).

*Numbers.* v = 2, c = 1, λ = ¼ and nothing worth 0 are those of Calvano, Calzolari, Denicolò and
Pastorello (American Economic Review 2020): their logit demand is equation (1) of `customers` for
customers alike who reach every shop. The supply chain with captive customers is that of Phantom
(github.com/jpmorganchase/Phantom).

Version history: v1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..core.arrays import Array, constant, namespace, row_mean, row_sum
from ..core.errors import unknown
from ..core.market import Actions, Shocks
from ..core.populations import drawn_from
from ..core.step import Step
from .customers import bought_by_rule, served, utilities
from .declared import ShopsDeclared
from .newsvendor import PricedStock
from .pricing import MOST_SHOPS, Competition, settled_prices
from .quantities import Traded
from .state import ShopsState
from .stock import BaseStock, base_stock, demand_law
from .terms import each
from .view import CUSTOMER, SHOP, customer_sees, shop_sees

FIRST_PRICE = 1.5


@dataclass(frozen=True)
class Shops(ShopsDeclared):
    """Competition in prices and stock for customers of kinds."""

    def initial(self, theta: Array, shocks: Shocks) -> dict[str, Array]:
        """Shops have mean demand in stock; posted prices are anything they may be."""
        nothing = 0.0 * shocks["shop_quantiles"][:, :, 0]
        price = FIRST_PRICE + 0.0 * shocks["posted"]
        if self.customer_choice == "learning":
            lowest = min(self.wholesale_costs)
            price = lowest + (self.highest_price - lowest) * shocks["posted"]
        if self.fixed_prices is not None:
            price = constant(np.array(each(self.fixed_prices, self.shops)), price) + 0.0 * price
        return {
            "price": price,
            "stock": nothing + self.mean_demand,
            "last_sales": nothing,
            "last_missed": nothing,
            "last_nothing": nothing[:, 0],
            "need": drawn_from(self.need, shocks["need"]),
            "type_quantiles": shocks["type_quantiles"],
            "shop_quantiles": shocks["shop_quantiles"],
            "edge_uniforms": shocks["edges"],
        }

    def _decided(self, state: ShopsState, actions: Actions) -> tuple[Array, Array, Array]:
        """Prices that customers meet ``(B, n)``, those posted and units ordered ``(B, N)``."""
        xp = namespace(state.theta)
        price, ordered = state.price, 0.0 * state.price
        if self._shops_decide:
            chosen = xp.astype(actions[SHOP], state.theta.dtype)
            price = chosen[:, :, 0] if self.fixed_prices is None else price
            ordered = chosen[:, :, -1] if self.stock_held else ordered
        met = self.terms.standing(state)
        if self.customer_choice != "learning":
            met = price if self.agents == self.shops else xp.concat([price, state.theta], axis=1)
        return met, price, ordered

    def transition(self, state: ShopsState, actions: Actions, shocks: Shocks) -> Step:
        """Customers order, shops deliver and restock; see the five lines of the module."""
        xp = namespace(state.theta)
        unit = self.customers * self.mean_need
        price, posted, ordered = self._decided(state, actions)
        c, tau, w2, w3 = self.terms.shop_types(state)
        utility = utilities(self.terms.people(state), price, tau)
        bought = self._bought(state, utility, actions, shocks)  # (B, J, n)
        units = bought * state.need[:, :, None]
        O = xp.sum(units, axis=1)  # noqa: E741 - the orders of the equations
        got, sales, stock, left, missed = units, O, 0.0 * O, 0.0 * O, 0.0 * O
        if self.stock_held:
            stock = self._restocked(state, ordered)
            left, missed = xp.clip(stock - O, 0.0, None), xp.clip(O - stock, 0.0, None)
            if self.shortfall == "lost":
                got = served(xp, units, stock, shocks["queue"])
                sales = xp.sum(got, axis=1)
        stored = left if self.storage_on == "after_sales" else stock
        profit = ((price - c) * sales - w2 * stored - w3 * missed) / unit
        share_got = got / xp.clip(state.need, 1.0, None)[:, :, None]
        utility_got = row_sum(xp, utility * share_got)  # (B, J)
        in_need = row_sum(xp, xp.astype(state.need > 0, price.dtype))
        buyers = xp.sum(bought * xp.astype(state.need > 0, price.dtype)[:, :, None], axis=(1, 2))
        nothing = (in_need - buyers) / xp.clip(in_need, 1.0, None)
        after = ShopsState(
            theta=state.theta,
            clock=state.clock,
            step_stream=state.step_stream,
            reset_stream=state.reset_stream,
            price=posted,
            stock=left,
            last_sales=sales,
            last_missed=missed,
            last_nothing=nothing,
            need=drawn_from(self.need, shocks["need"]),
            type_quantiles=state.type_quantiles,
            shop_quantiles=state.shop_quantiles,
            edge_uniforms=shocks.get("edges", state.edge_uniforms),
        )
        rewards = {SHOP: profit[:, : self.agents]} if self._shops_decide else {}
        if self.customer_choice == "learning":
            rewards[CUSTOMER] = utility_got
        traded = Traded(price, O, sales, missed, stock, profit, state.need, nothing, utility_got)
        return self.end_step(after, rewards, traded.quantities(xp, unit))

    def _restocked(self, state: ShopsState, ordered: Array) -> Array:
        """Units at hand once orders ``(B, N)`` have come, ``(B, n)``."""
        xp = namespace(state.theta)
        if self.agents < self.shops:  # the shop whose price is θ replaces what was last asked for
            asked = (
                state.last_sales
                if self.shortfall == "express"
                else (state.last_sales + state.last_missed)
            )
            ordered = xp.concat([ordered, asked[:, -1:]], axis=1)
        return xp.clip(state.stock + ordered, 0.0, float(self.capacity))

    def _bought(self, state: ShopsState, utility: Array, actions: Actions, shocks: Shocks) -> Array:
        """Whom each customer orders from, 1 for one shop at most, ``(B, J, n)``."""
        xp = namespace(state.theta)
        edges = self.terms.edges(state)
        if self.customer_choice == "captive":
            return edges + 0.0 * utility
        if self.customer_choice == "learning":
            shop = xp.astype(actions[CUSTOMER], xp.int64)[:, :, None]
            places = constant(np.arange(self.shops), shop)
            return edges * xp.astype(shop == places, utility.dtype)
        cost = self.terms.term(state.theta, "information_cost")
        return bought_by_rule(xp, utility, edges, cost, shocks["choice"])

    def observe(self, state: ShopsState) -> dict[str, Array]:
        """What shops, and customers who learn, see; see the module."""
        xp = namespace(state.theta)
        N, prices, types = self.agents, self.terms.standing(state), self.terms.shop_types(state)
        own = [
            array[:, :N] / self.mean_demand
            for array in (state.stock, state.last_sales, state.last_missed)
        ]
        theta = 2.0 * self.characteristics.to_unit(state.theta) - 1.0
        mine = [entry[:, :N] for entry in types]
        seen = {}
        if self._shops_decide:
            visible = self.shops_see == "rivals"
            seen[SHOP] = shop_sees(xp, own, prices, visible, mine, theta)
        if self.customer_choice == "learning":
            cost = self.terms.term(state.theta, "information_cost")
            edges, people = self.terms.edges(state), self.terms.people(state)
            seen[CUSTOMER] = customer_sees(xp, edges, prices, types[1], people, cost)
        return seen

    def leader_observe(self, state: ShopsState) -> Array:
        """Prices, shares of sales, share who buy nothing and mean stock, ``(B, 2 n + 2)``."""
        xp = namespace(state.theta)
        sold = xp.clip(row_sum(xp, state.last_sales), 1.0, None)[:, None]
        seen = [
            self.terms.standing(state) - 1.0,
            state.last_sales / sold,
            state.last_nothing[:, None],
            row_mean(xp, state.stock)[:, None] / self.mean_demand,
        ]
        return xp.astype(xp.concat(seen, axis=1), xp.float32)

    def information_costs(self, state: ShopsState) -> dict[str, Array]:
        """λ of learning customers, in utility per nat, ``(B, J)``."""
        if self.customer_choice != "learning":
            return {}
        return {
            CUSTOMER: self.terms.term(state.theta, "information_cost") + 0.0 * state.type_quantiles
        }

    def planted_sample(self, theta: Any, number: int, seed: int, quantity: str = "share_0") -> Any:
        """A path quantity of so many steps in the computed equilibrium under θ, ``(number,)``."""
        if self.design == "rival_price" or self.stock_held or self.shop_types == "drawn":
            return super().planted_sample(theta, number, seed, quantity)
        if quantity not in self.quantities:
            raise unknown("planted path quantity of market 'shops'", quantity, self.quantities)
        prices = settled_prices(self.competition(theta))
        settled = replace(self, fixed_prices=prices, customer_choice="logit")
        step = settled.step(settled.reset(seed, number, theta), {})
        return np.asarray(step.quantities[quantity]).reshape(-1)

    # What is computed ---------------------------------------------------------------------------

    def competition(self, theta: ArrayLike | None = None) -> Competition:
        """The pricing game under θ, ``(d,)``, for customers by rule and shops as given."""
        return self.terms.competition(self.characteristics.validate(theta, 1), self.highest_price)

    def stocking(self, share: float, price: float, theta: ArrayLike | None = None) -> BaseStock:
        """The value of every level of stock to a shop that wins a share of customers at a price."""
        w2, w3 = self.terms.stock_costs(self.characteristics.validate(theta, 1))
        law = demand_law(share, self.need, self.customers)
        markup = price - self.wholesale_costs[0]
        return base_stock(law, markup, w2, w3, self.shortfall, self.storage_on, self.capacity)

    def priced_stock(self, theta: ArrayLike | None = None) -> PricedStock:
        """The game of prices and stock under θ, ``(d,)``."""
        theta = self.characteristics.validate(theta, 1)
        storage, shortfall = self.terms.stock_costs(theta)
        return PricedStock(
            game=self.terms.competition(theta, self.highest_price),
            customers=self.customers,
            need=self.need,
            storage_cost=storage,
            shortfall_cost=shortfall,
            shortfall=self.shortfall,
            storage_on=self.storage_on,
            capacity=self.capacity,
        )

    def benchmark(self) -> dict[str, float]:
        """The equilibrium in prices, and stock where it is held; the best stock if captive."""
        if self.customer_choice == "captive":
            per_reward = self.customers * self.mean_need
            return self.stocking(1.0, (self.fixed_prices or (0.0,))[0]).figures(per_reward)
        if self.shop_types == "drawn" or self.shops > MOST_SHOPS:
            return {}
        if self.stock_held:
            known = self.fixed_prices is None and (self.shortfall == "express" or self.shops == 1)
            return self.priced_stock().figures() if known else {}
        return self.competition().figures(leads=self.design == "rival_price")
