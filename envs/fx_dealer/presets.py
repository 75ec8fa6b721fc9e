"""The currency pairs that dealers quote: sizes, client tiers, the price and what a hedge costs.

| preset | source |
|---|---|
| ``usdcnh`` | Barzykin, Bergault, Guéant, arXiv 2106.06974, section 4.1 |
| ``eurusd_2022`` | the same, arXiv 2207.04100, table 1 |
| ``eurusd_2021`` | the same, arXiv 2112.02269: α, β and the weights of sizes; the rest is ours |

Of ``eurusd_2021``, ours are the size 2 M, 1,800 requests a day, volatility, aversion to risk and
the costs of a hedge. Tiers are called by what they are: the three papers number them differently.
Units: M (millions of base currency), bp, day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import PacesetterError

Floats = NDArray[np.float64]
SENSITIVE, INSENSITIVE, ALL = "sensitive", "insensitive", "client"
DAY = 86_400.0  # seconds


@dataclass(frozen=True)
class Pair:
    """What a dealer deals with, in all.

    Attributes:
        sizes: of requests, M, ascending, ``(Z,)``.
        rates: requests per day of each size, by side and by tier, ``(Z,)``.
        alphas, betas: of each tier, in its share dealt ``1 / (1 + e^(α + β δ))`` at a mark-up δ in
            bp, the sensitive tier first, ``(T,)``.
        volatility: σ, bp per √day.
        risk_aversion: γ, per bp·M.
        spread_cost, depth_cost, impact: ψ in bp, η in bp·day/M and k in bp/M, of a hedge.
        most_inventory: Q, M.
    """

    sizes: tuple[float, ...]
    rates: tuple[float, ...]
    alphas: tuple[float, ...]
    betas: tuple[float, ...]
    volatility: float
    risk_aversion: float
    spread_cost: float
    depth_cost: float
    impact: float
    most_inventory: float

    @cached_property
    def tiers(self) -> tuple[str, ...]:
        """Names of the tiers, ``(T,)``."""
        return (ALL,) if len(self.alphas) == 1 else (SENSITIVE, INSENSITIVE)

    @cached_property
    def total_rate(self) -> float:
        """Requests per day of all sizes, tiers and both sides."""
        return 2.0 * len(self.alphas) * float(sum(self.rates))

    @property
    def dt(self) -> float:
        """Days between requests: one step."""
        return 1.0 / self.total_rate

    def tier_rates(self, sensitive_share: float | None = None) -> Floats:
        """Requests per day and side by tier and size, ``(T, Z)``.

        Args:
            sensitive_share: of all requests, whose number it leaves alone; None: as given.
        """
        T = len(self.alphas)
        shares = [1.0 / T] * T
        if sensitive_share is not None and T == 2:
            shares = [sensitive_share, 1.0 - sensitive_share]
        return T * np.outer(shares, self.rates)


PRESETS: Mapping[str, Pair] = {
    "usdcnh": Pair(
        sizes=(1.0, 5.0, 10.0, 20.0),
        rates=(760.0, 150.0, 75.0, 15.0),
        alphas=(-1.0,),
        betas=(10.0,),
        volatility=50.0,
        risk_aversion=5e-4,
        spread_cost=0.2,
        depth_cost=1e-5,
        impact=0.005,
        most_inventory=100.0,
    ),
    "eurusd_2022": Pair(
        sizes=(1.0, 5.0, 10.0, 20.0, 50.0),
        rates=(900.0, 540.0, 234.0, 90.0, 36.0),
        alphas=(-1.9, -0.3),
        betas=(11.0, 3.5),
        volatility=80.0,
        risk_aversion=2e-3,
        spread_cost=0.1,
        depth_cost=1e-5,
        impact=0.005,
        most_inventory=150.0,
    ),
    "eurusd_2021": Pair(
        sizes=(1.0, 2.0, 5.0, 10.0, 20.0, 50.0),
        rates=(720.0, 450.0, 342.0, 180.0, 90.0, 18.0),
        alphas=(-1.9, -0.3),
        betas=(15.0, 5.0),
        volatility=50.0,
        risk_aversion=5e-4,
        spread_cost=0.1,
        depth_cost=1e-5,
        impact=0.005,
        most_inventory=150.0,
    ),
}


def pair_of(preset: str, changes: Mapping[str, Any]) -> Pair:
    """A preset with some entries replaced.

    Raises:
        PacesetterError: sizes and rates, or the α and β of tiers, of unequal length, or numbers
            that cannot be.
    """
    pair = replace(PRESETS[preset], **changes)
    _same_length("sizes", pair.sizes, "rates", pair.rates, "one rate per size")
    _same_length("alphas", pair.alphas, "betas", pair.betas, "one α and one β per tier")
    if not 1 <= len(pair.alphas) <= 2:
        raise PacesetterError(
            f"market 'fx_dealer' has {len(pair.alphas)} tiers; give one, or two with the sensitive "
            "one first."
        )
    if min(pair.sizes) <= 0.0 or any(np.diff(pair.sizes) <= 0.0):
        raise PacesetterError(f"market.sizes = {pair.sizes} must be positive and ascending.")
    if any(size != round(size) for size in pair.sizes):
        raise PacesetterError(f"market.sizes = {pair.sizes} must be whole millions.")
    if min(pair.rates) <= 0.0 or min(pair.betas) <= 0.0:
        raise PacesetterError(
            f"market.rates = {pair.rates} and market.betas = {pair.betas} must be above 0: who "
            "never asks is no client, and who takes any price pays infinity."
        )
    if max(pair.sizes) > pair.most_inventory:
        raise PacesetterError(
            f"market.most_inventory = {pair.most_inventory:g} is less than the largest size, "
            f"{max(pair.sizes):g}: no such request could ever be dealt; raise it."
        )
    return pair


def _same_length(first: str, one: Any, second: str, other: Any, cure: str) -> None:
    if len(one) != len(other):
        raise PacesetterError(
            f"market.{first} has {len(one)} entries, {one}, and market.{second} has "
            f"{len(other)}, {other}: give {cure}."
        )
