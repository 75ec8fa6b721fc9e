"""Which entries of θ are whose parameter."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.arrays import Array, namespace

Entry = tuple[str, float, float, float, str, str]
"""Name, lower and upper bound, default, unit and description of a characteristic."""
PUBLIC: Entry = ("noise_public", -4.0, 4.0, 1.0, "", "b, weight of the public signal")
PRIVATE: Entry = ("noise_private", -4.0, 4.0, 1.0, "", "c, weight of a private signal")
SENSITIVITY: Entry = ("technical_sensitivity", 0.0, 4.0, 0.5, "per unit of price", "d")
THRESHOLD: Entry = ("technical_threshold", 0.0, 4.0, 0.5, "units of price", "γ")
SIGNS = (PUBLIC[0], PRIVATE[0])
"""Characteristics whose sign no price shows."""


@dataclass(frozen=True)
class Parameters:
    """The layout of θ.

    Attributes:
        smoothed: rules are: there is a b, and technical traders have a sensitivity.
        tied: one entry per kind, and not per trader.
        noise_traders, technical_traders: their numbers.
    """

    smoothed: bool
    tied: bool
    noise_traders: int
    technical_traders: int

    @cached_property
    def _kinds(self) -> list[tuple[Entry, int]]:
        noise, technical = (1, 1) if self.tied else (self.noise_traders, self.technical_traders)
        if self.smoothed:
            return [(PUBLIC, noise), (PRIVATE, noise), (SENSITIVITY, technical)]
        return [(PRIVATE, noise), (THRESHOLD, technical)]

    @cached_property
    def entries(self) -> list[Entry]:
        """Every characteristic, in the order of θ's columns."""
        return [
            (f"{kind[0]}{'' if self.tied else f'_{trader}'}", *kind[1:])
            for kind, number in self._kinds
            for trader in range(number)
        ]

    @cached_property
    def columns(self) -> dict[str, slice]:
        """Kind of parameter -> its columns of θ."""
        ends = np.cumsum([number for _, number in self._kinds]).tolist()
        return {
            kind[0]: slice(end - number, end)
            for (kind, number), end in zip(self._kinds, ends, strict=True)
        }

    def split(self, theta: Array) -> tuple[Array, Array, Array]:
        """b, c and d or γ, each ``(B, 1)`` or ``(B, traders)``; b is 1 for indicator rules."""
        *noise, technical = (theta[:, part] for part in self.columns.values())
        private = noise[-1]
        public = noise[0] if self.smoothed else namespace(theta).ones_like(private)
        return public, private, technical

    def joined(self, public: Any, private: Any, technical: Any) -> NDArray[np.float64]:
        """The reverse of `split` for derivatives: those by b are left out where b is fixed."""
        parts = (public, private, technical) if self.smoothed else (private, technical)
        return np.concatenate(parts, axis=1)

    def type_means(self, theta: NDArray[np.float64]) -> dict[str, float]:
        """Mean over the traders of a type of each kind of parameter of one θ, ``(d,)``.

        Where every trader has parameters of its own, signs count for nothing trader by trader: the
        means are of absolute values.
        """
        values = np.asarray(theta, dtype=np.float64)
        if not self.tied:
            values = np.abs(values)
        return {
            kind: float(values[part].mean())
            for kind, part in self.columns.items()
            if part.stop > part.start
        }

    def aligned(
        self, theta: NDArray[np.float64], truth: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """θ with the signs of another one where no price shows them, ``(d,)``."""
        result = np.array(theta, dtype=np.float64)
        for kind, part in self.columns.items():
            if kind in SIGNS:
                result[part] = np.copysign(result[part], np.asarray(truth)[part])
        return result
