"""Who trades beside the executors: rule-based traders, or a world agent in their place.

Version history: v1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..core.errors import PacesetterError
from ..order_book.background.market import BackgroundMarket
from ..order_book.background.simulation import Markets, advance_all
from ..order_book.world import WorldAgent, WorldMarkets, record_orders, replay_orders
from .design import FEE

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]
WORLD = "world"


def check_world(background: str, weights: str, leader_sets: Sequence[str]) -> None:
    """Refuse a world without an agent, an agent without a world, and a θ that means nothing to it.

    Args:
        background: the option of the market.
        weights: file of the agent; empty: none.
        leader_sets: the characteristics that θ may change.

    Raises:
        PacesetterError: they do not go together.
    """
    if background != WORLD:
        if weights:
            raise PacesetterError(
                f"world_weights are of a world agent, but background is {background!r}; set "
                f"background to {WORLD!r} or leave the weights out."
            )
        return
    if not weights:
        raise PacesetterError(
            "background 'world' needs a trained agent: set world_weights to its file."
        )
    meaningless = [name for name in leader_sets if name != FEE]
    if meaningless:
        raise PacesetterError(
            f"a world agent stands for all traders: {', '.join(meaningless)} would change nothing. "
            f"Set leader_sets to [{FEE}] or []."
        )


class Background(Protocol):
    """Opens books and lets others trade in them; all that changes is in the arrays."""

    @property
    def makers(self) -> int:
        """Market makers, who own the first orders."""
        ...

    def opened(self, seeds: Integers, until: int) -> tuple[Integers, Reals]:
        """Books at the first decision and what else changes, ``(B, L)`` and ``(B, R)``."""
        ...

    def advance(
        self, memory: Integers, reals: Reals, parameters: Reals, until: Integers
    ) -> Integers:
        """Let B markets run until the times ``(B,)``; the memory, a larger one if books grew."""
        ...


@dataclass(frozen=True)
class RuleBased:
    """Traders who follow rules, under parameters that θ may change.

    Attributes:
        preset: composition and parameters.
        executors: strangers in its books.
        threads: cores.
    """

    preset: BackgroundMarket
    executors: int
    threads: int

    @property
    def makers(self) -> int:
        """As in the preset."""
        return self.preset.market_makers

    def opened(self, seeds: Integers, until: int) -> tuple[Integers, Reals]:
        """From an empty book on, under the preset's own parameters."""
        markets = Markets.opened(self.preset, seeds, strangers=self.executors)
        markets.advance(until, self.threads)
        return markets.memory, markets.reals

    def advance(
        self, memory: Integers, reals: Reals, parameters: Reals, until: Integers
    ) -> Integers:
        """Event by event."""
        return advance_all(memory, reals, parameters, until, self.threads)


@dataclass(frozen=True)
class World:
    """A world agent, who begins with a book and the history of rule-based traders.

    Attributes:
        preset: of the market until the first decision.
        executors: strangers in its books.
        threads: cores.
        agent: who trades from then on.
    """

    preset: BackgroundMarket
    executors: int
    threads: int
    agent: WorldAgent

    @property
    def makers(self) -> int:
        """Nobody's trade is to provide liquidity."""
        return 0

    def opened(self, seeds: Integers, until: int) -> tuple[Integers, Reals]:
        """The opening is recorded and played again, so that the agent knows what came before."""
        recorded = record_orders(self.preset, seeds, until)
        played = replay_orders(recorded, self.preset.agents, self.executors)
        worlds = played.worlds(self.agent, seeds)
        return worlds.memory, worlds.reals

    def advance(
        self, memory: Integers, reals: Reals, parameters: Reals, until: Integers
    ) -> Integers:
        """Order by order; the parameters of rule-based traders mean nothing here."""
        worlds = WorldMarkets(self.agent, memory, reals)
        worlds.advance(until, threads=self.threads)
        return worlds.memory
