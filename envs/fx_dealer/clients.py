"""Clients: with whom they deal at which mark-up, and the best mark-up for every shadow price.

A client whom dealers show mark-ups δ deals with dealer i with probability

    P(i) = e^(−α − β δ_i) / (1 + Σ_j e^(−α − β δ_j)),                                      (1)

the sum over the dealers it reaches, and otherwise with nobody: a logit choice among dealers and
nothing. With one dealer in reach that is the share f(δ) = 1 / (1 + e^(α + β δ)) of Barzykin,
Bergault and Guéant. A dealer to whom a unit more is worth −p maximises F(δ)(δ − p) over δ, with F
its chance to deal. For F = c f the best is, with W Lambert's function,

    δ*(p) = p + (1 + w) / β,   w = W(e^(−1 − α − β p)),   F = c w / (1 + w),   c w / β earned.  (2)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, wrightomega

Floats = NDArray[np.float64]
WIDEST = 8.0  # bp: mark-ups searched where rivals quote, beyond any that is dealt at
SEARCHED = 3001


class Clients(Protocol):
    """Those of one tier who ask for one size, as one dealer meets them."""

    def best(self, shadow: Floats) -> tuple[Floats, Floats]:
        """The best mark-up and the share dealt at it, for shadow prices of any shape, bp."""

    def dealt(self, markup: Floats) -> Floats:
        """The share dealt at mark-ups of any shape, bp."""


@dataclass(frozen=True)
class Alone:
    """Clients who reach no other dealer.

    Attributes:
        alpha, beta: of the tier; β per bp.
        reach: chance c to reach the dealer.
    """

    alpha: float
    beta: float
    reach: float = 1.0

    def best(self, shadow: Floats) -> tuple[Floats, Floats]:
        """As (2)."""
        w = wrightomega(-1.0 - self.alpha - self.beta * np.asarray(shadow, dtype=np.float64))
        return shadow + (1.0 + w) / self.beta, self.reach * w / (1.0 + w)

    def dealt(self, markup: Floats) -> Floats:
        """c f(δ)."""
        return self.reach * expit(-self.alpha - self.beta * markup)

    def bend(self) -> float:
        """H''(0) of H(p) = max F(δ)(δ − p): by H' = −F(δ*), so H'' = c β w / (1 + w)³."""
        w = float(wrightomega(-1.0 - self.alpha))
        return self.reach * self.beta * w / (1.0 + w) ** 3


@dataclass(frozen=True)
class Shared:
    """Clients who may reach other dealers, whose quotes are random.

    Attributes:
        alpha, beta: of the tier.
        reach: chance c to reach this dealer.
        rivals, chances: values of Σ e^(−α − β δ_j) over the others in reach, and their
            probabilities, ``(m,)`` each.
    """

    alpha: float
    beta: float
    reach: float
    rivals: Floats
    chances: Floats

    @cached_property
    def _table(self) -> tuple[Floats, Floats]:
        """Shadow prices, ascending, and the mark-ups that are best at them.

        From F + (δ − p) F' = 0 each mark-up is the best one for p = δ + F / F'.
        """
        markup = np.linspace(-WIDEST / 2.0, WIDEST, SEARCHED)
        own = np.exp(-self.alpha - self.beta * markup)[:, None]
        others = 1.0 + self.rivals
        share = (own / (others + own)) @ self.chances
        slope = -self.beta * ((own * others / (others + own) ** 2) @ self.chances)
        shadow = markup + share / slope
        return np.maximum.accumulate(shadow), markup

    def best(self, shadow: Floats) -> tuple[Floats, Floats]:
        """By interpolation between the best ones of a table."""
        markup = np.interp(shadow, *self._table)
        return markup, self.dealt(markup)

    def dealt(self, markup: Floats) -> Floats:
        """c E[e^(−α − βδ) / (1 + e^(−α − βδ) + rivals)]."""
        own = np.exp(-self.alpha - self.beta * np.asarray(markup))[..., None]
        return self.reach * ((own / (1.0 + self.rivals + own)) @ self.chances)
