"""The options of the execution market, and what follows from them alone.

Version history: v1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Gt

from ..core.characteristics import Characteristics
from ..core.errors import PacesetterError, unknown
from ..core.market import Market
from ..order_book.background.market import SECOND, BackgroundMarket
from ..order_book.layout import BUY, SELL
from ..order_book.world import WorldAgent
from .background import WORLD, Background, RuleBased, World, check_world
from .design import DESIGN, design_of


@dataclass(frozen=True)
class ExecutionOptions(Market):
    """Who executes what, when, and among whom.

    Attributes:
        background: preset of the background market, ``rmsc04``, ``rmsc03`` or ``realistic``; or
            ``world``: one learned agent trades in the place of all others from the first decision
            on, and of θ the fee alone is left.
        world_weights: file of the world agent, ``.safetensors`` or ``.npz``.
        world_opening: preset whose book a world begins with, without backstop orders.
        abides_exact: the background follows the original to the letter (`order_book.background`);
            there an executor has a latency, too: 9 ms are usual for `latency_seconds`.
        buyers, sellers: executors of either side, who compete in one book.
        parent_size: q₀, shares of every parent order.
        child_size: shares of one order, at most.
        decisions: T, steps of an episode.
        seconds_per_decision: simulated time between two decisions.
        start_seconds: simulated time from the opening to the first decision.
        latency_seconds: simulated time from the book that executors see to the arrival of their
            orders; their limit orders carry the touch that they saw.
        unfilled_penalty_bp: P, price of every share left at the end, bp of the arrival mid. Unless
            it is several times the deviation of the mid over an episode (3 bp in rmsc04, 60 bp in
            rmsc03, with the options as they come), it may pay not to trade.
        reward_unit_bp: what rewards are measured in.
        leader_sets: the characteristics that θ may change; the others keep their defaults.
        view: whether executors see the fee alone or all of θ.
        message_file, order_book_file: of LOBSTER: a real market, which a leader that learns who
            trades is shown in the place of the background's; the second one may be left out.
        experimental: executors send a market order at every decision and do not learn: who they
            trade with is what is experimented on, as by the leader ``world``.
        threads: cores that copies are spread over; the result does not depend on it.
    """

    background: Literal["rmsc04", "rmsc03", "realistic", "world"] = "rmsc04"
    world_weights: str = ""
    world_opening: Literal["rmsc04", "rmsc03"] = "rmsc04"
    abides_exact: bool = False
    buyers: Annotated[int, Ge(0)] = 1
    sellers: Annotated[int, Ge(0)] = 0
    parent_size: Annotated[int, Ge(1)] = 50
    child_size: Annotated[int, Ge(1)] = 10
    decisions: Annotated[int, Ge(1)] = 10
    seconds_per_decision: Annotated[float, Gt(0)] = 60.0
    start_seconds: Annotated[float, Ge(0)] = 300.0
    latency_seconds: Annotated[float, Ge(0)] = 0.0
    unfilled_penalty_bp: Annotated[float, Ge(0)] = 20.0
    reward_unit_bp: Annotated[float, Gt(0)] = 1.0
    leader_sets: tuple[str, ...] = DESIGN
    view: Literal["fee", "all"] = "fee"
    message_file: str = ""
    order_book_file: str = ""
    experimental: bool = False
    threads: Annotated[int, Ge(1)] = 1

    def __post_init__(self) -> None:
        """Refuse a market without executors, or one that would run beyond the close."""
        super().__post_init__()
        for name in self.leader_sets:
            if name not in DESIGN:
                raise unknown("characteristic in leader_sets", name, DESIGN)
        if self.buyers + self.sellers < 1:
            raise PacesetterError(
                "buyers and sellers are both 0: nobody would execute an order; set one of them to "
                "1 or more."
            )
        if self.decisions * self.child_size < self.parent_size:
            raise PacesetterError(
                f"a parent order of {self.parent_size} shares cannot be filled by {self.decisions} "
                f"orders of {self.child_size}; lower parent_size, or raise decisions or child_size."
            )
        self._check_hours()
        check_world(self.background, self.world_weights, self.leader_sets)
        _ = self.traders  # a file is read now, and not in the middle of a run
        if not self.latency_seconds < self.seconds_per_decision:
            raise PacesetterError(
                f"latency_seconds ({self.latency_seconds:g}) must be below seconds_per_decision "
                f"({self.seconds_per_decision:g}): orders would arrive after the next decision."
            )

    def _check_hours(self) -> None:
        seconds = self.start_seconds + self.decisions * self.seconds_per_decision
        day = (self.preset.close_ns - self.preset.open_ns) / SECOND
        if not seconds <= day:
            raise PacesetterError(
                f"an episode would end {seconds:g} s after the opening, but the market closes "
                f"after {day:g} s; lower start_seconds, decisions or seconds_per_decision."
            )

    @cached_property
    def preset(self) -> BackgroundMarket:
        """The background market; of a world, the one that it begins with."""
        if self.background == WORLD:
            return BackgroundMarket.preset(self.world_opening, maker_backstop_size=0)
        return BackgroundMarket.preset(self.background, abides_exact=self.abides_exact)

    @cached_property
    def traders(self) -> Background:
        """Who trades beside the executors."""
        common = (self.preset, self.executors, self.threads)
        if self.background == WORLD:
            return World(*common, WorldAgent.load(self.world_weights))
        return RuleBased(*common)

    @property
    def executors(self) -> int:
        """N."""
        return self.buyers + self.sellers

    @cached_property
    def sides(self) -> Any:
        """BUY for the first executors, SELL for the others, ``(N,)``."""
        return np.array([BUY] * self.buyers + [SELL] * self.sellers, dtype=np.int64)

    @cached_property
    def _signs(self) -> Any:
        """1 for buyers and −1 for sellers, ``(N,)``."""
        return np.where(self.sides == BUY, 1.0, -1.0)

    @cached_property
    def characteristics(self) -> Characteristics:
        """θ: four parameters of the background market, and a fee for taking liquidity."""
        return design_of(self.preset, self.leader_sets)

    def _time(self, clock: Any) -> Any:
        """Nanoseconds since midnight at a number of decisions."""
        seconds = self.start_seconds + np.asarray(clock) * self.seconds_per_decision
        return self.preset.open_ns + np.rint(seconds * SECOND).astype(np.int64)
