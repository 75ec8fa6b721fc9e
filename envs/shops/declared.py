"""What shops and customers may be, and what their market declares; what happens is in `market`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Le
from gymnasium.spaces import Box

from ..core.characteristics import Characteristics
from ..core.group import Group
from ..core.market import Market
from ..core.random_streams import Shock
from ..core.state import State
from .design import Design, characteristics_of
from .quantities import path_quantities
from .rules import check_options
from .state import ShopsState
from .terms import TERMS, Terms, each
from .view import customer_group, shop_group


@dataclass(frozen=True)
class ShopsDeclared(Market):
    """Options of shops and customers, and who and what there is under them.

    Attributes:
        shops, customers, periods: n, J and T.
        design: what θ is: the price of the last shop, which then is no agent; the reach of
            customers (connectivity and price of information); their mix (share of hurried ones and
            connectivity); their composition (all three); or the costs of storage and shortfall.
        customer_choice: by the entropic rule; all buy from the one shop there is; or learning.
        shortfall: orders beyond the stock are filled by express at w3 extra, or lost.
        storage_on: what is paid for: units left after sales, or after the restock.
        network: whether reach is drawn per step or per episode.
        shops_see: whether shops see the others' last prices.
        stock_held: False: no stock, storage or shortfall, the pricing game alone.
        fixed_prices: one for all shops or one for each, which then decide on stock alone, or on
            nothing where none is held; None: shops set prices.
        need: chances of needing 0, 1, … units.
        wholesale_costs, delivery_times: c and τ, one for all shops or one for each.
        shop_types: as given, or drawn per episode: c ∈ [.8, 1.2], τ ∈ {0, 1, 2}, w2 up to .3 and w3
            up to 1.5.
        customer_kinds: all alike, with `price_weight` and `delay_weight`, or a mix of hurried and
            thrifty ones.
        hurried_share: of a mix, where θ does not say.
        connectivity: chance that a customer reaches a shop, where θ does not say.
        information_cost: λ, in units of utility per nat, where θ does not say.
        storage_cost, shortfall_cost: w2 and w3 per unit, where θ does not say.
        capacity: most units of stock.
        highest_price: that shops may set.
    """

    shops: Annotated[int, Ge(1)] = 3
    customers: Annotated[int, Ge(1)] = 30
    periods: Annotated[int, Ge(1)] = 100
    design: Design = "rival_price"
    customer_choice: Literal["logit", "captive", "learning"] = "logit"
    shortfall: Literal["express", "lost"] = "express"
    storage_on: Literal["after_sales", "after_restock"] = "after_sales"
    network: Literal["per_step", "per_episode"] = "per_step"
    shops_see: Literal["own", "rivals"] = "own"
    stock_held: bool = False
    fixed_prices: tuple[float, ...] | None = None
    need: tuple[float, ...] = (0.0, 1.0)
    wholesale_costs: tuple[float, ...] = (1.0,)
    delivery_times: tuple[float, ...] = (0.0,)
    shop_types: Literal["fixed", "drawn"] = "fixed"
    customer_kinds: Literal["alike", "mixed"] = "alike"
    price_weight: Annotated[float, Gt(0)] = 1.0
    delay_weight: Annotated[float, Ge(0)] = 0.15
    hurried_share: Annotated[float, Ge(0), Le(1)] = 0.5
    connectivity: Annotated[float, Gt(0), Le(1), "0 reaches nobody, an empty market, and 1 all"] = (
        1.0
    )
    information_cost: Annotated[float, Ge(0.05)] = 0.25
    storage_cost: Annotated[float, Ge(0)] = 0.1
    shortfall_cost: Annotated[float, Ge(0)] = 0.5
    capacity: Annotated[int, Ge(1)] = 100
    highest_price: Annotated[float, Gt(0)] = 2.6

    name: ClassVar[str] = "shops"
    state_type: ClassVar[type[State]] = ShopsState
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {},
        {"design": "composition", "customer_kinds": "mixed", "delivery_times": (0.0, 1.0, 2.0)},
        {"design": "costs", "stock_held": True, "shortfall": "lost", "need": (0.5, 0.25, 0.25)},
        {"customer_choice": "learning", "shops": 2, "customers": 6, "connectivity": 0.8},
        {
            "design": "costs", "shops": 1, "customers": 5, "customer_choice": "captive",
            "stock_held": True, "fixed_prices": (1.0,), "wholesale_costs": (0.0,),
            "need": (0.2,) * 5, "shortfall": "lost", "storage_on": "after_restock",
        },
        {"design": "costs", "stock_held": True, "shop_types": "drawn", "shops_see": "rivals"},
        {"network": "per_episode", "connectivity": 0.5},
        {"design": "reach", "shops": 5},
        {"design": "mix", "customer_kinds": "mixed", "fixed_prices": (1.6, 1.3, 1.1)},
    )  # fmt: skip
    small: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "": {"shops": 2, "customers": 3},
        "learning": {"shops": 2, "customers": 3, "customer_choice": "learning"},
    }

    def __post_init__(self) -> None:
        """Refuse markets that contradict themselves."""
        super().__post_init__()
        check_options(self)

    @cached_property
    def agents(self) -> int:
        """Learning shops: all of them, or all but the one whose price is θ."""
        return self.shops - (self.design == "rival_price")

    @cached_property
    def terms(self) -> Terms:
        """Who customers and shops are under θ."""
        return Terms(
            names=self.characteristics.names,
            given={name: getattr(self, name) for name in TERMS},
            costs=each(self.wholesale_costs, self.shops),
            delays=each(self.delivery_times, self.shops),
            mixed=self.customer_kinds == "mixed",
            drawn=self.shop_types == "drawn",
        )

    @property
    def _shops_decide(self) -> bool:
        """Whether anything is left for shops to decide."""
        return self.fixed_prices is None or self.stock_held

    @cached_property
    def mean_need(self) -> float:
        """Units per customer and step."""
        return float(np.arange(len(self.need)) @ np.array(self.need))

    @cached_property
    def mean_demand(self) -> float:
        """Units per shop and step if all customers bought."""
        return self.customers * self.mean_need / self.shops

    @cached_property
    def characteristics(self) -> Characteristics:
        """As `design` says."""
        return characteristics_of(self.design, self.wholesale_costs[-1], self.highest_price)

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Shops, and customers if they learn."""
        customers = (customer_group(self.customers, self.shops),)
        people = customers if self.customer_choice == "learning" else ()
        if not self._shops_decide:
            return people
        lowest = min(self.wholesale_costs)
        shop = shop_group(
            self.agents,
            (lowest, self.highest_price) if self.fixed_prices is None else None,
            self.capacity if self.stock_held else None,
            self.characteristics.names,
        )
        return shop, *people

    @property
    def steps_per_episode(self) -> int:
        """Periods; the market goes on beyond them, so the last step truncates."""
        return self.periods

    @cached_property
    def leader_observation_space(self) -> Box:
        """Prices, shares of sales, share who buy nothing, mean stock."""
        return Box(-np.inf, np.inf, (2 * self.shops + 2,), np.float32)

    @property
    def quantities(self) -> dict[str, str]:
        """Path quantities."""
        return path_quantities(self.shops)

    @property
    def step_shocks(self) -> dict[str, Shock]:
        """Reach and needs of the next step, choices by rule, and who comes first."""
        people = (self.customers,)
        shocks = {"need": Shock("uniform", people)}
        if self.network == "per_step":
            shocks["edges"] = Shock("uniform", (*people, self.shops))
        if self.customer_choice == "logit":
            shocks["choice"] = Shock("uniform", people)
        if self.shortfall == "lost":
            shocks["queue"] = Shock("uniform", people)
        return shocks

    @property
    def reset_shocks(self) -> dict[str, Shock]:
        """Types, first reach and needs, and the prices posted first."""
        people = (self.customers,)
        return {
            "type_quantiles": Shock("uniform", people),
            "shop_quantiles": Shock("uniform", (self.shops, 4)),
            "edges": Shock("uniform", (*people, self.shops)),
            "need": Shock("uniform", people),
            "posted": Shock("uniform", (self.agents,)),
        }
