"""Options of volatility clustering, and what the leader may set."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from annotated_types import Ge, Gt, Le, MinLen
from numpy.typing import NDArray

from ..core.arrays import Array, namespace
from ..core.characteristics import Characteristic, Characteristics
from ..core.errors import PacesetterError
from ..core.market import Market
from .orders import sigmoid
from .thresholds import Law

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
class VolatilityOptions(Market):
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
        learning_traders: followers who learn, each an order of at most one unit, beside the others.
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
    learning_traders: Annotated[int, Ge(0)] = 0
    relaxed: bool = False

    name: ClassVar[str] = "volatility_clustering"
    gradient: ClassVar[Literal["exact", "straight-through"]] = "straight-through"

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
    def steps_per_episode(self) -> int:
        """T."""
        return self.periods

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


def _prior(
    mean: NDArray[np.float64], spread: NDArray[np.float64], uniforms: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Normal draws within the bounds, ``(n, d)``."""
    from scipy.special import ndtr, ndtri  # a slow import

    lowest = ndtr(-DEVIATIONS)
    return mean + spread * ndtri(lowest + uniforms * (1.0 - 2.0 * lowest))
