"""The characteristics θ of a market: what a leader may set, within which bounds, in which units."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import ArrayLike, NDArray

from .arrays import Array, at_least, constant, convert, detached, is_tensor, namespace
from .errors import PacesetterError, unknown

ROUNDING = 1e-7  # by which float32 and sums may overshoot a constraint
MOST_SWEEPS = 100
Prior = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Maps uniforms on the unit cube, ``(n, d)``, to characteristics within bounds, ``(n, d)``."""


@dataclass(frozen=True)
class LinearConstraint:
    """A bound on a weighted sum of characteristics, ``Σ weight · θ[name] ≤ upper``.

    Attributes:
        coefficients: name -> weight, in units of `upper` per unit of the characteristic; names
            that are left out have weight 0.
        upper: largest allowed sum. Turn all signs around for a smallest one.
    """

    coefficients: dict[str, float]
    upper: float

    def __str__(self) -> str:
        terms = " ".join(f"{weight:+g}·{name}" for name, weight in self.coefficients.items())
        return f"{terms} ≤ {self.upper:g}"


@dataclass(frozen=True)
class Characteristic:
    """One entry of θ: its name, bounds, default and unit."""

    name: str
    low: float
    high: float
    default: float
    unit: str = ""
    description: str = ""


class Characteristics:
    """The θ space of a market: named, bounded, with defaults and a prior to draw from.

    Args:
        entries: the named entries, in the order of θ's columns.
        prior: from uniforms ``(n, d)`` to θ ``(n, d)``; followers are pre-trained under this
            distribution. Uniform on the box if None; a market with constraints gives one that
            keeps them.
        constraints: what must hold between entries, over and above their bounds.
        because: why, and how to do without the constraints, for the message to whoever breaks one.
    """

    def __init__(
        self,
        entries: Sequence[Characteristic],
        prior: Prior | None = None,
        constraints: Sequence[LinearConstraint] = (),
        because: str = "",
    ):
        self.entries = tuple(entries)
        self.constraints = tuple(constraints)
        self._because = because
        self.names = tuple(entry.name for entry in self.entries)
        self.low = np.array([entry.low for entry in self.entries], dtype=np.float64)
        self.high = np.array([entry.high for entry in self.entries], dtype=np.float64)
        self.default = np.array([entry.default for entry in self.entries], dtype=np.float64)
        self._prior = prior
        if not (np.all(self.low <= self.default) and np.all(self.default <= self.high)):
            raise PacesetterError(f"a default lies outside its bounds: {self.entries}")
        self._weights = np.array(
            [[c.coefficients.get(name, 0.0) for name in self.names] for c in self.constraints]
        ).reshape(-1, len(self.names))
        self._upper = np.array([c.upper for c in self.constraints], dtype=np.float64)

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def space(self) -> Box:
        """θ as a Gymnasium space, ``(d,)``; rounded inwards, so that every member is allowed."""
        low, high = self.low.astype(np.float32), self.high.astype(np.float32)
        low = np.where(low < self.low, np.nextafter(low, np.float32(np.inf)), low)
        high = np.where(high > self.high, np.nextafter(high, np.float32(-np.inf)), high)
        return Box(low, np.maximum(low, high), dtype=np.float32)

    def from_unit(self, unit: Array) -> Array:
        """Map the unit cube onto the box, ``(n, d)`` to ``(n, d)``."""
        return convert(self.low, unit) + unit * convert(self.high - self.low, unit)

    def to_unit(self, theta: Array) -> Array:
        """Map the box onto the unit cube, the inverse of `from_unit`; 0 where bounds coincide."""
        span = self.high - self.low
        span = np.where(span > 0, span, 1.0)
        return (theta - constant(self.low, theta)) / constant(span, theta)

    def from_action(self, action: ArrayLike | Array) -> Array:
        """θ of a leader's action in [−1, 1] (clipped), mapped linearly onto the box, ``(n, d)``.

        Where that breaks a constraint, the nearest point that keeps it is taken.
        """
        action = _float64(action)
        xp = namespace(action)
        unit = (xp.clip(action, -1.0, 1.0) + 1.0) / 2.0
        # Rounding may overshoot a bound by the last digit.
        return self.nearest_allowed(self._clipped(self.from_unit(unit)))

    def allows(self, theta: Array) -> NDArray[np.bool_]:
        """Which θ, ``(n, d)``, keep every constraint up to rounding, ``(n,)``."""
        return np.all(detached(theta) @ self._weights.T <= self._upper + ROUNDING, axis=1)

    def nearest_allowed(self, theta: Array) -> Array:
        """θ ``(n, d)`` within bounds, moved onto the constraints where it breaks them, ``(n, d)``.

        Projections on one constraint after the other: the nearest allowed point where constraints
        concern separate entries, an allowed point close by where they do not.
        """
        xp = namespace(theta)
        for _ in range(MOST_SWEEPS):
            if self.allows(theta).all():
                break
            for row, upper in zip(self._weights, self._upper, strict=True):
                weights = convert(row, theta)
                excess = at_least(xp, theta @ weights - upper, 0.0) / (row @ row)
                theta = self._clipped(theta - excess[:, None] * weights)
        return theta

    def _clipped(self, theta: Array) -> Array:
        return namespace(theta).clip(theta, convert(self.low, theta), convert(self.high, theta))

    def draw(self, generator: np.random.Generator, number: int) -> NDArray[np.float64]:
        """Draw `number` θ from the prior, ``(number, d)``."""
        uniforms = generator.random((number, len(self)))
        return self.from_unit(uniforms) if self._prior is None else self._prior(uniforms)

    def named(self, theta: ArrayLike) -> dict[str, float]:
        """One θ, ``(d,)``, as name -> value."""
        return dict(zip(self.names, np.asarray(theta, dtype=float).tolist(), strict=True))

    def validate(
        self, theta: ArrayLike | Array | Mapping[str, Any] | None, copies: int = 1
    ) -> Array:
        """Check θ and return it as ``(copies, d)``, float64.

        θ that is a tensor, or holds one by name, stays in its namespace and on its device, and its
        gradient goes on; all else becomes a NumPy array. Neither shares memory with what was given.

        Args:
            theta: ``(d,)`` for all copies, ``(copies, d)`` for each its own, name -> value (entries
                that are left out take their default), or None for the defaults.
            copies: number of parallel copies, B.

        Raises:
            PacesetterError: a name is unknown, a shape wrong, a value not finite or out of
                bounds, or a constraint broken; the message names the entry and its bounds.
        """
        if theta is None:
            theta = self.default
        elif isinstance(theta, Mapping):
            theta = self._from_mapping(theta)
        try:
            array = _float64(theta)
            array = namespace(array).broadcast_to(array, (copies, len(self)))
        except (TypeError, ValueError, RuntimeError):
            raise PacesetterError(
                f"characteristics must be {len(self)} number(s) ({', '.join(self.names)}), shape "
                f"({len(self)},) or ({copies}, {len(self)}); got {theta!r}."
            ) from None
        values = detached(array)
        self._check_bounds(values)
        self._check_constraints(values)
        if isinstance(array, np.ndarray):
            return array.copy()
        return namespace(array).astype(array, array.dtype, copy=True)

    def _from_mapping(self, theta: Mapping[str, Any]) -> Array:
        for name in theta:
            if name not in self.names:
                raise unknown("characteristic", name, self.names)
        tensors = [value for value in theta.values() if is_tensor(value)]
        if tensors:
            values = {**self.named(self.default), **theta}.values()
            entries = [convert(_float64(value), tensors[0]) for value in values]
            return namespace(tensors[0]).stack(entries)
        array = self.default.copy()
        for name, value in theta.items():
            array[self.names.index(name)] = value
        return array

    def _check_bounds(self, array: NDArray[np.float64]) -> None:
        allowed = np.isfinite(array) & (array >= self.low) & (array <= self.high)
        if allowed.all():
            return
        copy, column = np.argwhere(~allowed)[0]
        entry = self.entries[column]
        unit = f" {entry.unit}" if entry.unit else ""
        raise PacesetterError(
            f"characteristic {entry.name!r} must lie in [{entry.low:g}, {entry.high:g}]{unit}, got "
            f"{array[copy, column]:g} (copy {copy}). Choose a value inside: the bounds are part "
            "of the market."
        )

    def _check_constraints(self, array: NDArray[np.float64]) -> None:
        broken = ~self.allows(array)
        if not broken.any():
            return
        copy = int(np.argmax(broken))
        row = int(np.argmax(self._weights @ array[copy] > self._upper + ROUNDING))
        sought = ", ".join(
            f"{name} {array[copy, self.names.index(name)]:g}"
            for name in self.constraints[row].coefficients
        )
        raise PacesetterError(
            f"characteristics must keep {self.constraints[row]}, got {sought} (copy {copy}). "
            f"{self._because}".rstrip()
        )


def _float64(array: ArrayLike | Array) -> Array:
    """In double precision; what is no tensor becomes a NumPy array."""
    if not is_tensor(array):
        return np.asarray(array, dtype=np.float64)
    xp = namespace(array)
    return xp.astype(array, xp.float64, copy=False)
