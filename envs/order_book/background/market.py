"""The background of the order-book market: who trades, and under which parameters.

Two presets are after the reference market simulation configurations of ABIDES (Byrd, Hybinette and
Balch 2020, arXiv:1904.12066; Amrouni et al. 2021, arXiv:2110.14771):

| | rmsc04 | rmsc03 |
|---|---|---|
| noise, value, momentum agents, market makers | 1000, 102, 12, 2 | 5000, 100, 25, 2 |
| volatility of the fundamental value | 5e-5 cents per √ns | 1e-3 |
| value agents: mean wake, observation variance | 175.4 s, 1,000 | 14.3 s, 10,000 |
| momentum agents: mean wake | 37 s | 20 s |
| market makers: mean wake, price skew, backstop | 60 s, 4, 0 | 10 s, 0, 50,000 |
| order sizes | a mixture around 100 | 20 to 49; momentum agents 1 to 9 |

rmsc03 without its execution agent is the "real" market of INTAGS (appendix D.1). The rules of the
agents are in `agents`. A third preset, ``realistic``, is ours: its large orders are worked in parts
and its market makers see through them, so that returns, signs, volume and impact are as in real
markets; see `flow`, and the table `order_book_facts`.

Version history: v1.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, Self

import numpy as np
from annotated_types import Ge, Gt, Le
from numpy.typing import NDArray

from ...core.errors import PacesetterError, unknown
from ...core.ranges import check_ranges
from .layout import PARAMETERS

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
LIGHT_NS_PER_METRE = 1e9 / 299_792_458
NEW_YORK_TO_SEATTLE_METRES = 3_866_660
EXACT_WINDOW = 1 << 18  # from 0 to 2.6 times the mean price: whatever the original ever quoted


@dataclass(frozen=True)
class BackgroundMarket:
    """Composition and parameters of a background market; the defaults are rmsc04.

    Times are in nanoseconds, or in nanoseconds since midnight; prices in cents; sizes in shares.

    Attributes:
        noise_agents: each wakes once, between `noise_open_ns` and `noise_close_ns`.
        value_agents, momentum_agents, market_makers: numbers of agents.
        noise_multiplier: times as many noise agents as that wake.
        open_ns, close_ns: hours of trading.
        mean_price: r̄, where the fundamental value begins and what it reverts to.
        mean_reversion_per_ns: κ of the fundamental value.
        volatility_per_root_ns: σ of the fundamental value.
        shock_rate_per_ns, shock_mean, shock_variance: jumps of the fundamental value, either sign.
        value_wake_ns: mean time between the wakes of a value agent.
        observation_variance: of a value agent's observation of the fundamental value, cents².
        belief_reversion_per_ns: mean reversion until the close that value agents believe in.
        value_at_touch_share: share of a value agent's orders that go to the far touch.
        momentum_wake_ns: mean time between the wakes of a momentum agent.
        maker_wake_ns: mean time between the wakes of a market maker, and its look-back for volume.
        maker_volume_share: size of an order as a share of the volume traded in that time.
        maker_levels: prices of a ladder.
        maker_least_size: of an order.
        maker_level_spacing: between prices of a ladder, in spreads.
        maker_spread_weight: of the newest spread in the market maker's average.
        maker_first_spread: where that average begins, cents.
        maker_least_spread: market makers never quote closer than that, cents.
        maker_cancel_delay_ns: between cancellations and the look at the book.
        maker_price_skew: cents by which a wholly one-sided volume moves the ladders.
        maker_backstop_size: size of the outermost orders; 0: as the others.
        maker_alarm_imbalance: of the book, above which market makers quote again at once.
        computation_delay_ns: that everybody thinks for.
        line_length_ns: of the line that agents and exchange live on, in time of light.
        size_mixture: sizes are drawn from the mixture of rmsc04; otherwise from the lots.
        lot_low, lot_high: sizes of noise and value agents; a value agent keeps its own.
        momentum_lot_low, momentum_lot_high: sizes of momentum agents, who keep their own.
        price_window: cents that resting orders may span; orders further away are refused.
        abides_exact: follow the original where `agents` departs from it; orders rest at any price.
        flow_rate_per_ns: children of parent orders that are worked in parts; 0: none, and prices
            follow the rules of rmsc04 and rmsc03. Where there are some, market makers quote around
            a public value, see `flow`.
        flow_parents: parent orders that are worked at any time.
        parent_tail, parent_most: Pareto exponent of the number of children of a parent order, and
            its upper end.
        flow_impact: cents by which a trade of `flow_unit` shares moves the public value if nobody
            expected it.
        flow_unit: shares.
        news_rate_per_ns, news_size, news_tail: jumps of the public value: how often, their
            standard deviation in cents, and the Pareto exponent of their size.
        activity_feedback: share of the activity that past changes of the public value make.
        variance_per_ns: cents² per ns by which the public value moves at an activity of 1; if it
            is set too small, activity grows to its bound.
        day_shape: by how much activity is above its mean at opening and close, over one half.
    """

    noise_agents: Annotated[int, Ge(0)] = 1000
    value_agents: Annotated[
        int, Ge(1), "nobody would bring the fundamental value into prices; presets have about 100"
    ] = 102
    momentum_agents: Annotated[int, Ge(0)] = 12
    market_makers: Annotated[
        int, Ge(1), "nobody would quote both sides of the book; the presets have 2"
    ] = 2
    noise_multiplier: Annotated[float, Gt(0)] = 1.0
    noise_open_ns: Annotated[int, Ge(0)] = 9 * HOUR
    noise_close_ns: Annotated[int, Gt(0)] = 16 * HOUR
    open_ns: Annotated[int, Ge(0)] = 9 * HOUR + HOUR // 2
    close_ns: Annotated[int, Gt(0)] = 16 * HOUR
    mean_price: Annotated[float, Gt(0)] = 100_000.0
    mean_reversion_per_ns: Annotated[float, Ge(0)] = 1.67e-16
    volatility_per_root_ns: Annotated[float, Ge(0)] = 5e-5
    shock_rate_per_ns: Annotated[float, Ge(0)] = 2.78e-18
    shock_mean: float = 1000.0
    shock_variance: Annotated[float, Ge(0)] = 50_000.0
    value_wake_ns: Annotated[float, Gt(0)] = 175.4 * SECOND
    observation_variance: Annotated[float, Ge(0)] = 1000.0
    belief_reversion_per_ns: Annotated[float, Ge(0)] = 1.67e-15
    value_at_touch_share: Annotated[float, Ge(0), Le(1)] = 0.1
    momentum_wake_ns: Annotated[float, Gt(0)] = 37.0 * SECOND
    maker_wake_ns: Annotated[float, Gt(0)] = 60.0 * SECOND
    maker_volume_share: Annotated[float, Ge(0)] = 0.025
    maker_levels: Annotated[int, Ge(1), Le(50)] = 10
    maker_least_size: Annotated[int, Ge(1)] = 1
    maker_level_spacing: Annotated[float, Ge(0)] = 5.0
    maker_spread_weight: Annotated[float, Ge(0), Le(1)] = 0.75
    maker_first_spread: Annotated[float, Ge(0)] = 50.0
    maker_least_spread: Annotated[float, Ge(0)] = 0.0
    maker_cancel_delay_ns: Annotated[int, Ge(0)] = 50
    maker_price_skew: float = 4.0
    maker_backstop_size: Annotated[int, Ge(0)] = 0
    maker_alarm_imbalance: Annotated[float, Ge(0), Le(1)] = 0.9
    computation_delay_ns: Annotated[int, Ge(0)] = 50
    line_length_ns: Annotated[float, Ge(0)] = NEW_YORK_TO_SEATTLE_METRES * LIGHT_NS_PER_METRE
    size_mixture: bool = True
    lot_low: Annotated[int, Ge(1)] = 20
    lot_high: Annotated[int, Ge(1)] = 49
    momentum_lot_low: Annotated[int, Ge(1)] = 1
    momentum_lot_high: Annotated[int, Ge(1)] = 9
    price_window: Annotated[int, Ge(64)] = 4096
    abides_exact: bool = False
    flow_rate_per_ns: Annotated[float, Ge(0)] = 0.0
    flow_parents: Annotated[int, Ge(1)] = 1
    parent_tail: Annotated[float, Gt(0)] = 1.5
    parent_most: Annotated[int, Ge(1)] = 1000
    flow_impact: Annotated[float, Ge(0)] = 0.0
    flow_unit: Annotated[float, Gt(0)] = 100.0
    news_rate_per_ns: Annotated[float, Ge(0)] = 0.0
    news_size: Annotated[float, Ge(0)] = 0.0
    news_tail: Annotated[float, Gt(2)] = 3.5
    activity_feedback: Annotated[float, Ge(0), Le(0.99)] = 0.0
    variance_per_ns: Annotated[float, Gt(0)] = 1.0
    day_shape: Annotated[float, Ge(0), Le(2.9)] = 0.0

    def __post_init__(self) -> None:
        """Refuse what cannot make a market.

        Raises:
            PacesetterError: no market maker or value agent, hours that end before they begin, or a
                number that is out of its range.
        """
        check_ranges(self, "background market")
        if self.abides_exact and self.flow_rate_per_ns > 0.0:
            raise PacesetterError(
                "background market: abides_exact follows the original, which knows no flow of "
                "split orders; use preset rmsc04 or rmsc03, or set flow_rate_per_ns to 0."
            )
        for low, high in (
            ("open_ns", "close_ns"),
            ("noise_open_ns", "noise_close_ns"),
            ("lot_low", "lot_high"),
            ("momentum_lot_low", "momentum_lot_high"),
        ):
            if getattr(self, low) > getattr(self, high):
                raise PacesetterError(
                    f"background market: {low} ({getattr(self, low)}) must not exceed {high} "
                    f"({getattr(self, high)})."
                )

    @classmethod
    def preset(cls, name: str, **changes: Any) -> Self:
        """The preset ``rmsc04``, ``rmsc03`` or ``realistic``, with changes to it.

        Raises:
            PacesetterError: an unknown preset or field, or a value out of range.
        """
        if name not in PRESETS:
            raise unknown("background market", name, PRESETS)
        known = [field.name for field in fields(cls)]
        for change in changes:
            if change not in known:
                raise unknown("parameter of the background market", change, known)
        return replace(cls(**PRESETS[name]), **changes)

    @property
    def window(self) -> int:
        """Cents that resting orders may span."""
        return EXACT_WINDOW if self.abides_exact else self.price_window

    @property
    def agents(self) -> int:
        """Agents that wake more than once; they own the orders 0, …, agents − 1."""
        return self.market_makers + self.value_agents + self.momentum_agents

    def parameters(self) -> NDArray[np.float64]:
        """The numbers that may differ between copies, in the order of `PARAMETERS`, ``(P,)``."""
        return np.array([float(getattr(self, name)) for name in PARAMETERS])


PRESETS: dict[str, dict[str, Any]] = {
    "rmsc04": {},
    "rmsc03": {
        "noise_agents": 5000,
        "value_agents": 100,
        "momentum_agents": 25,
        "volatility_per_root_ns": 1e-3,
        "value_wake_ns": 14.3 * SECOND,
        "observation_variance": 10_000.0,
        "momentum_wake_ns": 20.0 * SECOND,
        "maker_wake_ns": 10.0 * SECOND,
        "maker_price_skew": 0.0,
        "maker_backstop_size": 50_000,
        "size_mixture": False,
        "price_window": 16_384,
    },
    "realistic": {
        "noise_agents": 1000,
        "value_agents": 40,
        "momentum_agents": 0,
        "mean_reversion_per_ns": 0.0,
        "volatility_per_root_ns": 0.0,
        "shock_rate_per_ns": 0.0,
        "value_wake_ns": 300.0 * SECOND,
        "observation_variance": 100.0,
        "belief_reversion_per_ns": 0.0,
        "maker_wake_ns": 60.0 * SECOND,
        "maker_price_skew": 0.0,
        "maker_first_spread": 1.0,
        "maker_level_spacing": 1.0,
        "flow_rate_per_ns": 0.8 / SECOND,
        "flow_parents": 3,
        "parent_tail": 1.4,
        "parent_most": 1000,
        "flow_impact": 2.0,
        "news_rate_per_ns": 0.02 / SECOND,
        "news_size": 10.0,
        "activity_feedback": 0.8,
        "variance_per_ns": 5.0 / SECOND,
        "day_shape": 1.2,
        "price_window": 16_384,
    },
}
"""Name -> how it differs from the defaults."""
