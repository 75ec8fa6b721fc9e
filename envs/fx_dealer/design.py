"""What θ is in a market of currency dealers, and who the dealers are under it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..core.arrays import Array
from ..core.characteristics import Characteristic, Characteristics
from ..core.populations import By, Population, Trait
from .presets import Pair

Design = Literal["single", "connectivity", "connectivity_and_tiers", "composition", "supertypes"]
GIVEN_AVERSION = ("connectivity", "connectivity_and_tiers")
WITH_TIERS = ("connectivity_and_tiers", "composition")
LEAST_AVERSION, MOST_AVERSION = 2e-4, 0.03
LEAST_CONNECTIVITY = 0.05
AVERSION_UNIT = "per bp·M"
SPAN = math.log(LEAST_AVERSION), math.log(MOST_AVERSION)


@dataclass(frozen=True)
class Types:
    """Dealers' types.

    Attributes:
        design: θ is one aversion to risk for all; or the connectivity of each dealer; or that and
            the sensitive share of the requests; or both and ln γ of each dealer; or mean and
            spread of connectivity and ln γ.
        dealers: D.
        pair: what is dealt with.
        connectivity: where θ does not say.
        risk_aversions: of each dealer, where θ does not say, ``(D,)``.
    """

    design: Design
    dealers: int
    pair: Pair
    connectivity: float
    risk_aversions: tuple[float, ...]

    @cached_property
    def population(self) -> Population:
        """Of connectivity and ln γ."""
        usual = math.log(self.pair.risk_aversion)
        traits = (
            Trait("connectivity", LEAST_CONNECTIVITY, 1.0, 0.8, "chance to be in reach", "c"),
            Trait("log_risk_aversion", *SPAN, usual, f"ln γ, γ {AVERSION_UNIT}", "ln γ"),
        )
        if self.design in GIVEN_AVERSION:
            return Population(traits[:1], self.dealers, "individual")
        by: By = "individual" if self.design == "composition" else "distribution"
        return Population(traits, self.dealers, by)

    @cached_property
    def characteristics(self) -> Characteristics:
        """θ; one aversion to risk is drawn evenly over its logarithm."""
        if self.design == "single":
            one = Characteristic(
                "risk_aversion", LEAST_AVERSION, MOST_AVERSION, self.pair.risk_aversion,
                AVERSION_UNIT, "γ",
            )  # fmt: skip
            return Characteristics([one], prior=_log_uniform)
        entries = list(self.population.characteristics)
        if self.design in WITH_TIERS and len(self.pair.alphas) == 2:
            entries.append(
                Characteristic("sensitive_share", 0.0, 1.0, 0.5, "share of requests", "π")
            )
        return Characteristics(entries)

    def aversion(self, theta: Array, quantiles: Array) -> Array:
        """γ of each dealer, ``(B, D)``."""
        if self.design == "single":
            return theta[:, :1] + 0.0 * quantiles[:, :, 0]
        if self.design in GIVEN_AVERSION:
            return np.array(self.risk_aversions) + 0.0 * quantiles[:, :, 0]
        return np.exp(self._drawn(theta, quantiles)["log_risk_aversion"])

    def reach(self, theta: Array, quantiles: Array) -> Array:
        """c of each dealer, ``(B, D)``."""
        if self.design == "single":
            return self.connectivity + 0.0 * quantiles[:, :, 0]
        return self._drawn(theta, quantiles)["connectivity"]

    def _drawn(self, theta: Array, quantiles: Array) -> dict[str, Array]:
        width = len(self.population.characteristics)
        return self.population.types(theta[:, :width], quantiles)

    def chances(self, theta: Array) -> Array:
        """Of a tier and size among requests, ``(B, T, Z)``."""
        rates = self.pair.tier_rates()
        share = rates / rates.sum()
        if "sensitive_share" not in self.characteristics.names:
            return np.broadcast_to(share, (len(theta), *share.shape))
        by_size = share.sum(axis=0)
        sensitive = theta[:, -1:, None]
        tiers = np.concatenate([sensitive, 1.0 - sensitive], axis=1)
        return np.ascontiguousarray(tiers * by_size)


def scaled_aversion(aversion: Array) -> Array:
    """ln γ from −1 to 1 over the range of θ."""
    low, high = SPAN
    return 2.0 * (np.log(aversion) - low) / (high - low) - 1.0


def _log_uniform(uniforms: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = SPAN
    return np.exp(low + uniforms * (high - low)).clip(LEAST_AVERSION, MOST_AVERSION)
