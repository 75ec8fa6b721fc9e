"""Objectives of whoever designs a market: match several facts at once, or one within a limit.

| objective | what it maximises |
|---|---|
| `stylised_facts` | likeness of several path quantities to a reference |
| `limited` | one path quantity, as long as another one keeps a limit |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Gt

from ...envs.core.arrays import Array, at_least, namespace
from ...envs.core.errors import PacesetterError
from ...envs.core.market import Market
from .objective import (
    Measure,
    Objective,
    Path,
    by_agent,
    check_interval,
    mean,
    over_steps,
    recorder,
    total,
)


@dataclass(frozen=True)
class Limited(Objective):
    """One path quantity made large or small, at a price for what breaks the limit of another.

    Both are averaged over agents. The limit is held by every interval of every copy, not by their
    mean: where the limited quantity is noisy, the leader keeps some distance from the limit.

    Attributes:
        quantity: name of the path quantity that is sought.
        sign: 1 to make it large, −1 to make it small.
        statistic: of the steps of the interval: their ``sum`` or their standard ``deviation``.
        limited: name of the path quantity whose sum over the interval is limited.
        at_least, at_most: its limits; None: no limit on that side.
        price: of a unit beyond the limit, in units of the quantity sought.
    """

    quantity: str
    limited: str
    sign: Literal[1, -1] = 1
    statistic: Literal["sum", "deviation"] = "sum"
    at_least: float | None = None
    at_most: float | None = None
    price: Annotated[float, Gt(0)] = 10.0

    name: ClassVar[str] = "limited"

    def measure(self, market: Market, steps_per_interval: int) -> Measure:
        """Signed statistic of the one, less the price of what the other is beyond its limit."""
        if self.at_least is None and self.at_most is None:
            raise PacesetterError(
                f"{self.limited!r} has no limit: give objective.at_least, objective.at_most or "
                "both; without one, use the objective 'quantity' or 'volatility'."
            )
        low = -np.inf if self.at_least is None else self.at_least
        high = np.inf if self.at_most is None else self.at_most
        if not low <= high:
            raise PacesetterError(
                f"objective.at_least ({low:g}) must not exceed objective.at_most ({high:g})."
            )
        if self.statistic == "deviation":
            check_interval(f"{self.name} by deviation", steps_per_interval)
        sought, limited = recorder(self.quantity, market), recorder(self.limited, market)

        def value(path: Path) -> Array:
            xp = namespace(path[self.quantity])
            statistic: Literal["sum", "std"] = "sum" if self.statistic == "sum" else "std"
            sought_steps = over_steps(by_agent(path[self.quantity]), statistic)
            held = total(mean(by_agent(path[self.limited])))
            beyond = at_least(xp, held - high, 0.0) + at_least(xp, low - held, 0.0)
            return self.sign * mean(sought_steps) - self.price * beyond

        return Measure(lambda step: {**sought(step), **limited(step)}, value)
