"""What prices alone show of the stock market, and whole paths of it in one go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.arrays import Array
from ..core.errors import unknown
from ..core.paths import Paths
from .options import StockMarketOptions
from .shocks import PathShocks
from .simulation import Simulation
from .statistics import PathStatistics

PLANTED_SEEDS = 2**40  # where the seeds of planted samples begin, far from those of training


@dataclass(frozen=True)
class WholePaths(StockMarketOptions):
    """The market's options with its fast paths, in which learning traders order nothing."""

    @cached_property
    def simulation(self) -> Simulation:
        """The fast simulation of many paths at once, in which learning traders order nothing."""
        return Simulation(self)

    def path_shocks(self, number: int, seed: int) -> PathShocks:
        """Everything random about `number` paths."""
        return self.simulation.draw(number, seed)

    def planted_paths(self, theta: Any, number: int, seed: int) -> NDArray[np.float64]:
        """Prices P(0), …, P(T) under a known θ, ``(number, T + 1)``."""
        shocks = self.path_shocks(number, PLANTED_SEEDS + seed)
        return self.simulation.paths(self.characteristics.validate(theta)[0], shocks).prices

    def planted_sample(
        self, theta: Any, number: int, seed: int, quantity: str = "price"
    ) -> NDArray[np.float64]:
        """Every period's quantity of as many paths as it takes, ``(number,)``.

        Raises:
            PacesetterError: a quantity that prices alone do not show.
        """
        found = self.quantities_of(self.planted_paths(theta, -(-number // self.horizon), seed))
        if quantity not in found:
            raise unknown("path quantity with a planted sample", quantity, found)
        return found[quantity].ravel()[:number]

    def quantities_of(self, paths: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """The path quantities that prices alone show, ``(n, T + 1)`` to ``(n, T)`` each."""
        prices = np.asarray(paths, dtype=np.float64)
        after = np.ascontiguousarray(prices[:, 1:])
        return {
            "price": after,
            "log_return": np.diff(np.log(prices), axis=1),
            "demand": (after / prices[:, :-1] - 1.0) * self.traders / self.price_impact,
        }

    def paths(self, theta: Array, seed: int) -> Paths | None:
        """What prices show by the fast simulation; None if traders learn.

        Paths of indicator rules have no derivative to pull back.
        """
        if self.groups:
            return None
        shocks = self.simulation.kept(len(theta), seed)
        simulated = self.simulation.paths(theta, shocks, slopes=self.differentiable)
        found = self.quantities_of(simulated.prices)

        def pull_back(gradients: Mapping[str, Array]) -> Array:
            by_price = np.zeros_like(simulated.prices)
            by_price[:, 1:] += gradients.get("price", 0.0)
            if "log_return" in gradients:
                by_price[:, 1:] += gradients["log_return"] / simulated.prices[:, 1:]
                by_price[:, :-1] -= gradients["log_return"] / simulated.prices[:, :-1]
            if "demand" in gradients:
                before, after = simulated.prices[:, :-1], simulated.prices[:, 1:]
                by_growth = gradients["demand"] * self.traders / self.price_impact / before
                by_price[:, 1:] += by_growth
                by_price[:, :-1] -= by_growth * after / before
            return simulated.pull_back(by_price)

        return Paths(found, pull_back)

    @cached_property
    def path_statistics(self) -> PathStatistics:
        """The statistics that tell one θ from another in price paths."""
        return PathStatistics(
            impact=self.price_impact / self.traders,
            level=float(self.initial_price),
            weights=self.window_weights,
            long_windows=tuple(long for _, long in self.windows_in_force),
            warm_up=self.warm_up,
            smoothed=self.rules == "smoothed",
        )

    def statistics(self, paths: Array) -> Array:
        """18 statistics of every path of prices, ``(n, T + 1)`` to ``(n, 18)``."""
        return self.path_statistics.of(paths)
