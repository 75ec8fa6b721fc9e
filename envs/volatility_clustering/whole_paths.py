"""Whole paths of returns in one go, with their derivatives: the same law in far less time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core.arrays import Array
from ..core.errors import PacesetterError
from ..core.paths import Paths
from .options import LARGEST_LOG, NAMES, VolatilityOptions
from .paths import Crowd, Returns, walked


@dataclass(frozen=True)
class WholePaths(VolatilityOptions):
    """The market's options with its fast paths, in which traders are counted."""

    def simulate(
        self,
        theta: ArrayLike,
        seed: int = 0,
        shocks: Mapping[str, NDArray[np.float64]] | None = None,
        tangents: bool = True,
    ) -> Returns:
        """Returns under many θ, with their derivatives by θ: the same law in far less time.

        Memory does not grow with the number of traders, nor time with their number times that of
        periods. θ need not keep its bounds; where α, β, σ or η lies beyond e^±20, the path is not
        a number.

        Args:
            theta: ``(J, d)``, one per path.
            seed: path j is drawn from ``(seed, j)``.
            shocks: common random numbers in place of drawn ones: ``news``, ``(J, T)`` standard
                normal, and ``thresholds``, ``(J, N)`` uniform; either or both.
            tangents: whether derivatives are wanted, which takes about as long again.

        Raises:
            PacesetterError: θ or shocks of another shape, private news, learning traders, or
                derivatives by s.
        """
        values, names = np.asarray(theta, dtype=np.float64), self.leader_sets
        if values.ndim != 2 or values.shape[1] != len(names):
            raise PacesetterError(
                f"paths need θ of shape (J, {len(names)}), one row of {', '.join(names)} per path; "
                f"got shape {values.shape}."
            )
        if self.learning_traders:
            raise PacesetterError(
                f"market {self.name!r}: learning traders order what their policies say, and no "
                "path is known without these. Set learning_traders: 0, or step the market itself."
            )
        if self.signal != "common":
            raise PacesetterError(
                f"market {self.name!r}: with signal 'private' traders with the same threshold hear "
                "different news, and cannot be counted as one. Choose signal: common, or step the "
                "market itself."
            )
        if tangents and not self.differentiable:
            raise PacesetterError(
                f"market {self.name!r}: who sets its threshold is drawn, and returns have no "
                "derivative by 'logit_s' along a path. Leave it out of leader_sets, ask for "
                "tangents=False, or take differences."
            )
        with np.errstate(over="ignore"):
            parameters = np.stack(self.parameters(values), axis=1)
        crowd = Crowd(self.traders, self.periods, self.thresholds, self.k, self.relaxed)
        found = walked(crowd, parameters, seed, shocks or {}, tangents)
        if found.tangents is None:
            return found
        columns = [NAMES.index(name) for name in names]
        return Returns(found.returns, found.tangents[:, :, columns])

    def paths(self, theta: Array, seed: int) -> Paths | None:
        """Returns and prices with their tangents; None if traders learn or hear news apart.

        None, too, where s is in θ.
        """
        if self.learning_traders or self.signal != "common" or not self.differentiable:
            return None
        found = self.simulate(theta, seed)
        assert found.tangents is not None
        tangents = found.tangents
        prices = np.exp(np.clip(found.log_prices, -LARGEST_LOG, LARGEST_LOG))

        def pull_back(gradients: Mapping[str, Array]) -> Array:
            slopes = np.array(gradients.get("return", np.zeros_like(prices)))
            if "price" in gradients:  # a return moves its own price and all that follow
                moved = gradients["price"] * prices
                slopes += np.cumsum(moved[:, ::-1], axis=1)[:, ::-1]
            return np.einsum("jt,jtd->jd", slopes, tangents)

        return Paths({"return": found.returns, "price": prices}, pull_back)

    def planted_sample(
        self, theta: Any, number: int, seed: int, quantity: str = "price"
    ) -> NDArray[np.float64]:
        """A path quantity under a known θ, episode after episode, ``(number,)``.

        Learning traders order nothing.
        """
        copies = -(-number // self.periods)
        state = self.reset(seed, copies, theta)
        idle = {g.name: np.zeros((copies, g.size, *g.action_space.shape)) for g in self.groups}
        series = []
        for _ in range(self.periods):
            step = self.step(state, idle)
            state = step.state
            series.append(step.quantities[quantity])
        return np.stack(series, axis=1).reshape(-1)[:number]
