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
    """The steps of a market as kernels, equal to its `transition` and `observe` in NumPy.

    Attributes:
        observe: ``(memory, theta, constants, seen)`` writes what followers see, ``(B, N, D)``.
        step: ``(memory, theta, actions, draws, at, constants, rewards, quantities)`` changes the
            memory, ``(B, W)``, and writes rewards ``(B, N)`` and quantities ``(B, Q)``. Actions are
            ``(B, N, A)``; the shocks of the step are ``draws[:, at]``, in the order of a
            `ShockLayout`.
        constants: options as numbers, which both get.
        quantities: names of the path quantities, all of them ``(B,)``, in order.
        packed: from a state to its own fields as a new array, ``(B, W)``.
        unpacked: from such an array to these fields.
    """

    observe: Callable[..., None]
    step: Callable[..., None]
    constants: NDArray[np.float64]
    quantities: tuple[str, ...]
    packed: Callable[[Any], NDArray[np.float64]]
    unpacked: Callable[[NDArray[np.float64]], Mapping[str, NDArray[np.float64]]]
