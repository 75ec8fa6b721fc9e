"""What is recorded of the interval under way, in which copies may be at different places."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..envs.core.arrays import Array, convert, is_tensor, namespace

Kept = NDArray[Any] | deque[Array]


class Recording:
    """The path of an interval of every copy, quantity by quantity.

    NumPy's values are written into one array each, ``(B, K, …)``. Tensors are kept as they come, so
    that gradients flow through them, and stacked when an interval ends: a copy's interval of s
    steps is what the last s steps brought.

    Args:
        steps: of the longest interval, K.
    """

    def __init__(self, steps: int):
        self._steps = steps
        self._kept: dict[str, Kept] = {}

    def write(self, values: Mapping[str, Any], clock: NDArray[np.int64]) -> None:
        """Record one step.

        Args:
            values: name -> ``(B, …)``.
            clock: the place of each copy in its interval, ``(B,)``.
        """
        first = clock[0]
        place: Any = np.s_[:, first]
        if not (clock == first).all():
            place = np.arange(len(clock)), clock
        for name, value in values.items():
            kept = self._kept.get(name)
            if is_tensor(value):
                if not isinstance(kept, deque):
                    kept = self._kept[name] = self._as_tensors(kept, clock, value)
                kept.append(value)
                continue
            if kept is None:
                value = np.asarray(value)
                shape = (len(clock), self._steps, *value.shape[1:])
                kept = self._kept[name] = np.zeros(shape, dtype=value.dtype)
            kept[place] = value

    def write_many(self, values: Mapping[str, Any], clock: NDArray[np.int64]) -> None:
        """Record several steps of NumPy's.

        Args:
            values: name -> ``(k, B, …)``.
            clock: the place of each copy in its interval before them, ``(B,)``.
        """
        for name, value in values.items():
            kept = self._kept.get(name)
            if kept is None:
                shape = (len(clock), self._steps, *value.shape[2:])
                kept = self._kept[name] = np.zeros(shape, dtype=value.dtype)
            assert not isinstance(kept, deque)
            places = clock[:, None] + np.arange(len(value))
            kept[np.arange(len(clock))[:, None], places] = value.swapaxes(0, 1)

    def _as_tensors(
        self, kept: NDArray[Any] | None, clock: NDArray[np.int64], like: Array
    ) -> deque[Array]:
        """What NumPy has recorded of the intervals under way, oldest step first."""
        steps: deque[Array] = deque(maxlen=self._steps)
        if kept is not None:
            for back in range(clock.max(), 0, -1):
                values = kept[np.arange(len(clock)), np.maximum(clock - back, 0)]
                steps.append(convert(values, like))
        return steps

    def of(self, part: Any, steps: int) -> dict[str, Array]:
        """The path of copies whose interval has taken so many steps, name -> ``(b, steps, …)``.

        Args:
            part: the copies, as a slice or by number.
            steps: of their interval.
        """
        path = {}
        for name, kept in self._kept.items():
            if isinstance(kept, deque):
                newest = list(kept)[-steps:]
                path[name] = namespace(newest[0]).stack(newest, axis=1)[part]
            else:
                path[name] = kept[part, :steps]
        return path

    def state(self) -> dict[str, Kept]:
        """Everything that was recorded, independent of what is recorded later."""
        return {name: kept.copy() for name, kept in self._kept.items()}

    def restore(self, state: Mapping[str, Kept]) -> None:
        """Go on from what `state` returned."""
        self._kept = {name: kept.copy() for name, kept in state.items()}
