"""The laboratory of a real market that is a world itself: what is looked for is known.

A calibration that works finds such a market again, from another beginning.

Version history: v1.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..core.rollouts import Decisions, Laboratory, Origin, Rollouts
from ..order_book.world import WorldAgent, WorldMarkets, record_orders, replay_orders
from .laboratory import REAL_SEED, RECORDING_SEED, ExecutionLaboratory


def planted(like: ExecutionLaboratory, agent: WorldAgent) -> Laboratory:
    """The laboratory of a world that is otherwise like another one."""
    same = {field.name: getattr(like, field.name) for field in fields(like)}
    return PlantedLaboratory(**same, planted=agent)


@dataclass(frozen=True, eq=False, kw_only=True)
class PlantedLaboratory(ExecutionLaboratory):
    """Rollouts in a world of known weights in the place of the real market.

    Attributes:
        planted: who trades in it from the first decision on.
    """

    planted: WorldAgent

    def _begun(self, seeds: NDArray[np.int64]) -> WorldMarkets:
        """The planted world at the first decision, from an opening of its own for every seed."""
        stream = record_orders(self.markets["real"], seeds, self.start_ns)
        return replay_orders(stream, self.agent.owner, 1).worlds(self.planted, seeds)

    @cached_property
    def _planted_decisions(self) -> Decisions:
        worlds = self._begun(self._seeds(RECORDING_SEED, self.recordings))
        log = worlds.advance(self.start_ns + self.recorded_ns, share=1.0, threads=self.threads)
        return Decisions(log.features, log.actions)

    def recording(self, origin: Origin) -> Decisions:
        """What the planted agent does, or the traders of the market to begin with."""
        return self._planted_decisions if origin == "real" else super().recording(origin)

    def real(self, rollouts: int, seed: int) -> Rollouts:
        """Rollouts in the planted world, each from an opening of its own."""
        return self._played(self._begun(self._seeds(REAL_SEED, rollouts, seed)), seed, 0.0)
