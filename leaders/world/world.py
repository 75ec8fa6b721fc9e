"""A leader whose θ is a world: one learned agent in the place of all other traders.

Interactive calibration (Wei et al. 2023, INTAGS): what an experimental agent sees of a market's
answer to its orders is made alike in the real market and in the world. The paper's algorithm varies
one order and hardly learns; `witness` follows the gradient of the distance over whole rollouts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ...envs.core.characteristics import Characteristics
from ...envs.core.errors import PacesetterError
from ...envs.core.market import Market
from ...envs.core.rollouts import Laboratory
from ..leader import Interval, LeaderSettings
from .options import WorldOptions

if TYPE_CHECKING:
    from .guide import WorldGuide


@dataclass(frozen=True)
class WorldLeader(WorldOptions, LeaderSettings):
    """Learns one agent in the place of all traders from how the market answers."""

    name: ClassVar[str] = "world"
    wants_laboratory: ClassVar[bool] = True
    followers_may_learn: ClassVar[bool] = False
    interval: Interval = "episode"

    def guide(self, characteristics: Characteristics, seed: int, iterations: int) -> WorldGuide:
        """The calibration; PacesetterError if options do not go together."""
        if self.interval != "episode" or self.update_every != 1:
            raise PacesetterError(
                "leader.interval and leader.update_every: a world is learned from whole rollouts, "
                "in every iteration; leave them out."
            )
        if not self.feedbacks:
            raise PacesetterError("leader.feedbacks is empty: name one outcome or more.")
        from .guide import WorldGuide  # imports torch

        return WorldGuide(self, characteristics, seed, iterations)

    def laboratory(self, market: Market, seed: int) -> Laboratory:
        """That of the market; every seed has its own."""
        number = seed if self.books is None else self.books
        return market.laboratory(self.real, self.start, self.share_acting, number)
