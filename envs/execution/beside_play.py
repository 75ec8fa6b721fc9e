"""What is asked of the execution market beside play: experiments on it, and other futures.

Version history: v1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..core.errors import unknown
from ..core.random_streams import RESET, STEP, RandomStream
from ..core.rollouts import Laboratory, Origin
from ..order_book.background.branching import checked_seeds
from ..order_book.background.market import SECOND, BackgroundMarket
from .background import World
from .laboratory import ExecutionLaboratory, changed
from .options import ExecutionOptions
from .planted import planted
from .recorded import recorded
from .reference import background_paths
from .state import ExecutionState


@dataclass(frozen=True)
class BesidePlay(ExecutionOptions):
    """The options with the background's own paths, a laboratory and branches of a state."""

    def planted_sample(self, theta: Any, number: int, seed: int, quantity: str = "price") -> Any:
        """A path quantity of the background under θ, nobody executing an order, ``(number,)``."""
        if quantity not in self.quantities:
            raise unknown("path quantity of market 'execution'", quantity, self.quantities)
        chosen = tuple(np.asarray(theta, dtype=np.float64).tolist())
        quiet = replace(self, experimental=False)
        return background_paths(quiet, chosen, number, seed)[quantity][:number].copy()

    def laboratory(
        self,
        real: Mapping[str, float],
        start: Mapping[str, float],
        share: float = 1.0,
        number: int = 0,
    ) -> Laboratory:
        """Rollouts with one buyer of children, in the background and in worlds in its place.

        A background that is a world itself is the real market: one that is known.
        """
        times = (int(self._time(0)), round(self.seconds_per_decision * SECOND))
        rollouts = (self.decisions, self.child_size, share, *times)
        begun = changed(self.preset, real)
        markets: Mapping[Origin, BackgroundMarket] = {"real": begun, "start": changed(begun, start)}
        found = ExecutionLaboratory(markets, *rollouts, number=number, threads=self.threads)
        if self.message_file:
            return recorded(found, self.message_file, self.order_book_file)
        return planted(found, self.traders.agent) if isinstance(self.traders, World) else found

    def branch(self, state: ExecutionState, rows: Any, seeds: Any) -> ExecutionState:
        """Copies of a state that go on with other random numbers; what is pending stands.

        Args:
            state: at a decision.
            rows: which copies, as often as they are to be continued: an index array, mask or slice.
            seeds: one for each branch, ``(n,)``; equal ones from equal copies go on alike.

        Raises:
            PacesetterError: another number of seeds, or one that cannot be one.
        """
        branches = state.take(rows)
        chosen = checked_seeds(seeds, len(branches.clock))
        memory = branches.memory if branches.memory.base is None else branches.memory.copy()
        self.traders.reseed(memory, chosen)
        unsigned = chosen.astype(np.uint64)
        return replace(
            branches,
            memory=memory,
            step_stream=RandomStream.start(unsigned, STEP, self._step_layout),
            reset_stream=RandomStream.start(unsigned, RESET, self._reset_layout),
        )
