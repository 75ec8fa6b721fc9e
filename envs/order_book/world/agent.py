"""A world agent: the weights of its network, on disk and by name.

Version history: v1.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from ...core.errors import PacesetterError, nearest
from .alphabet import HEADS, allowed_bins
from .features import LAGS_AT
from .layout import LAG_ENTRIES, LAGS
from .network import (
    MASKED,
    MEMORY_PARTS,
    PARAMETERS,
    PARTS,
    RECURRENT_WEIGHTS,
    SHAPES,
    WEIGHTS,
    part,
)
from .recurrent import initial_memory

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]
Singles = NDArray[np.float32]
SUFFIXES = (".safetensors", ".npz")


@dataclass(frozen=True, eq=False)
class WorldAgent:
    """Who stands for all background traders.

    Attributes:
        weights: all of them, in the order of `network.PARTS`, ``(WEIGHTS,)`` float32; those of
            `network.MEMORY_PARTS` after them make it a recurrent one.

    Raises:
        PacesetterError: another number of weights, or one that is not finite; no rate.
    """

    weights: Singles

    def __post_init__(self) -> None:
        """Refuse weights that the loop would read beyond the end of, or that are none."""
        weights = np.ascontiguousarray(self.weights, dtype=np.float32)
        object.__setattr__(self, "weights", weights)
        if weights.shape not in ((WEIGHTS,), (RECURRENT_WEIGHTS,)):
            raise PacesetterError(
                f"a world agent has {WEIGHTS} weights in one array, a recurrent one "
                f"{RECURRENT_WEIGHTS}, got shape {weights.shape}."
            )
        wrong = [name for name in self.names if not np.isfinite(self.part(name)).all()]
        if wrong:
            raise PacesetterError(
                f"weights of the world agent are not finite in {', '.join(wrong)}; its training "
                "diverged: lower the learning rate, or take an earlier file."
            )
        if self.rate <= 0:
            raise PacesetterError(
                f"rate must be the orders per second of a recording, above 0, got {self.rate:g}."
            )

    @classmethod
    def of(cls, parts: Mapping[str, ArrayLike]) -> Self:
        """An agent of named arrays, as in `network.PARTS`; a recurrent one if any are of
        `network.MEMORY_PARTS`.

        Raises:
            PacesetterError: one is missing or unknown, or has another shape.
        """
        for name in parts:
            if name not in SHAPES:
                raise PacesetterError(f"unknown weights {name!r}{nearest(name, SHAPES) or '.'}")
        recurrent = not MEMORY_PARTS.keys().isdisjoint(parts)
        weights = np.empty(RECURRENT_WEIGHTS if recurrent else WEIGHTS, dtype=np.float32)
        for name, shape in (SHAPES if recurrent else PARTS).items():
            if name not in parts:
                raise PacesetterError(f"weights {name!r} {shape} are missing.")
            given = np.asarray(parts[name])
            if given.shape != shape:
                raise PacesetterError(f"weights {name!r} have shape {given.shape}, not {shape}.")
            part(weights, name)[:] = given
        return cls(weights)

    @classmethod
    def initial(cls, seed: int, actions: Integers, rate: float, recurrent: bool = False) -> Self:
        """Small random weights, biases as often as bins occur, and masks where they never do.

        Args:
            seed: of the weights.
            actions: of a recording, ``(n, 4)``.
            rate: orders per second of the recording.
            recurrent: with an LSTM for its past states.

        Raises:
            PacesetterError: no action.
        """
        if not len(actions):
            raise PacesetterError("a world agent needs a recording with orders to begin from.")
        generator = np.random.default_rng(seed)
        parts: dict[str, Reals] = {name: np.zeros(shape) for name, shape in PARTS.items()}
        for name in ("first", "second", "heads"):
            wide, _ = PARTS[name]
            scale = (2.0 if name != "heads" else 0.02) / wide
            parts[name] = generator.normal(0.0, np.sqrt(scale), PARTS[name])
        counts = [
            np.bincount(letters, minlength=bins) + 0.5
            for letters, bins in zip(actions.T, HEADS, strict=True)
        ]
        parts["heads_bias"] = np.log(np.concatenate([count / count.sum() for count in counts]))
        for name, allowed in allowed_bins(actions).items():
            parts[f"{name}_mask"] = np.where(
                allowed | ~allowed.any(axis=-1, keepdims=True), 0, MASKED
            )
        parts["rate"] = np.array([rate])
        if recurrent:
            parts["first"][LAGS_AT : LAGS_AT + LAGS * LAG_ENTRIES] = 0.0  # never read
            parts |= initial_memory(generator)
        return cls.of(parts)

    def part(self, name: str) -> Singles:
        """A view of one of `names`."""
        return part(self.weights, name)

    @property
    def names(self) -> tuple[str, ...]:
        """Of its parts."""
        return tuple(SHAPES if len(self.weights) > WEIGHTS else PARTS)

    @property
    def rate(self) -> float:
        """Orders per second of the market it was fitted to."""
        return float(self.part("rate")[0])

    @property
    def parameters(self) -> Singles:
        """The weights that are trained, but for those of a memory, ``(PARAMETERS,)``."""
        return self.weights[:PARAMETERS].copy()

    def with_parameters(self, parameters: ArrayLike) -> Self:
        """The same masks, rate and memory with other trained weights, ``(PARAMETERS,)``."""
        weights = self.weights.copy()
        weights[:PARAMETERS] = np.asarray(parameters, dtype=np.float32)
        return type(self)(weights)

    def save(self, path: str | Path) -> None:
        """Write all parts to a file of one of `SUFFIXES`, whole or not at all.

        Raises:
            PacesetterError: another suffix, or the file cannot be written.
        """
        path = _checked(path)
        parts = {name: self.part(name).copy() for name in self.names}
        temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
        try:
            if path.suffix == ".npz":
                np.savez(temporary, **parts)  # type: ignore[arg-type]
            else:
                save_file(parts, temporary)
            os.replace(temporary, path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise PacesetterError(f"cannot write {path} ({error.strerror}).") from error

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read such a file; nothing in it is ever unpickled.

        Raises:
            PacesetterError: it cannot be read, or does not hold the weights of a world agent.
        """
        path = _checked(path)
        try:
            if path.suffix == ".npz":
                with np.load(path, allow_pickle=False) as opened:
                    parts = dict(opened)
            else:
                parts = load_file(path)
        except OSError as error:
            why = error.strerror or "no such file"
            raise PacesetterError(
                f"cannot read {path} ({why}). Give the path of the weights of a world agent."
            ) from error
        except (SafetensorError, ValueError) as error:
            raise PacesetterError(f"{path} is no {path.suffix} file: {error}") from error
        try:
            return cls.of(parts)
        except PacesetterError as error:
            raise PacesetterError(f"{path}: {error}") from error


def _checked(path: str | Path) -> Path:
    path = Path(path).expanduser()
    if path.suffix not in SUFFIXES:
        raise PacesetterError(
            f"weights of a world agent are kept as {' or '.join(SUFFIXES)}, got {str(path)!r}."
        )
    return path
