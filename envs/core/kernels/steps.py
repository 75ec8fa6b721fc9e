"""What a market says of itself to be stepped in one compiled loop with the policy that plays it.

Letters: B copies, N followers, W numbers of a copy's own state, K shocks of a step, Q quantities.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class CompiledSteps:
    """The steps of a market as kernels: its `transition` and `observe` in NumPy, up to `rounding`.

    Attributes:
        observe: ``(memory, theta, constants, seen)`` writes what followers see, ``(B, N, D)``.
        step: ``(memory, theta, actions, draws, at, constants, rewards, quantities)`` changes the
            memory, ``(B, W)``, and writes rewards ``(B, N)`` and quantities ``(B, Q)``, those of
            every follower last. Actions are ``(B, N, A)``; the shocks of the step are
            ``draws[:, at]``, in the order of a `ShockLayout`.
        constants: options as numbers, which both get.
        quantities: names of the path quantities ``(B,)``, in order.
        packed: from a state to its own fields as a new array, ``(B, W)``.
        unpacked: from such an array to these fields.
        of_each: names of the path quantities ``(B, N)``, in order.
        rounding: by which results may differ from those in NumPy, or their share if they are large;
            what is seen, by the last digit of single precision. 0: by nothing.
    """

    observe: Callable[..., None]
    step: Callable[..., None]
    constants: NDArray[np.float64]
    quantities: tuple[str, ...]
    packed: Callable[[Any], NDArray[np.float64]]
    unpacked: Callable[[NDArray[np.float64]], Mapping[str, NDArray[np.float64]]]
    of_each: tuple[str, ...] = ()
    rounding: float = 0.0

    def named(self, quantities: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """What `step` wrote, ``(…, B, Q)``, by name: ``(…, B)`` and ``(…, B, N)``."""
        number = len(self.quantities)
        found = {name: quantities[..., k] for k, name in enumerate(self.quantities)}
        each = (quantities.shape[-1] - number) // max(len(self.of_each), 1)
        for k, name in enumerate(self.of_each):
            found[name] = quantities[..., number + k * each : number + (k + 1) * each]
        return found

    def room(self, shape: tuple[int, ...], followers: int) -> NDArray[np.float64]:
        """Where `step` writes quantities, ``(*shape, Q)``."""
        return np.empty((*shape, len(self.quantities) + followers * len(self.of_each)))
