"""What the leader's intervals are worth, from what a horizon has recorded of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ....leaders.objectives.objective import Measure
from .horizon import Horizon


class Intervals:
    """Those that close within a sample, in all copies alike, and the one that is open after it.

    Attributes:
        values: of every interval that closed, ``(B,)``, on the device.
        theta: that stood in it, ``(B, d)``.

    Args:
        horizon: what records.
        measure: the leader's objective.
    """

    def __init__(self, horizon: Horizon, measure: Measure):
        self._horizon, self._measure = horizon, measure
        self._open: dict[str, Tensor] = {}
        self._kept_until = 0
        self.values: list[Tensor] = []
        self.theta: list[NDArray[Any]] = []

    def begin(self) -> None:
        """A new sample."""
        self.values, self.theta, self._kept_until = [], [], 0

    def close(self, first: int, time: int, led: int, theta: NDArray[Any]) -> Tensor:
        """An interval ends with a step; what it was worth, ``(B,)``.

        Args:
            first: steps of the episode before the horizon.
            time: of the step.
            led: copies of the leader: they come first, and objectives compare alike ones.
            theta: that stood, ``(B, d)``.
        """
        horizon = self._horizon
        length = horizon.clock(first, time) % horizon.interval + 1
        path = {}
        for name, steps in horizon.path.items():
            begin = time + 1 - length
            part = steps[max(0, begin) : time + 1]
            if begin < 0:
                part = torch.cat([self._open[name][begin:], part])
            path[name] = part.transpose(0, 1)
        parts = [slice(0, led)] * (led > 0) + [slice(led, None)] * (led < horizon.copies)
        found = [self._measure.value({n: p[rows] for n, p in path.items()}) for rows in parts]
        values = torch.cat([torch.as_tensor(v, device=horizon.device).double() for v in found])
        self.values.append(values)
        self.theta.append(theta)
        self._kept_until = time + 1
        return values

    def end(self) -> None:
        """Keep what was recorded of the interval that is still running."""
        for name, steps in self._horizon.path.items():
            part = steps[self._kept_until :].clone()
            if not self._kept_until and name in self._open:
                part = torch.cat([self._open[name], part])
            self._open[name] = part

    def of_leader(self, led: int, values: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """Values of the leader's copies ``(k,)``, their θ ``(k, d)``, and values of the others.

        Args:
            led: copies of the leader.
            values: all that closed, one interval after the other, in main memory.
        """
        leads = np.tile(np.arange(self._horizon.copies) < led, len(self.values))
        theta = np.concatenate(self.theta) if self.theta else np.zeros((0, 1))
        return values[leads], theta[leads], values[~leads]

    def state(self) -> dict[str, NDArray[Any]]:
        """What is open, in main memory."""
        return {name: tensor.cpu().numpy().copy() for name, tensor in self._open.items()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `state` returned."""
        device = self._horizon.device
        self._open = {n: torch.from_numpy(v.copy()).to(device) for n, v in state.items()}
