"""Reproducible randomness as data: one stream of shocks per parallel copy, drawn in chunks.

A copy's stream depends on its own seed alone, never on the batch it sits in, so copy ``b`` of a
batch seeded with ``s`` sees the same shocks as a single market seeded with ``s + b``. Chunks keep
the loop over copies off the hot path and the memory bounded; the counter-based Philox generator
makes any chunk reproducible from (seed, purpose, chunk number), so that a stream is a small record
of arrays that can be copied, branched and saved.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

MOST_CHUNK_STEPS = 64
MOST_CHUNK_DRAWS = 2**16  # per copy, so that memory stays bounded for markets of many agents
MANY_DRAWS = 2**15  # from which a compiled loop is worth its loading
STEP, RESET = 0, 1  # purposes: shocks of a step, shocks of a reset


@dataclass(frozen=True)
class Shock:
    """One named source of randomness: standard normals or uniforms on [0, 1) of a given shape."""

    kind: Literal["normal", "uniform"]
    shape: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """Scalar draws per copy."""
        return int(np.prod(self.shape, dtype=int))


class ShockLayout:
    """Where each named shock lies in one row of draws: normals first, then uniforms."""

    def __init__(self, shocks: dict[str, Shock]):
        self.slices: dict[str, tuple[slice, tuple[int, ...]]] = {}
        start = 0
        for kind in ("normal", "uniform"):
            for name, shock in shocks.items():
                if shock.kind == kind:
                    self.slices[name] = (slice(start, start + shock.size), shock.shape)
                    start += shock.size
            if kind == "normal":
                self.normals = start
        self.uniforms = start - self.normals
        self.chunk_steps = max(1, min(MOST_CHUNK_STEPS, MOST_CHUNK_DRAWS // max(1, start)))

    def generate(self, seed: int, purpose: int, chunk: int, out: NDArray[np.float64]) -> None:
        """Fill `out` with one copy's draws for one chunk, ``(chunk_steps, normals + uniforms)``."""
        key = np.array([seed, purpose], dtype=np.uint64)
        counter = np.array([0, 0, 0, chunk], dtype=np.uint64)
        generator = np.random.Generator(np.random.Philox(key=key, counter=counter))
        out[:, : self.normals] = generator.standard_normal((self.chunk_steps, self.normals))
        out[:, self.normals :] = generator.random((self.chunk_steps, self.uniforms))

    def generate_rows(
        self,
        seeds: NDArray[np.uint64],
        purpose: int,
        chunks: NDArray[np.int64],
        rows: NDArray[np.int64],
        out: NDArray[np.float64],
    ) -> None:
        """Fill `out`, ``(B, chunk_steps, normals + uniforms)``, in the given rows, as `generate`.

        Many numbers come from one compiled loop, which gives the same.
        """
        if len(rows) * out[0].size >= MANY_DRAWS:
            from .kernels import philox  # numba is loaded where it is worth it

            if philox.COMPILED and philox.generate_many(
                seeds, purpose, chunks[rows], self.normals, rows, out
            ):
                return
        for row in rows:
            self.generate(int(seeds[row]), purpose, int(chunks[row]), out=out[row])

    def split(self, draws: NDArray[np.float64]) -> dict[str, Any]:
        """Named views of a row of draws, name -> ``(B, *shape)``."""
        return {
            name: draws[:, part].reshape(len(draws), *shape)
            for name, (part, shape) in self.slices.items()
        }


@dataclass(frozen=True)
class RandomStream:
    """The streams of all copies for one purpose. Never changed in place.

    Attributes:
        seed: seed of each copy, ``(B,)``.
        purpose: what the draws are for, `STEP` or `RESET`; the two are independent.
        position: draws taken so far by each copy, ``(B,)``.
        chunk: the draws around `position`, ``(B, chunk_steps, K)``.
    """

    seed: NDArray[np.uint64]
    purpose: int
    position: NDArray[np.int64]
    chunk: NDArray[np.float64]

    @classmethod
    def start(cls, seed: NDArray[np.uint64], purpose: int, layout: ShockLayout) -> RandomStream:
        """Streams at their beginning for the given seeds, ``(B,)``."""
        width = layout.normals + layout.uniforms
        return cls(
            seed=seed,
            purpose=purpose,
            position=np.zeros(len(seed), dtype=np.int64),
            chunk=np.zeros((len(seed), layout.chunk_steps, width)),
        )

    def draw(self, layout: ShockLayout) -> tuple[dict[str, Any], RandomStream]:
        """The next draw of every copy, name -> ``(B, *shape)``, and the advanced streams."""
        if not layout.slices:
            return {}, self
        chunk, offset, together = self._refreshed(layout)
        draws = chunk[:, offset[0]] if together else chunk[np.arange(len(offset)), offset]
        advanced = RandomStream(self.seed, self.purpose, self.position + 1, chunk)
        return layout.split(draws), advanced

    def ahead(self, layout: ShockLayout, most: int) -> tuple[NDArray[np.float64], int, int] | None:
        """Draws to come: the chunk, the place of the next in it, and how many there are.

        None where copies are at different places. Who uses n of them goes on from `after`.

        Args:
            layout: of the draws.
            most: that are wanted.
        """
        chunk, offset, together = self._refreshed(layout)
        first = int(offset[0])
        return (chunk, first, min(most, layout.chunk_steps - first)) if together else None

    def after(self, chunk: NDArray[np.float64], number: int) -> RandomStream:
        """The streams once so many draws of what `ahead` gave are used."""
        return RandomStream(self.seed, self.purpose, self.position + number, chunk)

    def _refreshed(self, layout: ShockLayout) -> tuple[NDArray[np.float64], NDArray[Any], bool]:
        """The chunk of the next draw, its place there in each copy, and whether all are alike."""
        offset = self.position % layout.chunk_steps
        chunk, first = self.chunk, offset[0]
        together = bool((offset == first).all())
        stale = np.flatnonzero(offset == 0) if first == 0 or not together else offset[:0]
        if stale.size:
            chunk = np.empty_like(chunk) if stale.size == len(chunk) else chunk.copy()
            layout.generate_rows(
                self.seed, self.purpose, self.position // layout.chunk_steps, stale, chunk
            )
        return chunk, offset, together

    def take(self, rows: Any) -> RandomStream:
        """The streams of the given copies (an index array, mask or slice)."""
        return replace(
            self, seed=self.seed[rows], position=self.position[rows], chunk=self.chunk[rows]
        )

    def put(self, rows: Any, other: RandomStream) -> RandomStream:
        """These streams with the given copies replaced by those of `other`."""
        seed, position, chunk = self.seed.copy(), self.position.copy(), self.chunk.copy()
        seed[rows], position[rows], chunk[rows] = other.seed, other.position, other.chunk
        return replace(self, seed=seed, position=position, chunk=chunk)


NO_STREAM = RandomStream(
    np.zeros(0, dtype=np.uint64), STEP, np.zeros(0, dtype=np.int64), np.zeros((0, 0, 0))
)
"""Of a state whose shocks are drawn by somebody else."""
