"""The options of the stock market, and what follows from them alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from annotated_types import Ge, Gt, Le, Lt
from numpy.typing import NDArray

from ..core.characteristics import Characteristic, Characteristics
from ..core.errors import PacesetterError
from ..core.market import Market
from .parameters import Parameters
from .rules import InForce, Kind
from .value import ValueProcess
from .windows import LONGEST, Windows, check_windows, drawn_windows, window_weights


@dataclass(frozen=True)
class StockMarketOptions(Market):
    """Who trades, by which rules, and what moves the price.

    Attributes:
        noise_traders, technical_traders, fundamental_traders: N₁, N₂ and N₃.
        learning_traders: followers who learn, each an order of at most one unit; they count in N.
        rules: ``smoothed``; ``indicator``; or ``straight_through``, whose values are the
            indicator's and whose derivatives are those of smoothed ones.
        relaxed: straight-through traders order φ(x / width) itself, which their derivatives are
            exact for; a check of these, and no model of indicators.
        slope_width: of straight-through derivatives, in units of the signal: a wide one runs away.
        tied: one b, c and d (γ) for all traders of a type.
        price_impact: ρ, the largest relative move of the price in a period.
        averages: ``plain``, over l prices; or ``literal`` as printed, l + 1 prices over l, which
            makes the price drift upwards.
        windows: short and long average of every technical trader, in prices; None: drawn.
        window_seed: of the draw of windows, among them by default (2, 10) and (5, 8).
        public_variance, private_variance: σ_P² and σ_I² of the noise traders' signals.
        valuation_variance: σ_F², of what fundamental traders misjudge.
        initial_price: P(0) = P*(0).
        value_mean, value_reversion: μ₁ and v₁.
        variance_mean, variance_reversion: μ₂ and v₂.
        initial_variance: V(0).
        variance_cut: V is kept positive under the ``root`` alone, or the ``variance`` itself is.
        warm_up: periods before an episode begins, in which learning traders do not trade.
        horizon: periods of an episode, T.
    """

    noise_traders: Annotated[int, Ge(0)] = 7
    technical_traders: Annotated[int, Ge(0)] = 5
    fundamental_traders: Annotated[int, Ge(0)] = 3
    learning_traders: Annotated[int, Ge(0)] = 0
    rules: Kind = "smoothed"
    relaxed: bool = False
    slope_width: Annotated[float, Gt(0)] = 0.3
    tied: bool = True
    price_impact: Annotated[float, Gt(0), Lt(1), "at 1 the price can fall to zero"] = 0.05
    averages: Literal["plain", "literal"] = "plain"
    windows: tuple[tuple[int, int], ...] | None = None
    window_seed: Annotated[int, Ge(0)] = 47
    public_variance: Annotated[float, Ge(0)] = 1.0
    private_variance: Annotated[float, Ge(0)] = 9.0
    valuation_variance: Annotated[float, Ge(0)] = 1.0
    initial_price: Annotated[float, Gt(0)] = 100.0
    value_mean: Annotated[float, Gt(0)] = 100.0
    value_reversion: Annotated[float, Ge(0), Le(1)] = 0.1
    variance_mean: Annotated[float, Ge(0)] = 0.01
    variance_reversion: Annotated[float, Ge(0), Le(1)] = 0.1
    initial_variance: Annotated[float, Ge(0)] = 0.01
    variance_cut: Literal["root", "variance"] = "root"
    warm_up: Annotated[int, Ge(0)] = 0
    horizon: Annotated[int, Ge(1)] = 50

    name: ClassVar[str] = "stock_market"

    def __post_init__(self) -> None:
        """Refuse a market without traders, and windows that are none."""
        super().__post_init__()
        if not self.traders:
            raise PacesetterError(
                "market 'stock_market': there is nobody to trade; raise noise_traders, "
                "technical_traders, fundamental_traders or learning_traders."
            )
        if not (self.noise_traders or self.technical_traders):
            raise PacesetterError(
                "market 'stock_market': θ belongs to noise and technical traders, and there are "
                "none of either; raise noise_traders or technical_traders."
            )
        if self.relaxed and self.rules != "straight_through":
            raise PacesetterError(
                f"market 'stock_market': relaxed belongs to rules: straight_through, and they are "
                f"{self.rules!r}; leave it out."
            )
        if self.windows is not None:
            check_windows(self.windows, self.technical_traders)

    @property
    def traders(self) -> int:
        """N, of all types."""
        by_rule = self.noise_traders + self.technical_traders + self.fundamental_traders
        return by_rule + self.learning_traders

    @property
    def largest_move(self) -> float:
        """ρ: no θ moves the price by a larger share in one period."""
        return self.price_impact

    @cached_property
    def windows_in_force(self) -> Windows:
        """Short and long average of every technical trader."""
        if self.windows is not None:
            return self.windows
        return drawn_windows(self.technical_traders, self.window_seed)

    @cached_property
    def parameters(self) -> Parameters:
        """Which entries of θ are b, c and d or γ."""
        return Parameters(
            self.rules == "smoothed", self.tied, self.noise_traders, self.technical_traders
        )

    @cached_property
    def window_weights(self) -> NDArray[np.float64]:
        """Weights of the trends M on the remembered prices, ``(N₂, length)``."""
        longest = max([LONGEST, *(long for _, long in self.windows_in_force)])
        length = longest + (self.averages == "literal")
        return window_weights(self.windows_in_force, self.averages, length)

    @cached_property
    def value_process(self) -> ValueProcess:
        """The law of the fundamental value."""
        return ValueProcess(
            self.value_mean,
            self.value_reversion,
            self.variance_mean,
            self.variance_reversion,
            self.variance_cut,
        )

    @property
    def differentiable(self) -> bool:  # type: ignore[override]  # other markets are or are not
        """Smoothed rules, and indicators that pass derivatives straight through."""
        return self.rules != "indicator"

    @property
    def gradient(self) -> Literal["exact", "straight-through"]:  # type: ignore[override]
        """Of what derivatives are."""
        hard = self.rules == "straight_through" and not self.relaxed
        return "straight-through" if hard else "exact"

    def smooth(self) -> Self:
        """The same market with relaxed traders: what straight-through derivatives are exact for."""
        return replace(self, relaxed=self.rules == "straight_through")

    @property
    def rules_in_force(self) -> InForce:
        """What turns a signal into an order."""
        return "relaxed" if self.relaxed else self.rules

    @cached_property
    def characteristics(self) -> Characteristics:
        """θ = (b, c, d), or (c, γ) of indicator rules; the paper's true values by default."""
        return Characteristics([Characteristic(*entry) for entry in self.parameters.entries])

    @property
    def steps_per_episode(self) -> int:
        """T; trading goes on beyond it, so that the last step truncates."""
        return self.horizon

    @property
    def quantities(self) -> dict[str, str]:
        """Path quantities."""
        return {
            "price": "P(t)",
            "log_return": "log P(t) / P(t−1)",
            "demand": "D(t), of all traders, units",
            "demand_noise": "D₁(t), units",
            "demand_technical": "D₂(t), units",
            "demand_fundamental": "D₃(t), units",
            "fundamental_value": "P*(t), in units of the price",
        }
