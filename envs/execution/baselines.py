"""Schedules that executors are measured against: rules on the observation, and Almgren–Chriss.

A rule maps executors' observations ``(B, N, D)`` of `Execution` to actions ``(B, N)``.

| rule | what it does |
|---|---|
| `all_at_once` | market orders until the parent is filled |
| `twap` | a market order whenever it is behind the straight line from q₀ to 0 |
| `almgren_chriss` | the same with their holdings |
| `passive_then_cross` | limit orders at the near touch, market orders when time is running out |

Almgren and Chriss (2001), "Optimal execution of portfolio transactions", Journal of Risk 3: the
holdings that minimise expected cost plus λ times its variance under linear impact.

Version history: v1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Gt
from numpy.typing import NDArray

from ..core.errors import PacesetterError
from .kernels import HOLD, LIMIT, MARKET
from .market import Execution
from .view import REMAINING, TIME

ROUNDING = 1e-6  # of float32 observations
URGENCY = 5 * 0.6071  # κT of their example with λ = 1e-6


def all_at_once(market: Execution, observation: Any) -> NDArray[np.int64]:
    """As fast as child orders allow; one order where ``child_size`` is the parent's."""
    return np.full(observation.shape[:2], MARKET, dtype=np.int64)


def twap(market: Execution, observation: Any) -> NDArray[np.int64]:
    """Evenly over the decisions."""
    return _on_schedule(market, observation, urgency=0.0)


def almgren_chriss(market: Execution, observation: Any) -> NDArray[np.int64]:
    """With the urgency of the risk-averse example of their paper: most of it early."""
    return _on_schedule(market, observation, URGENCY)


def _on_schedule(market: Execution, observation: Any, urgency: float) -> NDArray[np.int64]:
    """A market order whenever more is left than the schedule has after this decision."""
    elapsed = observation[..., TIME].astype(np.float64)
    after = share_left(elapsed + 1.0 / market.decisions, urgency)
    behind = observation[..., REMAINING] > after + ROUNDING
    return np.where(behind, MARKET, HOLD).astype(np.int64)


def share_left(passed: Any, urgency: float) -> NDArray[np.float64]:
    """Share of an order that is left when a share of the horizon has passed.

    Args:
        passed: share of the horizon, any shape.
        urgency: κT; 0: a straight line.
    """
    left = 1.0 - np.asarray(passed, dtype=np.float64)
    kept: NDArray[np.float64] = left if urgency == 0.0 else np.sinh(urgency * left)
    return kept if urgency == 0.0 else kept / math.sinh(urgency)


def passive_then_cross(market: Execution, observation: Any) -> NDArray[np.int64]:
    """Patient as long as the decisions left suffice to cross the spread with all the rest."""
    left = market.decisions * (1.0 - observation[..., TIME])
    needed = np.ceil(
        observation[..., REMAINING] * market.parent_size / market.child_size - ROUNDING
    )
    return np.where(needed >= left - ROUNDING, MARKET, LIMIT).astype(np.int64)


RULES: dict[str, Callable[[Execution, Any], NDArray[np.int64]]] = {
    "all_at_once": all_at_once,
    "twap": twap,
    "almgren_chriss": almgren_chriss,
    "passive_then_cross": passive_then_cross,
}
"""Name -> rule."""


@dataclass(frozen=True)
class AlmgrenChriss:
    """Optimal holdings under linear impact, on N intervals of a horizon T.

    Attributes:
        shares: X, to sell.
        horizon: T, days.
        intervals: N.
        volatility: σ, dollars per share and √day.
        half_spread: ε, dollars per share.
        temporary_impact: η, dollars per share of a rate of one share per day.
        permanent_impact: γ, dollars per share of one share.
        risk_aversion: λ, per dollar.
    """

    shares: Annotated[float, Gt(0)]
    horizon: Annotated[float, Gt(0)]
    intervals: Annotated[int, Ge(1)]
    volatility: Annotated[float, Ge(0)]
    half_spread: Annotated[float, Ge(0)]
    temporary_impact: Annotated[float, Gt(0)]
    permanent_impact: Annotated[float, Ge(0)]
    risk_aversion: Annotated[float, Ge(0)] = 0.0

    def __post_init__(self) -> None:
        """Refuse impacts for which no schedule is optimal."""
        if self._impact <= 0:
            raise PacesetterError(
                "temporary_impact must exceed half of permanent_impact times the length of an "
                f"interval, {self.permanent_impact * self.interval / 2:g}; it is "
                f"{self.temporary_impact:g}. Use more intervals."
            )

    @property
    def interval(self) -> float:
        """τ, days."""
        return self.horizon / self.intervals

    @property
    def _impact(self) -> float:
        """η̃ = η − γ τ / 2."""
        return self.temporary_impact - self.permanent_impact * self.interval / 2

    @cached_property
    def urgency(self) -> float:
        """κ, per day, from 2 (cosh κτ − 1) / τ² = λ σ² / η̃."""
        squared = self.risk_aversion * self.volatility**2 / self._impact
        return math.acosh(1.0 + squared * self.interval**2 / 2) / self.interval

    @cached_property
    def holdings(self) -> NDArray[np.float64]:
        """x_j, shares left after j intervals, ``(N + 1,)``: X sinh κ(T − t_j) / sinh κT."""
        passed = np.arange(self.intervals + 1) / self.intervals
        return self.shares * share_left(passed, self.urgency * self.horizon)

    @property
    def expected_cost(self) -> float:
        """E = γ X² / 2 + ε Σ |n_k| + η̃ Σ n_k² / τ, dollars."""
        trades = -np.diff(self.holdings)
        permanent = self.permanent_impact * self.shares**2 / 2
        temporary = self._impact * float((trades**2).sum()) / self.interval
        return permanent + self.half_spread * float(np.abs(trades).sum()) + temporary

    @property
    def cost_deviation(self) -> float:
        """√V, V = σ² Σ τ x_k², dollars."""
        squares = float((self.holdings[1:] ** 2).sum())
        return self.volatility * math.sqrt(self.interval * squares)
