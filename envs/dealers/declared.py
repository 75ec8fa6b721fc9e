"""What makers and investors may be, and what their market declares; what happens is in `market`."""

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
from ..core.populations import By
from ..core.random_streams import Shock
from ..core.state import State
from . import quoting
from .payments import path_quantities
from .price import Law
from .rules import check_options
from .state import DealersState
from .terms import TRAITS, Terms, each
from .view import investor_group, maker_group

Scenario = Literal["makers", "investors", "both"]


@dataclass(frozen=True)
class DealersDeclared(Market):
    """Options of makers and investors, and who and what there is under them.

    Attributes:
        scenario: who learns. Makers meet takers with fixed rules; investors pay the exchange; in
            both they meet each other and the takers.
        makers, investors, takers: M, N and the number of takers with fixed rules, N_b.
        periods: T. Makers' episodes are cut, those with investors end.
        price: law of the reference price; None: a random walk for makers alone, else one that
            reverts to its fundamental, so that there is something to find.
        network: every maker reaches exactly a share c of takers, drawn per episode, or each taker
            with chance c in every step.
        inventory_pnl: how inventory is paid: by the price's move; by what could be foreseen of it;
            or, unit by unit, by what could be foreseen until the end when it was traded. All have
            the same optimum. On a random walk the latter two are 0, and have less noise; over a
            day of a price that reverts the second has more, as what was not foreseen is made up
            for later, and the third has least.
        request_pnl: whether rewards pay offsets of the units dealt with takers, or of those to be
            expected given whom makers reach and what they show: the same optimum, and less noise.
            Path quantities are of the units dealt.
        types: how the types of makers and investors are distributed.
        spreads: half-widths of the distributions of risk aversion, connectivity and weight, by
            that order; None: they are characteristics.
        makers_are: learning, or quoting as is best for one maker alone.
        risk_aversion, connectivity, profit_weight: of everybody; None: characteristics.
        share_weights, share_targets: w_s and m*, one for all makers or one for each.
        investor_risk: γ_I of every investor.
    """

    scenario: Scenario = "makers"
    makers: Annotated[int, Ge(1)] = 1
    investors: Annotated[int, Ge(1)] = 10
    takers: Annotated[int, Ge(0)] = 10
    periods: Annotated[int, Ge(1)] = 100
    price: Law | None = None
    network: Literal["fixed", "per_step"] = "fixed"
    inventory_pnl: Literal["realised", "expected", "at_trade"] = "realised"
    request_pnl: Literal["realised", "expected"] = "realised"
    types: By = "common"
    spreads: tuple[float, ...] | None = None
    makers_are: Literal["learning", "computed"] = "learning"
    risk_aversion: Annotated[float, Ge(0), Le(quoting.MOST_RISK_AVERSION)] | None = None
    connectivity: Annotated[float, Gt(0), Le(1)] | None = None
    profit_weight: Annotated[float, Ge(0), Le(1)] | None = None
    share_weights: tuple[float, ...] = (0.0,)
    share_targets: tuple[float, ...] = (0.12,)
    investor_risk: Annotated[float, Ge(0)] = 0.0

    name: ClassVar[str] = "dealers"
    state_type: ClassVar[type[State]] = DealersState
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {},
        {
            "makers": 3, "network": "per_step", "risk_aversion": 0.0, "request_pnl": "expected",
        },
        {"makers": 2, "types": "individual", "price": "mean_reverting", "share_weights": (10.0,)},
        {"types": "distribution", "makers_are": "computed", "spreads": (0.02, 0.2, 0.0)},
        {"scenario": "investors", "investors": 3, "investor_risk": 0.1},
        {
            "scenario": "both", "makers": 2, "investors": 4, "types": "distribution",
            "network": "per_step", "inventory_pnl": "at_trade", "request_pnl": "expected",
        },
    )  # fmt: skip
    small: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "": {"takers": 4},
        "both": {"scenario": "both", "makers": 2, "investors": 2, "takers": 2},
    }

    def __post_init__(self) -> None:
        """Refuse markets that contradict themselves."""
        super().__post_init__()
        check_options(self)

    @property
    def alone(self) -> bool:
        """Whether quotes that depend on inventory alone are computed."""
        single = self.scenario == "makers" and self.makers == 1 and self.network == "fixed"
        return single and self.law == "random_walk" and max(self.share_weights) == 0.0

    @cached_property
    def _makers(self) -> int:
        return 0 if self.scenario == "investors" else self.makers

    @cached_property
    def _investors(self) -> int:
        return 0 if self.scenario == "makers" else self.investors

    @cached_property
    def _learning_makers(self) -> bool:
        return self._makers > 0 and self.makers_are == "learning"

    @cached_property
    def law(self) -> Law:
        """Of the reference price."""
        if self.price is not None:
            return self.price
        return "random_walk" if self.scenario == "makers" else "mean_reverting"

    @cached_property
    def terms(self) -> Terms:
        """Reads types and reach."""
        given = {t.name: getattr(self, t.name) for t in TRAITS}
        names = [trait.name for trait in TRAITS]
        spreads = {} if self.spreads is None else dict(zip(names, self.spreads, strict=True))
        return Terms(
            makers=self._makers,
            investors=self._investors,
            by=self.types,
            given={name: value for name, value in given.items() if value is not None},
            spreads=spreads,
            exactly=self.network == "fixed",
        )

    @cached_property
    def characteristics(self) -> Characteristics:
        """Types of makers and investors."""
        return self.terms.characteristics

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Makers, investors, or both."""
        makers = (maker_group(self._makers),) if self._learning_makers else ()
        return (*makers, *((investor_group(self._investors),) if self._investors else ()))

    @property
    def steps_per_episode(self) -> int:
        """Periods."""
        return self.periods

    @property
    def ends_at_horizon(self) -> bool:
        """Where there are investors, whose totals are of a day; inventories count to the price."""
        return self._investors > 0

    @cached_property
    def leader_observation_space(self) -> Box:
        """Mean size of inventories, mean half-spread, units dealt, and the price."""
        return Box(-np.inf, np.inf, (4,), np.float32)

    @property
    def quantities(self) -> dict[str, str]:
        """Path quantities."""
        return path_quantities(self._makers > 0, self._investors > 0)

    @property
    def step_shocks(self) -> dict[str, Shock]:
        """The price's move; who wants to deal, how badly, and who is reached next."""
        shocks = {"price": Shock("normal")}
        if self._makers:
            shocks["wish"] = Shock("uniform", (self.takers,))
            shocks["reservation"] = Shock("uniform", (self.takers,))
            if self.network == "per_step":
                shocks["edges"] = Shock("uniform", (self._reachable, self._makers))
        return shocks

    @property
    def _reachable(self) -> int:
        return self.takers + self._investors

    @property
    def reset_shocks(self) -> dict[str, Shock]:
        """First deviation of the price, types, and who is reached."""
        widths = self.terms.widths
        return {
            "deviation": Shock("normal"),
            "maker_quantiles": Shock("uniform", (self._makers, widths[0])),
            "investor_quantiles": Shock("uniform", (self._investors, widths[1])),
            "edges": Shock("uniform", (self._reachable, self._makers)),
        }

    def _each(self, option: str) -> tuple[float, ...]:
        return each(getattr(self, option), self.makers)[: self._makers]
